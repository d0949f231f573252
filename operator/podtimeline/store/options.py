"""What every store is opened with; what only one of them needs is part of its location."""

from collections.abc import Callable
from dataclasses import dataclass, field

from podtimeline.ports import Clock
from podtimeline.quarantine import Quarantine

_DAY = 86_400 * 1_000_000_000
Present = Callable[[str, str, str], bool]
"""Whether an object of that namespace, kind and name is known to be in the cluster."""


@dataclass(frozen=True, slots=True)
class Retention:
    """The limits: nanoseconds since the last change of a timeline whose pod is gone, and bytes of the history."""

    age: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """What every store is opened with.

    ``series_keep`` is how long the series of a workload that is gone stay (nanoseconds). A workload is there while one
    of its pods is, or the object itself by ``present``, which is asked in the thread that commits.
    ``allow_network_filesystem`` is for stores that keep a file. ``quarantine`` gets the rows that cannot be read or
    written.
    """

    clock: Clock
    retention: Retention = Retention(age=3_650 * _DAY, size=1 << 62)
    series_limit: int = 2000
    series_keep: int = 900 * 1_000_000_000
    present: Present = lambda _namespace, _kind, _name: False
    allow_network_filesystem: bool = False
    quarantine: Quarantine = field(default_factory=Quarantine)
