"""Objects of every stream that is read, and what hostile hands make of the insides of their fields."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from tests.support.objects import (
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
from tests.support.storage import attachment, claim

from podtimeline.sources.registry import BY_NAME
from podtimeline.sources.workloads import WORKLOADS

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
    seeded = [
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
    bare = {"metadata": {"uid": "b", "name": "bare", "namespace": "shop", "deletionTimestamp": stamp(5)}}
    known = {name for name, _ in seeded}
    return [*seeded, *((name, bare) for name in BY_NAME if name not in known)]


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
    return [(each.name, body) for each in WORKLOADS.values()] + [
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


_MOMENTS = (
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-06-30T23:59:60Z",
    "2116-02-20T23:53:38Z", "2262-04-11T23:47:17Z", "9999-12-31T23:59:59.999999Z", "2026-11-23T19:17:01+99:99",
    "10000-01-01T00:00:00Z", "2026-11-23T19:17:01",
)  # fmt: skip
_NUMBERS = (-1, 0, 1.5, -0.1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30, 1e308, True)
_PIECES = (
    "\x00", "\ud800", "\u202e", "\u2028", "\x1b[2J", "<script>", "\n" * 50, "é" * 300, "%s{}", "'\"`", "/..", "\t", " ",
    "99999999999999999999999h", "1e999s", "0" * 40 + "s", "٣" * 20,
)  # fmt: skip
_HUGE = 1_500_000
_MANY = 100_000


def hostile_text(text: str, dice: random.Random, *, rarely: bool) -> str:
    """A text with something in it that no program writes; ``rarely`` allows what takes milliseconds to read."""
    digits = [index for index, each in enumerate(text) if each.isdigit()]
    choice = dice.randrange(6)
    if rarely:
        return text + dice.choice("a9 \n") * _HUGE
    if choice == 0 and digits:
        at = dice.choice(digits)
        return text[:at] + "9" * dice.choice((10, 19, 20, 29, 4301, 6000)) + text[at:]
    if choice == 1:
        return dice.choice(_MOMENTS)
    if choice == 2:
        return text[: dice.randrange(len(text) + 1)]
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(_PIECES) + text[at:]


def hostile_value(value: Any, dice: random.Random) -> Any:
    """The value as a hostile hand would leave it: of its own type mostly, so that it gets past the decoder."""
    rarely = dice.random() < 0.001
    if isinstance(value, bool) or value is None or dice.random() < 0.1:
        return copy.deepcopy(dice.choice(VALUES))
    if isinstance(value, str):
        return hostile_text(value, dice, rarely=rarely)
    if isinstance(value, int | float):
        return dice.choice(_NUMBERS)
    if isinstance(value, list):
        return value * (_MANY if rarely else dice.choice((0, 2, 40)))
    deep: Any = value
    for _ in range(2000 if rarely else 3):
        deep = {"a": [deep]}
    return deep


def mutated(body: dict[str, Any], dice: random.Random) -> bytes:
    """The object with one to four values made hostile, removed or doubled, or its bytes damaged."""
    new: Any = copy.deepcopy(body)
    # From the deepest place up: what is replaced has no places inside it any more.
    chosen = dice.sample([path for path in places(body) if path], dice.randint(1, 4))
    for path in sorted(chosen, key=len, reverse=True):
        parent = new
        for step in path[:-1]:
            parent = parent[step]
        _spoil(parent, path[-1], dice)
    text = bytearray(_dumped(new))
    if dice.random() < 0.05:
        text[dice.randrange(len(text))] = dice.randrange(256)
    return bytes(text)


def _spoil(parent: Any, key: Any, dice: random.Random) -> None:
    action = dice.random()
    if action < 0.1 and isinstance(parent, dict):
        del parent[key]
    elif action < 0.2 and isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent[key] = hostile_value(parent[key], dice)


def _dumped(value: Any) -> bytes:
    # Python's own encoder recurses as well: what is nested too deep for it is nested by hand.
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b'{"metadata":{"uid":"deep"},"status":' + b"[" * 5000 + b"]" * 5000 + b"}"
