"""What a pod waits for before it is bound: the time is charged to what was known to hold it, and sums exactly."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import EPOCH, Life, at, facts, in_second, watched

from podtimeline.analysis.phases.scheduling import FAILED_SCHEDULING, Obstacle
from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.pods import PodFacts, VolumeSpec

M, P = Milestone, Phase
NOW = 60
DATA = (VolumeSpec("data", "persistentVolumeClaim", "data-web-0"),)
WAITS = (
    M.FIRST_UNSCHEDULABLE,
    M.LAST_UNSCHEDULABLE,
    M.PREEMPTION,
    M.SCALE_UP_REQUESTED,
    M.NODE_CREATED,
    M.NODE_READY,
)


def waited(*steps: tuple[Milestone, float], pod: PodFacts | None = None, bound: float | None = 20) -> ResolvedTimeline:
    """The view of a pod that was created at 0.05 s and bound at 20 s, with these steps in between."""
    life = Life().described(pod or facts())
    life.saw(M.CREATED, in_second(0, Source.FIELD), watched(0.05))
    for milestone, seconds in steps:
        of_claim = milestone in {M.PROVISIONING_STARTED, M.CLAIM_BOUND}
        life.saw(milestone, watched(seconds), subject="data" if of_claim else "")
    if bound is not None:
        life.saw(M.SCHEDULED, watched(bound), detail="node-9").saw(M.KUBELET_ADMITTED, watched(bound + 0.1))
    seen = view(life.timeline(), now=at(NOW))
    assert seen is not None
    return seen


def phases(seen: ResolvedTimeline) -> list[tuple[Phase, float]]:
    """The phases up to the binding, with their lengths in seconds."""
    until = seen.instant(M.SCHEDULED)
    end = at(NOW) if until is None else until.at
    return [(each.phase, round(each.duration / SECOND, 3)) for each in seen.phases if each.end <= end]


def test_a_pod_that_fits_no_node_is_unschedulable_until_it_fits() -> None:
    """Nothing tells when the cause went: the wait keeps its name, back-off included."""
    seen = waited((M.FIRST_UNSCHEDULABLE, 0.1), (M.LAST_UNSCHEDULABLE, 15))
    assert phases(seen) == [(P.SCHEDULING, 0.05), (P.UNSCHEDULABLE, 19.9)]


def test_a_refusal_as_early_as_the_creation_is_known_counts() -> None:
    """Where its Event is the first to tell of the pod, both have one estimate."""
    assert phases(waited((M.FIRST_UNSCHEDULABLE, 0.02))) == [(P.UNSCHEDULABLE, 19.98)]


def test_gates_come_before_the_scheduler() -> None:
    """Its first answer can only follow them."""
    pod = facts(scheduling_gates=("example.org/one",))
    seen = waited((M.GATES_REMOVED, 5), (M.FIRST_UNSCHEDULABLE, 5.2), pod=pod)
    assert phases(seen) == [(P.SCHEDULING_GATES, 4.95), (P.SCHEDULING, 0.2), (P.UNSCHEDULABLE, 14.8)]


def test_a_gated_pod_waits_for_its_gates() -> None:
    """Open, until the last one goes."""
    seen = waited(pod=facts(scheduling_gates=("example.org/one",)), bound=None)
    assert [(each.phase, each.open) for each in seen.phases] == [(P.SCHEDULING_GATES, True)]


def test_a_new_node_is_told_from_its_request_to_the_next_attempt() -> None:
    """Asked for, registered, Ready, and then it is the scheduler's turn."""
    seen = waited(
        (M.FIRST_UNSCHEDULABLE, 1), (M.SCALE_UP_REQUESTED, 2), (M.NODE_CREATED, 10), (M.NODE_READY, 18)
    )  # fmt: skip
    assert phases(seen) == [
        (P.SCHEDULING, 0.95),
        (P.UNSCHEDULABLE, 1.0),
        (P.NODE_PROVISIONING, 8.0),
        (P.NODE_START, 8.0),
        (P.SCHEDULING_RETRY, 2.0),
    ]


