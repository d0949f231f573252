"""CPU of a pod start for the operator, the control plane and kube-state-metrics, on a real cluster.

A Deployment behind a Service is scaled up and down on simulated nodes (kwok), with pods of two containers. The CPU of
each process is read from ``/proc``: until all new pods are ready with complete timelines, and until all of them are
deleted and recorded as such. The operator and kube-state-metrics are scraped every 15 seconds. The result is the CPU
of the whole operator process.
"""

import argparse
import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.processes import OperatorProcess, free_port

from benches.verdict import verdict
from clusterkit import build
from clusterkit.api import Api

ROOT = Path(__file__).resolve().parents[2]
GOAL, GOAL_SHARE = 2.8, 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_SPACE, _NAME = "bench-cluster", "web"
_PATIENCE = 600.0
_SCRAPE = 15.0
OPERATOR, PEER, SERVER = "operator", "kube-state-metrics", "kube-apiserver"
_CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "etcd")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of CPU of each process in one stretch of the run, and how long that was."""

    seconds: Mapping[str, float]
    wall: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    parser.add_argument("--nodes", type=int, default=100, help="number of simulated nodes (default: 100)")
    parser.add_argument("--base", type=int, default=100, help="number of pods that always exist (default: 100)")
    parser.add_argument("--pods", type=int, default=1000, help="number of pods to start and delete (default: 1000)")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds without changes (default: 20)")
    parser.add_argument("--alone", action="store_true", help="do not run kube-state-metrics")
    parser.add_argument(
        "--profile", type=Path, help="write a py-spy profile of the operator to this file, if py-spy is installed"
    )
    parser.add_argument("--name", default="podtimeline-bench", help="name of the cluster; a running one is kept")
    parser.add_argument("--kubernetes", default="1.37", help="Kubernetes version, 1.37 or 1.34")


def run(options: argparse.Namespace) -> str:
    """Scale up and down, and tell what each process spent."""
    was_up = _cluster("status", options.name, check=False).returncode == 0
    _cluster("up", options.name, "--nodes", "1", "--kubernetes", options.kubernetes)
    try:
        return _measured(options)
    finally:
        if was_up:
            _cluster("kwok", options.name, "0")
        else:
            _cluster("down", options.name)


def _measured(options: argparse.Namespace) -> str:
    kubeconfig = _cluster("kubeconfig", options.name).stdout.strip()
    os.environ["KUBECONFIG"] = kubeconfig
    _cluster("kwok", options.name, str(options.nodes))
    api = Api.from_kubeconfig(Path(kubeconfig))
    with ExitStack() as stack:
        stack.enter_context(_workload(api))
        _scale(api, options.base)
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="podtimeline-bench-")))
        operator = OperatorProcess(home).start()
        stack.callback(operator.stop)
        pids = _control_plane(options.name) | {OPERATOR: operator.pid}
        urls = {OPERATOR: operator.url("/metrics")}
        if not options.alone:
            pids[PEER], urls[PEER] = stack.enter_context(_kube_state_metrics(kubeconfig, home))
        scraped = stack.enter_context(_scraping(urls))
        if options.profile is not None:
            stack.enter_context(_profiled(operator.pid, options.profile))
        return _scaled(api, operator, scraped, pids, options)


def _scaled(
    api: Api, operator: OperatorProcess, scraped: "Scraped", pids: Mapping[str, int], options: argparse.Namespace
) -> str:
    before = {each["uid"] for each in operator.pods(namespace=_SPACE)}
    time.sleep(5)
    idle = _spending(pids, lambda: time.sleep(options.idle))
    settled, closed = (scraped.metric(f"podtimeline_pods_{each}_total") for each in ("settled", "closed"))

    def up() -> None:
        _scale(api, options.base + options.pods)
        _until(
            lambda: scraped.metric("podtimeline_pods_settled_total") >= settled + options.pods, "all starts are over"
        )

    def down() -> None:
        _scale(api, options.base)
        _until(lambda: scraped.metric("podtimeline_pods_closed_total") >= closed + options.pods, "all pods are gone")

    start = _spending(pids, up)
    made = [each for each in operator.pods(namespace=_SPACE) if each["uid"] not in before]
    end = _spending(pids, down)
    return _told(
        idle, start, end, options, incomplete=options.pods - sum(map(_complete, made)), closed=_closed(operator)
    )


def _complete(pod: Mapping[str, Any]) -> bool:
    """Whether the timeline tells of a whole start, up to the endpoint."""
    return pod["outcome"] == "ready" and not pod["partial"] and pod["endpointSeconds"] is not None


def _closed(operator: OperatorProcess) -> float:
    """Watches that ended in another way than by their own time."""
    every = operator.metric("podtimeline_stream_restarts_total")
    return every - sum(
        operator.metric("podtimeline_stream_restarts_total", reason=each) for each in ("closed", "quiet")
    )


def _told(idle: Spent, start: Spent, end: Spent, options: argparse.Namespace, *, incomplete: int, closed: float) -> str:
    each = {name: 1000 * start.seconds[name] / options.pods for name in start.seconds}
    whole = {name: each[name] + 1000 * end.seconds[name] / options.pods for name in each}
    for name in sorted(whole, key=whole.__getitem__, reverse=True):
        print(
            f"{name:26} {each[name]:7.2f} ms a pod start  {whole[name]:7.2f} with its deletion"
            f"  {100 * idle.seconds[name] / idle.wall:6.2f} % of a core idle"
        )
    share = whole[OPERATOR] / whole[SERVER]
    print(f"operator: {100 * share:.1f} % of the API server's CPU; goals {GOAL} ms, {100 * GOAL_SHARE:.0f} %")
    print(
        f"up in {start.wall:.0f} s, down in {end.wall:.0f} s; {incomplete} timelines incomplete, {closed:g} watches cut"
    )
    return verdict(
        "cluster", whole[OPERATOR], "ms of CPU of the operator for a pod start with its deletion", goal=GOAL,
        start_ms=_rounded(each), with_deletion_ms=_rounded(whole), share_of_apiserver=round(share, 3),
        idle_percent=_rounded({name: 100 * value / idle.wall for name, value in idle.seconds.items()}),
        seconds=[round(start.wall), round(end.wall)], pods=options.pods, nodes=options.nodes, incomplete=incomplete,
        watches_cut=closed, load_average=round(os.getloadavg()[0], 1),
    )  # fmt: skip


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in figures.items()}


def _spending(pids: Mapping[str, int], work: Callable[[], object]) -> Spent:
    began, before = time.monotonic(), {name: _used(pid) for name, pid in pids.items()}
    work()
    return Spent({name: _used(pid) - before[name] for name, pid in pids.items()}, time.monotonic() - began)


def _used(pid: int) -> float:
    """Seconds of CPU that a process has used, by proc(5): utime and stime."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            raise SystemExit(f"hack/bench cluster: timed out after {_PATIENCE:.0f} s: waiting until {what}")
        time.sleep(1)


