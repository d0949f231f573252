"""The documents of the API as types. The JSON Schema and the OpenAPI document are generated from them.

Unknown values are null, never 0. Times are in RFC 3339 with nine fractional digits, in UTC. A duration is given in
seconds and, exactly, in nanoseconds.
"""

from enum import StrEnum
from typing import Annotated, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from podtimeline.analysis.evidence.event_limit import EventType
from podtimeline.analysis.findings.rules import FindingKind
from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.analysis.resolved import Outcome
from podtimeline.analysis.rollout import LinkKind
from podtimeline.model.instants import Source
from podtimeline.model.milestones import Leg, Milestone, Phase, Scope
from podtimeline.model.observations import Cause, IncidentKind, Limit, Partial
from podtimeline.model.pods import ContainerKind
from podtimeline.quarantine import Operation
from podtimeline.render.moments import nanoseconds


def _described(**schema: object) -> Meta:
    """A constraint that readers do not check: one invalid value of one pod must not fail the whole page."""
    return Meta(extra_json_schema=schema)


def _names(kind: type[StrEnum]) -> Meta:
    """The names that this version writes. Readers accept any text, because the operator may be newer."""
    (schema,) = msgspec.json.schema_components((kind,))[1].values()
    return _described(**schema)


Count = Annotated[int, _described(minimum=0)]
Seconds = Annotated[float, _described(minimum=0, description="Seconds.")]
Nanoseconds = Annotated[int, _described(minimum=0, description="Nanoseconds, exact.")]
Share = Annotated[float, _described(minimum=0, maximum=1)]
# Readers check this value only: the drawings compute with it.
Moment = Annotated[
    str,
    Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$", description="RFC 3339, UTC, to the nanosecond."),
]
API_VERSION: Final = "podtimeline/v1"
ApiVersion = Literal["podtimeline/v1"]

Item = TypeVar("Item")
"""Item of a list: a struct, or its encoded form, so that a long response is never in memory as objects."""


PhaseName = Annotated[str, _names(Phase)]
MilestoneName = Annotated[str, _names(Milestone)]
ScopeName = Annotated[str, _names(Scope)]
SourceName = Annotated[str, _names(Source)]
ContainerKindName = Annotated[str, _names(ContainerKind)]
IncidentKindName = Annotated[str, _names(IncidentKind)]
ObstacleName = Annotated[str, _names(Obstacle)]
CauseName = Annotated[str, _names(Cause)]
EventTypeName = Annotated[str, _names(EventType)]
FindingKindName = Annotated[str, _names(FindingKind)]
LegName = Annotated[str, _names(Leg)]
OutcomeName = Annotated[str, _names(Outcome)]
PartialName = Annotated[str, _names(Partial)]
LimitName = Annotated[str, _names(Limit)]
LinkKindName = Annotated[str, _names(LinkKind)]
StepName = Annotated[str, _names(Operation)]


class Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Part of a document. Keys are in camel case and all required; newer versions may add keys."""


class ObjectNameDocument(Struct, frozen=True):
    """An object in the namespace of the pod."""

    kind: str
    name: str


class ContainerDocument(Struct, frozen=True):
    """A container of the pod's specification."""

    name: str
    kind: ContainerKindName
    image: str


class MissingMilestoneDocument(Struct, frozen=True):
    """A milestone that was passed but not observed. The subject is a container, a volume or an EndpointSlice."""

    milestone: MilestoneName
    subject: str
    scope: ScopeName


class ReachedMilestoneDocument(MissingMilestoneDocument, frozen=True):
    """A milestone: best estimate of its time, bounds, source of the evidence, and delay of the report."""

    at: Moment | None
    earliest: Moment | None
    latest: Moment | None
    observed: Moment | None
    source: SourceName | None
    detail: str
    skew_seconds: Seconds | None
    skew_nanoseconds: Nanoseconds | None
    lag_seconds: Seconds | None
    lag_nanoseconds: Nanoseconds | None


class PhaseSpanDocument(Struct, frozen=True):
    """A phase of the critical path, or an activity in parallel to it; ``open`` if it is not over."""

    phase: PhaseName
    subject: str
    start: Moment
    end: Moment
    open: bool
    duration_seconds: Seconds
    duration_nanoseconds: Nanoseconds
    skew_seconds: Seconds
    skew_nanoseconds: Nanoseconds
    at_least_seconds: Seconds | None
    at_least_nanoseconds: Nanoseconds | None
    at_most_seconds: Seconds | None
    at_most_nanoseconds: Nanoseconds | None

    @property
    def begin(self) -> int:
        """Nanoseconds since the epoch."""
        return nanoseconds(self.start)

    @property
    def finish(self) -> int:
        """Nanoseconds since the epoch."""
        return nanoseconds(self.end)


