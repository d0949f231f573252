"""Error of the recorded instants, measured on a real cluster.

More than 300 pods of every kind start and are deleted, watched by an operator outside the cluster: first a few at a
time, then in bursts with rollouts, scaling and deletions. Each instant is compared with the audit log, the events and
the log of containerd, the log of the CNI plugin, and the journal of the CSI driver of the tests. For comparison, the
table shows the error of the one-second fields of the API. For milestones that a node only reports, the reference is
the first trace of the report elsewhere.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.csi.process import NAME as CSI
from tests.csi.process import csi_driver
from tests.csi.storage import read_journal
from tests.e2e.processes import OperatorProcess
from tests.support.recorders import cluster_truth, mounts

from benches.accuracy_pods import VOLUME_CLASS, Field, churn, idle
from benches.accuracy_table import Error, Judgement, compared, from_fields, judged, table
from benches.verdict import verdict
from clusterkit.api import Api

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_suffix(".md")
IMAGE, PULLED = "podtimeline.bench/busybox:1", "bench/busybox:1"
_NODES = 2
_PATIENCE = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    parser.add_argument("--rounds", type=int, default=9, help="number of idle rounds, of 17 pods each (default: 9)")
    parser.add_argument("--waves", type=int, default=7, help="number of waves of churn, of 42 pods each (default: 7)")
    parser.add_argument("--name", default="podtimeline-bench", help="name of the cluster; a running one is kept")
    parser.add_argument("--kubernetes", default="1.37", help="Kubernetes version, 1.37 or 1.34")
    parser.add_argument("--write", action="store_true", help=f"write the table to {TABLE.relative_to(ROOT)}")


def run(options: argparse.Namespace) -> str:
    """Start and delete the pods, compare, print the table and the goals."""
    was_up = _cluster("status", options.name, check=False).returncode == 0
    _cluster("up", options.name, "--nodes", str(_NODES), "--kubernetes", options.kubernetes)
    began = time.monotonic()
    try:
        parts, fields = _measured(options)
    finally:
        if not was_up:
            _cluster("down", options.name)
    text = _text(options, parts, fields, minutes=(time.monotonic() - began) / 60)
    print(text)
    if options.write:
        TABLE.write_text(text + "\n")
    goals = [each for part, errors in parts.items() for each in judged(part, errors)]
    print("\n".join(_line(each) for each in goals))
    every = [each for errors in parts.values() for each in errors]
    for each in every:
        if not each.inside:
            print(f"outside: {each.milestone} of {each.said}")
    outside = sum(not each.inside for each in every) / len(every)
    missed = [each.what for each in goals if not each.met]
    return verdict(
        "accuracy",
        outside,
        "share of instants whose bounds miss the truth",
        goal=0.001,
        instants=len(every),
        missed=missed,
    )


def _line(goal: Judgement) -> str:
    return f"{'met   ' if goal.met else 'MISSED'} {goal.what}: {goal.value:.4g} (goal {goal.limit:.4g})"


def _text(options: argparse.Namespace, parts: dict[str, list[Error]], fields: list[Error], *, minutes: float) -> str:
    pods = {part: sum(each.milestone == "created" for each in errors) for part, errors in parts.items()}
    told = " and ".join(f"{count} pods {part}" for part, count in pods.items())
    head = (
        f"Kubernetes {options.kubernetes}, {_NODES} nodes on one machine of {os.cpu_count()} cores, {told}, "
        f"{minutes:.0f} minutes. Each figure is median / 99th percentile / worst."
    )
    return f"{head}\n\n{table(parts, fields)}"


def _measured(options: argparse.Namespace) -> tuple[dict[str, list[Error]], list[Error]]:
    items: dict[str, list[Any]] = {}
    os.environ["KUBECONFIG"] = _cluster("kubeconfig", options.name).stdout.strip()
    api = Api.from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    with tempfile.TemporaryDirectory() as home:
        pulled = _images(options.name, Path(home))
        operator = OperatorProcess(Path(home)).start()
        with _volumes(api, Path(home), cluster=options.name) as journal:
            try:
                for part in ("idle", "churn"):
                    with _namespace(api, f"accuracy-{part}-{time.time_ns():x}") as space:
                        _live(part, Field(api, space, image=IMAGE, pulled=pulled, nodes=_NODES), options)
                        items[part] = _told(operator, space)
            finally:
                operator.stop()
            deeds = read_journal(journal.read_text())
    truth = cluster_truth(options.name)
    mounts(truth, deeds)
    errors = {part: list(compared(found, truth)) for part, found in items.items()}
    return errors, [each for found in items.values() for each in from_fields(found, truth)]


def _live(part: str, field: Field, options: argparse.Namespace) -> None:
    if part == "idle":
        idle(field, rounds=options.rounds, say=_say)
    else:
        churn(field, waves=options.waves, say=_say)


@contextmanager
def _volumes(api: Api, home: Path, *, cluster: str) -> Iterator[Path]:
    """The driver and its StorageClass; the journal of what it did."""
    path = "/apis/storage.k8s.io/v1/storageclasses"
    made = {"provisioner": CSI, "volumeBindingMode": "WaitForFirstConsumer", "metadata": {"name": VOLUME_CLASS}}
    with csi_driver(home, where=["--cluster", cluster]) as driver:
        api.create(path, body={"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", **made})
        try:
            yield driver.journal
        finally:
            api.call("DELETE", path=f"{path}/{VOLUME_CLASS}")


def _told(operator: OperatorProcess, space: str) -> list[Any]:
    """The timelines of all pods of a namespace, once each of them, and each of their volumes, is told as gone."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        # An operator that has ended says so with its last words.
        operator.ready()
        found = operator.pods(namespace=space)
        left = [each["name"] for each in found if not _gone(each)]
        if not left:
            return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"not told as gone: {left}")
        time.sleep(1)


def _gone(item: Any) -> bool:  # noqa: ANN401 - a document
    have = [each["milestone"] for each in item["milestones"]]
    return "object_removed" in have and have.count("attached") == have.count("detached")


@contextmanager
def _namespace(api: Api, name: str) -> Iterator[str]:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.create("/api/v1/namespaces", body=body)
    deadline = time.monotonic() + _PATIENCE
    # Pods are refused until the namespace has its service account.
    while api.call("GET", path=f"/api/v1/namespaces/{name}/serviceaccounts/default")[0] != 200:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} gets no service account")
        time.sleep(0.1)
    try:
        yield name
    finally:
        api.call("DELETE", path=f"/api/v1/namespaces/{name}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _cluster(verb: str, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "hack/cluster"), verb, "--name", name, *words]
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _images(name: str, home: Path) -> str:
    """Give every node the image that pods have at once; return the name of the one that the registry has."""
    loaded, pushed = str(home / "loaded.tar"), str(home / "pushed.tar")
    _cluster("image", name, IMAGE, loaded)
    _cluster("load", name, loaded)
    # Of another content: an image that is there under another name is reported under that one.
    _cluster("image", name, PULLED, pushed, "--random-mb", "1")
    return _cluster("push", name, pushed, PULLED).stdout.strip()
