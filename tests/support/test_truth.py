"""What recorders beside the API saw is read as they wrote it."""

import json
from pathlib import Path
from typing import Any

from tests.support.recorders import read_truth
from tests.support.truth import SECOND, Span, nanoseconds

from podtimeline.model.milestones import Milestone, MilestoneKey

SLICE = "shop/web/web-x1"
ENDED = MilestoneKey(Milestone.FINISHED, "main")


def stamp(second: float) -> str:
    """A moment of the recorders."""
    return f"2026-11-25T03:00:{second:09.6f}Z"


def span(second: float) -> Span:
    """A request received at ``second`` and answered 2 ms later."""
    return Span(nanoseconds(stamp(second)), nanoseconds(stamp(second + 0.002)))


def audited(second: float, verb: str, resource: str, answer: Any, **more: Any) -> str:
    """A line of the audit log."""
    entry = {
        "level": "RequestResponse",
        "stage": "ResponseComplete",
        "verb": verb,
        "objectRef": {"resource": resource, "namespace": "shop", **more.pop("reference", {})},
        "responseStatus": {"code": 200},
        "responseObject": answer,
        "requestReceivedTimestamp": stamp(second),
        "stageTimestamp": stamp(second + 0.002),
    }
    return json.dumps(entry | more) + "\n"


def pod(**status: Any) -> Any:
    """The pod ``web-1`` as the API answers with it."""
    return {"kind": "Pod", "metadata": {"uid": "uid-1", "namespace": "shop", "name": "web-1"}, "status": status}


def piece(**conditions: bool) -> Any:
    """A slice with the pod's address, or none where no condition is given."""
    target = {"kind": "Pod", "uid": "uid-1", "namespace": "shop", "name": "web-1"}
    meta = {"namespace": "shop", "name": "web-x1", "labels": {"kubernetes.io/service-name": "web"}}
    return {"metadata": meta, "endpoints": [{"conditions": conditions, "targetRef": target}] if conditions else None}


RUNNING = pod(containerStatuses=[
    {"name": "main", "image": "i", "containerID": "containerd://c1", "started": True, "ready": True, "state": {}}
])  # fmt: skip


def truth(tmp_path: Path, audit: list[str], *, containerd: str = "", cri: str = "") -> dict[MilestoneKey, Span]:
    """What these logs say of the pod."""
    rows = []
    for kind, text in (("audit", "".join(audit)), ("containerd", containerd), ("cri", cri)):
        (tmp_path / kind).write_text(text)
        rows.append((kind, "node-1", tmp_path / kind))
    return read_truth(rows)["uid-1"].marks


def event(topic: str, second: float, **said: object) -> str:
    """A line of containerd's events."""
    return f"2026-11-25 03:00:{second:012.9f} +0000 UTC k8s.io {topic} {json.dumps(said)}\n"


def protobuf(second: int) -> dict[str, int]:
    """The same moment as ``stamp``, as containerd's events have it."""
    whole, nanos = divmod(nanoseconds(stamp(second)), SECOND)
    return {"seconds": whole, **({"nanos": nanos} if nanos else {})}


def test_the_exit_of_a_probes_command_is_not_the_end_of_its_container(tmp_path: Path) -> None:
    """Both are exits of a task in the same container."""
    log = event("/tasks/exit", 4, container_id="c1", id="probe", exited_at=protobuf(4))
    log += event("/tasks/exit", 9.5, container_id="c1", id="c1", exited_at=protobuf(9))
    marks = truth(tmp_path, [audited(3, "patch", "pods", RUNNING, reference={"subresource": "status"})], containerd=log)
    assert marks[ENDED] == Span(nanoseconds(stamp(9)), nanoseconds(stamp(9)))


