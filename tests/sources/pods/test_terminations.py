"""What a terminated state is worth, and which container the kubelet starts again."""

import json
from typing import Any

import msgspec
import pytest
from tests.sources.pods.test_decode import ARRIVED, evidence, marks, read
from tests.support.objects import condition, container, pod, running, stamp, terminated

from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Ended, Observation, Ran
from podtimeline.sources.pods.containers import STATUS_UNKNOWN, is_unknown, restarts
from podtimeline.sources.pods.wire import Container, Terminated
from podtimeline.sources.texts import moment

M = Milestone
UID = "uid-web-1"
STARTED = frozenset({Mark(M.STARTED, "web")})
GONE = {"terminated": {"exitCode": 137, "reason": STATUS_UNKNOWN, "message": "could not be located"}}
EPOCH = "1970-01-01T00:00:00Z"


def runs(said: list[Observation]) -> list[tuple[int, int | None, str]]:
    """Number, exit code and reason of each run that is told of."""
    return [(each.run, each.exit_code, each.reason) for each in said if isinstance(each, Ran)]


def with_web(*, phase: str = "Running", policy: str = "Always", **status: Any) -> dict[str, Any]:
    """A pod whose one container has this status."""
    return pod(
        spec={"restartPolicy": policy}, status={"phase": phase, "containerStatuses": [container("web", **status)]}
    )


@pytest.mark.parametrize(
    ("state", "made_up"),
    [
        (Terminated(137, STATUS_UNKNOWN), True),
        (Terminated(137, STATUS_UNKNOWN, "", stamp(1), stamp(2)), True),
        (Terminated(255, "Unknown", "", EPOCH, EPOCH), True),
        (Terminated(255, "Unknown", "", stamp(1), stamp(9)), True),
        (Terminated(0, "Completed", "Unable to get init container status"), True),
        (Terminated(128, "StartError", "", EPOCH, stamp(2)), False),
        (Terminated(137, "OOMKilled", "", stamp(1), stamp(2)), False),
        (Terminated(255, "Error", "", stamp(1), stamp(2)), False),
    ],
)
def test_an_end_that_no_runtime_stamped_was_made_up(*, state: Terminated, made_up: bool) -> None:
    """By the kubelet, or by containerd for a task that was gone: their codes are those of no process."""
    assert is_unknown(state) is made_up


@pytest.mark.parametrize(
    ("own", "policy", "code", "again"),
    [
        ({}, "Always", 0, True),
        ({}, "OnFailure", 0, False),
        ({}, "OnFailure", 3, True),
        ({}, "Never", 3, False),
        ({"restartPolicy": "Never"}, "Always", 3, False),
        ({"restartPolicy": "OnFailure"}, "Never", 3, True),
        ({"restartPolicy": "Always"}, "Never", 0, True),
        ({"restartPolicyRules": [{"exitCodes": {"operator": "In", "values": [42]}}]}, "Never", 42, True),
        ({"restartPolicyRules": [{"exitCodes": {"operator": "In", "values": [42]}}]}, "Never", 41, False),
        ({"restartPolicyRules": [{"exitCodes": {"operator": "NotIn", "values": [42]}}]}, "Never", 41, True),
        ({"restartPolicyRules": [{"exitCodes": {"operator": "NotIn", "values": [42]}}]}, "Never", 42, False),
        ({"restartPolicyRules": [{"exitCodes": {"operator": "Like", "values": [42]}}, {}]}, "Never", 42, False),
    ],
)
def test_rules_come_before_the_container_s_policy_and_that_before_the_pod_s(
    *, own: dict[str, Any], policy: str, code: int, again: bool
) -> None:
    """As ContainerShouldRestart has it."""
    spec = msgspec.json.decode(json.dumps({"name": "web"} | own), type=Container)
    assert restarts(spec, policy, code) is again
    assert restarts(None, policy, code) is (policy == "Always" or (policy == "OnFailure" and code != 0))


def test_a_status_that_was_made_up_tells_neither_start_nor_run_nor_moment() -> None:
    """Of a container of which nothing says that it ran."""
    said = read(with_web(phase="Failed", state=GONE))
    assert {mark for mark in marks(said) if mark.subject == "web"} == set()
    assert runs(said) == []


