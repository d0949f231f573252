"""An older Kubernetes tells the same story in other words: the operator reads both."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.clusters import ROOT, eventually, hack_cluster, kubectl, namespace, own_cluster
from tests.e2e.processes import OperatorProcess
from tests.support.truth import cluster_truth, holds

from podtimeline.core.milestones import Mark, Milestone

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(own_cluster() is None, reason="KUBECONFIG names somebody else's cluster: none is made here"),
]
NAME, IMAGE = "podtimeline-1-34", "podtimeline.test/busybox:1"

POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web}}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: {IMAGE}
    imagePullPolicy: IfNotPresent
    command: [sleep, "3600"]
    readinessProbe: {{exec: {{command: ["true"]}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A cluster of Kubernetes 1.34 beside the one under test; cold, its build takes about ten minutes."""
    command = ["hack/cluster", "up", "--name", NAME, "--nodes", "1", "--kubernetes", "1.34"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    try:
        monkeypatch.setenv("KUBECONFIG", done.stdout.strip())
        monkeypatch.setenv("E2E_CLUSTER", NAME)
        archive = tmp_path / "busybox.tar"
        hack_cluster("image", IMAGE, str(archive))
        hack_cluster("load", str(archive))
        yield NAME
    finally:
        subprocess.run(["hack/cluster", "down", "--name", NAME], cwd=ROOT, check=True)


@pytest.mark.timeout(1800)
def test_a_pod_on_kubernetes_1_34_is_followed_all_the_way(older: str, operator: OperatorProcess) -> None:
    """Every milestone is there, its truth inside its bounds, and the phases sum."""
    assert '"v1.34' in kubectl("version", "-o", "json")
    operator.start()
    with namespace("e2e-older") as space:
        kubectl("apply", "-n", space, "-f", "-", text=POD)

        def look() -> list[object]:
            return [item for item in operator.pods(namespace=space) if item["endpointNanoseconds"] is not None]

        eventually(look, what="its address is in the slice")
        (item,) = operator.pods(namespace=space)
    truth = cluster_truth(older)[item["uid"]]
    have = {Mark(Milestone(each["milestone"]), each["subject"]): each for each in item["milestones"]}
    steps = (Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED, Milestone.CONTAINER_READY)
    assert {Mark(each, "main") for each in steps} <= set(have)
    assert item["missing"] == item["partial"] == []
    assert sum(each["durationNanoseconds"] for each in item["phases"]) == item["totalNanoseconds"]
    known = {mark: said for mark, said in have.items() if mark in truth.marks}
    assert len(known) >= 10
    assert {mark for mark, said in known.items() if not holds(said, truth.marks[mark], mark.milestone)} == set()
