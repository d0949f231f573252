"""Phases: the critical path of a pod's start, cut into disjoint stretches that sum exactly to the total.

Parallel work is charged to the container that became ready last; what ran beside it is listed, not summed. A stretch
whose inner milestones were not observed is ``unexplained``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from podtimeline.core.instants import Instant
from podtimeline.core.milestones import Mark, Milestone, Phase
from podtimeline.core.pods import ContainerKind, ContainerSpec, PodFacts
from podtimeline.core.timeline import Timeline

Instants = Mapping[Mark, Instant]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One phase of the critical path: [start, end) in nanoseconds since the epoch.

    ``subject`` is the container or endpoint it belongs to. ``at_least`` and ``at_most`` bound the duration, ``None``
    where nothing does. ``skew`` is by how much the clocks of its two ends contradict each other (the stretch is then
    of length 0), 0 where they agree. ``open`` is True while the phase still goes on.
    """

    phase: Phase
    start: int
    end: int
    subject: str = ""
    at_least: int | None = None
    at_most: int | None = None
    skew: int = 0
    open: bool = False

    @property
    def duration(self) -> int:
        """Length in nanoseconds, never negative."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Step:
    """A milestone of the critical path and the phase that the time before it is charged to."""

    mark: Mark
    phase: Phase
    required: bool = True


def critical_path(timeline: Timeline, facts: PodFacts, instants: Instants) -> Iterator[Step]:
    """The steps a pod takes from creation to its last endpoint, through the container that was ready last."""
    if not facts.mirror:
        yield Step(Mark(Milestone.SCHEDULED), Phase.SCHEDULING)
        yield Step(Mark(Milestone.KUBELET_ACCEPTED), Phase.KUBELET_ADMISSION)
    yield Step(Mark(Milestone.IP_ASSIGNED), Phase.SANDBOX)
    for container in facts.containers:
        if container.kind is not ContainerKind.MAIN:
            yield from _start_steps(timeline, container)
            yield _init_done(container)
    critical = critical_container(facts, instants)
    if critical is not None:
        yield from _main_steps(timeline, facts, critical, instants)
    yield Step(Mark(Milestone.CONTAINERS_READY), Phase.STATUS_REPORT)
    gated = Phase.READINESS_GATES if facts.readiness_gates else Phase.STATUS_REPORT
    yield Step(Mark(Milestone.READY), gated)
    endpoint = last_endpoint(timeline, instants)
    if endpoint is not None:
        yield Step(endpoint, Phase.ENDPOINT)


def critical_container(facts: PodFacts, instants: Instants) -> ContainerSpec | None:
    """The main container that became ready last; while one is not ready, the first such in the order of the spec."""
    mains = [each for each in facts.containers if each.kind is ContainerKind.MAIN]
    for container in mains:
        if Mark(Milestone.CONTAINER_READY, container.name) not in instants:
            return container
    return max(mains, key=lambda each: instants[Mark(Milestone.CONTAINER_READY, each.name)].at, default=None)


def last_endpoint(timeline: Timeline, instants: Instants) -> Mark | None:
    """The endpoint that ends the way to traffic: the last one of a selecting Service, ``None`` where there is none.

    ``None`` too where an address was there already when a slice was listed: traffic can come, nobody knows since when.
    """
    seen: dict[str, list[Mark]] = {}
    for mark in timeline.evidence:
        if mark.milestone is Milestone.ENDPOINT_READY:
            seen.setdefault(service_of(mark.subject), []).append(mark)
    expected = sorted(timeline.services if timeline.services is not None else seen)
    for service in expected:
        if service not in seen:
            return Mark(Milestone.ENDPOINT_READY, service)
    timed = [[mark for mark in seen[service] if mark in instants] for service in expected]
    if not all(timed):
        return None
    # A Service spreads one pod over several slices (address families): the first of each says traffic can come.
    firsts = [min(marks, key=lambda mark: instants[mark].at) for marks in timed]
    return max(firsts, key=lambda mark: instants[mark].at, default=None)


def service_of(subject: str) -> str:
    """``namespace/service`` of an endpoint's subject ``namespace/service/slice``."""
    return subject.rpartition("/")[0]


