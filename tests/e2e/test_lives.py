"""Every way that a pod's life can go, on a real cluster at once: each has a defined outcome and says its reason.

The pods are in ``lives.yaml``, all but the static one, which the node's kubelet reads from a directory.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.clusters import (
    ROOT,
    Need,
    eventually,
    hack_cluster,
    kubectl,
    kubectl_json,
    namespace,
    needs,
    nodes_reached,
)
from tests.e2e.nodes import Node
from tests.e2e.processes import OperatorProcess
from tests.support.sums import in_order
from tests.support.truth import nanoseconds

from podtimeline.cli.client import read
from podtimeline.model.milestones import Milestone
from podtimeline.render.structs import PodTimelineDocument
from podtimeline.render.words import outcome_text

pytestmark = [pytest.mark.e2e, pytest.mark.scenario]

EARLY = """
apiVersion: v1
kind: Pod
metadata: {name: early, labels: {life: early}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: IMAGE
    imagePullPolicy: IfNotPresent
    command: [sleep, "3600"]
"""
STATIC = EARLY.replace("name: early, labels: {life: early}", "name: mirrored, namespace: SPACE")
LATER = """
apiVersion: v1
kind: Service
metadata: {name: later}
spec:
  selector: {life: unserved}
  ports: [{port: 80, targetPort: 8080}]
"""
READY = ("twice", "unserved", "on-the-host", "early")
STUCK = {
    "never": "readiness_probe",
    "nowhere": "unschedulable",
    "no-image": "image_backoff",
    "no-config": "container_create",
}
REVIEWS = frozenset({"tokenreviews", "subjectaccessreviews"})


@dataclass(frozen=True)
class Lives:
    """What the operator tells of the pods of the namespace ``space`` once each has gone its way."""

    space: str
    operator: OperatorProcess
    items: tuple[Any, ...]

    def all(self, name: str) -> list[Any]:
        """The timelines of the pods whose name is, or begins with, ``name``."""
        return [each for each in self.items if each["name"] == name or each["name"].startswith(f"{name}-")]

    def of(self, name: str) -> Any:
        """The only timeline of that name."""
        (item,) = self.all(name)
        return item

    def counted(self, name: str = "bare", histogram: str = "pod_startup", kind: str = "Pod") -> float:
        """How often a histogram has counted a workload of the namespace; no label tells one bare pod from another."""
        metric = f"podtimeline_{histogram}_duration_seconds_count"
        return self.operator.metric(metric, namespace=self.space, workload_kind=kind, workload=name)


def reached(item: Any) -> dict[tuple[str, str], Any]:
    """The milestones of a timeline's document by name and subject."""
    return {(each["milestone"], each["subject"]): each for each in item["milestones"]}


def phases(item: Any) -> list[str]:
    """The names of its phases, in order."""
    return [each["phase"] for each in item["phases"]]


def live(operator: OperatorProcess, space: str, name: str) -> Any:
    """The latest timeline of a pod, failing while there is none."""
    items = [each for each in operator.pods(namespace=space) if each["name"] == name]
    assert items, f"no timeline of {name}"
    return max(items, key=lambda each: each["phases"][0]["start"] if each["phases"] else "")


@contextmanager
def static_pod(space: str, image: str) -> Iterator[None]:
    """A pod that node 1's kubelet starts by itself, where the node's directory can be reached from here."""
    if not nodes_reached():
        yield
        return
    with Node(1).static_pod(STATIC.replace("SPACE", space).replace("IMAGE", image)):
        yield


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Lives]:
    """All lives, lived: every pod created at once, then helped or stopped as its life wants it."""
    operator = OperatorProcess(tmp_path_factory.mktemp("operator"))
    with namespace("e2e-lives") as space:
        kubectl("apply", "-n", space, "-f", "-", text=EARLY.replace("IMAGE", busybox))
        kubectl("wait", "-n", space, "--for=condition=Ready", "pod/early", "--timeout=60s")
        operator.start()
        try:
            with static_pod(space, busybox):
                manifests = (ROOT / "tests/e2e/lives.yaml").read_text().replace("IMAGE", busybox)
                kubectl("apply", "-n", space, "-f", "-", text=manifests)
                intervene(operator, space)
                yield Lives(space, operator, eventually(lambda: settled(operator, space), what="all lives are lived"))
        finally:
            operator.stop()


def intervene(operator: OperatorProcess, space: str) -> None:
    """Delete, open and serve what is to be deleted, opened and served, as soon as it is far enough."""

    def far(name: str, milestone: str, subject: str = "") -> None:
        eventually(
            lambda: (milestone, subject) in reached(live(operator, space, name)), what=f"{name} reaches {milestone}"
        )

    far("deleted", "started", "main")
    kubectl("delete", "pod", "-n", space, "deleted", "--wait=false")
    far("again-0", "ready")
    kubectl("delete", "pod", "-n", space, "again-0", "--wait=false")
    far("unserved", "ready")
    kubectl("apply", "-n", space, "-f", "-", text=LATER)


