"""Numbers of the tracker about itself and about the pods that start or leave right now."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from podtimeline.core.milestones import Phase
from podtimeline.core.scheduling import Obstacle
from podtimeline.evaluation import evaluated
from podtimeline.ports import Mismatch, Stream
from podtimeline.quarantine import Quarantine
from podtimeline.tracking.packing import Packing
from podtimeline.tracking.records import Stage, Tracked

_LOOKS = 500
"""Timelines that one look resolves at most: it happens between two reads of the streams."""


@dataclass(frozen=True, slots=True)
class Situation:
    """One moment: records by stage, what is owed to the store, and who is in which phase since when (seconds)."""

    tracked: Mapping[Stage, int]
    owed: int
    names_pending: int
    in_phase: Mapping[Phase, int]
    oldest: Mapping[Phase, float]
    unschedulable: Mapping[Obstacle, int]
    quarantined: int = 0
    """Pods of which something could not be read or evaluated."""


@dataclass(slots=True)
class Numbers:
    """Counters since the process began."""

    late: int = 0
    """Observations of pods that were gone for longer than the tombstone."""
    orphans_dropped: int = 0
    """References by Events or slices of which no pod was ever seen."""
    unclaimed: int = 0
    """Events by name that never found their pod."""
    mismatched: Counter[tuple[Stream, Mismatch]] = field(default_factory=Counter)
    """References that disagree with the object that they name: what they say is not used."""
    vanished: int = 0
    """Pods that went while nobody looked."""
    settled: int = 0
    closed: int = 0


def in_phase(
    now: int, starting: Iterable[Tracked], leaving: Iterable[Tracked], packing: Packing, quarantine: Quarantine
) -> tuple[dict[Phase, int], dict[Phase, float]]:
    """How many pods are in which phase, and for how many seconds the one that is in it longest.

    At most ``_LOOKS`` pods that changed since the last look are resolved, those that rest unpacked for it; the others
    count as they were.
    """
    counts = dict.fromkeys(Phase, 0)
    since: dict[Phase, int] = {}
    looks = _LOOKS
    for record in starting:
        if not record.looked and looks > 0:
            looks -= 1
            _look(record, packing, now, quarantine)
        if record.phase is not None:
            _count(*record.phase, counts, since)
    for record in leaving:
        if record.stage is not Stage.STARTING and record.leaving_at is not None:
            if not record.looked and looks > 0:
                looks -= 1
                _look(record, packing, now, quarantine)
            _count(*(record.phase or (Phase.KILL_NOTICE, record.leaving_at)), counts, since)
    return counts, {phase: (now - at) / 1e9 for phase, at in since.items()}


def _count(phase: Phase, at: int, in_phase: dict[Phase, int], since: dict[Phase, int]) -> None:
    in_phase[phase] += 1
    since[phase] = min(at, since.get(phase, at))


def unschedulable(starting: Iterable[Tracked]) -> dict[Obstacle, int]:
    """How many pods no node takes, by reason, as of the last look of ``in_phase``; a pod can have several."""
    counts = dict.fromkeys(Obstacle, 0)
    for record in starting:
        for obstacle in record.obstacles:
            counts[obstacle] += 1
    return counts


def _look(record: Tracked, packing: Packing, now: int, quarantine: Quarantine) -> None:
    seen = evaluated(packing.timeline(record), now=now, quarantine=quarantine)
    stretches = () if seen is None else seen.leaving or seen.phases
    last = stretches[-1] if stretches and stretches[-1].open else None
    waits = seen is not None and seen.node is None and last is not None and not seen.leaving
    refused = seen.refused if seen is not None and waits else None
    record.looked = True
    record.phase = None if last is None else (last.phase, last.start)
    record.obstacles = () if refused is None else refused.refusal.obstacles
