"""What the end-to-end tests share: any cluster that KUBECONFIG names, and the image its pods run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.clusters import hack_cluster, own_cluster
from tests.e2e.processes import OperatorProcess


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
    given = os.environ.get("E2E_IMAGE")
    if given:
        return given
    if own_cluster() is None:
        return "docker.io/library/busybox:1.36"
    archive = tmp_path_factory.mktemp("image") / "busybox.tar"
    hack_cluster("image", "podtimeline.test/busybox:1", str(archive))
    hack_cluster("load", str(archive))
    return "podtimeline.test/busybox:1"


@pytest.fixture
def operator(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OperatorProcess]:
    """The operator as a process, not started yet; parametrise it indirectly with its settings."""
    process = OperatorProcess(tmp_path, **getattr(request, "param", {}))
    yield process
    if process.running():
        process.stop()
