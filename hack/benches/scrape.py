"""Duration and number of series of a scrape, with workloads that all have every histogram and every phase.

Series are limited as in the operator, to ``series_limit`` label sets of a histogram. A classic histogram has a series
for each bucket. If Prometheus converts it to a native histogram (``convert_classic_histograms_to_nhcb`` in the scrape
configuration), it is a single series. The operator exposes neither protobuf nor native histograms.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benches.growth import add_size, alone, peak, sizes, table
from benches.settings import BEGIN
from benches.verdict import verdict
from podtimeline.model.buckets import BOUNDS, COUNT
from podtimeline.model.milestones import Phase
from podtimeline.model.series import Book, Labels
from podtimeline.ports import Counted, HistogramState, Increment, Metric, Placed
from podtimeline.sinks.prometheus import Exposition
from podtimeline.sinks.telemetry import Telemetry

GOAL, SERIES = 200.0, 50_000
_ROUNDS = 9
_NAMESPACES = 50
_FORMATS = {"text": "text/plain; version=0.0.4", "openmetrics": "application/openmetrics-text; version=1.0.0"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    add_size(parser, "--workloads", default=1_000, of="workloads")
    parser.add_argument("--series-limit", type=int, default=2_000, help="series_limit of the operator (default: 2000)")


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one size; ``took`` is milliseconds by format."""

    workloads: int
    label_sets: int
    series: int
    size: int
    took: dict[str, float]
    peak: int


def run(options: argparse.Namespace) -> str:
    """Render each size in both formats."""
    found = [alone(_measured, size, limit=options.series_limit) for size in sizes(options)]
    heads = ("workloads", "label sets", "series", "bytes", "ms text", "ms openmetrics", "peak MiB")
    rows = [
        (each.workloads, each.label_sets, each.series, each.size, *each.took.values(), each.peak / 2**20)
        for each in found
    ]
    print(table(heads, rows))
    last = found[-1]
    return verdict(
        "scrape", max(last.took.values()), "ms of CPU of a scrape", goal=GOAL, workloads=last.workloads,
        series=last.series, series_goal=SERIES, series_met=last.series <= SERIES, native_series=last.label_sets,
        native_series_met=last.label_sets <= SERIES, bytes=last.size, took_ms=last.took, peak_rss_bytes=last.peak,
    )  # fmt: skip


def _measured(workloads: int, *, limit: int) -> Figures:
    exposition = Exposition(version="bench", process=False)
    states = tuple(_states(workloads, limit))
    exposition.restore(states)
    exposition.count(Counted(tuple(map(_example, states))), at=BEGIN)
    took = {name: _timed(exposition, accept) for name, accept in _FORMATS.items()}
    _, body = exposition.render(Telemetry(), _FORMATS["text"])
    series = sum(not line.startswith(b"#") for line in body.splitlines())
    return Figures(workloads, len(states), series, len(body), took, peak())


def _timed(exposition: Exposition, accept: str) -> float:
    """Milliseconds, the best of several rounds as other processes only add to it."""
    took = []
    for _ in range(_ROUNDS):
        began = time.thread_time()
        exposition.render(Telemetry(), accept)
        took.append((time.thread_time() - began) * 1000)
    print(f"{accept.partition(';')[0]}: median {statistics.median(took):.0f} ms, slowest {max(took):.0f} ms")
    return round(min(took), 1)


def _states(workloads: int, limit: int) -> Iterator[HistogramState]:
    """The series that a history within the limit has."""
    book = Book(limit=limit, keep=1 << 62)
    held: dict[tuple[Metric, Labels], None] = {}
    for number in range(workloads):
        own = (f"team-{number % _NAMESPACES}", "Deployment", f"app-{number}")
        for metric in Metric:
            for labels in _label_sets(own, metric):
                placed, freed = book.place(metric, labels, pod="", lasting=lambda: True)
                held[metric, placed] = None
                if freed is not None:
                    held.pop((metric, freed.labels), None)
    for number, (metric, labels) in enumerate(held):
        yield HistogramState(metric, labels, tuple(number * each % 97 for each in range(COUNT)), number * 1.237)


def _label_sets(workload: Labels, metric: Metric) -> Iterator[Labels]:
    if metric is not Metric.PHASE:
        yield workload
        return
    for phase in Phase:
        yield (*workload, phase.value)


def _example(state: HistogramState) -> Placed:
    """The latest pod of one bucket of a series."""
    phase = Phase(state.labels[3]) if len(state.labels) > 3 else None
    namespace, kind, workload = state.labels[:3]
    trace = "0af7651916cd43dd8448eb211c80319c"
    return Placed(
        Increment(state.metric, namespace, kind, workload, round(BOUNDS[9] * 1e9), trace, phase=phase), state.labels
    )
