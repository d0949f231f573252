"""A node whose clock is wrong is found, shown, and what it stamped is told as a right clock would have stamped it.

Between the kubelet of node 2 and the API server stands a proxy that shifts every stamp the kubelet reports, in the
names of its events too. The truth is of the machine's own clock: audit log, containerd's events, the CNI log.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.clusters import ROOT, Need, eventually, hack_cluster, kubectl, kubectl_json, namespace, needs, own_name
from tests.e2e.processes import OperatorProcess
from tests.support.recorders import cluster_truth
from tests.support.sums import assert_whole, reached
from tests.support.truth import PodTruth, holds, nanoseconds

from podtimeline.model.milestones import Milestone, MilestoneKey

pytestmark = [
    pytest.mark.e2e,
    needs(Need.SKEWED_CLOCKS),
]
NODE, RIGHT = "node-2", "node-1"
SHIFTS = (0, 30, -30)
HOST, PORT = "10.200.0.1", 7443
SECOND = 1_000_000_000

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: clocks}}}}
spec:
  terminationGracePeriodSeconds: 1
  nodeSelector: {{kubernetes.io/hostname: {node}}}
  initContainers:
  - {{name: setup, image: {image}, imagePullPolicy: IfNotPresent, command: ["true"]}}
  containers:
  - name: main
    image: {image}
    imagePullPolicy: IfNotPresent
    command: [sleep, "3600"]
    readinessProbe: {{exec: {{command: ["true"]}}, periodSeconds: 1}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: clocks}
spec: {selector: {app: clocks}, ports: [{port: 80, targetPort: 8080}]}
"""


class Skew:
    """The proxy in front of the kubelet of node 2, as a process inside the cluster's network."""

    def __init__(self, home: Path) -> None:
        files = Path(hack_cluster("kubeconfig").strip()).parent / "nodes/2/run/kubernetes"
        shutil.copy(files / "kubelet.kubeconfig", home / "upstream")
        paths = f"PYTHONPATH={ROOT}/operator:{ROOT}"
        proxy = [sys.executable, "-m", "tests.support.skew_proxy", str(home / "upstream"), "--host", HOST]
        command = [
            "hack/cluster",
            "exec",
            "--name",
            own_name(),
            "--",
            "env",
            paths,
            *proxy,
            "--port",
            str(PORT),
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=ROOT
        )
        url = self._said()
        hack_cluster("node-server", "2", url)

    def set(self, seconds: int) -> int:
        """Put the clock so many seconds ahead; returns how many messages could not be shifted so far."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        ahead, opaque = self._said().split()
        assert int(ahead) == seconds
        return int(opaque)

    def end(self) -> None:
        """Let the kubelet talk to the API server again."""
        hack_cluster("node-server", "2", "off")
        self._process.communicate(timeout=20)
        assert self._process.returncode == 0

    def _said(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass(frozen=True)
class Round:
    """What was told while the clock of node 2 was ``ahead`` by so many seconds."""

    ahead: int
    items: tuple[Any, ...]
    offset: float
    lower: float
    upper: float
    right: float
    steps: float

    @property
    def skewed(self) -> tuple[Any, ...]:
        """The timelines of the pods of node 2."""
        return tuple(each for each in self.items if each["node"] == NODE)


@pytest.fixture(scope="module")
def skew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Skew]:
    """Node 2 behind the proxy, and back again."""
    skew = Skew(tmp_path_factory.mktemp("proxy"))
    try:
        eventually(renewed_since(time.time()), what="the kubelet of node 2 renews its lease through the proxy")
        yield skew
    finally:
        skew.end()
        eventually(renewed_since(time.time()), what="the kubelet of node 2 renews its lease at the API server")


def renewed_since(moment: float) -> Any:
    """Whether node 2 has renewed its lease after ``moment``, by the machine's clock and its own alike."""

    def look() -> bool:
        lease = kubectl_json("get", "lease", NODE, "-n", "kube-node-lease")
        return nanoseconds(lease["spec"]["renewTime"]) > moment * SECOND

    return look


@pytest.fixture(scope="module")
def rounds(skew: Skew, busybox: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Round]]:
    """Pods start and go on both nodes, with one shift after the other, before one and the same operator."""
    operator = OperatorProcess(tmp_path_factory.mktemp("operator")).start()
    try:
        yield {ahead: lived(operator, skew, ahead, busybox) for ahead in SHIFTS}
        assert skew.set(0) == 0, "messages of the kubelet were not shifted"
    finally:
        operator.stop()


