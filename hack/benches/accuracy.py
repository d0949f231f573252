"""How far the recorded instants are from the truth, on a real cluster.

Pods of several kinds start in waves on a cluster of hack/cluster, watched by an operator outside it; then every instant
is held against the audit log, containerd's events and the CNI plugin's log. Beside it stands what the one-second fields
of the API alone would have said. Of what a node only reports, the recorder is the report's write to the API.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.clusters import kubectl, kubectl_json, namespace
from tests.e2e.processes import OperatorProcess
from tests.support.truth import REPORTED, Span, cluster_truth, holds, nanoseconds

from benches.verdict import verdict
from podtimeline.core.milestones import Mark, Milestone

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "podtimeline.bench/busybox:1"
GOAL = 0.001
_KINDS = ("plain", "init", "probe", "sidecar")
_CONDITIONS = {
    "PodScheduled": Milestone.SCHEDULED,
    "Initialized": Milestone.INITIALIZED,
    "ContainersReady": Milestone.CONTAINERS_READY,
    "Ready": Milestone.READY,
}
Truth = Mapping[str, Mapping[Mark, Span]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    parser.add_argument("--pods", type=int, default=80, help="how many pods (80)")
    parser.add_argument("--waves", type=int, default=4, help="in how many waves they start (4)")
    parser.add_argument("--name", default="podtimeline-bench", help="the cluster; one that runs is left running")
    parser.add_argument("--kubernetes", default="1.37", help="1.37 or 1.34")


@dataclass(frozen=True, slots=True)
class Error:
    """One instant against its truth, in nanoseconds; ``width`` of its bounds is ``None`` where one is missing."""

    milestone: Milestone
    off: int
    inside: bool = False
    width: int | None = None


def run(options: argparse.Namespace) -> str:
    """Start the pods, compare, print the table."""
    was_up = _cluster("status", options.name, check=False).returncode == 0
    _cluster("up", options.name, "--nodes", "2", "--kubernetes", options.kubernetes)
    try:
        errors, alone = _measured(options)
    finally:
        if not was_up:
            _cluster("down", options.name)
    print(table(errors, alone))
    outside = sum(not each.inside for each in errors) / len(errors)
    return verdict(
        "accuracy", outside, "share of instants whose bounds miss the truth", goal=GOAL, instants=len(errors)
    )


def _measured(options: argparse.Namespace) -> tuple[list[Error], list[Error]]:
    tools = subprocess.run([ROOT / "hack/cluster", "tools"], check=True, stdout=subprocess.PIPE, text=True).stdout
    os.environ["KUBECONFIG"] = _cluster("kubeconfig", options.name).stdout.strip()
    os.environ["PATH"] = f"{tools.strip()}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as home:
        _load_image(options.name, Path(home))
        operator = OperatorProcess(Path(home)).start()
        try:
            items, pods = _started(operator, options)
        finally:
            operator.stop()
    truth = {uid: pod.marks for uid, pod in cluster_truth(options.name).items()}
    return list(compared(items, truth)), list(from_fields(pods, truth))


def _started(operator: OperatorProcess, options: argparse.Namespace) -> tuple[list[Any], list[Any]]:
    with namespace("accuracy") as space:
        for wave in range(options.waves):
            print(f"wave {wave + 1} of {options.waves}", file=sys.stderr)
            kubectl("apply", "-n", space, "-f", "-", text="---".join(_manifests(wave, options)))
            kubectl("wait", "-n", space, "--for=condition=Available", "deploy", "--all", "--timeout=300s")
        return operator.pods(namespace=space), kubectl_json("get", "pods", "-n", space)["items"]


def compared(items: Iterable[Any], truth: Truth) -> Iterator[Error]:
    """Every instant of the documents whose truth was recorded."""
    for item in items:
        for said in item["milestones"]:
            mark = Mark(Milestone(said["milestone"]), said["subject"])
            span = truth.get(item["uid"], {}).get(mark)
            if span is None or said["at"] is None:
                continue
            low, high = (None if said[key] is None else nanoseconds(said[key]) for key in ("earliest", "latest"))
            width = None if low is None or high is None else high - low
            yield Error(mark.milestone, _off(said["at"], span), holds(said, span, mark.milestone), width)


def from_fields(pods: Iterable[Any], truth: Truth) -> Iterator[Error]:
    """The same for the API's one-second fields, as a tool that subtracts them would read them."""
    for pod in pods:
        known = truth.get(pod["metadata"]["uid"], {})
        for mark, stamp in _stamps(pod):
            if mark in known:
                yield Error(mark.milestone, _off(stamp, known[mark]))