def test_one_second_fields_are_kept_as_they_were_first_said(tmp_path: Path) -> None:
    """Which is the best that a tool can do that reads nothing else."""
    meta = {"uid": "uid-1", "creationTimestamp": "2026-11-25T03:00:01Z"}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-25T03:00:04Z"}
    flapped = ready | {"lastTransitionTime": "2026-11-25T03:00:44Z"}
    leaving = meta | {"deletionTimestamp": "2026-11-25T03:01:20Z", "deletionGracePeriodSeconds": 30}
    by = {"reference": {"subresource": "status"}}
    lines = [
        audited(1, "create", "pods", {"metadata": meta, "spec": {}, "status": {}}),
        audited(4, "patch", "pods", {"metadata": meta, "status": {"conditions": [ready]}}, **by),
        audited(44, "patch", "pods", {"metadata": meta, "status": {"conditions": [flapped]}}, **by),
        audited(50, "delete", "pods", {"metadata": leaving}),
    ]
    (tmp_path / "audit").write_text("".join(lines))
    fields = read_truth([("audit", "", tmp_path / "audit")])["uid-1"].fields
    assert fields == {
        MilestoneKey(Milestone.CREATED): nanoseconds(stamp(1)),
        MilestoneKey(Milestone.READY): nanoseconds(stamp(4)),
        MilestoneKey(Milestone.DELETION_REQUESTED): nanoseconds(stamp(50)),
    }


def deleted(*, grace: int, **more: Any) -> Any:
    """What a request to delete the pod is answered with."""
    answer = pod()
    return answer | {"metadata": answer["metadata"] | {"deletionGracePeriodSeconds": grace} | more}


def test_a_deletion_is_asked_for_by_the_first_request_and_done_by_the_kubelets_own(tmp_path: Path) -> None:
    """The kubelet's request has a grace of 0."""
    lines = [audited(5, "delete", "pods", deleted(grace=2)), audited(7, "delete", "pods", deleted(grace=0))]
    marks = truth(tmp_path, lines)
    assert marks[MilestoneKey(Milestone.DELETION_REQUESTED)] == span(5)
    assert marks[MilestoneKey(Milestone.OBJECT_REMOVED)] == span(7)


def test_a_finalizer_keeps_the_object_beyond_the_request(tmp_path: Path) -> None:
    """A grace of 0 alone removes nothing then."""
    marks = truth(tmp_path, [audited(5, "delete", "pods", deleted(grace=0, finalizers=["test/hold"]))])
    assert MilestoneKey(Milestone.OBJECT_REMOVED) not in marks


def test_the_deletion_of_a_namespaces_pods_is_one_request(tmp_path: Path) -> None:
    """Its answer lists them."""
    marks = truth(tmp_path, [audited(5, "deletecollection", "pods", {"items": [pod()]})])
    assert marks[MilestoneKey(Milestone.DELETION_REQUESTED)] == span(5)


def test_an_address_is_ready_then_terminating_then_gone(tmp_path: Path) -> None:
    """Three writes of the slice, with the deletion between the first two."""
    marks = truth(
        tmp_path,
        [
            audited(2, "create", "endpointslices", piece(ready=False)),
            audited(3, "update", "endpointslices", piece(ready=True)),
            audited(5, "delete", "pods", pod()),
            audited(5.1, "update", "endpointslices", piece(ready=False, terminating=True)),
            audited(6, "update", "endpointslices", piece()),
        ],
    )
    assert marks[MilestoneKey(Milestone.ENDPOINT_READY, SLICE)] == span(3)
    assert marks[MilestoneKey(Milestone.ENDPOINT_TERMINATING, SLICE)] == span(5.1)
    assert marks[MilestoneKey(Milestone.ENDPOINT_REMOVED, SLICE)] == span(6)


def test_an_address_that_is_not_ready_for_a_while_is_not_terminating(tmp_path: Path) -> None:
    """A flap is no way back."""
    lines = [audited(3, "update", "endpointslices", piece(ready=True))]
    lines.append(audited(4, "update", "endpointslices", piece(ready=False)))
    assert MilestoneKey(Milestone.ENDPOINT_TERMINATING, SLICE) not in truth(tmp_path, lines)


