"""The Grafana dashboard: what is asked, in the words of the operator's own tables of phases and metrics."""

import json
from collections.abc import Sequence

from chartkit.grafana import (
    SCHEMA_VERSION,
    Json,
    Panel,
    Query,
    Row,
    by_name,
    choice,
    datasource,
    legend,
    lines,
    placed,
    reduced,
    variable,
)
from podtimeline.model.milestones import PHASES, Leg, Phase
from podtimeline.ports import Metric

_CHOSEN = 'namespace=~"$namespace",workload=~"$workload"'
_WORKLOAD = "namespace, workload_kind, workload"
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
# Waiting for nothing: a Job at work, a pod on its way out.
_NOT_WAITING = 'phase!~"{}"'.format(
    "|".join(each.phase for each in PHASES.values() if each.phase is Phase.RUN or each.leg is Leg.TERMINATION)
)
_COLOURS: dict[Phase, str] = {
    Phase.OWNER_CONTROLLER: "#909090",
    Phase.PREDECESSOR: "#b877d9",
    Phase.REPLACEMENT: "#8f3bb8",
    Phase.POD_CREATION: "#5794f2",
    Phase.SCHEDULING_GATES: "#ff7383",
    Phase.SCHEDULING: "blue",
    Phase.UNSCHEDULABLE: "#c4162a",
    Phase.PREEMPTION: "#f2495c",
    Phase.NODE_PROVISIONING: "#ffb357",
    Phase.NODE_START: "#e0b400",
    Phase.VOLUME_PROVISIONING: "#96d98d",
    Phase.SCHEDULING_RETRY: "#8ab8ff",
    Phase.KUBELET_ADMISSION: "light-blue",
    Phase.VOLUME_ATTACH: "#56a64b",
    Phase.VOLUME_REPORT: "#c8f2c2",
    Phase.VOLUME_MOUNT: "#37872d",
    Phase.SANDBOX_RETRIES: "#ad0317",
    Phase.SANDBOX: "super-light-blue",
    Phase.KUBELET_SYNC: "#808080",
    Phase.IMAGE_QUEUE: "light-purple",
    Phase.IMAGE_BACKOFF: "#e02f44",
    Phase.IMAGE_PULL: "purple",
    Phase.CONTAINER_CREATE: "dark-blue",
    Phase.CONTAINER_START: "semi-dark-blue",
    Phase.PULL_TO_START: "#447ebc",
    Phase.CRASH_LOOP: "#a30000",
    Phase.INIT_RUN: "light-orange",
    Phase.POST_START: "#ff9830",
    Phase.STARTUP_PROBE: "light-green",
    Phase.READINESS_PROBE: "yellow",
    Phase.STATUS_REPORT: "#d8d9da",
    Phase.READINESS_GATES: "light-red",
    Phase.ENDPOINT: "green",
    Phase.RUN: "dark-green",
    Phase.TERMINATION_PENDING: "#3d6b8c",
    Phase.CONTAINER_STOP: "#f2cc0c",
    Phase.CLEANUP: "#5a5a5a",
    Phase.FINALIZERS: "#fa6400",
    Phase.ENDPOINT_DRAIN: "#73bf69",
    Phase.VOLUME_DETACH: "#19730e",
    Phase.UNEXPLAINED: "red",
}


def grown(series: str, window: str) -> str:
    """By how much counters grew in a window, those included that appeared in it.

    ``increase`` alone takes the first value of a new series for a start from nowhere, and says 0: the first rollout of
    every workload would be missing.
    """
    before = f"{series} offset {window}"
    return f"((increase({series}[{window}]) and {before}) or ({series} unless {before}))"


def counted(metric: Metric, suffix: str, window: str, *, by: str = "", only: str = "") -> str:
    """A histogram's growth in a window, summed by labels; ``only`` is one more matcher."""
    grouping = f"sum by ({by}) " if by else "sum"
    chosen = f"{_CHOSEN},{only}" if only else _CHOSEN
    return f"{grouping}({grown(f'{metric}_{suffix}{{{chosen}}}', window)})"


