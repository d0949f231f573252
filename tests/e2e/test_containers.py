"""What happens to a pod's sandbox and containers before it is ready, and to a pod that is ready, on a real cluster.

The pods are in ``containers.yaml``. Multus is the one thing that this cluster cannot have: the test posts the Event
that it would. The reboot is real for the kubelet, which finds another boot id, and for the pod, whose processes end.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from tests.e2e.clusters import ROOT, Need, eventually, kubectl, namespace, needs, post_event
from tests.e2e.nodes import Node, another_boot, network_plugin
from tests.e2e.processes import OperatorProcess
from tests.support.starts import CHECKS, GATE, LIVE, MESH, SETTER, Items, befell
from tests.support.sums import reached
from tests.support.truth import nanoseconds

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.scenario,
    needs(Need.NETWORK_PLUGIN),
]
OPEN = {"status": {"conditions": [{"type": GATE, "status": "True"}]}}
LARGER = {"spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "20m"}}}]}}
STUCK = "no-runtime"
REJECTED = "rejected"
BEFALLEN = ("resized", "flapping", "sandbox-lost", "rebooted", "squeezed")
LATE = "critical"
"""The pod that comes once others are ready."""
START = ("phases", "startupNanoseconds", "totalNanoseconds", "missing", "parallel")


@dataclass(frozen=True)
class Starts:
    """What the operator tells of each pod in the end, and what it told of some before anything befell them."""

    items: Items
    before: Items


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Starts]:
    """All pods at once; then what is to befall them."""
    operator = OperatorProcess(tmp_path_factory.mktemp("operator"))
    with ExitStack() as stack:
        space = stack.enter_context(namespace("e2e-containers"))
        stack.callback(kubectl, "delete", "runtimeclass", space, "--ignore-not-found", "--wait=false", check=False)
        stack.enter_context(network_plugin(Node(1), space))
        operator.start()
        stack.callback(operator.stop)
        objects = manifests(space, busybox)
        late = objects.pop(LATE)
        kubectl("apply", "-n", space, "-f", "-", text=yaml.safe_dump_all(objects.values()))
        help_them_start(operator, space)
        before = eventually(lambda: ready(operator, space, *BEFALLEN), what="what is to be befallen is ready")
        kubectl("apply", "-n", space, "-f", "-", text=yaml.safe_dump(late))
        befall(operator, space, stack)
        yield Starts(eventually(lambda: settled(operator, space), what="every pod went its way"), before)


def manifests(space: str, image: str) -> dict[str, Any]:
    """The objects of ``containers.yaml`` by name, with what all their containers have in common."""
    objects = list(yaml.safe_load_all((ROOT / "tests/e2e/containers.yaml").read_text().replace("SPACE", space)))
    for spec in (each["spec"] for each in objects if each["kind"] == "Pod"):
        spec["terminationGracePeriodSeconds"] = 1
        spec.setdefault("nodeSelector", {"kubernetes.io/hostname": "node-1"})
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            container |= {"image": image, "imagePullPolicy": "IfNotPresent"}
    return {each["metadata"]["name"]: each for each in objects}


def timelines(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """What the operator tells of each pod now."""
    return {each["name"]: each for each in operator.pods(namespace=space)}


def ready(operator: OperatorProcess, space: str, *names: str) -> dict[str, Any]:
    """The timelines of these pods, once they are ready."""
    items = timelines(operator, space)
    assert set(names) <= items.keys()
    assert {name: items[name]["outcome"] for name in names if items[name]["outcome"] != "ready"} == {}
    return {name: items[name] for name in names}


def far(operator: OperatorProcess, space: str, name: str, milestone: str, subject: str = "") -> Any:
    """The pod's timeline, once it has come so far."""

    def told() -> Any:
        item = timelines(operator, space).get(name)
        return item if item is not None and (milestone, subject) in reached(item) else None

    return eventually(told, what=f"{name} reaches {milestone}")


def help_them_start(operator: OperatorProcess, space: str) -> None:
    """Do for a pod what its start waits for."""
    meshed = far(operator, space, "meshed", "sandbox_ready")
    # Its network is attached before its sandbox is reported.
    at = nanoseconds(reached(meshed)["sandbox_ready", ""]["at"]) - 20_000_000
    post_event(space, "meshed", "AddedInterface", MESH, "multus", at=at)
    far(operator, space, "sandbox-lost-early", "startup_probe_passed", "main")
    Node(1).kill(space, "sandbox-lost-early")
    far(operator, space, "gated", "containers_ready")
    words = ("--subresource=status", "--field-manager", SETTER, "--patch", json.dumps(OPEN))
    kubectl("patch", "pod", "-n", space, "gated", *words)


def befall(operator: OperatorProcess, space: str, stack: ExitStack) -> None:
    """What comes after readiness: a resize, a flap, a sandbox that dies, a reboot, an eviction by the kubelet."""
    kubectl("patch", "pod", "-n", space, "resized", "--subresource=resize", "--patch", json.dumps(LARGER))
    kubectl("exec", "-n", space, "flapping", "--", "touch", "/tmp/lost")
    Node(1).kill(space, "sandbox-lost")
    rebooted = Node(2)
    stack.enter_context(another_boot(rebooted))
    for kind in ("container", "sandbox"):
        rebooted.kill(space, "rebooted", kind=kind)
    rebooted.restart_kubelet()
    eventually(lambda: "not_ready" in befell(timelines(operator, space)["flapping"]), what="flapping is not ready")
    kubectl("exec", "-n", space, "flapping", "--", "rm", "/tmp/lost")
    eventually(lambda: timelines(operator, space)["squeezed"]["ended"], what="squeezed has to make room")
    kubectl("delete", "pod", "-n", space, "squeezed", "--wait=false")


def settled(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """All timelines, once every start is over but that of the pod that is stuck, and everything has befallen."""
    items = timelines(operator, space)
    other = {name: each["outcome"] for name, each in items.items() if each["outcome"] != "ready"}
    assert other == {STUCK: "starting", REJECTED: "failed"}
    assert ("last_sandbox_failure", "") in reached(items[STUCK])
    assert befell(items["resized"]) == ["resized"]
    assert "ready_again" in befell(items["flapping"])
    assert "sandbox_changed" in befell(items["sandbox-lost"])
    assert {"node_rebooted", "sandbox_changed"} <= set(befell(items["rebooted"]))
    assert ("object_removed", "") in reached(items["squeezed"])
    return items


@pytest.mark.parametrize("check", CHECKS | LIVE)
def test_each_start_is_told(starts: Starts, check: str) -> None:
    """Milestones, their order, the exact sum, words and incidents: see ``tests.support.starts``."""
    (CHECKS | LIVE)[check](starts.items)


@pytest.mark.parametrize("name", BEFALLEN)
def test_what_befalls_a_pod_leaves_its_start_as_it_was(starts: Starts, name: str) -> None:
    """To the nanosecond, and in what it lists beside."""
    before, after = starts.before[name], starts.items[name]
    assert {key: after[key] for key in START} == {key: before[key] for key in START}
