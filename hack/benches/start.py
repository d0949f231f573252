"""Time from the start of the operator until it is caught up: with a history of the pods, and by listing them.

Runs ``podtimeline run`` as a separate process, with a process that acts as an API server. The operator is ready once
every collection is complete, and caught up once it tracks every pod and has committed everything to its history.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import OperatorProcess

from benches.growth import add_size, peak, sizes, table
from benches.listserver import PER_SLICE, VERSION, listing, pod
from benches.savedpods import ready
from benches.settings import BEGIN
from benches.slicegen import slice_name
from benches.verdict import verdict
from podtimeline.app.clock import SystemClock
from podtimeline.ports import Checkpoint, Stream
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import open_store

SAVED, LISTED = 15.0, 40.0
"""Seconds to be caught up."""
_PATIENCE = 900.0
_BATCH = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    add_size(parser, "--pods", default=150_000, of="ready pods")


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds since the process was started, and bytes of its memory at most."""

    pods: int
    ready: float
    caught_up: float
    peak: int


def run(options: argparse.Namespace) -> str:
    """Measure both ways for each size."""
    saved, listed = [], []
    for pods in sizes(options):
        with listing(pods) as server, tempfile.TemporaryDirectory(prefix="podtimeline-start-") as home:
            _fill(Path(home), pods)
            saved.append(_measured(Path(home), server, pods))
        _say("saved", saved[-1])
        with listing(pods) as server, tempfile.TemporaryDirectory(prefix="podtimeline-start-") as home:
            listed.append(_measured(Path(home), server, pods))
        _say("listed", listed[-1])
    heads = ("", "pods", "s to ready", "s to caught up", "peak MiB", "bytes per pod")
    print(table(heads, [_row(name, each) for name, found in (("saved", saved), ("listed", listed)) for each in found]))
    last, other = saved[-1], listed[-1]
    return verdict(
        "start", last.caught_up, "s from saved versions to caught up", goal=SAVED, pods=last.pods,
        ready_s=round(last.ready, 1), listed_s=round(other.caught_up, 1), listed_goal=LISTED,
        listed_met=other.caught_up <= LISTED, listed_ready_s=round(other.ready, 1), peak_rss_bytes=last.peak,
        listed_peak_rss_bytes=other.peak,
    )  # fmt: skip


def _row(name: str, each: Figures) -> tuple[object, ...]:
    return name, each.pods, each.ready, each.caught_up, each.peak / 2**20, each.peak / each.pods


def _say(name: str, each: Figures) -> None:
    print(f"{name}: {each.pods} pods, ready {each.ready:.1f} s, caught up {each.caught_up:.1f} s", flush=True)


def _fill(home: Path, pods: int) -> None:
    """A history that has every pod, ready, and how far its streams were read."""
    store = open_store(f"sqlite:{home}/history.sqlite3", StoreOptions(clock=SystemClock()))
    versions: dict[Stream, str | None] = {Stream.PODS: VERSION, Stream.EVENTS: VERSION}
    for first in range(0, pods, _BATCH):
        numbers = range(first, min(first + _BATCH, pods))
        records = tuple(ready(pod(each), slice_name(each // PER_SLICE)) for each in numbers)
        store.commit(Checkpoint(records, versions, BEGIN))
    store.close()


def _measured(home: Path, server: str, pods: int) -> Figures:
    operator = OperatorProcess(home, api_url=server)
    began = time.monotonic()
    try:
        operator.start(patience=_PATIENCE)
        complete = time.monotonic() - began
        _until(lambda: _caught_up(operator, pods))
        return Figures(pods, complete, time.monotonic() - began, peak(operator.pid))
    finally:
        operator.stop()


def _caught_up(operator: OperatorProcess, pods: int) -> bool:
    tracked = operator.metric("podtimeline_tracked_pods", state="settled")
    return tracked == pods and operator.metric("podtimeline_uncommitted_records") == 0


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            raise SystemExit(f"hack/bench start: not caught up after {_PATIENCE:.0f} s")
        time.sleep(0.5)
