"""What has to be told of volumes, whoever lived through the scenario: here a capture of each Kubernetes release.

``tests/e2e/test_volumes.py`` holds a running operator to the same, and makes the captures anew where E2E_CAPTURES names
their directory. What really happened is in the driver's journal.
"""

import gzip
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from tests.csi.scenario import LONG, OWN, PLAIN, PODS, VOLUMES, WITHOUT, Lived
from tests.csi.storage import Step, read_journal
from tests.support.documents import received
from tests.support.sums import assert_whole, reached
from tests.support.truth import Span, holds, nanoseconds

from podtimeline.analysis.findings.peers import peers
from podtimeline.app.replaying import replay_views
from podtimeline.model.milestones import MILESTONES, Milestone, Scope
from podtimeline.render.document import document

CAPTURES = Path(__file__).parents[1] / "captures"
SECOND = 1_000_000_000
SLACK = SECOND // 4
"""Nanoseconds by which a busy machine may deliver a change later than the kubelet acts on it."""


def at(item: Any, milestone: Milestone, subject: str = "") -> int:
    """The best estimate of a milestone."""
    return nanoseconds(reached(item)[milestone, subject]["at"])


def contains(item: Any, milestone: Milestone, subject: str, true: Span) -> None:
    """Assert that the milestone's bounds hold the truth, and that both are bounds of something."""
    said = reached(item)[milestone, subject]
    assert holds(said, true, milestone), (item["name"], said, true)
    assert said["latest"] is not None, (item["name"], said)


def assert_ordered(item: Any, *marks: tuple[str, str]) -> None:
    """Assert that the milestones happened, and in that order as far as whole seconds can tell."""
    have = reached(item)
    assert set(marks) <= have.keys(), (item["name"], set(marks) - have.keys())
    times = [(mark, nanoseconds(have[mark]["at"])) for mark in marks]
    for (before, earlier), (after, later) in itertools.pairwise(times):
        assert earlier <= later + SECOND // 2, (item["name"], before, after, times)


def spent(item: Any, phase: str, subject: str) -> float:
    """The seconds of a phase."""
    found = (each for each in item["phases"] if (each["phase"], each["subject"]) == (phase, subject))
    return sum(float(each["durationSeconds"]) for each in found)


def foremost(item: Any) -> Any:
    """The first finding about the start."""
    return next(each for each in item["findings"] if each["leg"] == "startup")


