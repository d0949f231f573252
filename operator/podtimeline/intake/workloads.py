"""The objects that make pods, and what their controllers tell by Events, turned into news. Pure."""

import re
from collections.abc import Iterator
from typing import TypedDict

import msgspec

from podtimeline.errors import MalformedObject
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.specs import custom_group
from podtimeline.intake.stamps import stamp
from podtimeline.intake.texts import moment, stated_moment
from podtimeline.intake.wire import Condition, Event, Int32, Int64, OwnerReference, Wire
from podtimeline.model.bounds import MAX_SUBJECT
from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.pods import Owner
from podtimeline.model.texts import clip, whole
from podtimeline.model.workloads import Dropped, Launched, Refused, Scaled, WorkloadNews, WorkloadState

WORKLOADS = {
    LowRate.REPLICASETS: "ReplicaSet",
    LowRate.JOBS: "Job",
    LowRate.DEPLOYMENTS: "Deployment",
    LowRate.STATEFULSETS: "StatefulSet",
    LowRate.DAEMONSETS: "DaemonSet",
    LowRate.CRONJOBS: "CronJob",
}
"""The kinds that are read here, as owner references name them."""


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


_DROPPED = re.compile(r"(?:Deleted pod: |[Dd]elete Pod )([a-z0-9][-a-z0-9.]{0,252})")
_SCALED = re.compile(r"Scaled up replica set (\S{1,253}) from ([0-9]{1,10}) to ([0-9]{1,10})(?![0-9])")
_LAUNCHED = re.compile(r"Created job (\S{1,253})")
_REFUSALS = frozenset({"FailedCreate", "FailedCreatePod", "ReplicaSetCreateError"})
"""Reasons of Kubernetes' controllers (pkg/controller/controller_utils.go) and of those that were made after them."""
_REFUSED = frozenset({*WORKLOADS.values(), "ReplicationController"})
_OF_PODS = re.compile(r"\bpods?\b", re.IGNORECASE)
REASONS = frozenset({"ScalingReplicaSet", "SuccessfulCreate", "SuccessfulDelete", *_REFUSALS})
"""The reasons of Events about objects that make pods which are read."""
_MERGED = "(combined from similar events): "


def workload_news(event: Event, *, arrived: int) -> WorkloadNews | None:
    """What an Event about an object that makes pods says of it, if anything. Raises ``MalformedObject``."""
    about, message = event.involved_object, event.message.removeprefix(_MERGED)
    group = custom_group(about.api_version)
    maker = Owner(about.kind, about.name, about.uid, group)
    if event.reason == "ScalingReplicaSet" and not group and (found := _SCALED.match(message)):
        return Scaled(about.namespace, maker, found[1], int(found[2]), int(found[3]), _latest(event, arrived=arrived))
    if (
        event.reason == "SuccessfulCreate"
        and about.kind == "CronJob"
        and not group
        and (found := _LAUNCHED.match(message))
    ):
        return Launched(about.namespace, maker, found[1], _latest(event, arrived=arrived))
    if event.reason == "SuccessfulDelete" and (found := _DROPPED.match(message)):
        at = _latest(event, arrived=arrived).at
        return Dropped(about.namespace, maker, found[1], message, arrived if at is None else at)
    if event.reason in _REFUSALS and _makes_pods(maker, message):
        first = stamp(event, arrived=arrived).at
        last = _latest(event, arrived=arrived).at
        name = event.metadata.name
        first, last = (arrived if each is None else each for each in (first, last))
        return Refused(about.namespace, maker, name, message, first, last, max(event.count or 1, 1))
    return None


def _makes_pods(maker: Owner, message: str) -> bool:
    """Whether it is a pod that could not be created: what else a custom resource creates only the words tell."""
    return bool(_OF_PODS.search(message)) if maker.group else maker.kind in _REFUSED


def _latest(event: Event, *, arrived: int) -> Evidence:
    """When it was said last: the time in an Event's name is that of the first time."""
    if (event.count or 1) <= 1 or event.last_timestamp is None:
        return stamp(event, arrived=arrived)
    second = moment(event.last_timestamp)
    return Evidence(Source.EVENT_SECOND, second + SECOND // 2, None, second + SECOND - 1, arrived)
