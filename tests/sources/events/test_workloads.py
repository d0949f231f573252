"""What controllers tell by Events of the pods that they made, deleted, or were refused."""

import msgspec
import pytest
from tests.support.objects import CREATED, CREATED_NS, line
from tests.support.recording import RecordingIntake

from podtimeline.model.instants import SECOND, Source
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import (
    Dropped,
    Launched,
    Refused,
    Scaled,
    WorkloadNews,
)
from podtimeline.sources.events.event import Event
from podtimeline.sources.events.feed import EventFeed
from podtimeline.sources.events.workloads import workload_news


def told(
    reason: str,
    message: str,
    *,
    kind: str = "ReplicaSet",
    api: str = "apps/v1",
    count: int = 1,
    last: str = CREATED,
) -> WorkloadNews | None:
    """The news of one Event."""
    content = {
        "metadata": {"name": f"web.{CREATED_NS + 5:016x}", "namespace": "shop", "resourceVersion": "1"},
        "involvedObject": {
            "kind": kind, "apiVersion": api, "namespace": "shop", "name": "web", "uid": "uid-web",
        },
        "reason": reason, "message": message, "type": "Normal", "count": count, "firstTimestamp": CREATED,
        "lastTimestamp": last,
    }  # fmt: skip
    return workload_news(msgspec.convert(content, Event), arrived=CREATED_NS + SECOND)


@pytest.mark.parametrize("merged", ["", "(combined from similar events): "])
def test_a_scale_up_is_told_by_its_deployment(merged: str) -> None:
    """Also once its Events are merged."""
    news = told("ScalingReplicaSet", f"{merged}Scaled up replica set web-abc from 2 to 5", kind="Deployment")
    assert isinstance(news, Scaled)
    assert (news.namespace, news.maker, news.replicaset) == ("shop", Owner("Deployment", "web", "uid-web"), "web-abc")
    assert (news.low, news.high) == (2, 5)
    assert (news.told.source, news.told.at) == (Source.EVENT_NAME, CREATED_NS + 5)


@pytest.mark.parametrize(
    "message", ["Scaled down replica set web-abc from 5 to 2", "Scaled up replica set web-abc to 5", "", "Scaled up"]
)
def test_other_words_of_a_deployment_say_nothing(message: str) -> None:
    """A scale-down asks for no pod, and words of an old version do not say from how many."""
    assert told("ScalingReplicaSet", message, kind="Deployment") is None


def test_an_event_that_is_told_again_is_dated_by_its_last_second() -> None:
    """The time in its name is that of the first occurrence."""
    last = "2026-11-23T19:47:59Z"
    news = told("ScalingReplicaSet", "Scaled up replica set a from 2 to 5", kind="Deployment", count=3, last=last)
    assert isinstance(news, Scaled)
    assert (news.told.source, news.told.earliest) == (Source.EVENT_SECOND, None)
    assert news.told.latest is not None
    assert news.told.latest % SECOND == SECOND - 1


def test_a_job_is_told_by_its_cronjob() -> None:
    """By name only."""
    news = told("SuccessfulCreate", "Created job tick-1", kind="CronJob")
    assert isinstance(news, Launched)
    assert (news.namespace, news.maker, news.job) == ("shop", Owner("CronJob", "web", "uid-web"), "tick-1")


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController"])
def test_a_refusal_is_told_by_the_controller_that_was_refused(kind: str) -> None:
    """With its words, how often, and when first and last."""
    words = 'Error creating: pods "web-1" is forbidden: exceeded quota: full'
    news = told("FailedCreate", f"(combined from similar events): {words}", kind=kind, count=4, last=CREATED)
    assert isinstance(news, Refused)
    assert (news.maker, news.text, news.count) == (Owner(kind, "web", "uid-web"), words, 4)
    assert news.first == CREATED_NS + 5


