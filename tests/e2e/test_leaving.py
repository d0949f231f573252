"""Every way that a pod can leave, on a real cluster at once: who asked for it, what its time went to, what was lost.

The workloads are in ``leaving.yaml``, what their timelines have to tell is in ``tests.support.departed``.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner
from tests.e2e.clusters import (
    ROOT,
    Need,
    addresses,
    eventually,
    kubectl,
    kubectl_json,
    namespace,
    needs,
    own_name,
    slices,
)
from tests.e2e.processes import OperatorProcess
from tests.support.departed import CAUSES, CHECKS, gone, one
from tests.support.recorders import cluster_truth
from tests.support.sums import reached
from tests.support.truth import Span, holds

from podtimeline.cli.main import main
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, MilestoneKey

pytestmark = [pytest.mark.e2e, pytest.mark.scenario]

READY = ("evicted", "drained", "held", "hooked", "bad-hook", "stubborn", "sidecar", "forced", "on-host", "served",
         "lost", "published")  # fmt: skip
BY_HAND = ("unplaced", "held", "hooked", "bad-hook", "stubborn", "sidecar", "half", "crashing", "initial", "on-host",
           "served", "lost", "published")  # fmt: skip
NODE = """
apiVersion: v1
kind: Node
metadata: {name: NAME}
spec: {taints: [{key: podtimeline.test/none, effect: NoSchedule}]}
"""
GONE = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
HOLD = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    resourceRules:
    - {apiGroups: [discovery.k8s.io], apiVersions: [v1], operations: [UPDATE], resources: [endpointslices]}
  matchConditions: [{name: lost, expression: "object.metadata.labels['kubernetes.io/service-name'] == 'lost'"}]
  validations: [{expression: "false", message: the slice is held}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME}
spec: {policyName: NAME, validationActions: [Deny]}
"""
FINALIZERS = "podtimeline_pods_in_phase"


@dataclass(frozen=True)
class Left:
    """What the operator tells of all pods of the namespace, and of the pods that were held while they were."""

    operator: OperatorProcess
    items: tuple[Any, ...]
    stuck: str
    held_now: float


@contextmanager
def node(name: str) -> Iterator[None]:
    """A node that exists by name only: no kubelet answers for it."""
    kubectl("apply", "-f", "-", text=NODE.replace("NAME", name))
    try:
        yield
    finally:
        kubectl("delete", "node", name, "--wait=false", "--ignore-not-found")


@contextmanager
def slice_held(space: str) -> Iterator[None]:
    """The slice of the Service ``lost`` cannot be changed: its controller is refused, and tries again."""
    kubectl("apply", "-f", "-", text=HOLD.replace("NAME", space))
    try:
        (name,) = (each["metadata"]["name"] for each in slices(space, "lost"))
        words = ("annotate", "-n", space, "endpointslice", name, "held=yes", "--dry-run=server", "--overwrite")
        eventually(lambda: not kubectl(*words, check=False), seconds=30, what="the slice is held")
        yield
    finally:
        kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", space)


def let_go(space: str) -> bool:
    """Whether the slice has let go; a change of its Service makes its controller try at once."""
    kubectl("annotate", "service", "-n", space, "lost", f"tried={secrets.token_hex(3)}", "--overwrite")
    return not addresses(space, "lost")


def started(space: str) -> None:
    """Wait until everything runs that is to be stopped, and until the addresses are in their slices."""
    for each in ("deploy/scaled", "deploy/rolled", "deploy/disowned", "deploy/person", "sts/ordered", "ds/everywhere"):
        kubectl("rollout", "status", "-n", space, each, "--timeout=90s")
    kubectl("wait", "-n", space, "--for=condition=Ready", "--timeout=90s", *(f"pod/{each}" for each in READY))
    kubectl("wait", "-n", space, "--for=jsonpath={.status.initContainerStatuses[0].state.running}", "pod/initial")
    kubectl("wait", "-n", space, "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/crashing")
    kubectl("wait", "-n", space, "--for=jsonpath={.status.active}=1", "job/suspended")
    for service in ("served", "lost", "published"):
        eventually(lambda each=service: addresses(space, each) > 0, seconds=30, what=f"{service} has its address")  # type: ignore[misc]