def settled(operator: OperatorProcess, space: str) -> tuple[Any, ...]:
    """All timelines of the namespace, once every one that can be over is over and counted."""
    now = Lives(space, operator, tuple(operator.pods(namespace=space)))
    ready = [*READY, *(["mirrored"] if nodes_reached() else [])]
    assert {each: now.of(each)["outcome"] for each in ready if now.of(each)["outcome"] != "ready"} == {}
    assert [each["outcome"] for each in now.all("again")] == ["ready", "ready"]
    assert sorted(each["ended"] is None for each in (now.of("done"), now.of("broken"))) == [False, False]
    assert ("object_removed", "") in reached(now.of("deleted"))
    assert ("endpoint_ready", "") not in reached(now.of("unserved"))
    assert any(mark[0] == "endpoint_ready" for mark in reached(now.of("unserved")))
    assert {name: now.of(name)["phase"] for name in STUCK} == STUCK
    assert "Unhealthy" in now.of("never")["explanation"]
    assert now.counted() == len(READY) - 1
    assert now.counted("again", kind="StatefulSet") == 2
    assert now.counted(histogram="pod_termination") == 1
    return now.items


def test_phases_of_every_life_sum_exactly(lives: Lives) -> None:
    """However a pod's life went, its phases lie end to end and sum to its total."""
    assert len(lives.items) >= 13
    for item in lives.items:
        durations = [each["durationNanoseconds"] for each in item["phases"]]
        assert sum(durations) == item["totalNanoseconds"], item["name"]
        assert min(durations) >= 0, item["name"]
        ends = [each["end"] for each in item["phases"][:-1]]
        assert [each["start"] for each in item["phases"][1:]] == ends, item["name"]


def test_only_what_was_there_before_is_partial(lives: Lives) -> None:
    """A pod that was ready before the operator looked is shown, and not counted; nobody else is partial."""
    early = lives.of("early")
    assert early["partial"] == ["listed"]
    assert early["outcome"] == "ready"
    assert ("scheduled", "") in reached(early)
    assert lives.counted() == len(READY) - 1
    assert [each["name"] for each in lives.items if each["partial"]] == ["early"]


def test_a_pod_deleted_before_it_is_ready_ends_as_deleted(lives: Lives) -> None:
    """Its path ends with the request to delete it; its end is timed, its start is not counted."""
    item = lives.of("deleted")
    assert item["outcome"] == "deleted"
    assert item["phase"] is None
    assert item["startupSeconds"] is None
    assert {("deletion_requested", ""), ("object_removed", ""), ("started", "main")} <= reached(item).keys()
    assert item["phases"][-1]["phase"] == "readiness_probe"
    assert 0 < item["terminationSeconds"] < 60
    assert lives.counted(histogram="pod_termination") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("never", ("readiness probe of main", "Unhealthy", "the cache is cold")),
        ("nowhere", ("unschedulable", "FailedScheduling", "nodes are available")),
        ("no-image", ("image back-off of main", "registry.podtimeline.test:5000/no/such:1")),
        ("no-config", ("container create of main", "CreateContainerConfigError", 'configmap "no-such-settings"')),
    ],
)
def test_a_pod_that_is_stuck_says_where_and_why(lives: Lives, name: str, words: tuple[str, ...]) -> None:
    """It stays starting in the phase it is stuck in, and one sentence quotes what the node or the scheduler said."""
    item = lives.of(name)
    assert (item["outcome"], item["phase"], item["startupSeconds"]) == ("starting", STUCK[name], None)
    assert [word for word in words if word not in item["explanation"]] == [], item["explanation"]


def test_the_image_error_is_named_as_such(lives: Lives) -> None:
    """A pull that fails names the failure, whichever of the kubelet's two states it is in at the moment."""
    sentence = lives.of("no-image")["explanation"]
    assert any(each in sentence for each in ("Failed to pull image", "ErrImagePull", "ImagePullBackOff"))
    assert "failed to pull" in sentence


@pytest.mark.parametrize("phase", sorted(STUCK.values()))
def test_gauges_show_the_phases_that_pods_are_stuck_in(lives: Lives, phase: str) -> None:
    """Whoever is paged sees how many pods wait in which phase, and for how long the oldest has."""
    assert lives.operator.metric("podtimeline_pods_in_phase", phase=phase) >= 1
    assert lives.operator.metric("podtimeline_oldest_pod_in_phase_seconds", phase=phase) > 1


