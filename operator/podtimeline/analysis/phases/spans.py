"""Phases: the critical path of each leg of a pod's way, cut into disjoint stretches that sum exactly to its length.

Parallel work is charged to the container that became ready last; what ran beside it is listed, not summed. A stretch
whose inner milestones were not observed is ``unexplained``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from podtimeline.analysis.evidence.critical_path import Instants, Step, pull_failed, request_path, startup_path
from podtimeline.analysis.evidence.endings import cannot_be_ready, ended, is_over, stopped_by_deletion
from podtimeline.model.instants import SECOND, Instant
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.observations import Ran
from podtimeline.model.pods import PodFacts
from podtimeline.model.timeline import Timeline


@dataclass(frozen=True, slots=True)
class PhaseSpan:
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


def measure(timeline: Timeline, instants: Instants, *, now: int, path: Iterable[Step]) -> tuple[PhaseSpan, ...]:
    """The phases of the pod's start, in order; each begins where the one before it ends. ``path`` is its startup path.

    Empty where the pod's spec or the moment it began is unknown. A start that is still under way ends in an open
    stretch up to ``now``; one that ended without readiness ends where the pod finished or was deleted.
    """
    facts = timeline.facts
    begin = beginning(timeline, instants)
    if facts is None or begin is None:
        return ()
    timeline, upward = _upward(timeline, facts, instants)
    walk = Walk(timeline, upward, begin)
    walk.along(path if upward is instants else startup_path(timeline, facts, upward))
    return _finished_start(walk, timeline, facts, instants, upward, now)


def _upward(timeline: Timeline, facts: PodFacts, instants: Instants) -> tuple[Timeline, Instants]:
    """What is of the start alone: of a pod that never got ready, nothing that came after its deletion was asked for."""
    deleted = instants.get(MilestoneKey(Milestone.DELETION_REQUESTED))
    if deleted is None or MilestoneKey(Milestone.READY) in instants:
        return timeline, instants
    # A run's end is only known to the second: it may be after the request if it can be.
    before = deleted.at - SECOND
    late = {key for key, ran in timeline.runs.items() if ran.finished is not None and ran.finished > before}
    runs = {key: Ran(ran.uid, *key, ran.started) if key in late else ran for key, ran in timeline.runs.items()}
    stopped = stopped_by_deletion(timeline, facts, instants)
    evidence = {mark: each for mark, each in timeline.evidence.items() if mark not in stopped}
    return (
        replace(timeline, runs=runs, evidence=evidence) if late or stopped else timeline,
        {mark: each for mark, each in instants.items() if each.at <= deleted.at and mark not in stopped},
    )


def measure_request(timeline: Timeline, instants: Instants) -> tuple[PhaseSpan, ...]:
    """The phases from the owner's request to the pod's creation; empty where one of the two is not known."""
    begin, created = (
        instants.get(MilestoneKey(Milestone.ROLLOUT_STARTED)),
        instants.get(MilestoneKey(Milestone.CREATED)),
    )
    if begin is None or created is None:
        return ()
    walk = Walk(timeline, instants, begin)
    walk.along(request_path(instants))
    return walk.stretches


def beginning(timeline: Timeline, instants: Instants) -> Instant | None:
    """Where the start begins: creation; for a static pod, whose mirror comes later, the kubelet's acceptance."""
    mirror = timeline.facts is not None and timeline.facts.mirror
    return instants.get(MilestoneKey(Milestone.KUBELET_ADMITTED if mirror else Milestone.CREATED))


