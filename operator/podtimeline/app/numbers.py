"""The numbers of all parts at one moment, in the shape that the exposition takes."""

from collections.abc import Iterable, Iterator

from podtimeline.core.refusals import Refusal
from podtimeline.intake.operator import FrameHealth
from podtimeline.intake.streams import StreamHealth
from podtimeline.ports import Stream
from podtimeline.sinks.telemetry import (
    ClockTelemetry,
    KopfTelemetry,
    RefusedTelemetry,
    SinkTelemetry,
    StoreTelemetry,
    StreamTelemetry,
    Telemetry,
    TrackerTelemetry,
)
from podtimeline.store.sqlite import StoreNumbers
from podtimeline.tracking.clocks import ClockNumbers
from podtimeline.tracking.fanout import Outlet
from podtimeline.tracking.tracker import Tracker


def telemetry(
    *,
    now: int,
    tracker: Tracker,
    streams: Iterable[StreamHealth],
    frame: FrameHealth | None,
    outlets: Iterable[Outlet],
    store: StoreNumbers,
    contradictions: int,
    refusals: Iterable[Refusal] = (),
) -> Telemetry:
    """Read everything, on the thread of the event loop."""
    hot = tuple(streams)
    situation, counted = tracker.situation(now, unread=_unread(hot)), tracker.numbers
    return Telemetry(
        in_phase=situation.in_phase,
        oldest=situation.oldest,
        unschedulable=situation.unschedulable,
        streams=(*(_stream(each) for each in hot), *_kinds(frame)),
        unreadable=tuple(_unreadable(hot, frame)),
        sinks=tuple(_sink(each) for each in outlets),
        store=StoreTelemetry(
            commits=store.commits, seconds=store.seconds, errors=store.errors, bytes=store.bytes, rows=store.rows
        ),
        tracker=TrackerTelemetry(
            tracked={stage.value: count for stage, count in situation.tracked.items()},
            owed=situation.owed,
            settled=counted.settled,
            closed=counted.closed,
            vanished=counted.vanished,
            late=counted.late,
            orphans_dropped=counted.orphans_dropped,
            unclaimed=counted.unclaimed,
            mismatched={(stream.value, why.value): count for (stream, why), count in counted.mismatched.items()},
            contradictions=contradictions,
        ),
        refused=tuple(_refused(each) for each in refusals),
        clocks=tuple(_clock(each) for each in tracker.clocks.numbers()),
        kopf=_kopf(frame),
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


def _kinds(frame: FrameHealth | None) -> Iterator[StreamTelemetry]:
    for kind, health in ({} if frame is None else frame.kinds).items():
        yield StreamTelemetry(
            stream=kind,
            events=health.events,
            malformed=health.malformed,
            listed=health.listed,
            connected=None,
            relists=None,
        )


def _unread(streams: Iterable[StreamHealth]) -> frozenset[str]:
    pods = (each for each in streams if each.stream == Stream.PODS and each.refused is not None)
    return frozenset(each.namespace for each in pods if each.namespace is not None)


def _unreadable(streams: Iterable[StreamHealth], frame: FrameHealth | None) -> Iterator[tuple[str, str, str]]:
    for each in streams:
        if each.refused is not None:
            yield each.stream, each.namespace or "", str(each.refused)
    for collection, code in ({} if frame is None else frame.left_out).items():
        yield collection.kind, collection.namespace or "", str(code)


def _kopf(frame: FrameHealth | None) -> KopfTelemetry:
    if frame is None:
        return KopfTelemetry()
    restarts = {end.value: count for end, count in frame.restarts.items()}
    return KopfTelemetry(requests=frame.requests, failing=len(frame.failing), restarts=restarts)


def _sink(outlet: Outlet) -> SinkTelemetry:
    return SinkTelemetry(
        sink=outlet.name,
        waiting=outlet.waiting,
        told=outlet.told,
        dropped=outlet.dropped,
        failed=outlet.failed,
        lag=outlet.lag,
    )
