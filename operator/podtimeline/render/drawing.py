"""A timeline's document as the drawings read it: the fields of ``document.py``, in snake case and typed.

Names of phases, milestones, sources and outcomes stay text: a document of a newer operator can still be drawn.
"""

from dataclasses import dataclass

from podtimeline.render.moments import nanoseconds


@dataclass(frozen=True, slots=True)
class Workload:
    """The outermost controller."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Milestone:
    """One milestone; times are RFC 3339 or ``None`` where unknown."""

    milestone: str
    subject: str
    at: str | None
    earliest: str | None
    latest: str | None
    source: str | None
    skew_nanoseconds: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """One phase of the critical path, or work beside it."""

    phase: str
    subject: str
    start: str
    end: str
    duration_nanoseconds: int
    at_least_nanoseconds: int | None
    at_most_nanoseconds: int | None
    open: bool
    skew_nanoseconds: int

    @property
    def begin(self) -> int:
        """Nanoseconds since the epoch."""
        return nanoseconds(self.start)

    @property
    def finish(self) -> int:
        """Nanoseconds since the epoch."""
        return nanoseconds(self.end)


@dataclass(frozen=True, slots=True)
class Missed:
    """A milestone that was passed without being observed."""

    milestone: str
    subject: str


@dataclass(frozen=True, slots=True)
class Note:
    """What was said under one reason about one subject."""

    reason: str
    subject: str
    text: str
    first: str
    last: str
    count: int


@dataclass(frozen=True, slots=True)
class Pull:
    """What the kubelet said of one image pull."""

    container: str
    image: str
    cached: bool
    pull_nanoseconds: int | None
    waiting_nanoseconds: int | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class Restart:
    """A container's restarts and how its latest ended run ended."""

    container: str
    restarts: int
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How the pod ended."""

    succeeded: bool
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Clock:
    """Its node's clock was ``low`` to ``high`` seconds ahead, negative behind, and what it stamped is corrected."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PodTimeline:
    """One pod's timeline."""

    uid: str
    namespace: str
    name: str
    workload: Workload
    node: str | None
    outcome: str
    phase: str | None
    milestones: tuple[Milestone, ...]
    phases: tuple[Stretch, ...]
    leaving: tuple[Stretch, ...]
    beside: tuple[Stretch, ...]
    total_nanoseconds: int | None
    startup_nanoseconds: int | None
    endpoint_nanoseconds: int | None
    termination_nanoseconds: int | None
    skew_nanoseconds: int
    missing: tuple[Missed, ...]
    awaited: tuple[str, ...]
    services: tuple[str, ...] | None
    partial: tuple[str, ...]
    notes: tuple[Note, ...]
    pulls: tuple[Pull, ...]
    restarts: tuple[Restart, ...]
    ended: Ended | None
    explanation: str
    cluster: str | None = None
    clock: Clock | None = None

    @property
    def begin(self) -> int | None:
        """When the start began, nanoseconds since the epoch; ``None`` where unknown."""
        return self.phases[0].begin if self.phases else None
