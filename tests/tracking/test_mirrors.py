"""What the kubelet says under the uid that it gave a static pod is told of the pod's mirror."""

import pytest
from tests.support.lives import Life, at, container_start, facts, in_second, named, watched
from tests.tracking.worlds import World

from podtimeline.model.instants import Source
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.observations import Incident, IncidentKind, Observation
from podtimeline.model.pods import PodFacts

M = Milestone
STATIC = "static-1"


def mirror(uid: str = "uid-1") -> PodFacts:
    """The mirror of the static pod."""
    return facts(uid=uid, mirror=STATIC)


def of_mirror(uid: str = "uid-1") -> list[Observation]:
    """What the API shows of the mirror: accepted at 0.2 s, ready at 6 s."""
    life = Life(uid).described(mirror(uid)).saw(M.CREATED, in_second(0, Source.FIELD), watched(0.9))
    life.saw(M.KUBELET_ADMITTED, watched(0.2)).saw(M.IP_ASSIGNED, watched(3))
    life.saw(M.STARTUP_PROBE_PASSED, watched(6), subject="web").saw(M.CONTAINER_READY, watched(6), subject="web")
    life.saw(M.CONTAINERS_READY, watched(6)).saw(M.READY, watched(6))
    return life.told


def of_kubelet() -> list[Observation]:
    """What the kubelet's Events say, under the uid that it made up."""
    life = container_start(Life(STATIC), "web", 1).noted("Unhealthy", 4, "Readiness probe failed: 503", subject="web")
    life.told.append(Incident(STATIC, IncidentKind.RESIZED, at(9), "bigger"))
    return life.told


@pytest.mark.parametrize("first", [True, False], ids=["events first", "mirror first"])
def test_a_static_pods_start_is_explained_by_the_events_of_its_own_uid(*, first: bool) -> None:
    """Its mirror is made when the kubelet reaches the API, before or after the first Events."""
    world = World()
    parts = (("uid-1", of_mirror()), (STATIC, of_kubelet()))
    for uid, told in reversed(parts) if first else parts:
        (world.refer if uid == STATIC else world.take)(*told, seconds=6)
    seen = world.view()
    assert seen.missing == ()
    assert Phase.UNEXPLAINED not in seen.by_phase()
    assert {Phase.IMAGE_PULL, Phase.CONTAINER_START, Phase.READINESS_PROBE} <= seen.by_phase().keys()
    assert ([each.uid for each in seen.pulls], [each.uid for each in seen.incidents]) == (["uid-1"], ["uid-1"])
    assert [(each.reason, each.text) for each in seen.notes] == [("Unhealthy", "Readiness probe failed: 503")]
    assert len(world.tracker) == 1


def test_a_mirror_that_is_made_anew_takes_the_old_ones_place() -> None:
    """Whoever deletes a mirror only has the kubelet make another: the static pod and its uid stay."""
    world = World()
    world.tracker.take("uid-1", of_mirror(), arrived=at(6))
    gone = Life("uid-1").saw(M.DELETION_REQUESTED, watched(8)).saw(M.OBJECT_REMOVED, watched(9))
    world.tracker.take("uid-1", gone.told, arrived=at(9))
    world.tracker.take("uid-2", of_mirror("uid-2"), arrived=at(10))
    world.refer(*Life(STATIC).saw(M.STARTED, named(11), subject="web").told, seconds=11)
    world.commit(20)
    world.commit(60)
    world.refer(*Life(STATIC).saw(M.CONTAINER_CREATED, named(10.9), subject="web").told, seconds=61)
    assert "uid-1" not in {each.uid for each in world.tracker.views(now=at(61))}
    seen = world.view("uid-2")
    assert all(seen.instant(each, "web") is not None for each in (M.STARTED, M.CONTAINER_CREATED))


def test_after_a_restart_of_the_operator_the_mirror_is_still_known() -> None:
    """Whether its start was over or not: the uid is part of what was saved."""
    world = World()
    world.tracker.take("uid-1", of_mirror(), arrived=at(6))
    world.commit(7)
    world.killed(30)
    world.refer(*Life(STATIC).saw(M.STARTED, named(3.2), subject="web").told, seconds=31)
    assert world.view().instant(M.STARTED, "web") is not None
