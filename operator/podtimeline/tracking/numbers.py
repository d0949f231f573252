"""Numbers of the tracker about itself at one moment, and since the process began."""

from collections.abc import Mapping
from dataclasses import dataclass

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
    """Uids that events or slices named and no pod was ever seen of."""
    unclaimed: int = 0
    """Events by name that never found their pod."""
    vanished: int = 0
    """Pods that went while nobody looked."""
    settled: int = 0
    closed: int = 0
