"""The operator's numbers about itself at one moment, as plain data; the composition root fills them in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.model.milestones import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTelemetry:
    """One list+watch. ``namespace`` is empty where it covers all; ``last_progress`` is nanoseconds since the epoch."""

    stream: str
    namespace: str = ""
    events: int = 0
    restarts: Mapping[str, int] = field(default_factory=dict)
    relists: int = 0
    malformed: int = 0
    last_progress: int | None = None
    connected: bool = False
    listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkTelemetry:
    """One sink and its queue. ``lag`` is the age in seconds of what is being told."""

    sink: str
    waiting: int = 0
    told: int = 0
    dropped: int = 0
    failed: int = 0
    lag: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTelemetry:
    """The history. ``seconds`` is the time that all commits took together."""

    commits: int = 0
    seconds: float = 0.0
    errors: int = 0
    bytes: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerTelemetry:
    """The tracker: records by state, what is owed to the store, and what it could not use, since the process began."""

    tracked: Mapping[str, int] = field(default_factory=dict)
    owed: int = 0
    settled: int = 0
    closed: int = 0
    vanished: int = 0
    late: int = 0
    orphans_dropped: int = 0
    unclaimed: int = 0
    mismatched: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By stream and reason."""
    quarantined: int = 0
    """Number of pods that could not be fully read or evaluated."""
    contradictions: int = 0
    """Finished timelines whose pieces of evidence contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTelemetry:
    """A node's clock: the seconds that it is ahead of the operator's at least and at most, ``None`` where unbounded.

    ``steps`` is how often it was seen to be set.
    """

    node: str
    lower: float | None
    upper: float | None
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedTelemetry:
    """A workload that was refused pods, and how often since this history began."""

    namespace: str
    kind: str
    workload: str
    total: int


@dataclass(frozen=True, slots=True)
class HttpTelemetry:
    """The HTTP servers: requests by route and status, and what was no HTTP request."""

    requests: Mapping[tuple[str, int], int] = field(default_factory=dict)
    malformed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Everything at one moment. ``oldest`` is seconds, only of phases that somebody is in."""

    in_phase: Mapping[Phase, int] = field(default_factory=dict)
    oldest: Mapping[Phase, float] = field(default_factory=dict)
    unschedulable: Mapping[Obstacle, int] = field(default_factory=dict)
    streams: tuple[StreamTelemetry, ...] = ()
    unreadable: tuple[tuple[str, str, str], ...] = ()
    """Streams that the API server refuses: the stream, its namespace (empty for all), the HTTP status."""
    sinks: tuple[SinkTelemetry, ...] = ()
    store: StoreTelemetry = StoreTelemetry()
    tracker: TrackerTelemetry = TrackerTelemetry()
    clocks: tuple[ClockTelemetry, ...] = ()
    refused: tuple[RefusedTelemetry, ...] = ()
    http: HttpTelemetry = field(default_factory=HttpTelemetry)
    faults: Mapping[str, int] = field(default_factory=dict)
    """What the content of one object made fail, by step."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """What was dropped for want of room, by store."""
