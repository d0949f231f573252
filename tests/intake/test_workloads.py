"""What is read of the objects that make pods, and of the Events that tell of them, in the shapes of the real API."""

from typing import Any

import msgspec
import pytest
from tests.support.objects import CREATED, CREATED_NS, line, raw
from tests.support.recording import RecordingIntake

from podtimeline.intake.feeds import EventFeed, Feed
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.lowrate import Listeners, low_rate_feeds
from podtimeline.intake.owners import OwnerIndex
from podtimeline.intake.wire import Event
from podtimeline.intake.workloads import workload_news
from podtimeline.model.instants import SECOND, Source
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import (
    Launched,
    Refused,
    Scaled,
    WorkloadGone,
    WorkloadNews,
    WorkloadSeen,
    WorkloadsListed,
    WorkloadState,
)

TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "args": ["a<b"]}]}}


def body(name: str = "web", **parts: Any) -> dict[str, Any]:
    """An object as the API server serves it."""
    meta = {
        "uid": f"uid-{name}", "name": name, "namespace": "shop", "resourceVersion": "41", "generation": 2,
        "creationTimestamp": CREATED,
    }  # fmt: skip
    return {"metadata": meta | parts.pop("metadata", {})} | parts


def feed(kind: LowRate, intake: RecordingIntake) -> Feed[Any]:
    """The feed of a kind."""
    return low_rate_feeds(Listeners(owners=OwnerIndex()), intake)[kind]


def read(kind: LowRate, content: dict[str, Any]) -> WorkloadState:
    """The state that is read of one version."""
    intake = RecordingIntake()
    feed(kind, intake).line(line("MODIFIED", content), arrived=CREATED_NS, live=True)
    (news,) = intake.workloads
    assert isinstance(news, WorkloadSeen)
    return news.state


def counts(state: WorkloadState) -> tuple[int, int, int]:
    """How many pods are wanted, there, and of the latest template."""
    return state.wanted, state.have, state.updated


def test_a_deployment() -> None:
    """Its revision is an annotation; a status write and a write of a subresource date nothing."""
    managed = [
        {"manager": "kubectl", "operation": "Update", "subresource": "scale"},
        {"manager": "kubectl-set", "operation": "Update", "time": CREATED},
        {"manager": "kube-controller-manager", "time": "2031-01-01T00:00:00Z", "subresource": "status"},
    ]
    state = read(
        LowRate.DEPLOYMENTS,
        body(
            metadata={"annotations": {"deployment.kubernetes.io/revision": "3"}, "managedFields": managed},
            spec={"replicas": 4, "paused": True, "template": TEMPLATE},
            status={"observedGeneration": 2, "replicas": 5, "updatedReplicas": 2},
        ),
    )
    assert (state.kind, state.uid, state.version, state.created) == ("Deployment", "uid-web", 41, CREATED_NS)
    assert (state.generation, state.observed, state.revision, state.paused) == (2, 2, "3", True)
    assert counts(state) == (4, 5, 2)
    assert state.changed == CREATED_NS


def test_a_statefulset() -> None:
    """Its ordinals, the revision that it goes to and the one that it leaves."""
    state = read(
        LowRate.STATEFULSETS,
        body(
            "db",
            spec={"replicas": 3, "ordinals": {"start": 5}, "podManagementPolicy": "OrderedReady"},
            status={"replicas": 2, "updatedReplicas": 1, "updateRevision": "db-2", "currentRevision": "db-1"},
        ),
    )
    assert (state.revision, state.current, state.ordered, state.first) == ("db-2", "db-1", True, 5)
    assert counts(state) == (3, 2, 1)
    assert not read(LowRate.STATEFULSETS, body("db", spec={"podManagementPolicy": "Parallel"})).ordered
    assert state.min_ready == 0
    assert read(LowRate.STATEFULSETS, body("db", spec={"minReadySeconds": 30})).min_ready == 30 * SECOND


def test_a_daemonset() -> None:
    """What it wants is what the nodes make of it; its revision is the generation of its template."""
    status = {"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "updatedNumberScheduled": 1}
    notes = {"annotations": {"deprecated.daemonset.template.generation": "7"}}
    state = read(LowRate.DAEMONSETS, body("agent", metadata=notes, status=status))
    assert state.revision == "7"
    assert counts(state) == (3, 2, 1)


@pytest.mark.parametrize(
    ("parallelism", "completions", "wanted"), [(None, None, 1), (3, None, 3), (3, 2, 2), (0, 5, 0)]
)
def test_a_job(parallelism: int | None, completions: int | None, wanted: int) -> None:
    """No more pods at a time than are to complete; the annotation of the CronJob's controller says when."""
    notes = {"annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": CREATED}}
    spec = {"parallelism": parallelism, "completions": completions, "suspend": True}
    state = read(LowRate.JOBS, body("report", metadata=notes, spec=spec, status={"active": 1, "succeeded": 2}))
    assert (state.scheduled, state.paused) == (CREATED_NS, True)
    assert (state.wanted, state.have) == (wanted, 3)


def test_a_cronjob() -> None:
    """Its schedule; what a Job counts it lists under the same name."""
    state = read(LowRate.CRONJOBS, body("tick", spec={"schedule": "*/5 * * * *"}, status={"active": [{"kind": "Job"}]}))
    assert state.schedule == "*/5 * * * *"
    assert counts(state) == (0, 0, 0)


def test_a_template_is_the_same_however_its_bytes_come() -> None:
    """A listing brings the server's escapes and order, kopf a parsed copy; another template is another one."""
    intake = RecordingIntake()
    deployments = feed(LowRate.DEPLOYMENTS, intake)
    plain = msgspec.json.encode(body(spec={"template": TEMPLATE}))
    escaped = plain.replace(b"a<b", b"a\\u003cb")
    assert escaped != plain
    other = msgspec.json.encode(body(metadata={"generation": 3}, spec={"template": TEMPLATE | {"x": 1}}))
    for each in (plain, escaped.replace(b'"generation":2', b'"generation":1'), other):
        deployments.item(each, arrived=CREATED_NS)
    templates = [news.state.template for news in intake.workloads if isinstance(news, WorkloadSeen)]
    assert templates[0] == templates[1] != templates[2]


def test_a_listing_says_who_is_there_and_a_watch_who_went() -> None:
    """What is deleted while a listing is read does not come back, what came meanwhile is there."""
    intake = RecordingIntake()
    deployments = feed(LowRate.DEPLOYMENTS, intake)
    deployments.begin()
    deployments.item(raw(body("web")), arrived=1)
    deployments.line(line("DELETED", body("web")), arrived=2, live=True)
    deployments.line(line("ADDED", body("new")), arrived=3, live=True)
    deployments.item(raw(body("web")), arrived=4)
    deployments.end("9", arrived=5)
    seen = [(news.state.name, news.live) for news in intake.workloads if isinstance(news, WorkloadSeen)]
    assert seen == [("web", False), ("new", True)]
    assert intake.workloads[1:] == [
        WorkloadGone("uid-web"), intake.workloads[2], WorkloadsListed("Deployment", frozenset({"uid-new"})),
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", [{"creationTimestamp": None}, {"resourceVersion": "abc"}, {"uid": 7}])
def test_what_lacks_its_identity_is_malformed(wrong: dict[str, Any]) -> None:
    """It is counted, and nobody is told of it."""
    intake = RecordingIntake()
    jobs = feed(LowRate.JOBS, intake)
    jobs.item(raw(body(metadata=wrong)), arrived=1)
    assert (jobs.malformed, intake.workloads) == (1, [])


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
