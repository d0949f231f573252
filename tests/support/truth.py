"""What really happened, from recorders that the operator does not read: audit log, containerd, CNI.

Each truth is an interval in nanoseconds: a write in the API lies between the receipt of its request and its response,
a deed of the node is stamped by who did it. Of what only the kubelet knows (``REPORTED``) the truth is somewhere before
the first trace that it left elsewhere.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from podtimeline.core.milestones import Mark, Milestone

SECOND = 1_000_000_000
Json = Mapping[str, Any]


class Span(NamedTuple):
    """The fact happened in [start, end], nanoseconds since the epoch."""

    start: int
    end: int


REPORTED = frozenset(
    {
        Milestone.KUBELET_ACCEPTED,
        Milestone.PULL_STARTED,
        Milestone.INITIALIZED,
        Milestone.STARTED_PROBE_PASSED,
        Milestone.CONTAINER_READY,
        Milestone.CONTAINERS_READY,
        Milestone.READY,
        Milestone.KILLING,
    }
)
"""Milestones whose recorder comes after the fact: the kubelet's write to the API, or the runtime that it then asks."""
ANSWER = 250_000_000
"""Nanoseconds that the runtime's answer may take to a kubelet on a busy machine: it has the image only then."""


def holds(said: Json, true: Span, milestone: Milestone) -> bool:
    """Whether a document's bounds hold the truth; of a reported fact the truth is anywhere before its report."""
    earliest, latest = (None if said[key] is None else nanoseconds(said[key]) for key in ("earliest", "latest"))
    answered = ANSWER if milestone is Milestone.PULLED else 0
    not_too_late = earliest is None or earliest <= true.end + answered
    return not_too_late and (latest is None or latest >= true.start or milestone in REPORTED)


@dataclass
class PodTruth:
    """The recorded deeds of one pod, by milestone."""

    uid: str
    namespace: str = ""
    name: str = ""
    node: str = ""
    marks: dict[Mark, Span] = field(default_factory=dict)
    fields: dict[Mark, int] = field(default_factory=dict)
    """What the API's one-second fields said of the same facts when they first did, nanoseconds since the epoch."""
    ids: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)

    def first(self, milestone: Milestone, span: Span, *, subject: str = "") -> None:
        """Keep the first occurrence: recorders are read in the order of time."""
        self.marks.setdefault(Mark(milestone, subject), span)


