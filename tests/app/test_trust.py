"""What others write: whoever may write in one namespace changes nothing of the pods of another, in any order."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.objects import (
    CREATED_NS,
    Body,
    condition,
    container,
    endpoint,
    endpoint_slice,
    event,
    line,
    pod,
    ready_pod,
    running,
    stamp,
    terminated,
)
from tests.support.storage import VOLUME, attachment, claim, claim_event

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.app.capture import Line, LineType
from podtimeline.app.replaying import Replay
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone
from podtimeline.ports import Mismatch, Stream

UID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
OTHER = UID.replace("0a1b2c3d", "ffffffff")
EVIL = "evil"
Said = tuple[str, str, Body]
"""The stream, the type of a watch's line, and the object."""


def of(body: Body, *, namespace: str = "shop", **metadata: Any) -> Body:
    """The object in another namespace, or with other metadata."""
    made = deepcopy(body)
    made["metadata"] |= {"namespace": namespace} | metadata
    return made


def about(body: Body, **reference: Any) -> Body:
    """The Event with another reference, in the namespace that this names unless told otherwise."""
    made = deepcopy(body)
    made["involvedObject"] = made["involvedObject"] | {"uid": UID} | reference
    made["metadata"]["namespace"] = made["involvedObject"]["namespace"]
    return made


def address(*, ready: bool = True, terminating: bool = False, **reference: Any) -> Body:
    """The pod's address in a slice."""
    body = endpoint("web-1", ready=ready)
    body["targetRef"] |= {"uid": UID} | reference
    body["conditions"]["terminating"] = terminating
    return body


def workload(kind: str, name: str, uid: str, *, namespace: str = "shop", **more: Any) -> Body:
    """An object that makes pods, controlled by the Deployment ``web`` where it is a ReplicaSet."""
    body = pod(name, namespace=namespace, uid=uid)
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1", "controller": True}
    body["metadata"] |= {"ownerReferences": [owner] if kind == "ReplicaSet" else [], "generation": 1} | more
    return body | {"kind": kind, "spec": {"replicas": 1}, "status": {"replicas": 1, "observedGeneration": 1}}


MAKER = {"kind": "ReplicaSet", "namespace": "shop", "name": "web-abc", "uid": "rs-1", "fieldPath": ""}
DEPLOYMENT = MAKER | {"kind": "Deployment", "name": "web", "uid": "d-1"}
STARTED = [container(ready=True, started=True, state=running(3))]
GONE = condition("Ready", 20, status="False")
CLAIMED = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}], "nodeName": "node-1"}


def kubelet(reason: str, message: str, seconds: float, **more: Any) -> Body:
    """An Event of the kubelet about the pod."""
    at = CREATED_NS + round(seconds * SECOND)
    return about(event(reason, at=at, message=message, source={"component": "kubelet", "host": "node-1"}, **more))


