"""After ``kill -9`` at any moment no pod is lost and none is counted twice."""

from typing import Any

import pytest
from tests.e2e.clusters import eventually, kubectl, kubectl_json, namespace
from tests.e2e.processes import OperatorProcess

pytestmark = pytest.mark.e2e
PODS = 50

MANY = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: many}}
spec:
  replicas: {pods}
  selector: {{matchLabels: {{app: many}}}}
  template:
    metadata: {{labels: {{app: many}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: {image}
        imagePullPolicy: IfNotPresent
        command: [sleep, "3600"]
        resources: {{requests: {{cpu: 1m, memory: 4Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: many}}
spec:
  selector: {{app: many}}
  ports: [{{port: 80, targetPort: 8080}}]
"""


def ready_pods(space: str) -> int:
    """How many pods of the namespace are Ready by the API's own word."""
    conditions = (pod["status"].get("conditions", ()) for pod in kubectl_json("get", "pods", "-n", space)["items"])
    return sum(any(c["type"] == "Ready" and c["status"] == "True" for c in each) for each in conditions)


def counted(operator: OperatorProcess, space: str, name: str) -> float:
    """What a histogram has counted of the namespace's workload."""
    metric = f"podtimeline_pod_{name}_duration_seconds_count"
    return operator.metric(metric, namespace=space, workload_kind="Deployment", workload="many")


def timed_endpoints(items: list[Any]) -> int:
    """How many timelines know when their endpoint was added: nobody saw it of those that came while nobody looked."""
    return sum(item["endpointSeconds"] is not None for item in items)


def test_fifty_pods_survive_the_killing_of_their_observer(operator: OperatorProcess, busybox: str) -> None:
    """Killed in the middle of a rollout and started again, the operator has 50 timelines and counts exactly 50."""
    operator.start()
    with namespace("e2e-kill") as space:
        kubectl("apply", "-n", space, "-f", "-", text=MANY.format(pods=PODS, image=busybox))
        eventually(lambda: ready_pods(space) >= 10, what="ten pods are ready")
        operator.kill()
        missed = ready_pods(space)
        eventually(lambda: ready_pods(space) >= missed + 5, what="five pods become ready while nobody looks")
        operator.start()
        eventually(lambda: counted(operator, space, "startup") == PODS, what="fifty are counted")
        items = operator.pods(namespace=space)
        assert len({item["uid"] for item in items}) == PODS
        assert {item["outcome"] for item in items} == {"ready"}
        assert {(item["workload"]["kind"], item["workload"]["name"]) for item in items} == {("Deployment", "many")}
        told = [line for line in operator.lines() if line.get("k8s.namespace.name") == space]
        assert sorted(line["k8s.pod.uid"] for line in told) == sorted(item["uid"] for item in items)
        assert counted(operator, space, "endpoint") == timed_endpoints(items)
        operator.kill()
        operator.start()
        assert counted(operator, space, "startup") == PODS
        assert counted(operator, space, "endpoint") == timed_endpoints(items)
    assert operator.stop() == 0
