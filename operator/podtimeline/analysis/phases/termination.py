"""The way back: what the time from the request to delete a pod to its removal went to, and how its containers ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from podtimeline.analysis.evidence.critical_path import Instants, Step, crashed
from podtimeline.analysis.phases.spans import PhaseSpan, Walk
from podtimeline.model.instants import SECOND, Instant
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.observations import Cause, Partial, Ran
from podtimeline.model.pods import ContainerKind, ContainerSpec, PodFacts
from podtimeline.model.timeline import Timeline

_REMOVED, _RELEASED = MilestoneKey(Milestone.OBJECT_REMOVED), MilestoneKey(Milestone.RELEASED)
_KILLED = 137
"""128 and SIGKILL: what a container that was killed exits with."""


@dataclass(frozen=True, slots=True)
class Stop:
    """How one container of a pod that was to be deleted ended; ``None`` is not known, or not yet.

    ``began`` is when the kubelet began to stop it, ``ended`` when its process ended, later than the request.
    ``grace_exceeded``: it was killed when its grace period was over. One that has a ``reason`` without ``ended`` and
    ``exit_code`` has ended, and nothing says when or how.
    """

    container: str
    began: Instant | None
    ended: Instant | None
    exit_code: int | None = None
    reason: str = ""
    grace_exceeded: bool | None = None

    @property
    def unknown(self) -> bool:
        """Whether it has ended and nothing says when or how."""
        return self.ended is None and bool(self.reason)


def measure_leaving(timeline: Timeline, instants: Instants, *, now: int) -> tuple[PhaseSpan, ...]:
    """The phases of the way back, end to end; open up to ``now`` while the object is there.

    Empty where no deletion was asked for or its time is not known.
    """
    facts, asked = timeline.facts, instants.get(MilestoneKey(Milestone.DELETION_REQUESTED))
    if facts is None or asked is None:
        return ()
    walk = Walk(timeline, instants, asked)
    walk.along(_steps(timeline, facts, instants, asked.at))
    if walk.next is None or timeline.has(Milestone.OBJECT_REMOVED):
        # Where it is gone and a step is left, nothing says since when.
        return walk.stretches
    return walk.close(walk.next.phase, walk.next.subject, None, now=now)


def _steps(timeline: Timeline, facts: PodFacts, instants: Instants, asked: int) -> Iterator[Step]:
    """What a pod that leaves waits for: the kubelet, its containers, the kubelet again, finalizers."""
    killed = _marks(Milestone.KILLING, facts.containers, instants, asked)
    if killed:
        yield Step(killed[0], Phase.TERMINATION_PENDING, required=False, owner="")
    running = unknown = ""
    for containers in _in_turn(facts):
        ended = _marks(Milestone.FINISHED, containers, instants, asked)
        running = running or _running(timeline, containers, instants)
        unknown = unknown or next((each.name for each in containers if _end_unknown(timeline, each.name, instants)), "")
        if ended and not running and not unknown:
            yield Step(ended[-1], Phase.CONTAINER_STOP, required=False)
    last = Phase.CLEANUP
    if running:
        last = Phase.CONTAINER_STOP if killed else Phase.TERMINATION_PENDING
    elif not timeline.has(Milestone.KUBELET_ADMITTED) and timeline.has(Milestone.SCHEDULED):
        last = Phase.TERMINATION_PENDING
    if unknown or (running and timeline.has(Milestone.OBJECT_REMOVED) and not _watched(timeline)):
        last = Phase.UNEXPLAINED
    running = running or unknown
    yield Step(_RELEASED, last, required=False, owner=running)
    held = timeline.has(Milestone.RELEASED)
    yield Step(_REMOVED, Phase.FINALIZERS if held else last, owner="" if held else running)


def _watched(timeline: Timeline) -> bool:
    """Whether the removal of a pod whose containers ran means that it was removed by force.

    A kubelet reports the end of every container before it lets go of the object (KEP-3329): where nothing was missed
    and no end was told, it was not the kubelet that removed the object.
    """
    by_force = timeline.deletion_cause is not None and timeline.deletion_cause.cause is Cause.POD_GC
    return by_force or Partial.GAP not in timeline.partial


def _in_turn(facts: PodFacts) -> Iterator[list[ContainerSpec]]:
    """The containers in the order in which they are waited for: sidecars end when the others have (KEP-753)."""
    yield [each for each in facts.containers if each.kind is not ContainerKind.SIDECAR]
    yield [each for each in facts.containers if each.kind is ContainerKind.SIDECAR]


def _marks(
    milestone: Milestone, containers: Iterable[ContainerSpec], instants: Instants, asked: int
) -> list[MilestoneKey]:
    """The marks of containers that are not before the request, the earliest first."""
    marks = [mark for each in containers if (mark := MilestoneKey(milestone, each.name)) in instants]
    return sorted((mark for mark in marks if instants[mark].at >= asked), key=lambda mark: instants[mark].at)


def _running(timeline: Timeline, containers: Iterable[ContainerSpec], instants: Instants) -> str:
    """A container that was started and is not known to have ended; empty where there is none."""
    for each in containers:
        over = timeline.has(Milestone.FINISHED, each.name) or crashed(timeline, each.name)
        if not over and MilestoneKey(Milestone.STARTED, each.name) in instants:
            return each.name
    return ""


def _end_unknown(timeline: Timeline, container: str, instants: Instants) -> bool:
    """Whether the container has ended at a moment that nothing tells: what it held up, and how long, is not known."""
    mark = MilestoneKey(Milestone.FINISHED, container)
    return mark in timeline.evidence and mark not in instants and timeline.has(Milestone.STARTED, container)


def stops(timeline: Timeline, instants: Instants) -> tuple[Stop, ...]:
    """How each container ended that the deletion ended, in the order of the spec."""
    facts, asked = timeline.facts, instants.get(MilestoneKey(Milestone.DELETION_REQUESTED))
    if facts is None or asked is None:
        return ()
    found = (_stop(each.name, timeline, instants, asked) for each in facts.containers)
    return tuple(each for each in found if each is not None)


def _stop(container: str, timeline: Timeline, instants: Instants, asked: Instant) -> Stop | None:
    began = _after(instants.get(MilestoneKey(Milestone.KILLING, container)), asked)
    ended = _after(instants.get(MilestoneKey(Milestone.FINISHED, container)), asked)
    if began is None and ended is None:
        return None
    ran = _last_run(timeline, container)
    if ended is None:
        unknown = ran is not None and _end_unknown(timeline, container, instants)
        return Stop(container, began, None, reason=ran.reason if ran is not None and unknown else "")
    if ran is None or ran.exit_code is None:
        return Stop(container, began, ended)
    return Stop(container, began, ended, ran.exit_code, ran.reason, _outlived(timeline, ran, began or asked, ended))


def _after(instant: Instant | None, asked: Instant) -> Instant | None:
    return None if instant is None or instant.at < asked.at else instant


def _last_run(timeline: Timeline, container: str) -> Ran | None:
    over = [ran for (name, _), ran in timeline.runs.items() if name == container and ran.over]
    return max(over, key=lambda ran: ran.run, default=None)


def _outlived(timeline: Timeline, ran: Ran, began: Instant, ended: Instant) -> bool | None:
    """Whether the container was killed as late as its grace period allows (kuberuntime_container.go, killContainer)."""
    grace = None if timeline.leaves is None else timeline.leaves.grace
    if not grace or began.earliest is None or ended.latest is None:
        return None
    return ran.exit_code == _KILLED and ran.reason != "OOMKilled" and ended.latest >= began.earliest + grace * SECOND
