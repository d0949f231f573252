"""Owners, Services and labels after public bug reports: the right answers, told from captures alone."""

from typing import Any

import pytest
from tests.support.captures import FOLDER, played

from podtimeline.app.replaying import replay_views
from podtimeline.ports import CONTROLLED, Increment, Metric
from podtimeline.tracking.counting import start_increments


def finding(item: dict[str, Any], kind: str, phase: str) -> dict[str, Any]:
    """The finding of that kind about that phase."""
    (found,) = (each for each in item["findings"] if (each["kind"], each["phase"]) == (kind, phase))
    return dict(found)


def kinds(item: dict[str, Any]) -> set[str]:
    """The kinds of findings."""
    return {each["kind"] for each in item["findings"]}


def test_the_pod_before_has_to_be_available() -> None:
    """kubernetes/kubernetes#113878: ready for 30 s first, and then its controller has to look again."""
    item = played("cases/stateful-min-ready-seconds")["sts5-1"]
    phases = {each["phase"]: each["durationSeconds"] for each in item["request"]}
    assert phases["predecessor"] == pytest.approx(33.15, abs=0.1)
    waited = finding(item, "stateful_order", "predecessor")
    assert waited["text"] == "sts5-0 had to be available first: ready for 30 s (minReadySeconds)"
    assert "minReadySeconds" in finding(item, "stateful_order", "pod_creation")["advice"]
    assert "quota" not in " ".join(each["advice"] for each in item["findings"])


def test_a_custom_workload_can_be_refused() -> None:
    """openkruise/kruise#293: a CloneSet is refused by a quota for two minutes."""
    item = played("cases/kinds-of-other-groups")["clone-x7d2f"]
    assert item["workload"] == {"kind": "CloneSet", "name": "clone"}
    told = finding(item, "refused_creation", "pod_creation")
    assert told["durationSeconds"] == pytest.approx(120, abs=1)
    assert "exceeded quota: mem" in told["text"]


def test_kinds_of_other_groups_keep_their_names_and_causes() -> None:
    """volcano-sh/volcano#2700: a Job that is not Kubernetes' own, and a StatefulSet that deletes its pod."""
    items = played("cases/kinds-of-other-groups")
    assert items["ps-worker-0"]["workload"] == {"kind": "Job", "name": "ps"}
    assert items["guest-0"]["deletion"]["cause"] == "controller"


def test_a_pod_that_a_pod_controls_is_not_bare() -> None:
    """A Spark executor's controller is its driver; no label holds the name of a pod."""
    items = played("cases/controller-is-a-pod")
    assert items["pi-exec-1"]["workload"] == {"kind": "Pod", "name": "pi-driver"}
    views = replay_views(FOLDER / "cases" / "controller-is-a-pod.jsonl.gz")
    counted: dict[str, Increment] = {
        view.facts.name: each for view in views for each in start_increments(view) if each.metric is Metric.STARTUP
    }
    assert counted["pi-driver"].labels == ("demo", "Pod", "bare")
    assert counted["pi-exec-1"].labels == ("demo", "Pod", CONTROLLED)


def test_a_label_that_comes_after_readiness_lets_a_service_select_the_pod() -> None:
    """timescale/helm-charts#279: Patroni labels its primary; the labels of now count."""
    item = played("cases/labelled-after-ready")["pg-0"]
    assert item["services"] == ["demo/pg"]
    assert item["awaited"] == []
    assert "no_service" not in kinds(item)
    assert "endpoint" not in {each["phase"] for each in item["phases"]}


def test_a_slice_that_holds_the_address_disproves_that_no_traffic_comes() -> None:
    """patroni/patroni#1156: a Service without selector, whose Endpoints are mirrored into a slice."""
    item = played("cases/labelled-after-ready")["ts-0"]
    assert item["services"] == []
    assert "no_service" not in kinds(item)
