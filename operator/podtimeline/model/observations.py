"""What the streams say, one fact each; a timeline is the join of its observations in any order.

Every observation names the pod by uid. Joining is commutative, associative and idempotent (see ``timeline.apply``).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from podtimeline.model.instants import SECOND, Evidence
from podtimeline.model.milestones import MilestoneKey
from podtimeline.model.pods import Owner, PodFacts

TRANSFER = SECOND
"""A pull that took less nanoseconds than this is no measure of throughput.

To look up a tag takes a few round trips to the registry, tenths of a second, also where the node has the image.
"""


class Partial(StrEnum):
    """Why part of a pod's life was not observed."""

    LISTED = "listed"
    """The pod was there before the operator looked."""
    GAP = "gap"
    """The pod, or a change of it, came or went while the stream was cut."""
    MALFORMED = "malformed"
    """Something that was said of the pod could not be read or joined."""


class Limit(StrEnum):
    """Of what more was said of a pod than is kept."""

    NOTES = "notes"
    MILESTONES = "milestones"
    CONTAINERS = "containers"
    RUNS = "runs"
    INCIDENTS = "incidents"
    SPEC = "spec"
    SERVICES = "services"
    FINALIZERS = "finalizers"


@dataclass(frozen=True, slots=True)
class Described:
    """A pod's identity and spec."""

    uid: str
    facts: PodFacts


class Witnessed(NamedTuple):
    """Evidence for one milestone; ``detail`` is the node, the IPs or the target ports that go with it."""

    uid: str
    mark: MilestoneKey
    evidence: tuple[Evidence, ...]
    detail: str = ""
    from_status: bool = False
    """True where the evidence is the pod's own status, so that the decoder need not say it again."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Words of an Event or of a waiting container: why something takes long or failed."""

    uid: str
    reason: str
    subject: str
    text: str
    at: int
    count: int = 1
    first: int | None = None
    """When it was said for the first time, where that is known to be before ``at``."""


@dataclass(frozen=True, slots=True)
class ImagePulled:
    """What the kubelet's Pulled message says: durations in nanoseconds, ``None`` where the message does not say.

    ``at`` is when it was said. ``waiting`` is the time from the announcement on, the queue behind other pulls included.
    """

    uid: str
    container: str
    image: str
    cached: bool
    at: int
    pull: int | None = None
    waiting: int | None = None
    size: int | None = None

    @property
    def queue(self) -> int | None:
        """The time that it waited behind other pulls of the node: 0 where pulls are parallel, or there was none."""
        return None if self.pull is None or self.waiting is None else max(self.waiting - self.pull, 0)

    @property
    def rate(self) -> int | None:
        """Bytes per second of the pull itself; ``None`` where it was too short to tell a transfer from a look-up."""
        known = self.pull is not None and self.pull >= TRANSFER and self.size is not None
        return self.size * SECOND // self.pull if known and self.pull and self.size is not None else None


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a container, counted from 0, as its status tells of it; ``None`` for what is not known (yet).

    ``started`` and ``finished`` are the whole seconds of ``startedAt`` and ``finishedAt`` in nanoseconds. A run with a
    ``reason`` and without ``exit_code`` is over, and how it ended is not known.
    """

    uid: str
    container: str
    run: int
    started: int | None = None
    finished: int | None = None
    exit_code: int | None = None
    reason: str = ""

    @property
    def over(self) -> bool:
        """Whether the run is known to have ended."""
        return self.finished is not None or self.exit_code is not None or bool(self.reason)


class IncidentKind(StrEnum):
    """What befalls a pod whose start is over, or beside its start: it never reopens or stretches a start."""

    NOT_READY = "not_ready"
    READY_AGAIN = "ready_again"
    SANDBOX_CHANGED = "sandbox_changed"
    NODE_REBOOTED = "node_rebooted"
    RESIZED = "resized"


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident at ``at`` (nanoseconds, of its stamp), with the words that came with it."""

    uid: str
    incident: IncidentKind
    at: int
    text: str = ""


