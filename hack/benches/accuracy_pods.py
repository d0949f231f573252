"""Every kind of workload, made and removed through the API without a client's process that would cost CPU."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from benches.accuracy_hands import GATE, ROOM, Hands
from clusterkit.api import Api
from clusterkit.errors import ClusterError

Json = dict[str, Any]
_PATIENCE = 180.0
_LOOK = 0.2


class Kind(StrEnum):
    """What a pod consists of, or which controller makes it."""

    PLAIN = "plain"
    PULL = "pull"
    INIT = "init"
    PROBE = "probe"
    STARTUP = "startup"
    SIDECAR = "sidecar"
    TWO = "two"
    HOST = "host"
    STATEFUL = "stateful"
    DAEMON = "daemon"
    JOB = "job"
    GATED = "gated"
    REGISTERED = "registered"
    HOMELESS = "homeless"
    VOLUME = "volume"
    HELD = "held"


_CONTROLLERS = {Kind.STATEFUL: "statefulsets", Kind.DAEMON: "daemonsets", Kind.JOB: "jobs"}
_NAMES = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "jobs": "Job"}
_SLEEPING = ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"]
VOLUME_CLASS = "podtimeline-bench"
"""The StorageClass of the volumes that each pod of that kind gets for itself."""
VOLUME = "scratch"
_FINALIZER = "podtimeline.bench/hold"
_SOON = {"exec": {"command": ["true"]}, "periodSeconds": 1}


def resource(kind: Kind) -> str:
    """The plural of the controller that makes such pods."""
    return _CONTROLLERS.get(kind, "deployments")


def _container(name: str, image: str, command: list[str], **more: object) -> Json:
    requests = {"requests": {"cpu": "1m", "memory": "4Mi"}}
    base = {"name": name, "image": image, "command": command, "imagePullPolicy": "IfNotPresent", "resources": requests}
    return base | more


def pod_spec(kind: Kind, *, image: str, pulled: str) -> Json:
    """The spec of a pod; ``pulled`` is the image that the node has to ask its registry for."""
    extras: dict[Kind, Json] = {
        Kind.PULL: {"image": pulled, "imagePullPolicy": "Always"},
        Kind.PROBE: {"readinessProbe": _SOON},
        Kind.STARTUP: {"startupProbe": _SOON, "readinessProbe": _SOON},
        Kind.JOB: {"command": ["sleep", "1"]},
        # What no container mounts the kubelet does not mount, either.
        Kind.VOLUME: {"volumeMounts": [{"name": VOLUME, "mountPath": "/data"}]},
    }
    spec: Json = {
        "terminationGracePeriodSeconds": 2,
        "restartPolicy": "Never" if kind is Kind.JOB else "Always",
        "hostNetwork": kind is Kind.HOST,
        "containers": [_container("main", image, _SLEEPING) | extras.get(kind, {})],
    }
    if kind is Kind.TWO:
        spec["containers"].append(_container("parallel", image, _SLEEPING))
    if kind is Kind.INIT:
        spec["initContainers"] = [_container("setup", image, ["true"])]
    if kind is Kind.SIDECAR:
        spec["initContainers"] = [_container("proxy", image, _SLEEPING, restartPolicy="Always")]
    return spec | _WAITING.get(kind, {})


def _claim() -> Json:
    requests = {"requests": {"storage": "1Mi"}}
    claim = {"storageClassName": VOLUME_CLASS, "accessModes": ["ReadWriteOnce"], "resources": requests}
    return {"name": VOLUME, "ephemeral": {"volumeClaimTemplate": {"spec": claim}}}


_WAITING: dict[Kind, Json] = {
    Kind.GATED: {"schedulingGates": [{"name": "podtimeline.bench/quota"}]},
    Kind.REGISTERED: {"readinessGates": [{"conditionType": GATE}]},
    Kind.HOMELESS: {"nodeSelector": {ROOM: "yes"}},
    Kind.VOLUME: {"volumes": [_claim()]},
}
"""What pods of a kind wait for beside their containers: ``Hands`` does it."""


def workload(kind: Kind, name: str, *, replicas: int, image: str, pulled: str) -> Json:
    """The workload of that kind."""
    labels = {"app": name}
    meta: Json = {"labels": labels} | ({"finalizers": [_FINALIZER]} if kind is Kind.HELD else {})
    template = {"metadata": meta, "spec": pod_spec(kind, image=image, pulled=pulled)}
    spec: Json = {"template": template}
    if kind is Kind.JOB:
        spec |= {"completions": replicas, "parallelism": replicas}
    else:
        spec |= {"selector": {"matchLabels": labels}}
    if kind not in {Kind.JOB, Kind.DAEMON}:
        spec["replicas"] = replicas
    if kind is Kind.STATEFUL:
        spec["serviceName"] = name
    group = "batch/v1" if kind is Kind.JOB else "apps/v1"
    return {"apiVersion": group, "kind": _NAMES[resource(kind)], "metadata": {"name": name}, "spec": spec}


class Field:
    """A namespace in which workloads come and go; ``nodes`` is how many pods a DaemonSet has."""

    def __init__(self, api: Api, space: str, *, image: str, pulled: str, nodes: int) -> None:
        self._hands = Hands(api, space, node="node-1")
        self.space = space
        self._api = api
        self._images = {"image": image, "pulled": pulled}
        self._nodes = nodes
        self._wanted: dict[str, int] = {}
        self._kinds: dict[str, Kind] = {}

    def create(self, kind: Kind, name: str, *, replicas: int = 1) -> None:
        """Create a workload and a Service that selects its pods."""
        made = workload(kind, name, replicas=replicas, **self._images)
        self._kinds[name] = kind
        self._wanted[name] = self._nodes if kind is Kind.DAEMON else replicas
        if kind is not Kind.JOB:
            service = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
            body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service}
            self._api.create(f"/api/v1/namespaces/{self.space}/services", body=body)
        self._api.create(self._path(kind), body=made)

    def restart(self, name: str) -> None:
        """Roll a workload out anew, as ``kubectl rollout restart`` does."""
        stamp = {"metadata": {"annotations": {"podtimeline.bench/restarted": str(time.time_ns())}}}
        self._send("PATCH", f"{self._path(self._kinds[name])}/{name}", {"spec": {"template": stamp}})

    def scale(self, name: str, replicas: int) -> None:
        """Give a workload another number of pods."""
        self._wanted[name] = replicas
        self._send("PATCH", f"{self._path(self._kinds[name])}/{name}", {"spec": {"replicas": replicas}})

    def delete(self, name: str) -> None:
        """Delete a workload; its pods follow."""
        self._wanted.pop(name)
        self._send("DELETE", f"{self._path(self._kinds.pop(name))}/{name}", {"propagationPolicy": "Background"})

    def clear(self) -> None:
        """Delete every workload."""
        for name in tuple(self._wanted):
            self.delete(name)
        # The next pods without a place are to find none at first, either.
        self._hands.tidy()

    def settle(self) -> None:
        """Wait until each workload has exactly its pods, all of them ready or completed, and no other is left."""
        deadline = time.monotonic() + _PATIENCE
        while (found := self._standing()) != self._wanted:
            if time.monotonic() > deadline:
                raise ClusterError(f"{self.space}: {self._wanted} did not settle: {found}")
            time.sleep(_LOOK)

    def _standing(self) -> Mapping[str, int]:
        pods = self._api.get(f"/api/v1/namespaces/{self.space}/pods?resourceVersion=0")["items"]
        self._hands.help(pods)
        standing = Counter(pod["metadata"]["labels"]["app"] for pod in pods if _stands(pod))
        unsettled = Counter(pod["metadata"]["labels"]["app"] for pod in pods if not _stands(pod))
        return {name: -1 if unsettled[name] else standing[name] for name in standing | unsettled}

    def _path(self, kind: Kind) -> str:
        group = "batch/v1" if kind is Kind.JOB else "apps/v1"
        return f"/apis/{group}/namespaces/{self.space}/{resource(kind)}"

    def _send(self, method: str, path: str, body: Json) -> None:
        status, answer = self._api.call(method, path=path, body=body)
        if status >= 300:
            raise ClusterError(f"{method} {path}: {status} {answer}")


def _stands(pod: Json) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
    done = pod["status"].get("phase") == "Succeeded" or conditions.get("Ready") == "True"
    return done and "deletionTimestamp" not in pod["metadata"]


Say = Callable[[str], None]


def idle(field: Field, *, rounds: int, say: Say) -> None:
    """Two workloads of one pod at a time, and nothing else; each pair is gone before the next one comes."""
    kinds = list(Kind)
    for number in range(rounds):
        say(f"idle: round {number + 1} of {rounds}")
        for first in range(0, len(kinds), 2):
            for kind in kinds[first : first + 2]:
                field.create(kind, f"{kind}-{number}")
            field.settle()
            field.clear()
            field.settle()


def churn(field: Field, *, waves: int, say: Say) -> None:
    """All kinds at once, two pods each; rollouts and scalings beside each other; all deleted at once."""
    for number in range(waves):
        say(f"churn: wave {number + 1} of {waves}")
        for kind in Kind:
            field.create(kind, f"{kind}-{number}", replicas=2)
        field.settle()
        for kind in (Kind.PLAIN, Kind.PROBE, Kind.TWO, Kind.STATEFUL, Kind.DAEMON):
            field.restart(f"{kind}-{number}")
        field.scale(f"{Kind.SIDECAR}-{number}", 3)
        field.scale(f"{Kind.STARTUP}-{number}", 1)
        field.settle()
        field.clear()
        field.settle()
