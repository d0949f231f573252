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
    lag_nanoseconds: int | None = None


@dataclass(frozen=True, slots=True)
class PhaseSpan:
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
class Drain:
    """How one EndpointSlice let go of a pod that was to be deleted; ``out`` is ``None`` while it has not."""

    subject: str
    out: str | None
    lag_nanoseconds: int
    lost_nanoseconds: int | None
    confirmed: bool
    exited: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """How one container of a pod that was to be deleted ended; ``None`` is not known, or not yet."""

    container: str
    began: str | None
    ended: str | None
    exit_code: int | None
    reason: str
    grace_exceeded: bool | None


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
    queue_nanoseconds: int | None = None
    bytes_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """A container's restarts and how its latest ended run ended."""

    container: str
    restarts: int
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a container, as far as its status tells; moments are whole seconds."""

    container: str
    run: int
    started: str | None
    finished: str | None
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Incident:
    """What befell the pod beside its start."""

    incident: str
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why ``nodes`` nodes cannot take a pod; ``None`` where the reason lies with the pod itself."""

    obstacle: str
    nodes: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """What the scheduler last said of why no node takes a pod, how many attempts are known, and when the last was."""

    attempts: int
    last: str
    nodes: int | None
    obstacles: tuple[Hindrance, ...]


@dataclass(frozen=True, slots=True)
class Deletion:
    """Who asked for the pod's deletion, with which grace, and what holds the object."""

    cause: str | None
    text: str
    grace_seconds: int | None
    finalizers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece of a finding's evidence."""

    source: str
    text: str
    at: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cost time, or traffic."""

    kind: str
    leg: str
    phase: str | None
    subject: str
    text: str
    duration_nanoseconds: int
    share: float | None
    open: bool
    evidence: tuple[Proof, ...]
    advice: str


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
class EventLimit:
    """By when the kubelet had used up its Events of one type, and the containers that were started without one."""

    type: str
    reached: str
    containers: tuple[str, ...] = ()


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
    request: tuple[PhaseSpan, ...]
    phases: tuple[PhaseSpan, ...]
    leaving: tuple[PhaseSpan, ...]
    drains: tuple[Drain, ...]
    stops: tuple[Stop, ...]
    parallel: tuple[PhaseSpan, ...]
    requested_nanoseconds: int | None
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
    runs: tuple[Run, ...]
    incidents: tuple[Incident, ...]
    deletion: Deletion | None
    ended: Ended | None
    findings: tuple[Finding, ...]
    explanation: str
    limits: tuple[str, ...] = ()
    cluster: str | None = None
    unschedulable: Unschedulable | None = None
    clock: Clock | None = None
    event_limits: tuple[EventLimit, ...] = ()

    @property
    def begin(self) -> int | None:
        """When the start began, nanoseconds since the epoch; ``None`` where unknown."""
        return self.phases[0].begin if self.phases else None

    @property
    def asked(self) -> int | None:
        """When its deletion was asked for, nanoseconds since the epoch; ``None`` where it was not or is unknown."""
        return self.leaving[0].begin if self.leaving else None
