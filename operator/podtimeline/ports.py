"""The seams between packages: small protocols, and the plain data that crosses them."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.analysis.attribution.scaling import WorkloadHistory
from podtimeline.analysis.resolved import Outcome, ResolvedTimeline
from podtimeline.model.milestones import MilestoneKey, Phase
from podtimeline.model.nodes import NodeState
from podtimeline.model.observations import Observation
from podtimeline.model.pods import Owner
from podtimeline.model.series import Labels
from podtimeline.model.state import State
from podtimeline.model.storage import StorageNews
from podtimeline.model.workloads import WorkloadNews


class Stream(StrEnum):
    """The streams of pods and of what refers to them."""

    PODS = "pods"
    EVENTS = "events"
    ENDPOINTSLICES = "endpointslices"


class PodReference(NamedTuple):
    """What another object names a pod by (corev1.ObjectReference); ``name`` is empty where only the uid is written."""

    uid: str
    namespace: str
    name: str


class Mismatch(StrEnum):
    """In what a reference differs from the object that it is to name."""

    NAMESPACE = "namespace"
    """The object is in another namespace than what refers to it, which may be written by others."""
    NAME = "name"
    UID = "uid"
    OWNER = "owner"
    """What refers to the object is not its controller."""


class Clock(Protocol):
    """Reads the time; a test's clock stands still."""

    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...


class Intake(Protocol):
    """Takes what the streams say. All calls are synchronous and do no I/O: they run at the socket read."""

    def known(self, uid: str) -> AbstractSet[MilestoneKey] | None:
        """The marks already taken from the pod's own status; ``None`` while the pod has not been described."""
        ...

    def name_of(self, uid: str) -> str | None:
        """``namespace/name`` of a pod; ``None`` while it has not been described."""
        ...

    def labels(self, uid: str) -> tuple[tuple[str, str], ...] | None:
        """The latest labels known of a pod; ``None`` while it has not been described."""
        ...

    def take(self, uid: str, observations: Sequence[Observation], *, arrived: int) -> None:
        """Join observations of one pod by its own object, in any order, any number of times."""
        ...

    def refer(self, pod: PodReference, observations: Sequence[Observation], *, stream: Stream, arrived: int) -> None:
        """Join what another object says of a pod, if that is the pod that it names; else count a mismatch.

        What is said of a pod that is not known yet is kept until it is.
        """
        ...

    def mismatched(self, stream: Stream, mismatch: Mismatch, count: int = 1) -> None:
        """Count references that are not used."""
        ...

    def created_by_event(self, namespace: str, name: str, owner: Owner, *, at: int, observed: int) -> None:
        """The SuccessfulCreate of ``owner`` named a pod by name only, at ``at`` on the controller's clock."""
        ...

    def storage(self, news: StorageNews, *, arrived: int) -> None:
        """Something is new of a claim or an attachment, whichever pods use it; in any order, any number of times."""
        ...

    def workload(self, news: WorkloadNews, *, arrived: int) -> None:
        """Something is new of an object that makes pods, whichever those are; in any order, any number of times."""
        ...

    def services_changed(self, namespace: str | None) -> None:
        """A selector came, went or changed, or Services that could not be read are known now; ``None``: anywhere."""
        ...

    def listed(self, uids: AbstractSet[str], *, version: str, arrived: int, namespace: str | None = None) -> None:
        """A complete listing of all pods, or of one namespace's, ended: those not among ``uids`` vanished before."""
        ...


class Versions(Protocol):
    """Remembers how far each stream was read."""

    def version(self, stream: Stream) -> str | None:
        """The resourceVersion to resume from, ``None`` to list."""
        ...

    def reached(self, stream: Stream, version: str | None) -> None:
        """The stream was read up to ``version``; ``None`` after a 410: it must be listed again."""
        ...


