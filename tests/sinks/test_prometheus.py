"""The exposition: what a scrape shows, that it fits the formats, and that its names pass the linter's rules."""

import re

import pytest
from prometheus_client import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Exemplar, Sample
from prometheus_client.utils import floatToGoString
from tests.support.lives import at
from tests.support.memory_store import MemoryStore
from tests.support.saved import checkpoint, increment, saved

from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.model.buckets import BOUNDS, COUNT
from podtimeline.model.milestones import Phase
from podtimeline.ports import Increment, Metric
from podtimeline.sinks.histograms import Families, HistogramSeries, HistogramText
from podtimeline.sinks.metrics import METRICS, MetricType
from podtimeline.sinks.prometheus import Exposition
from podtimeline.sinks.telemetry import (
    ClockTelemetry,
    HttpTelemetry,
    RefusedTelemetry,
    SinkTelemetry,
    StoreTelemetry,
    StreamTelemetry,
    Telemetry,
    TrackerTelemetry,
)

Bucket = tuple[str, float] | tuple[str, float, Exemplar]
MARKED = Exemplar({"trace_id": "0af7"}, 0.003, 1.5)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
BUSY = Telemetry(
    in_phase={Phase.SCHEDULING: 3, Phase.IMAGE_PULL: 0},
    unschedulable={Obstacle.CPU: 2, Obstacle.TAINT: 0},
    oldest={Phase.SCHEDULING: 12.5},
    streams=(
        StreamTelemetry(
            stream="pods", events=7, restarts={"gone": 2}, last_progress=at(1), connected=True, listed=True
        ),
        StreamTelemetry(stream="events"),
    ),
    sinks=(SinkTelemetry(sink="log", waiting=1, told=5, dropped=2, failed=1, lag=0.5),),
    store=StoreTelemetry(commits=9, seconds=0.25, errors=1, bytes=4096, rows=11),
    tracker=TrackerTelemetry(tracked={"starting": 2}, contradictions=4),
    clocks=(
        ClockTelemetry(node="node-1", lower=-0.004, upper=0.2, steps=1),
        ClockTelemetry(node="node-2", lower=29.9, upper=None),
    ),
)


def exposition() -> Exposition:
    """An exposition without the process's own metrics."""
    return Exposition(version="1.2.3", process=False)


def count(source: Exposition, *increments: Increment, store: MemoryStore | None = None, when: float = 1) -> None:
    """Commit a pod for each increment, and show what that made of the histograms."""
    store = MemoryStore() if store is None else store
    first = len(store.records)
    pods = (saved(f"uid-{first + number}", each) for number, each in enumerate(increments))
    source.count(store.commit(checkpoint(*pods, when=when)), at=at(when))


def scraped(source: Exposition, accept: str = OPENMETRICS, *, now: Telemetry = BUSY) -> dict[str, Family]:
    """The families of one scrape of that moment, as a parser reads them."""
    content_type, body = source.render(now, accept)
    parse = parse_openmetrics if content_type.startswith("application/openmetrics") else parse_text
    return {each.name: each for each in parse(body.decode())}


def samples(source: Exposition, name: str, accept: str = OPENMETRICS, *, now: Telemetry = BUSY) -> list[Sample]:
    """The samples of that name."""
    return [
        each for family in scraped(source, accept, now=now).values() for each in family.samples if each.name == name
    ]


def values(source: Exposition, name: str, *, now: Telemetry = BUSY) -> dict[tuple[str, ...], float]:
    """The samples of that name by their label values, in the order of the label names."""
    found = samples(source, name, now=now)
    return {tuple(value for _, value in sorted(each.labels.items())): each.value for each in found}


