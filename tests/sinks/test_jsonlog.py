"""The line that is logged for a finished pod."""

import io
import json
from dataclasses import replace

import pytest
from tests.support.lives import Life, at, facts, in_second, ordinary, watched

from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Owned, Partial
from podtimeline.model.pods import Owner
from podtimeline.model.timeline import apply
from podtimeline.ports import Finished
from podtimeline.sinks.jsonlog import JsonLog


def seen(*chain: Owner, life: Life | None = None) -> ResolvedTimeline:
    """The view of a pod owned by that chain."""
    timeline = (life or ordinary()).timeline()
    if chain:
        apply(timeline, Owned("uid-1", chain))
    found = view(timeline, now=at(20))
    assert found is not None
    return found


def line(shown: ResolvedTimeline, *, cluster: str = "") -> dict[str, object]:
    """The one line that is written for that pod."""
    stream = io.StringIO()
    sink = JsonLog(stream, cluster=cluster)
    sink.take(Finished(shown, at(20)))
    sink.close()
    text = stream.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def test_a_finished_pod_is_one_line_with_its_identity_and_durations() -> None:
    """The keys are those of OpenTelemetry, the durations are seconds, the phases sum to the total."""
    said = line(seen(Owner("ReplicaSet", "web-abc"), Owner("Deployment", "web")), cluster="prod")
    assert said["k8s.cluster.name"] == "prod"
    assert said["k8s.namespace.name"] == "shop"
    assert said["k8s.pod.name"] == "web-1"
    assert said["k8s.node.name"] == "node-1"
    assert said["k8s.deployment.name"] == "web"
    assert said["podtimeline.outcome"] == "ready"
    assert said["podtimeline.startup_seconds"] == 5.85
    assert said["podtimeline.endpoint_seconds"] == 5.9
    assert said["podtimeline.dominant_phase"] == "readiness_probe"
    phases = said["podtimeline.phases"]
    assert isinstance(phases, dict)
    assert sum(phases.values()) == pytest.approx(said["podtimeline.total_seconds"])
    assert said["podtimeline.explanation"]
    assert said["podtimeline.findings"] == ["probe_period", "image_queue", "slow_pull", "long_phase"]
    assert said["timestamp"] == "2026-09-21T14:13:40.000000000Z"


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("Deployment", "k8s.deployment.name"),
        ("StatefulSet", "k8s.statefulset.name"),
        ("DaemonSet", "k8s.daemonset.name"),
        ("Job", "k8s.job.name"),
        ("CronJob", "k8s.cronjob.name"),
        ("ReplicaSet", "k8s.replicaset.name"),
    ],
)
def test_the_workload_is_under_the_key_of_its_kind(kind: str, key: str) -> None:
    """Dashboards for other OpenTelemetry sources find the workload."""
    assert line(seen(Owner(kind, "it")))[key] == "it"


def test_a_workload_of_an_unknown_kind_is_named_under_our_own_key() -> None:
    """No key is made up for kinds that the conventions do not know."""
    said = line(seen(Owner("Rollout", "it")))
    assert (said["podtimeline.workload.kind"], said["podtimeline.workload.name"]) == ("Rollout", "it")
    assert "k8s.rollout.name" not in said


def test_unknown_is_null_and_never_zero() -> None:
    """A pod that never became ready has no startup time, and what is missing is listed."""
    life = Life().described(facts()).saw(Milestone.CREATED, watched(0.05)).saw(Milestone.READY, in_second(9))
    said = line(replace(seen(life=life), partial=(Partial.GAP,), startup=None))
    assert said["podtimeline.startup_seconds"] is None
    assert said["podtimeline.endpoint_seconds"] is None
    assert said["k8s.node.name"] is None
    assert said["podtimeline.partial"] == ["gap"]
    assert "scheduled" in str(said["podtimeline.missing"])
    assert "k8s.cluster.name" not in said


def test_what_does_not_show_is_escaped() -> None:
    """A log is read as it is: on a terminal nothing of a line moves, hides or turns another part of it."""
    stream = io.StringIO()
    name = "web\u202e\u200b\u2028\x9b-名"
    JsonLog(stream).take(Finished(seen(life=ordinary(facts(name=name))), at(20)))
    text = stream.getvalue()
    assert "web\\u202e\\u200b\\u2028\\u009b-名" in text
    assert text.rstrip("\n").isprintable()
    assert json.loads(text)["k8s.pod.name"] == name
