"""Who is in which phase, and why no node takes whom: looked up without keeping the event loop from the streams.

A pod's phase takes a whole evaluation of its timeline, half a millisecond: a loop that evaluates 500 of them stamps
what arrives meanwhile a quarter of a second late. So the loop only copies, a few records at a time; another thread
evaluates. Nothing else evaluates a pod that starts or leaves: commits save what was observed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.analysis.resolved import Outcome, ResolvedTimeline
from podtimeline.evaluation import evaluated
from podtimeline.model.milestones import Phase
from podtimeline.model.timeline import Timeline
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.tracking.compaction import Compaction
from podtimeline.tracking.records import Progress, Stage, Tracked

LOOKS = 500
"""Timelines that the survey of a scrape evaluates at most; pods that changed beyond that count as they were."""
COPIES_A_TURN = 50
RECORDS_A_TURN = 2000


@dataclass(frozen=True, slots=True)
class Phases:
    """How many pods are in which phase, for how many seconds the one longest in it is, and how many no node takes.

    A pod can have several reasons why no node takes it.
    """

    in_phase: Mapping[Phase, int]
    oldest: Mapping[Phase, float]
    unschedulable: Mapping[Obstacle, int]


@dataclass(slots=True)
class _Look:
    """One record as it was copied; of one that rests, its packed state. ``progress`` is the answer."""

    record: Tracked
    stage: Stage
    timeline: Timeline | None
    blob: bytes | None
    progress: Progress | None = None


class Survey:
    """One look at the pods that start or leave: ``turns``, ``evaluate``, ``take``, then ``phases`` or ``among``.

    ``turns`` and ``take`` belong to the thread that changes the records, the others to any thread.
    """

    def __init__(
        self,
        starting: Iterable[Tracked],
        leaving: Iterable[Tracked],
        compaction: Compaction,
        quarantine: Quarantine,
        *,
        failing: set[str],
        uncommitted: Iterable[Tracked] = (),
        most: int | None = LOOKS,
    ) -> None:
        """``most`` limits how many timelines are evaluated, ``None`` does not.

        ``uncommitted`` are looked at, too, but are in no phase. ``failing`` are told which could not be evaluated.
        """
        self._starting = tuple(starting)
        self._leaving = tuple(leaving)
        self._uncommitted = tuple(uncommitted)
        self._failing = failing
        self._compaction = compaction
        self._quarantine = quarantine
        self._most = most
        self._looks: list[_Look] = []

    def turns(self) -> Iterator[int]:
        """Copy what changed since the last survey; between two steps the loop may do other things.

        Each step tells how many timelines it copied, at most ``COPIES_A_TURN`` out of ``RECORDS_A_TURN`` records.
        """
        copied = passed = 0
        for record in self._all():
            if not record.looked and (self._most is None or len(self._looks) < self._most):
                self._looks.append(_copied(record))
                copied += 1
            passed += 1
            if copied == COPIES_A_TURN or passed == RECORDS_A_TURN:
                yield copied
                copied = passed = 0
        yield copied

    @property
    def size(self) -> int:
        """How many timelines are to be evaluated."""
        return len(self._looks)

    def evaluate(self, now: int, part: slice = slice(None)) -> None:
        """Find how far each pod is that was copied, or each of a part of them."""
        for each in self._looks[part]:
            self._quarantine.contain(Operation.EVALUATE, each.record.uid, self._evaluate, each, now)

    def take(self) -> None:
        """Remember the answers with the records."""
        for each in self._looks:
            if each.record.stage is each.stage:
                each.record.progress = each.progress
                if each.progress is None or each.progress.failed:
                    self._failing.add(each.record.uid)
                else:
                    self._failing.discard(each.record.uid)

    def among(self, phase: Phase | None, outcome: Outcome | None) -> frozenset[str]:
        """The uids of those that are of a phase and of an outcome, ``None`` for any."""
        return frozenset(
            record.uid
            for record in self._all()
            if (progress := record.progress) is not None
            and phase in {None, progress.phase}
            and outcome in {None, progress.outcome}
        )

    def phases(self, now: int) -> Phases:
        """The counts. What changes while they are made counts as before or as after, never both."""
        counts, since = dict.fromkeys(Phase, 0), dict[Phase, int]()
        hindered = dict.fromkeys(Obstacle, 0)
        for record in self._starting:
            progress = record.progress
            if progress is not None:
                _count(progress, counts, since)
                for obstacle in progress.obstacles:
                    hindered[obstacle] += 1
        for record in self._leaving:
            asked, progress = record.leaving_at, record.progress
            if record.stage is not Stage.STARTING and asked is not None:
                if progress is None or progress.phase is None:
                    progress = Progress(Outcome.UNKNOWN, Phase.TERMINATION_PENDING, asked)
                _count(progress, counts, since)
        return Phases(counts, {phase: (now - at) / 1e9 for phase, at in since.items()}, hindered)

    def _all(self) -> Iterator[Tracked]:
        return chain(self._starting, self._leaving, self._uncommitted)

    def _evaluate(self, look: _Look, now: int) -> None:
        packed = look.timeline is None
        timeline = self._compaction.unpacked(look.record.uid, look.blob) if packed else look.timeline
        seen = None if timeline is None else evaluated(timeline, now=now, quarantine=self._quarantine)
        look.progress = None if seen is None else _progress(seen)


def _progress(seen: ResolvedTimeline) -> Progress:
    stretches = seen.leaving or seen.phases
    last = stretches[-1] if stretches and stretches[-1].open else None
    failed = seen.error is not None
    if last is None:
        return Progress(seen.outcome, failed=failed)
    bound = seen.node is not None or bool(seen.leaving) or seen.refused is None
    obstacles = () if bound or seen.refused is None else seen.refused.refusal.obstacles
    return Progress(seen.outcome, last.phase, last.start, obstacles, failed)


def _copied(record: Tracked) -> _Look:
    record.looked = True
    timeline = None if record.timeline is None else record.timeline.copy()
    return _Look(record, record.stage, timeline, record.blob)


def _count(progress: Progress, in_phase: dict[Phase, int], since: dict[Phase, int]) -> None:
    if progress.phase is not None:
        in_phase[progress.phase] += 1
        since[progress.phase] = min(progress.since, since.get(progress.phase, progress.since))
