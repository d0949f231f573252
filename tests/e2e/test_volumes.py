"""Volumes on a real cluster, by a CSI driver whose every step takes as long, and fails as often, as its test says.

Each claim of ``SCRIPTS`` has a StorageClass, a pod and a script of its own; the other pods are in ``volumes.yaml``.
What really happened when is in the driver's journal.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from tests.csi.process import NAME, CsiDriver, csi_driver
from tests.csi.storage import Deed, Step
from tests.e2e.clusters import ROOT, eventually, kubectl, namespace, own_cluster
from tests.e2e.processes import OperatorProcess
from tests.support.sums import in_order, reached, whole
from tests.support.truth import Span, holds, nanoseconds

from podtimeline.core.milestones import Milestone

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.scenario,
    pytest.mark.skipif(
        own_cluster() is None, reason="KUBECONFIG names a cluster whose nodes cannot be reached from here"
    ),
]

SECOND = 1_000_000_000
Manifest = dict[str, Any]
IMMEDIATE, WAITING = "Immediate", "WaitForFirstConsumer"
LONG = 12.0
"""Seconds; longer than the ten after which a kubelet reports a volume in use, without which it mounts nothing."""


@dataclass(frozen=True)
class Script:
    """How each step of a claim's volume goes, as parameters of its StorageClass; ``node`` is where its pod must be."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    mode: str = WAITING
    node: str | None = None


SCRIPTS = {
    "slow": Script({"provision.delay": "2", "attach.delay": "2", "mount.delay": "2", "detach.delay": "2"}),
    "immediate": Script({"provision.delay": "2"}, mode=IMMEDIATE),
    "provision-slow": Script({"provision.delay": str(LONG)}),
    "attach-slow": Script({"attach.delay": str(LONG)}, mode=IMMEDIATE),
    "mount-slow": Script({"mount.delay": str(LONG)}, node="node-1"),
    "provision-fails": Script({"provision.failures": "2", "provision.error": "the pool is full"}),
    "attach-fails": Script({"attach.failures": "2", "attach.error": "the node has no free slot"}),
    "mount-fails": Script({"mount.failures": "2", "mount.error": "the superblock is broken"}),
    "moving": Script(),
}
OWN = tuple(each for each in SCRIPTS if each != "moving")
"""The claims with a pod of the same name, whose only volume is called ``data``."""
VOLUMES = dict.fromkeys(OWN, ("data",)) | {
    "both": ("quick", "late"),
    "first": ("data",),
    "second": ("data",),
    "passing": ("scratch",),
}
"""The volumes of each pod that has claims."""
WITHOUT = ("no-settings", "no-password")


def manifests(name: str, script: Script, image: str) -> Iterator[Manifest]:
    """A StorageClass with a script, and for all claims but ``moving`` the claim and its pod."""
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": f"volumes-{name}"},
        "provisioner": NAME,
        "volumeBindingMode": script.mode,
        "parameters": dict(script.parameters),
    }
    if name not in OWN:
        return
    requests = {"requests": {"storage": "1Mi"}}
    spec = {"storageClassName": f"volumes-{name}", "accessModes": ["ReadWriteOnce"], "resources": requests}
    yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # It ends at once where nothing can be written.
        "command": ["sh", "-c", "echo written > /data/here && exec sleep 3600"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod: dict[str, Any] = {
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
    }
    if script.node is not None:
        pod["nodeSelector"] = {"kubernetes.io/hostname": script.node}
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod}


def everything(image: str) -> dict[str, Manifest]:
    """All objects that the test makes; pods by their names."""
    own = [each for name, script in SCRIPTS.items() for each in manifests(name, script, image)]
    special = yaml.safe_load_all((ROOT / "tests/e2e/volumes.yaml").read_text().replace("IMAGE", image))
    return {_key(each): each for each in (*own, *special)}


