"""Volumes on a real cluster, by a CSI driver whose every step takes as long, and fails as often, as its test says."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.csi.process import CsiDriver, csi_driver
from tests.csi.scenario import PODS, VOLUMES, WITHOUT, Lived, Manifest, everything
from tests.csi.storage import read_journal
from tests.csi.test_captures import VolumesContract
from tests.e2e.clusters import (
    ROOT,
    Need,
    eventually,
    kind_cluster,
    kind_nodes,
    kubectl,
    kubectl_json,
    namespace,
    needs,
    own_name,
    placed,
)
from tests.e2e.processes import OperatorProcess
from tests.support.sums import assert_whole, reached

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.scenario,
    needs(Need.NODES),
]


def told(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """The timelines of the namespace by the pods' names."""
    return {each["name"]: each for each in operator.pods(namespace=space)}


def intervene(operator: OperatorProcess, space: str, second: Manifest) -> None:
    """Make what is missing once its absence was told; start the second pod that wants a volume, then take the first."""

    def refused(name: str, reason: str, words: str = "") -> None:
        def look() -> bool:
            notes = told(operator, space).get(name, {}).get("notes", [])
            return any(note["reason"] == reason and words in note["text"] for note in notes)

        eventually(look, what=f"{name} is told {reason}")

    for name in WITHOUT:
        # Before it knows that, a busy kubelet may say that it could not look.
        refused(name, "FailedMount", "not found")
    kubectl("create", "configmap", "-n", space, "later-settings", "--from-literal=key=value")
    kubectl("create", "secret", "generic", "-n", space, "later-password", "--from-literal=key=value")
    eventually(lambda: told(operator, space).get("first", {}).get("outcome") == "ready", what="the first is ready")
    kubectl("apply", "-n", space, "-f", "-", text=placed(yaml.safe_dump(second)))
    refused("second", "FailedAttachVolume")
    kubectl("delete", "pod", "-n", space, "first", "--wait=false")


def started(operator: OperatorProcess, space: str) -> dict[str, Any]:
    """All timelines, once every pod has been ready."""
    now = told(operator, space)
    assert now.keys() == PODS
    assert {name: each["phase"] for name, each in now.items() if each["outcome"] != "ready"} == {}
    return now


def gone(operator: OperatorProcess, space: str) -> bool:
    """Whether no pod is left and every volume is detached."""
    now = told(operator, space)
    assert {name for name, each in now.items() if ("object_removed", "") not in reached(each)} == set()
    wanted = {(name, volume) for name, names in VOLUMES.items() for volume in names}
    assert {(name, volume) for name, volume in wanted if ("detached", volume) not in reached(now[name])} == set()
    return True


def alone(operator: OperatorProcess, space: str, name: str) -> Any:
    """The timeline of one pod, which is compared with its neighbours."""
    return json.loads(operator.get(f"/api/v1/pods/{space}/{name}"))


def live(operator: OperatorProcess, space: str, image: str) -> None:
    """All of it at once: every pod started, helped where it needs help, and deleted again."""
    documents = everything(image)
    second = documents.pop("second")
    kubectl("apply", "-n", space, "-f", "-", text=placed(yaml.safe_dump_all(documents.values())))
    intervene(operator, space, second)
    for item in eventually(lambda: started(operator, space), what="every pod is ready").values():
        assert_whole(item)
    kubectl("delete", "pods", "-n", space, *sorted(PODS - {"first"}), "--wait=false")
    eventually(lambda: gone(operator, space), what="every volume is detached")


@contextmanager
def captured(space: str, driver: CsiDriver) -> Iterator[None]:
    """Where E2E_CAPTURES names a directory, keep what the cluster says there, for ``tests/csi/test_captures.py``."""
    directory = os.environ.get("E2E_CAPTURES")
    if directory is None:
        yield
        return
    server = kubectl_json("version")["serverVersion"]
    base = Path(directory) / f"volumes-{server['major']}.{server['minor']}"
    command = [sys.executable, "-m", "podtimeline", "record", "--namespaces", space, "--duration", "10m"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "operator")}
    with subprocess.Popen([*command, "-o", f"{base}.jsonl.gz"], env=environment, stderr=subprocess.PIPE) as recorder:
        assert recorder.stderr is not None
        recorder.stderr.readline()  # it says that it records
        try:
            yield
        finally:
            recorder.send_signal(signal.SIGINT)
        said = recorder.stderr.read().decode()
    assert recorder.returncode == 0, said
    Path(f"{base}.deeds.jsonl.gz").write_bytes(gzip.compress(driver.journal.read_bytes(), mtime=0))


def reached_nodes() -> list[str]:
    """How the driver reaches the nodes: through hack/cluster, or through a process of each that is given to it."""
    kind = kind_cluster()
    if kind is None:
        return ["--cluster", own_name()]
    return [f"--node={name}={pid}" for pid, name in kind_nodes(kind).items()]


class TestOnACluster(VolumesContract):
    """A running operator and the cluster under test."""

    @pytest.fixture(scope="class")
    @classmethod
    def lived(cls, tmp_path_factory: pytest.TempPathFactory, busybox: str) -> Iterator[Lived]:
        """What the operator tells of the scenario."""
        home = tmp_path_factory.mktemp("volumes")
        operator = OperatorProcess(home)
        with csi_driver(home, where=reached_nodes()) as driver, namespace("e2e-volumes") as space:
            try:
                with captured(space, driver):
                    # Once the operator has its lists the recorder has them, too.
                    operator.start()
                    live(operator, space, busybox)
                items = {name: alone(operator, space, name) for name in PODS}
                yield Lived(space, items, read_journal(driver.journal.read_text()))
            finally:
                if operator.running():
                    operator.stop()
