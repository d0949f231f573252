"""The objects that make pods: what each version says of them, and who controls whom."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypedDict

import msgspec
from msgspec.json import Decoder

from podtimeline.errors import MalformedObject
from podtimeline.kube.indexer import Entry, IndexedFeed, Indexer, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import Condition, Int32, Int64, OwnerReference, WatchEvent, Wire
from podtimeline.model.bounds import MAX_SUBJECT
from podtimeline.model.instants import SECOND
from podtimeline.model.pods import Owner
from podtimeline.model.texts import clip, whole
from podtimeline.model.workloads import WorkloadGone, WorkloadSeen, WorkloadsListed, WorkloadState
from podtimeline.ports import Intake
from podtimeline.sources.texts import controller, moment, stated_moment

WORKLOADS: dict[str, Resource] = {
    "ReplicaSet": Resource(name="replicasets", group="apps", without="the Deployments of pods"),
    "Job": Resource(name="jobs", group="batch", without="the CronJobs of pods"),
    "Deployment": Resource(name="deployments", group="apps", without="when Deployments requested pods"),
    "StatefulSet": Resource(name="statefulsets", group="apps", without="when StatefulSets requested pods"),
    "DaemonSet": Resource(name="daemonsets", group="apps", without="when DaemonSets requested pods"),
    "CronJob": Resource(name="cronjobs", group="batch", without="changes of CronJobs"),
}
"""The kinds that are read here, as owner references name them."""
_CONTROLLED = ("ReplicaSet", "Job")
"""The kinds whose controllers are looked up: a Deployment or a CronJob is the workload, whoever controls it."""
_TEMPLATED = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_MAX_CHAIN = 5
"""Controllers above a pod; owner references can form a circle, as nothing checks them."""


class WorkloadAnnotations(msgspec.Struct, frozen=True, gc=False):
    """What controllers and the API server write of revisions and schedules."""

    revision: str | None = msgspec.field(default=None, name="deployment.kubernetes.io/revision")
    template: str | None = msgspec.field(default=None, name="deprecated.daemonset.template.generation")
    scheduled: str | None = msgspec.field(default=None, name="batch.kubernetes.io/cronjob-scheduled-timestamp")


class ManagedField(Wire, frozen=True):
    """metav1.ManagedFieldsEntry, without the fields."""

    time: str | None = None
    subresource: str = ""


class WorkloadMetadata(Wire, frozen=True):
    """metav1.ObjectMeta of an object that makes pods."""

    uid: str
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    generation: Int64 = 1
    owner_references: list[OwnerReference] | None = None
    annotations: WorkloadAnnotations | None = None
    managed_fields: list[ManagedField] | None = None


class Ordinals(Wire, frozen=True):
    """appsv1.StatefulSetOrdinals."""

    start: Int32 = 0


class Rolling(Wire, frozen=True):
    """appsv1.RollingUpdateStatefulSetStrategy."""

    partition: Int32 | None = None


class Strategy(Wire, frozen=True):
    """The update strategy of a StatefulSet or DaemonSet."""

    type: str = ""
    rolling_update: Rolling | None = None


class WorkloadSpec(Wire, frozen=True):
    """The specs of all these kinds: none uses a field's name for something else."""

    replicas: Int32 | None = 1
    paused: bool | None = None
    suspend: bool | None = None
    parallelism: Int32 | None = 1
    completions: Int32 | None = None
    schedule: str = ""
    min_ready_seconds: Int32 = 0
    pod_management_policy: str = "OrderedReady"
    ordinals: Ordinals | None = None
    update_strategy: Strategy | None = None
    template: msgspec.Raw = msgspec.Raw()


class WorkloadStatus(Wire, frozen=True):
    """The status of all these kinds."""

    observed_generation: Int64 = 0
    replicas: Int32 = 0
    updated_replicas: Int32 = 0
    update_revision: str = ""
    current_revision: str = ""
    desired_number_scheduled: Int32 = 0
    current_number_scheduled: Int32 = 0
    updated_number_scheduled: Int32 = 0
    active: msgspec.Raw = msgspec.Raw()
    succeeded: Int32 = 0
    failed: Int32 = 0
    conditions: list[Condition] | None = None


class Workload(Wire, frozen=True):
    """Any of these kinds."""

    metadata: WorkloadMetadata
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


