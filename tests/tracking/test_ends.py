"""What a pod counts of its way back: once, when it is gone, and what slices say later once they say it."""

from collections.abc import Iterable

import pytest
from tests.support.departures import SLICE, asked, exited, killed, out, removed, stood
from tests.support.lives import Life, at, in_second, ordinary, watched
from tests.support.surveys import phases
from tests.tracking.test_starts import listed_life
from tests.tracking.worlds import World

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.observations import Flagged, Partial, Witnessed
from podtimeline.ports import Increment, Metric

ENDS = {Metric.TERMINATION, Metric.ENDPOINT_REMOVAL, Metric.LOST_TRAFFIC}


def settled() -> World:
    """A pod that is ready and in its slice, and rests."""
    world = World()
    world.take(*ordinary().told, seconds=6)
    world.commit(11)
    return world


def counted(told: Iterable[Increment]) -> dict[tuple[Metric, str], int]:
    """What was counted, by metric and key."""
    found = list(told)
    values = {(each.metric, each.key): each.value for each in found}
    assert len(values) == len(found)
    return values


def test_the_phases_of_the_way_back_count_with_its_length() -> None:
    """And sum to it; nothing of the start counts again."""
    world = settled()
    world.take(*removed(exited(killed(asked(Life()), 20.5), 23.5), 25).told, seconds=25)
    assert world.commit(29) == ()
    values = counted(world.commit(31))
    assert values.pop((Metric.TERMINATION, "")) == 5 * SECOND
    assert {key for _, key in values} == {"termination_pending", "container_stop", "cleanup"}
    assert sum(values.values()) == 5 * SECOND
    assert world.commit(60) == ()


def test_what_is_unexplained_counts_on_each_leg() -> None:
    """The start's and the way back's are two observations of one series."""
    world = World()
    unseen = {Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED}
    sparse = [each for each in ordinary().told if not isinstance(each, Witnessed) or each.mark.milestone not in unseen]
    world.take(*sparse, seconds=6)
    start = counted(world.commit(11))
    assert (Metric.PHASE, "unexplained") in start
    life = killed(asked(Life()), 20.5).saw(Milestone.OBJECT_REMOVED, watched(25))
    world.take(*life.told, Flagged("uid-1", Partial.GAP), seconds=25)
    told = world.commit(31)
    assert (Metric.PHASE, "termination/unexplained") in counted(told)
    assert Phase.UNEXPLAINED.value in {each.labels[-1] for each in told}


def test_how_long_each_slice_held_it_counts_by_slice() -> None:
    """Traffic is lost where the address surely outlasted the container."""
    world = settled()
    life = stood(exited(killed(asked(Life()), 20.5), 21.5), SLICE)
    world.take(*removed(out(life, 25.5, gone=True), 26).told, seconds=26)
    values = counted(world.commit(31))
    assert values[Metric.ENDPOINT_REMOVAL, SLICE] == 11 * SECOND // 2
    assert 3 * SECOND < values[Metric.LOST_TRAFFIC, SLICE] < 5 * SECOND


@pytest.mark.parametrize("end", [24.5, 21.1])
def test_what_may_not_have_been_lost_is_not_counted_as_lost(end: float) -> None:
    """The container outlasted the address, or both went in the same second."""
    world = settled()
    life = stood(exited(killed(asked(Life()), 20.5), end), SLICE)
    world.take(*removed(out(life, 21.95), 26).told, seconds=26)
    values = counted(world.commit(31))
    assert (Metric.ENDPOINT_REMOVAL, SLICE) in values
    assert (Metric.LOST_TRAFFIC, SLICE) not in values


def test_a_slice_that_lets_go_after_the_object_is_gone_counts_then() -> None:
    """Once, whenever that is while the record is kept; and through a restart before it is closed."""
    world = settled()
    world.take(*removed(stood(exited(killed(asked(Life()), 20.5), 21.5), SLICE), 23).told, seconds=23)
    world.commit(24)
    world.killed(25)
    first = counted(world.commit(31))
    assert Metric.TERMINATION in {metric for metric, _ in first}
    assert {metric for metric, _ in first}.isdisjoint({Metric.ENDPOINT_REMOVAL, Metric.LOST_TRAFFIC})
    late = out(Life(), 35.5, gone=True)
    world.take(*late.told, seconds=35.5)
    assert counted(world.commit(36)).keys() == {(Metric.ENDPOINT_REMOVAL, SLICE), (Metric.LOST_TRAFFIC, SLICE)}
    world.take(*out(Life(), 37.5, gone=True).told, seconds=37.5)
    assert world.commit(38) == ()


def test_what_nobody_timed_is_not_counted() -> None:
    """A slice that was found changed after a gap; the record tells of it all the same."""
    world = settled()
    life = stood(exited(killed(asked(Life()), 20.5), 21.5), SLICE)
    life.saw(Milestone.ENDPOINT_TERMINATING, Evidence(Source.LISTED, None, None, at(30), at(30)), subject=SLICE)
    world.take(*removed(life, 31).told, seconds=31)
    assert {metric for metric, _ in counted(world.commit(40))} & ENDS == {Metric.TERMINATION}
    (drain,) = world.view().drains
    assert drain.out is not None


def test_a_pod_that_was_there_before_counts_its_end_if_that_was_watched() -> None:
    """Nobody saw it start; a pod that was leaving already has no measured way back either."""
    for life, expected in (
        (asked(Life()), ENDS & {Metric.TERMINATION}),
        (Life().saw(Milestone.DELETION_REQUESTED, in_second(20, Source.FIELD)), set[Metric]()),
    ):
        world = World(look=at(50))
        world.take(*listed_life().told, seconds=50)
        world.commit(60)
        world.take(*removed(life, 71).told, seconds=71)
        assert world.view().partial == (Partial.LISTED,)
        assert {metric for metric, _ in counted(world.commit(80))} & ENDS == expected


def test_a_gauge_shows_the_phase_that_each_leaving_pod_is_in() -> None:
    """Of those that rest, too: after a restart each is unpacked once, and again when it changes."""
    world = settled()
    world.take(*killed(asked(Life()), 21).told, seconds=21)
    world.commit(22)
    world.killed(30)
    world.commit(31)
    assert world.timeline("uid-1").uid == "uid-1"
    now = phases(world.tracker, now=at(41))
    assert now.in_phase[Phase.CONTAINER_STOP] == 1
    assert now.oldest[Phase.CONTAINER_STOP] == 20
    unpacked = world.codec.unpacked
    assert phases(world.tracker, now=at(51)).oldest[Phase.CONTAINER_STOP] == 30
    assert world.codec.unpacked == unpacked
    world.take(*exited(Life(), 52).told, seconds=53)
    assert phases(world.tracker, now=at(54)).in_phase[Phase.CLEANUP] == 1
