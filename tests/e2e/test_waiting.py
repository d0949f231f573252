"""What a pod waits for before it has a node, on a real cluster: gates, the scheduler's refusals, victims, a new node.

The pods are in ``waiting.yaml``. There is no autoscaler here: the test posts the Events that the cluster-autoscaler and
Karpenter would, and the new node is node 2, which is taken out of the API and joins again by its own kubelet.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from tests.e2e.clusters import (
    ROOT,
    Need,
    eventually,
    kubectl,
    kubectl_json,
    namespace,
    needs,
    placed,
    post_event,
    workers,
)
from tests.e2e.nodes import Node
from tests.e2e.processes import OperatorProcess
from tests.support.sums import reached
from tests.support.truth import nanoseconds
from tests.support.waits import CHECKS, NEW_NODE, ORDER, QUOTA, REFUSED, VICTIMS, Items

from podtimeline.sources.texts import moment

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.scenario,
    needs(Need.NODES),
]
OLD, NEW = 0, 1
"""The nodes by their place in ``workers``: one that is there, and one that goes and comes again."""
TAINT, DISK = "podtimeline.test/waiting", "podtimeline.test/disk"
WAITING = (*REFUSED, "gated", "big")
MACHINE = 3.0
"""Seconds that the new machine takes to come."""


@dataclass(frozen=True)
class Waits:
    """What the operator tells of each pod once all have gone their way, and told while they waited."""

    space: str
    items: Items
    counted: Mapping[str, float]
    registered: int
    """The second in which node 2 joined again."""


@pytest.fixture(scope="module")
def waits(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Waits]:
    """All of them at once, first those that wait for something of the cluster, then those that wait for a node."""
    operator = OperatorProcess(tmp_path_factory.mktemp("operator"))
    with ExitStack() as stack:
        space = stack.enter_context(namespace("e2e-waiting"))
        stack.callback(restore, space)
        pods = manifests(space, busybox)
        apply(space, pods["standing"])
        kubectl("wait", "-n", space, "--for=condition=Ready", "pod", "-l", "stage=standing", "--timeout=120s")
        operator.start()
        stack.callback(operator.stop)
        obstruct(space)
        apply(space, pods["waiting"])
        counted = eventually(lambda: refused(operator, space), what="each pod is refused for its own reason")
        release(operator, space)
        apply_to_new_node(operator, space, pods["new-node"])
        items = eventually(lambda: settled(operator, space), what="every pod is ready")
        registered = moment(kubectl_json("get", "node", workers()[NEW])["metadata"]["creationTimestamp"])
        yield Waits(space, items, counted, registered)


def manifests(space: str, image: str) -> dict[str, list[Any]]:
    """The objects of ``waiting.yaml`` by their stage, for this cluster's nodes; the PriorityClass stands first."""
    room = kubectl_json("get", "node", workers()[OLD])["status"]["allocatable"]
    cores, memory = millicores(room["cpu"]), kibibytes(room["memory"])
    text = placed((ROOT / "tests/e2e/waiting.yaml").read_text()).replace("SPACE", space)
    text = text.replace("CPU", f"{cores * 9 // 10}m")
    text = text.replace("HALF", f"{memory * 45 // 100}Ki").replace("MOST", f"{memory * 8 // 10}Ki")
    stages: dict[str, list[Any]] = {"standing": [], "waiting": [], "new-node": []}
    for each in yaml.safe_load_all(text):
        stages[each["metadata"].get("labels", {}).get("stage", "standing")].append(each)
        if each["kind"] == "Pod":
            spec = each["spec"]
            spec["terminationGracePeriodSeconds"] = spec.get("terminationGracePeriodSeconds", 1)
            spec["tolerations"] = spec.get("tolerations", [{"key": TAINT, "operator": "Exists"}])
            # As the first process of its container sleep does not heed SIGTERM: grace periods run out.
            spec["containers"][0] |= {"image": image, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "3600"]}
    return stages


def millicores(quantity: str) -> int:
    """A quantity of CPU."""
    return int(quantity[:-1]) if quantity.endswith("m") else int(quantity) * 1000


def kibibytes(quantity: str) -> int:
    """A quantity of memory as a kubelet reports it."""
    match = re.fullmatch(r"(\d+)Ki", quantity)
    assert match is not None, quantity
    return int(match[1])


def apply(space: str, objects: list[Any]) -> None:
    """Create or change them."""
    kubectl("apply", "-n", space, "-f", "-", text=yaml.safe_dump_all(objects))


def obstruct(space: str) -> None:
    """Node 1 takes only what tolerates its taint, node 2 takes nothing."""
    kubectl("taint", "node", workers()[OLD], f"{TAINT}={space}:NoSchedule", "--overwrite")
    kubectl("cordon", workers()[NEW])


def restore(space: str) -> None:
    """Leave the nodes, and all that belongs to no namespace, as they were; whatever happened."""
    kubectl("taint", "node", workers()[OLD], f"{TAINT}-", check=False)
    kubectl("label", "node", workers()[OLD], f"{DISK}-", check=False)
    kubectl("delete", "priorityclass", space, "--ignore-not-found", check=False)
    if kubectl("get", "node", workers()[NEW], "--ignore-not-found", "-o", "name") == "":
        join()
    kubectl("uncordon", workers()[NEW], check=False)