class Cause(StrEnum):
    """Who or what asked for a pod's deletion, the most specific first."""

    PREEMPTION = "preemption"
    """The scheduler, for a pod of higher priority."""
    TAINT = "taint"
    """The taint eviction controller: the node got a NoExecute taint."""
    NODE_PRESSURE = "node_pressure"
    """The kubelet, as its node ran out of a resource or shuts down."""
    POD_GC = "pod_gc"
    """The pod garbage collector: its node is gone, or it was an orphan."""
    DRAIN = "drain"
    """An eviction through the API while its node was cordoned."""
    EVICTION = "eviction"
    """An eviction through the API (a drain, the autoscaler, the descheduler)."""
    ROLLOUT = "rollout"
    """Its owner replaces it by a newer revision."""
    SCALE_DOWN = "scale_down"
    """Its owner wants fewer pods."""
    NAMESPACE = "namespace"
    """The namespace controller: its namespace is being deleted."""
    OWNER_DELETED = "owner_deleted"
    """The garbage collector: its owner was deleted."""
    CONTROLLER = "controller"
    """Its owner's controller, nothing tells why."""
    DIRECT = "direct"
    """Nobody of the above: a person or another client asked for it."""


@dataclass(frozen=True, slots=True)
class DeletionCause:
    """Who asked for the pod's deletion, with the words of the evidence; of several the most specific one counts."""

    uid: str
    cause: Cause
    text: str = ""


@dataclass(frozen=True, slots=True)
class Leaves:
    """The pod is to be deleted: its grace period in whole seconds, and the finalizers that it has.

    ``standing`` are the EndpointSlices (``namespace/service/slice``) in which its address stood as ready when that was
    seen, ``None`` where it is not known.
    """

    uid: str
    grace: int | None = None
    finalizers: tuple[str, ...] = ()
    standing: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Skewed:
    """The clock of the pod's node is ahead of the observer's by ``low`` to ``high`` nanoseconds (negative: behind).

    That holds for what was observed from ``since`` up to ``at``, the moment of the estimate: of several the latest
    counts.
    """

    uid: str
    low: int
    high: int
    since: int
    at: int


_REJECTED = "Pod was rejected: "


def is_rejection(message: str) -> bool:
    """Whether a pod's ``status.message`` says that the kubelet did not admit it (pkg/kubelet/kubelet.go, rejectPod)."""
    return message.startswith(_REJECTED)


@dataclass(frozen=True, slots=True)
class Ended:
    """The pod reached phase Succeeded or Failed.

    ``leaving`` is whether it was to be deleted when that was first seen, and gave no reason of its own.
    """

    uid: str
    succeeded: bool
    reason: str = ""
    text: str = ""
    leaving: bool = False

    @property
    def rejected(self) -> bool:
        """Whether the kubelet of its node did not admit it, or not again once that kubelet was restarted."""
        return not self.succeeded and is_rejection(self.text)

    @property
    def words(self) -> str:
        """Reason and message, without what only says that it was rejected."""
        return ": ".join(each for each in (self.reason, self.text.removeprefix(_REJECTED)) if each)


ALL_RESTARTING = "AllContainersRestarting"
"""The condition of a pod whose containers are all started again as a rule of one of them asks for (KEP-5532)."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """The pod's labels as of ``at``, where they are not those of its description any more; the latest ones count."""

    uid: str
    labels: tuple[tuple[str, str], ...]
    at: int


@dataclass(frozen=True, slots=True)
class Selected:
    """The Services (``namespace/name``) known to select the pod when it became ready.

    Where there was none, ``at`` is the moment of a later answer; of several the latest counts.
    """

    uid: str
    services: tuple[str, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Owned:
    """The pod's controllers nearest first: (ReplicaSet, Deployment), (Job, CronJob), (StatefulSet)."""

    uid: str
    chain: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Flagged:
    """Part of the pod's life was not observed."""

    uid: str
    partial: Partial


@dataclass(frozen=True, slots=True)
class Limited:
    """More was said of what the pod uses than is kept, and so told to the pod."""

    uid: str
    limit: Limit


Observation = (
    Described
    | Witnessed
    | Noted
    | ImagePulled
    | Ran
    | Incident
    | DeletionCause
    | Leaves
    | Skewed
    | Ended
    | Labelled
    | Selected
    | Owned
    | Flagged
    | Limited
)