def life() -> Iterator[Said]:
    """The true story: created, started, in its slice; its sandbox is lost; deleted, out of its slice, gone."""
    spec = CLAIMED | {"containers": [{"name": "web", "image": "registry.test/web:1", "readinessProbe": {}}]}
    yield "deployments", "ADDED", workload("Deployment", "web", "d-1")
    yield "replicasets", "ADDED", workload("ReplicaSet", "web-abc", "rs-1")
    yield "events", "ADDED", about(event("SuccessfulCreate", message="Created pod: web-1"), **MAKER)
    yield "persistentvolumeclaims", "ADDED", claim("Pending")
    yield "pods", "ADDED", pod("web-1", uid=UID, spec=spec)
    yield "events", "ADDED", about(event("FailedScheduling", at=CREATED_NS + SECOND // 2, message="0/1 nodes: no cpu"))
    yield "persistentvolumeclaims", "MODIFIED", claim("Bound", node="node-1")
    yield "volumeattachments", "ADDED", attachment(attached=True)
    yield "events", "ADDED", kubelet("Pulling", 'Pulling image "registry.test/web:1"', 1)
    pulled = 'Successfully pulled image "registry.test/web:1" in 1s (1s including waiting). Image size: 1000 bytes.'
    yield "events", "ADDED", kubelet("Pulled", pulled, 2)
    yield "events", "ADDED", kubelet("Started", "Started container web", 3)
    yield "pods", "MODIFIED", ready_pod("web-1", metadata={"uid": UID}, spec=spec)
    yield "endpointslices", "ADDED", endpoint_slice(address(), trigger=stamp(4))
    yield "events", "ADDED", kubelet("SandboxChanged", "Pod sandbox changed", 8)
    leaving = {"uid": UID, "deletionTimestamp": stamp(40), "deletionGracePeriodSeconds": 30}
    yield "pods", "MODIFIED", ready_pod("web-1", metadata=leaving, spec=spec)
    yield "endpointslices", "MODIFIED", endpoint_slice(address(ready=False, terminating=True), trigger=stamp(10))
    yield "events", "ADDED", kubelet("Killing", "Stopping container web", 10.2)
    ended = {"conditions": [GONE], "containerStatuses": [container(state=terminated(3, 12))]}
    yield "pods", "MODIFIED", ready_pod("web-1", metadata=leaving, spec=spec, status=ended)
    yield "endpointslices", "MODIFIED", endpoint_slice(trigger=stamp(12))
    yield "pods", "DELETED", ready_pod("web-1", metadata=leaving, spec=spec, status=ended)


TRUE = tuple(life())


def forged_events() -> Iterator[Body]:
    """Events that name the pod, or its controller, and are written by somebody else."""
    words = {
        "Started": "Started container web",
        "Pulled": 'Successfully pulled image "x" in 9h (9h including waiting). Image size: 9 bytes.',
        "Killing": "Stopping container web",
        "BackOff": "Back-off restarting failed container",
        "FailedMount": 'MountVolume.SetUp failed for volume "data"',
        "FailedScheduling": "0/9 nodes are available: forged",
        "TriggeredScaleUp": "pod triggered scale-up: [{forged 1->2}]",
        "Preempted": f"Preempted by pod {OTHER} on node node-1",
        "TaintManagerEviction": "Deleting pod shop/web-1",
        "SandboxChanged": "Pod sandbox changed",
    }
    for reason, message in words.items():
        forged = event(
            reason, at=CREATED_NS - 9 * SECOND, message=message, type="Warning" if "F" in reason else "Normal"
        )
        yield about(forged, namespace=EVIL)
        yield of(about(forged, namespace="shop"), namespace=EVIL)
        yield about(forged, name="web-9")
        yield about(forged, uid="")
    preempted = event("Preempted", at=CREATED_NS + SECOND, message=f"Preempted by pod {UID} on node node-1")
    victim = about(preempted, namespace=EVIL, name="victim", uid="uid-victim")
    yield victim
    yield victim | {"related": {"kind": "Pod", "namespace": "shop", "name": "web-1", "uid": UID}}
    yield victim | {"related": {"kind": "Pod", "namespace": EVIL, "name": "web-1", "uid": UID}}
    created = event("SuccessfulCreate", at=CREATED_NS + 1, message="Created pod: web-1")
    yield about(created, **MAKER | {"namespace": EVIL})
    yield about(created, **MAKER | {"uid": "rs-9"})
    yield about(event("FailedCreate", message="exceeded quota: forged"), **MAKER | {"namespace": EVIL})
    yield about(event("FailedCreate", message="exceeded quota: forged"), **MAKER | {"name": "web-9"})
    yield about(event("SuccessfulDelete", message="Deleted pod: web-1"), **MAKER | {"namespace": EVIL})
    scaled = event("ScalingReplicaSet", at=CREATED_NS - SECOND, message="Scaled up replica set web-abc from 0 to 1")
    yield about(scaled, **DEPLOYMENT | {"namespace": EVIL})
    yield about(scaled, **DEPLOYMENT | {"uid": "d-9"})
    node = {"kind": "Node", "namespace": EVIL, "name": "node-1", "uid": "node-1", "fieldPath": ""}
    yield about(event("Rebooted", at=CREATED_NS + 8 * SECOND, message="Node node-1 has been rebooted"), **node)
    of_claim = claim_event("ProvisioningFailed", type="Warning", message="forged")
    yield of_claim | {"involvedObject": of_claim["involvedObject"] | {"uid": "c-9"}}
    yield of(of_claim, namespace=EVIL)


def forged_slices() -> Iterator[Body]:
    """Slices that hold the pod's address without being of its namespace, or name it otherwise."""
    targets: tuple[dict[str, Any], ...] = ({}, {"namespace": EVIL})
    for target in targets:
        for each in (address(**target), address(ready=False, terminating=True, **target)):
            yield of(endpoint_slice(each, name="forged"), namespace=EVIL)
    yield endpoint_slice(address(name="web-9"), name="forged")
    yield endpoint_slice(address(namespace=EVIL), name="forged")
    yield endpoint_slice(address(kind="Node"), name="forged")


def forged_objects() -> Iterator[Said]:
    """Objects of another namespace that name those of the pod's."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-abc", "uid": "rs-1", "controller": True}
    mirror = {"annotations": {"kubernetes.io/config.mirror": UID}, "ownerReferences": [owner]}
    yield "pods", "ADDED", pod("web-1", namespace=EVIL, uid="uid-mirror", metadata=mirror)
    yield "pods", "DELETED", pod("web-1", namespace=EVIL, uid="uid-mirror", metadata=mirror)
    newer = {"deployment.kubernetes.io/revision": "999"}
    yield "replicasets", "ADDED", workload("ReplicaSet", "web-abc", "rs-9", namespace=EVIL, annotations=newer)
    yield (
        "persistentvolumeclaims",
        "ADDED",
        of(claim("Pending", uid="c-8") | {"spec": {"volumeName": VOLUME}}, namespace=EVIL),
    )


FORGED: tuple[Said, ...] = (
    *(("events", "ADDED", each) for each in forged_events()),
    *(("endpointslices", kind, each) for each in forged_slices() for kind in ("MODIFIED", "DELETED")),
    *forged_objects(),
)


def lines(said: Sequence[tuple[float, Said]]) -> Iterator[Line]:
    """What a recorder would have written of it, each arriving so many seconds after the pod's creation."""
    for seconds, (stream, kind, body) in said:
        at = CREATED_NS + round(seconds * SECOND)
        yield Line(at=at, stream=stream, type=LineType.WATCH, line=msgspec.Raw(line(kind, body)))


def played(said: Sequence[tuple[float, Said]]) -> Replay:
    """What the operator makes of it."""
    replay = Replay(started=CREATED_NS - 100 * SECOND)
    replay.play(lines([*said, (60.0, ("namespaces", "ADDED", of(workload("Namespace", "n", "n-1"))))]))
    return replay


def view(replay: Replay) -> ResolvedTimeline:
    """The pod's timeline."""
    (found,) = [each for each in replay.views() if each.uid == UID]
    return found


STRAIGHT = [(index * 0.7, said) for index, said in enumerate(TRUE)]
CLEAN = view(played(STRAIGHT))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, len(TRUE)), st.sampled_from(FORGED)), max_size=60))
def test_the_timeline_is_the_one_without_what_others_forged(forged: list[tuple[int, Said]]) -> None:
    """Before the pod is known, while it lives, when it goes; again and again."""
    mixed = [(index * 0.7, each) for index, each in forged] + STRAIGHT
    assert view(played(sorted(mixed, key=lambda each: each[0]))) == CLEAN


