"""Whatever an object looks like, a stream goes on: mutated objects and mutated bytes crash nothing."""

import copy
import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.objects import (
    CREATED_NS,
    condition,
    container,
    endpoint,
    endpoint_slice,
    event,
    pod,
    ready_pod,
    running,
    stamp,
    terminated,
)  # fmt: skip
from tests.support.recording import RecordingIntake
from tests.support.storage import attachment, claim

from podtimeline.core.view import view
from podtimeline.intake.faults import ApiError
from podtimeline.intake.feeds import EventFeed, Feed, PodFeed, SliceFeed
from podtimeline.intake.lowrate import Listeners, low_rate_feeds
from podtimeline.intake.owners import OwnerIndex
from podtimeline.intake.workloads import WORKLOADS

OBJECTS = int(os.environ.get("FUZZ_OBJECTS", "100000"))
"""Ten seconds; fewer for a quick look."""
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 10**30, 1.5, "", "x", "2026-11-23T19:17:59Z", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    [], {}, [None], {"": None}, [[]], "Ready", "True", "spec.containers{web}", "\u0000", "é" * 300,
)  # fmt: skip
NO = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: 0/3 nodes are available."


def seeds() -> list[tuple[str, dict[str, Any]]]:
    """Objects of every stream, with everything in them that is read."""
    rich = ready_pod(metadata={"deletionTimestamp": stamp(40), "deletionGracePeriodSeconds": 30})
    rich["spec"] |= {
        "initContainers": [{"name": "init", "restartPolicy": "Always"}],
        "readinessGates": [{"conditionType": "g"}],
    }
    rich["status"]["initContainerStatuses"] = [container("init", started=True, ready=True, state=running(1))]
    failed = pod(status={"phase": "Failed", "reason": "Evicted", "message": "m"})
    failed["status"]["containerStatuses"] = [container(state=terminated(1, 2, code=1), lastState=terminated(0, 1))]
    pulled = 'Successfully pulled image "r/web:1" in 1.2s (2s including waiting). Image size: 72404038 bytes.'
    owner = {"kind": "ReplicaSet", "namespace": "shop", "name": "web"}
    refused = 'MountVolume.SetUp failed for volume "data" : no'
    service = {"metadata": {"name": "web", "namespace": "shop", "uid": "s"}, "spec": {"selector": {"app": "web"}}}
    return [
        ("pods", rich),
        ("pods", failed),
        ("pods", pod()),
        ("events", event("Pulled", message=pulled)),
        ("events", event("BackOff", type="Warning", series={"count": 3, "lastObservedTime": stamp(3)})),
        ("events", event("SuccessfulCreate", message="Created pod: web-1", involvedObject=owner)),
        ("endpointslices", endpoint_slice(endpoint("web-1"), endpoint("web-2"), trigger=stamp(3))),
        ("services", service),
        ("events", event("FailedMount", type="Warning", count=3, message=refused)),
        ("events", event("ExternalProvisioning", involvedObject=owner | {"kind": "PersistentVolumeClaim", "uid": "c"})),
        ("persistentvolumeclaims", claim("Bound", node="node-1")),
        ("volumeattachments", attachment(attached=True, error="busy", deleted=5)),
        *waiting_seeds(),
        *workload_seeds(),
    ]


def waiting_seeds() -> list[tuple[str, dict[str, Any]]]:
    """A gated pod, a refused one, what the scheduler and Karpenter say, and a node."""
    gated = pod("gated", spec={"schedulingGates": [{"name": "g"}]})
    gated["status"]["conditions"] = [condition("PodScheduled", 0, status="False", reason="SchedulingGated")]
    refused = pod("refused", status={"nominatedNodeName": "node-1"})
    refused["status"]["conditions"] = [condition("PodScheduled", 3, status="False", reason="Unschedulable", message=NO)]
    by = {"kind": "Pod", "namespace": "shop", "name": "big", "uid": "u"}
    victim = "Preempted by pod 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d on node node-1"
    node = {
        "metadata": {"name": "node-1", "uid": "n", "creationTimestamp": stamp(2)},
        "spec": {"unschedulable": True},
        "status": {"conditions": [condition("Ready", 4)]},
    }
    return [
        ("pods", gated),
        ("pods", refused),
        ("events", event("FailedScheduling", message=NO, series={"count": 3, "lastObservedTime": stamp(3)})),
        ("events", event("Preempted", message=victim, related=by)),
        ("events", event("Nominated", message="Pod should schedule on: nodeclaim/a, node/b")),
        ("nodes", node),
    ]


