"""The pod whose name a StatefulSet's pod takes: known while it is tracked, after that, and after a restart."""

from tests.support.lives import at
from tests.tracking.owners import OwnedWorld, said, since
from tests.tracking.worlds import RULES

from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone
from podtimeline.model.pods import Owner

STS, RS = Owner("StatefulSet", "db", "sts-1"), Owner("ReplicaSet", "web-abc", "rs-1")
GONE = Milestone.PREDECESSOR_REMOVED


def taken(world: OwnedWorld, seconds: float, *, uid: str = "new") -> float | None:
    """A pod takes the name ``db-0``; when its predecessor was removed, as far as it is told."""
    world.born(uid, seconds, owner=STS, name="db-0")
    return since(world.view(uid, seconds=seconds + 1), GONE)


def lived() -> OwnedWorld:
    """The first ``db-0`` came at 0.5 s and was removed at 20 s."""
    world = OwnedWorld()
    world.born("old", 0.5, owner=STS, name="db-0")
    world.gone("old", 20)
    return world


def test_the_removal_of_the_one_before_is_told_to_the_next() -> None:
    """With its name, and with the evidence of its own record."""
    world = lived()
    assert taken(world, 21) == 20
    assert said(world.view("new"), GONE) == "db-0"


def test_the_first_pod_of_a_name_has_none_before_it() -> None:
    """Nor has a pod whose name no controller gives again."""
    world = OwnedWorld()
    world.born("old", 0.5, owner=RS, name="web-0")
    world.gone("old", 20)
    world.born("new", 21, owner=RS, name="web-0")
    assert since(world.view("new"), GONE) is None
    assert taken(world, 30, uid="first") is None


def test_it_is_remembered_after_its_record_was_dropped() -> None:
    """The name may return much later than a tomb is kept."""
    world = lived()
    for seconds in (30, 30 + 2 * RULES.tombstone / SECOND, 200):
        world.commit(seconds)
    assert world.tracker.timeline("old") is None
    assert taken(world, 400) == 20


def test_a_pod_that_rests_is_asked_all_the_same() -> None:
    """It was restored packed, and goes while the process is the new one."""
    world = OwnedWorld()
    world.owners.selecting = ()
    world.born("old", 0.5, owner=STS, name="db-0")
    world.ready("old", 3)
    world.commit(20)
    world.killed(30)
    world.gone("old", 40)
    assert taken(world, 41) == 40


def test_the_latest_two_of_a_name_count() -> None:
    """In the order of their creation, however they are told."""
    world = lived()
    assert taken(world, 21, uid="second") == 20
    world.gone("second", 50)
    assert taken(world, 51, uid="third") == 50
    assert since(world.view("third", seconds=60), Milestone.CREATED) is not None


def test_a_removal_that_nobody_watched_has_no_time() -> None:
    """It was absent from a listing: it happened, at an unknown moment before."""
    world = OwnedWorld()
    world.born("old", 0.5, owner=STS, name="db-0")
    world.tracker.listed(frozenset(), version="9", arrived=at(60))
    world.born("new", 61, owner=STS, name="db-0")
    reached = {each.mark.milestone: each for each in world.view("new").milestones}
    assert reached[GONE].instant is None
