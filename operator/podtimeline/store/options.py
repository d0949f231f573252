"""The options common to all stores. Options of a single store are part of its location."""

from collections.abc import Callable
from dataclasses import dataclass, field

from podtimeline.ports import Clock
from podtimeline.quarantine import Quarantine

_DAY = 86_400 * 1_000_000_000
Present = Callable[[str, str, str], bool]
"""Whether an object of that namespace, kind and name is known to be in the cluster."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Limits: ``age`` of a deleted pod's timeline since its last change (nanoseconds), ``size`` of all (bytes)."""

    age: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """The options common to all stores.

    ``series_keep`` is how long the series of a deleted workload are kept (nanoseconds). A workload exists while one of
    its pods exists, or the object itself according to ``present``, which is called in the thread that commits.
    ``allow_network_filesystem`` applies to stores that use a file. ``quarantine`` receives rows that cannot be read or
    written.
    """

    clock: Clock
    retention: Retention = Retention(age=3_650 * _DAY, size=1 << 62)
    series_limit: int = 2000
    series_keep: int = 900 * 1_000_000_000
    present: Present = lambda _namespace, _kind, _name: False
    allow_network_filesystem: bool = False
    quarantine: Quarantine = field(default_factory=Quarantine)
