"""The SQLite history with millions of finished pods: write throughput, and duration of each query.

Records are committed as the operator does it, a thousand in one transaction, with all histogram increments of a pod.
Then every type of query of the API is repeated, while another thread commits and old timelines are deleted. Half of all
pods belong to a tenth of the workloads; one in 97 failed.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from benches.growth import add_size, alone, peak, sizes, table
from benches.podgen import Numbered
from benches.savedpods import Place, finished, starting
from benches.settings import BEGIN, CREATED
from benches.verdict import verdict
from podtimeline.analysis.resolved import Outcome
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Phase
from podtimeline.ports import Checkpoint, Order, Query, Saved, Store
from podtimeline.store.options import Retention, StoreOptions
from podtimeline.store.registry import open_store

GOAL, INSERTS = 300.0, 5_000
"""Milliseconds of the slowest shape of query, and records a second."""
_BATCH, _BESIDE = 1_000, 200
_STARTING = 500
_REPEATS = 7
_MINUTE = 60 * SECOND
_EVERY = SECOND // 10
"""Between the creations of two pods: a million are a day and four hours."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    add_size(parser, "--pods", default=1_000_000, of="finished pods")


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one size: milliseconds by shape of query (median, slowest), and of the commits beside."""

    pods: int
    inserts: float
    size: int
    opened: float
    queries: dict[str, tuple[float, float]]
    commit: tuple[float, float]
    pruned: int
    peak: int

    @property
    def slowest(self) -> float:
        """The median of the shape that takes longest."""
        return max(middle for middle, _ in self.queries.values())


def run(options: argparse.Namespace) -> str:
    """Fill a history of each size and question it."""
    found = [alone(_measured, pods) for pods in sizes(options)]
    print(_table(found))
    last = found[-1]
    return verdict(
        "history", last.slowest, "ms of the slowest query, in the median", goal=GOAL, pods=last.pods,
        inserts_per_second=round(last.inserts), inserts_goal=INSERTS, inserts_met=last.inserts >= INSERTS,
        bytes_per_pod=round(last.size / last.pods), commit_ms=last.commit, pruned=last.pruned, peak_rss_bytes=last.peak,
        queries_ms=last.queries,
    )  # fmt: skip


def _table(found: list[Figures]) -> str:
    sums: dict[str, Callable[[Figures], object]] = {
        "pods": lambda each: each.pods,
        "inserts per second": lambda each: each.inserts,
        "bytes per pod": lambda each: each.size / each.pods,
        "ms to open": lambda each: each.opened,
        "ms per commit, median": lambda each: each.commit[0],
        "ms per commit, slowest": lambda each: each.commit[1],
        "pods deleted": lambda each: each.pruned,
    }
    rows = [(name, *map(value, found)) for name, value in sums.items()]
    rows += [(f"ms {name}", *(each.queries[name][0] for each in found)) for name in found[-1].queries]
    rows += [(f"ms {name}, slowest", *(each.queries[name][1] for each in found)) for name in ("find",)]
    head, *rest = rows
    return table(tuple(f"{each:,}" if isinstance(each, int) else str(each) for each in head), rest)


@dataclass(slots=True)
class _Clock:
    """Implements ``ports.Clock``; the time of the last pod."""

    at: int = BEGIN

    def now(self) -> int:
        return self.at


def _measured(pods: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="podtimeline-history-") as home:
        path, clock = Path(home) / "history.sqlite3", _Clock(BEGIN + pods * _EVERY)
        with _opened(path, clock, age=1 << 61) as store:
            inserts = pods / _fill(store, pods)
            size, before = store.numbers.bytes, store.numbers.rows
        # As if the oldest tenth had come of age all at once.
        began = time.perf_counter()
        with _opened(path, clock, age=pods * _EVERY * 9 // 10) as store:
            opened = (time.perf_counter() - began) * 1000
            beside = _Beside(store, clock, first=pods + _STARTING)
            with beside.running():
                queries = {name: _timed(ask) for name, ask in _questions(store, pods)}
            rows = store.numbers.rows
        commits = round(statistics.median(beside.took), 1), round(max(beside.took), 1)
        return Figures(pods, inserts, size, opened, queries, commits, before + beside.written - rows, peak())


@contextmanager
def _opened(path: Path, clock: _Clock, *, age: int) -> Iterator[Store]:
    store = open_store(f"sqlite:{path}", _options(clock, age))
    try:
        yield store
    finally:
        store.close()


def _options(clock: _Clock, age: int) -> StoreOptions:
    """Every workload is in the cluster, whether it has pods or not."""
    return StoreOptions(clock=clock, retention=Retention(age=age, size=1 << 62), present=lambda *_: True)


def _fill(store: Store, pods: int) -> float:
    """Commit all of them and some that start; returns the seconds that the commits of the finished ones took."""
    took = 0.0
    for first in range(0, pods, _BATCH):
        batch = tuple(finished(each, at=_created(each)) for each in range(first, min(first + _BATCH, pods)))
        took += _commit(store, batch, _created(first))
    waiting = tuple(starting(each, at=_created(each)) for each in range(pods, pods + _STARTING))
    _commit(store, waiting, _created(pods))
    return took


def _created(number: int) -> int:
    return BEGIN + number * _EVERY


def _commit(store: Store, records: tuple[Saved, ...], at: int) -> float:
    began = time.perf_counter()
    store.commit(Checkpoint(records, {}, at))
    return time.perf_counter() - began


@dataclass(slots=True)
class _Beside:
    """Commits of pods that end, while questions are asked; each comes a minute of the clock after the one before."""

    store: Store
    clock: _Clock
    first: int
    took: list[float] = field(default_factory=list)
    written: int = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Commit until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        at = self.clock.at
        while not stop.wait(0.2):
            at += _MINUTE
            numbers = range(self.first + self.written, self.first + self.written + _BESIDE)
            batch = tuple(finished(each, at=at) for each in numbers)
            self.took.append(_commit(self.store, batch, at) * 1000)
            self.written += _BESIDE


def _timed(ask: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds: the median and the longest."""
    took = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(took), 2), round(max(took), 2)