def lived(operator: OperatorProcess, skew: Skew, ahead: int, image: str) -> Round:
    """One round: pods become ready, are served, and are deleted again before the clock is set anew."""
    skew.set(ahead)
    with namespace("e2e-clocks") as space:
        pods = {f"{node}-{number}": node for node in (NODE, RIGHT) for number in range(3)}
        text = "---".join([SERVICE, *(POD.format(name=name, node=node, image=image) for name, node in pods.items())])
        kubectl("apply", "-n", space, "-f", "-", text=text)
        eventually(lambda: len(reaching(operator, space, "endpoint_ready")) == len(pods), what="all pods are served")
        kubectl("delete", "pods", "-n", space, "--all", "--wait=true")
        eventually(lambda: len(reaching(operator, space, "object_removed")) == len(pods), what="all pods are gone")
        return Round(
            ahead,
            tuple(operator.pods(namespace=space)),
            operator.metric("podtimeline_node_clock_offset_seconds", node=NODE),
            operator.metric("podtimeline_node_clock_offset_bound_seconds", node=NODE, bound="lower"),
            operator.metric("podtimeline_node_clock_offset_bound_seconds", node=NODE, bound="upper"),
            operator.metric("podtimeline_node_clock_offset_seconds", node=RIGHT),
            operator.metric("podtimeline_node_clock_steps_total", node=NODE),
        )


def reaching(operator: OperatorProcess, space: str, milestone: str) -> list[Any]:
    """The timelines of the namespace that have reached a milestone."""
    return [
        item
        for item in operator.pods(namespace=space)
        if any(each["milestone"] == milestone for each in item["milestones"])
    ]


@pytest.fixture(scope="module")
def truth(rounds: dict[int, Round]) -> dict[str, PodTruth]:
    """What the recorders saw, by the machine's own clock."""
    name = own_name()
    return cluster_truth(name)


@pytest.mark.parametrize("ahead", SHIFTS)
def test_the_offset_is_found_within_its_bounds_and_shown(rounds: dict[int, Round], ahead: int) -> None:
    """The shift lies inside the bounds; the gauge is nearer than a tenth of a second, and the other node is right."""
    found = rounds[ahead]
    assert found.lower <= ahead <= found.upper
    assert found.offset == pytest.approx(ahead, abs=0.1)
    assert found.upper - found.lower < 2
    assert found.right == pytest.approx(0, abs=0.1)


def test_each_time_that_the_clock_is_set_is_counted(rounds: dict[int, Round]) -> None:
    """From 0 to 30 s ahead, and from there to 30 s behind."""
    assert [rounds[ahead].steps for ahead in SHIFTS] == [0, 1, 2]


@pytest.mark.parametrize("ahead", SHIFTS)
def test_the_truth_lies_inside_the_bounds_of_every_instant(
    rounds: dict[int, Round], truth: dict[str, PodTruth], ahead: int
) -> None:
    """On the way up and back, of both nodes, and no stamp contradicts another."""
    for item in rounds[ahead].items:
        marks = truth[item["uid"]].marks
        known = {mark: said for mark, said in instants(item).items() if mark in marks}
        assert len(known) >= 14
        assert {mark for mark, said in known.items() if not holds(said, marks[mark], mark.milestone)} == set()
        assert item["skewNanoseconds"] == 0


def instants(item: Any) -> dict[MilestoneKey, Any]:
    """The milestones of a document by mark."""
    return {MilestoneKey(Milestone(name), subject): said for (name, subject), said in reached(item).items()}


@pytest.mark.parametrize("ahead", SHIFTS)
def test_the_start_of_a_container_is_told_as_well_as_by_a_right_clock(
    rounds: dict[int, Round], truth: dict[str, PodTruth], ahead: int
) -> None:
    """Half of the starts are nearer to the truth than 50 ms, 30 s off or not."""
    off = []
    for item in rounds[ahead].skewed:
        for container in ("setup", "main"):
            mark = MilestoneKey(Milestone.STARTED, container)
            off.append(abs(nanoseconds(instants(item)[mark]["at"]) - truth[item["uid"]].marks[mark].end))
    assert sorted(off)[len(off) // 2] < SECOND // 20, off


@pytest.mark.parametrize("ahead", SHIFTS)
def test_phases_sum_and_none_is_negative(rounds: dict[int, Round], ahead: int) -> None:
    """Each leg, as with a right clock; and no phase is longer than the pod's whole life."""
    for item in rounds[ahead].items:
        assert_whole(item)
        assert item["missing"] == item["partial"] == []
        assert item["totalNanoseconds"] < 30 * SECOND
        assert item["terminationNanoseconds"] < 30 * SECOND


def test_only_the_pods_of_a_node_whose_clock_is_off_are_corrected(rounds: dict[int, Round]) -> None:
    """With a shift of 0 nothing passes the proxy changed; the other node is right all the time."""
    for ahead, found in rounds.items():
        for item in found.items:
            off = ahead != 0 and item["node"] == NODE
            assert (item["clock"] is not None) == off, (ahead, item["name"])
            if off:
                assert item["clock"]["low"] <= ahead <= item["clock"]["high"]


@pytest.mark.parametrize("ahead", [30, -30])
def test_the_explanation_names_the_clock(rounds: dict[int, Round], ahead: int) -> None:
    """Which clock, which way, and what to do."""
    for item in rounds[ahead].skewed:
        (finding,) = [each for each in item["findings"] if each["kind"] == "clock_skew"]
        assert NODE in finding["text"]
        assert ("ahead of" if ahead > 0 else "behind") in finding["text"]