def by_controllers(space: str) -> None:
    """What owners do to their pods: fewer of them, newer ones, none at all."""
    template = json.dumps({"spec": {"template": {"metadata": {"annotations": {"step": "2"}}}}})
    kubectl("scale", "-n", space, "deploy/scaled", "--replicas=1")
    kubectl("patch", "-n", space, "deploy/rolled", "-p", template)
    kubectl("patch", "-n", space, "ds/everywhere", "-p", template)
    both = {"replicas": 1, "template": {"metadata": {"annotations": {"step": "2"}}}}
    kubectl("patch", "-n", space, "sts/ordered", "-p", json.dumps({"spec": both}))
    kubectl("patch", "-n", space, "job/suspended", "-p", json.dumps({"spec": {"suspend": True}}))
    kubectl("delete", "-n", space, "deploy/disowned", "--wait=false")


def by_others(space: str, nowhere: str) -> None:
    """A person, an eviction, a drain, a taint."""
    kubectl("delete", "pod", "-n", space, "-l", "leaves=person", "--wait=false")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted", "namespace": space}}
    path = f"/api/v1/namespaces/{space}/pods/evicted/eviction"
    kubectl("create", "--raw", path, "-f", "-", text=json.dumps(eviction))
    kubectl("delete", "pod", "-n", space, *BY_HAND, "--wait=false")
    kubectl("delete", "pod", "-n", space, "forced", "--grace-period=0", "--force")
    kubectl("patch", "node", nowhere, "-p", json.dumps({"spec": {"taints": [GONE]}}))
    where = kubectl_json("get", "pod", "-n", space, "drained")["spec"]["nodeName"]
    try:
        kubectl("cordon", where)
        kubectl("drain", where, "--pod-selector=leaves=drained", "--force", "--timeout=30s")
    finally:
        kubectl("uncordon", where)