def test_a_pod_bound_to_an_old_node_did_not_wait_for_the_new_one() -> None:
    """A scale-up was requested, and then there was room elsewhere."""
    seen = waited((M.NODE_CREATED, -500), (M.FIRST_UNSCHEDULABLE, 1), (M.SCALE_UP_REQUESTED, 2))
    assert phases(seen) == [(P.SCHEDULING, 0.95), (P.UNSCHEDULABLE, 19.0)]


def test_while_it_is_not_known_which_node_it_gets_it_waits_for_the_one_asked_for() -> None:
    """Open, from the request on."""
    seen = waited((M.FIRST_UNSCHEDULABLE, 1), (M.SCALE_UP_REQUESTED, 2), bound=None)
    assert [(each.phase, each.open) for each in seen.phases][-1] == (P.NODE_PROVISIONING, True)


def test_an_attempt_that_fails_while_the_node_is_made_says_nothing_new() -> None:
    """The scheduler keeps trying."""
    seen = waited(
        (M.FIRST_UNSCHEDULABLE, 1), (M.SCALE_UP_REQUESTED, 2), (M.LAST_UNSCHEDULABLE, 5), (M.NODE_CREATED, 10)
    )  # fmt: skip
    assert [phase for phase, _ in phases(seen)] == [P.SCHEDULING, P.UNSCHEDULABLE, P.NODE_PROVISIONING, P.NODE_START]


def test_an_attempt_that_fails_after_the_node_is_ready_shows_another_cause() -> None:
    """It was not only the node that it waited for."""
    seen = waited(
        (M.FIRST_UNSCHEDULABLE, 1), (M.NODE_CREATED, 4), (M.NODE_READY, 8), (M.LAST_UNSCHEDULABLE, 9)
    )  # fmt: skip
    assert phases(seen)[-2:] == [(P.SCHEDULING_RETRY, 1.0), (P.UNSCHEDULABLE, 11.0)]


def test_victims_are_waited_for_from_the_moment_they_are_chosen() -> None:
    """The refusal that goes with it is no wait of its own."""
    seen = waited((M.PREEMPTION, 0.4), (M.FIRST_UNSCHEDULABLE, 0.41), (M.LAST_UNSCHEDULABLE, 7))
    assert phases(seen) == [(P.SCHEDULING, 0.35), (P.PREEMPTION, 19.6)]


def test_a_claim_that_the_first_attempt_waits_for_leads_to_no_retry() -> None:
    """The scheduler holds the pod until the claim is bound, and binds it then (volumeBindingMode WaitForFirstConsumer).

    One that was refused for its claim waits for the next attempt.
    """
    claim = ((M.PROVISIONING_STARTED, 2.0), (M.CLAIM_BOUND, 19.0))
    assert phases(waited(*claim, pod=facts(volumes=DATA))) == [
        (P.SCHEDULING, 1.95),
        (P.VOLUME_PROVISIONING, 17.0),
        (P.SCHEDULING, 1.0),
    ]
    seen = waited((M.FIRST_UNSCHEDULABLE, 1.0), *claim, pod=facts(volumes=DATA))
    assert phases(seen)[-1] == (P.SCHEDULING_RETRY, 1.0)