@pytest.mark.parametrize("reason", ["FailedCreate", "FailedCreatePod"])
def test_a_custom_workload_can_be_refused_too(reason: str) -> None:
    """Only its words tell whether it is a pod that it could not create; its group is part of who it is."""
    group = "apps.kruise.io/v1alpha1"
    news = told(reason, 'failed to create pod: pods "web-1" is forbidden', kind="CloneSet", api=group)
    assert isinstance(news, Refused)
    assert news.maker == Owner("CloneSet", "web", "uid-web", "apps.kruise.io")
    assert told(reason, "failed to create the certificate", kind="CloneSet", api=group) is None


def test_what_custom_resources_say_is_not_said_by_the_kinds_whose_names_they_have() -> None:
    """A CronJob of another group creates Jobs of another group."""
    assert told("SuccessfulCreate", "Created job tick-1", kind="CronJob", api="batch.example.com/v1") is None
    assert told("SuccessfulCreate", "Created job tick-1", kind="CronJob", api="batch/v1") is not None
    words = "Scaled up replica set a from 2 to 5"
    assert told("ScalingReplicaSet", words, kind="Deployment", api="apps.example.com/v1") is None


@pytest.mark.parametrize(("reason", "kind"), [("FailedCreate", "Endpoints"), ("FailedCreate", "Pod"), ("Other", "Job")])
def test_what_else_fails_is_no_refused_pod(reason: str, kind: str) -> None:
    """Other controllers use the reason too."""
    assert told(reason, "no", kind=kind) is None


def test_the_stream_of_events_hands_them_on() -> None:
    """A pod's creation goes one way, its refusal another."""
    intake = RecordingIntake()
    events = EventFeed(intake)
    about = {"kind": "ReplicaSet", "namespace": "shop", "name": "web-abc", "uid": "rs-1"}
    for reason, message in (("SuccessfulCreate", "Created pod: web-abc-x"), ("FailedCreate", "exceeded quota")):
        content = {
            "metadata": {"name": f"web.{CREATED_NS + 5:016x}", "namespace": "shop", "resourceVersion": "1"},
            "involvedObject": about, "reason": reason, "message": message, "firstTimestamp": CREATED,
        }  # fmt: skip
        events.line(line("ADDED", content), arrived=CREATED_NS + SECOND, live=True)
    assert [name for _, name, _, _ in intake.named] == ["web-abc-x"]
    assert [type(news) for news in intake.workloads] == [Refused]


@pytest.mark.parametrize(
    ("kind", "message", "pod"),
    [
        ("ReplicaSet", "Deleted pod: web-abc-x1z", "web-abc-x1z"),
        ("Job", "Deleted pod: nightly-1-x", "nightly-1-x"),
        ("DaemonSet", "(combined from similar events): Deleted pod: agent-x", "agent-x"),
        ("StatefulSet", "delete Pod db-0 in StatefulSet db successful", "db-0"),
        ("StatefulSet", "Delete Pod db-0 in StatefulSet db successful", "db-0"),
    ],
)
def test_a_controller_names_the_pod_that_it_deleted(kind: str, message: str, pod: str) -> None:
    """In the words of every version."""
    news = told("SuccessfulDelete", message, kind=kind)
    assert isinstance(news, Dropped)
    assert (news.maker, news.namespace, news.pod) == (Owner(kind, "web", "uid-web"), "shop", pod)
    assert news.text == message.removeprefix("(combined from similar events): ")
    assert news.at == CREATED_NS + 5


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("SuccessfulDelete", "Deleted job nightly-1"),
        ("SuccessfulDelete", "delete Claim data-db-0 Pod db-0 in StatefulSet db success"),
        ("FailedDelete", "Deleted pod: web-abc-x1z"),
    ],
)
def test_other_words_drop_no_pod(reason: str, message: str) -> None:
    """Jobs and claims are not pods, and a failure deletes nothing."""
    assert told(reason, message, kind="StatefulSet") is None