def _questions(store: Store, pods: int) -> Iterator[tuple[str, Callable[[], object]]]:
    for name, query in _queries(pods).items():
        for order in Order:
            asked = replace(query, order=order)
            yield f"{order.value} {name}".strip(), partial(store.search, asked)
    cursor = store.search(Query(limit=500)).cursor
    yield "the next page", partial(store.search, Query(limit=500, cursor=cursor))
    middle = Numbered(pods // 2, CREATED)
    space = Place(pods // 2).namespace
    yield "find", lambda: store.find(space, middle.name)
    yield "find by uid", lambda: store.find(space, middle.name, uid=middle.uid)
    yield "find what there is not", lambda: store.find(space, "nobody")


def _queries(pods: int) -> dict[str, Query]:
    place, since = Place(pods - 1), _created(pods // 2)
    space, workload = place.namespace, f"app-{place.workload}"
    hour, opened = replace(Query(), since=since, until=since + 60 * _MINUTE), _uids(pods)
    return {
        "": Query(),
        "(500)": Query(limit=500),
        "by namespace": Query(namespace=space),
        "by workload": Query(namespace=space, workload_kind="Deployment", workload=workload),
        "by workload (500)": Query(namespace=space, workload_kind="Deployment", workload=workload, limit=500),
        "by workload in any namespace": Query(workload=workload),
        "by node": Query(node=place.node),
        "by node of an hour": replace(hour, node=place.node),
        "of an hour": hour,
        "of an hour by workload": replace(hour, namespace=space, workload_kind="Deployment", workload=workload),
        "by phase": Query(phase=Phase.IMAGE_PULL, among=opened),
        "by phase and namespace": Query(phase=Phase.IMAGE_PULL, namespace=space, among=opened),
        "by phase that no pod is in": Query(phase=Phase.CRASH_LOOP),
        "failed": Query(outcome=Outcome.FAILED),
        "failed by workload": Query(outcome=Outcome.FAILED, namespace=space, workload=workload),
        "by outcome that no pod has": Query(outcome=Outcome.COMPLETED),
        "by namespace that there is not": Query(namespace="nobody"),
        "by workload that there is not": Query(workload="nobody"),
        "by node that there is not": Query(node="nobody"),
        "by name": Query(name=Numbered(pods // 2, CREATED).name),
    }


def _uids(pods: int) -> frozenset[str]:
    return frozenset(Numbered(each, CREATED).uid for each in range(pods, pods + _STARTING))
