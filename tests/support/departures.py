"""Builds the ends of pods' lives: the request, the kubelet's stop, the containers' ends, the slices, the removal."""

from tests.support.lives import Life, at, in_second, watched

from podtimeline.model.instants import SECOND, Source, exactly, not_before
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Leaves, Ran

SLICE = "shop/web/web-x1"


def stood(life: Life, *subjects: str) -> Life:
    """When the deletion was seen, these slices held the address as ready."""
    life.told.append(Leaves(life.uid, standing=subjects))
    return life


def out(life: Life, seconds: float, *, gone: bool = False, subject: str = SLICE) -> Life:
    """The address no longer stands as ready; the API server noted the write in that very second."""
    evidence = (watched(seconds), not_before(Source.FIELD, at(int(seconds)), observed=at(seconds)))
    life.saw(Milestone.ENDPOINT_TERMINATING, *evidence, subject=subject)
    return life.saw(Milestone.ENDPOINT_REMOVED, *evidence, subject=subject) if gone else life


def asked(life: Life, seconds: float = 20, *, grace: int = 10) -> Life:
    """The deletion of the pod is asked for."""
    life.saw(Milestone.DELETION_REQUESTED, in_second(seconds, Source.FIELD), watched(seconds))
    life.told.append(Leaves(life.uid, grace))
    return life


def killed(life: Life, seconds: float, container: str = "web") -> Life:
    """The kubelet begins to stop a container."""
    announced = exactly(Source.EVENT_NAME, at(seconds), observed=at(seconds + 0.01))
    return life.saw(Milestone.KILLING, announced, subject=container)


def exited(life: Life, seconds: float, code: int = 0, container: str = "web", *, reason: str = "Completed") -> Life:
    """A container's process ends, which the kubelet reports a second later."""
    life.told.append(Ran(life.uid, container, 0, None, at(seconds) // SECOND * SECOND, code, reason))
    return life.saw(Milestone.FINISHED, in_second(seconds, Source.FIELD), watched(seconds + 1), subject=container)


def removed(life: Life, seconds: float) -> Life:
    """The object is gone."""
    return life.saw(Milestone.OBJECT_REMOVED, watched(seconds))