def quantile(metric: Metric, share: float, window: str, *, by: str = "", only: str = "") -> str:
    """A quantile of a histogram over a window."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {counted(metric, 'bucket', window, by=labels, only=only)})"


def _of(leg: Leg) -> str:
    """The matcher of a leg's phases; steps that were not observed are of any leg, and shown with the start."""
    if leg is Leg.STARTUP:
        return f'phase!~"{_alternatives(*(each for each in Leg if each is not leg))}"'
    return f'phase=~"{_alternatives(leg)}"'


def _alternatives(*legs: Leg) -> str:
    return "|".join(row.phase for row in PHASES.values() if row.leg in legs)


def _mean(leg: Leg) -> Query:
    """How long a mean pod was in each phase of the leg: phases are disjoint, so that they stack."""
    spent = counted(Metric.PHASE, "sum", "$window", by="phase", only=_of(leg))
    times = f"max({counted(Metric.PHASE, 'count', '$window', by='phase', only=_of(leg))})"
    return Query(f"{spent} / on () group_left () {times}", "{{phase}}")


def _quantiles(metric: Metric, window: str = "$window") -> tuple[Query, ...]:
    return tuple(Query(quantile(metric, share, window), name) for name, share in _QUANTILES)


def _now(expression: str, legend_: str = "__auto") -> Query:
    return Query(expression, legend_, instant=True)


def _column(expression: str) -> Query:
    return Query(expression, instant=True, format="table")


def _phases(*legs: Leg) -> list[Json]:
    """Each phase of the legs under the name and in the colour it has everywhere."""
    return [
        by_name(phase, displayName=row.title, color={"mode": "fixed", "fixedColor": _COLOURS[phase]})
        for phase, row in PHASES.items()
        if row.leg in legs and not row.parallel
    ]


def _table(columns: Sequence[tuple[str, str, str]], labels: Sequence[str], *, sort: str) -> Json:
    """What makes one table of several queries: (letter, title, unit) of each, and the labels that are columns."""
    shown = {f"Value #{letter}": title for letter, title, _ in columns}
    order = {name: index for index, name in enumerate([*labels, *shown])}
    names = {"workload_kind": "kind"}
    return {
        "transformations": [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": order,
                                           "renameByName": {**shown, **names}}},
        ],
        "overrides": [by_name(title, unit=unit) for _, title, unit in columns],
        "options": {"showHeader": True, "sortBy": [{"displayName": sort, "desc": True}]},
    }  # fmt: skip


def _overview() -> Row:
    waiting = f"podtimeline_pods_in_phase{{{_NOT_WAITING}}}"
    oldest = f"podtimeline_oldest_pod_in_phase_seconds{{{_NOT_WAITING}}}"
    starts = [_now(counted(Metric.STARTUP, "count", "$__range"))]
    ranged = [_now(query.expression, query.legend) for query in _quantiles(Metric.STARTUP, "$__range")]
    one = reduced()
    return Row("Starts", (
        Panel("Starts", "stat", "Pods that became Ready in the selected time range.", starts, 4, 4, "short", one),
        Panel("Time to Ready", "stat",
              "Quantiles over the selected time range.", ranged, 10, 4, options=reduced(names=True)),
        Panel("Waiting now", "stat",
              "Pods that are neither ready nor running to completion.", [_now(f"sum({waiting})")], 4, 4,
              "short", one),
        Panel("Longest wait now", "stat", "Time that the longest-waiting pod has spent in its phase.",
              [_now(f"max({oldest})")], 6, 4, options=one, none="no pod is waiting"),
    ))  # fmt: skip


