"""The documents of the API, typed: their JSON Schema and the components of the OpenAPI document are made of these.

Unknown is null, never 0. A moment is RFC 3339 with nine fractional digits, in UTC; a duration is in seconds, and its
exact nanoseconds are beside it.
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
    """What the schema says, and no reader checks: one odd value of one pod must not spoil the page."""
    return Meta(extra_json_schema=schema)


def _names(kind: type[StrEnum]) -> Meta:
    """The names that this version writes; to a reader they are text, since an operator may be newer."""
    (schema,) = msgspec.json.schema_components((kind,))[1].values()
    return _described(**schema)


Count = Annotated[int, _described(minimum=0)]
Seconds = Annotated[float, _described(minimum=0, description="Seconds.")]
Nanoseconds = Annotated[int, _described(minimum=0, description="Nanoseconds, exact.")]
Share = Annotated[float, _described(minimum=0, maximum=1)]
# The one value that is checked: the drawings compute with it.
Moment = Annotated[
    str,
    Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$", description="RFC 3339, UTC, to the nanosecond."),
]
API_VERSION: Final = "podtimeline/v1"
ApiVersion = Literal["podtimeline/v1"]

Item = TypeVar("Item")
"""What a long list holds: structs, or each of them encoded already, so that no answer is held whole as objects."""


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
    """A part of a document: keys in camel case, all of them required; a newer version may have more of them."""


class ObjectNameDocument(Struct, frozen=True):
    """An object of the pod's namespace."""

    kind: str
    name: str


class ContainerDocument(Struct, frozen=True):
    """A container of the pod's specification."""

    name: str
    kind: ContainerKindName
    image: str


class MissingMilestoneDocument(Struct, frozen=True):
    """A milestone that was passed without being observed; the subject is a container, a volume or a slice."""

    milestone: MilestoneName
    subject: str
    scope: ScopeName


class ReachedMilestoneDocument(MissingMilestoneDocument, frozen=True):
    """A milestone: the best estimate of its moment, the bounds, where they come from, and how late it was reported."""

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
    """One phase of the critical path, or work beside it; ``open`` while it goes on."""

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
    """How one EndpointSlice took out the address of a pod that was to be deleted; ``out`` is null while it has not."""

    subject: str
    out: Moment | None
    exited: str
    confirmed: bool
    lag_seconds: Seconds
    lag_nanoseconds: Nanoseconds
    lost_seconds: Seconds | None
    lost_nanoseconds: Nanoseconds | None


class StopDocument(Struct, frozen=True):
    """How one container of a pod that was to be deleted ended."""

    container: str
    began: Moment | None
    ended: Moment | None
    exit_code: int | None
    reason: str
    grace_exceeded: bool | None


class NoteDocument(Struct, frozen=True):
    """What was said under one reason about one subject, and how often."""

    reason: str
    subject: str
    text: str
    first_text: str
    first: Moment
    last: Moment
    count: Count


class PullDocument(Struct, frozen=True):
    """What the kubelet said of one image pull."""

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
    """A container's restarts and how its latest ended run ended."""

    container: str
    restarts: Count
    exit_code: int | None
    reason: str


class RunDocument(Struct, frozen=True):
    """One run of a container, as far as its status tells; moments are whole seconds."""

    container: str
    run: Count
    started: Moment | None
    finished: Moment | None
    exit_code: int | None
    reason: str


class IncidentDocument(Struct, frozen=True):
    """An incident in the pod's life that is no part of its start."""

    incident: IncidentKindName
    at: Moment
    text: str


class SchedulingGateDocument(Struct, frozen=True):
    """A scheduling gate, and when it was removed."""

    name: str
    removed: Moment | None


class NodeObstacleDocument(Struct, frozen=True):
    """Why ``nodes`` nodes cannot take the pod; null where the reason lies with the pod itself."""

    obstacle: ObstacleName
    nodes: Count | None
    text: str


class UnschedulableDocument(Struct, frozen=True):
    """What the scheduler last said of why no node takes the pod, and how many attempts are known."""

    attempts: Count
    first: Moment
    last: Moment
    nodes: Count | None
    obstacles: list[NodeObstacleDocument]
    preemption: str
    text: str


class DeletionDocument(Struct, frozen=True):
    """Who asked for the pod's deletion, with which grace period in seconds, and what holds the object."""

    cause: CauseName | None
    text: str
    grace_seconds: Count | None
    finalizers: list[str]


class NodeClockDocument(Struct, frozen=True):
    """The node's clock was ``low`` to ``high`` seconds ahead, negative behind; what it stamped is corrected."""

    low: float
    high: float
    at: Moment


class EventLimitDocument(Struct, frozen=True):
    """By when the kubelet had used up its Events of one type, and the containers that were started without one."""

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
    """Something that cost time, or traffic; ``share`` is its part of the leg's length, 0 to 1, or null off the path."""

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
    """One pod's timeline."""

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
        """When the start began, nanoseconds since the epoch; ``None`` where unknown."""
        return self.phases[0].begin if self.phases else None

    @property
    def asked(self) -> int | None:
        """When its deletion was asked for, nanoseconds since the epoch; ``None`` where it was not or is unknown."""
        return self.leaving[0].begin if self.leaving else None


class PodTimelineListDocument(Struct, Generic[Item], frozen=True):
    """A page of timelines; ``cursor`` asks for the next page and is null on the last."""

    api_version: ApiVersion
    kind: Literal["PodTimelineList"]
    items: list[Item]
    cursor: str | None


class LevelDocument(Struct, frozen=True):
    """How many pods there were from a moment on."""

    at: Moment
    wanted: Count
    ready: Count
    current: Count
    current_ready: Count
    leaving: Count


class ChainLinkDocument(Struct, frozen=True):
    """One link of the chain that the rollout's duration is made of; ``pod`` is empty for its controller."""

    kind: LinkKindName
    pod: str
    start: Moment
    end: Moment
    duration_nanoseconds: Nanoseconds


class HoldDocument(Struct, frozen=True):
    """What held the rollout; a null phase is the workload's controller."""

    phase: PhaseName | None
    title: str
    duration_seconds: Seconds
    duration_nanoseconds: Nanoseconds
    pods: list[str]


class MemberDocument(Struct, frozen=True):
    """One pod of the rollout."""

    current: bool
    revision: str
    requested: Moment | None
    created: Moment | None
    up: Moment | None
    leaving: Moment | None
    removed: Moment | None
    timeline: PodTimelineDocument


class RolloutDocument(Struct, Generic[Item], frozen=True):
    """One rollout of a workload."""

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
    """What a workload was refused: ``count`` in the present or latest spell, ``total`` over all of them."""

    now: bool
    maker: ObjectNameDocument
    text: str
    first: Moment
    last: Moment
    count: Count
    total: Count


class RefusedWorkloadDocument(Struct, frozen=True):
    """A workload whose pods are, or were, refused."""

    namespace: str
    workload: ObjectNameDocument
    refused: RefusedDocument


class WorkloadListDocument(Struct, frozen=True):
    """Workloads whose pods are, or were, refused."""

    api_version: ApiVersion
    kind: Literal["WorkloadList"]
    items: list[RefusedWorkloadDocument]


class FaultDocument(Struct, frozen=True):
    """One kind of failure and where it was first found."""

    step: StepName
    subject: str
    error: str
    where: str
    sample: str
    count: Count


class FaultListDocument(Struct, frozen=True):
    """What could not be read or evaluated since the process began, by kind."""

    api_version: ApiVersion
    kind: Literal["FaultList"]
    items: list[FaultDocument]
