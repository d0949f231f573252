"""The API server is away for longer than every timeout: frozen, or refusing connections.

The operator is installed by the chart, so the kubelet restarts it where its liveness probe fails. It is looked at past
the API server, and its attempts are counted by its pod's own network stack. PODTIMELINE_OUTAGE_SECONDS is the length of
an outage; below ten minutes the operator's times are set so short that as many of its periods pass.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.clusters import Need, eventually, hack_cluster, kubectl, kubectl_json, namespace, needs
from tests.e2e.nodes import Node
from tests.e2e.probes import Answers, Probing, probing
from tests.e2e.support_chart import Release, installed, operator_image, restricted_namespace

pytestmark = [pytest.mark.e2e, needs(Need.API_SERVER)]
SECONDS = float(os.environ.get("PODTIMELINE_OUTAGE_SECONDS", "100"))
STALE = 120 if SECONDS >= 600 else 15
CONFIG = {} if SECONDS >= 600 else {"stale_after_seconds": STALE, "watch_timeout_seconds": 30}
CAUGHT_UP = 30.0
"""Seconds after the server's return within which everything is caught up."""
WAIT = 25
"""Seconds that a pod which was bound before the outage waits before it starts its container."""
ATTEMPTS = 3.0
"""Connections a second that three streams and a dozen kinds may try in an outage, at the most."""

PODS = """
apiVersion: v1
kind: Pod
metadata: {name: before, labels: {app: outage}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "36000"]}
---
apiVersion: v1
kind: Service
metadata: {name: outage}
spec:
  selector: {app: outage}
  ports: [{port: 80, targetPort: 8080}]
"""
MEANWHILE = """
apiVersion: v1
kind: Pod
metadata: {name: meanwhile, labels: {app: outage}}
spec:
  terminationGracePeriodSeconds: 0
  initContainers:
  - {name: wait, image: IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "WAIT"]}
  containers:
  - {name: main, image: IMAGE, imagePullPolicy: IfNotPresent, command: [sleep, "36000"]}
"""
"""Bound before the outage, started by its kubelet in the midst of it."""
LATE = PODS.partition("---")[0].replace("name: before", "name: late")
STATIC = LATE.replace("name: late", "name: static, namespace: SPACE")
"""Known to its kubelet alone until the API server is back."""


@dataclass(frozen=True, slots=True)
class Installed:
    """The operator's pod: its uid, its addresses, and its process as its node sees it."""

    namespace: str
    name: str
    uid: str
    probes: str
    api: str
    node: Node
    process: int

    def restarts(self) -> int:
        """How often the kubelet restarted it, by the API's word."""
        pod = kubectl_json("get", "pod", "-n", self.namespace, self.name)
        assert pod["metadata"]["uid"] == self.uid
        return sum(each["restartCount"] for each in pod["status"]["containerStatuses"])

    def attempts(self) -> int:
        """How many TCP connections its pod has begun since it began (RFC 4022, tcpActiveOpens)."""
        names, values = re.findall(r"^Tcp: (.*)$", self.node.run(f"cat /proc/{self.process}/net/snmp"), re.MULTILINE)
        return int(dict(zip(names.split(), values.split(), strict=True))["ActiveOpens"])


@pytest.fixture(scope="module")
def subject(kubeconfig: str) -> Iterator[Installed]:
    """The operator, by its chart."""
    assert kubeconfig
    with restricted_namespace("e2e-outage-operator") as space:
        release = Release(name="outage", namespace=space, image=operator_image())
        with installed(release, {"config": CONFIG}):
            (pod,) = kubectl_json("get", "pods", "-n", space, "-l", "app.kubernetes.io/name=podtimeline")["items"]
            node = Node(int(pod["spec"]["nodeName"].rpartition("-")[2]))
            container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
            found = re.search(rf"^{container}\s+(\d+)", node.run("ctr --namespace k8s.io task ls"), re.MULTILINE)
            assert found is not None
            ports = {each["name"]: each["containerPort"] for each in pod["spec"]["containers"][0]["ports"]}
            probes, api = (f"{pod['status']['podIP']}:{ports[name]}" for name in ("metrics", "http"))
            yield Installed(space, pod["metadata"]["name"], pod["metadata"]["uid"], probes, api, node, int(found[1]))


def _server() -> int:
    found = re.search(r"^kube-apiserver +running +pid (\d+)$", hack_cluster("status"), re.MULTILINE)
    assert found is not None
    return int(found[1])


def _answers() -> bool:
    words = ["kubectl", "get", "--raw", "/readyz", "--request-timeout=2s"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@contextmanager
def _frozen() -> Iterator[None]:
    """Connections are accepted and kept alive by the kernel, and nothing is answered."""
    server = _server()
    os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)


@contextmanager
def _refused() -> Iterator[None]:
    """Connections are refused; the server that comes back has an empty watch cache."""
    nodes = len(re.findall(r"^node-\d+-kubelet ", hack_cluster("status"), re.MULTILINE))
    release = re.search(r"kubernetes v(\d+\.\d+)", hack_cluster("version"))
    assert release is not None
    os.kill(_server(), signal.SIGKILL)
    start = threading.Thread(target=hack_cluster, args=("up", "--nodes", str(nodes), "--kubernetes", release[1]))
    try:
        yield
    finally:
        # It returns once the whole cluster has settled; the server's return is looked at meanwhile.
        start.start()
        eventually(_answers, seconds=120, what="the API server is back")
    start.join()