def test_all_of_it_at_once_at_the_start_and_at_the_end() -> None:
    """And the story is there, with what it has to tell."""
    assert CLEAN.instant(Milestone.ENDPOINT_READY, "shop/web/web-x1") is not None
    assert len(CLEAN.drains) == 1
    assert CLEAN.pulls != ()
    early, late = [(0.0, each) for each in FORGED], [(30.0, each) for each in FORGED]
    assert view(played([*early, *STRAIGHT])) == CLEAN
    assert view(played([*STRAIGHT, *late])) == CLEAN


def test_what_is_not_used_is_counted_by_stream_and_reason() -> None:
    """Whether it came before its pod or after it."""
    for said in ([*((0.0, each) for each in FORGED), *STRAIGHT], [*STRAIGHT, *((30.0, each) for each in FORGED)]):
        counted = played(said).tracker.numbers.mismatched
        assert counted[Stream.EVENTS, Mismatch.NAMESPACE] >= 10
        assert counted[Stream.EVENTS, Mismatch.NAME] >= 8
        assert counted[Stream.EVENTS, Mismatch.UID] >= 10
        assert counted[Stream.EVENTS, Mismatch.OWNER] >= 1
        assert counted[Stream.ENDPOINTSLICES, Mismatch.NAMESPACE] >= 3
    assert not played(STRAIGHT).tracker.numbers.mismatched
