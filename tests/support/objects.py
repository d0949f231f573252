"""API objects as a server sends them, for tests that need some."""

import json
from typing import Any

from podtimeline.sources.texts import moment

Body = dict[str, Any]
CREATED = "2026-11-23T19:17:01Z"
CREATED_NS = moment(CREATED)


def stamp(seconds: int) -> str:
    """The second so many seconds after ``CREATED`` (less than 58)."""
    return f"2026-11-23T19:17:{1 + seconds:02d}Z"


def condition(kind: str, seconds: int = 0, *, status: str = "True", **more: Any) -> Body:
    """A pod's condition that turned so many seconds after the creation."""
    return {"type": kind, "status": status, "lastTransitionTime": stamp(seconds), "lastProbeTime": None} | more


def container(name: str = "web", **status: Any) -> Body:
    """A container's status; waiting for its creation unless told otherwise."""
    base: Body = {
        "name": name,
        "image": f"registry.test/{name}:1",
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": "ContainerCreating"}},
        "lastState": {},
    }
    return base | status


def running(seconds: int) -> Body:
    """The state of a container that started so many seconds after the creation."""
    return {"running": {"startedAt": stamp(seconds)}}


def terminated(start: int, end: int, *, code: int = 0, reason: str = "Completed") -> Body:
    """The state of a container that ran from ``start`` to ``end``, in seconds after the creation."""
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": stamp(start), "finishedAt": stamp(end)}}


def pod(name: str = "web-1", *, namespace: str = "shop", uid: str = "", **parts: Any) -> Body:
    """A pod that was just created. ``metadata``, ``spec`` and ``status`` are added to what it has."""
    body: Body = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"uid-{name}",
            "resourceVersion": "1",
            "creationTimestamp": CREATED,
            "labels": {"app": "web", "tier": "front"},
            "annotations": {"note": "more than is read"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-abc", "uid": "rs-1", "controller": True}
            ],
            "managedFields": [{"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:status": {}}}],
        },
        "spec": {
            "restartPolicy": "Always",
            "containers": [{"name": "web", "image": "registry.test/web:1", "readinessProbe": {"periodSeconds": 1}}],
        },
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }
    for part, more in parts.items():
        body[part] |= more
    return body


def ready_pod(name: str = "web-1", **parts: Any) -> Body:
    """A pod that is Ready four seconds after its creation."""
    status = {
        "phase": "Running",
        "startTime": stamp(1),
        "podIPs": [{"ip": "10.0.0.7"}, {"ip": "fd00::7"}],
        "conditions": [
            condition("PodReadyToStartContainers", 2),
            condition("Initialized", 1),
            condition("Ready", 4),
            condition("ContainersReady", 4),
            condition("PodScheduled", 0),
        ],
        "containerStatuses": [container(ready=True, started=True, state=running(3))],
    }
    body = pod(name)
    body["spec"]["nodeName"] = "node-1"
    body["status"] = status
    for part, more in parts.items():
        body[part] |= more
    return body


def event(reason: str, *, at: int = CREATED_NS + 123_456_789, container: str = "web", **more: Any) -> Body:
    """An Event of a pod's container as the kubelet writes it, stamped ``at`` in nanoseconds."""
    path = f"spec.containers{{{container}}}" if container else ""
    base: Body = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": f"web-1.{at:016x}", "namespace": "shop", "uid": "e-1", "resourceVersion": "1"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-1", "uid": "uid-web-1", "fieldPath": path},
        "reason": reason,
        "message": "",
        "type": "Normal",
        "firstTimestamp": CREATED,
        "lastTimestamp": CREATED,
        "eventTime": None,
        "count": 1,
        "reportingComponent": "kubelet",
    }
    base["metadata"]["creationTimestamp"] = CREATED
    return base | more


def endpoint(pod_name: str, *, ready: bool | None = True) -> Body:
    """An address of a pod in a slice."""
    conditions = {} if ready is None else {"ready": ready, "serving": ready, "terminating": False}
    target = {"kind": "Pod", "namespace": "shop", "name": pod_name, "uid": f"uid-{pod_name}"}
    return {"addresses": ["10.0.0.7"], "conditions": conditions, "nodeName": "node-1", "targetRef": target}


def endpoint_slice(*endpoints: Body, name: str = "web-x1", service: str = "web", trigger: str | None = None) -> Body:
    """A slice of a Service."""
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "labels": {"kubernetes.io/service-name": service} if service else {},
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": trigger} if trigger else None,
        },
        "addressType": "IPv4",
        "endpoints": list(endpoints) or None,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": "", "port": 9090, "protocol": "UDP"}],
    }


def line(kind: str, body: Body) -> bytes:
    """A line of a watch."""
    return json.dumps({"type": kind, "object": body}, separators=(",", ":")).encode()


def raw(body: Body) -> bytes:
    """An item of a listing."""
    return json.dumps(body, separators=(",", ":")).encode()