class DrainDocument(Struct, frozen=True):
    """How one EndpointSlice removed the address of a pod in deletion; ``out`` is null until it does."""

    subject: str
    out: Moment | None
    exited: str
    confirmed: bool
    lag_seconds: Seconds
    lag_nanoseconds: Nanoseconds
    lost_seconds: Seconds | None
    lost_nanoseconds: Nanoseconds | None


class StopDocument(Struct, frozen=True):
    """How one container of a pod in deletion stopped."""

    container: str
    began: Moment | None
    ended: Moment | None
    exit_code: int | None
    reason: str
    grace_exceeded: bool | None


class NoteDocument(Struct, frozen=True):
    """Messages with the same reason about the same subject, with their number."""

    reason: str
    subject: str
    text: str
    first_text: str
    first: Moment
    last: Moment
    count: Count


class PullDocument(Struct, frozen=True):
    """One image pull, as reported by the kubelet."""

    container: str
    image: str
    cached: bool
    pull_seconds: Seconds | None
    pull_nanoseconds: Nanoseconds | None
    waiting_seconds: Seconds | None
    waiting_nanoseconds: Nanoseconds | None
    queue_seconds: Seconds | None
    queue_nanoseconds: Nanoseconds | None
    size_bytes: Count | None
    bytes_per_second: Count | None


class RestartDocument(Struct, frozen=True):
    """Restarts of a container, and the result of its latest completed run."""

    container: str
    restarts: Count
    exit_code: int | None
    reason: str


class RunDocument(Struct, frozen=True):
    """One run of a container according to the pod's status. Times have a resolution of one second."""

    container: str
    run: Count
    started: Moment | None
    finished: Moment | None
    exit_code: int | None
    reason: str


class IncidentDocument(Struct, frozen=True):
    """An incident in the life of the pod that is not part of its start."""

    incident: IncidentKindName
    at: Moment
    text: str


class SchedulingGateDocument(Struct, frozen=True):
    """A scheduling gate, and the time when it was removed; null if it was not."""

    name: str
    removed: Moment | None


class NodeObstacleDocument(Struct, frozen=True):
    """Why ``nodes`` nodes do not fit the pod; ``nodes`` is null if the reason is the pod itself."""

    obstacle: ObstacleName
    nodes: Count | None
    text: str


class UnschedulableDocument(Struct, frozen=True):
    """Why no node fits the pod, according to the scheduler's last message, and the number of known attempts."""

    attempts: Count
    first: Moment
    last: Moment
    nodes: Count | None
    obstacles: list[NodeObstacleDocument]
    preemption: str
    text: str


class DeletionDocument(Struct, frozen=True):
    """Who requested the deletion of the pod, the grace period in seconds, and the finalizers of the object."""

    cause: CauseName | None
    text: str
    grace_seconds: Count | None
    finalizers: list[str]


class NodeClockDocument(Struct, frozen=True):
    """Offset of the node's clock, ``low`` to ``high`` seconds, negative if behind. Its timestamps are corrected."""

    low: float
    high: float
    at: Moment


class EventLimitDocument(Struct, frozen=True):
    """Latest time when the kubelet reached its limit of Events of a type, and containers started without Events."""

    type: EventTypeName
    reached: Moment
    containers: list[str]


class EndedDocument(Struct, frozen=True):
    """How the pod ended."""

    succeeded: bool
    reason: str
    text: str


class EvidenceDocument(Struct, frozen=True):
    """One piece of a finding's evidence."""

    source: str
    text: str
    at: Moment | None


class FindingDocument(Struct, frozen=True):
    """A cause of lost time or traffic; ``share`` is its part of the leg's duration, 0 to 1, or null off the path."""

    kind: FindingKindName
    leg: LegName
    phase: PhaseName | None
    subject: str
    text: str
    duration_seconds: Seconds
    duration_nanoseconds: Nanoseconds
    share: Share | None
    open: bool
    evidence: Annotated[list[EvidenceDocument], _described(minItems=1)]
    advice: str