def nanoseconds(text: str) -> int:
    """Nanoseconds of an RFC 3339 stamp, or of containerd's own form of one, with up to nine fractional digits."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?", text)
    if match is None:
        raise ValueError(f"not a time stamp: {text!r}")
    day, clock, fraction = match.groups()
    whole = int(datetime.fromisoformat(f"{day}T{clock}+00:00").timestamp())
    return whole * SECOND + int((fraction or "0").ljust(9, "0"))


def read_truth(rows: Iterable[tuple[str, str, Path]]) -> dict[str, PodTruth]:
    """The truth of all pods by uid, from the rows that ``hack/cluster truth`` prints (kind, node, path)."""
    rows = list(rows)
    pods: dict[str, PodTruth] = {}
    for kind, _, path in rows:
        if kind == "audit":
            _read_audit(pods, _json_lines(path))
    for kind, node, path in rows:
        if kind == "containerd":
            _read_containerd(pods, path.read_text().splitlines())
        elif kind == "cni":
            _read_cni(pods, _json_lines(path))
        elif kind == "cri":
            _read_runtime(pods, node, list(_json_lines(path)))
    return pods


def cluster_truth(name: str) -> dict[str, PodTruth]:
    """The truth as recorded by the cluster ``name`` of hack/cluster."""
    printed = subprocess.run(["hack/cluster", "truth", "--name", name], check=True, capture_output=True, text=True)
    rows = (line.split("\t") for line in printed.stdout.splitlines())
    return read_truth((kind, node, Path(path)) for kind, node, path in rows if Path(path).exists())


def _json_lines(path: Path) -> Iterator[Json]:
    with path.open() as lines:
        for line in lines:
            if line.startswith("{") and line.endswith("}\n"):
                yield json.loads(line)


def _pod(pods: dict[str, PodTruth], meta: Json) -> PodTruth:
    pod = pods.setdefault(meta["uid"], PodTruth(meta["uid"]))
    pod.namespace, pod.name = meta.get("namespace", pod.namespace), meta.get("name", pod.name)
    return pod


def _read_audit(pods: dict[str, PodTruth], entries: Iterable[Json]) -> None:
    ready: dict[str, set[str]] = {}
    for entry in filter(_is_write, entries):
        reference = entry["objectRef"]
        span = Span(nanoseconds(entry["requestReceivedTimestamp"]), nanoseconds(entry["stageTimestamp"]))
        match reference.get("resource"), reference.get("subresource"), entry["verb"]:
            case "pods", None, "create":
                pod = _pod(pods, entry["responseObject"]["metadata"])
                pod.first(Milestone.CREATED, span)
                _read_fields(pod, entry["responseObject"])
            case "pods", "binding", "create":
                pod = _pod(pods, entry["requestObject"]["metadata"])
                pod.node = entry["requestObject"]["target"]["name"]
                pod.first(Milestone.SCHEDULED, span)
            case "pods", "status", "patch" | "update":
                _read_status(pods, entry["responseObject"], span)
            case "pods", "eviction", "create":
                _read_eviction(pods, reference, span)
            case "pods", None, "delete" | "deletecollection":
                for each in _objects(entry["responseObject"]):
                    _read_deletion(_pod(pods, each["metadata"]), each, span)
            case "endpointslices", None, "create" | "update" | "patch":
                _read_slice(pods, ready, entry["responseObject"], span)
            case "endpointslices", None, "delete" | "deletecollection":
                _read_gone(pods, ready, reference, span)
            case _:
                continue


def _is_write(entry: Json) -> bool:
    whole = entry["level"] == "RequestResponse" and entry["stage"] == "ResponseComplete"
    return whole and int(entry.get("responseStatus", {}).get("code", 500)) < 300


def _objects(answer: Json) -> list[Json]:
    """The objects that a deletion answers with: one, the items of a list, or none where it answers with a Status."""
    items: list[Json] = answer.get("items") or []
    return items if "items" in answer else [answer] if "uid" in (answer.get("metadata") or {}) else []


def _read_deletion(pod: PodTruth, deleted: Json, span: Span) -> None:
    pod.first(Milestone.DELETION_REQUESTED, span)
    _read_fields(pod, deleted)
    # Without a grace period left, the request removes the object: the kubelet's own, or that for a pod that has ended.
    if deleted["metadata"].get("deletionGracePeriodSeconds") == 0 and not deleted["metadata"].get("finalizers"):
        pod.first(Milestone.OBJECT_REMOVED, span)


def _read_eviction(pods: dict[str, PodTruth], reference: Json, span: Span) -> None:
    """The pod of that name that was there: it is answered with no more than that it was done."""
    name = (reference["namespace"], reference["name"])
    for pod in pods.values():
        if (pod.namespace, pod.name) == name and Mark(Milestone.OBJECT_REMOVED) not in pod.marks:
            pod.first(Milestone.DELETION_REQUESTED, span)


def _read_status(pods: dict[str, PodTruth], written: Json, span: Span) -> None:
    pod, status = _pod(pods, written["metadata"]), written["status"]
    _read_fields(pod, written)
    reported = {
        "Initialized": Milestone.INITIALIZED,
        "ContainersReady": Milestone.CONTAINERS_READY,
        "Ready": Milestone.READY,
    }
    if status.get("startTime"):
        pod.first(Milestone.KUBELET_ACCEPTED, span)
    for condition in status.get("conditions", ()):
        if condition["type"] in reported and condition["status"] == "True":
            pod.first(reported[condition["type"]], span)
    for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if each.get("containerID"):
            pod.ids.setdefault(each["containerID"].rpartition("/")[2], each["name"])
        pod.images[each["name"]] = each["image"]
        if each.get("started"):
            pod.first(Milestone.STARTED_PROBE_PASSED, span, subject=each["name"])
        if each["ready"] and not each["state"].get("terminated"):
            pod.first(Milestone.CONTAINER_READY, span, subject=each["name"])


_TOLD_BY = {
    "PodScheduled": Milestone.SCHEDULED,
    "PodReadyToStartContainers": Milestone.SANDBOX_READY,
    "Initialized": Milestone.INITIALIZED,
    "ContainersReady": Milestone.CONTAINERS_READY,
    "Ready": Milestone.READY,
}


def _read_fields(pod: PodTruth, written: Json) -> None:
    meta, status = written.get("metadata", {}), written.get("status", {})
    _field(pod, Milestone.CREATED, meta.get("creationTimestamp"))
    _field(pod, Milestone.KUBELET_ACCEPTED, status.get("startTime"))
    if meta.get("deletionTimestamp") is not None:
        grace = meta.get("deletionGracePeriodSeconds") or 0
        _field(pod, Milestone.DELETION_REQUESTED, meta["deletionTimestamp"], earlier=grace * SECOND)
    for condition in status.get("conditions", ()):
        if condition["type"] in _TOLD_BY and condition["status"] == "True":
            _field(pod, _TOLD_BY[condition["type"]], condition["lastTransitionTime"])
    for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        ended = each["state"].get("terminated") or {}
        ran = each["state"].get("running") or ended
        _field(pod, Milestone.STARTED, ran.get("startedAt"), subject=each["name"])
        _field(pod, Milestone.FINISHED, ended.get("finishedAt"), subject=each["name"])


def _field(pod: PodTruth, milestone: Milestone, stamp: str | None, *, subject: str = "", earlier: int = 0) -> None:
    if stamp:
        pod.fields.setdefault(Mark(milestone, subject), nanoseconds(stamp) - earlier)


def _read_slice(pods: dict[str, PodTruth], ready: dict[str, set[str]], written: Json, span: Span) -> None:
    meta = written["metadata"]
    service = (meta.get("labels") or {}).get("kubernetes.io/service-name")
    subject = f"{meta['namespace']}/{service}/{meta['name']}"
    stood = ready.setdefault(subject, set())
    present: dict[str, Json] = {}
    for endpoint in written.get("endpoints") or ():
        target = endpoint.get("targetRef") or {}
        if target.get("kind") == "Pod":
            present[_pod(pods, target).uid] = endpoint["conditions"]
    for uid, conditions in present.items():
        if conditions.get("ready") is not False:
            pods[uid].first(Milestone.ENDPOINT_READY, span, subject=subject)
            trigger = (meta.get("annotations") or {}).get("endpoints.kubernetes.io/last-change-trigger-time")
            _field(pods[uid], Milestone.ENDPOINT_READY, trigger, subject=subject)
            stood.add(uid)
        elif uid in stood and conditions.get("terminating"):
            pods[uid].first(Milestone.ENDPOINT_TERMINATING, span, subject=subject)
    for uid in stood - present.keys():
        stood.remove(uid)
        pods[uid].first(Milestone.ENDPOINT_REMOVED, span, subject=subject)


def _read_gone(pods: dict[str, PodTruth], ready: dict[str, set[str]], reference: Json, span: Span) -> None:
    """A slice is deleted, or all of a namespace are: no address stands in it any more."""
    space, name = reference["namespace"], reference.get("name")
    for subject, stood in ready.items():
        if subject.startswith(f"{space}/") and name in {None, subject.rpartition("/")[2]}:
            for uid in stood:
                pods[uid].first(Milestone.ENDPOINT_REMOVED, span, subject=subject)
            stood.clear()


_DEEDS = {
    "/containers/create": Milestone.CONTAINER_CREATED,
    "/tasks/start": Milestone.STARTED,
    "/tasks/exit": Milestone.FINISHED,
}


def _read_containerd(pods: dict[str, PodTruth], lines: Iterable[str]) -> None:
    owners = _owners(pods)
    for line in lines:
        match = re.match(r"(\S+ \S+) \+0000 UTC \S+ (\S+) (\{.*\})$", line)
        if match is None or match[2] not in _DEEDS:
            continue
        said = json.loads(match[3])
        container = said.get("container_id") or said.get("id", "")
        # A probe's command exits, too, in the same container and under an id of its own.
        if container in owners and said.get("id", container) == container:
            pod, name = owners[container]
            moment = nanoseconds(said["exited_at"]) if "exited_at" in said else nanoseconds(match[1])
            pod.first(_DEEDS[match[2]], Span(moment, moment), subject=name)


def _owners(pods: Mapping[str, PodTruth]) -> dict[str, tuple[PodTruth, str]]:
    """Pod and name of each container by the runtime's id."""
    return {identity: (pod, name) for pod in pods.values() for identity, name in pod.ids.items()}


