"""Objects with hostile insides, and what the API server answers to whoever posts them."""

import json
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

DIGITS = "9" * 5000
"""More than Python's ``int`` reads (4,300)."""
UNSEEN = "\x00\x1b[2J\x1b]0;owned\x07\u202e\u2028\u200b"
"""NUL, terminal escapes, an override of the writing direction, a line separator, a space of no width."""
_LONG = "x" * 900_000
_LAST, _FIRST = "9999-12-31T23:59:59Z", "0001-06-01T00:00:00Z"
_CENTURIES = 18_446_747_673
"""Seconds that make Go's duration wrap around to about an hour."""
GRACES = {"forever": (1 << 63) - 1, "centuries": _CENTURIES}
"""Grace periods, in seconds, that nobody can wait for."""
UNREADABLE = frozenset(
    {
        "year-9999", "year-1", "last-9999", "event-9999", "later",
        "long-reason", "long-path", "long-uid", "long-host",
    }
)  # fmt: skip
"""Events that hold what cannot be: each is counted as malformed, and nothing else of it is used."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Posted:
    """One hostile object; ``refused`` is the API server's reason, ``None`` where it took the object."""

    kind: str
    slug: str
    refused: str | None


def accepted(posted: Iterable[Posted], kind: str) -> frozenset[str]:
    """The objects of a kind that the API server took."""
    return frozenset(each.slug for each in posted if each.kind == kind and each.refused is None)


def post(space: str, objects: dict[str, Object], *, account: str | None = None) -> list[Posted]:
    """Create the objects one by one, as a service account of the namespace where one is named."""
    words = ["create", "-f", "-"]
    words += [f"--as=system:serviceaccount:{space}:{account}"] if account else []

    def one(slug: str) -> Posted:
        return Posted(objects[slug]["kind"], slug, _said(space, *words, text=json.dumps(objects[slug])))

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, objects))


def patch(space: str, kind: str, slug: str, name: str, change: Object, *more: str) -> Posted:
    """Change one object by a JSON merge patch."""
    words = ["patch", kind, name, "--type=merge", "-p", json.dumps(change), *more]
    return Posted(f"{kind} patch", slug, _said(space, *words))


def _said(space: str, *words: str, text: str | None = None) -> str | None:
    done = subprocess.run(["kubectl", *words, "-n", space], input=text, capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout) if done.returncode else None


