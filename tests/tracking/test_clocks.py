"""The tracker hears each node's clock in the Events that it takes, and tells the pods of a node whose clock is off."""

import pytest
from tests.support.lives import ANSWER, EPOCH, Life, at, container_start, facts, in_second, ordinary, watched
from tests.tracking.worlds import World

from podtimeline.analysis.evidence.clocks import LATE, WINDOW
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.bounded import Kept
from podtimeline.model.instants import SECOND, Evidence, Source, just_after
from podtimeline.model.milestones import MILESTONES, Milestone, MilestoneKey, Place
from podtimeline.model.observations import Observation, Selected, Witnessed
from podtimeline.tracking import clocks

STARTED = MilestoneKey(Milestone.STARTED, "web")
PLACED = {MilestoneKey(Milestone.CREATED), MilestoneKey(Milestone.SCHEDULED)}


def lived(
    uid: str, *, later: float = 0, ahead: float = 0, event: bool = True, namespace: str = "shop"
) -> list[Observation]:
    """An ordinary pod's start, ``later`` seconds later, on a node whose clock is ``ahead``; one read an observation.

    ``event`` is whether the scheduler's Event was not lost.
    """
    life = ordinary(facts(uid=uid, name=uid, namespace=namespace, created_second=at(later) // SECOND * SECOND))
    if event:
        life.saw(Milestone.SCHEDULED, just_after(Source.EVENT_TIME, at(0.09), observed=at(0.1)))
    return [_moved(each, uid, later, ahead) for each in life.told if not isinstance(each, Selected)]


def _moved(said: Observation, uid: str, later: float, ahead: float) -> Observation:
    if not isinstance(said, Witnessed):
        return said
    of_node = MILESTONES[said.mark.milestone].place is Place.NODE
    read = max(each.observed for each in said.evidence) + round(later * SECOND)
    told = []
    for each in said.evidence:
        by = round((later + (ahead if of_node and each.source is not Source.WATCH else 0)) * SECOND)
        at, earliest, latest = (None if moment is None else moment + by for moment in each[1:4])
        told.append(Evidence(each.source, at, earliest, latest, read))
    return said._replace(uid=uid, evidence=tuple(told))


def follow(world: World, told: list[Observation]) -> None:
    """Each observation arrives when it was observed."""
    for each in sorted(told, key=_observed):
        world.tracker.take(told[1].uid, [each], arrived=_observed(each))


def _observed(said: Observation) -> int:
    return said.evidence[0].observed if isinstance(said, Witnessed) else EPOCH


def seen(world: World, uid: str, *, seconds: float = 60) -> ResolvedTimeline:
    """The pod's view."""
    found = world.tracker.view(uid, now=at(seconds))
    assert found is not None
    return found


def test_a_right_clock_is_known_and_nobody_is_told() -> None:
    """Deliveries of 10 ms and a sandbox of 0.91 s bound the offset; 0 is inside."""
    world = World()
    follow(world, lived("pod-1"))
    (found,) = world.tracker.clocks.numbers()
    assert (found.node, found.steps) == ("node-1", 0)
    assert (found.offset.low, found.offset.high) == (-SECOND // 100, 910 * SECOND // 1000 + LATE)
    assert seen(world, "pod-1").clock is None


def test_without_the_schedulers_event_a_pods_creation_bounds_the_clock() -> None:
    """The watch of the binding may have been slow: what it arrived at would put the node's clock back."""
    world = World()
    follow(world, lived("pod-1", event=False))
    (found,) = world.tracker.clocks.numbers()
    assert found.offset.high == SECOND + LATE


def test_a_healthy_node_leaves_the_record_as_it_is() -> None:
    """What was taken is what is kept, to the nanosecond."""
    world = World()
    follow(world, lived("pod-1"))
    assert world.timeline("pod-1").evidence[STARTED][0].at == at(3.2)
    assert world.timeline("pod-1").clock is None


def test_the_pods_of_a_node_that_is_ahead_are_told_as_if_it_were_not() -> None:
    """30 s ahead from the first Event on: instants, phases and their sum are those of a right clock, within 10 ms."""
    world, right = World(), World()
    follow(world, lived("pod-1", ahead=30))
    follow(right, lived("pod-1"))
    told, true = seen(world, "pod-1"), seen(right, "pod-1")
    assert told.skew == 0
    assert told.total == true.total
    assert all(each.duration >= 0 for each in told.phases)
    for one, other in zip(told.milestones, true.milestones, strict=True):
        assert one.mark == other.mark
        assert one.instant is not None
        assert other.instant is not None
        assert abs(one.instant.at - other.instant.at) <= SECOND // 100


def test_a_node_that_is_behind_is_found_too() -> None:
    """30 s behind: its stamps are older than the binding that caused them."""
    world = World()
    follow(world, lived("pod-1", ahead=-30))
    (found,) = world.tracker.clocks.numbers()
    assert found.offset.off
    started = seen(world, "pod-1").instant(Milestone.STARTED, "web")
    assert started is not None
    assert started.earliest is not None
    assert started.latest is not None
    assert started.earliest <= at(3.2) <= started.latest


def test_what_events_of_one_namespace_say_of_a_clock_moves_no_pod_of_another() -> None:
    """Anybody may stamp Events of their own pods an hour ahead; the node's number follows those that come after."""
    world = World()
    follow(world, lived("pod-1"))
    follow(world, lived("forged", later=20, ahead=3600, namespace="evil"))
    follow(world, lived("pod-2", later=40))
    follow(world, lived("pod-3", later=41, namespace="till"))
    assert seen(world, "forged", seconds=90).clock is not None
    assert [seen(world, each, seconds=90).clock for each in ("pod-1", "pod-2", "pod-3")] == [None] * 3
    (found,) = world.tracker.clocks.numbers()
    assert not found.offset.off


def test_nodes_are_told_apart() -> None:
    """One node is off: the pod on the other one is not touched."""
    world = World()
    follow(world, lived("pod-1", ahead=30))
    other = [
        each._replace(detail="node-2") if isinstance(each, Witnessed) and each.detail == "node-1" else each
        for each in lived("pod-2")
    ]
    follow(world, other)
    assert seen(world, "pod-1").clock is not None
    assert seen(world, "pod-2").clock is None


def test_a_start_that_settles_is_counted_by_the_corrected_clock() -> None:
    """What is told to sinks and histograms is the corrected view."""
    world = World()
    follow(world, lived("pod-1", ahead=-30))
    world.commit(20)
    (told,) = world.told
    assert told.view.clock is not None
    assert told.view.clock.at == at(20)
    assert told.view.skew == 0


def test_a_pod_that_started_before_its_nodes_clock_was_set_keeps_its_start() -> None:
    """The clock jumps 60 s ahead between two pods: only the second one is corrected, and the step is counted."""
    world = World()
    follow(world, lived("pod-1"))
    follow(world, lived("pod-2", later=20, ahead=60))
    gone = Life("pod-1").saw(Milestone.DELETION_REQUESTED, watched(40))
    world.take(*gone.told, seconds=40)
    (found,) = world.tracker.clocks.numbers()
    assert found.steps == 1
    first, second = seen(world, "pod-1"), seen(world, "pod-2")
    started = first.instant(Milestone.STARTED, "web")
    assert started is not None
    assert started.at == at(3.2 - ANSWER)
    assert first.skew == second.skew == 0


def test_a_clock_that_was_put_right_no_longer_corrects_what_comes() -> None:
    """30 s ahead at the start, right at the end: the containers' end is taken as it is stamped."""
    world = World()
    follow(world, lived("pod-1", ahead=30))
    follow(world, lived("pod-2", later=20))
    gone = Life("pod-1").saw(Milestone.DELETION_REQUESTED, watched(40))
    gone.saw(Milestone.FINISHED, in_second(41, Source.FIELD), subject="web").saw(Milestone.OBJECT_REMOVED, watched(42))
    world.take(*gone.told, seconds=42)
    view = seen(world, "pod-1")
    started, finished = view.instant(Milestone.STARTED, "web"), view.instant(Milestone.FINISHED, "web")
    assert started is not None
    assert finished is not None
    assert abs(started.at - at(3.2)) <= SECOND // 100
    assert finished.earliest == at(41)
    assert view.skew == 0


def test_a_pod_bound_after_the_clock_was_set_is_not_left_with_the_old_offset() -> None:
    """Its first report comes before its first Event, when the node still seems to be 30 s ahead."""
    world = World()
    follow(world, lived("pod-1", ahead=30))
    follow(world, lived("pod-2", later=20, ahead=-30))
    second = seen(world, "pod-2")
    assert second.clock is not None
    assert second.clock.high < 0
    assert second.skew == 0
    first = seen(world, "pod-1")
    assert first.clock is not None
    assert first.clock.low > 0


def test_of_pods_bound_at_once_each_has_the_offset_that_its_own_events_show() -> None:
    """The clock was set before both were bound; the Event that tells so is of the one that was bound later."""
    world = World()
    follow(world, lived("pod-1", ahead=30))
    early, late = lived("pod-2", later=20, ahead=-30), lived("pod-3", later=20.005, ahead=-30)
    first = at(21)
    for told in (early, late):
        follow(world, [each for each in told if _observed(each) < first])
    follow(world, [each for each in late if _observed(each) >= first])
    follow(world, [each for each in early if _observed(each) >= first])
    for name in ("pod-2", "pod-3"):
        view = seen(world, name)
        assert view.clock is not None
        assert view.clock.high < 0, name
        assert view.skew == 0, name
        started = view.instant(Milestone.STARTED, "web")
        assert started is not None
        assert abs(started.at - at(23.2)) <= SECOND // 50, name
    before = seen(world, "pod-1")
    assert before.clock is not None
    assert before.clock.low > 0


def test_an_event_that_is_told_again_is_not_heard_again() -> None:
    """A repeated Event carries its first stamp: after the clock was set it would bring the old offset back."""
    world = World()
    told = lived("pod-1", ahead=30)
    follow(world, told)
    follow(world, lived("pod-2", later=20))
    again = [
        each._replace(evidence=tuple(e._replace(observed=at(50)) for e in each.evidence))
        for each in told
        if isinstance(each, Witnessed)
    ]
    world.take(*again, seconds=50)
    (found,) = world.tracker.clocks.numbers()
    assert found.steps == 1
    assert not found.offset.off


def test_after_a_restart_an_open_pod_goes_on_being_corrected() -> None:
    """The estimate begins anew, and agrees with what the pod was told before."""
    world = World()
    started = lived("pod-1", ahead=30)
    follow(world, started[:-1])
    world.commit(10)
    world.killed(12)
    follow(world, lived("pod-2", later=20, ahead=30))
    gone = Life("pod-1").saw(Milestone.DELETION_REQUESTED, watched(40))
    gone.saw(Milestone.FINISHED, in_second(71, Source.FIELD)._replace(observed=at(42)), subject="web")
    world.take(*gone.told, seconds=42)
    view = seen(world, "pod-1")
    assert view.clock is not None
    assert (view.clock.since, view.clock.at) == (EPOCH - 100 * SECOND, at(42))
    assert view.skew == 0


def test_a_static_pod_says_nothing_of_causes() -> None:
    """It runs before its mirror is created: its first stamp follows nothing that the API did."""
    world = World()
    life = Life("pod-1").described(facts(uid="pod-1", name="pod-1", mirror="static-1"))
    life.saw(Milestone.SCHEDULED, in_second(0), detail="node-1")
    follow(world, container_start(life, "web", 1.0).told)
    (found,) = world.tracker.clocks.numbers()
    assert found.offset.high is None


def test_a_node_of_which_nothing_is_heard_is_forgotten() -> None:
    """Ten minutes later nothing is known of its clock any more, and its gauge ends."""
    world = World()
    follow(world, lived("pod-1", ahead=30))
    world.tick(4 + WINDOW / SECOND)
    assert list(world.tracker.clocks.numbers()) == []
    later = [each for each in lived("pod-2", later=700) if not isinstance(each, Witnessed) or each.mark in PLACED]
    follow(world, later)
    assert seen(world, "pod-2", seconds=760).clock is None


def test_memory_is_bounded_by_the_nodes_and_not_by_what_they_say() -> None:
    """A thousand statements of one node are one estimator of at most as many spans as the window has minutes."""
    world = World()
    for number in range(100):
        follow(world, lived(f"pod-{number}", later=number * 15))
    ((_, clock),) = world.tracker.clocks._clocks.items()
    assert len(clock._spans) <= 10


def test_the_clocks_of_invented_nodes_push_out_the_oldest_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod can name any node, and whoever may create Events can stamp what its kubelet would."""
    monkeypatch.setattr(clocks, "MAX_CLOCKS", 3)
    world = World()
    for number in range(5):
        renamed = [
            each._replace(detail=f"node-{number}") if isinstance(each, Witnessed) and each.detail == "node-1" else each
            for each in lived(f"pod-{number}", later=number)
        ]
        follow(world, renamed)
    assert [each.node for each in world.tracker.clocks.numbers()] == ["node-2", "node-3", "node-4"]
    assert world.losses.counts[Kept.NODE_CLOCKS] == 2 * 2


def test_invented_nodes_of_one_namespace_take_no_clock_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of a node's clock by the Events of one namespace stands, whoever floods others."""
    monkeypatch.setattr(clocks, "MAX_CLOCKS", 3)
    world = World()
    follow(world, lived("pod-1", ahead=30))
    for number in range(20):
        follow(
            world,
            [
                each._replace(detail=f"node-{number}")
                if isinstance(each, Witnessed) and each.detail == "node-1"
                else each
                for each in lived(f"evil-{number}", namespace="evil")
            ],
        )
    placed = [each for each in lived("pod-2", later=10) if not isinstance(each, Witnessed) or each.mark in PLACED]
    follow(world, placed)
    assert seen(world, "pod-2").clock is not None
