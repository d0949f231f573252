"""Who is in which phase, and why no node takes whom: looked up without keeping the event loop from the streams.

A pod's phase takes a whole evaluation of its timeline, about a millisecond: a loop that evaluates 500 of them stamps
what arrives meanwhile half a second late. So the loop only copies, a few records at a time; another thread evaluates.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.evaluation import evaluated
from podtimeline.model.milestones import Phase
from podtimeline.model.timeline import Timeline
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.tracking.compaction import Compaction
from podtimeline.tracking.records import Stage, Tracked

LOOKS = 500
"""Timelines that one survey evaluates at most; pods that changed beyond that count as they were."""
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
    """One record as it was copied; of one that rests, its packed state. ``phase`` and ``obstacles`` are the answer."""

    record: Tracked
    stage: Stage
    timeline: Timeline | None
    blob: bytes | None
    phase: tuple[Phase, int] | None = None
    obstacles: tuple[Obstacle, ...] = ()


class Survey:
    """One look at the pods that start or leave: ``turns``, ``evaluate``, ``take``, ``phases``, in this order.

    ``turns`` and ``take`` belong to the thread that changes the records, the others to any thread.
    """

    def __init__(
        self, starting: Iterable[Tracked], leaving: Iterable[Tracked], compaction: Compaction, quarantine: Quarantine
    ) -> None:
        self._starting = tuple(starting)
        self._leaving = tuple(leaving)
        self._compaction = compaction
        self._quarantine = quarantine
        self._looks: list[_Look] = []

    def turns(self) -> Iterator[int]:
        """Copy what changed since the last survey; between two steps the loop may do other things.

        Each step tells how many timelines it copied, at most ``COPIES_A_TURN`` out of ``RECORDS_A_TURN`` records.
        """
        copied = passed = 0
        for record in chain(self._starting, self._leaving):
            if not record.looked and len(self._looks) < LOOKS:
                self._looks.append(_copied(record))
                copied += 1
            passed += 1
            if copied == COPIES_A_TURN or passed == RECORDS_A_TURN:
                yield copied
                copied = passed = 0
        yield copied

    def evaluate(self, now: int) -> None:
        """Find the phase of each pod that was copied."""
        for each in self._looks:
            self._quarantine.contain(Operation.EVALUATE, each.record.uid, self._evaluate, each, now)

    def take(self) -> None:
        """Remember the answers with the records."""
        for each in self._looks:
            if each.record.stage is each.stage:
                each.record.phase, each.record.obstacles = each.phase, each.obstacles

    def phases(self, now: int) -> Phases:
        """The counts. What changes while they are made counts as before or as after, never both."""
        counts, since = dict.fromkeys(Phase, 0), dict[Phase, int]()
        hindered = dict.fromkeys(Obstacle, 0)
        for record in self._starting:
            phase = record.phase
            if phase is not None:
                _count(*phase, counts, since)
            for obstacle in record.obstacles:
                hindered[obstacle] += 1
        for record in self._leaving:
            asked = record.leaving_at
            if record.stage is not Stage.STARTING and asked is not None:
                _count(*(record.phase or (Phase.TERMINATION_PENDING, asked)), counts, since)
        return Phases(counts, {phase: (now - at) / 1e9 for phase, at in since.items()}, hindered)

    def _evaluate(self, look: _Look, now: int) -> None:
        packed = look.timeline is None
        timeline = self._compaction.unpacked(look.record.uid, look.blob) if packed else look.timeline
        seen = None if timeline is None else evaluated(timeline, now=now, quarantine=self._quarantine)
        stretches = () if seen is None else seen.leaving or seen.phases
        last = stretches[-1] if stretches and stretches[-1].open else None
        look.phase = None if last is None else (last.phase, last.start)
        if seen is None or seen.node is not None or last is None or seen.leaving or seen.refused is None:
            return
        look.obstacles = seen.refused.refusal.obstacles


def _copied(record: Tracked) -> _Look:
    record.looked = True
    timeline = None if record.timeline is None else record.timeline.copy()
    return _Look(record, record.stage, timeline, record.blob)


def _count(phase: Phase, at: int, in_phase: dict[Phase, int], since: dict[Phase, int]) -> None:
    in_phase[phase] += 1
    since[phase] = min(at, since.get(phase, at))
