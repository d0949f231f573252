"""One pod with a Service, held against what the API server, the runtime and the CNI plugin wrote down themselves."""

import pytest
from tests.e2e.clusters import Need, eventually, kubectl, namespace, needs, own_name
from tests.e2e.processes import OperatorProcess
from tests.support.recorders import cluster_truth
from tests.support.sums import assert_whole
from tests.support.truth import holds

from podtimeline.model.milestones import Milestone, MilestoneKey

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.scenario,
    needs(Need.LOGS),
]

POD = """
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: IMAGE
    imagePullPolicy: IfNotPresent
    command: [sleep, "3600"]
    readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def test_a_pod_is_followed_all_the_way(operator: OperatorProcess, busybox: str) -> None:
    """Every milestone is there, its truth inside its bounds, and the phases sum."""
    name = own_name()
    operator.start()
    with namespace("e2e-truth") as space:
        kubectl("apply", "-n", space, "-f", "-", text=POD.replace("IMAGE", busybox))

        def look() -> list[object]:
            return [item for item in operator.pods(namespace=space) if item["endpointNanoseconds"] is not None]

        eventually(look, what="its address is in the slice")
        (item,) = operator.pods(namespace=space)
    truth = cluster_truth(name)[item["uid"]]
    have = {MilestoneKey(Milestone(each["milestone"]), each["subject"]): each for each in item["milestones"]}
    steps = (Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED, Milestone.CONTAINER_READY)
    assert {MilestoneKey(each, "main") for each in steps} <= set(have)
    assert item["missing"] == item["partial"] == []
    assert_whole(item)
    known = {mark: said for mark, said in have.items() if mark in truth.marks}
    assert len(known) >= 10
    assert {mark for mark, said in known.items() if not holds(said, truth.marks[mark], mark.milestone)} == set()
