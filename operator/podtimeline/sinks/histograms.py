"""The text of a histogram with thousands of series.

What is the same for all series of a metric is rendered by the library once in each scrape, for one series of
placeholders: the library spends 20 us on a sample, and each series has a sample for every bucket.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from podtimeline.model.buckets import BOUNDS, COUNT
from podtimeline.model.series import Labels
from podtimeline.sinks.metrics import MetricRow

Encoder = Callable[[Collector], bytes]
"""Renders families in the format that a scrape asked for."""


class Families(Collector):
    """Families in the shape that the encoders take."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        """See ``prometheus_client``."""
        return self._families


def _go(value: float) -> str:
    """A number as the library writes it."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


_EDGES: tuple[str, ...] = (*(_go(bound) for bound in BOUNDS), "+Inf")
_MARK = re.compile("\ue000[0-9]+\ue001")
_END = "# EOF\n"
_EXACT = 1_000_000
"""From here on a count is written with an exponent."""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _exemplar(exemplar: Exemplar) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(exemplar.labels.items()))
    return f" # {{{labels}}} {_go(exemplar.value)} {exemplar.timestamp}"


@dataclass(slots=True)
class HistogramSeries:
    """One label set: counts by bucket (not cumulative), the sum in seconds, the latest exemplar of each bucket."""

    counts: tuple[int, ...] = (0,) * COUNT
    sum: float = 0.0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)

    def copy(self) -> "HistogramSeries":
        """As it is now."""
        return HistogramSeries(self.counts, self.sum, self.exemplars.copy())


def _counts(series: HistogramSeries) -> list[str]:
    """The cumulative counts."""
    counts = [*accumulate(series.counts)]
    return [f"{each}.0" for each in counts] if counts[-1] < _EXACT else [_go(float(each)) for each in counts]


class HistogramText:
    """One metric in one format."""

    def __init__(self, row: MetricRow, encode: Encoder) -> None:
        marks = [f"\ue000{number}\ue001" for number in range(len(row.labels))]
        family = HistogramMetricFamily(row.name, row.help, labels=row.labels, unit=row.unit)
        family.add_metric(marks, [(edge, 0) for edge in _EDGES], 0)
        text = encode(Families([family])).decode()
        self._exemplars = text.endswith(_END)
        lines = text.removesuffix(_END).splitlines()
        self._head = "".join(f"{line}\n" for line in lines if line.startswith("#"))
        samples = [line.removesuffix("0.0") for line in lines if not line.startswith("#")]
        self._order = sorted(range(len(marks)), key=lambda number: samples[0].index(marks[number]))
        first = marks[self._order[0]]
        self._fronts = [*(sample.partition(first)[0] for sample in samples), ""]
        self._pieces = _MARK.split(samples[0])[1:]

    def render(self, series: Iterable[tuple[Labels, HistogramSeries]]) -> bytes:
        """All of it, with its header."""
        return "".join([self._head, *(self._one(labels, each) for labels, each in series)]).encode()

    def _one(self, labels: Labels, series: HistogramSeries) -> str:
        values = _counts(series)
        values += values[-1], _go(series.sum)
        if self._exemplars:
            for index, exemplar in series.exemplars.items():
                values[index] += _exemplar(exemplar)
        named = (_escaped(labels[number]) + piece for number, piece in zip(self._order, self._pieces, strict=True))
        # A line of each sample, put together at once: ten times as fast as one after the other.
        pattern = ("".join(named).replace("%", "%%") + "%s\n").join(self._fronts)
        return pattern % tuple(values)