def workload_state(kind: str, seen: Workload, owner: Owner | None, *, template: str = "") -> WorkloadState:
    """What is read of one version. Raises ``MalformedObject``."""
    metadata, spec, status = seen.metadata, seen.spec, seen.status
    version = whole(metadata.resource_version)
    if metadata.creation_timestamp is None or version is None:
        raise MalformedObject(f"a {kind} without creationTimestamp or resourceVersion")
    notes = metadata.annotations or WorkloadAnnotations()
    wanted, have, updated = _counts(kind, spec, status)
    return WorkloadState(
        kind=kind,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        version=version,
        created=moment(metadata.creation_timestamp),
        owner=owner,
        generation=metadata.generation,
        observed=status.observed_generation,
        template=template,
        revision=clip(
            (notes.template if kind == "DaemonSet" else notes.revision) or status.update_revision, MAX_SUBJECT
        ),
        current=status.current_revision,
        wanted=wanted,
        have=have,
        updated=updated,
        paused=bool(spec.paused or spec.suspend),
        ordered=kind == "StatefulSet" and spec.pod_management_policy == "OrderedReady",
        min_ready=max(spec.min_ready_seconds, 0) * SECOND,
        first=0 if spec.ordinals is None else spec.ordinals.start,
        changed=max(_writes(metadata.managed_fields or ()), default=None),
        scheduled=stated_moment(notes.scheduled),
        schedule=clip(spec.schedule, MAX_SUBJECT),
        leaving=None if metadata.deletion_timestamp is None else moment(metadata.deletion_timestamp),
        over=kind == "Job" and any(each.type in _OVER and each.status == "True" for each in status.conditions or ()),
        **_updates(spec.update_strategy),
    )


_OVER = frozenset({"Complete", "Failed", "SuccessCriteriaMet", "FailureTarget"})


class _Updates(TypedDict):
    by_hand: bool
    partition: int


def _updates(strategy: Strategy | None) -> _Updates:
    rolling = None if strategy is None else strategy.rolling_update
    partition = None if rolling is None else rolling.partition
    return _Updates(by_hand=strategy is not None and strategy.type == "OnDelete", partition=partition or 0)


def _counts(kind: str, spec: WorkloadSpec, status: WorkloadStatus) -> tuple[int, int, int]:
    """How many pods are wanted, how many there are, and how many of those are of the latest template."""
    match kind:
        case "DaemonSet":
            return status.desired_number_scheduled, status.current_number_scheduled, status.updated_number_scheduled
        case "Job":
            wanted = min(1 if spec.parallelism is None else spec.parallelism, spec.completions or 1 << 31)
            have = _number(status.active) + status.succeeded + status.failed
            return wanted, have, have
        case "CronJob":
            return 0, 0, 0
        case _:
            wanted = 1 if spec.replicas is None else spec.replicas
            return wanted, status.replicas, status.updated_replicas


def _number(raw: msgspec.Raw) -> int:
    # A Job counts its active pods, a CronJob lists its active Jobs under the same name.
    return msgspec.json.decode(raw, type=int) if bytes(raw) else 0


def _writes(entries: "list[ManagedField] | tuple[()]") -> Iterator[int]:
    """The seconds of the latest writes of each writer to anything but the status."""
    for each in entries:
        if not each.subresource and each.time is not None:
            yield moment(each.time)


class Controller(NamedTuple):
    """What is kept of a workload: its own controller, and a text that changes with its pod template."""

    owner: Owner | None
    generation: int
    template: str


class WorkloadIndex:
    """Knows the controllers of controllers; the ``WorkloadFeed`` of each kind fills its part."""

    def __init__(self) -> None:
        self.kinds: dict[str, Indexer[Controller]] = {kind: Indexer() for kind in WORKLOADS}

    def chain(self, namespace: str, owner: Owner) -> tuple[Owner, ...]:
        """See ``ports.Owners.chain``."""
        chain = [owner]
        while len(chain) < _MAX_CHAIN:
            last = chain[-1]
            known = not last.group and last.kind in _CONTROLLED
            found = self.kinds[last.kind].get(namespace, last.name) if known else None
            if found is None or found.value.owner is None or last.uid not in {"", found.uid}:
                break
            chain.append(found.value.owner)
        return tuple(chain)


class WorkloadFeed(IndexedFeed[Workload, Controller]):
    """Hands each version of one kind on, and fills the index."""

    def __init__(self, kind: str, index: WorkloadIndex, intake: Intake, *, namespace: str | None = None) -> None:
        collection, line = Collection(WORKLOADS[kind], namespace), Decoder(WatchEvent[Workload])
        super().__init__(collection, Decoder(Workload), line, index=index.kinds[kind])
        self._kind = kind
        self._intake = intake

    def _took(self, seen: Workload, held: Controller | None, *, arrived: int, live: bool) -> Controller:
        owner = controller(seen.metadata.owner_references)
        kept = Controller(owner, seen.metadata.generation, self._template(seen, held))
        state = workload_state(self._kind, seen, owner, template=kept.template)
        self._intake.workload(WorkloadSeen(state, live=live), arrived=arrived)
        return kept

    def _went(
        self, key: ObjectKey, held: Entry[Controller], last: Workload | None, *, arrived: int, live: bool
    ) -> None:
        self._intake.workload(WorkloadGone(held.uid), arrived=arrived)

    def _reconciled(self, present: Mapping[ObjectKey, str], *, arrived: int) -> None:
        # Others may remember workloads from before this process began.
        listed = WorkloadsListed(self._kind, frozenset(present.values()), self.namespace)
        self._intake.workload(listed, arrived=arrived)

    def _template(self, seen: Workload, held: Controller | None) -> str:
        """A short text that changes with the pod template; only a new generation can have a new one."""
        if self._kind not in _TEMPLATED:
            return ""
        if held is not None and held.generation == seen.metadata.generation:
            return held.template
        return hashlib.blake2b(bytes(seen.spec.template), digest_size=8).hexdigest()
