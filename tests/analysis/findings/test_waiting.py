"""What a pod waits for before a kubelet takes it up: each finding quotes its evidence, and needs it."""

import pytest
from tests.support.findings import created, every, found, only, proofs
from tests.support.lives import WEB, Life, at, facts, watched

from podtimeline.analysis.findings.rules import FindingKind as Kind
from podtimeline.model.instants import Source, exactly
from podtimeline.model.milestones import Leg, Milestone, Phase
from podtimeline.model.nodes import UNTOLERATED
from podtimeline.model.pods import Owner, VolumeSpec

CLAIM = VolumeSpec("data", "persistentVolumeClaim", "data-web-1")


def requested(life: Life, seconds: float) -> Life:
    """Its owner asked for the pod so many seconds before its creation."""
    return life.saw(Milestone.ROLLOUT_STARTED, exactly(Source.WATCH, at(-seconds), observed=at(-seconds)))


def test_a_refused_creation_quotes_the_refusal() -> None:
    """Quota and admission speak through the owner's event."""
    life = requested(created(), 20)
    life.noted("FailedCreate", -10, 'pods "web-1" is forbidden: exceeded quota: compute', count=7)
    finding = only(life, Kind.REFUSED_CREATION)
    assert finding.leg is Leg.REQUEST
    assert "FailedCreate (7 times): pods" in finding.text
    assert finding.duration == at(0) - at(-20)
    assert found(requested(created(), 20), Kind.REFUSED_CREATION) is None


def test_a_stateful_pod_names_the_one_before_it() -> None:
    """By what the tracker knows of it, else by the ordinal."""
    pod = facts(name="ledger-3", owner=Owner("StatefulSet", "ledger", "s-1"))
    life = requested(created(pod), 20).saw(Milestone.PREDECESSOR_READY, watched(-2))
    finding = only(life, Kind.STATEFUL_ORDER)
    assert finding.subject == "ledger-2"
    assert "ledger-2 had to be ready first" in finding.text
    assert finding.duration == 18 * 10**9
    assert found(requested(created(pod), 20), Kind.STATEFUL_ORDER) is None


def test_a_replaced_pod_waits_for_the_one_of_its_name() -> None:
    """Two pods of one name cannot be there at once, nor two of a DaemonSet on one node."""
    life = requested(created(), 20).saw(Milestone.PREDECESSOR_REMOVED, watched(-1))
    finding = only(life, Kind.REPLACED_POD)
    assert "previous pod named web-1" in finding.text
    assert "predecessor removed" in proofs(finding)
    assert found(requested(created(), 20), Kind.REPLACED_POD) is None
    agent = requested(created(facts(name="agent-b")), 20)
    agent.saw(Milestone.PREDECESSOR_REMOVED, watched(-1), detail="agent-a")
    assert only(agent, Kind.REPLACED_POD).text == "agent-a had to be removed first"


def test_scheduling_gates_are_named() -> None:
    """The gate's name leads to the controller that removes it: of several the last one counts."""
    gated = facts(scheduling_gates=("quota.test/gate", "team.test/gate"))
    assert only(created(gated), Kind.SCHEDULING_GATES).text == "held back by quota.test/gate, team.test/gate"
    first = created(gated).noted("SchedulingGateRemoved", 2, "", subject="team.test/gate")
    assert only(first, Kind.SCHEDULING_GATES).text == "held back by quota.test/gate"
    opened = first.noted("SchedulingGateRemoved", 7, "", subject="quota.test/gate")
    finding = only(opened.saw(Milestone.GATES_REMOVED, watched(7)), Kind.SCHEDULING_GATES)
    assert finding.text == "held back until quota.test/gate was removed"
    assert "watch: team.test/gate was removed" in proofs(finding)
    assert finding.duration == 7 * 10**9
    assert found(created(), Kind.SCHEDULING_GATES) is None