_SANDBOX = re.compile(r"RunPodSandbox for &PodSandboxMetadata\{.*Uid:([^,]+),.*\} returns sandbox id")
_STOP = re.compile(r'StopContainer for "([0-9a-f]+)" with timeout')


def _read_runtime(pods: dict[str, PodTruth], node: str, entries: list[Json]) -> None:
    """The log of containerd's CRI service: what the kubelet asked for, and when it was answered."""
    owners = _owners(pods)
    for entry in entries:
        text = str(entry.get("msg", ""))
        if (made := _SANDBOX.match(text)) is not None and made[1] in pods:
            pods[made[1]].first(Milestone.SANDBOX_READY, _at(entry))
        elif (stopped := _STOP.match(text)) is not None and stopped[1] in owners:
            pod, name = owners[stopped[1]]
            pod.first(Milestone.KILLING, _at(entry), subject=name)
    _read_pulls(pods, node, entries)


def _at(entry: Json) -> Span:
    moment = nanoseconds(entry["time"])
    return Span(moment, moment)


def _read_cni(pods: dict[str, PodTruth], entries: Iterable[Json]) -> None:
    for entry in entries:
        if entry["command"] == "ADD" and entry.get("ok") and entry["uid"] in pods:
            pods[entry["uid"]].first(Milestone.IP_ASSIGNED, Span(entry["end_ns"], entry["end_ns"]))