def _key(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["name"]
    return name if manifest["kind"] == "Pod" else f"{manifest['kind']}/{name}"


@dataclass(frozen=True)
class Volumes:
    """What the operator told once every pod was ready (``up``), and once all were gone and detached (``down``)."""

    space: str
    driver: CsiDriver
    up: Mapping[str, Any]
    down: Mapping[str, Any]

    def truth(self, claim: str, step: Step) -> Deed:
        """The one time that the driver took the step for a claim."""
        return self.driver.deed(f"{self.space}/{claim}", step)

    def failures(self, claim: str, step: Step) -> list[Deed]:
        """The times that the step failed for a claim."""
        return [deed for deed in self.driver.deeds(f"{self.space}/{claim}", step) if deed.error]


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Volumes]:
    """All of it at once: every pod started, helped where it needs help, and deleted again."""
    home = tmp_path_factory.mktemp("volumes")
    cluster = own_cluster()
    assert cluster is not None
    operator = OperatorProcess(home)
    with csi_driver(home, cluster=cluster) as driver, namespace("e2e-volumes") as space:
        operator.start()
        try:
            documents = everything(busybox)
            second = documents.pop("second")
            kubectl("apply", "-n", space, "-f", "-", text=yaml.safe_dump_all(documents.values()))
            intervene(operator, space, second)
            up = eventually(lambda: started(operator, space), what="every pod is ready")
            kubectl("delete", "pods,deployments", "-n", space, "--all", "--wait=false")
            yield Volumes(space, driver, up, eventually(lambda: gone(operator, space), what="every volume is detached"))
        finally:
            operator.stop()


