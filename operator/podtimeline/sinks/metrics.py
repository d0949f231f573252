"""The one table of metrics; the exposition, its lint and the documentation derive from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from podtimeline.ports import Metric
from podtimeline.sinks.telemetry import SinkTelemetry, StreamTelemetry, Telemetry

Sample = tuple[tuple[str, ...], float]
Samples = Callable[[Telemetry], Iterator[Sample]]
_WORKLOAD = ("namespace", "workload_kind", "workload")


class MetricType(StrEnum):
    """The type of a metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class MetricRow:
    """What the table says of one metric: the name that queries use, and where its samples come from.

    ``samples`` is ``None`` where the exposition itself keeps them: the histograms and what their limits did.
    A summary's first sample is its count, the second its sum.
    """

    name: str
    kind: MetricType
    labels: tuple[str, ...]
    help: str
    samples: Samples | None = None

    @property
    def unit(self) -> str:
        """The base unit that the name ends in, empty where it counts things."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in ("seconds", "bytes") else ""


def _stream(value: Callable[[StreamTelemetry], float | None]) -> Samples:
    def samples(now: Telemetry) -> Iterator[Sample]:
        for each in now.streams:
            found = value(each)
            if found is not None:
                yield (each.stream, each.namespace), found

    return samples


def _restarts(now: Telemetry) -> Iterator[Sample]:
    for each in now.streams:
        for reason, count in sorted(each.restarts.items()):
            yield (each.stream, each.namespace, reason), count


def _requests(now: Telemetry) -> Iterator[Sample]:
    for (route, code), count in sorted(now.http.requests.items()):
        yield (route, str(code)), count


def _sink(value: Callable[[SinkTelemetry], float]) -> Samples:
    return lambda now: (((each.sink,), value(each)) for each in now.sinks)


def _one(value: Callable[[Telemetry], float]) -> Samples:
    return lambda now: iter((((), value(now)),))


def _offsets(now: Telemetry) -> Iterator[Sample]:
    # A delivery takes milliseconds, what follows a cause hundreds of them: the lower bound is the near one.
    for each in now.clocks:
        if each.lower is not None:
            yield (each.node,), each.lower


def _offset_bounds(now: Telemetry) -> Iterator[Sample]:
    for each in now.clocks:
        for bound, seconds in (("lower", each.lower), ("upper", each.upper)):
            if seconds is not None:
                yield (each.node, bound), seconds


def _seconds(moment: int | None) -> float | None:
    return None if moment is None else moment / 1e9


OVERFLOW = "podtimeline_series_overflow_total"
_STREAM, _SINK = ("stream", "namespace"), ("sink",)
_C, _G = MetricType.COUNTER, MetricType.GAUGE

METRICS: tuple[MetricRow, ...] = (
    MetricRow(Metric.STARTUP, MetricType.HISTOGRAM, _WORKLOAD,
              "From a pod's creation to the first time it was Ready."),
    MetricRow(Metric.ENDPOINT, MetricType.HISTOGRAM, _WORKLOAD,
              "From a pod's creation to its ready address in an EndpointSlice of every Service that selects it."),
    MetricRow(Metric.PHASE, MetricType.HISTOGRAM, (*_WORKLOAD, "phase"),
              "Time on a pod's critical path, by phase; the phases of each leg (request, start, termination) sum to "
              "its length."),
    MetricRow(Metric.TERMINATION, MetricType.HISTOGRAM, _WORKLOAD,
              "From the request to delete a pod to the removal of its object."),
    MetricRow(Metric.IMAGE_PULL, MetricType.HISTOGRAM, _WORKLOAD,
              "Duration of an image pull, without time spent waiting for other pulls; images already on the node do "
              "not count."),
    MetricRow(Metric.ENDPOINT_REMOVAL, MetricType.HISTOGRAM, _WORKLOAD,
              "From the request to delete a pod until its address was no longer ready, for each EndpointSlice."),
    MetricRow(Metric.LOST_TRAFFIC, MetricType.HISTOGRAM, _WORKLOAD,
              "Time that an address was certainly still ready after its container had ended, for each EndpointSlice."),
    MetricRow(OVERFLOW, _C, ("metric",),
              "Observations beyond the limit of series, counted under the label value other, since the process "
              "started."),
    MetricRow("podtimeline_series_displaced_total", _C, ("metric",),
              "Series of existing workloads that were removed to make room for other workloads, since the process "
              "started."),
    MetricRow("podtimeline_pods_in_phase", _G, ("phase",), "Number of pods that are currently in a phase.",
              lambda now: (((phase.value,), count) for phase, count in now.in_phase.items())),
    MetricRow("podtimeline_oldest_pod_in_phase_seconds", _G, ("phase",),
              "Time that the longest-waiting pod has spent in its current phase; absent while no pod is in the phase.",
              lambda now: (((phase.value,), age) for phase, age in now.oldest.items())),
    MetricRow("podtimeline_pods_unschedulable", _G, ("reason",),
              "Number of pods that are currently unschedulable, by the scheduler's reasons; a pod can have several.",
              lambda now: (((obstacle.value,), count) for obstacle, count in now.unschedulable.items())),
    MetricRow("podtimeline_workload_create_failures_total", _C, _WORKLOAD,
              "Number of pods, or of their controllers, whose creation was refused by a quota, by admission or "
              "otherwise.",
              lambda now: (((each.namespace, each.kind, each.workload), each.total) for each in now.refused)),
    MetricRow("podtimeline_tracked_pods", _G, ("state",), "Number of pod records in memory, by state.",
              lambda now: (((state,), count) for state, count in now.tracker.tracked.items())),
    MetricRow("podtimeline_pods_settled_total", _C, (), "Number of pods whose start is over.",
              _one(lambda now: now.tracker.settled)),
    MetricRow("podtimeline_pods_closed_total", _C, (),
              "Number of pods that were removed.", _one(lambda now: now.tracker.closed)),
    MetricRow("podtimeline_pods_vanished_total", _C, (),
              "Number of pods that were removed while the stream was interrupted.",
              _one(lambda now: now.tracker.vanished)),
    MetricRow("podtimeline_clock_contradictions_total", _C, (),
              "Number of finished timelines with contradicting clocks.",
              _one(lambda now: now.tracker.contradictions)),
    MetricRow("podtimeline_node_clock_offset_seconds", _G, ("node",),
              "Offset of a node's clock from the operator's, positive if ahead; estimated from the Events of the "
              "last 10 minutes.",
              _offsets),
    MetricRow("podtimeline_node_clock_offset_bound_seconds", _G, ("node", "bound"),
              "Lower and upper bound of the offset of a node's clock; the clock is off if 0 is not between them.",
              _offset_bounds),
    MetricRow("podtimeline_node_clock_steps_total", _C, ("node",), "Number of observed adjustments of a node's clock.",
              lambda now: (((each.node,), each.steps) for each in now.clocks)),
    MetricRow("podtimeline_late_observations_total", _C, (),
              "Number of observations of pods that had already been forgotten.",
              _one(lambda now: now.tracker.late)),
    MetricRow("podtimeline_orphans_dropped_total", _C, (),
              "Number of pods that Events or EndpointSlices referred to and that were not seen in time.",
              _one(lambda now: now.tracker.orphans_dropped)),
    MetricRow("podtimeline_unclaimed_events_total", _C, (),
              "Number of Events that refer to a pod by name and could not be matched in time.",
              _one(lambda now: now.tracker.unclaimed)),
    MetricRow("podtimeline_dropped_total", _C, ("store",),
              "Number of entries dropped because a store was full; see Limits.",
              lambda now: (((store,), count) for store, count in now.dropped.items())),
    MetricRow("podtimeline_mismatched_references_total", _C, ("stream", "reason"),
              "Number of ignored references whose namespace, name, uid or owner does not match the object.",
              lambda now: iter(sorted(now.tracker.mismatched.items()))),
    MetricRow("podtimeline_faults_total", _C, ("step",),
              "Number of failures caused by the content of a single object, pod or row; /api/v1/faults lists them.",
              lambda now: (((step,), count) for step, count in sorted(now.faults.items()))),
    MetricRow("podtimeline_quarantined_pods", _G, (), "Number of pods that could not be fully read or evaluated.",
              _one(lambda now: now.tracker.quarantined)),
    MetricRow("podtimeline_uncommitted_records", _G, (), "Number of changed records that are not yet in the history.",
              _one(lambda now: now.tracker.owed)),
    MetricRow("podtimeline_stream_events_total", _C, _STREAM, "Number of objects and changes read from a stream.",
              _stream(lambda each: each.events)),
    MetricRow("podtimeline_stream_restarts_total", _C, (*_STREAM, "reason"),
              "Number of times that a watch was restarted.",
              _restarts),
    MetricRow("podtimeline_stream_relists_total", _C, _STREAM, "Number of times that a stream had to be relisted.",
              _stream(lambda each: each.relists)),
    MetricRow("podtimeline_stream_malformed_total", _C, _STREAM,
              "Number of objects of a stream that could not be decoded.",
              _stream(lambda each: each.malformed)),
    MetricRow("podtimeline_stream_last_progress_timestamp_seconds", _G, _STREAM,
              "Time at which a stream was last read; absent before the first read.",
              _stream(lambda each: _seconds(each.last_progress))),
    MetricRow("podtimeline_stream_connected", _G, _STREAM, "Whether a watch is open (1) or not (0).",
              _stream(lambda each: each.connected)),
    MetricRow("podtimeline_stream_listed", _G, _STREAM, "Whether a stream has been listed completely (1) or not (0).",
              _stream(lambda each: each.listed)),
    MetricRow("podtimeline_stream_unreadable", _G, (*_STREAM, "code"),
              "1 while the API server refuses a stream, by HTTP status code; other streams are not affected.",
              lambda now: ((labels, 1) for labels in now.unreadable)),
    MetricRow("podtimeline_sink_queue_length", _G, _SINK, "Number of finished pods waiting to be exported.",
              _sink(lambda each: each.waiting)),
    MetricRow("podtimeline_sink_exported_total", _C, _SINK,
              "Number of finished pods exported.", _sink(lambda each: each.told)),
    MetricRow("podtimeline_sink_dropped_total", _C, _SINK,
              "Number of finished pods not exported because the queue was full.",
              _sink(lambda each: each.dropped)),
    MetricRow("podtimeline_sink_failed_total", _C, _SINK,
              "Number of finished pods not exported because the sink failed.",
              _sink(lambda each: each.failed)),
    MetricRow("podtimeline_sink_lag_seconds", _G, _SINK,
              "Age of the finished pod that is being exported; 0 if there is none.",
              _sink(lambda each: each.lag)),
    MetricRow("podtimeline_store_commits_total", _C, (), "Number of commits to the history.",
              _one(lambda now: now.store.commits)),
    MetricRow("podtimeline_store_commit_duration_seconds", MetricType.SUMMARY, (),
              "Duration of commits to the history.",
              lambda now: iter((((), now.store.commits), ((), now.store.seconds)))),
    MetricRow("podtimeline_store_errors_total", _C, (), "Number of failed reads and writes of the history.",
              _one(lambda now: now.store.errors)),
    MetricRow("podtimeline_store_size_bytes", _G, (), "Size of the data in the history, limited by retention_bytes.",
              _one(lambda now: now.store.bytes)),
    MetricRow("podtimeline_store_rows", _G, (),
              "Number of timelines in the history, as of the last cleanup (once a minute).",
              _one(lambda now: now.store.rows)),
    MetricRow("podtimeline_http_requests_total", _C, ("route", "code"),
              "Number of HTTP requests, by route and status code; unknown routes count as other.", _requests),
    MetricRow("podtimeline_http_malformed_requests_total", _C, (),
              "Number of requests that were not HTTP, or had a line or header that was too long.",
              _one(lambda now: now.http.malformed)),
    MetricRow("podtimeline_build_info", _G, ("version", "python_version"),
              "A constant 1, labeled with the version that is running."),
)  # fmt: skip