def reference(about: Object, **more: str) -> dict[str, str]:
    """What an Event says that it is about."""
    meta = about["metadata"]
    names = {"namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
    return names | {"apiVersion": about["apiVersion"], "kind": about["kind"]} | more


def events(space: str, wave: str, *, pod: Object, deployment: Object, replicaset: Object) -> dict[str, Object]:
    """Events of the pod and of the workload that rolls out, by what is wrong with them."""
    about = reference(pod, fieldPath="spec.containers{main}")
    bodies = dict(_numbers(about)) | dict(_moments(about)) | dict(_texts(about, pod))
    bodies |= dict(_of_workloads(deployment, replicaset)) | dict(_refused(about))
    return {slug: _event(space, f"{slug}-{wave}", body) for slug, body in bodies.items()}


def _event(space: str, name: str, body: Object) -> Object:
    second = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    stamps = {} if "eventTime" in body else {"firstTimestamp": second, "lastTimestamp": second, "count": 1}
    common = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": space}, "type": "Normal"}
    return common | stamps | body


def _pulled(took: str, size: str) -> str:
    return f'Successfully pulled image "x" in {took} ({took} including waiting). Image size: {size} bytes.'


def _numbers(about: Object) -> Iterator[tuple[str, Object]]:
    pulled = {"involvedObject": about, "reason": "Pulled"}
    yield "size-5000", pulled | {"message": _pulled("1s", DIGITS)}
    yield "size-29", pulled | {"message": _pulled("1s", "9" * 29)}
    yield "long-pull", pulled | {"message": _pulled("99999999999999999999999h", "1")}
    yield "pull-5000", pulled | {"message": _pulled(f"{DIGITS}h", "1")}
    back_off = {"involvedObject": about, "reason": "BackOff", "type": "Warning", "message": "Back-off restarting"}
    yield "most", back_off | {"count": 2147483647}
    yield "least", back_off | {"count": -2147483648}
    pod = {key: value for key, value in about.items() if key != "fieldPath"}
    none = f"0/{DIGITS} nodes are available: {DIGITS}"
    no = f"{none} Insufficient cpu. preemption: {none} No preemption victims found."
    yield "scheduling", {"involvedObject": pod, "reason": "FailedScheduling", "type": "Warning", "message": no}
    scale = f"pod didn't trigger scale-up: {DIGITS} Insufficient cpu, {DIGITS} max node group size reached"
    yield "scale-up", {"involvedObject": pod, "reason": "NotTriggerScaleUp", "message": scale}
    probe = f"Readiness probe failed: HTTP probe failed with statuscode: {DIGITS}"
    yield "probe", {"involvedObject": about, "reason": "Unhealthy", "type": "Warning", "message": probe}


def _moments(about: Object) -> Iterator[tuple[str, Object]]:
    started = {"involvedObject": about, "reason": "Started", "message": "Started container main"}
    yield "year-9999", started | {"firstTimestamp": _LAST}
    yield "year-1", started | {"firstTimestamp": _FIRST}
    failed = {"involvedObject": about, "reason": "Failed", "type": "Warning", "message": 'Failed to pull image "x": no'}
    yield "last-9999", failed | {"lastTimestamp": _LAST, "count": 2}
    new = {"reportingComponent": "kubelet", "reportingInstance": "hostile", "action": "Hostile"}
    changed = {"involvedObject": about, "reason": "SandboxChanged", "message": "Pod sandbox changed", **new}
    yield (
        "series",
        changed
        | {"eventTime": "2106-02-07T06:28:16.000000Z"}
        | {"series": {"count": 2147483647, "lastObservedTime": "2106-02-07T06:28:17.000000Z"}},
    )
    yield "event-9999", changed | {"eventTime": "9999-12-31T23:59:59.999999Z"}


def _texts(about: Object, pod: Object) -> Iterator[tuple[str, Object]]:
    mount = {"involvedObject": reference(pod), "reason": "FailedMount", "type": "Warning"}
    yield "unseen", mount | {"message": f'MountVolume.SetUp failed for volume "{UNSEEN}" : {UNSEEN}'}
    yield "message", mount | {"message": f'MountVolume.SetUp failed for volume "{_LONG}" : no'}
    yield "surrogate", mount | {"message": "MountVolume.SetUp failed \ud800"}
    yield "long-reason", {"involvedObject": about, "reason": "R" * 5000, "type": "Warning", "message": "no"}
    started = {"reason": "Started", "message": "Started container"}
    yield "long-path", started | {"involvedObject": about | {"fieldPath": f"spec.containers{{{'c' * 5000}}}"}}
    yield "long-uid", started | {"involvedObject": about | {"uid": "u" * 5000}}
    yield "unseen-path", started | {"involvedObject": about | {"fieldPath": f"spec.containers{{{UNSEEN}}}"}}
    yield "long-host", started | {"involvedObject": about, "source": {"component": "kubelet", "host": "h" * 5000}}
    words = f"Preempted by pod {DIGITS} on node {DIGITS}"
    yield "preempted", {"involvedObject": reference(pod), "reason": "Preempted", "message": words}
    claim = {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "namespace": about["namespace"],
        "name": "c",
        "uid": "c",
    }
    yield "claim", {"involvedObject": claim, "reason": "ProvisioningFailed", "type": "Warning", "message": DIGITS}


def _of_workloads(deployment: Object, replicaset: Object) -> Iterator[tuple[str, Object]]:
    scaled = f"Scaled up replica set {replicaset['metadata']['name']} from {DIGITS} to {DIGITS}"
    yield "scaled", {"involvedObject": reference(deployment), "reason": "ScalingReplicaSet", "message": scaled}
    quota = (
        f'pods "web-{DIGITS}" is forbidden: exceeded quota: q, requested: pods={DIGITS}, used: pods={DIGITS}{UNSEEN}'
    )
    by = {"involvedObject": reference(replicaset)}
    yield "create", by | {"reason": "FailedCreate", "type": "Warning", "message": f"Error creating: {quota}"}
    yield "created", by | {"reason": "SuccessfulCreate", "message": f"Created pod: {DIGITS}"}
    yield "later", by | {"reason": "FailedCreate", "type": "Warning", "message": DIGITS, "firstTimestamp": _LAST}


def _refused(about: Object) -> Iterator[tuple[str, Object]]:
    """What the API server is expected to refuse (pkg/apis/core/validation/events.go, and etcd's limit of a request)."""
    words = {"involvedObject": about, "reason": "Started", "message": "no"}
    new = {"reportingComponent": "kubelet", "reportingInstance": "hostile", "action": "Hostile"}
    yield "count", words | {"count": 1 << 31}
    yield "huge", words | {"message": _LONG * 4}
    yield "year-10000", words | {"firstTimestamp": "10000-01-01T00:00:00Z"}
    yield "elsewhere", words | {"involvedObject": about | {"namespace": "kube-system"}}
    yield "new-reason", words | new | {"eventTime": "2026-01-01T00:00:00.000000Z", "reason": "R" * 5000}


def slices(space: str, wave: str, pod: Object, foreign: Object) -> dict[str, Object]:
    """EndpointSlices of a made-up Service: hostile trigger times, and the pods of another namespace as targets."""
    own, other = reference(pod), reference(foreign)
    told = {
        "trigger-words": ("garbage" + UNSEEN, own), "trigger-9999": (_LAST, own), "trigger-1": (_FIRST, own),
        "trigger-5000": (DIGITS, own), "foreign": ("garbage", other), "unnamed": (_LAST, own | {"uid": "u" * 5000}),
    }  # fmt: skip
    return {slug: _slice(space, f"{slug}-{wave}", *each) for slug, each in told.items()}


def _slice(space: str, name: str, trigger: str, target: dict[str, str]) -> Object:
    labels, notes = (
        {"kubernetes.io/service-name": "hostile"},
        {"endpoints.kubernetes.io/last-change-trigger-time": trigger},
    )
    target = {key: value for key, value in target.items() if key != "apiVersion"}
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": name, "namespace": space, "labels": labels, "annotations": notes},
        "endpoints": [{"addresses": ["10.255.255.1"], "conditions": {"ready": True}, "targetRef": target}],
        "ports": [{"port": 80, "protocol": "TCP", "name": ""}],
    }  # fmt: skip