def told(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """The timelines of the namespace by the pods' names; those of the Deployment keep theirs."""
    return {each["name"]: each for each in operator.pods(namespace=space)}


def intervene(operator: OperatorProcess, space: str, second: Manifest) -> None:
    """Make what is missing once its absence was told; start the second pod that wants a volume, then take the first."""

    def refused(name: str, reason: str) -> None:
        def look() -> bool:
            return any(note["reason"] == reason for note in told(operator, space)[name]["notes"])

        eventually(look, what=f"{name} is told {reason}")

    for name in WITHOUT:
        refused(name, "FailedMount")
    kubectl("create", "configmap", "-n", space, "later-settings", "--from-literal=key=value")
    kubectl("create", "secret", "generic", "-n", space, "later-password", "--from-literal=key=value")
    eventually(lambda: told(operator, space)["first"]["outcome"] == "ready", what="the first pod has the volume")
    kubectl("apply", "-n", space, "-f", "-", text=yaml.safe_dump(second))
    refused("second", "FailedAttachVolume")
    kubectl("delete", "pod", "-n", space, "first", "--wait=false")


def started(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """All timelines, once every pod is ready."""
    now = told(operator, space)
    assert VOLUMES.keys() | set(WITHOUT) <= now.keys()
    assert {name: each["phase"] for name, each in now.items() if each["outcome"] != "ready"} == {}
    assert len(now) == len(VOLUMES) + len(WITHOUT) + 3
    return now


def gone(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """All timelines, once no pod is left and every volume is detached."""
    now = told(operator, space)
    still = {name for name, each in now.items() if ("object_removed", "") not in reached(each)}
    assert still == set()
    wanted = {(name, volume) for name, names in VOLUMES.items() for volume in names}
    assert {(name, volume) for name, volume in wanted if ("detached", volume) not in reached(now[name])} == set()
    return now


def at(item: Any, milestone: Milestone, subject: str = "") -> int:
    """The best estimate of a milestone."""
    return nanoseconds(reached(item)[milestone, subject]["at"])


def contains(item: Any, milestone: Milestone, subject: str, true: Span) -> None:
    """Assert that the milestone's bounds hold the truth, and that both are bounds of something."""
    said = reached(item)[milestone, subject]
    assert holds(said, true, milestone), (item["name"], said, true)
    assert said["latest"] is not None, (item["name"], said)


def spent(item: Any, phase: str, subject: str) -> float:
    """The seconds of a phase."""
    found = (each for each in item["phases"] if (each["phase"], each["subject"]) == (phase, subject))
    return sum(float(each["durationSeconds"]) for each in found)


def test_phases_sum_exactly_in_both_directions(volumes: Volumes) -> None:
    """Whatever the volumes did, each leg lies end to end and sums to its length, before and after the deletion."""
    for item in (*volumes.up.values(), *volumes.down.values()):
        whole(item)
        assert item["missing"] == item["partial"] == [], (item["name"], item["missing"])


@pytest.mark.parametrize("name", sorted(VOLUMES))
def test_every_volume_is_followed_all_the_way(volumes: Volumes, name: str) -> None:
    """Provisioned, bound, attached, mounted, and back again: each has an instant, and they are in order."""
    item = volumes.down[name]
    for volume in VOLUMES[name]:
        way = [("claim_bound", volume), ("attach_started", volume), ("attached", volume), ("mounted", "")]
        in_order(item, *way, ("sandbox_ready", ""), ("ready", ""), ("deletion_requested", ""), ("detached", volume))
        if name not in {"first", "second"}:  # which of the two began it is not this pod's
            in_order(item, ("provisioning_started", volume), ("claim_bound", volume))


@pytest.mark.parametrize("name", OWN)
def test_bounds_hold_what_the_driver_really_did(volumes: Volumes, name: str) -> None:
    """The driver's own stamps: what it began, attached, mounted and detached lies within what is told."""
    up, down = volumes.up[name], volumes.down[name]
    made, attached = volumes.truth(name, Step.PROVISION), volumes.truth(name, Step.ATTACH)
    mounted, detached = volumes.truth(name, Step.MOUNT), volumes.truth(name, Step.DETACH)
    assert at(up, Milestone.CLAIM_BOUND, "data") >= made.ended
    contains(up, Milestone.ATTACHED, "data", Span(attached.ended, attached.ended + SECOND))
    contains(up, Milestone.MOUNTED, "", Span(mounted.ended, mounted.ended))
    contains(down, Milestone.DETACHED, "data", Span(detached.ended, detached.ended + SECOND))


@pytest.mark.parametrize(
    ("name", "phase", "step"),
    [
        ("provision-slow", "volume_provisioning", Step.PROVISION),
        ("attach-slow", "volume_attach", Step.ATTACH),
    ],
)
def test_the_slowest_step_is_the_first_finding(volumes: Volumes, name: str, phase: str, step: Step) -> None:
    """Provisioning or attaching took longest: the phase is as long as the driver took, and the sentence says so."""
    item, deed = volumes.up[name], volumes.truth(name, step)
    assert (deed.ended - deed.began) / SECOND <= spent(item, phase, "data") <= LONG + 5
    finding = item["findings"][0]
    assert (finding["kind"], finding["phase"], finding["subject"]) == (phase, phase, "data")
    assert f"claim {name}" in finding["text"]
    assert finding["share"] > 0.5
    assert {each["source"] for each in finding["evidence"]} == {"milestone"} | {
        each["source"] for each in finding["evidence"] if each["source"].startswith("event ")
    }
    assert name in item["explanation"]


def test_a_slow_mount_is_found_by_comparison(volumes: Volumes) -> None:
    """Nothing says when a mount succeeds: that pods without claims are quick on the node says what took the time."""
    item, deed = volumes.up["mount-slow"], volumes.truth("mount-slow", Step.MOUNT)
    assert spent(item, "sandbox", "") >= (deed.ended - deed.began) / SECOND
    finding = item["findings"][0]
    assert finding["kind"] == "slow_mount"
    assert "mounting mount-slow" in finding["text"]
    assert [each["source"] for each in finding["evidence"]][:1] == ["peers"]


def test_one_pod_goes_through_all_slow_steps_in_order(volumes: Volumes) -> None:
    """Two seconds each of provisioning, attaching and mounting are told apart."""
    item = volumes.up["slow"]
    in_order(
        item,
        ("created", ""),
        ("provisioning_started", "data"),
        ("claim_bound", "data"),
        ("scheduled", ""),
        ("attached", "data"),
        ("mounted", ""),
        ("sandbox_ready", ""),
        ("ready", ""),
    )
    assert spent(item, "volume_provisioning", "data") >= 2
    assert spent(item, "volume_attach", "data") >= 1.5
    assert spent(item, "sandbox", "") >= 2


def test_an_immediate_claim_is_provisioned_before_its_pod_is_bound(volumes: Volumes) -> None:
    """The scheduler refuses the pod while the claim is unbound: the wait is the provisioner's, not the scheduler's."""
    item = volumes.up["immediate"]
    in_order(item, ("provisioning_started", "data"), ("claim_bound", "data"), ("scheduled", ""))
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
    volumes: Volumes, name: str, phase: str, kind: str, step: Step, reason: str, text: str
) -> None:
    """Two attempts failed: the words are quoted as a note and as the evidence of a finding of that phase."""
    item = volumes.up[name]
    assert len(volumes.failures(name, step)) == 2
    (note,) = (note for note in item["notes"] if note["reason"] == reason)
    assert text in note["text"]
    assert note["count"] >= 2
    (finding,) = (each for each in item["findings"] if each["kind"] == kind)
    assert finding["phase"] == phase
    assert text in finding["text"]
    assert f"event {reason}" in {each["source"] for each in finding["evidence"]}


def test_a_failed_mount_ends_with_its_last_failure(volumes: Volumes) -> None:
    """The last attempt that failed is a milestone, and it lies between what the driver says of it and the success."""
    item, failed = volumes.up["mount-fails"], volumes.failures("mount-fails", Step.MOUNT)[-1]
    contains(item, Milestone.LAST_MOUNT_FAILURE, "", Span(failed.began, failed.ended + SECOND))
    in_order(item, ("attached", "data"), ("last_mount_failure", ""), ("mounted", ""), ("sandbox_ready", ""))


@pytest.mark.parametrize(
    ("name", "missing"), [("no-settings", 'configmap "later-settings"'), ("no-password", 'secret "later-password"')]
)
def test_what_is_to_be_mounted_and_is_not_there_is_named(volumes: Volumes, name: str, missing: str) -> None:
    """The kubelet waits for a ConfigMap or a Secret; once it is there the pod goes on, and the wait has its reason."""
    item = volumes.up[name]
    finding = item["findings"][0]
    assert finding["kind"] == "missing_config"
    assert f"{missing} not found" in finding["text"]
    kind, quoted = missing.split()
    assert finding["advice"].startswith(f"create the {kind} {quoted.strip(chr(34))}")
    assert "event FailedMount" in {each["source"] for each in finding["evidence"]}
    assert ("last_mount_failure", "") in reached(item)


def test_of_two_volumes_the_later_one_is_waited_for(volumes: Volumes) -> None:
    """Both are attached side by side: the time is charged to the one that came last."""
    item = volumes.up["both"]
    assert at(item, Milestone.ATTACHED, "quick") < at(item, Milestone.ATTACHED, "late")
    assert spent(item, "volume_attach", "late") > LONG - 3
    assert spent(item, "volume_attach", "quick") == 0


def test_a_volume_moves_only_once_it_is_detached(volumes: Volumes) -> None:
    """The pod on the other node waits until the first one's volume is detached, and is told whose it is."""
    first, second = volumes.down["first"], volumes.up["second"]
    assert at(first, Milestone.DETACHED, "data") <= at(second, Milestone.ATTACHED, "data")
    (note,) = (note for note in second["notes"] if note["reason"] == "FailedAttachVolume")
    assert re.search(r"Multi-Attach|already (used|exclusively)", note["text"]), note
    longest = max(second["phases"], key=lambda each: each["durationNanoseconds"])
    assert (longest["phase"], longest["subject"]) == ("volume_attach", "data")
    assert second["findings"][0]["kind"] == "volume_attach"


def test_the_claim_of_an_ephemeral_volume_is_the_pods_own(volumes: Volumes) -> None:
    """The claim that Kubernetes makes for the pod is known by the volume's name."""
    item = volumes.up["passing"]
    made = volumes.truth("passing-scratch", Step.PROVISION)
    assert (
        at(item, Milestone.PROVISIONING_STARTED, "scratch") <= made.ended <= at(item, Milestone.CLAIM_BOUND, "scratch")
    )


@pytest.mark.parametrize("name", OWN)
def test_a_volume_is_detached_after_the_pod_is_gone(volumes: Volumes, name: str) -> None:
    """The node reports what it uses every ten seconds only: the object is gone by then, and the wait is told beside."""
    item = volumes.down[name]
    unmounted, detached = volumes.truth(name, Step.UNMOUNT), volumes.truth(name, Step.DETACH)
    assert unmounted.ended <= at(item, Milestone.OBJECT_REMOVED) + SECOND
    (beside,) = (each for each in item["beside"] if each["phase"] == "volume_detach")
    assert beside["subject"] == "data"
    assert nanoseconds(beside["end"]) == at(item, Milestone.DETACHED, "data")
    assert nanoseconds(beside["end"]) >= detached.ended
    assert "volume_detach" not in {each["phase"] for each in item["leaving"]}


def test_pods_without_claims_have_no_volumes_to_wait_for(volumes: Volumes) -> None:
    """Service account tokens and the like are no milestones of their own."""
    for name, item in volumes.up.items():
        if name.startswith("plain-"):
            assert {mark[0] for mark in reached(item)}.isdisjoint({"claim_bound", "attached", "last_mount_failure"})
            assert spent(item, "volume_mount", "") == 0
