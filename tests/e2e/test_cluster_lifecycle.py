"""A real cluster comes up, survives being called twice, and goes without a trace, even after `kill -9` half-way."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.clusters import Need, needs

HACK = Path(__file__).parents[2] / "hack" / "cluster"
NAME = "lifecycle"
STATE = Path("/var/lib/podtimeline/clusters") / NAME

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    needs(Need.NO_CLUSTER),
]


def _cluster(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(HACK), words[0], "--name", NAME, *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _traces() -> list[str]:
    """Return whatever names the cluster: files, mounts, control groups and processes."""
    found = [str(path) for path in (STATE, STATE.with_name(f".{NAME}.lock"), Path("/dev/shm") / f"podtimeline-{NAME}")]
    found = [path for path in found if Path(path).exists()]
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if f"clusters/{NAME}/" in line]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/podtimeline-{NAME}")]
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = arguments.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"clusters/{NAME}/" in text:
            found.append(text)
    return found


def _poll(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    """Begin and end without the cluster."""
    assert _cluster("down").returncode == 0
    yield
    assert _cluster("down").returncode == 0


def _processes() -> dict[str, int]:
    return {path.stem: json.loads(path.read_text())["pid"] for path in (STATE / "processes").glob("*.json")}


def test_a_cluster_comes_up_twice_and_goes_without_a_trace(tmp_path: Path) -> None:
    """A second `up` changes nothing, a dead component is brought back, and `down` leaves nothing at all."""
    first = _cluster("up", "--nodes", "1")
    assert first.returncode == 0, first.stderr
    assert Path(first.stdout.strip()) == STATE / "kubeconfig"
    before = _processes()
    assert _cluster("up", "--nodes", "1").returncode == 0
    assert _processes() == before
    os.kill(before["node-1-proxy"], signal.SIGKILL)
    assert _poll(lambda: _cluster("status").returncode == 1, seconds=10)
    assert _cluster("up", "--nodes", "1").returncode == 0
    assert _cluster("status").returncode == 0
    _check_images(tmp_path)
    assert _cluster("down").returncode == 0
    assert _traces() == []


def _check_images(directory: Path) -> None:
    archive = directory / "image.tar"
    assert _cluster("image", "test/small:1", str(archive)).returncode == 0
    assert _cluster("load", str(archive)).stdout.split() == ["docker.io/test/small:1"]
    assert _cluster("push", str(archive), "test/small:1").stdout.split() == ["registry.local:5000/test/small:1"]
    assert _cluster("pull-rate", "5mbit").returncode == 0
    assert _cluster("pull-rate", "off").returncode == 0


def test_another_shape_is_refused_while_the_cluster_is_up() -> None:
    """A running cluster is never quietly replaced by one with other nodes."""
    assert _cluster("up", "--nodes", "1").returncode == 0
    refused = _cluster("up", "--nodes", "2")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "down" in refused.stderr


_MOMENTS = {
    "keys": STATE / "pki" / "ca.crt",
    "network": STATE / "netns" / "node-1",
    "complete": STATE / "cluster.json",
    "node": STATE / "nodes" / "1" / "run" / "containerd" / "containerd.sock",
    "kubelet": STATE / "processes" / "node-1-kubelet.json",
}


@pytest.mark.parametrize("moment", list(_MOMENTS))
def test_an_interrupted_start_is_cleaned_up(moment: str) -> None:
    """Killed at any moment, `up` leaves nothing that `down` does not find."""
    command = [str(HACK), "up", "--name", NAME, "--nodes", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert _poll(_MOMENTS[moment].exists, seconds=1200)
        process.kill()
    assert _cluster("down").returncode == 0
    assert _traces() == []


def test_an_interrupted_start_is_taken_up_again() -> None:
    """After a kill half-way the next `up` brings a whole cluster."""
    command = [str(HACK), "up", "--name", NAME, "--nodes", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert _poll(_MOMENTS["network"].exists, seconds=1200)
        process.kill()
    assert _cluster("up", "--nodes", "1").returncode == 0
    assert _cluster("status").returncode == 0
