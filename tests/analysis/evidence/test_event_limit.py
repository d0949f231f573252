"""What the kubelet may write about one object, and what is not known once it may write no more."""

import pytest
from tests.support.lives import Life, at, facts, named
from tests.support.many import FIRST, STEP, many, names, started_at

from podtimeline.analysis.evidence.event_limit import BURST, REFILL, EventLimit, EventType, event_limits, unreported
from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.observations import Noted, Ran, Skewed, Witnessed


def seen(life: Life) -> ResolvedTimeline:
    """The life as it is told in the end."""
    found = view(life.timeline(), now=at(60))
    assert found is not None
    return found


def test_the_limit_is_reached_with_the_last_event_that_was_written() -> None:
    """Eight containers and the image of the ninth: 25 Events; what the others lack is known by their names."""
    (limit,) = event_limits(many().timeline())
    assert limit == EventLimit(EventType.NORMAL, at(FIRST + 8 * STEP - 0.15), tuple(names(40)[8:]))


@pytest.mark.parametrize("count", [1, 8])
def test_as_many_events_as_are_allowed_reach_no_limit(count: int) -> None:
    """24 Events leave one."""
    timeline = many(count, written=3 * count).timeline()
    assert event_limits(timeline) == ()
    assert unreported(timeline) == frozenset()


def test_events_that_were_lost_otherwise_are_not_put_down_to_the_limit() -> None:
    """Three containers without an Event: the kubelet had enough of them."""
    timeline = many(3, written=0).timeline()
    assert event_limits(timeline) == ()
    assert {each.phase for each in seen(many(3, written=0)).phases} >= {Phase.UNEXPLAINED}


def test_a_start_before_the_limit_lost_its_event_otherwise() -> None:
    """The second container's Started is missing, and the kubelet could write for a second more."""
    life, lost = many(), Witnessed("uid-1", MilestoneKey(Milestone.STARTED, "c02"), (named(FIRST + STEP),))
    life.told.remove(lost)
    (limit,) = event_limits(life.timeline())
    assert limit.containers == tuple(names(40)[8:])


def test_starts_without_events_have_a_phase_of_their_own_and_nothing_is_missing() -> None:
    """Image, container and process are not told apart; the time is the container's all the same."""
    told = seen(many())
    assert told.missing == ()
    assert Phase.UNEXPLAINED not in told.by_phase()
    assert {each.subject for each in told.phases if each.phase is Phase.PULL_TO_START} == set(names(40)[8:])
    assert told.event_limits == event_limits(many().timeline())


def test_the_image_of_the_last_event_keeps_its_place() -> None:
    """Of the ninth container it is known when its image was there."""
    told = {each.subject: each for each in seen(many()).phases if each.phase is Phase.PULL_TO_START}
    assert told["c09"].start == at(FIRST + 8 * STEP - 0.15)


def warned(*notes: tuple[str, float, float, int]) -> Life:
    """A pod of which the kubelet said (reason, first, last, count)."""
    life = Life().described(facts())
    for reason, first, last, count in notes:
        life.told.append(Noted("uid-1", reason, "web", "Readiness probe failed: no", at(last), count, at(first)))
    return life


def test_failing_probes_use_up_the_warnings_alone() -> None:
    """Since client-go 1.32 the type is part of what is counted."""
    timeline = warned(("Unhealthy", 1, 26, 25)).saw(Milestone.STARTED, started_at(30), subject="web").timeline()
    assert event_limits(timeline) == (EventLimit(EventType.WARNING, at(26)),)


@pytest.mark.parametrize(
    ("last", "count", "reached"), [(26, 24, False), (26, 25, True), (601, 26, False), (601, 27, True)]
)
def test_one_more_event_is_allowed_every_five_minutes(last: float, count: int, *, reached: bool) -> None:
    """25 at once, and two more after ten minutes."""
    assert bool(event_limits(warned(("Unhealthy", 1, last, count)).timeline())) is reached
    assert (BURST, REFILL) == (25, 300 * SECOND)


def test_warnings_of_all_containers_and_reasons_count_together() -> None:
    """The limit is one for the object."""
    life = warned(("Unhealthy", 1, 13, 12), ("FailedMount", 0.5, 9, 13))
    assert [each.type for each in event_limits(life.timeline())] == [EventType.WARNING]


def test_what_others_say_uses_up_nothing_of_the_kubelet() -> None:
    """The scheduler has a limit of its own; a waiting reason of the status is no Event."""
    life = warned(("FailedScheduling", 1, 30, 40), ("CrashLoopBackOff", 1, 30, 40), ("ErrImageNeverPull", 1, 30, 40))
    assert event_limits(life.timeline()) == ()


def test_waiting_to_pull_again_is_normal_and_waiting_to_start_again_is_not() -> None:
    """Both have the reason BackOff (pkg/kubelet/images/image_manager.go, kuberuntime_manager.go)."""
    for text, type_ in (("Back-off pulling image", EventType.NORMAL), ("Back-off restarting", EventType.WARNING)):
        life = Life().described(facts())
        life.told.append(Noted("uid-1", "BackOff", "web", text, at(30), 30, at(1)))
        assert [each.type for each in event_limits(life.timeline())] == [type_]


def test_each_restart_is_recorded_like_a_start() -> None:
    """Pulled, Created and Started of nine runs, whether they were written or not."""
    life = Life().described(facts()).saw(Milestone.STARTED, named(1), started_at(1), subject="web")
    for run in range(8):
        life.told.append(Ran("uid-1", "web", run, started=at(1 + run)))
    assert event_limits(life.timeline()) == ()
    life.told.append(Ran("uid-1", "web", 8, started=at(9)))
    assert [each.type for each in event_limits(life.timeline())] == [EventType.NORMAL]


def test_the_moment_is_told_by_the_observers_clock() -> None:
    """A node that is 30 s ahead stamps its Events so much later."""
    life = many()
    life.told.append(Skewed("uid-1", 30 * SECOND, 30 * SECOND, since=at(-60), at=at(90)))
    (limit,) = seen(life).event_limits
    assert limit.reached == at(FIRST + 8 * STEP - 0.15) - 30 * SECOND


def test_counts_and_stamps_that_nobody_can_have_meant_cost_nothing() -> None:
    """An Event can say anything."""
    life = warned(("Unhealthy", -1e9, 8e9, 2**62), ("FailedMount", 8e9, 8e9, 1))
    assert [each.type for each in event_limits(life.timeline())] == [EventType.WARNING]
