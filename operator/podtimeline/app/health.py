"""Whether the process is alive and ready, from what its parts say.

Liveness fails only where a restart helps: a task ended, which nothing starts again, or an event loop is stuck. The loop
that answers ``/healthz`` needs no rule here: while it is stuck, the probe gets no answer and times out. The loop of
kopf runs on a thread of its own and is looked at. No restart brings back an API server that is away: that makes the
operator unready, with reasons.

What the API server refuses to the operator is told by the same probe, but makes it unready only where no pod at all can
be read: to wait does not bring the right, and whatever can be read is followed, and answered.
"""

from collections.abc import Callable, Iterator, Sequence

from podtimeline.intake.failures import Failure
from podtimeline.intake.faults import REFUSALS
from podtimeline.intake.operator import FrameHealth
from podtimeline.intake.streams import StreamHealth
from podtimeline.ports import Clock, Stream

_STUCK_SECONDS = 60.0


class Watcher:
    """Judges the parts. A stream that was never read counts from the start of the process."""

    def __init__(
        self,
        *,
        clock: Clock,
        stale_after: float,
        streams: Callable[[], Sequence[StreamHealth]],
        frame: Callable[[], FrameHealth | None],
        ended: Callable[[], Sequence[str]],
    ) -> None:
        """``stale_after`` is in seconds; ``ended`` names the tasks that ended although they never should."""
        self._clock = clock
        self._since = clock.now()
        self._stale_after = stale_after
        self._streams = streams
        self._frame = frame
        self._ended = ended

    def dead(self) -> list[str]:
        """Why the process should be started anew; empty while it is alive."""
        reasons, frame = [f"task {name} ended" for name in self._ended()], self._frame()
        if frame is not None and frame.unresponsive > _STUCK_SECONDS:
            reasons.append(f"the thread of kopf has not responded for {frame.unresponsive:.0f} s")
        return reasons

    def unready(self) -> list[str]:
        """Why what it answers is not complete or not current; empty once all that can be read is followed."""
        return [*self.dead(), *self._unlisted(), *self._stale(), *self._failing()]

    def degraded(self) -> list[str]:
        """What cannot be read, as it is refused, by namespace; all else is followed, and answered."""
        refused: dict[tuple[str | None, int], list[str]] = {}
        for name, namespace, code in self._refused():
            refused.setdefault((namespace, code), []).append(name)
        return [
            f"{', '.join(names)}{'' if namespace is None else f' of {namespace}'} cannot be read: {REFUSALS[code]}"
            for (namespace, code), names in refused.items()
        ]

    def _refused(self) -> Iterator[tuple[str, str | None, int]]:
        frame = self._frame()
        for stream in self._streams():
            if stream.refused is not None:
                yield stream.stream, stream.namespace, stream.refused
        for collection, code in sorted(() if frame is None else frame.left_out.items(), key=str):
            yield collection.kind, collection.namespace, code
        for name, failure in sorted(() if frame is None else frame.failing.items()):
            if failure.refused is not None:
                yield name, None, failure.refused

    def _unlisted(self) -> Iterator[str]:
        streams, frame = self._streams(), self._frame()
        if not streams:
            yield "streams are not started yet"
        elif all(each.refused is not None for each in streams if each.stream == Stream.PODS):
            yield "no pods can be read"
        for each in streams:
            if not each.listed and each.refused is None:
                yield f"stream {_name(each)} is not listed yet{_why(each.failure)}"
        if frame is None or not frame.complete:
            yield "owners and Services are not listed yet"

    def _stale(self) -> Iterator[str]:
        for each in self._streams():
            age = self._age(each.last_progress)
            if age > self._stale_after and each.refused is None:
                yield f"stream {_name(each)} has not been read for {age:.0f} s{_why(each.failure)}"

    def _failing(self) -> Iterator[str]:
        frame = self._frame()
        requests = {} if frame is None else frame.failing
        failing = sorted((each.since, name) for name, each in requests.items() if each.refused is None)
        lasting = [name for since, name in failing if self._age(since) > self._stale_after]
        if frame is not None and lasting:
            failure = frame.failing[lasting[0]]
            more = f", and {len(lasting) - 1} more" if lasting[1:] else ""
            yield f"{lasting[0]} has failed for {self._age(failure.since):.0f} s{more}{_why(failure)}"

    def _age(self, moment: int | None) -> float:
        return (self._clock.now() - (self._since if moment is None else moment)) / 1e9


def _why(failure: Failure | None) -> str:
    return "" if failure is None else f": {failure.text}"


def _name(stream: StreamHealth) -> str:
    return stream.stream if stream.namespace is None else f"{stream.stream} of {stream.namespace}"
