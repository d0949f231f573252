"""What the timelines of pods that left have to tell, whoever watched: on a real cluster, or from a capture of one."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.support.sums import assert_whole, in_order, reached

Items = Iterable[Any]
DIRECT = ("unplaced", "held", "hooked", "bad-hook", "stubborn", "sidecar", "half", "crashing", "initial", "forced",
          "on-host", "served", "lost", "published")  # fmt: skip
CAUSES: dict[str, tuple[str, str]] = {
    "scaled": ("scale_down", " wants 1 pod"),
    "rolled": ("rollout", "Deployment rolled is at revision 2, the pod belongs to 1"),
    "disowned": ("owner_deleted", "ReplicaSet disowned-"),
    "person": ("direct", ""),
    "ordered-0": ("rollout", "StatefulSet ordered is at revision ordered-"),
    "ordered-1": ("scale_down", "StatefulSet ordered wants 1 pod"),
    "everywhere": ("rollout", "DaemonSet everywhere is at revision 2"),
    "finished": ("owner_deleted", "Job finished was deleted"),
    "suspended": ("scale_down", "Job suspended is suspended"),
    "evicted": ("eviction", "Eviction API: evicting"),
    "drained": ("drain", " is cordoned"),
    "tainted": ("taint", "node.kubernetes.io/out-of-service=nodeshutdown"),
    "stranded": ("pod_gc", "PodGC: node no longer exists"),
    **dict.fromkeys(DIRECT, ("direct", "")),
}
"""Who asked for the deletion of each, and what the words of it contain."""
STOPPED = ("scaled", "rolled", "disowned", "person", "ordered-0", "ordered-1", "everywhere", "suspended", "evicted",
           "drained", "held", "hooked", "bad-hook", "stubborn", "on-host", "served", "lost", "published")  # fmt: skip
"""Pods with one container, which the kubelet stopped."""


def gone(items: Items, name: str) -> list[Any]:
    """The timelines of that name, or of the workload of that name, whose pods are gone."""
    found = [each for each in items if name in (each["name"], each["workload"]["name"])]
    return [each for each in found if ("object_removed", "") in reached(each)]


def one(items: Items, name: str) -> Any:
    """The only one."""
    (item,) = gone(items, name)
    return item


def phases(item: Any) -> list[tuple[str, str]]:
    """The phases of the way back and what they belong to, without the kubelet's notice, which may take no time."""
    return [(each["phase"], each["subject"]) for each in item["leaving"] if each["phase"] != "termination_pending"]


def took(item: Any, phase: str) -> float:
    """Seconds of a phase of the way back."""
    return float(sum(each["durationSeconds"] for each in item["leaving"] if each["phase"] == phase))


def _said(item: Any, kind: str) -> str:
    """The text of the finding of that kind."""
    (text,) = (each["text"] for each in item["findings"] if each["kind"] == kind)
    return str(text)


def causes(items: Items) -> None:
    """Each deletion is put down to whoever asked for it, with the words of the evidence."""
    for name, (cause, words) in CAUSES.items():
        for item in gone(items, name):
            deletion = item["deletion"]
            assert (deletion["cause"], words in deletion["text"]) == (cause, True), (name, deletion)


def everybody(items: Items) -> None:
    """Nobody of those who were to leave is missing, and their phases sum exactly."""
    assert [name for name in CAUSES if not gone(items, name)] == []
    for item in items:
        assert_whole(item)
    for name in CAUSES:
        for item in gone(items, name):
            assert item["partial"] == [], name
            assert item["terminationNanoseconds"] == sum(each["durationNanoseconds"] for each in item["leaving"])


def ordinary(items: Items) -> None:
    """A container that is stopped: the request, the kubelet's beginning, the end, the removal, in that order."""
    for name in STOPPED:
        for item in gone(items, name):
            marks = (("deletion_requested", ""), ("killing", "main"), ("finished", "main"), ("object_removed", ""))
            in_order(item, *marks)
            assert phases(item)[:2] == [("container_stop", "main"), ("cleanup", "")], name
            (stop,) = item["stops"]
            assert (stop["container"], stop["exitCode"]) == ("main", 137 if name == "stubborn" else 0), name
            assert item["outcome"] == "ready", name


def finalizer(items: Items) -> None:
    """The kubelet is done, and a finalizer holds the object."""
    item = one(items, "held")
    in_order(item, ("finished", "main"), ("released", ""), ("object_removed", ""))
    assert phases(item) == [("container_stop", "main"), ("cleanup", ""), ("finalizers", "")]
    assert item["deletion"]["finalizers"] == ["podtimeline.test/hold"]
    assert took(item, "finalizers") > 1
    assert "held by podtimeline.test/hold" in item["explanation"]


def hooks(items: Items) -> None:
    """A preStop hook takes its time before SIGTERM; one that fails says so."""
    item = one(items, "hooked")
    assert took(item, "container_stop") > 2.5
    assert "the preStop hook of main runs before SIGTERM is sent" in item["explanation"]
    assert "PreStopHook failed" in _said(one(items, "bad-hook"), "pre_stop")
    assert item["deletion"]["graceSeconds"] == 10