@pytest.mark.parametrize(("accept", "kind"), [("", "text/plain"), (OPENMETRICS, "application/openmetrics-text")])
def test_a_scrape_parses_and_shows_every_metric_of_the_table(accept: str, kind: str) -> None:
    """Both formats are read by the library's own parsers, and no metric is missing or of another type."""
    source = exposition()
    count(source, *[increment(each, phase=Phase.RUN if each is Metric.PHASE else None) for each in Metric], when=1)
    content_type, _ = source.render(BUSY, accept)
    assert content_type.startswith(kind)
    families = scraped(source, accept)
    expected = {row.name.removesuffix("_total"): row.kind.value for row in METRICS}
    assert {name: family.type for name, family in families.items()} == expected


def test_increments_show_as_cumulative_buckets_with_sum_and_count() -> None:
    """Bucket counts add up from bound to bound."""
    source = exposition()
    count(source, increment(seconds=0.3), increment(seconds=0.4), increment(seconds=7), when=1)
    name = Metric.STARTUP.value
    buckets = {each.labels["le"]: each.value for each in samples(source, f"{name}_bucket")}
    assert len(buckets) == len(BOUNDS) + 1
    assert (buckets["0.25"], buckets["0.5"], buckets["6.0"], buckets["8.0"], buckets["+Inf"]) == (0, 2, 2, 3, 3)
    assert values(source, f"{name}_count") == {("shop", "web", "Deployment"): 3}
    assert values(source, f"{name}_sum")["shop", "web", "Deployment"] == pytest.approx(7.7)


def test_exemplars_carry_the_trace_and_only_openmetrics_shows_them() -> None:
    """The latest pod of a bucket can be found from the graph."""
    source = exposition()
    count(source, increment(seconds=7), when=3)
    marked = [each for each in samples(source, f"{Metric.STARTUP.value}_bucket") if each.exemplar]
    assert [each.labels["le"] for each in marked] == ["8.0"]
    (exemplar,) = [each.exemplar for each in marked if each.exemplar]
    assert exemplar.labels == {"trace_id": "0af7651916cd43dd8448eb211c80319c"}
    assert (exemplar.value, float(exemplar.timestamp or 0)) == (7, at(3) / 1e9)
    assert b"trace_id" not in exposition_text(source)


def exposition_text(source: Exposition) -> bytes:
    """A scrape in the text format."""
    _, body = source.render(BUSY, "text/plain")
    return body


def test_what_workloads_were_refused_is_a_counter_by_workload() -> None:
    """As the tracker counts it, restored after a restart."""
    refused = (
        RefusedTelemetry(namespace="shop", kind="Deployment", workload="web", total=12),
        RefusedTelemetry(namespace="other", kind="other", workload="other", total=3),
    )
    found = values(exposition(), "podtimeline_workload_create_failures_total", now=Telemetry(refused=refused))
    assert found == {("shop", "web", "Deployment"): 12, ("other", "other", "other"): 3}


def test_beyond_the_limit_workloads_are_counted_as_other() -> None:
    """The third workload goes to other, which is counted; the first two keep their series."""
    source = exposition()
    count(source, *(increment(workload=each) for each in ("a", "b", "c", "a", "d")), store=MemoryStore(series_limit=2))
    counts = values(source, f"{Metric.STARTUP.value}_count")
    assert counts == {
        ("shop", "a", "Deployment"): 2,
        ("shop", "b", "Deployment"): 1,
        ("other", "other", "other"): 2,
    }
    assert values(source, "podtimeline_series_overflow_total")[(Metric.STARTUP.value,)] == 2


def test_other_keeps_the_phase() -> None:
    """Beyond the limit the phase is still told apart."""
    source = exposition()
    phases = (Phase.RUN, Phase.SANDBOX, Phase.SCHEDULING)
    count(source, *(increment(Metric.PHASE, phase=each) for each in phases), store=MemoryStore(series_limit=1))
    found = [(each.labels["workload"], each.labels["phase"]) for each in samples(source, f"{Metric.PHASE.value}_count")]
    assert found == [("web", "run"), ("other", "sandbox"), ("other", "scheduling")]