def test_an_unschedulable_pod_quotes_the_scheduler() -> None:
    """With what the autoscaler said beside."""
    life = created().noted("FailedScheduling", 0.1, "0/2 nodes are available: 2 Insufficient cpu.", count=3)
    life.saw(Milestone.FIRST_UNSCHEDULABLE, watched(0.1))
    life.noted("NotTriggerScaleUp", 12, "pod didn't trigger scale-up: 1 max node group size reached")
    finding = only(life, Kind.UNSCHEDULABLE)
    assert "2 Insufficient cpu" in finding.text
    assert "max node group size" in proofs(finding)
    assert "scheduler: not enough CPU: 2 of 2 nodes, Insufficient cpu" in proofs(finding)
    assert finding.advice == "lower the CPU requests, or add nodes with enough free"
    assert found(created(), Kind.UNSCHEDULABLE) is None


def test_each_reason_of_the_scheduler_has_its_remedy() -> None:
    """A taint is removed, memory is added."""
    text = (
        "0/3 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 Insufficient memory. preemption: 0/3 nodes "
        "are available: 3 Preemption is not helpful for scheduling."
    )
    finding = only(created().noted("FailedScheduling", 0.1, text), Kind.UNSCHEDULABLE)
    assert finding.text.endswith("2 Insufficient memory")
    assert "Preemption is not helpful" in proofs(finding)
    assert "lower the memory requests" in finding.advice
    assert "tolerate the taint" in finding.advice
    odd = only(created().noted("FailedScheduling", 0.1, "something new"), Kind.UNSCHEDULABLE)
    assert odd.advice.startswith("change what the message names")


def test_a_preemptor_tells_its_priority() -> None:
    """What gives way does so because of it."""
    life = created(facts(priority=1000)).saw(Milestone.FIRST_UNSCHEDULABLE, watched(1))
    life.saw(Milestone.PREEMPTION, watched(2), detail="node-1")
    life.saw(Milestone.SCHEDULED, watched(32), detail="node-1")
    finding = only(life, Kind.PREEMPTION)
    assert "evicted first (node-1); its priority is 1000" in finding.text
    assert finding.duration == 30 * 10**9
    assert found(created(), Kind.PREEMPTION) is None


def test_a_new_node_is_waited_for() -> None:
    """Until it has registered, and then until it is Ready."""
    life = created().saw(Milestone.FIRST_UNSCHEDULABLE, watched(1)).saw(Milestone.SCALE_UP_REQUESTED, watched(2))
    life.noted("TriggeredScaleUp", 2, "pod triggered scale-up: [{pool 1->2 (max: 5)}]")
    life.saw(Milestone.NODE_CREATED, watched(40)).saw(Milestone.NODE_READY, watched(55))
    life.saw(Milestone.SCHEDULED, watched(56), detail="node-9")
    waits = [found(life, Kind.WAITING_FOR_NODE, now=57)]
    assert waits[0] is not None
    assert "pool 1->2" in waits[0].text
    assert waits[0].duration == 38 * 10**9
    assert "node created" in proofs(waits[0])
    assert found(created(), Kind.WAITING_FOR_NODE) is None


@pytest.mark.parametrize(
    ("reason", "told"), [("ProvisioningFailed", True), ("ExternalProvisioning", False), ("", False)]
)
def test_a_claim_that_is_provisioned_is_named(reason: str, told: bool) -> None:  # noqa: FBT001 - a table's column
    """A failure is quoted; that the provisioner was asked is no news."""
    life = created(facts(WEB, volumes=(CLAIM,))).saw(Milestone.PROVISIONING_STARTED, watched(1), subject="data")
    life.saw(Milestone.CLAIM_BOUND, watched(9), subject="data").saw(Milestone.SCHEDULED, watched(9.5), detail="node-1")
    if reason:
        life.noted(reason, 5, "no space left in the pool", subject="data")
        life.noted("WaitForFirstConsumer", 8, "waiting for first consumer to be created", subject="data")
    finding = only(life, Kind.VOLUME_PROVISIONING)
    assert finding.text.startswith("claim data-web-1 was being provisioned")
    assert ("no space left" in finding.text) == told
    assert finding.subject == "data"


def test_no_claim_no_provisioning() -> None:
    """Nothing is provisioned for a pod without volumes."""
    assert found(created(), Kind.VOLUME_PROVISIONING) is None