def _stamps(pod: Any) -> Iterator[tuple[Mark, str]]:  # noqa: ANN401 - as the API gives it
    yield Mark(Milestone.CREATED), pod["metadata"]["creationTimestamp"]
    for each in pod["status"].get("conditions", ()):
        if each["type"] in _CONDITIONS:
            yield Mark(_CONDITIONS[each["type"]]), each["lastTransitionTime"]
    for each in pod["status"].get("containerStatuses", ()):
        if "running" in each["state"]:
            yield Mark(Milestone.STARTED, each["name"]), each["state"]["running"]["startedAt"]


def _off(stamp: str, span: Span) -> int:
    at = nanoseconds(stamp)
    return max(span.start - at, at - span.end, 0)


def table(errors: Iterable[Error], alone: Iterable[Error]) -> str:
    """The comparison as Markdown, a row a milestone."""
    lines = [
        "| milestone | n | median | p99 | worst | inside bounds | median width | fields alone: median | worst |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours, others = _grouped(errors), _grouped(alone)
    lines += [
        _row(milestone, ours[milestone], others.get(milestone, [])) for milestone in Milestone if milestone in ours
    ]
    return "\n".join(lines)


def _row(milestone: Milestone, found: list[Error], alone: list[Error]) -> str:
    off = sorted(each.off for each in found)
    inside = f"{100 * sum(each.inside for each in found) / len(found):.1f} %"
    other = sorted(each.off for each in alone)
    name = f"`{milestone}`" + (" (report)" if milestone in REPORTED else "")
    cells = [name, str(len(off)), _ms(off), _ms([off[len(off) * 99 // 100]]), _ms(off[-1:]), inside]
    cells += [_ms([each.width for each in found if each.width is not None]), _ms(other), _ms(other[-1:])]
    return "| " + " | ".join(cells) + " |"


def _grouped(errors: Iterable[Error]) -> dict[Milestone, list[Error]]:
    grouped: dict[Milestone, list[Error]] = defaultdict(list)
    for each in errors:
        grouped[each.milestone].append(each)
    return dict(grouped)


def _ms(moments: list[int]) -> str:
    return f"{statistics.median(moments) / 1e6:.1f} ms" if moments else "-"


def _cluster(verb: str, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "hack/cluster"), verb, "--name", name, *words]
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _load_image(name: str, home: Path) -> None:
    archive = str(home / "busybox.tar")
    _cluster("image", name, IMAGE, archive)
    _cluster("load", name, archive)


def _manifests(wave: int, options: argparse.Namespace) -> Iterator[str]:
    replicas = max(options.pods // options.waves // len(_KINDS), 1)
    for kind in _KINDS:
        yield _DEPLOYMENT.format(name=f"{kind}-{wave}", replicas=replicas, containers=_containers(kind))


_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
{containers}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""


def _containers(kind: str) -> str:
    common = f"image: {IMAGE}, imagePullPolicy: IfNotPresent, resources: {{requests: {{cpu: 1m, memory: 4Mi}}}}"
    probe = ", readinessProbe: {exec: {command: ['true']}, periodSeconds: 1}" if kind == "probe" else ""
    sleeping = "command: [sleep, '3600']"
    lines = [f"      containers: [{{name: main, {common}, {sleeping}{probe}}}]"]
    if kind == "init":
        lines.append(f"      initContainers: [{{name: setup, {common}, command: ['true']}}]")
    if kind == "sidecar":
        lines.append(f"      initContainers: [{{name: proxy, {common}, {sleeping}, restartPolicy: Always}}]")
    return "\n".join(lines)
