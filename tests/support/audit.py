"""What the API server's audit log says: each write lies between the receipt of its request and its answer."""

from collections.abc import Iterable

from tests.support.audit_owners import OwnerWrites
from tests.support.audit_slices import SliceWrites
from tests.support.audit_volumes import VolumeWrites
from tests.support.truth import SECOND, Json, Pods, PodTruth, Span, nanoseconds

from podtimeline.model.milestones import Milestone, MilestoneKey


def read_audit(pods: Pods, entries: Iterable[Json]) -> None:
    """Add to ``pods`` what the entries say of them and of what they depend on."""
    readers = (PodWrites(pods), SliceWrites(pods), OwnerWrites(pods), VolumeWrites(pods))
    for entry in filter(_is_write, entries):
        span = Span(nanoseconds(entry["requestReceivedTimestamp"]), nanoseconds(entry["stageTimestamp"]))
        for reader in readers:
            reader.read(entry, span)


HOSTILE = "e2e-hostile"
"""Namespaces that are attacked: what is written there is no truth (``tests/e2e/hostile.py``)."""


def _is_write(entry: Json) -> bool:
    whole = entry["level"] == "RequestResponse" and entry["stage"] == "ResponseComplete"
    attacked = entry.get("objectRef", {}).get("namespace", "").startswith(HOSTILE)
    return whole and not attacked and int(entry.get("responseStatus", {}).get("code", 500)) < 300


class PodWrites:
    """Pods, their bindings, statuses, evictions and deletions."""

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._gated: set[str] = set()

    def read(self, entry: Json, span: Span) -> None:
        """Take one write."""
        reference = entry["objectRef"]
        match reference.get("resource"), reference.get("subresource"), entry["verb"]:
            case "pods", None, "create":
                self._created(entry["responseObject"], span)
            case "pods", None, "update" | "patch":
                self._changed(entry["responseObject"], span)
            case "pods", "binding", "create":
                pod = self._pods.of(entry["requestObject"]["metadata"])
                pod.node = entry["requestObject"]["target"]["name"]
                pod.first(Milestone.SCHEDULED, span)
            case "pods", "status", "patch" | "update":
                self._reported(entry["responseObject"], span)
            case "pods", "eviction", "create":
                self._evicted(reference, span)
            case "pods", None, "delete" | "deletecollection":
                for each in _objects(entry["responseObject"]):
                    self._deleted(each, span)
            case _:
                return

    def _created(self, made: Json, span: Span) -> None:
        pod = self._pods.of(made["metadata"])
        pod.first(Milestone.CREATED, span)
        pod.gates = frozenset(each["conditionType"] for each in made["spec"].get("readinessGates") or ())
        if made["spec"].get("schedulingGates"):
            self._gated.add(pod.uid)
        _read_fields(pod, made)

    def _changed(self, now: Json, span: Span) -> None:
        pod, meta = self._pods.of(now["metadata"]), now["metadata"]
        if pod.uid in self._gated and not now["spec"].get("schedulingGates"):
            self._gated.remove(pod.uid)
            pod.first(Milestone.GATES_REMOVED, span)
        if meta.get("deletionGracePeriodSeconds") == 0 and not meta.get("finalizers"):
            pod.first(Milestone.OBJECT_REMOVED, span)

    def _deleted(self, deleted: Json, span: Span) -> None:
        pod, meta = self._pods.of(deleted["metadata"]), deleted["metadata"]
        pod.first(Milestone.DELETION_REQUESTED, span)
        _read_fields(pod, deleted)
        if meta.get("deletionGracePeriodSeconds") == 0:
            # Without a grace period left, the request removes the object: the kubelet's own, or that for a pod that has
            # ended; unless there are finalizers.
            pod.first(Milestone.RELEASED if meta.get("finalizers") else Milestone.OBJECT_REMOVED, span)

    def _evicted(self, reference: Json, span: Span) -> None:
        """The pod of that name that was there: it is answered with no more than that it was done."""
        name = (reference["namespace"], reference["name"])
        for pod in self._pods.values():
            if (pod.namespace, pod.name) == name and MilestoneKey(Milestone.OBJECT_REMOVED) not in pod.marks:
                pod.first(Milestone.DELETION_REQUESTED, span)

    def _reported(self, written: Json, span: Span) -> None:
        pod, status = self._pods.of(written["metadata"]), written["status"]
        _read_fields(pod, written)
        if status.get("startTime"):
            pod.first(Milestone.KUBELET_ADMITTED, span)
        for condition in status.get("conditions", ()):
            mark = _told_by(pod, condition)
            if mark is not None:
                pod.first(mark.milestone, span, subject=mark.subject)
        for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
            _read_container(pod, each, span)


_CONDITIONS = {
    "Initialized": Milestone.INITIALIZED,
    "ContainersReady": Milestone.CONTAINERS_READY,
    "Ready": Milestone.READY,
}


def _told_by(pod: PodTruth, condition: Json) -> MilestoneKey | None:
    """The milestone that a condition reports."""
    kind, true = condition["type"], condition["status"] == "True"
    if kind == "PodScheduled" and condition.get("reason") == "Unschedulable":
        return MilestoneKey(Milestone.FIRST_UNSCHEDULABLE)
    if true and kind in pod.gates:
        return MilestoneKey(Milestone.READINESS_GATE, kind)
    return MilestoneKey(_CONDITIONS[kind]) if true and kind in _CONDITIONS else None


def _read_container(pod: PodTruth, status: Json, span: Span) -> None:
    if status.get("containerID"):
        pod.ids.setdefault(status["containerID"].rpartition("/")[2], status["name"])
    pod.images[status["name"]] = status["image"]
    if status.get("started"):
        pod.first(Milestone.STARTUP_PROBE_PASSED, span, subject=status["name"])
    if status["ready"] and not status["state"].get("terminated"):
        pod.first(Milestone.CONTAINER_READY, span, subject=status["name"])


def _objects(answer: Json) -> list[Json]:
    """The objects that a deletion answers with: one, the items of a list, or none where it answers with a Status."""
    items: list[Json] = answer.get("items") or []
    return items if "items" in answer else [answer] if "uid" in (answer.get("metadata") or {}) else []


_FIELDS = _CONDITIONS | {
    "PodScheduled": Milestone.SCHEDULED,
    "PodReadyToStartContainers": Milestone.SANDBOX_READY,
}


def _read_fields(pod: PodTruth, written: Json) -> None:
    meta, status = written.get("metadata", {}), written.get("status", {})
    pod.said(Milestone.CREATED, meta.get("creationTimestamp"))
    pod.said(Milestone.KUBELET_ADMITTED, status.get("startTime"))
    if meta.get("deletionTimestamp") is not None:
        grace = meta.get("deletionGracePeriodSeconds") or 0
        pod.said(Milestone.DELETION_REQUESTED, meta["deletionTimestamp"], earlier=grace * SECOND)
    for condition in status.get("conditions", ()):
        mark = _told_by(pod, condition)
        if mark is not None:
            pod.said(mark.milestone, condition["lastTransitionTime"], subject=mark.subject)
        if condition["type"] in _FIELDS and condition["status"] == "True":
            pod.said(_FIELDS[condition["type"]], condition["lastTransitionTime"])
    for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        ended = each["state"].get("terminated") or {}
        ran = each["state"].get("running") or ended
        pod.said(Milestone.STARTED, ran.get("startedAt"), subject=each["name"])
        pod.said(Milestone.FINISHED, ended.get("finishedAt"), subject=each["name"])