def workload_seeds() -> list[tuple[str, dict[str, Any]]]:
    """An object of each kind that makes pods, and what controllers tell of them."""
    meta: dict[str, Any] = {
        "uid": "w", "name": "web", "namespace": "shop", "resourceVersion": "41", "generation": 2,
        "creationTimestamp": stamp(1), "managedFields": [{"manager": "m", "time": stamp(2), "subresource": ""}],
        "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d", "controller": True}],
        "annotations": {
            "deployment.kubernetes.io/revision": "3", "deprecated.daemonset.template.generation": "2",
            "batch.kubernetes.io/cronjob-scheduled-timestamp": stamp(0),
        },
    }  # fmt: skip
    spec = {"replicas": 3, "template": {"a": 1}, "parallelism": 2, "completions": 3, "ordinals": {"start": 1}}
    status = {"observedGeneration": 2, "replicas": 2, "active": 1, "updateRevision": "r", "desiredNumberScheduled": 1}
    maker = {"kind": "ReplicaSet", "namespace": "shop", "name": "web", "uid": "w"}
    said = {
        "ScalingReplicaSet": "Scaled up replica set web from 2 to 5", "FailedCreate": "exceeded quota",
        "SuccessfulCreate": "Created job web",
    }  # fmt: skip
    kinds = {"ScalingReplicaSet": "Deployment", "FailedCreate": "ReplicaSet", "SuccessfulCreate": "CronJob"}
    body = {"metadata": meta, "spec": spec, "status": status}
    return [(kind.value, body) for kind in WORKLOADS] + [
        ("events", event(reason, message=text, count=2, involvedObject=maker | {"kind": kinds[reason]}))
        for reason, text in said.items()
    ]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a JSON document."""
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from places(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from places(child, (*path, index))


def mutated(body: dict[str, Any], dice: random.Random) -> bytes:
    """The object with one to four values replaced, removed or doubled, or its bytes damaged."""
    new: Any = copy.deepcopy(body)
    for _ in range(dice.randint(1, 4)):
        path = dice.choice(list(places(new)))
        if not path:
            continue
        parent = new
        for step in path[:-1]:
            parent = parent[step]
        action = dice.choice(("replace", "remove", "double"))
        if action == "remove":
            del parent[path[-1]]
        elif action == "double" and isinstance(parent, list):
            parent.append(parent[path[-1]])
        else:
            parent[path[-1]] = copy.deepcopy(dice.choice(VALUES))
    text = bytearray(json.dumps(new).encode())
    if dice.random() < 0.1:
        text[dice.randrange(len(text))] = dice.randrange(256)
    return bytes(text)


@pytest.mark.timeout(600)
def test_mutated_objects_crash_nothing() -> None:
    """Listed and watched, of every stream; and every pod that came of it can still be viewed."""
    dice = random.Random(OBJECTS)  # noqa: S311 - reproducible, not secret
    intake, known = RecordingIntake(), seeds()
    feeds: dict[str, Feed[Any]] = {
        "pods": PodFeed(intake), "events": EventFeed(intake), "endpointslices": SliceFeed(intake),
    }  # fmt: skip
    low_rate = low_rate_feeds(Listeners(owners=OwnerIndex()), intake)
    feeds |= {kind.value: feed for kind, feed in low_rate.items()}
    for number in range(OBJECTS):
        stream, body = dice.choice(known)
        feed, damaged = feeds[stream], mutated(body, dice)
        if number % 3 == 0:
            feed.item(damaged, arrived=CREATED_NS + number)
        else:
            kind = dice.choice((b"ADDED", b"MODIFIED", b"DELETED", b"BOOKMARK", b"ERROR"))
            try:
                feed.line(
                    b'{"type":"%s","object":%s}' % (kind, damaged), arrived=CREATED_NS + number, live=number % 2 == 0
                )
            except ApiError:
                assert kind == b"ERROR"
        if number % 1000 == 0:
            _look(intake)
    _look(intake)
    malformed = sum(feed.malformed for feed in feeds.values())
    assert OBJECTS * 0.05 < malformed < OBJECTS * 0.9


def _look(intake: RecordingIntake) -> None:
    for timeline in intake.timelines.values():
        if timeline.facts is not None:
            seen = view(timeline, now=CREATED_NS + 10**12)
            assert seen is not None
            assert seen.total in {None, sum(each.duration for each in seen.phases)}
    intake.timelines.clear()
    intake.taken.clear()
