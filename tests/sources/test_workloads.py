"""What is read of the objects that make pods, in the shapes of the real API."""

from typing import Any

import pytest
from tests.support.feeds import feed_of
from tests.support.objects import CREATED, CREATED_NS, line, raw, stamp
from tests.support.recording import RecordingIntake

from podtimeline.model.instants import SECOND
from podtimeline.model.workloads import (
    WorkloadGone,
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


def read(kind: str, content: dict[str, Any]) -> WorkloadState:
    """The state that is read of one version."""
    intake = RecordingIntake()
    feed_of(kind, intake).line(line("MODIFIED", content), arrived=CREATED_NS, live=True)
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
        "deployments",
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
        "statefulsets",
        body(
            "db",
            spec={"replicas": 3, "ordinals": {"start": 5}, "podManagementPolicy": "OrderedReady"},
            status={"replicas": 2, "updatedReplicas": 1, "updateRevision": "db-2", "currentRevision": "db-1"},
        ),
    )
    assert (state.revision, state.current, state.ordered, state.first) == ("db-2", "db-1", True, 5)
    assert counts(state) == (3, 2, 1)
    assert not read("statefulsets", body("db", spec={"podManagementPolicy": "Parallel"})).ordered
    assert state.min_ready == 0
    assert read("statefulsets", body("db", spec={"minReadySeconds": 30})).min_ready == 30 * SECOND


def test_a_daemonset() -> None:
    """What it wants is what the nodes make of it; its revision is the generation of its template."""
    status = {"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "updatedNumberScheduled": 1}
    notes = {"annotations": {"deprecated.daemonset.template.generation": "7"}}
    state = read("daemonsets", body("agent", metadata=notes, status=status))
    assert state.revision == "7"
    assert counts(state) == (3, 2, 1)


@pytest.mark.parametrize(
    ("parallelism", "completions", "wanted"), [(None, None, 1), (3, None, 3), (3, 2, 2), (0, 5, 0)]
)
def test_a_job(parallelism: int | None, completions: int | None, wanted: int) -> None:
    """No more pods at a time than are to complete; the annotation of the CronJob's controller says when."""
    notes = {"annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": CREATED}}
    spec = {"parallelism": parallelism, "completions": completions, "suspend": True}
    state = read("jobs", body("report", metadata=notes, spec=spec, status={"active": 1, "succeeded": 2}))
    assert (state.scheduled, state.paused) == (CREATED_NS, True)
    assert (state.wanted, state.have) == (wanted, 3)


def test_a_cronjob() -> None:
    """Its schedule; what a Job counts it lists under the same name."""
    state = read("cronjobs", body("tick", spec={"schedule": "*/5 * * * *"}, status={"active": [{"kind": "Job"}]}))
    assert state.schedule == "*/5 * * * *"
    assert counts(state) == (0, 0, 0)


def test_only_another_generation_can_have_another_template() -> None:
    """It is looked at once a generation; the same bytes are the same template."""
    intake = RecordingIntake()
    deployments = feed_of("deployments", intake)
    changed = TEMPLATE | {"x": 1}
    for generation, template in ((2, TEMPLATE), (2, changed), (3, TEMPLATE), (4, changed)):
        content = body(metadata={"generation": generation}, spec={"template": template})
        deployments.line(line("MODIFIED", content), arrived=CREATED_NS, live=True)
    first, second, third, fourth = (each.state.template for each in intake.workloads if isinstance(each, WorkloadSeen))
    assert first == second == third != fourth


def test_a_listing_says_who_is_there_and_a_watch_who_went() -> None:
    """What is deleted while a listing is read does not come back, what came meanwhile is there."""
    intake = RecordingIntake()
    deployments = feed_of("deployments", intake)
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
    jobs = feed_of("jobs", intake)
    jobs.item(raw(body(metadata=wrong)), arrived=1)
    assert (jobs.malformed, intake.workloads) == (1, [])


def test_a_controller_that_is_being_deleted_says_since_when() -> None:
    """With foreground deletion it stays until its pods are gone."""
    state = read("replicasets", body(metadata={"deletionTimestamp": stamp(9)}))
    assert state.leaving == CREATED_NS + 9 * SECOND
    assert read("replicasets", body()).leaving is None


@pytest.mark.parametrize(
    ("strategy", "by_hand", "partition"),
    [
        (None, False, 0),
        ({"type": "OnDelete"}, True, 0),
        ({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, False, 2),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}, False, 0),
    ],
)
def test_which_pods_an_update_leaves_alone(strategy: dict[str, Any] | None, *, by_hand: bool, partition: int) -> None:
    """All of them, or those before an ordinal."""
    spec = {"replicas": 3} | ({} if strategy is None else {"updateStrategy": strategy})
    state = read("statefulsets", body(spec=spec))
    assert (state.by_hand, state.partition) == (by_hand, partition)


@pytest.mark.parametrize(
    ("kind", "condition", "over"),
    [
        ("Complete", "True", True),
        ("FailureTarget", "True", True),
        ("Failed", "False", False),
        ("Suspended", "True", False),
    ],
)
def test_when_a_job_is_over(kind: str, condition: str, *, over: bool) -> None:
    """From when its controller has decided, before all of its pods have ended."""
    status = {"conditions": [{"type": kind, "status": condition}]}
    assert read("jobs", body(status=status)).over is over
    assert not read("deployments", body(status={"conditions": [{"type": "Complete", "status": "True"}]})).over