class PodTimelineDocument(Struct, frozen=True):
    """Timeline of a pod."""

    api_version: ApiVersion
    kind: Literal["PodTimeline"]
    uid: str
    cluster: str | None
    namespace: str
    name: str
    workload: ObjectNameDocument
    node: str | None
    outcome: OutcomeName
    phase: PhaseName | None
    containers: list[ContainerDocument]
    milestones: list[ReachedMilestoneDocument]
    request: list[PhaseSpanDocument]
    phases: list[PhaseSpanDocument]
    leaving: list[PhaseSpanDocument]
    drains: list[DrainDocument]
    stops: list[StopDocument]
    parallel: list[PhaseSpanDocument]
    requested_seconds: Seconds | None
    requested_nanoseconds: Nanoseconds | None
    total_seconds: Seconds | None
    total_nanoseconds: Nanoseconds | None
    startup_seconds: Seconds | None
    startup_nanoseconds: Nanoseconds | None
    endpoint_seconds: Seconds | None
    endpoint_nanoseconds: Nanoseconds | None
    termination_seconds: Seconds | None
    termination_nanoseconds: Nanoseconds | None
    skew_seconds: Seconds
    skew_nanoseconds: Nanoseconds
    missing: list[MissingMilestoneDocument]
    awaited: list[str]
    services: list[str] | None
    partial: list[PartialName]
    limits: list[LimitName]
    notes: list[NoteDocument]
    pulls: list[PullDocument]
    restarts: list[RestartDocument]
    runs: list[RunDocument]
    incidents: list[IncidentDocument]
    scheduling_gates: list[SchedulingGateDocument]
    unschedulable: UnschedulableDocument | None
    deletion: DeletionDocument | None
    clock: NodeClockDocument | None
    event_limits: list[EventLimitDocument]
    ended: EndedDocument | None
    findings: list[FindingDocument]
    explanation: str
    error: str | None

    @property
    def begin(self) -> int | None:
        """When the start began, nanoseconds since the epoch; ``None`` if unknown."""
        return self.phases[0].begin if self.phases else None

    @property
    def asked(self) -> int | None:
        """When the deletion was requested, nanoseconds since the epoch; ``None`` if it was not, or if unknown."""
        return self.leaving[0].begin if self.leaving else None


class PodTimelineListDocument(Struct, Generic[Item], frozen=True):
    """A page of timelines; ``cursor`` requests the next page, and is null on the last page."""

    api_version: ApiVersion
    kind: Literal["PodTimelineList"]
    items: list[Item]
    cursor: str | None


class LevelDocument(Struct, frozen=True):
    """Number of pods from a point in time."""

    at: Moment
    wanted: Count
    ready: Count
    current: Count
    current_ready: Count
    leaving: Count


class ChainLinkDocument(Struct, frozen=True):
    """A link of the chain that makes up the duration of the rollout; ``pod`` is empty for the controller."""

    kind: LinkKindName
    pod: str
    start: Moment
    end: Moment
    duration_nanoseconds: Nanoseconds


class HoldDocument(Struct, frozen=True):
    """A cause of the rollout's duration; ``phase`` is null for the controller of the workload."""

    phase: PhaseName | None
    title: str
    duration_seconds: Seconds
    duration_nanoseconds: Nanoseconds
    pods: list[str]


class MemberDocument(Struct, frozen=True):
    """A pod of the rollout."""

    current: bool
    revision: str
    requested: Moment | None
    created: Moment | None
    up: Moment | None
    leaving: Moment | None
    removed: Moment | None
    timeline: PodTimelineDocument


class RolloutDocument(Struct, Generic[Item], frozen=True):
    """A rollout of a workload."""

    api_version: ApiVersion
    kind: Literal["Rollout"]
    cluster: str | None
    namespace: str
    workload: ObjectNameDocument
    revision: str
    revisions: list[str]
    started: Moment
    complete: Moment | None
    superseded: Moment | None
    until: Moment
    duration_seconds: Seconds
    duration_nanoseconds: Nanoseconds
    desired: Count | None
    surge: Count | None
    unavailable: Count | None
    levels: list[LevelDocument]
    chain: list[ChainLinkDocument]
    held: list[HoldDocument]
    members: list[Item]
    unevaluated: list[str]
    explanation: str


class RefusedDocument(Struct, frozen=True):
    """Refused pod creations: ``count`` in the current or latest series of refusals, ``total`` in all of them."""

    now: bool
    maker: ObjectNameDocument
    text: str
    first: Moment
    last: Moment
    count: Count
    total: Count


class RefusedWorkloadDocument(Struct, frozen=True):
    """A workload whose pods are or were refused."""

    namespace: str
    workload: ObjectNameDocument
    refused: RefusedDocument


class WorkloadListDocument(Struct, frozen=True):
    """Workloads whose pods are or were refused."""

    api_version: ApiVersion
    kind: Literal["WorkloadList"]
    items: list[RefusedWorkloadDocument]


class FaultDocument(Struct, frozen=True):
    """A kind of failure, and where it occurred first."""

    step: StepName
    subject: str
    error: str
    where: str
    sample: str
    count: Count


class FaultListDocument(Struct, frozen=True):
    """Failures to read or evaluate an object since the process started, by kind."""

    api_version: ApiVersion
    kind: Literal["FaultList"]
    items: list[FaultDocument]