class VolumesContract:
    """What has to hold of everything that was told; a subclass says by whom it was lived."""

    def test_phases_sum_exactly_in_both_directions(self, lived: Lived) -> None:
        """Whatever the volumes did, each leg lies end to end and sums to its length, and nothing is missing."""
        assert lived.items.keys() == PODS
        for item in lived.items.values():
            assert_whole(item)
            assert item["missing"] == item["partial"] == [], (item["name"], item["missing"])

    @pytest.mark.parametrize("name", sorted(VOLUMES))
    def test_every_volume_is_followed_all_the_way(self, lived: Lived, name: str) -> None:
        """Provisioned, bound, attached, reported, mounted, and back again: each has an instant, in order."""
        item = lived.items[name]
        for volume in VOLUMES[name]:
            assert_ordered(
                item, ("claim_bound", volume), ("attach_started", volume), ("attached", volume), ("mounted", "")
            )
            assert_ordered(item, ("in_use", volume), ("mounted", ""), ("sandbox_ready", ""), ("ready", ""))
            assert_ordered(item, ("deletion_requested", ""), ("unused", volume), ("detached", volume))
            if name not in {"first", "second"}:  # which of the two began it is not this pod's
                assert_ordered(item, ("provisioning_started", volume), ("claim_bound", volume))

    @pytest.mark.parametrize("name", OWN)
    def test_bounds_hold_what_the_driver_really_did(self, lived: Lived, name: str) -> None:
        """The driver's own stamps: what it began, attached, mounted and detached lies within what is told."""
        item = lived.items[name]
        made, attached = lived.truth(name, Step.PROVISION), lived.truth(name, Step.ATTACH)
        mounted, detached = lived.truth(name, Step.MOUNT), lived.truth(name, Step.DETACH)
        assert at(item, Milestone.PROVISIONING_STARTED, "data") <= made.ended <= at(item, Milestone.CLAIM_BOUND, "data")
        contains(item, Milestone.ATTACHED, "data", Span(attached.ended, attached.ended + SECOND))
        assert at(item, Milestone.IN_USE, "data") <= lived.begun(name, Step.MOUNT) + SLACK
        contains(item, Milestone.MOUNTED, "", Span(mounted.ended, mounted.ended))
        contains(item, Milestone.DETACHED, "data", Span(detached.ended, detached.ended + SECOND))

    @pytest.mark.parametrize(
        ("name", "phase", "step"),
        [
            ("provision-slow", "volume_provisioning", Step.PROVISION),
            ("attach-slow", "volume_attach", Step.ATTACH),
        ],
    )
    def test_the_slowest_step_is_the_first_finding(self, lived: Lived, name: str, phase: str, step: Step) -> None:
        """Provisioning or attaching took longest: the phase is as long as the driver took, and the sentence says so."""
        item, deed = lived.items[name], lived.truth(name, step)
        assert deed.seconds - 1 <= spent(item, phase, "data") <= LONG * 1.5
        finding = foremost(item)
        assert (finding["kind"], finding["phase"], finding["subject"]) == (phase, phase, "data")
        assert f"claim {name}" in finding["text"]
        assert finding["share"] > 0.4
        assert [each["text"] for each in finding["evidence"] if each["source"] == "milestone"] != []
        assert f"{phase.replace('_', ' ')} of data: " in item["explanation"]

    def test_a_slow_mount_is_found_by_comparison(self, lived: Lived) -> None:
        """Nothing says when a mount succeeds: that pods without claims are quick on the node tells what took it."""
        item, deed = lived.items["mount-slow"], lived.truth("mount-slow", Step.MOUNT)
        assert deed.seconds - 1 <= spent(item, "sandbox", "") <= LONG * 1.5
        # The kubelet's report of its use can take longer still.
        (finding,) = (each for each in item["findings"] if each["kind"] == "slow_mount")
        assert "mounting mount-slow" in finding["text"]
        assert finding["evidence"][0]["source"] == "peers"

    def test_one_pod_goes_through_all_slow_steps_in_order(self, lived: Lived) -> None:
        """Two seconds each of provisioning, attaching and mounting are told apart, and from the kubelet's report."""
        item, deed = lived.items["slow"], lived.truth("slow", Step.MOUNT)
        assert_ordered(item, ("claim_bound", "data"), ("scheduled", ""), ("attached", "data"), ("mounted", ""))
        assert spent(item, "volume_provisioning", "data") >= 1.5
        assert spent(item, "volume_attach", "data") >= 1.5
        reported = max(at(item, Milestone.ATTACHED, "data"), at(item, Milestone.IN_USE, "data"))
        assert reported <= deed.began + SLACK
        assert 1.5 <= spent(item, "sandbox", "") <= (at(item, Milestone.SANDBOX_READY) - reported) / SECOND + 0.5

    def test_an_immediate_claim_is_provisioned_before_its_pod_is_bound(self, lived: Lived) -> None:
        """The scheduler refuses the pod while the claim is unbound: the wait is the provisioner's, not its own."""
        item = lived.items["immediate"]
        assert_ordered(item, ("provisioning_started", "data"), ("claim_bound", "data"), ("scheduled", ""))
        assert spent(item, "volume_provisioning", "data") > 1
        notes = {note["reason"]: note["text"] for note in item["notes"]}
        assert "unbound immediate PersistentVolumeClaims" in notes["FailedScheduling"]

    @pytest.mark.parametrize(
        ("name", "phase", "kind", "step", "reason", "text"),
        [
            (
                "provision-fails",
                "volume_provisioning",
                "volume_provisioning",
                Step.PROVISION,
                "ProvisioningFailed",
                "the pool is full",
            ),
            (
                "attach-fails",
                "volume_attach",
                "volume_attach",
                Step.ATTACH,
                "FailedAttachVolume",
                "the node has no free slot",
            ),
            ("mount-fails", "volume_mount", "volume_mount", Step.MOUNT, "FailedMount", "the superblock is broken"),
        ],
    )
    def test_a_step_that_fails_first_says_why(
        self, lived: Lived, name: str, phase: str, kind: str, step: Step, reason: str, text: str
    ) -> None:
        """Two attempts failed: the words are quoted as a note and as the evidence of a finding of that phase."""
        item = lived.items[name]
        assert len(lived.failures(name, step)) == 2
        (note,) = (note for note in item["notes"] if note["reason"] == reason)
        assert text in note["text"]
        assert note["count"] >= 2
        (finding,) = (each for each in item["findings"] if each["kind"] == kind)
        assert finding["phase"] == phase
        assert text in finding["text"]
        assert f"event {reason}" in {each["source"] for each in finding["evidence"]}

    def test_a_failed_mount_ends_with_its_last_failure(self, lived: Lived) -> None:
        """The last attempt that failed is a milestone; the driver's own stamp lies in its bounds."""
        item, failed = lived.items["mount-fails"], lived.failures("mount-fails", Step.MOUNT)[-1]
        contains(item, Milestone.LAST_MOUNT_FAILURE, "", Span(failed.began, failed.ended + SECOND))
        assert_ordered(item, ("attached", "data"), ("last_mount_failure", ""), ("mounted", ""), ("sandbox_ready", ""))

    @pytest.mark.parametrize(
        ("name", "missing"), [("no-settings", 'configmap "later-settings"'), ("no-password", 'secret "later-password"')]
    )
    def test_what_is_to_be_mounted_and_is_not_there_is_named(self, lived: Lived, name: str, missing: str) -> None:
        """The kubelet waits for a ConfigMap or a Secret; once it is there the pod goes on, its wait has a reason."""
        item = lived.items[name]
        finding = foremost(item)
        assert finding["kind"] == "missing_config"
        assert f"{missing} not found" in finding["text"]
        kind, quoted = missing.split()
        assert finding["advice"].startswith(f"create the {kind} {quoted.strip(chr(34))}")
        assert "event FailedMount" in {each["source"] for each in finding["evidence"]}
        assert ("last_mount_failure", "") in reached(item)

    def test_of_two_volumes_the_later_one_is_waited_for(self, lived: Lived) -> None:
        """Both are attached side by side: the time is charged to the one that came last."""
        item = lived.items["both"]
        assert at(item, Milestone.ATTACHED, "quick") < at(item, Milestone.ATTACHED, "late")
        assert spent(item, "volume_attach", "late") > LONG - 3
        assert spent(item, "volume_attach", "quick") == 0

    def test_a_volume_moves_only_once_it_is_detached(self, lived: Lived) -> None:
        """The pod on the other node waits until the first one's volume is detached, and is told whose it is."""
        first, second = lived.items["first"], lived.items["second"]
        assert at(first, Milestone.DETACHED, "data") <= at(second, Milestone.ATTACHED, "data")
        waited = at(first, Milestone.DETACHED, "data") - at(second, Milestone.KUBELET_ADMITTED)
        assert spent(second, "volume_attach", "data") >= waited / SECOND > 1
        (note,) = (note for note in second["notes"] if note["reason"] == "FailedAttachVolume")
        (finding,) = (each for each in second["findings"] if each["kind"] == "volume_attach")
        for text in (note["text"], finding["text"]):
            assert re.search(r"already (used|exclusively)", text), text

    def test_the_claim_of_an_ephemeral_volume_is_the_pods_own(self, lived: Lived) -> None:
        """The claim that Kubernetes makes for the pod is known by the volume's name."""
        item = lived.items["passing"]
        made = lived.truth("passing-scratch", Step.PROVISION)
        assert (
            at(item, Milestone.PROVISIONING_STARTED, "scratch")
            <= made.ended
            <= at(item, Milestone.CLAIM_BOUND, "scratch")
        )

    @pytest.mark.parametrize("name", OWN)
    def test_a_volume_is_detached_once_the_kubelet_has_let_go_of_it(self, lived: Lived, name: str) -> None:
        """The kubelet reports what it uses every ten seconds only, and what it uses stays attached: told beside."""
        item = lived.items[name]
        unmounted, detached = lived.truth(name, Step.UNMOUNT), lived.truth(name, Step.DETACH)
        assert unmounted.ended <= at(item, Milestone.UNUSED, "data") + SLACK
        assert at(item, Milestone.UNUSED, "data") <= detached.ended + SLACK
        (parallel,) = (each for each in item["parallel"] if each["phase"] == "volume_detach")
        assert parallel["subject"] == "data"
        assert nanoseconds(parallel["end"]) == at(item, Milestone.DETACHED, "data")
        assert nanoseconds(parallel["end"]) >= detached.ended
        assert "volume_detach" not in {each["phase"] for each in item["leaving"]}

    def test_what_happens_to_a_volume_after_its_pod_is_told_too(self, lived: Lived) -> None:
        """An object that is gone does not end the story: its volumes are detached later, as a rule."""
        items = [lived.items[name] for name in OWN]
        assert any(at(item, Milestone.DETACHED, "data") > at(item, Milestone.OBJECT_REMOVED) for item in items)

    def test_pods_without_claims_have_no_volumes_to_wait_for(self, lived: Lived) -> None:
        """Service account tokens and the like are no milestones of their own."""
        of_volumes = {each.value for each, row in MILESTONES.items() if row.scope is Scope.VOLUME}
        for name in (*PLAIN, *WITHOUT):
            item = lived.items[name]
            assert of_volumes.isdisjoint(mark for mark, _ in reached(item))
            assert {"volume_provisioning", "volume_attach", "volume_report"}.isdisjoint(
                each["phase"] for each in (*item["phases"], *item["parallel"])
            )


def replayed(release: str) -> Lived:
    """The capture of a real cluster, sent through the operator's pipeline."""
    views = replay_views(CAPTURES / f"volumes-{release}.jsonl.gz")
    items: dict[str, Any] = {each.facts.name: received(document(each, peers=peers(each, views))) for each in views}
    journal = gzip.decompress((CAPTURES / f"volumes-{release}.deeds.jsonl.gz").read_bytes()).decode()
    (space,) = {each["namespace"] for each in items.values()}
    return Lived(space, items, read_journal(journal))


class TestOfKubernetes137(VolumesContract):
    """A capture of Kubernetes 1.37."""

    @pytest.fixture(scope="class")
    @classmethod
    def lived(cls) -> Lived:
        """Its pods."""
        return replayed("1.37")


class TestOfKubernetes134(VolumesContract):
    """A capture of Kubernetes 1.34."""

    @pytest.fixture(scope="class")
    @classmethod
    def lived(cls) -> Lived:
        """Its pods."""
        return replayed("1.34")