def test_with_its_slice_an_address_is_gone(tmp_path: Path) -> None:
    """A Service is deleted."""
    lines = [audited(3, "update", "endpointslices", piece(ready=True))]
    lines.append(
        audited(4, "delete", "endpointslices", {"kind": "Status", "metadata": {}}, reference={"name": "web-x1"})
    )
    assert truth(tmp_path, lines)[MilestoneKey(Milestone.ENDPOINT_REMOVED, SLICE)] == span(4)


def test_a_sandbox_is_ready_once_the_runtime_has_answered(tmp_path: Path) -> None:
    """And a container is being stopped once the runtime was asked to."""
    sandbox = 'RunPodSandbox for name:"web-1"  uid:"uid-1"  namespace:"shop"'
    lines = [
        {"msg": sandbox, "time": stamp(1)},
        {"msg": f'{sandbox} returns sandbox id "s1"', "time": stamp(2)},
        {"msg": 'StopContainer for "c1" with timeout 2 (s)', "time": stamp(8)},
    ]
    cri = "".join(json.dumps(line) + "\n" for line in lines)
    audit = [audited(3, "patch", "pods", RUNNING, reference={"subresource": "status"})]
    marks = truth(tmp_path, audit, cri=cri)
    assert marks[MilestoneKey(Milestone.SANDBOX_READY)].start == nanoseconds(stamp(2))
    assert marks[MilestoneKey(Milestone.KILLING, "main")].start == nanoseconds(stamp(8))


def made(**spec: Any) -> Any:
    """The answer to the creation of ``web-1``, which a ReplicaSet owns."""
    owners = [{"kind": "ReplicaSet", "uid": "rs-1", "controller": True}]
    answer = pod() | {"spec": spec}
    return answer | {"metadata": answer["metadata"] | {"ownerReferences": owners}}


def workload(uid: str, generation: int, *, above: str = "") -> Any:
    """A Deployment or a ReplicaSet."""
    owners = [{"uid": above, "controller": True}] if above else []
    meta = {"uid": uid, "namespace": "shop", "name": uid, "generation": generation, "ownerReferences": owners}
    return {"metadata": meta | {"creationTimestamp": "2026-11-25T03:00:01Z"}}


def test_a_pod_is_made_for_the_last_change_of_its_workload_before_it(tmp_path: Path) -> None:
    """Writes that leave the spec as it was, and what is changed after the pod, ask for nothing of it."""
    lines = [
        audited(1, "create", "deployments", workload("d-1", 1)),
        audited(2, "create", "replicasets", workload("rs-1", 1, above="d-1")),
        audited(3, "patch", "deployments", workload("d-1", 2)),
        audited(3.5, "update", "deployments", workload("d-1", 2)),
        audited(4, "create", "pods", made()),
        audited(5, "patch", "deployments", workload("d-1", 3)),
    ]
    marks = truth(tmp_path, lines)
    assert marks[MilestoneKey(Milestone.OWNER_CREATED)] == span(2)
    assert marks[MilestoneKey(Milestone.ROLLOUT_STARTED)] == span(3)


def test_gates_are_removed_by_the_write_that_leaves_none(tmp_path: Path) -> None:
    """One of two that goes leaves the pod gated."""
    gates = [{"name": "a"}, {"name": "b"}]
    lines = [
        audited(1, "create", "pods", made(schedulingGates=gates)),
        audited(2, "patch", "pods", made(schedulingGates=gates[1:])),
        audited(3, "patch", "pods", made()),
    ]
    assert truth(tmp_path, lines)[MilestoneKey(Milestone.GATES_REMOVED)] == span(3)


def test_a_readiness_gate_is_opened_by_its_own_condition(tmp_path: Path) -> None:
    """Other conditions that the kubelet does not know are none of its gates."""
    true = [{"type": kind, "status": "True", "lastTransitionTime": "2026-11-25T03:00:02Z"} for kind in ("a/b", "c/d")]
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    by = {"reference": {"subresource": "status"}}
    lines = [
        audited(1, "create", "pods", made(readinessGates=[{"conditionType": "a/b"}])),
        audited(2, "patch", "pods", pod(conditions=[refused | {"lastTransitionTime": "2026-11-25T03:00:02Z"}]), **by),
        audited(3, "patch", "pods", pod(conditions=true), **by),
    ]
    marks = truth(tmp_path, lines)
    assert {mark: when for mark, when in marks.items() if mark.milestone is Milestone.READINESS_GATE} == {
        MilestoneKey(Milestone.READINESS_GATE, "a/b"): span(3)
    }
    assert marks[MilestoneKey(Milestone.FIRST_UNSCHEDULABLE)] == span(2)