def _start_steps(timeline: Timeline, container: ContainerSpec) -> Iterator[Step]:
    name = container.name
    pull = timeline.pulls.get(name)
    cached = pull is not None and pull.cached
    if not cached:
        yield Step(Mark(Milestone.PULL_STARTED, name), Phase.KUBELET_SYNC)
    yield Step(Mark(Milestone.PULLED, name), Phase.KUBELET_SYNC if cached else Phase.IMAGE_PULL)
    yield Step(Mark(Milestone.CONTAINER_CREATED, name), Phase.CONTAINER_CREATE)
    yield Step(Mark(Milestone.STARTED, name), Phase.CONTAINER_START)


def _init_done(container: ContainerSpec) -> Step:
    if container.kind is ContainerKind.INIT:
        return Step(Mark(Milestone.FINISHED, container.name), Phase.INIT_RUN)
    probed = Phase.STARTUP_PROBE if container.startup_probe else Phase.STATUS_REPORT
    return Step(Mark(Milestone.STARTED_PROBE_PASSED, container.name), probed)


def _main_steps(timeline: Timeline, facts: PodFacts, critical: ContainerSpec, instants: Instants) -> Iterator[Step]:
    # The kubelet starts main containers one after the other: what the critical one waited for is its elder siblings.
    begun = _first_known(critical, instants)
    for container in facts.containers:
        if container.kind is not ContainerKind.MAIN or container is critical:
            continue
        started = instants.get(Mark(Milestone.STARTED, container.name))
        if begun is not None and started is not None and started.at <= begun:
            yield from _start_steps(timeline, container)
    yield from _start_steps(timeline, critical)
    if critical.startup_probe:
        yield Step(Mark(Milestone.STARTED_PROBE_PASSED, critical.name), Phase.STARTUP_PROBE)
    probed = Phase.READINESS_PROBE if critical.readiness_probe else Phase.STATUS_REPORT
    yield Step(Mark(Milestone.CONTAINER_READY, critical.name), probed)


def _first_known(container: ContainerSpec, instants: Instants) -> int | None:
    path = (Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED)
    known = [instants[mark].at for each in path if (mark := Mark(each, container.name)) in instants]
    return min(known, default=None)


def measure(timeline: Timeline, instants: Instants, *, now: int) -> tuple[Stretch, ...]:
    """The phases of the pod's start, in order; each begins where the one before it ends.

    Empty where the pod's spec or the moment it began is unknown. A start that is still under way ends in an open
    stretch up to ``now``; one that ended without readiness ends where the pod finished or was deleted.
    """
    facts = timeline.facts
    begin = beginning(timeline, instants)
    if facts is None or begin is None:
        return ()
    walk = _Walk(timeline, instants, begin)
    for step in critical_path(timeline, facts, instants):
        walk.take(step)
    return walk.finish(facts, now)


def beginning(timeline: Timeline, instants: Instants) -> Instant | None:
    """Where the start begins: creation; for a static pod, whose mirror comes later, the kubelet's acceptance."""
    mirror = timeline.facts is not None and timeline.facts.mirror
    return instants.get(Mark(Milestone.KUBELET_ACCEPTED if mirror else Milestone.CREATED))


