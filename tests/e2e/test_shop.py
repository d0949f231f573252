"""The demo's shop on the real cluster: every milestone is there, in order, true, and the phases sum.

The truth comes from the API server's audit log, containerd's events and the CNI plugin's log, which the operator never
reads. A fact of the API lies between request and response; a fact that a node only reports lies before its report.
"""

import subprocess
from typing import Any

import pytest
from tests.e2e.clusters import Need, kubectl, needs, own_name
from tests.e2e.shop import Shop
from tests.support.recorders import cluster_truth
from tests.support.truth import PodTruth, holds, nanoseconds

from clusterkit.build import cache_root
from demokit.consent import SHOP, SYSTEM
from demokit.demo import RELEASE
from demokit.prometheus import programs
from podtimeline.model.milestones import MILESTONES, Milestone, MilestoneKey, Place, Scope

pytestmark = pytest.mark.e2e

UP = (
    Milestone.CREATED,
    Milestone.SCHEDULED,
    Milestone.KUBELET_ADMITTED,
    Milestone.IP_ASSIGNED,
    Milestone.INITIALIZED,
    Milestone.CONTAINERS_READY,
    Milestone.READY,
)
CONTAINER = (
    Milestone.PULLED,
    Milestone.CONTAINER_CREATED,
    Milestone.STARTED,
    Milestone.STARTUP_PROBE_PASSED,
    Milestone.CONTAINER_READY,
)


def instants(item: Any) -> dict[MilestoneKey, Any]:
    """The milestones of a timeline's document, by mark."""
    return {MilestoneKey(Milestone(each["milestone"]), each["subject"]): each for each in item["milestones"]}


def test_every_ready_pod_has_every_milestone(shop: Shop) -> None:
    """Nothing on the way from creation to readiness is missing, in any workload that became ready."""
    assert shop.ready
    for item in shop.ready:
        have = instants(item)
        pod = [mark for milestone in UP if (mark := MilestoneKey(milestone)) not in have]
        containers = [
            mark
            for name in shop.containers(item)
            for milestone in CONTAINER
            if (mark := MilestoneKey(milestone, name)) not in have
        ]
        assert (pod, containers, item["missing"], item["partial"]) == ([], [], [], []), item["name"]


def test_init_containers_finish_before_the_main_ones_start(shop: Shop) -> None:
    """The slow init container's run is a phase of its own, and what follows follows."""
    item = shop.of("checkout")
    phases = [each["phase"] for each in item["phases"]]
    assert "init_run" in phases
    assert phases.index("init_run") < phases.index("container_start", phases.index("init_run"))


def test_milestones_are_in_causal_order(shop: Shop) -> None:
    """No milestone's estimate comes before that of what must precede it."""
    chain = (Milestone.CREATED, Milestone.SCHEDULED, Milestone.KUBELET_ADMITTED, Milestone.IP_ASSIGNED)
    steps = (Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED)
    for item in shop.ready:
        have = instants(item)
        for name in shop.containers(item):
            marks = [
                *(MilestoneKey(each) for each in chain),
                *(MilestoneKey(each, name) for each in steps),
                MilestoneKey(Milestone.READY),
            ]
            known = [nanoseconds(have[mark]["at"]) for mark in marks if mark in have]
            assert known == sorted(known), (item["name"], name)


def test_phases_sum_exactly_to_the_total(shop: Shop) -> None:
    """Every nanosecond belongs to one phase, of every pod, ready or not."""
    for item in shop.items:
        total = sum(each["durationNanoseconds"] for each in item["phases"])
        assert total == item["totalNanoseconds"], item["name"]
        assert all(each["durationNanoseconds"] >= 0 for each in item["phases"])


def test_ready_pods_with_a_service_have_their_endpoint(shop: Shop) -> None:
    """Each selecting Service's slice is a milestone with its target ports; a pod without a Service awaits none."""
    for item in shop.ready:
        endpoints = [mark for mark in instants(item) if mark.milestone is Milestone.ENDPOINT_READY]
        expected = item["services"]
        assert {mark.subject.rpartition("/")[0] for mark in endpoints} == set(expected), item["name"]
        assert item["awaited"] == []
    assert shop.of("mailer")["services"] == []
    assert shop.of("catalog")["services"] == [f"{SHOP}/catalog"]


def test_the_reason_of_each_slow_start_is_said(shop: Shop) -> None:
    """At 3 a.m. one sentence says where the time went."""
    slow = shop.of("recommendations")
    # Where an earlier demo has left the image on the node it is not pulled again.
    if not all(each["cached"] for each in slow["pulls"]):
        assert "image pull" in slow["explanation"]
    assert "init run" in shop.of("checkout")["explanation"]
    assert "Unhealthy" in shop.of("payments")["explanation"]
    assert "FailedScheduling" in shop.of("warehouse")["explanation"]


@needs(Need.LOGS)
def test_the_truth_lies_inside_the_recorded_bounds(shop: Shop) -> None:
    """Audit log, containerd and CNI agree with every instant of every pod."""
    name = own_name()
    truth = cluster_truth(name)
    wrong, checked = [], 0
    for item in shop.items:
        pod = truth[item["uid"]]
        for mark, said in instants(item).items():
            if mark in pod.marks and said["at"] is not None:
                checked += 1
                if not holds(said, pod.marks[mark], mark.milestone):
                    wrong.append((item["name"], mark, said, pod.marks[mark]))
    assert checked > 10 * len(shop.ready)
    assert wrong == []


@needs(Need.LOGS)
def test_instants_are_close_to_the_truth(shop: Shop) -> None:
    """What the API itself does is timed to a few hundredths of a second even on a busy machine."""
    name = own_name()
    truth = cluster_truth(name)
    off = [error for item in shop.ready for error in errors(item, truth[item["uid"]])]
    assert off
    assert sorted(off)[len(off) // 2] < 50_000_000


def errors(item: Any, pod: PodTruth) -> list[int]:
    """By how many nanoseconds the estimates of API facts and container starts miss their truth."""
    timed = [
        (nanoseconds(said["at"]), pod.marks[mark])
        for mark, said in instants(item).items()
        if mark in pod.marks and said["at"] is not None
        if MILESTONES[mark.milestone].place is Place.API or mark.milestone is Milestone.STARTED
    ]
    return [max(true.start - at, at - true.end, 0) for at, true in timed]


def test_scopes_of_the_document_are_those_of_the_table(shop: Shop) -> None:
    """A reader of the JSON can tell pods from containers and endpoints without knowing the names."""
    for item in shop.items:
        for each in item["milestones"]:
            assert Scope(each["scope"]) is MILESTONES[Milestone(each["milestone"])].scope


def test_promtool_has_nothing_to_say(shop: Shop) -> None:
    """The linter that users run over an exposition finds nothing in that of the installed operator."""
    assert shop.items
    path = f"/api/v1/namespaces/{SYSTEM}/services/{RELEASE}:metrics/proxy/metrics"
    promtool = programs(cache_root()) / "usr/bin/promtool"
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=kubectl("get", "--raw", path), capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