def test_the_kubelet_lets_go_of_an_object_that_a_finalizer_still_holds(tmp_path: Path) -> None:
    """The object goes with the write that removes the last one."""
    held = deleted(grace=0, finalizers=["test/hold"])
    free = deleted(grace=0) | {"spec": {}}
    marks = truth(tmp_path, [audited(5, "delete", "pods", held), audited(6, "patch", "pods", free)])
    assert marks[MilestoneKey(Milestone.RELEASED)] == span(5)
    assert marks[MilestoneKey(Milestone.OBJECT_REMOVED)] == span(6)


def test_a_volume_is_followed_from_the_claim_to_what_the_node_reports(tmp_path: Path) -> None:
    """By the claim's name, the volume's, and the one under which the kubelet reports it in use."""
    claim: Any = {
        "metadata": {"namespace": "shop", "name": "web-1-scratch"},
        "spec": {},
        "status": {"phase": "Pending"},
    }
    chosen = claim | {"metadata": claim["metadata"] | {"annotations": {"volume.kubernetes.io/selected-node": "node-1"}}}
    bound = chosen | {"spec": {"volumeName": "pv-1"}, "status": {"phase": "Bound"}}
    volume = {"metadata": {"name": "pv-1"}, "spec": {"csi": {"driver": "csi.test", "volumeHandle": "h-1"}}}
    spec = {"source": {"persistentVolumeName": "pv-1"}, "nodeName": "node-1"}
    meta: Any = {"name": "va-1", "creationTimestamp": "2026-11-25T03:00:06Z"}
    attachment: Any = {"metadata": meta | {"finalizers": ["f"]}, "spec": spec, "status": {}}
    leaving: Any = attachment | {"metadata": meta | {"finalizers": ["f"], "deletionTimestamp": "2026-11-25T03:00:11Z"}}
    using = {"metadata": {"name": "node-1"}, "status": {"volumesInUse": ["kubernetes.io/csi/csi.test^h-1"]}}
    binding = {"requestObject": {"metadata": pod()["metadata"], "target": {"name": "node-1"}}}
    lines = [
        audited(1, "create", "pods", made(volumes=[{"name": "scratch", "ephemeral": {}}, {"name": "token"}])),
        audited(2, "create", "persistentvolumeclaims", claim),
        audited(3, "update", "persistentvolumeclaims", chosen),
        audited(3.5, "create", "persistentvolumes", volume),
        audited(4, "update", "persistentvolumeclaims", bound, reference={"subresource": "status"}),
        audited(5, "create", "pods", {}, reference={"subresource": "binding"}, **binding),
        audited(6, "create", "volumeattachments", attachment),
        audited(7, "patch", "nodes", using, reference={"subresource": "status"}),
        audited(8, "patch", "volumeattachments", attachment | {"status": {"attached": True}}),
        audited(10, "patch", "nodes", using | {"status": {}}, reference={"subresource": "status"}),
        audited(11, "delete", "volumeattachments", leaving),
        audited(12, "patch", "volumeattachments", leaving | {"metadata": leaving["metadata"] | {"finalizers": None}}),
    ]
    marks = truth(tmp_path, lines)
    assert {mark.milestone: when for mark, when in marks.items() if mark.subject} == {
        Milestone.PROVISIONING_STARTED: span(3),
        Milestone.CLAIM_BOUND: span(4),
        Milestone.ATTACH_STARTED: span(6),
        Milestone.IN_USE: span(7),
        Milestone.ATTACHED: span(8),
        Milestone.UNUSED: span(10),
        Milestone.DETACHED: span(12),
    }
