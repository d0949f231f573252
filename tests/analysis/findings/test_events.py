"""A long phase quotes the Warnings of its time that concern it, whether a rule lists them or not."""

import pytest
from tests.support.findings import accepted, every, found, only, proofs, started
from tests.support.lives import WEB, Life, at, facts, named, ordinary, watched

from podtimeline.analysis.findings.peers import Peers, PeerSandbox, PeerStart
from podtimeline.analysis.findings.rules import FindingKind as Kind
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Leg, Milestone, Phase
from podtimeline.model.pods import ContainerKind, ContainerSpec

DRA = "Failed to prepare dynamic resources: DRA driver gpu.test is not registered"
QUICK = Peers(sandboxes=tuple(PeerSandbox(f"shop/{each}", SECOND // 2, claims=False) for each in range(3)))


def waiting() -> Life:
    """A pod whose sandbox took ten seconds, while others of the node took half a second."""
    return accepted().saw(Milestone.IP_ASSIGNED, watched(10.5))


def test_a_warning_that_names_the_cause_goes_before_what_is_inferred() -> None:
    """Its words and its advice, not those of a comparison or of the phase."""
    assert found(waiting(), Kind.SLOW_SANDBOX, peers=QUICK) is not None
    life = waiting().noted("FailedPrepareDynamicResources", 9, DRA, count=7)
    finding = only(life, Kind.WARNING_EVENT, peers=QUICK)
    assert (finding.phase, finding.duration) == (Phase.SANDBOX, 10 * SECOND)
    assert finding.text == f"FailedPrepareDynamicResources (7 times): {DRA}"
    assert "not registered with this node's kubelet" in finding.advice
    told = [each.kind for each in every(life, peers=QUICK) if each.phase is Phase.SANDBOX]
    assert told == [Kind.WARNING_EVENT]


def test_a_warning_that_no_rule_lists_is_quoted() -> None:
    """With the advice of the phase, before what is inferred and instead of a busy node."""
    life = waiting().noted("PolicyViolation", 5, "policy require-labels: validation error")
    told = [each.kind for each in every(life, peers=QUICK) if each.phase is Phase.SANDBOX]
    assert told == [Kind.WARNING_EVENT, Kind.SLOW_SANDBOX]
    finding = only(life, Kind.WARNING_EVENT)
    assert finding.text == "PolicyViolation: policy require-labels: validation error"
    assert "CNI plugin" in finding.advice
    crowd = Peers(starts=tuple(PeerStart(f"shop/{index}", at(0), at(60)) for index in range(4)))
    assert all(each.phase is not Phase.SANDBOX for each in every(life, peers=crowd) if each.kind is Kind.BUSY_NODE)


def test_of_several_warnings_the_newest_counts_and_a_known_cause_before_others() -> None:
    """The others are evidence."""
    life = waiting().noted("OddOne", 3, "first").noted("OddTwo", 5, "second")
    assert only(life, Kind.WARNING_EVENT).text == "OddTwo: second"
    assert "event OddOne: first" in proofs(only(life, Kind.WARNING_EVENT))
    life.noted("FailedPrepareDynamicResources", 2, DRA)
    assert only(life, Kind.WARNING_EVENT).text.startswith("FailedPrepareDynamicResources")


def test_the_first_words_of_a_warning_are_evidence() -> None:
    """They may be the cause of the last; numbers and identifiers that differ are no other words."""
    life = (
        waiting()
        .noted("OddOne", 3, "disk of 10 GiB is full")
        .noted("OddOne", 6, "retry 3")
        .noted("OddOne", 8, "retry 4")
    )
    assert proofs(only(life, Kind.WARNING_EVENT)).count("disk of 10 GiB is full") == 1
    retries = waiting().noted("OddOne", 3, "retry 3").noted("OddOne", 8, "retry 4")
    assert "retry 3" not in proofs(only(retries, Kind.WARNING_EVENT))


@pytest.mark.parametrize("seconds", [-5, 0.2, 11, 40])
def test_a_warning_of_another_time_is_no_reason(seconds: float) -> None:
    """Before the phase began, or after it was over."""
    life = waiting().noted("FailedPrepareDynamicResources", seconds, DRA)
    assert all(each.phase is not Phase.SANDBOX for each in every(life) if each.kind is Kind.WARNING_EVENT)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("DNSConfigForming", "Nameserver limits were exceeded, some nameservers have been omitted"),
        ("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (regcred)"),
        ("FailedScheduling", "0/2 nodes are available: 2 Insufficient cpu."),
        ("Killing", "Stopping container web"),
        ("SandboxChanged", "Pod sandbox changed, it will be killed and re-created."),
    ],
)
def test_what_cannot_make_a_sandbox_slow_is_not_quoted_for_it(reason: str, text: str) -> None:
    """The table says which phases a reason can make long; Events of type Normal never do."""
    assert found(waiting().noted(reason, 5, text), Kind.WARNING_EVENT) is None


def test_a_warning_about_another_container_is_no_reason() -> None:
    """Only its own container's and the pod's count for a container's phase."""
    sidecar = ContainerSpec("sidecar", ContainerKind.MAIN, "registry.test/sidecar:1")
    life = started(WEB, pod=facts(WEB, sidecar)).noted("OddOne", 20, "of the other", subject="sidecar")
    assert found(life, Kind.WARNING_EVENT) is None
    assert only(life.noted("OddOne", 20, "its own", subject="web"), Kind.WARNING_EVENT).subject == "web"


def test_what_another_rule_quotes_is_not_quoted_again() -> None:
    """A probe's words are the answer where they are known."""
    life = ordinary().noted("Unhealthy", 5, "Readiness probe failed: 503", subject="web").noted("OddOne", 5, "odd")
    assert found(life, Kind.FAILING_PROBE) is not None
    assert found(life, Kind.WARNING_EVENT) is None


def test_a_sandbox_that_cannot_be_removed_is_the_reason_of_the_cleanup() -> None:
    """Not of the containers' end: they are stopped before it."""
    life = ordinary().saw(Milestone.DELETION_REQUESTED, watched(20)).saw(Milestone.KILLING, named(20.1), subject="web")
    life.saw(Milestone.FINISHED, watched(23), subject="web")
    text = 'error killing pod: failed to "KillPodSandbox" for "u" with KillPodSandboxError: "rpc error: '
    text += 'failed to destroy network for sandbox \\"s\\": plugin type=\\"calico\\" failed (delete): Unauthorized"'
    life.noted("FailedKillPod", 22, text).noted("FailedKillPod", 50, text, count=25)
    finding = only(life, Kind.WARNING_EVENT)
    assert (finding.leg, finding.phase) == (Leg.TERMINATION, Phase.CLEANUP)
    assert "CNI plugin cannot remove" in finding.advice
    assert found(life, Kind.SLOW_STOP) is not None


def test_milestones_that_were_missed_do_not_hide_a_warning() -> None:
    """Of steps that were not observed anything said in the time is the best that is known."""
    life = accepted().saw(Milestone.STARTED, named(9), subject="web").noted("OddOne", 5, "odd", subject="web")
    told = [each.kind for each in every(life) if each.phase is Phase.UNEXPLAINED]
    assert told == [Kind.WARNING_EVENT, Kind.UNEXPLAINED]
