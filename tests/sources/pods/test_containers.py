"""Runs, waiting images and lost readiness: what a pod's versions say of its containers up to readiness and after."""

from typing import Any

import pytest
from tests.sources.pods.test_decode import ARRIVED, evidence, marks, read
from tests.support.objects import condition, container, pod, ready_pod, running, stamp, terminated

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Befell, Incident, Noted, Observation, Witnessed
from podtimeline.model.timeline import LOST_READINESS
from podtimeline.sources.texts import moment

M = Milestone
READY = Mark(M.READY)
UID = "uid-web-1"
AGAIN = container(state=running(9), lastState=terminated(3, 4, code=1), restartCount=2)


def at(seconds: int) -> int:
    """The second so many after the pod's creation, in nanoseconds."""
    return moment(stamp(seconds))


def incidents(said: list[Observation]) -> list[tuple[Incident, int, str]]:
    """What befell the pod."""
    return [(each.incident, each.at, each.text) for each in said if isinstance(each, Befell)]


@pytest.mark.parametrize(
    ("where", "status", "started"),
    [
        ("containerStatuses", AGAIN, 9),
        ("containerStatuses", container(state=terminated(9, 11, code=1), restartCount=2), 9),
        ("initContainerStatuses", container("migrate", state=terminated(9, 11), restartCount=1), 9),
        ("containerStatuses", container(state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=2), None),
        ("containerStatuses", container(state=running(9)), None),
    ],
    ids=["runs again", "died again", "an init container", "waits", "its first run"],
)
def test_the_latest_run_s_start_is_told_until_the_pod_is_ready(
    where: str, status: dict[str, Any], started: int | None
) -> None:
    """It may be the run that becomes ready; once the pod was ready a restart is none of its start."""
    body = pod(spec={"initContainers": [{"name": "migrate"}]}, status={where: [status]})
    name = status["name"]
    found = evidence(read(body), M.LAST_STARTED, name)
    if started is None:
        assert found is None
        return
    stated = Evidence(Source.FIELD, at(started) + SECOND // 2, at(started - 1), at(started + 1) - 1, ARRIVED)
    assert found == {Source.FIELD: stated}
    assert evidence(read(body, known=frozenset({READY})), M.LAST_STARTED, name) is None


def test_the_version_that_first_shows_readiness_may_be_the_first_to_show_its_run() -> None:
    """The kubelet's reports are merged: the run and its readiness come together, if they are seen to come."""
    body = ready_pod(status={"containerStatuses": [AGAIN | {"ready": True, "started": True}]})
    assert evidence(read(body), M.LAST_STARTED, "web") is not None
    assert evidence(read(body, live=False), M.LAST_STARTED, "web") is None


@pytest.mark.parametrize(
    "reason", ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable"]
)
def test_a_container_that_waits_for_its_image_has_missed_it(reason: str) -> None:
    """Events can be lost: the status says that an attempt failed some time before, once, and with its words."""
    body = pod(status={"containerStatuses": [container(state={"waiting": {"reason": reason, "message": "why"}})]})
    said, mark = read(body), Mark(M.LAST_PULL_FAILURE, "web")
    assert Noted(UID, reason, "web", "why", ARRIVED) in said
    assert evidence(said, *mark) == {Source.WATCH: Evidence(Source.WATCH, ARRIVED, None, ARRIVED, ARRIVED)}
    assert mark not in marks(read(body, known=frozenset({mark})))
    assert mark not in marks(read(body, known=frozenset({READY})))


def test_what_a_container_otherwise_waits_for_is_no_missing_image() -> None:
    """Its configuration, or the end of a back-off."""
    for reason in ("CreateContainerConfigError", "CrashLoopBackOff"):
        body = pod(status={"containerStatuses": [container(state={"waiting": {"reason": reason}})]})
        assert Mark(M.LAST_PULL_FAILURE, "web") not in marks(read(body))


LOST = condition(
    "Ready", 30, status="False", reason="ContainersNotReady", message="containers with unready status: [web]"
)


def test_readiness_that_is_lost_and_back_is_an_incident_each() -> None:
    """Each has the stamp of its condition; that it is back is told once it is known to have been lost."""
    words = "ContainersNotReady: containers with unready status: [web]"
    lost = ready_pod(status={"conditions": [LOST]})
    assert incidents(read(lost, known=frozenset({READY}))) == [(Incident.NOT_READY, at(30), words)]
    back = ready_pod(status={"conditions": [condition("Ready", 40)]})
    assert incidents(read(back, known=frozenset({READY}))) == []
    assert incidents(read(back, known=frozenset({READY, LOST_READINESS}))) == [(Incident.READY_AGAIN, at(40), "")]


@pytest.mark.parametrize(
    ("known", "parts"),
    [
        (frozenset[Mark](), {}),
        (frozenset({READY}), {"metadata": {"deletionTimestamp": stamp(50), "deletionGracePeriodSeconds": 30}}),
        (frozenset({READY}), {"status": {"phase": "Succeeded", "conditions": [LOST]}}),
        (
            frozenset({READY}),
            {"status": {"conditions": [condition("Ready", 30, status="False", reason="PodCompleted")]}},
        ),
        (frozenset({READY}), {"status": {"conditions": [condition("Ready", 1, status="False")]}}),
    ],
    ids=[
        "before it was ready",
        "as it is deleted",
        "as it ends",
        "before its phase says that it has",
        "a version from before it was ready",
    ],
)
def test_not_every_lack_of_readiness_is_an_incident(known: frozenset[Mark], parts: dict[str, Any]) -> None:
    """A start, a deletion and an end bring it about."""
    body = ready_pod(status={"conditions": [LOST]})
    for part, more in parts.items():
        body[part] |= more
    assert incidents(read(body, known=known)) == []


def test_a_gate_that_opens_names_who_opened_it() -> None:
    """The API server records who wrote each condition."""
    gate = "target-health.example.com/web"
    conditions: dict[str, Any] = {".": {}, f'k:{{"type":"{gate}"}}': {".": {}, "f:status": {}, "f:type": {}}}
    managed = {"manager": "lb-controller", "time": stamp(5), "fieldsV1": {"f:status": {"f:conditions": conditions}}}
    body = ready_pod(spec={"readinessGates": [{"conditionType": gate}]}, metadata={"managedFields": [managed]})
    body["status"]["conditions"].append(condition(gate, 5))
    (opened,) = [each for each in read(body) if isinstance(each, Witnessed) and each.mark == (M.READINESS_GATE, gate)]
    assert opened.detail == "lb-controller"