class _Walk:
    """Walks the critical path and lays stretches end to end."""

    def __init__(self, timeline: Timeline, instants: Instants, begin: Instant) -> None:
        self._timeline = timeline
        self._instants = instants
        self._at = begin.at
        self._known = begin
        self._gap = False
        self._next: Step | None = None
        self._stretches: list[Stretch] = []

    def take(self, step: Step) -> None:
        instant = self._instants.get(step.mark)
        if instant is None:
            if step.required:
                self._gap = True
                self._next = self._next or step
            return
        phase = Phase.UNEXPLAINED if self._gap else step.phase
        if self._gap and instant.at <= self._at and self._stretches:
            # Steps in between took time: what stands before them only ends here because nothing says where it ended.
            self._stretches[-1] = replace(self._stretches[-1], phase=Phase.UNEXPLAINED)
        self._lay(phase, step.mark.subject, instant)
        self._gap, self._next = False, None

    def _lay(self, phase: Phase, subject: str, instant: Instant) -> None:
        end = max(self._at, instant.at)
        queued = self._queued(phase, subject, end)
        if queued:
            self._append(Stretch(Phase.IMAGE_QUEUE, self._at, self._at + queued, subject))
            self._at += queued
        at_least, at_most = _bounds(self._known, instant) if not queued else (None, None)
        skew = max(end - instant.at, 0)
        if end > self._at or skew:
            self._append(Stretch(phase, self._at, end, subject, at_least, at_most, skew))
        self._at, self._known = end, instant

    def _queued(self, phase: Phase, subject: str, end: int) -> int:
        pull = self._timeline.pulls.get(subject)
        if phase is not Phase.IMAGE_PULL or pull is None or pull.waiting is None or pull.pull is None:
            return 0
        return min(max(pull.waiting - pull.pull, 0), end - self._at)

    def _append(self, stretch: Stretch) -> None:
        last = self._stretches[-1] if self._stretches else None
        if last is None or (last.phase, last.subject) != (stretch.phase, stretch.subject):
            self._stretches.append(stretch)
            return
        skew = max(last.skew, stretch.skew)
        self._stretches[-1] = Stretch(last.phase, last.start, stretch.end, last.subject, None, None, skew)

    def finish(self, facts: PodFacts, now: int) -> tuple[Stretch, ...]:
        """Close the path: at readiness, at the pod's end, or open at ``now``."""
        if self._next is None:
            return tuple(self._stretches)
        ended = _ended(self._timeline, facts, self._instants)
        phase = self._next.phase
        over = self._timeline.ended is not None and not called_off(self._timeline, facts, self._instants)
        if over and self._next.mark.milestone in _AFTER_START:
            phase = Phase.RUN
        end = now if ended is None else ended.at
        if end > self._at:
            self._append(Stretch(phase, self._at, end, self._next.mark.subject, open=ended is None))
        elif ended is None:
            self._append(Stretch(phase, self._at, self._at, self._next.mark.subject, open=True))
        return tuple(self._stretches)


_AFTER_START = frozenset(
    {Milestone.STARTED_PROBE_PASSED, Milestone.CONTAINER_READY, Milestone.CONTAINERS_READY, Milestone.READY}
)


def called_off(timeline: Timeline, facts: PodFacts, instants: Instants) -> bool:
    """Whether the pod was deleted before it ended by itself: what its containers then exit with is the kubelet's doing.

    Where nothing says when they exited, a pod that ended is taken at its word: eviction leaves no such statuses.
    """
    if timeline.ended is None:
        return timeline.has(Milestone.DELETION_REQUESTED) or timeline.has(Milestone.OBJECT_REMOVED)
    deleted, finished = instants.get(Mark(Milestone.DELETION_REQUESTED)), _finished(facts, instants)
    return deleted is not None and finished is not None and deleted.at <= finished.at


def _finished(facts: PodFacts, instants: Instants) -> Instant | None:
    finished = [
        instants[mark]
        for each in facts.containers
        if each.kind is ContainerKind.MAIN and (mark := Mark(Milestone.FINISHED, each.name)) in instants
    ]
    return max(finished, key=lambda instant: instant.at, default=None)


def _ended(timeline: Timeline, facts: PodFacts, instants: Instants) -> Instant | None:
    if timeline.ended is not None and not called_off(timeline, facts, instants):
        finished = _finished(facts, instants)
        if finished is not None:
            return finished
    deleted = instants.get(Mark(Milestone.DELETION_REQUESTED))
    return deleted or instants.get(Mark(Milestone.OBJECT_REMOVED))


def _bounds(start: Instant, end: Instant) -> tuple[int | None, int | None]:
    least = None if end.earliest is None or start.latest is None else max(end.earliest - start.latest, 0)
    most = None if end.latest is None or start.earliest is None else end.latest - start.earliest
    return least, most
