"""The exposition of all metrics.

Histograms are fed by what a commit returned, not by a sink's queue: a queue may drop, and a dropped increment would be
a count that is lost until the next restart, while a commit counts each increment once for ever. They show what the
history holds: at start they are restored from it, so a restart is no counter reset, and a series that the history
freed is shown no more. One that returns begins at 0, which Prometheus reads as a counter reset.
"""

import platform
import threading
from collections.abc import Iterable, Iterator

from prometheus_client import ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Exemplar

from podtimeline.model.buckets import bucket
from podtimeline.model.series import Labels
from podtimeline.ports import Counted, HistogramState, Metric, Placed
from podtimeline.sinks.histograms import Encoder, Families, HistogramSeries, HistogramText
from podtimeline.sinks.metrics import METRICS, OVERFLOW, MetricRow, MetricType
from podtimeline.sinks.telemetry import Telemetry

Rendered = tuple[str, bytes]
"""A content type and a body."""


class Exposition:
    """All metrics; safe to use from several threads."""

    def __init__(self, *, version: str, process: bool = True) -> None:
        self._build = (version, platform.python_version())
        self._lock = threading.Lock()
        self._histograms: dict[Metric, dict[Labels, HistogramSeries]] = {metric: {} for metric in Metric}
        self._overflow = dict.fromkeys(Metric, 0)
        self._displaced = dict.fromkeys(Metric, 0)
        self._process = ProcessCollector(registry=None) if process else None

    def restore(self, histograms: Iterable[HistogramState]) -> None:
        """Go on from what the history counted."""
        with self._lock:
            self._set(histograms)

    def count(self, counted: Counted, *, at: int) -> None:
        """Show what a commit at that moment made of the histograms."""
        with self._lock:
            for each in counted.freed:
                self._histograms[each.metric].pop(each.labels, None)
                self._displaced[each.metric] += each.displaced
            self._set(counted.series)
            for placed in counted.increments:
                self._mark(placed, at)

    def render(self, now: Telemetry, accept: str = "") -> Rendered:
        """One scrape, with the operator's own numbers of ``now``.

        ``accept`` is the request's Accept header: OpenMetrics, which alone carries exemplars, or the text format.
        """
        encode, content_type = choose_encoder(accept)
        rendered = b"".join(self._histograms_text(encode))
        return content_type, rendered + encode(Families(self.families(now)))

    def families(self, now: Telemetry) -> Iterator[Family]:
        """Every metric of the table but the histograms, then those of the process."""
        for row in METRICS:
            if row.kind is not MetricType.HISTOGRAM:
                yield self._family(row, now)
        if self._process is not None:
            yield from self._process.collect()

    def _histograms_text(self, encode: Encoder) -> Iterator[bytes]:
        for row in METRICS:
            if row.kind is MetricType.HISTOGRAM:
                yield HistogramText(row, encode).render(self._copied(Metric(row.name)))

    def _copied(self, metric: Metric) -> Iterator[tuple[Labels, HistogramSeries]]:
        with self._lock:
            held = tuple(self._histograms[metric].items())
        for labels, each in held:
            # The lock is held for one series at a time: who counts meanwhile is the event loop.
            with self._lock:
                series = each.copy()
            yield labels, series

    def _set(self, histograms: Iterable[HistogramState]) -> None:
        for each in histograms:
            series = self._histograms[each.metric].setdefault(each.labels, HistogramSeries())
            series.counts, series.sum = each.buckets, each.sum

    def _mark(self, placed: Placed, at: int) -> None:
        increment = placed.increment
        self._overflow[increment.metric] += placed.overflowed
        series = self._histograms[increment.metric].get(placed.labels)
        # A series may count and be freed within one commit.
        if series is not None:
            seconds = increment.value / 1e9
            exemplar = Exemplar({"trace_id": increment.trace_id}, seconds, at / 1e9)
            series.exemplars[bucket(increment.value)] = exemplar

    def _family(self, row: MetricRow, now: Telemetry) -> Family:
        # The library puts the suffix of a counter behind the family's name itself.
        family = Family(row.name.removesuffix("_total"), row.help, row.kind, row.unit)
        samples = list(self._own(row) if row.samples is None else row.samples(now))
        names = (
            [f"{row.name}_count", f"{row.name}_sum"] if row.kind is MetricType.SUMMARY else [row.name] * len(samples)
        )
        for name, (values, value) in zip(names, samples, strict=True):
            family.add_sample(name, dict(zip(row.labels, values, strict=True)), float(value))
        return family

    def _own(self, row: MetricRow) -> Iterator[tuple[tuple[str, ...], float]]:
        if row.name == "podtimeline_build_info":
            yield self._build, 1
        else:
            counts = self._overflow if row.name == OVERFLOW else self._displaced
            yield from (((metric.value,), count) for metric, count in counts.items())