def _read_pulls(pods: dict[str, PodTruth], node: str, entries: Iterable[Json]) -> None:
    pulls: list[tuple[str, int, int]] = []
    begun: dict[str, int] = {}
    for entry in entries:
        match = re.match(r'PullImage "([^"]+)"( returns image reference)?', str(entry.get("msg", "")))
        if match is None:
            continue
        moment = nanoseconds(entry["time"])
        if not match[2]:
            begun.setdefault(match[1], moment)
        elif match[1] in begun:
            pulls.append((match[1], begun.pop(match[1]), moment))
    for pod in pods.values():
        if pod.node == node:
            _assign_pulls(pod, pulls)


def _assign_pulls(pod: PodTruth, pulls: list[tuple[str, int, int]]) -> None:
    """A pull belongs to a container if it is the only one of that image between its binding and its creation."""
    bound = pod.marks.get(Mark(Milestone.SCHEDULED))
    for container, image in pod.images.items():
        made = pod.marks.get(Mark(Milestone.CONTAINER_CREATED, container))
        if bound is None or made is None or list(pod.images.values()).count(image) > 1:
            continue
        fitting = [
            (start, end) for name, start, end in pulls if name == image and bound.start < start < end < made.start
        ]
        if len(fitting) == 1:
            start, end = fitting[0]
            pod.first(Milestone.PULLED, Span(end, end), subject=container)
            pod.first(Milestone.PULL_STARTED, Span(start, start), subject=container)