def stuck(operator: OperatorProcess, space: str) -> str:
    """What ``podtimeline stuck`` prints, once a pod is held by its finalizer and nothing else."""
    words = ["stuck", "-n", space, "--longer", "1s", "--server", f"http://127.0.0.1:{operator.api_port}"]
    result = CliRunner().invoke(main, words, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert "held by podtimeline.test/hold" in result.output, result.output
    assert operator.metric(FINALIZERS, phase="finalizers") >= 1
    return result.output


def settled(operator: OperatorProcess, space: str) -> tuple[Any, ...]:
    """All timelines of the namespace, once all that left are told, explained and counted."""
    items = tuple(operator.pods(namespace=space))
    assert [name for name in CAUSES if not gone(items, name)] == []
    assert [each["name"] for each in left(items) if each["deletion"]["cause"] is None] == []
    assert [each for each in one(items, "lost")["drains"] if each["out"] is None] == []
    assert operator.metric("podtimeline_endpoint_removal_lag_seconds_count", namespace=space) == 3
    counted = operator.metric("podtimeline_pod_termination_duration_seconds_count", namespace=space)
    assert counted == len(left(items))
    return items


def left(items: tuple[Any, ...]) -> list[Any]:
    """The timelines of the pods that are gone."""
    return [each for each in items if ("object_removed", "") in reached(each)]


@pytest.fixture(scope="module")
def departed(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Left]:
    """Everybody leaves at once, each in its own way."""
    operator = OperatorProcess(tmp_path_factory.mktemp("operator"))
    with namespace("leaving") as space, node(f"nowhere-{space}"), node(f"vanishing-{space}"):
        operator.start()
        try:
            manifests = (ROOT / "tests/e2e/leaving.yaml").read_text().replace("IMAGE", busybox)
            manifests = manifests.replace("NODE", f"nowhere-{space}").replace("VANISHING", f"vanishing-{space}")
            kubectl("apply", "-n", space, "-f", "-", text=manifests)
            # The garbage collector of pods waits for 40 seconds whether the node comes back.
            kubectl("delete", "node", f"vanishing-{space}", "--wait=false")
            started(space)
            with slice_held(space):
                by_controllers(space)
                by_others(space, f"nowhere-{space}")
                shown = eventually(lambda: stuck(operator, space), seconds=40, what="a pod is held")
                held_now = operator.metric(FINALIZERS, phase="finalizers")
            eventually(lambda: let_go(space), seconds=30, what="the slice lets go")
            release = json.dumps([{"op": "remove", "path": "/metadata/finalizers"}])
            kubectl("patch", "pod", "-n", space, "held", "--type=json", "-p", release)
            items = eventually(lambda: settled(operator, space), seconds=90, what="all that left are told")
            yield Left(operator, items, shown, held_now)
        finally:
            operator.stop()


@pytest.mark.parametrize("check", CHECKS)
def test_each_way_to_leave_is_told(departed: Left, check: str) -> None:
    """Milestones, their order, exact sums, causes and words: see ``tests.support.departed``."""
    CHECKS[check](departed.items)


def test_who_is_stuck_on_its_way_out_is_seen_while_it_is(departed: Left) -> None:
    """By the gauge of its phase, and in the list of stuck pods."""
    assert departed.held_now >= 1
    assert "finalizers" in departed.stuck
    assert "held" in departed.stuck


def test_the_way_back_is_counted_once(departed: Left) -> None:
    """Its length, its phases and the traffic that was surely lost; the phases sum to the length."""
    operator, space = departed.operator, departed.items[0]["namespace"]
    termination = operator.metric("podtimeline_pod_termination_duration_seconds_sum", namespace=space)
    phases = sum(
        operator.metric("podtimeline_phase_duration_seconds_sum", namespace=space, phase=phase)
        for phase in ("termination_pending", "container_stop", "cleanup", "finalizers")
    )
    assert phases == pytest.approx(termination, abs=1e-3)
    assert termination == pytest.approx(sum(each["terminationSeconds"] for each in left(departed.items)), abs=1e-3)
    (drain,) = one(departed.items, "lost")["drains"]
    lost = [
        each for item in left(departed.items) for each in item["drains"] if each["confirmed"] and each["lostSeconds"]
    ]
    assert drain in lost
    assert operator.metric("podtimeline_endpoint_lost_traffic_seconds_count", namespace=space) == len(lost)


@needs(Need.LOGS)
def test_bounds_hold_what_the_recorders_saw(departed: Left) -> None:
    """The audit log has the requests and the slices' writes, containerd the exits: every instant's bounds hold them."""
    cluster = own_name()
    truth, wrong = cluster_truth(cluster), []
    back = {Milestone.DELETION_REQUESTED, Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED,
            Milestone.KILLING, Milestone.FINISHED}  # fmt: skip
    for item in left(departed.items):
        for mark, span in truth[item["uid"]].marks.items():
            said = reached(item).get((mark.milestone.value, mark.subject))
            again = any(each["container"] == mark.subject for each in item["restarts"])
            if mark.milestone not in back or said is None or again:
                continue
            if not holds(said, span, mark.milestone):
                wrong.append((item["name"], mark, said, span))
    assert wrong == []


@needs(Need.LOGS)
@pytest.mark.parametrize("name", ["served", "lost"])
def test_how_long_an_address_stood_is_what_the_audit_log_says(departed: Left, name: str) -> None:
    """From the request to the write of the slice."""
    cluster = own_name()
    item = one(departed.items, name)
    (drain,) = item["drains"]
    marks = cluster_truth(cluster)[item["uid"]].marks
    outs = [
        MilestoneKey(each, drain["subject"]) for each in (Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED)
    ]
    out: Span = min(marks[mark] for mark in outs if mark in marks)
    true = out.end - marks[MilestoneKey(Milestone.DELETION_REQUESTED)].end
    assert drain["lagNanoseconds"] == pytest.approx(true, abs=SECOND // 2)
