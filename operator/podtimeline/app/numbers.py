"""The numbers of all parts at one moment, in the shape that the exposition takes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.bounded import Kept
from podtimeline.kube.reflector import StreamHealth
from podtimeline.ports import StoreNumbers, Stream
from podtimeline.quarantine import Operation
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
from podtimeline.tracking.clocks import ClockNumbers
from podtimeline.tracking.fanout import Outlet
from podtimeline.tracking.survey import Survey
from podtimeline.tracking.tracker import Tracker
from podtimeline.web.numbers import HttpNumbers


@dataclass(frozen=True, slots=True)
class Sample:
    """What the event loop has copied for one scrape; the rest may be done in another thread."""

    now: int
    survey: Survey
    streams: tuple[StreamTelemetry, ...]
    sinks: tuple[SinkTelemetry, ...]
    store: StoreTelemetry
    tracker: TrackerTelemetry
    refusals: tuple[Refusal, ...]
    clocks: tuple[ClockNumbers, ...]
    http: HttpTelemetry
    unreadable: tuple[tuple[str, str, str], ...]
    faults: Mapping[Operation, int]
    dropped: Mapping[Kept, int]

    def telemetry(self) -> Telemetry:
        """All of it, of any thread."""
        phases = self.survey.phases(self.now)
        return Telemetry(
            in_phase=phases.in_phase,
            oldest=phases.oldest,
            unschedulable=phases.unschedulable,
            streams=self.streams,
            sinks=self.sinks,
            store=self.store,
            tracker=self.tracker,
            refused=tuple(_refused(each) for each in self.refusals),
            clocks=tuple(_clock(each) for each in self.clocks),
            http=self.http,
            unreadable=self.unreadable,
            dropped={kept.value: count for kept, count in self.dropped.items()},
            faults={step.value: count for step, count in self.faults.items()},
        )


def read(
    *,
    now: int,
    tracker: Tracker,
    survey: Survey,
    streams: Iterable[StreamHealth],
    outlets: Iterable[Outlet],
    store: StoreNumbers,
    contradictions: int,
    refusals: Iterable[Refusal],
    http: HttpNumbers,
) -> Sample:
    """Copy everything, on the thread of the event loop; ``survey`` has been taken."""
    health = tuple(streams)
    return Sample(
        now=now,
        survey=survey,
        streams=tuple(map(_stream, health)),
        sinks=tuple(_sink(each) for each in outlets),
        store=StoreTelemetry(
            commits=store.commits, seconds=store.seconds, errors=store.errors, bytes=store.bytes, rows=store.rows
        ),
        tracker=_tracker(tracker, contradictions),
        refusals=tuple(refusals),
        clocks=tuple(tracker.clocks.numbers()),
        http=HttpTelemetry(Counter(http.requests), http.malformed),
        unreadable=tuple(_unreadable(health)),
        faults=tracker.quarantine.counts,
        dropped=tracker.losses.counts,
    )


def _tracker(tracker: Tracker, contradictions: int) -> TrackerTelemetry:
    situation, counted = tracker.situation(), tracker.numbers
    return TrackerTelemetry(
        tracked={stage.value: count for stage, count in situation.tracked.items()},
        owed=situation.owed,
        settled=counted.settled,
        closed=counted.closed,
        vanished=counted.vanished,
        late=counted.late,
        orphans_dropped=counted.orphans_dropped,
        unclaimed=counted.unclaimed,
        mismatched={(stream.value, why.value): count for (stream, why), count in counted.mismatched.items()},
        quarantined=situation.quarantined,
        contradictions=contradictions,
    )


def _refused(refusal: Refusal) -> RefusedTelemetry:
    return RefusedTelemetry(
        namespace=refusal.namespace, kind=refusal.workload.kind, workload=refusal.workload.name, total=refusal.total
    )


def _clock(clock: ClockNumbers) -> ClockTelemetry:
    low, high = (None if bound is None else bound / 1e9 for bound in (clock.offset.low, clock.offset.high))
    return ClockTelemetry(node=clock.node, lower=low, upper=high, steps=clock.steps)


def _stream(health: StreamHealth) -> StreamTelemetry:
    return StreamTelemetry(
        stream=health.stream,
        namespace=health.namespace or "",
        events=health.events,
        restarts={reason.value: count for reason, count in health.restarts.items()},
        relists=health.relists,
        malformed=health.malformed,
        last_progress=health.last_progress,
        connected=health.connected,
        listed=health.listed,
    )


def unread(streams: Iterable[StreamHealth]) -> frozenset[str]:
    """The namespaces whose pods cannot be read: what those do now is not known."""
    pods = (each for each in streams if each.stream == Stream.PODS and each.refused is not None)
    return frozenset(each.namespace for each in pods if each.namespace is not None)


def _unreadable(streams: Iterable[StreamHealth]) -> Iterator[tuple[str, str, str]]:
    for each in streams:
        if each.refused is not None:
            yield each.stream, each.namespace or "", str(each.refused)


def _sink(outlet: Outlet) -> SinkTelemetry:
    return SinkTelemetry(
        sink=outlet.name,
        waiting=outlet.waiting,
        told=outlet.told,
        dropped=outlet.dropped,
        failed=outlet.failed,
        lag=outlet.lag,
    )
