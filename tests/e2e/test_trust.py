"""Who may write, or read, in one namespace only: the others are told as if nothing had been."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.clusters import addresses, eventually, kubectl, kubectl_json, namespace
from tests.e2e.processes import OperatorProcess

pytestmark = pytest.mark.e2e

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {{name: main, image: {image}, imagePullPolicy: IfNotPresent, command: [sleep, "3600"]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
"""

WRITER = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: writer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writer}
rules:
- {apiGroups: [""], resources: [events], verbs: [create]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [create, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: writer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: writer}
subjects: [{kind: ServiceAccount, name: writer}]
"""

READER = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: reader}}
rules:
- {{apiGroups: ["", apps, batch, discovery.k8s.io], resources: ["*"], verbs: [get, list, watch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: reader}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}}
subjects: [{{kind: ServiceAccount, name: reader, namespace: {home}}}]
"""

FORGED = {
    "Pulled": 'Successfully pulled image "x" in 9h (9h including waiting). Image size: 9 bytes.',
    "Started": "Started container main",
    "BackOff": "Back-off restarting failed container main",
    "Killing": "Stopping container main",
    "TaintManagerEviction": "forged",
    "FailedMount": 'MountVolume.SetUp failed for volume "forged"',
}


def started(space: str, image: str) -> Any:
    """A pod that is ready and in its Service's slice."""
    kubectl("apply", "-n", space, "-f", "-", text=WEB.format(image=image))
    kubectl("rollout", "status", "deployment/web", "-n", space, "--timeout=120s")
    eventually(lambda: addresses(space, "web") == 1, what="the pod's address is in a slice")
    (pod,) = kubectl_json("get", "pods", "-n", space, "-l", "app=web")["items"]
    return pod


def reference(pod: Any, **other: str) -> dict[str, str]:
    """What names the pod, or seems to."""
    meta = pod["metadata"]
    names = {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }
    return names | {"fieldPath": "spec.containers{main}"} | other


def forged_event(space: str, about: dict[str, str], reason: str, number: int, *, new: bool) -> dict[str, Any]:
    """An Event of a namespace; where it is a ``new`` one the API server does not compare its namespaces."""
    at = time.time_ns() - 3600 * 10**9
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 10**9))
    body: dict[str, Any] = {
        "apiVersion": "v1", "kind": "Event", "reason": reason, "message": FORGED[reason], "involvedObject": about,
        "metadata": {"name": f"forged-{number}.{at:016x}", "namespace": space},
        "type": "Warning" if reason in {"FailedMount", "BackOff"} else "Normal",
    }  # fmt: skip
    if new:
        reporter = {"reportingComponent": "kubelet", "reportingInstance": "forged", "action": "Forged"}
        return body | reporter | {"eventTime": f"{second}.000000Z"}
    return body | {"firstTimestamp": f"{second}Z", "lastTimestamp": f"{second}Z", "count": 1}


def forged_slice(space: str, name: str, target: dict[str, str], *, terminating: bool = False) -> dict[str, Any]:
    """A slice of a namespace that holds the pod's address."""
    target = {key: value for key, value in target.items() if key not in {"apiVersion", "fieldPath"}}
    conditions = {"ready": not terminating, "serving": True, "terminating": terminating}
    return {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": name, "namespace": space, "labels": {"kubernetes.io/service-name": "forged"}},
        "endpoints": [{"addresses": ["10.255.255.1"], "conditions": conditions, "targetRef": target}],
        "ports": [{"port": 80, "protocol": "TCP", "name": ""}],
    }  # fmt: skip


def attack(space: str, pod: Any) -> int:
    """Whatever the service account may write; returns how many objects the API server took."""
    objects: list[dict[str, Any]] = []
    for reason in FORGED:
        objects.append(forged_event(space, reference(pod, namespace=space), reason, len(objects), new=False))
        objects.append(forged_event(space, reference(pod, namespace=space), reason, len(objects), new=True))
        objects.append(forged_event(space, reference(pod), reason, len(objects), new=True))
    objects.append(forged_slice(space, "forged-a", reference(pod)))
    objects.append(forged_slice(space, "forged-b", reference(pod, namespace=space)))
    objects.append(forged_slice(space, "forged-c", reference(pod), terminating=True))
    kubectl(
        "create", "-f", "-", f"--as=system:serviceaccount:{space}:writer",
        text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
    )  # fmt: skip
    return len(objects)


def steady(item: Any) -> dict[str, Any]:
    """What of a timeline does not change by itself."""
    return {key: value for key, value in item.items() if key not in {"observedAt", "peers"}}