class Owners(Protocol):
    """Knows the controllers of controllers and the Services."""

    def chain(self, namespace: str, owner: Owner) -> tuple[Owner, ...]:
        """The owner and its own controllers, nearest first."""
        ...

    def services(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """``namespace/name`` of each Service that selects the labels; ``None`` while Services are not listed yet."""
        ...


class Nodes(Protocol):
    """Knows the nodes of the cluster."""

    def node(self, name: str) -> NodeState | None:
        """The node of that name; ``None`` where there is none, or none is known."""
        ...


class Namespaces(Protocol):
    """Knows which namespaces are being deleted."""

    def doomed(self, name: str) -> int | None:
        """The second (in nanoseconds) in which the namespace's deletion was asked for; ``None`` where none is known."""
        ...


class Addresses(Protocol):
    """Knows which pods' addresses EndpointSlices hold, as of what was read of the slices."""

    def standing(self, subject: str, pod: PodReference) -> bool | None:
        """Whether the pod's address stands as ready in the slice ``namespace/service/slice``.

        ``None`` while the slices of the namespace are not listed yet.
        """
        ...

    def present(self, subject: str, pod: PodReference) -> bool | None:
        """Whether the slice holds an address of the pod, ready or not; ``None`` as for ``standing``."""
        ...


class Metric(StrEnum):
    """The histograms of the product, by the name that dashboards rely on."""

    STARTUP = "podtimeline_pod_startup_duration_seconds"
    ENDPOINT = "podtimeline_pod_endpoint_duration_seconds"
    PHASE = "podtimeline_phase_duration_seconds"
    TERMINATION = "podtimeline_pod_termination_duration_seconds"
    IMAGE_PULL = "podtimeline_image_pull_duration_seconds"
    ENDPOINT_REMOVAL = "podtimeline_endpoint_removal_lag_seconds"
    LOST_TRAFFIC = "podtimeline_endpoint_lost_traffic_seconds"


@dataclass(frozen=True, slots=True)
class Increment:
    """One observation of one histogram: ``value`` in nanoseconds. ``phase`` is set for ``Metric.PHASE`` only.

    ``key`` tells increments of one pod and metric apart (a phase, a container, a slice), so that each counts once.
    """

    metric: Metric
    namespace: str
    workload_kind: str
    workload: str
    value: int
    trace_id: str
    key: str = ""
    phase: Phase | None = None

    @property
    def labels(self) -> Labels:
        """The label values of its own series: namespace, workload_kind, workload, and the phase where there is one.

        No pod's name is a label: all pods of a namespace that have no controller are one series, and so are all whose
        controller is a pod.
        """
        mine = workload_labels(self.namespace, self.workload_kind, self.workload)
        return mine if self.phase is None else (*mine, self.phase.value)


BARE = "bare"
"""The label value of pods that have no controller."""
CONTROLLED = "controlled_by_pod"
"""The label value of pods whose controller is a pod, as that of a Spark executor is: no pod can have this name."""


def workload_labels(namespace: str, kind: str, workload: str) -> Labels:
    """The label values of a workload: namespace, workload_kind, workload."""
    named = kind != "Pod" or workload == CONTROLLED
    return (namespace, kind, workload if named else BARE)


@dataclass(frozen=True, slots=True)
class Saved:
    """A pod's record as a store keeps it: the state, what it is found by, and what it counts.

    ``increments`` are all that the pod has caused so far; a store counts each (uid, metric, key) once, for ever.
    What a store gives back has none: they were counted when they came.
    ``settled`` is True once the start is over, ``closed`` once the object is gone. ``changing`` is True while the pod
    starts or leaves: it is evaluated once that is over, until then ``outcome``, ``phase``, ``startup`` and ``total``
    are not part of what is saved, and a store keeps those that it has. ``packed`` is the state as ``codec.pack`` writes
    it; a store gives it back as it was, so that a pod that rests is not packed again, or empty if it cannot be read.
    """

    state: State
    namespace: str
    name: str
    workload_kind: str
    workload: str
    node: str | None
    created: int | None
    settled: bool
    closed: bool
    updated: int
    outcome: Outcome = Outcome.STARTING
    phase: Phase | None = None
    startup: int | None = None
    total: int | None = None
    changing: bool = False
    packed: bytes = b""
    increments: tuple[Increment, ...] = ()


def workload_of(record: Saved) -> Labels:
    """The label values of a record's workload."""
    controlled = record.workload_kind == "Pod" and record.workload != record.name
    return workload_labels(record.namespace, record.workload_kind, CONTROLLED if controlled else record.workload)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a workload beside its pods, under a key of its own; with neither it can be forgotten."""

    key: str
    history: WorkloadHistory | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is committed in one transaction: changed records, and how far the streams had been read by then."""

    records: tuple[Saved, ...]
    versions: Mapping[Stream, str | None]
    at: int
    memories: tuple[Memory, ...] = ()


@dataclass(frozen=True, slots=True)
class HistogramState:
    """One series as restored: non-cumulative counts of ``model.buckets`` (the last one is +Inf), the sum in seconds."""

    metric: Metric
    labels: Labels
    buckets: tuple[int, ...]
    sum: float


@dataclass(frozen=True, slots=True)
class Placed:
    """An increment, and the label set that counted it: its own, or ``other``."""

    increment: Increment
    labels: Labels

    @property
    def overflowed(self) -> bool:
        """Whether its workload has no series of its own."""
        return self.labels != self.increment.labels


@dataclass(frozen=True, slots=True)
class Freed:
    """A series that is no more; ``displaced`` where its workload is still there and another namespace needed room."""

    metric: Metric
    labels: Labels
    displaced: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """What a commit made of the histograms: increments that had not counted before, series freed, series changed.

    A label set that is both freed and among ``series`` was freed first. ``series`` are as they stand after the commit.
    """

    increments: tuple[Placed, ...] = ()
    freed: tuple[Freed, ...] = ()
    series: tuple[HistogramState, ...] = ()


def together(parts: Iterable[Counted]) -> Counted:
    """What several commits made of the histograms, one after the other: a series as it stands after the last."""
    increments: list[Placed] = []
    freed: list[Freed] = []
    series: dict[tuple[Metric, Labels], HistogramState] = {}
    for part in parts:
        increments += part.increments
        freed += part.freed
        for each in part.freed:
            series.pop((each.metric, each.labels), None)
        series |= {(each.metric, each.labels): each for each in part.series}
    return Counted(tuple(increments), tuple(freed), tuple(series.values()))


@dataclass(frozen=True, slots=True)
class Restored:
    """What a store gives back at start. ``first_look`` is when this history began to look, ``None`` for a new one.

    ``records`` may be read from the file while they are iterated: 50,000 of them need not be in memory at once.
    ``histograms`` are in the order in which their series first appeared.
    """

    records: Iterable[Saved] = ()
    versions: Mapping[Stream, str | None] = field(default_factory=dict)
    histograms: tuple[HistogramState, ...] = ()
    first_look: int | None = None
    last_commit: int | None = None
    memories: tuple[Memory, ...] = ()


class Order(StrEnum):
    """How a search is sorted."""

    SLOWEST = "slowest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Query:
    """A search of the history; ``None`` matches everything.

    ``since`` and ``until`` (nanoseconds since the epoch) are the earliest and the latest creation. Pods of unknown
    creation or total come last. ``among`` are the uids of the pods that start or leave and are of ``phase`` and
    ``outcome``: a store does not know that of them.
    """

    namespace: str | None = None
    workload_kind: str | None = None
    workload: str | None = None
    name: str | None = None
    node: str | None = None
    phase: Phase | None = None
    outcome: Outcome | None = None
    since: int | None = None
    until: int | None = None
    order: Order = Order.NEWEST
    limit: int = 50
    cursor: str | None = None
    among: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """Matching records, and the cursor of the next page (``None`` on the last)."""

    records: tuple[Saved, ...]
    cursor: str | None


class History(Protocol):
    """Reads the history. Calls block. Each raises ``StoreError``, and ``QueryError`` for a cursor it did not make."""

    def search(self, query: Query) -> Page:
        """One page of records that match."""
        ...

    def find(self, namespace: str, name: str, *, uid: str | None = None) -> Saved | None:
        """The latest record of that name, or the one of that uid."""
        ...


@dataclass(frozen=True, slots=True)
class StoreNumbers:
    """What a store says of itself. ``seconds`` is the time that all commits took together."""

    commits: int = 0
    seconds: float = 0.0
    errors: int = 0
    bytes: int = 0
    rows: int = 0


class Store(History, Protocol):
    """The history, as its only writer has it. Calls block: they run in a thread of their own. Raises ``StoreError``."""

    @property
    def numbers(self) -> StoreNumbers:
        """Numbers as of the last commit or the start; of any thread, without waiting."""
        ...

    def restore(self) -> Restored:
        """Everything not closed, the counters, and how far the streams were read."""
        ...

    def commit(self, checkpoint: Checkpoint) -> Counted:
        """Write records and their increments in one transaction; returns what that made of the histograms.

        Which workloads have series of their own is decided here and nowhere else (``model.series``).
        """
        ...

    def close(self) -> None:
        """Release what is held; may be called twice. Every later call raises ``StoreError``."""
        ...


@dataclass(frozen=True, slots=True)
class Finished:
    """A pod whose start is over, as it is handed to the sinks after the commit."""

    view: ResolvedTimeline
    at: int


class Sink(Protocol):
    """A place that finished pods are told to, behind a bounded queue of its own. May block: runs in a thread."""

    name: str

    def take(self, finished: Finished) -> None:
        """Tell one finished pod."""
        ...

    def close(self) -> None:
        """Flush what is held."""
        ...


@dataclass(frozen=True, slots=True)
class Grant:
    """What the API server says of a token: its user, ``None`` where it knows none, and whether that user may read."""

    user: str | None
    allowed: bool = False


class Reviewer(Protocol):
    """Asks the API server who may read."""

    async def review(self, token: str, namespace: str | None) -> Grant:
        """Whether the token's user may ``get pods`` in the namespace, ``None`` in all. Raises ``ClusterError``."""
        ...