def test_after_a_restart_a_scrape_shows_what_there_would_be_without_one() -> None:
    """Both show what the history holds."""
    store = MemoryStore(series_limit=3)
    steady = exposition()
    names = ["b", "c", "a", "d", "b", "e", "a"]
    count(steady, *(increment(workload=name) for name in names[:5]), store=store)
    restarted = exposition()
    restarted.restore(store.restore().histograms)
    more = store.commit(checkpoint(*(saved(f"more-{name}", increment(workload=name)) for name in names[5:])))
    for each in (steady, restarted):
        each.count(more, at=at(2))
    name = f"{Metric.STARTUP.value}_count"
    assert values(restarted, name) == values(steady, name)
    assert sum(values(restarted, name).values()) == len(names)


def test_a_series_that_is_freed_shows_no_more_and_begins_at_0_when_it_returns() -> None:
    """Prometheus takes that for a counter reset; a series that made room for another is counted."""
    store, source, name = MemoryStore(series_limit=2), exposition(), f"{Metric.STARTUP.value}_count"
    pod = saved("run", increment(workload="a"), closed=True)
    source.count(store.commit(checkpoint(pod, saved("web", increment(workload="b")))), at=at(1))
    assert values(source, name) == {("shop", "a", "Deployment"): 1, ("shop", "b", "Deployment"): 1}
    source.count(store.commit(checkpoint(when=912)), at=at(912))
    assert values(source, name) == {("shop", "b", "Deployment"): 1}
    source.count(store.commit(checkpoint(saved("again", increment(workload="a")), when=913)), at=at(913))
    assert values(source, name) == {("shop", "b", "Deployment"): 1, ("shop", "a", "Deployment"): 1}
    displaced = "podtimeline_series_displaced_total"
    assert values(source, displaced)[(Metric.STARTUP.value,)] == 0
    source.count(store.commit(checkpoint(saved("new", increment(namespace="till")), when=914)), at=at(914))
    assert values(source, name) == {("shop", "a", "Deployment"): 1, ("till", "web", "Deployment"): 1}
    assert values(source, displaced)[(Metric.STARTUP.value,)] == 1


def test_a_nodes_clock_shows_with_the_bounds_that_are_known() -> None:
    """The near bound is the estimate; a bound that nothing gives is absent, not 0."""
    source = exposition()
    assert values(source, "podtimeline_node_clock_offset_seconds") == {("node-1",): -0.004, ("node-2",): 29.9}
    assert values(source, "podtimeline_node_clock_offset_bound_seconds") == {
        ("lower", "node-1"): -0.004,
        ("upper", "node-1"): 0.2,
        ("lower", "node-2"): 29.9,
    }
    assert values(source, "podtimeline_node_clock_steps_total") == {("node-1",): 1, ("node-2",): 0}


def test_gauges_show_the_moment_of_the_scrape() -> None:
    """Each scrape has numbers of its own; what nobody is in has a count of 0 and no age."""
    source = exposition()
    first = scraped(source)
    assert [each.value for each in first["podtimeline_pods_in_phase"].samples] == [3, 0]
    assert [each.labels for each in first["podtimeline_oldest_pod_in_phase_seconds"].samples] == [
        {"phase": "scheduling"}
    ]
    later = Telemetry(in_phase={Phase.RUN: 1})
    assert values(source, "podtimeline_pods_in_phase", now=later) == {("run",): 1}
    assert [each.value for each in first["podtimeline_pods_unschedulable"].samples] == [2, 0]
    assert [each.labels["reason"] for each in first["podtimeline_pods_unschedulable"].samples] == ["cpu", "taint"]


def test_the_operator_tells_of_itself() -> None:
    """Streams, sinks, the store, clocks and the version are there with their values; unknown moments are not."""
    source = exposition()
    assert values(source, "podtimeline_stream_restarts_total") == {("", "gone", "pods"): 2}
    assert values(source, "podtimeline_stream_last_progress_timestamp_seconds") == {("", "pods"): at(1) / 1e9}
    assert values(source, "podtimeline_stream_connected") == {("", "pods"): 1, ("", "events"): 0}
    assert values(source, "podtimeline_sink_dropped_total") == {("log",): 2}
    assert values(source, "podtimeline_sink_lag_seconds") == {("log",): 0.5}
    assert values(source, "podtimeline_store_commit_duration_seconds_sum") == {(): 0.25}
    assert values(source, "podtimeline_store_commit_duration_seconds_count") == {(): 9}
    assert values(source, "podtimeline_clock_contradictions_total") == {(): 4}
    assert [each.labels["version"] for each in samples(source, "podtimeline_build_info")] == ["1.2.3"]