def _startup() -> Row:
    heat = Query(counted(Metric.STARTUP, "bucket", "$__rate_interval", by="le"), "{{le}}", format="heatmap")
    columns = (("A", "starts", "short"), ("B", "p50", "s"), ("C", "p95", "s"), ("D", "p99", "s"),
               ("E", "p95 to endpoint", "s"))  # fmt: skip
    queries = [
        _column(counted(Metric.STARTUP, "count", "$__range", by=_WORKLOAD)),
        *(_column(quantile(Metric.STARTUP, share, "$__range", by=_WORKLOAD)) for _, share in _QUANTILES),
        _column(quantile(Metric.ENDPOINT, 0.95, "$__range", by=_WORKLOAD)),
    ]
    drawn = {"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Oranges", "mode": "scheme", "steps": 64},
             "cellGap": 1, "filterValues": {"le": 1e-9}}  # fmt: skip
    return Row("Time to Ready", (
        Panel("From creation to Ready", "timeseries", "Quantiles of starts within the window.",
              _quantiles(Metric.STARTUP), 8, options=legend("lastNotNull", "max"), custom=lines()),
        Panel("From creation to traffic", "timeseries",
              "To the ready address in the EndpointSlices of every Service that selects the pod.",
              _quantiles(Metric.ENDPOINT), 8, options=legend("lastNotNull", "max"), custom=lines()),
        Panel("Distribution", "heatmap", "Starts by duration.", [heat], 8, options=drawn),
        Panel("By workload", "table",
              "Slowest first. `other` contains workloads beyond the series limit.", queries, 24, 9,
              **_table(columns, ("namespace", "workload_kind", "workload"), sort="p95")),
    ))  # fmt: skip


def _where() -> Row:
    by, only = f"{_WORKLOAD}, phase", _of(Leg.STARTUP)
    top = f"topk(25, {counted(Metric.PHASE, 'sum', '$__range', by=by, only=only)})"
    columns = (("A", "total", "s"), ("B", "p95", "s"))
    worst = f"{quantile(Metric.PHASE, 0.95, '$__range', by=by, only=only)} and {top}"
    p95 = quantile(Metric.PHASE, 0.95, "$__range", by="phase", only=only)
    return Row("Where the time goes", (
        Panel("Average start by phase", "timeseries",
              "Phases are disjoint: the stack is the duration of an average start.",
              [_mean(Leg.STARTUP)], 14, 9, options=legend("mean"), custom=lines(stacked=True),
              overrides=_phases(Leg.STARTUP)),
        Panel("p95 by phase", "bargauge", "Over the selected time range.", [_now(p95, "{{phase}}")], 10, 9,
              options={**reduced(), "orientation": "horizontal", "displayMode": "basic"},
              overrides=_phases(Leg.STARTUP)),
        Panel("Most time in total", "table", "Where faster starts would save the most time, by workload and phase.",
              [_column(top), _column(worst)], 24, 9,
              **_table(columns, ("namespace", "workload_kind", "workload", "phase"), sort="total")),
    ))  # fmt: skip


def _before() -> Row:
    refused = grown(f"podtimeline_workload_create_failures_total{{{_CHOSEN}}}", "$window")
    return Row("Before pod creation and scheduling", (
        Panel("Average request by phase", "timeseries", "From the request for a pod at its owner to its creation.",
              [_mean(Leg.REQUEST)], 10, options=legend("mean"), custom=lines(stacked=True),
              overrides=_phases(Leg.REQUEST)),
        Panel("Refused pods", "timeseries", "Refusals within the window, by quota, admission or otherwise.",
              [Query(f"sum by ({_WORKLOAD}) ({refused})", "{{namespace}}/{{workload}}")], 7, unit="short",
              options=legend("max"), custom=lines(stacked=True), none="no refusals"),
        Panel("Unschedulable pods", "timeseries", "By the scheduler's reasons; a pod can have several.",
              [Query("podtimeline_pods_unschedulable", "{{reason}}")], 7, unit="short",
              options=legend("lastNotNull", "max"), custom=lines(), none="no unschedulable pods"),
    ))  # fmt: skip


