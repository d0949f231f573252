"""Numbers of the tracker about itself at one moment, and since the process began."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from podtimeline.ports import Mismatch, Stream
from podtimeline.tracking.records import Stage


@dataclass(frozen=True, slots=True)
class Situation:
    """One moment: records by stage, what is owed to the store, and the events by name that wait for their pod."""

    tracked: Mapping[Stage, int]
    owed: int
    names_pending: int
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
