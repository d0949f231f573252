"""``kill -9`` at any moment: nothing that was committed is lost, nothing is counted twice, half a commit is none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.sqlite.killed import BATCHES, EACH, KEPT, PODS, batch, opened

from podtimeline.ports import Stream
from podtimeline.store.sqlite.store import SqliteStore

ROOT = Path(__file__).parents[3]


def started(path: Path, suicide: int = 0) -> subprocess.Popen[str]:
    """The program that commits, as a process of its own."""
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "tests.store.sqlite.killed", str(path), str(suicide)]
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)


def batches_in(store: SqliteStore) -> int:
    """How many whole batches the file holds; asserts that there are no halves, and that the counts fit."""
    restored = store.restore()
    uids = [each.state.uid for each in restored.records]
    version = restored.versions.get(Stream.PODS)
    batches = 0 if version is None else int(version) + 1
    assert uids == [f"uid-{number}" for number in range(batches * PODS)]
    counts: dict[tuple[str, ...], int] = {each.labels[2:]: sum(each.buckets) for each in restored.histograms}
    runs = {f"run-{number}": 1 for number in range(max(batches - KEPT, 0), batches)}
    pods: dict[tuple[str, ...], int] = {("web", *filter(None, (each.phase,))): len(uids) for each in EACH}
    assert counts == (pods | {(run,): count for run, count in runs.items()} if uids else {})
    return batches


@pytest.mark.parametrize("after", [1, 7, 23])
def test_killed_from_outside_it_keeps_all_that_was_committed(tmp_path: Path, after: int) -> None:
    """After SIGKILL the file holds every batch whose commit returned, and the rest follows without counting twice."""
    path = tmp_path / "history.sqlite3"
    process = started(path)
    with process:
        assert process.stdout is not None
        printed = [int(process.stdout.readline()) for _ in range(after)]
        process.kill()
        printed += [int(line) for line in process.stdout]
    assert process.returncode == -signal.SIGKILL
    store = opened(path)
    assert batches_in(store) >= printed[-1] + 1
    for number in range(BATCHES):
        store.commit(batch(number))
    assert batches_in(store) == BATCHES
    store.close()


@pytest.mark.parametrize("statement", [1, 3, 40, 95, 110, 130, 400])
def test_killed_within_a_commit_it_happened_whole_or_not_at_all(tmp_path: Path, statement: int) -> None:
    """Killed before any one SQL statement the file holds whole batches, and the next process goes on from there."""
    path = tmp_path / "history.sqlite3"
    with started(path, statement) as process:
        printed = [int(line) for line in process.stdout or ()]
    assert process.returncode == -signal.SIGKILL
    store = opened(path)
    batches = batches_in(store)
    # The commit itself may have been through, and the clean-up after it be what was cut off.
    assert batches - len(printed) in (0, 1)
    store.close()
    with started(path) as process:
        assert [int(line) for line in process.stdout or ()] == list(range(batches, BATCHES))
    assert process.returncode == 0
    store = opened(path)
    assert batches_in(store) == BATCHES
    store.close()