def test_a_name_used_again_is_another_timeline(lives: Lives) -> None:
    """A StatefulSet's pod keeps its name: each uid has a timeline of its own, and both are counted."""
    first, second = sorted(lives.all("again"), key=lambda each: each["phases"][0]["start"])
    assert first["uid"] != second["uid"]
    assert (first["name"], first["workload"]) == (second["name"], second["workload"])
    assert second["workload"] == {"kind": "StatefulSet", "name": "again"}
    assert ("object_removed", "") in reached(first)
    assert ("deletion_requested", "") not in reached(second)
    removed, created = reached(first)["object_removed", ""], reached(second)["created", ""]
    assert nanoseconds(removed["earliest"] or removed["at"]) <= nanoseconds(created["latest"])
    assert lives.counted("again", kind="StatefulSet") == 2


def test_jobs_end(lives: Lives) -> None:
    """A Job's pod that ran without a probe was ready for a while; how it ended is told beside."""
    done, broken = lives.of("done"), lives.of("broken")
    assert [each["workload"]["kind"] for each in (done, broken)] == ["Job", "Job"]
    assert done["ended"]["succeeded"] is True
    assert broken["ended"]["succeeded"] is False
    assert "3" in broken["ended"]["text"]
    assert outcome_text(read(done, PodTimelineDocument)).endswith(", then completed")
    assert outcome_text(read(broken, PodTimelineDocument)).endswith(", then failed")
    assert all(("finished", "main") in reached(each) for each in (done, broken))


@needs(Need.NODES)
def test_a_static_pod_is_followed_through_its_mirror(lives: Lives) -> None:
    """The kubelet starts it before the API knows of it: its start begins with the kubelet's acceptance."""
    item = lives.of("mirrored")
    assert item["outcome"] == "ready"
    in_order(item, ("kubelet_admitted", ""), ("pulled", "main"), ("started", "main"), ("ready", ""))
    # Its Events are under the uid that the kubelet made up: they are its own all the same.
    assert item["missing"] == []
    assert {"scheduling", "unexplained"}.isdisjoint(phases(item))
    assert {each["container"] for each in item["pulls"]} == {"main"}


def test_both_services_of_a_pod_have_their_endpoint(lives: Lives) -> None:
    """Two Services select one pod: both addresses are told, and traffic is there with the later one."""
    item = lives.of("twice")
    assert item["services"] == [f"{lives.space}/back", f"{lives.space}/front"]
    assert item["awaited"] == []
    ends = {mark[1].split("/")[1]: each for mark, each in reached(item).items() if mark[0] == "endpoint_ready"}
    assert ends.keys() == {"back", "front"}
    assert item["endpointSeconds"] >= item["startupSeconds"]


def test_a_service_that_comes_later_is_told_but_not_the_pods_fault(lives: Lives) -> None:
    """The endpoint of a Service that did not exist at readiness is a milestone, not part of how long the start took."""
    item = lives.of("unserved")
    assert any(mark[0] == "endpoint_ready" for mark in reached(item))
    assert "endpoint" not in phases(item)


def test_host_network_needs_no_sandbox_network(lives: Lives) -> None:
    """A pod on the host's network has the node's address and nothing is missing."""
    item = lives.of("on-the-host")
    node = kubectl_json("get", "node", item["node"])
    addresses = {each["address"] for each in node["status"]["addresses"]}
    told = reached(item)["ip_assigned", ""]["detail"]
    assert {each.partition(" ")[0] for each in told.split(", ")} <= addresses
    # It has the node's addresses as soon as the kubelet has taken it up, before its volumes are mounted.
    in_order(item, ("kubelet_admitted", ""), ("ip_assigned", ""), ("sandbox_ready", ""), ("started", "main"))
    assert item["missing"] == []


def test_nothing_on_the_way_to_ready_is_missing(lives: Lives) -> None:
    """Whoever was watched from the beginning has every milestone of the way."""
    for item in lives.items:
        if item["outcome"] == "ready" and not item["partial"] and item["name"].split("-")[0] != "mirrored":
            assert item["missing"] == [], item["name"]
            marks = {mark for mark, _ in reached(item)}
            assert {Milestone.CREATED, Milestone.SCHEDULED, Milestone.IP_ASSIGNED, Milestone.READY} <= marks


@needs(Need.LOGS)
def test_the_operator_only_reads(lives: Lives) -> None:
    """By the API server's own record the operator has never asked for anything but to get, list or watch.

    Reviews, which ``access: review`` asks for, are created and store nothing.
    """
    assert lives.items
    rows = [line.split("\t") for line in hack_cluster("truth").splitlines()]
    verbs: dict[str, set[str]] = {}
    for path in (Path(path) for kind, _, path in rows if kind == "audit"):
        for entry in map(json.loads, path.read_text().splitlines()[:-1]):
            if entry.get("objectRef", {}).get("resource") in REVIEWS:
                continue
            agent = entry.get("userAgent", "").partition("/")[0]
            verbs.setdefault(agent, set()).add(entry["verb"])
    assert verbs["podtimeline"] <= {"get", "list", "watch"}
    assert verbs.get("kopf", set()) <= {"get"}, "it asks for the discovery alone"