def test_a_pod_before_that_had_to_be_available_says_for_how_long() -> None:
    """minReadySeconds; and what its controller took after that is its own doing."""
    pod = facts(name="ledger-1", owner=Owner("StatefulSet", "ledger", "s-1"))
    detail = "ledger-0, available after 30 s"
    life = requested(created(pod), 60).saw(Milestone.PREDECESSOR_READY, watched(-20), detail=detail)
    waited, late = (each for each in every(life) if each.kind is Kind.STATEFUL_ORDER)
    assert waited.text == "ledger-0 had to be available first: ready for 30 s (minReadySeconds)"
    assert (waited.subject, waited.duration) == ("ledger-0", 40 * 10**9)
    assert (late.phase, late.duration) == (Phase.POD_CREATION, 20 * 10**9)
    assert "checks again only minReadySeconds after" in late.text


def test_a_refusal_after_the_pod_before_was_available_is_told_instead() -> None:
    """The controller did look again."""
    pod = facts(name="ledger-1", owner=Owner("StatefulSet", "ledger", "s-1"))
    detail = "ledger-0, available after 30 s"
    life = requested(created(pod), 60).saw(Milestone.PREDECESSOR_READY, watched(-20), detail=detail)
    life.noted("FailedCreate", -10, "exceeded quota")
    assert only(life, Kind.STATEFUL_ORDER).phase is Phase.PREDECESSOR
    assert only(life, Kind.REFUSED_CREATION).phase is Phase.POD_CREATION


def test_a_taint_that_kubernetes_set_is_explained_by_the_watched_nodes() -> None:
    """From v1.34 on the scheduler names no key; without nodes both kinds of taint are thought of."""
    text = "0/2 nodes are available: 2 node(s) had untolerated taint(s)."
    unknown = only(created().noted("FailedScheduling", 0.1, text), Kind.UNSCHEDULABLE)
    assert "tolerate the intended ones" in unknown.advice
    life = created().noted("FailedScheduling", 0.1, text)
    life.noted(UNTOLERATED, 0.1, "2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }")
    finding = only(life, Kind.UNSCHEDULABLE)
    assert "stopped reporting" in finding.advice
    assert "tolerate" not in finding.advice
    assert "nodes: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }" in proofs(finding)


def test_a_wait_that_a_new_node_ended_says_so() -> None:
    """Nobody told of a scale-up, but the node is younger than the refusal."""
    life = created().noted("FailedScheduling", 1, "0/1 nodes are available: 1 Insufficient cpu.")
    life.saw(Milestone.FIRST_UNSCHEDULABLE, watched(1)).saw(Milestone.NODE_CREATED, watched(40), detail="node-9")
    life.saw(Milestone.NODE_READY, watched(55)).saw(Milestone.SCHEDULED, watched(56), detail="node-9")
    (finding,) = (each for each in every(life) if each.kind is Kind.UNSCHEDULABLE and each.phase is Phase.UNSCHEDULABLE)
    assert finding.text.endswith("1 Insufficient cpu; then node-9 registered")
    assert finding.advice.startswith("keep spare nodes")
    assert only(life, Kind.WAITING_FOR_NODE).phase is Phase.NODE_START


@pytest.mark.parametrize(
    ("scheduler", "now", "told"),
    [("volcano", 5, True), ("", 5, True), ("", 0.5, False)],
)
def test_a_scheduler_that_is_silent_is_named(scheduler: str, now: float, *, told: bool) -> None:
    """Whichever it is; the default one has a moment to answer."""
    finding = found(created(facts(scheduler=scheduler)), Kind.SCHEDULER_AWAITED, now=now)
    assert (finding is not None) is told
    if finding is not None:
        assert (scheduler or "default-scheduler") in finding.text
        assert f"spec: schedulerName: {scheduler or 'default-scheduler'}" in proofs(finding)
        assert "runs" in finding.advice


def test_a_scheduler_that_answered_is_named_where_it_is_not_the_default() -> None:
    """It was slow; what refused the pod has spoken already."""
    bound = created(facts(scheduler="volcano")).saw(Milestone.SCHEDULED, watched(9), detail="node-1")
    assert "load and queue" in only(bound, Kind.SCHEDULER_AWAITED).advice
    assert found(created().saw(Milestone.SCHEDULED, watched(9), detail="node-1"), Kind.SCHEDULER_AWAITED) is None
    refused = created(facts(scheduler="volcano")).noted("FailedScheduling", 0.1, "0/1 nodes are unavailable: 1 no.")
    assert found(refused, Kind.SCHEDULER_AWAITED) is None