def test_a_claim_that_was_provisioned_before_its_pod_came_is_waited_for_from_the_beginning() -> None:
    """An immediate claim may be older than its pod; that the scheduler refuses the pod meanwhile says nothing new.

    A claim that was bound before the pod came is not waited for, and one that is not bound yet still is.
    """
    pod, begun = facts(volumes=DATA), (M.PROVISIONING_STARTED, -3.0)
    seen = waited(begun, (M.FIRST_UNSCHEDULABLE, 1.0), (M.CLAIM_BOUND, 19.0), pod=pod)
    assert phases(seen) == [(P.VOLUME_PROVISIONING, 18.95), (P.SCHEDULING_RETRY, 1.0)]
    assert [each.subject for each in seen.phases if each.phase is P.VOLUME_PROVISIONING] == ["data"]
    seen = waited(begun, (M.CLAIM_BOUND, -1.0), pod=pod)
    assert phases(seen) == [(P.SCHEDULING, 19.95)]
    seen = waited(begun, (M.FIRST_UNSCHEDULABLE, 1.0), pod=pod, bound=None)
    assert [(each.phase, each.open) for each in seen.phases] == [(P.VOLUME_PROVISIONING, True)]


@given(
    steps=st.lists(st.tuples(st.sampled_from(WAITS), st.integers(-3_000, 30_000)), unique_by=lambda step: step[0]),
    bound=st.one_of(st.none(), st.integers(100, 25_000)),
    gated=st.booleans(),
)
def test_whatever_was_observed_in_whatever_order_the_waits_sum(
    steps: list[tuple[Milestone, int]], bound: int | None, *, gated: bool
) -> None:
    """No nanosecond is lost or counted twice, none is negative, and no phase is charged that nothing opened."""
    pod = facts(scheduling_gates=("example.org/one",)) if gated else facts()
    told = [(milestone, each / 1000) for milestone, each in steps]
    told += [(M.GATES_REMOVED, 0.07)] if gated else []
    seen = waited(*told, pod=pod, bound=None if bound is None else bound / 1000)
    durations = [each.duration for each in seen.phases]
    assert min(durations) >= 0
    assert sum(durations) == seen.total
    assert all(one.end == other.start for one, other in zip(seen.phases, seen.phases[1:], strict=False))
    opened = {M.PREEMPTION: P.PREEMPTION, M.SCALE_UP_REQUESTED: P.NODE_PROVISIONING, M.NODE_CREATED: P.NODE_START}
    known = {milestone for milestone, _ in steps}
    assert {phase for milestone, phase in opened.items() if milestone not in known}.isdisjoint(seen.by_phase())


def test_ends_that_contradict_each_other_bound_no_phase() -> None:
    """A binding stamped before the creation: the phase has no length, its skew says why, and no bound is wrong."""
    life = Life().described(facts()).saw(M.CREATED, in_second(1, Source.FIELD)).saw(M.SCHEDULED, watched(0))
    seen = view(life.timeline(), now=at(NOW))
    assert seen is not None
    first = seen.phases[0]
    assert (first.phase, first.duration, first.at_most) == (P.SCHEDULING, 0, None)
    assert first.skew > 0


def test_victims_are_all_named_whichever_comes_first() -> None:
    """Each victim has an Event of its own; together they are the detail."""
    mark = MilestoneKey(M.PREEMPTION)
    for names in (("shop/b", "shop/a", "shop/b"), ("shop/a", "shop/b")):
        life = Life().described(facts())
        for index, name in enumerate(names):
            life.saw(M.PREEMPTION, watched(1 + index), detail=name)
        timeline = life.timeline()
        assert timeline.details[mark] == "shop/a, shop/b"
        assert min(each.at or 0 for each in timeline.evidence[mark]) == at(1)


def test_the_view_groups_the_latest_words_of_the_scheduler() -> None:
    """For people, sinks and metrics alike."""
    life = Life().described(facts()).saw(M.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.noted(FAILED_SCHEDULING, 1, "0/2 nodes are available: 2 Insufficient cpu.")
    life.noted(FAILED_SCHEDULING, 9, "0/2 nodes are available: 1 Too many pods, 1 node(s) were unschedulable.", count=3)
    seen = view(life.timeline(), now=at(NOW))
    assert seen is not None
    assert seen.refused is not None
    assert seen.refused.refusal.obstacles == (Obstacle.PODS, Obstacle.CORDONED)
    assert (seen.refused.attempts, seen.refused.first - EPOCH) == (3, SECOND)