def _stuck() -> Row:
    return Row("Stuck now", (
        Panel("Pods in each phase", "timeseries", "In all namespaces. Running Jobs are in `run`.",
              [Query("podtimeline_pods_in_phase", "{{phase}}")], 12, unit="short", options=legend("lastNotNull", "max"),
              custom=lines(stacked=True), overrides=_phases(*Leg)),
        Panel("Longest time in its phase", "timeseries", "A rising line is a pod that is stuck.",
              [Query("podtimeline_oldest_pod_in_phase_seconds", "{{phase}}")], 12,
              options=legend("lastNotNull", "max"), custom=lines(), overrides=_phases(*Leg), none="no pod is waiting"),
    ))  # fmt: skip


def _images() -> Row:
    pulls = counted(Metric.IMAGE_PULL, "count", "$window", by=_WORKLOAD)
    slowest = f"topk(10, {quantile(Metric.IMAGE_PULL, 0.95, '$__range', by=_WORKLOAD)})"
    name = "{{namespace}}/{{workload}}"
    return Row("Image pulls", (
        Panel("Pull duration", "timeseries", "Without waiting for other pulls; cached images do not count.",
              _quantiles(Metric.IMAGE_PULL), 8, options=legend("lastNotNull", "max"), custom=lines()),
        Panel("Pulls", "timeseries", "Pulls within the window.", [Query(pulls, name)], 8, unit="short",
              options=legend("max"), custom=lines(stacked=True)),
        Panel("Slowest pulls", "bargauge", "p95 over the selected time range.", [_now(slowest, name)], 8,
              options={**reduced(), "orientation": "horizontal", "displayMode": "basic"}),
    ))  # fmt: skip


def _way_back() -> Row:
    lost = f"{counted(Metric.LOST_TRAFFIC, 'sum', '$window')} or vector(0)"
    shown = legend("lastNotNull", "max")
    return Row("Termination", (
        Panel("From deletion to removal", "timeseries", "From the deletion request to the removal of the object.",
              _quantiles(Metric.TERMINATION), 8, options=shown, custom=lines()),
        Panel("From deletion to end of traffic", "timeseries",
              "Until the address was no longer ready, for each EndpointSlice.",
              _quantiles(Metric.ENDPOINT_REMOVAL), 8, options=shown, custom=lines()),
        Panel("Lost traffic", "timeseries",
              "Total time that addresses were certainly still ready after the container had ended.",
              [Query(lost, "lost")], 8, options=shown, custom=lines(bars=True)),
        Panel("Average termination by phase", "timeseries", "From the deletion request to the removal of the object.",
              [_mean(Leg.TERMINATION)], 24, options=legend("mean"), custom=lines(stacked=True),
              overrides=_phases(Leg.TERMINATION)),
    ))  # fmt: skip


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def _lost() -> tuple[Query, ...]:
    """Everything that is told of less, or worse, than it should be."""
    names = {
        "podtimeline_stream_malformed_total": "malformed objects",
        "podtimeline_sink_dropped_total": "dropped, queue full",
        "podtimeline_sink_failed_total": "sink failed",
        "podtimeline_store_errors_total": "history failed",
        "podtimeline_series_overflow_total": "counted as other",
        "podtimeline_late_observations_total": "late observations",
        "podtimeline_unclaimed_events_total": "Events without a pod",
        "podtimeline_orphans_dropped_total": "pods never seen",
        "podtimeline_dropped_total": "dropped, store full",
        "podtimeline_pods_vanished_total": "removed unseen",
        "podtimeline_clock_contradictions_total": "contradicting clocks",
    }
    return tuple(Query(f"sum(increase({name}[$__rate_interval]))", text) for name, text in names.items())