@contextmanager
def _static_pod(space: str, image: str) -> Iterator[Callable[[], None]]:
    """Call it, and node 1's kubelet starts a pod by itself."""
    home = Path(hack_cluster("kubeconfig").strip()).parent
    manifest = home / "nodes/1/run/kubernetes/manifests" / f"static-{secrets.token_hex(3)}.yaml"

    def start() -> None:
        manifest.write_text(STATIC.replace("SPACE", space).replace("IMAGE", image))

    try:
        yield start
    finally:
        manifest.unlink(missing_ok=True)


def _until(seen: Probing, since: float, holds: Callable[[Answers], bool], *, what: str) -> float:
    """The seconds from a moment to the first look for which something holds."""

    def look() -> Answers | None:
        return next((each for each in seen.answers(since=since) if holds(each)), None)

    found = eventually(look, what=what)
    assert found is not None
    return found.at - since


def _complete(seen: Answers) -> bool:
    """A server that starts refuses what it cannot authorise yet: the operator is ready without, but degraded."""
    return seen.ready == 200 and not seen.reasons


def _tells(name: str) -> Callable[[Answers], bool]:
    return lambda seen: bool(seen.pods.get(name, [""])[0] == "ready")


def _shown(space: str, name: str) -> bool:
    pod = json.loads(kubectl("get", "pod", "-n", space, name, "-o", "json", check=False) or "{}")
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _begin(space: str, image: str) -> None:
    kubectl("apply", "-n", space, "-f", "-", text=PODS.replace("IMAGE", image))
    kubectl("wait", "-n", space, "--for=condition=Ready", "pod/before", "--timeout=60s")
    kubectl("apply", "-n", space, "-f", "-", text=MEANWHILE.replace("IMAGE", image).replace("WAIT", str(WAIT)))
    running = "--for=jsonpath={.status.initContainerStatuses[0].state.running}"
    kubectl("wait", "-n", space, running, "pod/meanwhile", "--timeout=60s")


def _report(form: str, subject: Installed, attempts: int, looks: list[Answers], figures: dict[str, float]) -> None:
    last: tuple[Any, ...] = ()
    for each in looks:
        state = (each.alive, each.ready, each.metrics, len(each.reasons))
        if state != last:
            print(f"{each.at - looks[0].at:7.1f} s: healthz {each.alive}, readyz {each.ready} {each.reasons[:1]}")
        last = state
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in figures.items())
    print(f"{form} for {SECONDS:.0f} s: {subject.restarts()} restarts, {attempts} connections tried; {times}")


@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.parametrize("form", [_frozen, _refused], ids=["frozen", "refused"])
def test_an_outage_restarts_nothing_and_is_caught_up(
    form: Callable[[], Any], subject: Installed, busybox: str, tmp_path: Path
) -> None:
    """Alive, unready with reasons, metrics in reach; seldom asked; soon complete, with what started meanwhile."""
    with (
        namespace("e2e-outage") as space,
        probing(subject.probes, subject.api, space, tmp_path / "looks.jsonl") as seen,
        _static_pod(space, busybox) as start_static,
    ):
        _begin(space, busybox)
        _until(seen, 0, _tells("before"), what="the pod of before is told")
        with form():
            began, attempts = time.time(), subject.attempts()
            start_static()
            time.sleep(SECONDS)
            attempts, looks = subject.attempts() - attempts, seen.answers(since=began)
        eventually(_answers, seconds=30, what="the API server is back")
        back = time.time()
        kubectl("apply", "-n", space, "-f", "-", text=LATE.replace("IMAGE", busybox))
        figures = {
            "complete again after": _until(seen, back, _complete, what="it is ready, and reads everything"),
            "pod of meanwhile told after": _until(seen, back, _tells("meanwhile"), what="meanwhile is told"),
        }
        for name in ("static", "late"):
            mirror = f"{name}-node-1" if name == "static" else name
            eventually(lambda: _shown(space, mirror), what=f"{mirror} is Ready")  # noqa: B023
            known = time.time()
            figures[f"{name} pod told after"] = _until(seen, known, _tells(mirror), what=f"{mirror} is told")
        everything = seen.answers()
        _report(form.__name__.strip("_"), subject, attempts, seen.answers(since=began), figures)
        assert subject.restarts() == 0
        assert {each.alive for each in everything} == {200}
        assert {each.metrics for each in everything} == {200}
        unready = [each for each in looks if each.ready == 503]
        assert len(unready) > (SECONDS - STALE) / 2
        assert any("stream pods has not been read" in reason for reason in unready[-1].reasons)
        assert attempts < ATTEMPTS * SECONDS
        assert max(figures.values()) < CAUGHT_UP, figures
        _, partial, startup = everything[-1].pods["meanwhile"]
        # Its kubelet says when it became ready; whether a watch was open again to see it be told is a matter of luck.
        assert WAIT < startup < WAIT + 20
        assert set(partial) <= {"gap"}
        assert everything[-1].pods["before"][:2] == ["ready", []]
