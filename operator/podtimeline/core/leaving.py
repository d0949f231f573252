"""The way back: what the time from the request to delete a pod to its removal went to, and what it did to traffic."""

from collections.abc import Iterator
from dataclasses import dataclass

from podtimeline.core.instants import Instant
from podtimeline.core.milestones import Mark, Milestone, Phase
from podtimeline.core.path import Instants, Step
from podtimeline.core.phases import Stretch, Walk
from podtimeline.core.pods import ContainerKind, PodFacts
from podtimeline.core.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Drain:
    """How one EndpointSlice let go of a pod that was to be deleted; durations are nanoseconds.

    ``subject`` is ``namespace/service/slice``. ``out`` is when its address no longer stood as ready, ``None`` while it
    does. ``lag`` is how long it stood as ready after the deletion was asked for. ``lost`` is how long it stood as ready
    after the pod's first main container had exited, so that connections were refused: ``None`` where it did not, and
    ``surely`` is True where the bounds of both instants leave no doubt.
    """

    subject: str
    out: Instant | None
    lag: int
    lost: int | None = None
    surely: bool = False


def measure_leaving(timeline: Timeline, instants: Instants, *, now: int) -> tuple[Stretch, ...]:
    """The phases of the way back, end to end; open up to ``now`` while the object is there.

    Empty where no deletion was asked for or its time is not known.
    """
    facts, asked = timeline.facts, instants.get(Mark(Milestone.DELETION_REQUESTED))
    if facts is None or asked is None:
        return ()
    walk = Walk(timeline, instants, asked)
    walk.along(_steps(timeline, facts, instants, asked.at))
    if walk.next is None:
        return walk.stretches
    if timeline.has(Milestone.OBJECT_REMOVED):
        # It is gone, and nothing says since when.
        return walk.stretches
    return walk.close(walk.next.phase, walk.next.subject, None, now=now)


def _steps(timeline: Timeline, facts: PodFacts, instants: Instants, asked: int) -> Iterator[Step]:
    removed, released = Mark(Milestone.OBJECT_REMOVED), Mark(Milestone.RELEASED)
    kill = _first(Milestone.KILLING, facts, instants, after=asked)
    stopped = _last_finished(facts, instants, after=asked)
    running = _running(timeline, facts, instants, asked)
    if kill is not None:
        yield Step(kill, Phase.KILL_NOTICE, required=False, owner="")
    if stopped is not None and not running:
        yield Step(stopped, Phase.CONTAINER_STOP, required=False)
    yield Step(released, Phase.CLEANUP, required=False)
    if released in instants:
        yield Step(removed, Phase.FINALIZERS)
    elif removed in instants and running:
        # Removed while containers were still said to run: by force, or their end was not observed.
        yield Step(removed, Phase.UNEXPLAINED)
    elif running:
        yield Step(removed, Phase.CONTAINER_STOP if kill is not None else Phase.KILL_NOTICE, owner=running)
    else:
        yield Step(removed, Phase.CLEANUP)


def _first(milestone: Milestone, facts: PodFacts, instants: Instants, *, after: int) -> Mark | None:
    marks = [mark for each in facts.containers if (mark := Mark(milestone, each.name)) in instants]
    late = [mark for mark in marks if instants[mark].at > after]
    return min(late, key=lambda mark: instants[mark].at, default=None)


def _last_finished(facts: PodFacts, instants: Instants, *, after: int) -> Mark | None:
    marks = [mark for each in facts.containers if (mark := Mark(Milestone.FINISHED, each.name)) in instants]
    late = [mark for mark in marks if instants[mark].at > after]
    return max(late, key=lambda mark: instants[mark].at, default=None)


def _running(timeline: Timeline, facts: PodFacts, instants: Instants, asked: int) -> str:
    """A container that was started and is not known to have ended; empty where there is none."""
    for each in facts.containers:
        started = instants.get(Mark(Milestone.STARTED, each.name))
        over = timeline.has(Milestone.FINISHED, each.name) or each.kind is ContainerKind.INIT
        if started is not None and started.at <= asked and not over:
            return each.name
    return ""


def drains(timeline: Timeline, instants: Instants, *, now: int) -> tuple[Drain, ...]:
    """How each slice that held the pod's ready address when its deletion was asked for let go of it."""
    asked, facts = instants.get(Mark(Milestone.DELETION_REQUESTED)), timeline.facts
    if asked is None or facts is None:
        return ()
    exited = _first_exit(facts, instants)
    found = (
        _drain(mark.subject, timeline, instants, asked, exited, now)
        for mark in sorted(timeline.evidence)
        if mark.milestone is Milestone.ENDPOINT_READY
    )
    return tuple(each for each in found if each is not None)


def _drain(
    subject: str, timeline: Timeline, instants: Instants, asked: Instant, exited: Instant | None, now: int
) -> Drain | None:
    marks = [Mark(each, subject) for each in (Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED)]
    told = [mark for mark in marks if mark in timeline.evidence]
    known = [instants[mark] for mark in told if mark in instants]
    if told and not known:
        return None
    out = min(known, key=lambda instant: instant.at, default=None)
    if out is not None and out.latest is not None and asked.earliest is not None and out.latest < asked.earliest:
        # It had stopped standing as ready before: nothing was left to drain.
        return None
    end = now if out is None else out.at
    lost = None if exited is None or end <= exited.at else end - exited.at
    surely = (
        lost is not None
        and exited is not None
        and exited.latest is not None
        and (out is None or (out.earliest is not None and out.earliest > exited.latest))
    )
    return Drain(subject, out, max(end - asked.at, 0), lost, surely)


def _first_exit(facts: PodFacts, instants: Instants) -> Instant | None:
    exits = [
        instants[mark]
        for each in facts.containers
        if each.kind is ContainerKind.MAIN and (mark := Mark(Milestone.FINISHED, each.name)) in instants
    ]
    return min(exits, key=lambda instant: instant.at, default=None)
