"""What is said of the objects that make pods: as they are, and what controllers tell of them by Events."""

from dataclasses import dataclass

from podtimeline.model.instants import Evidence
from podtimeline.model.pods import Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadState:
    """One version of a Deployment, ReplicaSet, StatefulSet, DaemonSet, Job or CronJob, of which only this is read.

    ``version`` is its ``metadata.resourceVersion`` as a number, ``created`` its ``creationTimestamp`` in nanoseconds
    (1 s). ``wanted`` is how many pods it asks for (a DaemonSet: nodes that fit, a Job: at a time), ``have`` how many
    its controller has counted, ``updated`` how many of those are of the latest template. ``template`` changes with the
    pod template; ``revision`` is how the kind itself calls it, ``current`` how a StatefulSet calls the one it leaves.
    ``changed`` is the second of the latest write that is not a status, where that is told. ``first`` is the first
    ordinal of a StatefulSet.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    version: int
    created: int
    owner: Owner | None = None
    generation: int = 1
    observed: int = 0
    template: str = ""
    revision: str = ""
    current: str = ""
    wanted: int = 0
    have: int = 0
    updated: int = 0
    paused: bool = False
    ordered: bool = False
    first: int = 0
    changed: int | None = None
    scheduled: int | None = None
    """When a CronJob's schedule wanted this Job."""
    schedule: str = ""
    """A CronJob's schedule."""
    leaving: int | None = None
    """The second in which its deletion was asked for."""
    over: bool = False
    """Whether a Job has succeeded or failed, or is about to."""
    by_hand: bool = False
    """Whether it leaves pods of former revisions alone, until somebody deletes them."""
    partition: int = 0
    """The first ordinal of which a StatefulSet replaces pods of former revisions."""
    min_ready: int = 0
    """``spec.minReadySeconds`` in nanoseconds: a pod that is Ready for as long is available."""


def is_it(state: WorkloadState, owner: Owner, namespace: str) -> bool:
    """Whether an owner reference of something in a namespace names this workload.

    Nothing checks what is written into one: the garbage collector takes an owner of another namespace for absent.
    """
    named = (namespace, owner.kind, owner.name, owner.uid)
    return not owner.group and named == (state.namespace, state.kind, state.name, state.uid)


@dataclass(frozen=True, slots=True)
class WorkloadSeen:
    """A version of a workload was delivered; ``live`` where a watch brought it as it happened."""

    state: WorkloadState
    live: bool


@dataclass(frozen=True, slots=True)
class WorkloadGone:
    """The workload of this uid is gone."""

    uid: str


@dataclass(frozen=True, slots=True)
class WorkloadsListed:
    """A complete listing of one kind, in all namespaces or in one, ended: what is not among ``uids`` is gone."""

    kind: str
    uids: frozenset[str]
    namespace: str | None = None

    def misses(self, state: WorkloadState) -> bool:
        """Whether the listing shows that a workload is gone."""
        within = self.namespace in {None, state.namespace}
        return within and state.kind == self.kind and state.uid not in self.uids


@dataclass(frozen=True, slots=True)
class Scaled:
    """A Deployment said that it had scaled a ReplicaSet of its own up; ``told`` is when its controller said so."""

    namespace: str
    maker: Owner
    replicaset: str
    low: int
    high: int
    told: Evidence


@dataclass(frozen=True, slots=True)
class Launched:
    """A CronJob said that it had created a Job; ``told`` is when its controller said so."""

    namespace: str
    maker: Owner
    job: str
    told: Evidence


@dataclass(frozen=True, slots=True)
class Refused:
    """A controller said that it could not create what ``maker`` asks for.

    ``event`` names the Event, whose ``count`` grows; ``first`` and ``at`` are its first and latest occurrence.
    """

    namespace: str
    maker: Owner
    event: str
    text: str
    first: int
    at: int
    count: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A controller said at ``at`` that it had deleted the pod of that name."""

    namespace: str
    maker: Owner
    pod: str
    text: str
    at: int


WorkloadNews = WorkloadSeen | WorkloadGone | WorkloadsListed | Scaled | Launched | Refused | Dropped