def test_a_run_that_was_known_is_over_with_an_unknown_code() -> None:
    """That it ended is all there is to know."""
    said = read(with_web(phase="Failed", state=GONE), known=STARTED)
    assert runs(said) == [(0, None, STATUS_UNKNOWN)]
    found = evidence(said, M.FINISHED, "web")
    assert found is not None
    assert [(each.at, each.earliest, each.latest) for each in found.values()] == [(None, None, None)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"state": running(9), "lastState": terminated(1, 4, code=1)}, [(1, None, ""), (0, 1, "Completed")]),
        ({"state": {"waiting": {"reason": "PodInitializing"}}, "lastState": terminated(1, 4)}, [(0, 0, "Completed")]),
        ({"state": running(9), "lastState": GONE, "restartCount": 1}, [(1, None, ""), (0, None, STATUS_UNKNOWN)]),
        ({"state": {"waiting": {}}, "lastState": GONE, "restartCount": 1}, [(0, None, STATUS_UNKNOWN)]),
        ({"state": GONE, "restartCount": 1}, [(0, None, STATUS_UNKNOWN)]),
    ],
    ids=["count behind", "waits, none counted", "runs again", "counted ahead", "counted ahead in its state"],
)
def test_last_state_counts_whatever_the_count_says(
    status: dict[str, Any], expected: list[tuple[int, int | None, str]]
) -> None:
    """The kubelet resets the count with the containers of a node, and counts a lost one before it runs again."""
    assert runs(read(with_web(**status), known=STARTED)) == expected


def test_the_first_start_is_that_of_the_first_run() -> None:
    """Of a container that runs again though no restart was counted, lastState knows it."""
    said = read(with_web(state=running(9), lastState=terminated(1, 4, code=1)))
    found = evidence(said, M.STARTED, "web")
    assert found is not None
    assert found["field"].claim < moment(stamp(2))  # type: ignore[index]
    assert evidence(said, M.LAST_STARTED, "web") is not None


@pytest.mark.parametrize("message", ["Pod was rejected: Node didn't have enough resource: cpu", ""])
def test_a_pod_that_was_rejected_was_never_admitted(message: str) -> None:
    """Its startTime is the stamp of the rejection; a kubelet that was restarted may have dropped reason and message."""
    rejected = {"phase": "Failed", "startTime": stamp(1), "reason": "OutOfcpu" if message else "", "message": message}
    said = read(pod(status=rejected | {"conditions": [condition("Initialized", 1)]}))
    assert {Mark(M.KUBELET_ACCEPTED), Mark(M.INITIALIZED)}.isdisjoint(marks(said))
    assert Mark(M.TERMINAL_PHASE) in marks(said)
    (end,) = [each for each in said if isinstance(each, Ended)]
    assert end.rejected is bool(message)
    assert end.words == ("OutOfcpu: Node didn't have enough resource: cpu" if message else "")


@pytest.mark.parametrize(
    "status",
    [
        {"reason": "Evicted", "message": "The node was low on resource: memory."},
        {"containerStatuses": [container(state=terminated(2, 3, code=1))]},
        {
            "reason": "NodeAffinity",
            "message": "Pod was rejected: Predicate NodeAffinity failed",
            "containerStatuses": [container(state=terminated(2, 3, code=137))],
        },
    ],
    ids=["evicted", "exited", "rejected by a kubelet that was restarted"],
)
def test_a_pod_that_failed_later_had_been_admitted(status: dict[str, Any]) -> None:
    """Its startTime is that of its admission."""
    said = read(pod(status={"phase": "Failed", "startTime": stamp(1)} | status))
    assert {Mark(M.KUBELET_ACCEPTED), Mark(M.TERMINAL_PHASE)} <= set(marks(said))


def test_a_code_that_was_made_up_is_no_reason_for_a_failure() -> None:
    """What the pod itself says of its failure counts, and that is nothing here."""
    said = read(with_web(phase="Failed", state=GONE), known=STARTED)
    assert [(each.reason, each.text) for each in said if isinstance(each, Ended)] == [("", "")]
    assert max(each.observed for each in evidence(said, M.TERMINAL_PHASE).values()) == ARRIVED  # type: ignore[union-attr]
