"""What a deletion did to traffic: how long each EndpointSlice held the address of a pod that was to be deleted."""

from dataclasses import dataclass

from podtimeline.analysis.evidence.critical_path import Instants
from podtimeline.model.instants import Instant
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.pods import ContainerKind, ContainerSpec, PodFacts
from podtimeline.model.timeline import Timeline

_ENDS = (Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED)


@dataclass(frozen=True, slots=True)
class Drain:
    """How one EndpointSlice let go of a pod that was to be deleted; durations are nanoseconds.

    ``subject`` is ``namespace/service/slice``. ``out`` is when its address no longer stood as ready, ``None`` while it
    does. ``lag`` is how long it stood as ready after the deletion was asked for. ``exited`` is the container whose end
    left nobody to answer. ``lost`` is how long the address stood as ready after that end: 0 where it was out first,
    ``None`` where no end is known. ``confirmed`` is True where the bounds leave no doubt that it was not out first.
    """

    subject: str
    out: Instant | None
    lag: int
    exited: str = ""
    lost: int | None = None
    confirmed: bool = False


def drains(timeline: Timeline, instants: Instants, *, now: int) -> tuple[Drain, ...]:
    """How each slice let go in which the pod's address stood as ready when its deletion was asked for."""
    asked, facts = instants.get(MilestoneKey(Milestone.DELETION_REQUESTED)), timeline.facts
    if asked is None or facts is None:
        return ()
    outs = {subject: _out(subject, instants, asked) for subject in _subjects(timeline, instants, asked)}
    return tuple(
        _drain(subject, out, asked, _exit(subject, timeline, facts, instants), now)
        for subject, out in sorted(outs.items())
    )


def _subjects(timeline: Timeline, instants: Instants, asked: Instant) -> set[str]:
    """The slices that held the address: by what they said then, and by what they said after the request.

    An address that is marked as terminating, or leaves, while it stands as ready is told as no longer standing.
    """
    stood = None if timeline.leaves is None else timeline.leaves.standing
    ends = _ENDS if stood is None else _ENDS[:1]
    went = {mark.subject for mark in instants if mark.milestone in ends and _since(instants[mark], asked)}
    return went.union(stood or ())


def _out(subject: str, instants: Instants, asked: Instant) -> Instant | None:
    known = [instants[mark] for each in _ENDS if (mark := MilestoneKey(each, subject)) in instants]
    return min((each for each in known if _since(each, asked)), key=lambda each: each.at, default=None)


def _since(instant: Instant, asked: Instant) -> bool:
    """Whether it may have been after the request: what was before is of another time."""
    return instant.latest is None or asked.earliest is None or instant.latest >= asked.earliest


def _drain(subject: str, out: Instant | None, asked: Instant, end: tuple[str, Instant] | None, now: int) -> Drain:
    until = max(now if out is None else out.at, asked.at)
    if end is None:
        return Drain(subject, out, until - asked.at)
    exited, at = end
    confirmed = at.latest is not None and (out is None or (out.earliest is not None and out.earliest > at.latest))
    return Drain(subject, out, until - asked.at, exited, max(until - at.at, 0), confirmed)


def _exit(subject: str, timeline: Timeline, facts: PodFacts, instants: Instants) -> tuple[str, Instant] | None:
    """The end that left nobody to answer; ``None`` while one of the containers that answer has not ended."""
    ends: list[tuple[str, Instant]] = []
    for each in _serving(facts, timeline.details.get(MilestoneKey(Milestone.ENDPOINT_READY, subject), "")):
        end = instants.get(MilestoneKey(Milestone.FINISHED, each.name))
        if end is None:
            return None
        ends.append((each.name, end))
    return max(ends, key=lambda each: each[1].at, default=None)


def _serving(facts: PodFacts, ports: str) -> list[ContainerSpec]:
    """The containers that declare a port of the slice; without any, each main container may be the one."""
    wanted = {each.rpartition(":")[2] for each in ports.split(",")}
    running = [each for each in facts.containers if each.kind is not ContainerKind.INIT]
    named = [each for each in running if wanted.intersection(each.ports)]
    return named or [each for each in running if each.kind is ContainerKind.MAIN]
