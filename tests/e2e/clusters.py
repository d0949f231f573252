"""The real cluster that the end-to-end tests run on, whoever made it."""

import json
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from demokit.cluster import Made, maker

ROOT = Path(__file__).parents[2]
DEADLINE = 180.0
T = TypeVar("T")


def kubectl(*words: str, text: str | None = None, check: bool = True) -> str:
    """Run kubectl against KUBECONFIG and return what it printed; a failure shows kubectl's own words."""
    done = subprocess.run(["kubectl", *words], input=text, capture_output=True, text=True, check=False, cwd=ROOT)
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout


def kubectl_json(*words: str) -> Any:
    """What kubectl prints with ``-o json``, parsed."""
    return json.loads(kubectl(*words, "-o", "json"))


def eventually(look: Callable[[], T], *, seconds: float = DEADLINE, what: str = "") -> T:
    """Poll until ``look`` returns something true or stops raising AssertionError; then return it."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = look()
            if found:
                return found
            error: AssertionError | None = None
        except AssertionError as caught:
            error = caught
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what or look.__name__}: {error}") from error
        time.sleep(0.5)


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """A namespace of the test's own, gone afterwards; its name begins with ``name``."""
    space = f"{name}-{secrets.token_hex(3)}"
    kubectl("create", "namespace", space)
    try:
        yield space
    finally:
        kubectl("delete", "namespace", space, "--wait=false")


def own_cluster() -> str | None:
    """The name of the hack/cluster cluster under test, ``None`` where somebody else's KUBECONFIG is used."""
    return os.environ.get("E2E_CLUSTER")


class Need(Enum):
    """What a test needs beside the API of its cluster; the value is the reason where it is skipped without that."""

    LOGS = "needs the audit log, containerd's events or the CNI log: hack/cluster writes them down"
    REGISTRY = "needs a registry whose speed it can set: hack/cluster has one"
    SKEWED_CLOCKS = "needs a proxy in front of a kubelet: hack/cluster can put one there"
    NODES = "needs to enter the nodes: those of hack/cluster, or of kind with root and a Docker of this machine"
    NETWORK_PLUGIN = "needs to put a network plugin in front of a node's own: hack/cluster's is known here"
    API_SERVER = "needs to stop the API server: hack/cluster runs it as a process"
    NO_CLUSTER = "makes clusters of its own by hack/cluster, and leaves the one of KUBECONFIG alone"


def needs(what: Need) -> pytest.MarkDecorator:
    """Skip, with its reason, where the cluster of somebody else's KUBECONFIG does not have it."""
    there = nodes_reached() if what is Need.NODES else own_cluster() is not None
    return pytest.mark.skipif(not there, reason=what.value)


def nodes_reached() -> bool:
    """Whether tests can enter the nodes."""
    return own_cluster() is not None or kind_cluster() is not None


@cache
def kind_cluster() -> str | None:
    """The name of the kind cluster under test, if its nodes are containers of this machine, which root can enter."""
    made, name = maker(os.environ.get("KUBECONFIG", ""))
    local = made is Made.KIND and os.geteuid() == 0 and all(Path(f"/proc/{pid}").exists() for pid in kind_nodes(name))
    return name if local else None


def kind_nodes(name: str) -> dict[int, str]:
    """The nodes of a kind cluster that take pods, by the process that each of them began with; none without Docker."""
    labels = (f"io.x-k8s.kind.cluster={name}", "io.x-k8s.kind.role=worker")
    chosen = [word for label in labels for word in ("--filter", f"label={label}")]
    found = _docker("ps", "--format", "{{.Names}}", *chosen).split()
    return {int(_docker("inspect", "--format", "{{.State.Pid}}", each)): each for each in sorted(found)}


def _docker(*words: str) -> str:
    try:
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


@cache
def workers() -> tuple[str, ...]:
    """The names of the nodes that take any pod, in order: hack/cluster calls them node-1 and node-2."""
    nodes = kubectl_json("get", "nodes")["items"]
    return tuple(sorted(each["metadata"]["name"] for each in nodes if not each["spec"].get("taints")))


def placed(text: str) -> str:
    """Manifests that are for node-1 and node-2, for this cluster's first two nodes that take pods."""
    selector = re.compile(r"(kubernetes\.io/hostname: )node-(\d)")
    return selector.sub(lambda found: found[1] + workers()[int(found[2]) - 1], text)


def own_name() -> str:
    """The name of the hack/cluster cluster under test, for tests that ``needs`` marks."""
    name = own_cluster()
    assert name is not None, "this needs a cluster of hack/cluster: run hack/test e2e without KUBECONFIG"
    return name


def hack_cluster(*words: str) -> str:
    """Run hack/cluster on the cluster under test and return what it printed."""
    verb, *rest = words
    command = ["hack/cluster", verb, "--name", own_name(), *rest]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def post_event(space: str, pod: str, reason: str, message: str, component: str, *, at: int | None = None) -> None:
    """An Event of a pod as a controller's recorder writes it (client-go, tools/record): stamped in its name.

    ``at`` is when it is said to have been written, in nanoseconds since the epoch; now by default.
    """
    uid = kubectl_json("get", "pod", "-n", space, pod)["metadata"]["uid"]
    now = time.time_ns() if at is None else at
    second = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now // 1_000_000_000))
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{pod}.{now:016x}", "namespace": space},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": space, "name": pod, "uid": uid},
        "reason": reason,
        "message": message,
        "type": "Normal",
        "firstTimestamp": second,
        "lastTimestamp": second,
        "count": 1,
        "source": {"component": component},
    }
    kubectl("create", "-f", "-", text=json.dumps(event))


def slices(space: str, service: str) -> list[Any]:
    """The EndpointSlices of a Service."""
    found = kubectl_json("get", "endpointslices", "-n", space, "-l", f"kubernetes.io/service-name={service}")
    items: list[Any] = found["items"]
    return items


def addresses(space: str, service: str) -> int:
    """How many addresses of a Service are ready."""
    endpoints = [each for found in slices(space, service) for each in found.get("endpoints") or ()]
    return sum(each["conditions"]["ready"] for each in endpoints)
