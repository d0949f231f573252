"""Pods of the accuracy bench are helped to go on, each in its own way, and no other pod is touched."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest

from benches.accuracy_hands import GATE, ROOM, Hands
from clusterkit.errors import ClusterError

POD = "/api/v1/namespaces/bench/pods/one"


@dataclass
class Recording:
    """Answers every request with ``status`` and keeps what was asked."""

    status: int = 200
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def call(self, method: str, *, path: str, body: Any) -> tuple[int, Any]:
        """See ``Api``."""
        assert method == "PATCH"
        self.asked.append((path, body))
        return self.status, {}


def pod(*, meta: Any = None, conditions: Any = (), **spec: Any) -> Any:
    """A pod as the API lists it."""
    base = {"name": "one", "resourceVersion": "7"}
    return {"metadata": base | (meta or {}), "spec": spec, "status": {"conditions": list(conditions)}}


def helped(item: Any) -> list[tuple[str, Any]]:
    """What is asked of the API for such a pod."""
    api = Recording()
    Hands(api, "bench", node="node-1").help([item])  # type: ignore[arg-type]
    return api.asked


def condition(kind: str, status: str, reason: str = "") -> Any:
    """One condition."""
    return {"type": kind, "status": status, "reason": reason}


def test_a_gated_pod_is_let_go_at_the_version_that_was_read() -> None:
    """Another writer that was faster is not overwritten."""
    gated = pod(schedulingGates=[{"name": "g"}], nodeSelector={ROOM: "yes"})
    assert helped(gated) == [(POD, {"spec": {"schedulingGates": []}, "metadata": {"resourceVersion": "7"}})]


def test_a_pod_without_a_place_gets_one_once_it_was_refused() -> None:
    """Not before: the refusal is what is to be measured."""
    homeless = {"nodeSelector": {ROOM: "yes"}}
    refused = condition("PodScheduled", "False", "Unschedulable")
    assert helped(pod(**homeless)) == []
    assert helped(pod(conditions=[refused], **homeless)) == [
        ("/api/v1/nodes/node-1", {"metadata": {"labels": {ROOM: "yes"}}})
    ]
    assert helped(pod(conditions=[refused])) == []


def test_a_gate_is_opened_once_the_containers_are_ready() -> None:
    """The other conditions stay as they are."""
    gate, ready = {"readinessGates": [{"conditionType": GATE}]}, condition("ContainersReady", "True")
    assert helped(pod(conditions=[condition("ContainersReady", "False")], **gate)) == []
    ((path, body),) = helped(pod(conditions=[ready], **gate))
    assert path == f"{POD}/status"
    assert body["status"]["conditions"] == [ready, {"type": GATE, "status": "True"}]
    assert helped(pod(conditions=[ready, condition(GATE, "True")], **gate)) == []


def test_a_finalizer_is_taken_away_once_nothing_else_holds_the_pod() -> None:
    """Which the kubelet says by a grace of 0."""
    held = {"finalizers": ["test/hold"], "deletionTimestamp": "2026-11-25T03:00:00Z"}
    assert helped(pod(meta=held | {"deletionGracePeriodSeconds": 2})) == []
    assert helped(pod(meta=held | {"deletionGracePeriodSeconds": 0})) == [
        (POD, {"metadata": {"finalizers": None, "resourceVersion": "7"}})
    ]


@pytest.mark.parametrize(("status", "fails"), [(409, False), (404, False), (403, True)])
def test_only_what_another_writer_did_first_is_no_failure(status: int, *, fails: bool) -> None:
    """The next look sees what is left to be done."""
    api = Recording(status)
    with pytest.raises(ClusterError, match="403") if fails else nullcontext():
        Hands(api, "bench", node="node-1").help([pod(schedulingGates=[{"name": "g"}])])  # type: ignore[arg-type]
    assert len(api.asked) == 1