def join() -> None:
    """Node 2's kubelet is started anew: it registers its node and reports it Ready, as on a new machine."""
    Node(2).restart_kubelet()


def timelines(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """What the operator tells of each pod of the namespace now."""
    return {each["name"]: each for each in operator.pods(namespace=space)}


def refused(operator: OperatorProcess, space: str) -> dict[str, float]:
    """How many pods of each reason are counted, once each is known to be refused for its own."""
    items = timelines(operator, space)
    for name, (obstacle, _) in REFUSED.items():
        assert name in items
        told = items[name]["unschedulable"] or {"obstacles": []}
        assert obstacle in {each["obstacle"] for each in told["obstacles"]}, (name, told)
        assert items[name]["phase"] == "unschedulable"
    assert items["gated"]["phase"] == "scheduling_gates"
    assert ("preemption", "") in reached(items["big"])
    metric = "podtimeline_pods_unschedulable"
    return {obstacle: operator.metric(metric, reason=obstacle) for obstacle, _ in REFUSED.values()}


def release(operator: OperatorProcess, space: str) -> None:
    """Take away what they wait for, the gates one by one; an autoscaler has something to say to two of them."""
    post_event(
        space, "cpu", "TriggeredScaleUp", "pod triggered scale-up: [{pool-a 1->2 (max: 10)}]", "cluster-autoscaler"
    )
    words = "pod didn't trigger scale-up: 1 node(s) didn't match Pod's node affinity/selector"
    post_event(space, "selective", "NotTriggerScaleUp", words, "cluster-autoscaler")
    ungate(space)
    kubectl("delete", "pod", "-n", space, "hog", "spread-first", "port-first", "--wait=false")
    kubectl("uncordon", workers()[NEW])
    kubectl("taint", "node", workers()[OLD], f"{TAINT}-")
    kubectl("label", "node", workers()[OLD], f"{DISK}={space}")

    def first_gone() -> bool:
        gates = {each["name"]: each["removed"] for each in timelines(operator, space)["gated"]["schedulingGates"]}
        return gates[QUOTA] is not None and gates[ORDER] is None

    eventually(first_gone, what="the first gate is gone")
    ungate(space)


def ungate(space: str) -> None:
    """Remove the first scheduling gate that is left."""
    patch = json.dumps([{"op": "remove", "path": "/spec/schedulingGates/0"}])
    kubectl("patch", "pod", "-n", space, "gated", "--type=json", "--patch", patch)


def apply_to_new_node(operator: OperatorProcess, space: str, pods: list[Any]) -> None:
    """Take node 2 away, have pods wait for it, have it asked for, and let it join."""
    eventually(lambda: ready(operator, space, *WAITING), what="the pods of the old nodes are ready")
    kubectl("delete", "node", workers()[NEW])
    apply(space, pods)

    def refused_both() -> bool:
        items = timelines(operator, space)
        return all(name in items and items[name]["phase"] == "unschedulable" for name in NEW_NODE)

    eventually(refused_both, what="no node takes the pods of the new node")
    post_event(
        space, "scaled", "TriggeredScaleUp", "pod triggered scale-up: [{pool-b 0->1 (max: 3)}]", "cluster-autoscaler"
    )
    post_event(space, "claimed", "Nominated", "Pod should schedule on: nodeclaim/default-x7k2q", "karpenter")
    eventually(lambda: provisioning(operator, space), what="a machine takes its time to be made")
    join()


def provisioning(operator: OperatorProcess, space: str) -> bool:
    """Whether most of what both pods have waited so far is for the node that was asked for."""
    waits = [timelines(operator, space)[name]["phases"][-1] for name in NEW_NODE]
    return all(each["phase"] == "node_provisioning" and each["durationSeconds"] > MACHINE for each in waits)


def ready(operator: OperatorProcess, space: str, *names: str) -> dict[str, Any]:
    """The timelines, once the pods of these names are ready."""
    items = timelines(operator, space)
    assert {name: items[name]["outcome"] for name in names if items[name]["outcome"] != "ready"} == {}
    return items


def settled(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """The timelines, once all pods are ready, the victims gone, and the start of the new node is told."""
    items = ready(operator, space, *WAITING, *NEW_NODE)
    for name in VICTIMS:
        assert ("object_removed", "") in reached(items[name])
    for name in NEW_NODE:
        assert ("node_ready", "") in reached(items[name])
    return items


@pytest.mark.parametrize("check", CHECKS)
def test_each_wait_is_told(waits: Waits, check: str) -> None:
    """Milestones, their order, the exact sum, groups and words: see ``tests.support.waits``."""
    CHECKS[check](waits.items)


@pytest.mark.parametrize("obstacle", [obstacle for obstacle, _ in REFUSED.values()])
def test_while_they_wait_they_are_counted_by_reason(waits: Waits, obstacle: str) -> None:
    """The metric knew while it lasted."""
    assert waits.counted[obstacle] >= 1


def test_the_new_node_registered_when_the_api_says_so(waits: Waits) -> None:
    """Its creationTimestamp is inside the bounds."""
    for name in NEW_NODE:
        created = reached(waits.items[name])[("node_created", "")]
        assert nanoseconds(created["earliest"]) <= waits.registered + 999_999_999
        assert waits.registered <= nanoseconds(created["latest"])