def grace(items: Items) -> None:
    """A container that ignores SIGTERM is killed when its grace period is over; no other one is reported as killed."""
    item = one(items, "stubborn")
    assert took(item, "container_stop") > 2.5
    assert "main did not end within its grace period of 3 s and was killed (exit code 137)" in item["explanation"]
    for name in CAUSES:
        grace_exceeded = [stop["graceExceeded"] for each in gone(items, name) for stop in each["stops"]]
        assert (True in grace_exceeded) == (name == "stubborn"), name


def several(items: Items) -> None:
    """Of several containers the slowest is charged; the sidecar is stopped last; one that had ended has no part."""
    half = one(items, "half")
    assert phases(half) == [("container_stop", "slow"), ("cleanup", "")]
    assert {each["container"]: each["exitCode"] for each in half["stops"]} == {"quick": 0, "slow": 5}
    in_order(half, ("finished", "early"), ("deletion_requested", ""), ("finished", "quick"), ("finished", "slow"))
    sidecar = one(items, "sidecar")
    assert phases(sidecar)[0] == ("container_stop", "main")
    assert took(sidecar, "container_stop") > 1.5
    assert [each["container"] for each in sidecar["stops"]] == ["proxy", "main"]
    in_order(sidecar, ("killing", "proxy"), ("finished", "proxy"), ("object_removed", ""))


def unfinished(items: Items) -> None:
    """An init container that is stopped ends the start as deleted; crash loops and finished Jobs have none to stop."""
    initial = one(items, "initial")
    assert initial["outcome"] == "deleted"
    assert phases(initial) == [("container_stop", "setup"), ("cleanup", "")]
    assert initial["phases"][-1]["phase"] == "init_run"
    assert [each["exitCode"] for each in initial["stops"]] == [1]
    for name in ("crashing", "finished"):
        assert set(phases(one(items, name))) <= {("cleanup", "")}, name


def at_once(items: Items) -> None:
    """By force, or where no node had it: the object goes with the request."""
    for name in ("forced", "unplaced"):
        item = one(items, name)
        assert item["terminationSeconds"] < 0.5, name
        assert {("deletion_requested", ""), ("object_removed", "")} <= reached(item).keys()
        assert item["deletion"]["graceSeconds"] == 0
    assert one(items, "unplaced")["outcome"] == "deleted"


def no_kubelet(items: Items) -> None:
    """A node that exists by name only, or no more: nobody stops the pod until the garbage collector of pods does."""
    tainted, stranded = one(items, "tainted"), one(items, "stranded")
    assert [each["phase"] for each in tainted["leaving"]] == ["termination_pending"]
    # Of a node that is gone it says first that the pod has failed (KEP-3329); request and removal are then one step,
    # and may be told in one breath.
    assert {each["phase"] for each in stranded["leaving"]} <= {"termination_pending"}
    assert stranded["terminationSeconds"] < 0.5
    assert (tainted["outcome"], stranded["outcome"]) == ("deleted", "failed")
    assert tainted["stops"] == stranded["stops"] == []


def served(items: Items) -> None:
    """The address is out of use before the container ends; where not-ready ones are published, when it leaves."""
    item = one(items, "served")
    (drain,) = item["drains"]
    slice_ = drain["subject"]
    in_order(item, ("endpoint_ready", slice_), ("deletion_requested", ""), ("endpoint_terminating", slice_),
             ("endpoint_removed", slice_))  # fmt: skip
    assert slice_.split("/")[1] == "served"
    assert reached(item)["endpoint_terminating", slice_]["at"] == drain["out"]
    assert (drain["exited"], drain["lostNanoseconds"], drain["confirmed"]) == ("main", 0, False)
    assert drain["lagSeconds"] < took(item, "container_stop")
    item = one(items, "published")
    (drain,) = item["drains"]
    assert drain["out"] == reached(item)["endpoint_removed", drain["subject"]]["at"]
    assert drain["lagSeconds"] > 1.5


def lost(items: Items) -> None:
    """The slice holds the address after the container has ended: for how long, and that it is sure."""
    item = one(items, "lost")
    (drain,) = item["drains"]
    assert (drain["exited"], drain["confirmed"]) == ("main", True)
    assert drain["lagSeconds"] > drain["lostSeconds"] > 1
    in_order(item, ("deletion_requested", ""), ("finished", "main"), ("endpoint_terminating", drain["subject"]))
    assert "/lost sent traffic to it for " in item["explanation"]


CHECKS: dict[str, Callable[[Items], None]] = {
    each.__name__: each
    for each in (
        everybody, causes, ordinary, finalizer, hooks, grace, several, unfinished, at_once, no_kubelet, served, lost,
    )
}  # fmt: skip
"""By name: what holds for each of the ways to leave of ``tests/e2e/leaving.yaml``."""