class Walk:
    """Walks a critical path from ``begin`` and lays stretches end to end."""

    def __init__(self, timeline: Timeline, instants: Instants, begin: Instant) -> None:
        self._timeline = timeline
        self._instants = instants
        self._at = begin.at
        self._known = begin
        self._gap = False
        self._stretches: list[PhaseSpan] = []
        self.next: Step | None = None
        """The first step that was not observed and that no later one has passed."""

    @property
    def stretches(self) -> tuple[PhaseSpan, ...]:
        """What was laid so far."""
        return tuple(self._stretches)

    @property
    def at(self) -> int:
        """Where the last stretch ends."""
        return self._at

    def along(self, steps: Iterable[Step]) -> None:
        """Take the steps, but for those that are not required and lie outside their neighbours."""
        path = list(steps)
        ceilings: list[int | None] = []
        ceiling: int | None = None
        for step in reversed(path):
            ceilings.append(ceiling)
            instant = self._instants.get(step.mark) if step.required else None
            ceiling = ceiling if instant is None else instant.at
        for step, limit in zip(path, reversed(ceilings), strict=True):
            if step.required or self._between(step, limit):
                self._take(step)

    def _between(self, step: Step, limit: int | None) -> bool:
        instant = self._instants.get(step.mark)
        return instant is not None and instant.at > self._at and (limit is None or instant.at <= limit)

    def _take(self, step: Step) -> None:
        instant = self._instants.get(step.mark)
        if instant is None:
            self._gap = True
            self.next = self.next or step
            return
        phase = Phase.UNEXPLAINED if self._gap else step.phase
        if self._gap and instant.at <= self._at and self._stretches:
            # Steps in between took time: what stands before them only ends here because nothing says where it ended.
            self._stretches[-1] = replace(self._stretches[-1], phase=Phase.UNEXPLAINED)
        self._lay(phase, step.subject, instant)
        self._gap, self.next = False, None

    def _lay(self, phase: Phase, subject: str, instant: Instant) -> None:
        end = max(self._at, instant.at)
        before = self._before_pull(phase, subject, end)
        for part, length in before:
            self._append(PhaseSpan(part, self._at, self._at + length, subject))
            self._at += length
        at_least, at_most = bounds(self._known, instant) if not before else (None, None)
        skew = _contradiction(self._known, instant)
        if end > self._at or skew:
            self._append(PhaseSpan(phase, self._at, end, subject, at_least, at_most, skew))
        self._at, self._known = end, instant if skew else _later(self._known, instant)

    def _before_pull(self, phase: Phase, subject: str, end: int) -> list[tuple[Phase, int]]:
        """What of the time up to ``pulled`` was not the pull: attempts that failed, and the queue."""
        pull = self._timeline.pulls.get(subject)
        if phase is not Phase.IMAGE_PULL or pull is None or pull.pull is None:
            return []
        length = end - self._at
        took = max(pull.waiting or pull.pull, pull.pull)
        lost = max(length - took, 0) if pull_failed(subject, self._instants) else 0
        queued = min(took - pull.pull, length - lost)
        return [(part, each) for part, each in ((Phase.IMAGE_BACKOFF, lost), (Phase.IMAGE_QUEUE, queued)) if each > 0]

    def _append(self, stretch: PhaseSpan) -> None:
        last = self._stretches[-1] if self._stretches else None
        if last is None or (last.phase, last.subject) != (stretch.phase, stretch.subject):
            self._stretches.append(stretch)
            return
        skew = max(last.skew, stretch.skew)
        self._stretches[-1] = PhaseSpan(last.phase, last.start, stretch.end, last.subject, skew=skew, open=stretch.open)

    def close(self, phase: Phase, subject: str, end: int | None, *, now: int) -> tuple[PhaseSpan, ...]:
        """Lay the last stretch, of what was not observed: up to ``end``, or open at ``now``.

        A start that was over at once has it all the same, of no length: it says where the start ended.
        """
        until = max(now if end is None else end, self._at)
        if until > self._at or end is None or not self._stretches:
            self._append(PhaseSpan(phase, self._at, until, subject, open=end is None))
        return self.stretches


def _contradiction(before: Instant, after: Instant) -> int:
    """By how much the bounds of two instants contradict their order; what is only estimated contradicts nothing."""
    if before.earliest is None or after.latest is None:
        return 0
    return max(before.earliest - after.latest, 0)


def _later(before: Instant, after: Instant) -> Instant:
    """When both of two instants that can be in either order were over."""
    if after.at >= before.at:
        return after
    earliest = max((each for each in (before.earliest, after.earliest) if each is not None), default=None)
    latest = None if before.latest is None or after.latest is None else max(before.latest, after.latest)
    return replace(before, earliest=earliest, latest=latest)


def _finished_start(
    walk: Walk, timeline: Timeline, facts: PodFacts, instants: Instants, upward: Instants, now: int
) -> tuple[PhaseSpan, ...]:
    """Close the path: at readiness, at the pod's end, or open at ``now``."""
    if walk.next is None:
        return walk.stretches
    over, end = is_over(timeline, facts, instants), ended(timeline, facts, instants)
    phase = _failing(walk.next, instants)
    if walk.next.mark.milestone in _AFTER_START and (over or cannot_be_ready(facts, upward)):
        phase = Phase.RUN
    if over and end is None:
        # Nothing says when it ended: not even that it is not over yet.
        return walk.stretches
    return walk.close(phase, walk.next.subject, None if end is None else end.at, now=now)


def _failing(step: Step, instants: Instants) -> Phase:
    """The phase of a step that has not come: a pull that has failed waits in back-off more than it pulls."""
    failed = step.mark.milestone is Milestone.PULLED and pull_failed(step.mark.subject, instants)
    return Phase.IMAGE_BACKOFF if failed else step.phase


_AFTER_START = frozenset(
    {Milestone.STARTUP_PROBE_PASSED, Milestone.CONTAINER_READY, Milestone.CONTAINERS_READY, Milestone.READY}
)


def bounds(start: Instant, end: Instant) -> tuple[int | None, int | None]:
    """The least and the most nanoseconds from one instant to another, ``None`` where nothing bounds it."""
    least = None if end.earliest is None or start.latest is None else max(end.earliest - start.latest, 0)
    most = None if end.latest is None or start.earliest is None else end.latest - start.earliest
    # Ends that contradict each other bound nothing: their skew says by how much they do.
    return least, None if most is not None and most < 0 else most