def test_http_requests_are_counted_by_route_and_status() -> None:
    """What was no HTTP at all has a counter of its own."""
    now = Telemetry(http=HttpTelemetry({("/metrics", 200): 3, ("other", 404): 1}, malformed=7))
    requests = values(exposition(), "podtimeline_http_requests_total", now=now)
    assert requests == {("200", "/metrics"): 3, ("404", "other"): 1}
    assert values(exposition(), "podtimeline_http_malformed_requests_total", now=now) == {(): 7}


def test_the_process_is_there_too() -> None:
    """CPU, memory and file descriptors come from the library."""
    source = Exposition(version="1")
    assert values(source, "process_resident_memory_bytes")[()] > 0


def test_a_label_can_hold_anything() -> None:
    """Quotes, backslashes and line ends in a name do not break the format."""
    source = exposition()
    count(source, increment(workload='a"b\\c\nd ü'), when=1)
    for accept in ("", OPENMETRICS):
        (sample,) = samples(source, f"{Metric.STARTUP.value}_count", accept)
        assert sample.labels["workload"] == 'a"b\\c\nd ü'


@pytest.mark.parametrize("escaping", ["", "; escaping=allow-utf-8", "; escaping=dots", "; escaping=values"])
@pytest.mark.parametrize("accept", ["text/plain; version=1.0.0", OPENMETRICS])
def test_histograms_are_written_as_the_library_writes_them(accept: str, escaping: str) -> None:
    """Byte by byte: escapes, counts beyond a million, exemplars; placeholders in a name stay what they are."""
    row = next(each for each in METRICS if each.name == Metric.PHASE)
    series = {
        ('a"b\\c\nd %s ü', "\ue0000\ue001", "\ue0002\ue001", "run"): HistogramSeries((1,) * COUNT, 0.1, {3: MARKED}),
        ("shop", "Deployment", "web", "run"): HistogramSeries((999_999, 1, *(0,) * (COUNT - 2)), 1e9),
        ("shop", "Deployment", "none", "run"): HistogramSeries(),
    }
    encode, _ = choose_encoder(accept + escaping)
    family = HistogramMetricFamily(row.name, row.help, labels=row.labels, unit=row.unit)
    for labels, each in series.items():
        running, counts = 0, list[Bucket]()
        for index, edge in enumerate((*map(floatToGoString, BOUNDS), "+Inf")):
            running += each.counts[index]
            exemplar = each.exemplars.get(index)
            counts.append((edge, running) if exemplar is None else (edge, running, exemplar))
        family.add_metric(labels, counts, each.sum)
    expected = encode(Families([family])).removesuffix(b"# EOF\n")
    assert HistogramText(row, encode).render(series.items()) == expected


def test_names_keep_the_rules_of_prometheus() -> None:
    """What promtool's linter asks of names, types and units, checked on the table itself."""
    names = [row.name for row in METRICS]
    assert len(names) == len(set(names))
    for row in METRICS:
        assert re.fullmatch(r"podtimeline_[a-z0-9]+(_[a-z0-9]+)*", row.name)
        assert row.name.endswith("_total") == (row.kind is MetricType.COUNTER)
        assert not re.search(
            r"_(ms|milliseconds|minutes|hours|kb|mb|percent|count|sum|bucket|gauge|histogram)(_|$)", row.name
        )
        assert row.unit or row.kind not in (MetricType.HISTOGRAM, MetricType.SUMMARY)
        assert row.help.endswith(".")
        assert not {"le", "pod", "uid", "image", "job", "instance"} & set(row.labels)
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in row.labels)