def test_who_may_write_in_one_namespace_changes_no_pod_of_another(operator: OperatorProcess, busybox: str) -> None:
    """Events and slices that name the pod by uid: its timeline is as it was, alive and deleted; they are counted."""
    operator.start()
    with namespace("e2e-trust-a") as victim, namespace("e2e-trust-b") as evil:
        kubectl("apply", "-n", evil, "-f", "-", text=WRITER)
        pod = started(victim, busybox)
        name, metric = pod["metadata"]["name"], "podtimeline_mismatched_references_total"
        before = eventually(lambda: endpoint_told(operator, victim, name), what="the pod's endpoint is told")
        count = operator.metric(metric)
        written = attack(evil, pod)
        eventually(lambda: operator.metric(metric) >= count + written, what="what was forged is counted")
        assert operator.metric(metric, stream="endpointslices", reason="namespace") >= 3
        assert steady(operator.pod(victim, name)) == steady(before)
        kubectl("delete", "endpointslice", "-n", evil, "forged-a", "forged-b", "forged-c",
                f"--as=system:serviceaccount:{evil}:writer")  # fmt: skip
        kubectl("delete", "deployment", "web", "-n", victim, "--wait=true")
        item = eventually(lambda: removed(operator, victim, name), what="the pod's removal is told")
        assert {each["subject"].split("/")[0] for each in item["drains"]} == {victim}
        assert evil not in json.dumps(item)
        assert not any("forged" in note["text"] for note in item["notes"])


def endpoint_told(operator: OperatorProcess, space: str, name: str) -> Any:
    """The pod's timeline once its endpoint is in it and the start is over."""
    found = [each for each in operator.pods(namespace=space) if each["name"] == name]
    return operator.pod(space, name) if found and found[0]["endpointSeconds"] is not None else None


def removed(operator: OperatorProcess, space: str, name: str) -> Any:
    """The pod's timeline once it is gone."""
    item = operator.pod(space, name)
    marks = {each["milestone"] for each in item["milestones"]}
    return item if "object_removed" in marks else None


def reader(home: str, *spaces: str, folder: Path) -> Path:
    """A kubeconfig of a service account that may read these namespaces only."""
    kubectl("create", "serviceaccount", "reader", "-n", home)
    for space in spaces:
        kubectl("apply", "-n", space, "-f", "-", text=READER.format(home=home))
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    token = kubectl("create", "token", "reader", "-n", home, "--duration=1h").strip()
    config["users"] = [{"name": "reader", "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = "reader"
    path = folder / "reader.kubeconfig"
    path.write_text(json.dumps(config))
    return path


def told(operator: OperatorProcess, space: str) -> Callable[[], bool]:
    """Whether the namespace's pod is told as ready, by its Deployment."""

    def look() -> bool:
        items = [each for each in operator.pods(namespace=space) if each["outcome"] == "ready"]
        return [each["workload"]["kind"] for each in items] == ["Deployment"]

    return look


def readiness(operator: OperatorProcess) -> Any:
    """What /readyz says."""
    return json.loads(operator.get("/readyz"))


def test_a_namespace_whose_right_is_taken_away_takes_no_other_with_it(tmp_path: Path, busybox: str) -> None:
    """Its RoleBinding is removed and the operator started again: the other is answered, what is missing is told."""
    with namespace("e2e-trust-a") as kept, namespace("e2e-trust-b") as lost:
        kubeconfig = reader(kept, kept, lost, folder=tmp_path)
        operator = OperatorProcess(tmp_path, namespaces=f"{kept},{lost}", kubeconfig=str(kubeconfig))
        try:
            operator.start()
            started(lost, busybox)
            eventually(told(operator, lost), what="the namespace is told while it can be read")
            operator.stop()
            kubectl("delete", "rolebinding", "reader", "-n", lost)
            operator.start()
            started(kept, busybox)
            eventually(told(operator, kept), what="the other namespace is told")
            found = readiness(operator)
            assert found["status"] == "degraded"
            (reason,) = [each for each in found["reasons"] if f" of {lost} cannot be read: " in each]
            assert reason.startswith("pods, events, endpointslices, ")
            assert not any(kept in reason for reason in found["reasons"])
            labels = {"namespace": lost, "code": "403"}
            assert operator.metric("podtimeline_stream_unreadable", stream="pods", **labels) == 1
            assert operator.metric("podtimeline_stream_unreadable", stream="replicasets", **labels) == 1
            kubectl("apply", "-n", lost, "-f", "-", text=READER.format(home=kept))
            eventually(lambda: not any(lost in each for each in readiness(operator)["reasons"]), what="it is back")
            kubectl("scale", "deployment/web", "-n", lost, "--replicas=2")
            eventually(lambda: len(operator.pods(namespace=lost)) == 2, what="what comes there is told")
        finally:
            operator.stop()