def written_in_9999(space: str, wave: str) -> Posted:
    """A slice that an address leaves, and whose managed fields say that it was written in the year 9999."""
    entry = {
        "manager": "hostile", "operation": "Update", "apiVersion": "discovery.k8s.io/v1", "time": _LAST,
        "fieldsType": "FieldsV1", "fieldsV1": {"f:addressType": {}},
    }  # fmt: skip
    change: Object = {"metadata": {"managedFields": [entry]}, "endpoints": []}
    return patch(space, "endpointslice", "managed-9999", f"trigger-words-{wave}", change)


def pods(space: str, wave: str, image: str, target: Object) -> dict[str, Object]:
    """Pods with hostile annotations, grace periods and images; those of ``status-`` wait for a status."""
    seen, mirror = "kubernetes.io/config.seen", "kubernetes.io/config.mirror"
    apart: Object = {"schedulerName": "nobody"}
    made: dict[str, tuple[Object, Object]] = {
        "seen": ({seen: "garbage" + UNSEEN}, {}),
        "seen-9999": ({seen: _LAST}, {}),
        "mirror": ({mirror: "garbage" + UNSEEN, seen: _LAST}, {"nodeName": "hostile"}),
        "mirror-long": ({mirror: "m" * 100_000, seen: DIGITS}, {"nodeName": "hostile"}),
        "mirror-other": ({mirror: target["metadata"]["uid"], seen: _FIRST}, {"nodeName": "hostile"}),
        "status-9999": ({}, apart),
        "status-digits": ({}, apart),
    } | {slug: ({}, {"terminationGracePeriodSeconds": grace}) for slug, grace in GRACES.items()}
    found = {slug: _pod(space, f"{slug}-{wave}", image, *each) for slug, each in made.items()}
    return found | {"image": _pod(space, f"image-{wave}", "I" * 5000, {}, {})}


def _pod(space: str, name: str, image: str, notes: Object, spec: Object) -> Object:
    main = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "3600"]}
    common = {"containers": [main], "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False}
    meta = {"name": name, "namespace": space, "annotations": notes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": common | spec}


def jobs(space: str, wave: str, image: str) -> dict[str, Object]:
    """Jobs that say when a CronJob wanted them, in words that are no time."""
    told = {"job-words": "garbage" + UNSEEN, "job-9999": _LAST, "job-5000": DIGITS}
    return {slug: _job(space, f"{slug}-{wave}", image, when) for slug, when in told.items()}


def _job(space: str, name: str, image: str, when: str) -> Object:
    main = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["true"]}
    notes = {"batch.kubernetes.io/cronjob-scheduled-timestamp": when}
    return {
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": space, "annotations": notes},
        "spec": {"template": {"spec": {"containers": [main], "restartPolicy": "Never"}}},
    }  # fmt: skip


def statuses(space: str, wave: str) -> list[Posted]:
    """What who may write the status of a pod says of two that no kubelet looks after."""
    told: dict[str, Object] = {
        "status-9999": {"startTime": _LAST, "phase": "Pending"},
        "status-digits": {
            "conditions": [_condition(f"0/{DIGITS} nodes are available: {DIGITS} Insufficient{UNSEEN}.")]
        },
    }
    return [
        patch(space, "pod", slug, f"{slug}-{wave}", {"status": status}, "--subresource=status")
        for slug, status in told.items()
    ]


def _condition(message: str) -> Object:
    return {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
