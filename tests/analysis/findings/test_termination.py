"""The way back, and what is beside the critical path: each finding quotes its evidence, and needs it."""

import pytest
from tests.support.findings import found, only, proofs
from tests.support.lives import WEB, Life, at, facts, in_second, named, ordinary, watched

from podtimeline.analysis.findings.explain import explain
from podtimeline.analysis.findings.rules import FindingKind as Kind
from podtimeline.analysis.resolved import view
from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Leg, Milestone
from podtimeline.model.observations import Labelled, Leaves, Observation, Ran, Selected, Skewed
from podtimeline.model.pods import ContainerKind, ContainerSpec, PodFacts

SLICE = "shop/web/web-x1"


def leaving(pod: PodFacts | None = None, *, grace: int = 10) -> Life:
    """A pod whose deletion is asked for at 20 s; the kubelet begins to stop it half a second later."""
    life = ordinary(pod).saw(Milestone.DELETION_REQUESTED, watched(20), in_second(20, Source.FIELD))
    life.told.append(Leaves("uid-1", grace))
    return life.saw(Milestone.KILLING, named(20.5), subject="web")


def exited(life: Life, seconds: float, code: int) -> Life:
    """Its container ended."""
    life.told.append(Ran("uid-1", "web", 0, at(3), at(seconds) // SECOND * SECOND, code, "Error"))
    return life.saw(Milestone.FINISHED, in_second(seconds, Source.FIELD), watched(seconds + 0.3), subject="web")


def test_a_kubelet_that_is_late_is_told_of() -> None:
    """Between the request and the first step of the node."""
    life = ordinary().saw(Milestone.DELETION_REQUESTED, watched(20)).saw(Milestone.KILLING, named(29), subject="web")
    finding = only(exited(life, 30, 0), Kind.LATE_KILL)
    assert finding.leg is Leg.TERMINATION
    assert finding.duration == 9 * SECOND
    assert "deletion requested" in proofs(finding)
    assert found(ordinary(), Kind.LATE_KILL) is None


def test_a_grace_that_ran_out_is_told_of() -> None:
    """By the exit code and the time it took."""
    finding = only(exited(leaving(), 30.6, 137), Kind.GRACE_RAN_OUT)
    assert finding.text == "web did not end within its grace period of 10 s and was killed (exit code 137)"
    assert "deletionGracePeriodSeconds: 10" in proofs(finding)
    assert "SIGTERM" in finding.advice


@pytest.mark.parametrize(("seconds", "code"), [(30.6, 0), (22, 137), (30.6, 143)])
def test_who_ends_in_time_or_by_itself_did_not_outlive_its_grace(seconds: float, code: int) -> None:
    """Exit code 137 early is an out of memory, another code late is its own."""
    assert found(exited(leaving(), seconds, code), Kind.GRACE_RAN_OUT) is None


def test_a_pre_stop_hook_is_told_of() -> None:
    """With the kubelet's words where it failed."""
    hooked = ContainerSpec("web", ContainerKind.MAIN, "i", readiness_probe=WEB.readiness_probe, pre_stop=True)
    life = exited(leaving(facts(hooked)), 27, 0)
    life.noted("FailedPreStopHook", 25, "PreStopHook failed: exit 1", subject="web")
    finding = only(life, Kind.PRE_STOP)
    assert "the preStop hook of web runs before SIGTERM is sent: FailedPreStopHook" in finding.text
    assert found(exited(leaving(), 27, 0), Kind.PRE_STOP) is None


def test_a_container_that_takes_its_time_is_told_of() -> None:
    """Neither a hook nor a kill: the application itself."""
    finding = only(exited(leaving(grace=30), 27, 143), Kind.SLOW_STOP)
    text = "web took this long to end after the kubelet began to stop it, with exit code 143 (its grace period is 30 s)"
    assert finding.text == text
    assert "killing of web" in proofs(finding)
    assert "finished of web" in proofs(finding)
    assert found(exited(leaving(), 30.6, 137), Kind.SLOW_STOP) is None
    hooked = ContainerSpec("web", ContainerKind.MAIN, "i", readiness_probe=WEB.readiness_probe, pre_stop=True)
    assert found(exited(leaving(facts(hooked)), 27, 0), Kind.SLOW_STOP) is None


def test_finalizers_are_named() -> None:
    """Their controllers hold the object."""
    life = exited(leaving(), 22, 0).saw(Milestone.RELEASED, watched(23))
    assert found(life, Kind.FINALIZERS) is None
    life.told.append(Leaves("uid-1", 10, ("shop.test/ledger",)))
    assert only(life, Kind.FINALIZERS).text == "still held by shop.test/ledger"
    gone = only(life.saw(Milestone.OBJECT_REMOVED, watched(40)), Kind.FINALIZERS)
    assert gone.text == "held by shop.test/ledger"
    assert gone.duration == 17 * SECOND


def test_lost_traffic_is_told_of_beside_the_way_back() -> None:
    """The address stood as ready after the container had exited."""
    life = exited(leaving(), 22, 0).saw(Milestone.ENDPOINT_REMOVED, watched(26), subject=SLICE)
    life.saw(Milestone.OBJECT_REMOVED, watched(27))
    finding = only(life, Kind.TRAFFIC_LOST)
    assert "shop/web may have sent traffic to it for" in finding.text
    assert finding.share is None
    assert "web-x1 no longer held the address as ready" in proofs(finding)
    told = view(life.timeline(), now=at(60))
    assert told is not None
    assert finding.text in explain(told)


def test_an_address_that_goes_before_the_exit_loses_nothing() -> None:
    """That is how it should be."""
    life = exited(leaving(), 24, 0).saw(Milestone.ENDPOINT_REMOVED, watched(20.4), subject=SLICE)
    assert found(life, Kind.TRAFFIC_LOST) is None
    assert found(life, Kind.STALE_ENDPOINT) is None


def test_an_address_that_stays_long_is_told_of() -> None:
    """Even if nothing was lost."""
    life = leaving().saw(Milestone.ENDPOINT_REMOVED, watched(25), subject=SLICE)
    finding = only(life, Kind.STALE_ENDPOINT)
    assert finding.duration == 5 * SECOND
    assert "shop/web held its address as ready for 5.00s after the deletion request" in finding.text


def without_service(pod: PodFacts) -> Life:
    """An ordinary pod that no Service selects."""
    life = ordinary(pod)
    kept: list[Observation] = [each for each in life.told if "endpoint" not in str(each).lower()]
    life.told = [each for each in kept if not isinstance(each, Selected)]
    return life.selected()


def test_a_pod_that_gates_its_traffic_and_gets_none_is_told_of() -> None:
    """The labels are what to compare the selector with."""
    finding = only(without_service(facts(labels=(("app", "web"),))), Kind.NO_SERVICE)
    assert finding.duration == 0
    assert "metadata.labels: app=web" in proofs(finding)


def test_a_slice_that_holds_the_address_disproves_it() -> None:
    """A Service without selector has slices too; and a Service may select the pod later, by labels that it got."""
    held = without_service(facts()).saw(Milestone.ENDPOINT_READY, watched(9), subject="shop/db/db-x1")
    assert found(held, Kind.NO_SERVICE) is None
    later = without_service(facts())
    later.told.append(Selected("uid-1", ("shop/db",), at(30)))
    assert found(later, Kind.NO_SERVICE) is None
    again = without_service(facts(labels=(("role", "replica"),)))
    again.told += [Selected("uid-1", ("shop/db",), at(30)), Selected("uid-1", (), at(40))]
    again.told.append(Labelled("uid-1", (("role", "primary"),), at(40)))
    assert "role=primary" in proofs(only(again, Kind.NO_SERVICE))


def test_a_pod_without_a_readiness_probe_does_not_ask_for_traffic() -> None:
    """A worker needs no Service, and a Job neither."""
    worker = ContainerSpec("web", ContainerKind.MAIN, "i")
    assert found(without_service(facts(worker)), Kind.NO_SERVICE) is None
    assert found(without_service(facts(run_to_completion=True)), Kind.NO_SERVICE) is None
    assert found(ordinary(), Kind.NO_SERVICE) is None


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (3, 4, "the clock of node-1 is 3.00s to 4.00s ahead of the operator's"),
        (-4, -3, "the clock of node-1 is 3.00s to 4.00s behind the operator's"),
    ],
)
def test_a_node_whose_clock_is_off_is_told_of(low: int, high: int, text: str) -> None:
    """By at least what is sure."""
    life = ordinary()
    life.told.append(Skewed("uid-1", low * SECOND, high * SECOND, at(500), at(600)))
    finding = only(life, Kind.CLOCK_SKEW)
    assert finding.text == text
    assert finding.duration == 3 * SECOND
    assert found(ordinary(), Kind.CLOCK_SKEW) is None


def test_stamps_that_contradict_each_other_are_told_of() -> None:
    """Without an estimate of whose clock is off."""
    life = ordinary().saw(Milestone.SCHEDULED, in_second(-8))
    finding = only(life, Kind.CLOCK_SKEW)
    assert finding.text.startswith("timestamps contradict each other by")
    assert finding.duration >= SECOND


def test_a_way_back_that_has_just_begun_is_not_worth_a_sentence() -> None:
    """Nobody asks why a pod is not gone after a tenth of a second."""
    life = ordinary().saw(Milestone.DELETION_REQUESTED, watched(20))
    for seconds, worth in ((20.1, False), (29.0, True)):
        told = view(life.timeline(), now=at(seconds))
        assert told is not None
        assert ("During termination it has spent" in explain(told)) == worth


def test_the_way_back_is_a_sentence_of_its_own() -> None:
    """Behind what is said of the start."""
    told = view(exited(leaving(), 30.6, 137).saw(Milestone.OBJECT_REMOVED, watched(31)).timeline(), now=at(60))
    assert told is not None
    sentence = explain(told)
    assert sentence.startswith("It spent 2.70s")
    assert "During termination it spent" in sentence
    assert "in container stop of web: web did not end within its grace period of 10 s" in sentence