def _health() -> Row:
    small, plain = 8, legend()
    own = "and on (job, instance) podtimeline_build_info"
    commit = "podtimeline_store_commit_duration_seconds"
    mean = f"rate({commit}_sum[$__rate_interval]) / rate({commit}_count[$__rate_interval])"
    return Row("Operator", (
        Panel("Streams", "timeseries", "1 while all watches of a kind are open.",
              [Query("min by (stream) (podtimeline_stream_connected)", "{{stream}}")], small, unit="short",
              options=plain, custom=lines()),
        Panel("Time since last read", "timeseries", "Streams without data for too long are reconnected.",
              [Query("max by (stream) (time() - podtimeline_stream_last_progress_timestamp_seconds)", "{{stream}}")],
              small, options=plain, custom=lines()),
        Panel("Read", "timeseries", "Objects and changes per second.",
              [Query(_rate("podtimeline_stream_events_total", "stream"), "{{stream}}")], small, unit="ops",
              options=plain, custom=lines(stacked=True)),
        Panel("Watch restarts and lists", "timeseries", "Watches restart every few minutes; lists should be rare.",
              [Query("sum by (stream, reason) (increase(podtimeline_stream_restarts_total[$__rate_interval]))",
                     "{{stream}}: {{reason}}"),
               Query("sum by (stream) (increase(podtimeline_stream_relists_total[$__rate_interval]))",
                     "{{stream}}: listed")], small, unit="short", options=plain, custom=lines(bars=True)),
        Panel("Lost or uncertain data", "timeseries", "Everything that was dropped or is uncertain.", _lost(), small,
              unit="short", options=plain, custom=lines(bars=True)),
        Panel("Clocks of nodes", "timeseries", "Offset of each node's clock from the operator's, positive if ahead.",
              [Query("podtimeline_node_clock_offset_seconds", "{{node}}")], small, options=plain, custom=lines(),
              signed=True),
        Panel("Followed", "timeseries", "Records in memory, and finished pods waiting to be exported.",
              [Query("sum by (state) (podtimeline_tracked_pods)", "{{state}}"),
               Query("sum by (sink) (podtimeline_sink_queue_length)", "queue of {{sink}}"),
               Query("podtimeline_uncommitted_records", "not yet committed")], small, unit="short", options=plain,
              custom=lines()),
        Panel("Delays", "timeseries", "Average duration of a commit, and the lag of each sink.",
              [Query(mean, "commit"), Query("max by (sink) (podtimeline_sink_lag_seconds)", "{{sink}}")], small,
              options=plain, custom=lines()),
        Panel("History", "timeseries", "Size of the history, and memory of the process.",
              [Query("podtimeline_store_size_bytes", "history"),
               Query(f"process_resident_memory_bytes {own}", "memory")], small,
              unit="bytes", options=plain, custom=lines()),
        Panel("CPU", "timeseries", "Share of one core.",
              [Query(f"rate(process_cpu_seconds_total[$__rate_interval]) {own}", "{{instance}}")], small,
              unit="percentunit", options=plain, custom=lines()),
    ))  # fmt: skip


def _variables() -> list[Json]:
    counts = f"{Metric.PHASE}_count"
    return [
        datasource(),
        variable("namespace", "Namespace", f"label_values({counts}, namespace)"),
        variable("workload", "Workload", f'label_values({counts}{{namespace=~"$namespace"}}, workload)'),
        choice("window", "Window", ("5m", "15m", "1h", "6h", "1d"), chosen="15m",
               text="The stretch of time that each point of a quantile covers."),
    ]  # fmt: skip


def dashboard() -> str:
    """Return the dashboard as Grafana imports it."""
    rows = (_overview(), _startup(), _where(), _stuck(), _before(), _images(), _way_back(), _health())
    document: Json = {
        "uid": "podtimeline",
        "title": "Podtimeline: starts of pods",
        "description": "Where the time of pods goes, from the request to Ready and to traffic, and during termination.",
        "tags": ["kubernetes", "podtimeline"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": _variables()},
        "annotations": {"list": []},
        "links": [],
        "panels": list(placed(rows)),
    }
    return json.dumps(document, indent=2) + "\n"