def _control_plane(name: str) -> dict[str, int]:
    """The pids of the control plane's processes, as ``hack/cluster status`` prints them."""
    rows = [line.split() for line in _cluster("status", name, check=False).stdout.splitlines() if " pid " in line]
    return {row[0]: int(row[3]) for row in rows if row[0] in {SERVER, *_CONTROLLERS}}


@contextmanager
def _workload(api: Api) -> Iterator[None]:
    """A Deployment without pods, and its Service, in a namespace that goes with the block."""
    api.create("/api/v1/namespaces", body={"metadata": {"name": _SPACE}})
    labels = {"app": _NAME}
    container = {"image": "registry.example.com/shop/web:1", "resources": {"requests": {"cpu": "10m"}}}
    spec = {
        "nodeSelector": {"type": "kwok"},
        "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": each, **container} for each in ("web", "proxy")],
    }
    deployment = {
        "metadata": {"name": _NAME},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    service = {"metadata": {"name": _NAME}, "spec": {"selector": labels, "ports": [{"port": 80}]}}
    _until(lambda: _has(api, "serviceaccounts/default"), "the namespace is complete")
    api.create(f"/apis/apps/v1/namespaces/{_SPACE}/deployments", body=deployment)
    api.create(f"/api/v1/namespaces/{_SPACE}/services", body=service)
    try:
        yield
    finally:
        api.call("DELETE", path=f"/api/v1/namespaces/{_SPACE}")


def _has(api: Api, path: str) -> bool:
    status, _ = api.call("GET", path=f"/api/v1/namespaces/{_SPACE}/{path}")
    return status == 200


def _scale(api: Api, replicas: int) -> None:
    path = f"/apis/apps/v1/namespaces/{_SPACE}/deployments/{_NAME}"
    api.call("PATCH", path=path, body={"spec": {"replicas": replicas}})

    def done() -> bool:
        status = api.get(path)["status"]
        return bool(status.get("replicas", 0) == status.get("readyReplicas", 0) == replicas)

    _until(done, f"{replicas} pods are ready")


@contextmanager
def _kube_state_metrics(kubeconfig: str, home: Path) -> Iterator[tuple[int, str]]:
    """kube-state-metrics with its defaults: its pid, and the URL of its metrics."""
    program = build.ensure(build.KUBE_STATE_METRICS) / "kube-state-metrics"
    port = free_port()
    words = [str(program), f"--kubeconfig={kubeconfig}", "--host=127.0.0.1", f"--port={port}"]
    words += ["--telemetry-host=127.0.0.1", f"--telemetry-port={free_port()}"]
    with (home / "kube-state-metrics.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        _until(lambda: _answers(f"http://127.0.0.1:{port}/metrics"), "kube-state-metrics answers")
        yield process.pid, f"http://127.0.0.1:{port}/metrics"
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


class Scraped:
    """What was scraped last, so that following the operator costs it no more than Prometheus does."""

    def __init__(self) -> None:
        self.text = ""

    def metric(self, name: str) -> float:
        """The value of a metric without labels; 0 before the first scrape."""
        lines = (line.split(" ") for line in self.text.splitlines())
        return next((float(line[1]) for line in lines if line[0] == name), 0.0)


@contextmanager
def _scraping(urls: Mapping[str, str]) -> Iterator[Scraped]:
    """Scrape each as Prometheus does, every 15 seconds, and keep what the operator said."""
    stop, scraped = threading.Event(), Scraped()

    def scrape() -> None:
        while True:
            for name, url in urls.items():
                with urllib.request.urlopen(url, timeout=30) as answer:
                    text = answer.read().decode()
                if name == OPERATOR:
                    scraped.text = text
            if stop.wait(_SCRAPE):
                return

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        _until(lambda: bool(scraped.text), "the operator is scraped")
        yield scraped
    finally:
        stop.set()
        thread.join()


@contextmanager
def _profiled(pid: int, path: Path) -> Iterator[None]:
    words = ["py-spy", "record", "--pid", str(pid), "--output", str(path), "--format", "raw", "--duration", "3600"]
    process = subprocess.Popen([*words, "--rate", "200"], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        # It writes what it sampled when it is interrupted.
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _cluster(verb: str, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "hack" / "cluster"), verb, "--name", name, *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=check)
