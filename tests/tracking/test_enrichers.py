"""Companions are asked on each occasion of a pod's life, once, and what they answer is part of the record."""

from collections.abc import Iterable

from tests.support.lives import Life, facts, ordinary, watched
from tests.tracking.worlds import World

from podtimeline.model.instants import happened
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Observation, Witnessed
from podtimeline.model.pods import PodFacts
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Intake
from podtimeline.tracking.enrichers import Enricher, Occasion
from podtimeline.tracking.records import Tracked

PREDECESSOR = MilestoneKey(Milestone.PREDECESSOR_READY)


class Diary(Enricher):
    """Remembers what it was asked, and answers at the last occasion."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def attach(self, intake: Intake) -> None:
        """See ``Enricher``."""
        self.asked.append("attach")

    def appeared(self, record: Tracked, facts: PodFacts) -> None:
        """See ``Enricher``."""
        self.asked.append(f"appeared {facts.name}")

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """See ``Enricher``."""
        self.asked.append(occasion.value)
        if occasion is Occasion.SETTLING:
            yield Witnessed(record.uid, PREDECESSOR, (happened(now),))

    def closed(self, record: Tracked, now: int) -> None:
        """See ``Enricher``."""
        self.asked.append("closed")


def leaving() -> list[Observation]:
    """The pod of ``ordinary`` is deleted and goes."""
    return Life().saw(Milestone.DELETION_REQUESTED, watched(40)).saw(Milestone.OBJECT_REMOVED, watched(45)).told


def test_each_occasion_of_a_life_comes_once() -> None:
    """However often the pod changes, and in the order of a life."""
    diary = Diary()
    world = World(enrichers=lambda _: (diary,))
    world.take(*ordinary().told, seconds=6)
    world.take(*ordinary().told, seconds=7)
    world.commit(30)
    deleted, removed = leaving()
    world.take(deleted, seconds=40)
    world.take(removed, seconds=45)
    world.commit(60)
    assert diary.asked == ["attach", "appeared web-1", "described", "placed", "settling", "leaving", "closed"]


def test_what_a_companion_says_at_the_last_occasion_is_committed() -> None:
    """It is joined before the record is drained."""
    world = World(enrichers=lambda _: (Diary(),))
    world.take(*ordinary().told, seconds=6)
    world.commit(30)
    assert PREDECESSOR in dict(world.store.records["uid-1"].state.evidence)


def test_after_a_restart_pods_appear_again_and_open_ones_are_asked_again() -> None:
    """A companion keeps nothing of its own: what rests is shown to it without being unpacked."""
    world = World(enrichers=lambda _: (Diary(),))
    world.take(*ordinary().told, seconds=6)
    world.commit(30)
    world.killed(40)
    (diary,) = world.enrichers
    assert isinstance(diary, Diary)
    assert diary.asked == ["attach", "appeared web-1"]
    assert world.codec.unpacked == 0


def test_a_pod_is_placed_once_its_node_is_known() -> None:
    """An Event may tell of the binding before the pod itself says where to."""
    diary = Diary()
    world = World(enrichers=lambda _: (diary,))
    world.take(*Life().saw(Milestone.SCHEDULED, watched(0.08)).told, seconds=0.08)
    world.take(*Life().described(facts()).told, seconds=0.09)
    assert "placed" not in diary.asked
    world.take(*Life().saw(Milestone.SCHEDULED, watched(0.1), detail="node-1").told, seconds=0.1)
    assert diary.asked[-1] == "placed"
