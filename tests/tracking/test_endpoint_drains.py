"""In which slices a pod stood as ready when its deletion was seen, and what became of that while nobody looked."""

from dataclasses import dataclass, field

from tests.support.lives import Life, at, ordinary, watched
from tests.tracking.worlds import World

from podtimeline.model.instants import Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Addresses, PodReference
from podtimeline.tracking.endpoint_drains import EndpointDrains

SLICE = "shop/web/web-x1"
OUT, REMOVED = MilestoneKey(Milestone.ENDPOINT_TERMINATING, SLICE), MilestoneKey(Milestone.ENDPOINT_REMOVED, SLICE)


@dataclass
class Slices(Addresses):
    """Slices that hold what they are told to hold."""

    listed: bool = True
    ready: bool = True
    there: bool = True
    asked: list[str] = field(default_factory=list)

    def standing(self, subject: str, pod: PodReference) -> bool | None:
        """See ``ports.Addresses``."""
        self.asked.append(subject)
        return self.ready if self.listed else None

    def present(self, subject: str, pod: PodReference) -> bool | None:
        """See ``ports.Addresses``."""
        return self.there if self.listed else None


def settled(slices: Slices) -> World:
    """A pod that is ready and in its slice, and rests."""
    world = World(enrichers=lambda world: (EndpointDrains(slices, world.timers),))
    world.take(*ordinary().told, seconds=6)
    world.commit(30)
    return world


def deleted(world: World, *, seconds: float = 40) -> Timeline:
    """Its deletion is asked for."""
    world.take(*Life().saw(Milestone.DELETION_REQUESTED, watched(seconds)).told, seconds=seconds)
    return world.timeline("uid-1")


def stood(timeline: Timeline) -> tuple[str, ...] | None:
    """What the record knows of it."""
    return None if timeline.leaves is None else timeline.leaves.standing


def test_a_pod_that_is_to_be_deleted_is_told_where_it_stands() -> None:
    """Those slices that hold its address as ready, of all that ever did."""
    assert stood(deleted(settled(Slices()))) == (SLICE,)
    assert stood(deleted(settled(Slices(ready=False)))) == ()


def test_a_pod_that_stays_asks_for_nothing() -> None:
    """Slices are looked up for pods that leave only."""
    slices = Slices()
    settled(slices)
    assert slices.asked == []


def test_slices_that_are_not_listed_yet_are_waited_for() -> None:
    """And nothing is said of them until they are; nor is one waited for for ever."""
    slices = Slices(listed=False)
    world = settled(slices)
    assert stood(deleted(world)) is None
    world.tick(41)
    assert stood(world.timeline("uid-1")) is None
    slices.listed = True
    world.tick(42)
    assert stood(world.timeline("uid-1")) == (SLICE,)
    asked = len(slices.asked)
    world.tick(43)
    assert len(slices.asked) == asked
    late = Slices(listed=False)
    world = settled(late)
    deleted(world)
    world.tick(200)
    late.listed = True
    world.tick(201)
    assert stood(world.timeline("uid-1")) is None


def test_what_a_slice_said_while_the_process_was_down_is_told_by_the_difference() -> None:
    """That it was over when the slices were listed, and no more; and nothing where all is as it was."""
    slices = Slices()
    world = settled(slices)
    deleted(world)
    world.commit(41)
    slices.listed = slices.ready = False
    world.killed(50)
    assert not world.timeline("uid-1").has(*OUT)
    slices.listed = True
    world.tick(55)
    timeline = world.timeline("uid-1")
    ((source, moment, earliest, latest, _),) = timeline.evidence[OUT]
    assert (source, moment, earliest, latest) == (Source.LISTED, None, None, at(55))
    assert not timeline.has(*REMOVED)
    (drain,) = world.view(seconds=60).drains
    assert drain.out is not None
    assert drain.out.latest == at(55)
    slices.there = False
    world.commit(56)
    world.killed(57)
    world.tick(58)
    assert world.timeline("uid-1").evidence[REMOVED][0].latest == at(57)


def test_a_restart_that_missed_nothing_says_nothing() -> None:
    """The address stands as it stood."""
    world = settled(Slices())
    deleted(world)
    world.commit(41)
    world.killed(50)
    world.tick(51)
    timeline = world.timeline("uid-1")
    assert (timeline.has(*OUT), timeline.has(*REMOVED), stood(timeline)) == (False, False, (SLICE,))
