"""The exposition of all metrics.

Histograms are fed by what a commit returned, not by a sink's queue: a queue may drop, and a dropped increment would be
a count that is lost until the next restart, while a commit counts each increment once for ever. At start they are
restored from the same history, so a restart is no counter reset.
"""

import platform
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from podtimeline.core.buckets import BOUNDS, COUNT, bucket
from podtimeline.ports import HistogramState, Increment, Metric, folded
from podtimeline.sinks.metrics import METRICS, Kind, MetricRow
from podtimeline.sinks.telemetry import Telemetry

_EDGES: tuple[str, ...] = (*(floatToGoString(bound) for bound in BOUNDS), "+Inf")  # type: ignore[no-untyped-call]
Rendered = tuple[str, bytes]
"""A content type and a body."""


@dataclass(slots=True)
class _Series:
    """One label set: counts by bucket (not cumulative), the sum in seconds, the latest exemplar of each bucket."""

    counts: list[int] = field(default_factory=lambda: [0] * COUNT)
    sum: float = 0.0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)

    def copy(self) -> "_Series":
        return _Series(self.counts.copy(), self.sum, self.exemplars.copy())

    def buckets(self) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
        """What the library expects: edges with cumulative counts."""
        running = 0
        for index, edge in enumerate(_EDGES):
            running += self.counts[index]
            exemplar = self.exemplars.get(index)
            yield (edge, running) if exemplar is None else (edge, running, exemplar)


class _Histogram:
    """The series of one metric, at most ``limit`` of them and one ``other`` (one a phase)."""

    def __init__(self, limit: int) -> None:
        self.series: dict[tuple[str, ...], _Series] = {}
        self._limit = limit
        self._own = 0

    def place(self, labels: tuple[str, ...]) -> tuple[_Series, bool]:
        """The series that counts for a label set, and whether it is ``other`` in its stead."""
        found = self.series.get(labels)
        if found is not None:
            return found, False
        other = folded(labels)
        if labels != other and self._own < self._limit:
            self._own += 1
            return self.series.setdefault(labels, _Series()), False
        return self.series.setdefault(other, _Series()), labels != other


class Exposition:
    """All metrics; safe to use from several threads."""

    def __init__(self, *, version: str, series_limit: int = 2000, process: bool = True) -> None:
        self._build = (version, platform.python_version())
        self._lock = threading.Lock()
        self._histograms = {metric: _Histogram(series_limit) for metric in Metric}
        self._overflow = dict.fromkeys(Metric, 0)
        self._process = ProcessCollector(registry=None) if process else None

    def restore(self, histograms: Iterable[HistogramState]) -> None:
        """Go on from what the history counted; in the order in which the series first appeared."""
        with self._lock:
            for each in histograms:
                series, _ = self._histograms[each.metric].place(each.labels)
                series.counts = [mine + more for mine, more in zip(series.counts, each.buckets, strict=True)]
                series.sum += each.sum

    def count(self, increments: Iterable[Increment], *, at: int) -> None:
        """Advance by what a commit at that moment returned."""
        with self._lock:
            for each in increments:
                self._count(each, at)

    def render(self, now: Telemetry, accept: str = "") -> Rendered:
        """One scrape, with the operator's own numbers of ``now``.

        ``accept`` is the request's Accept header: OpenMetrics, which alone carries exemplars, or the text format.
        """
        encode, content_type = choose_encoder(accept)
        return content_type, encode(_Scrape(self, now))

    def families(self, now: Telemetry) -> Iterator[Family]:
        """Every metric of the table, then those of the process."""
        for row in METRICS:
            yield self._family(row, now)
        if self._process is not None:
            yield from self._process.collect()

    def _count(self, increment: Increment, at: int) -> None:
        series, other = self._histograms[increment.metric].place(increment.labels)
        index, seconds = bucket(increment.value), increment.value / 1e9
        series.counts[index] += 1
        series.sum += seconds
        series.exemplars[index] = Exemplar({"trace_id": increment.trace_id}, seconds, at / 1e9)
        self._overflow[increment.metric] += other

    def _family(self, row: MetricRow, now: Telemetry) -> Family:
        if row.kind is Kind.HISTOGRAM:
            return self._histogram(row)
        # The library puts the suffix of a counter behind the family's name itself.
        family = Family(row.name.removesuffix("_total"), row.help, row.kind, row.unit)
        samples = list(self._own(row) if row.samples is None else row.samples(now))
        names = [f"{row.name}_count", f"{row.name}_sum"] if row.kind is Kind.SUMMARY else [row.name] * len(samples)
        for name, (values, value) in zip(names, samples, strict=True):
            family.add_sample(name, dict(zip(row.labels, values, strict=True)), float(value))
        return family

    def _own(self, row: MetricRow) -> Iterator[tuple[tuple[str, ...], float]]:
        if row.name == "podtimeline_build_info":
            yield self._build, 1
        else:
            yield from (((metric.value,), count) for metric, count in self._overflow.items())

    def _histogram(self, row: MetricRow) -> HistogramMetricFamily:
        family = HistogramMetricFamily(row.name, row.help, labels=row.labels, unit=row.unit)
        with self._lock:
            held = tuple(self._histograms[Metric(row.name)].series.items())
        for labels, each in held:
            # The lock is held for one series at a time: who counts meanwhile is the event loop.
            with self._lock:
                series = each.copy()
            family.add_metric(labels, list(series.buckets()), series.sum)
        return family


class _Scrape(Collector):
    """One scrape, in the shape that the encoders take."""

    def __init__(self, exposition: Exposition, now: Telemetry) -> None:
        self._exposition = exposition
        self._now = now

    def collect(self) -> Iterable[Family]:
        return self._exposition.families(self._now)
