"""What the end-to-end tests share: any cluster that KUBECONFIG names, and the image its pods run."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.clusters import ROOT, eventually, hack_cluster, kubectl, kubectl_json, namespace, own_cluster
from tests.e2e.processes import OperatorProcess
from tests.e2e.shop import Shop

from demokit.consent import SHOP, SYSTEM
from demokit.demo import RELEASE


@pytest.fixture(scope="session", autouse=True)
def kubeconfig() -> str:
    """The cluster under test."""
    path = os.environ.get("KUBECONFIG")
    if not path:
        pytest.fail("KUBECONFIG is not set: run hack/test e2e, which starts a cluster", pytrace=False)
    return path


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with a shell that every node has; E2E_IMAGE names one on a cluster of somebody else's."""
    given = os.environ.get("E2E_IMAGE", "docker.io/library/busybox:1.36")
    if own_cluster() is None:
        pulled(given)
        return given
    archive = tmp_path_factory.mktemp("image") / "busybox.tar"
    hack_cluster("image", "podtimeline.test/busybox:1", str(archive))
    hack_cluster("load", str(archive))
    return "podtimeline.test/busybox:1"


def pulled(image: str) -> None:
    """Have every node that takes pods pull an image."""
    container = {"name": "main", "image": image, "command": ["sleep", "3600"]}
    labels = {"app": "pulled"}
    pod = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    daemon_set = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "pulled"}, "spec": spec}
    with namespace("e2e-images") as space:
        kubectl("create", "-n", space, "-f", "-", text=json.dumps(daemon_set))
        kubectl("rollout", "status", "-n", space, "daemonset/pulled", "--timeout=180s")


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """What the README's first command leaves: the operator, installed by helm, and the shop it has watched open."""
    subprocess.run(["hack/demo", "--yes"], check=True, cwd=ROOT, timeout=800)
    uids = {pod["metadata"]["uid"] for pod in kubectl_json("get", "pods", "-n", SHOP)["items"]}
    path = f"/api/v1/namespaces/{SYSTEM}/services/{RELEASE}:http/proxy/api/v1/pods?namespace={SHOP}&limit=100"

    def settled() -> Shop:
        items = tuple(item for item in json.loads(kubectl("get", "--raw", path))["items"] if item["uid"] in uids)
        assert {item["uid"] for item in items} == uids
        return Shop(items)

    yield eventually(settled, what="every pod of the shop is told")
    subprocess.run(["hack/demo", "--down", "--yes"], check=True, cwd=ROOT, timeout=300)


@pytest.fixture
def operator(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OperatorProcess]:
    """The operator as a process, not started yet; parametrise it indirectly with its settings."""
    process = OperatorProcess(tmp_path, **getattr(request, "param", {}))
    yield process
    if process.running():
        process.stop()
