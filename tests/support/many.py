"""The life of a pod that has more containers than the kubelet has Events: 25, three for each container."""

from tests.support.lives import Life, at, facts, in_second, named, watched

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import ImagePulled
from podtimeline.model.pods import ContainerKind, ContainerSpec

STEP = 0.17
"""Seconds from the start of one container to that of the next."""
FIRST = 1.15
"""When the first one starts, in seconds."""
STEPS = ((Milestone.PULLED, -0.15), (Milestone.CONTAINER_CREATED, -0.09), (Milestone.STARTED, 0.0))


def names(count: int) -> list[str]:
    """The names of the containers, in the order of the spec."""
    return [f"c{number:02d}" for number in range(1, count + 1)]


def started_at(seconds: float) -> Evidence:
    """What ``state.running.startedAt`` says of a start (intake/containers.py)."""
    second = at(seconds) // SECOND * SECOND
    return Evidence(Source.FIELD, second + SECOND // 2, second - SECOND, second + SECOND - 1, at(seconds + 1))


def many(count: int = 40, *, written: int = 25, last: float = 0) -> Life:
    """Started one after the other: all are known by their status, the first of them by ``written`` Events too.

    The last one begins ``last`` seconds later than its turn would have been.
    """
    specs = [ContainerSpec(name, ContainerKind.MAIN, "registry.test/web:1") for name in names(count)]
    life = Life().described(facts(*specs, name="many"))
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.09), in_second(0), detail="node-1")
    life.saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD), watched(0.2))
    life.saw(Milestone.IP_ASSIGNED, watched(0.95), detail="10.0.0.9").saw(Milestone.SANDBOX_READY, watched(0.95))
    begins = {name: FIRST + STEP * number for number, name in enumerate(names(count))}
    begins[names(count)[-1]] += last
    events = [(name, step, begin + after) for name, begin in begins.items() for step, after in STEPS]
    for name, step, moment in events[:written]:
        life.saw(step, named(moment), subject=name)
        if step is Milestone.PULLED:
            life.told.append(ImagePulled("uid-1", name, "registry.test/web:1", cached=True, at=at(moment)))
    end = FIRST + STEP * count + last + 0.2
    for name, begin in begins.items():
        shown = watched(min(int(begin) + 2.3, end))
        life.saw(Milestone.STARTED, started_at(begin), shown, subject=name)
        life.saw(Milestone.STARTUP_PROBE_PASSED, shown, subject=name)
        life.saw(Milestone.CONTAINER_READY, shown, subject=name)
    return life.saw(Milestone.CONTAINERS_READY, watched(end)).saw(Milestone.READY, watched(end))
