"""Commits pods until it is killed; a program of its own, run by ``test_kills``.

Arguments: the history file, and the number of the SQL statement at which it kills itself (0: it waits to be killed).
Prints the number of each batch once its commit returned.
"""

import os
import signal
import sys
from pathlib import Path

from tests.support.saved import SECOND, StandingClock, checkpoint, increment, saved

from podtimeline.model.milestones import Phase
from podtimeline.ports import Checkpoint, Increment, Metric, Stream
from podtimeline.store.options import StoreOptions
from podtimeline.store.sqlite.store import SqliteStore

BATCHES = 40
PODS = 25
KEPT = 3
"""Batches that the series of a run stays after it."""
EACH: tuple[Increment, ...] = (
    increment(),
    increment(Metric.PHASE, 1, phase=Phase.SCHEDULING),
    increment(Metric.PHASE, 2, phase=Phase.IMAGE_PULL),
)


def batch(number: int) -> Checkpoint:
    """The batch of that number; each batch names the last pod of the one before again, as a busy tracker does.

    And each has a run: a workload of one pod that is gone.
    """
    first = max(number * PODS - 1, 0)
    pods = (saved(f"uid-{pod}", *EACH) for pod in range(first, (number + 1) * PODS))
    run = saved(f"run-{number}", increment(workload=f"run-{number}"), closed=True)
    return checkpoint(*pods, run, when=number, versions={Stream.PODS: str(number)})


def opened(path: str | Path) -> SqliteStore:
    """The store of these batches."""
    return SqliteStore(path, StoreOptions(clock=StandingClock(), series_keep=KEPT * SECOND))


def main(path: str, suicide: int) -> None:
    """Commit all batches, from the one after the last that is in the file."""
    store = opened(path)
    done = store.restore().versions.get(Stream.PODS)
    statements = 0

    def count(_: str) -> None:
        nonlocal statements
        statements += 1
        if statements == suicide:
            os.kill(os.getpid(), signal.SIGKILL)

    if suicide:
        store._writer.set_trace_callback(count)
    for number in range(0 if done is None else int(done) + 1, BATCHES):
        store.commit(batch(number))
        print(number, flush=True)
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
