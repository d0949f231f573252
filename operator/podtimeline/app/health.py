"""Whether the process is alive and ready, from what its parts say.

Liveness fails only where a restart helps: a task ended, which nothing starts again, or the event loop is stuck. The
latter needs no rule here: while it is stuck, the probe gets no answer and times out. No restart brings back an API
server that is away: that makes the operator unready, with reasons.

What the API server refuses to the operator is told by the same probe, but makes it unready only where no pod at all can
be read: to wait does not bring the right, and whatever can be read is followed, and answered.
"""

from collections.abc import Callable, Iterator, Sequence

from podtimeline.kube.failures import REFUSALS, Failure
from podtimeline.kube.reflector import StreamHealth
from podtimeline.ports import Clock, Stream


class Watcher:
    """Judges the parts. A stream that was never read counts from the start of the process."""

    def __init__(
        self,
        *,
        clock: Clock,
        stale_after: float,
        streams: Callable[[], Sequence[StreamHealth]],
        ended: Callable[[], Sequence[str]],
    ) -> None:
        """``stale_after`` is in seconds; ``ended`` names the tasks that ended although they never should."""
        self._clock = clock
        self._since = clock.now()
        self._stale_after = stale_after
        self._streams = streams
        self._ended = ended

    def dead(self) -> list[str]:
        """Why the process should be started anew; empty while it is alive."""
        return [f"task {name} ended" for name in self._ended()]

    def unready(self) -> list[str]:
        """Why what it answers is not complete or not current; empty once all that can be read is followed."""
        return [*self.dead(), *self._unlisted(), *self._stale()]

    def degraded(self) -> list[str]:
        """What cannot be read, as it is refused, by namespace; all else is followed, and answered."""
        refused: dict[tuple[str | None, int], list[str]] = {}
        for each in self._streams():
            if each.refused is not None:
                refused.setdefault((each.namespace, each.refused), []).append(each.stream)
        return [
            f"{', '.join(names)}{'' if namespace is None else f' of {namespace}'} cannot be read: {REFUSALS[code]}"
            for (namespace, code), names in refused.items()
        ]

    def _unlisted(self) -> Iterator[str]:
        streams = self._streams()
        if not streams:
            yield "streams have not started yet"
        elif all(each.refused is not None for each in streams if each.stream == Stream.PODS):
            yield "no pods can be read"
        for each in streams:
            if not each.listed and each.refused is None:
                yield f"stream {_name(each)} has not been listed yet{_why(each.failure)}"

    def _stale(self) -> Iterator[str]:
        for each in self._streams():
            age = self._age(each.last_progress)
            if age > self._stale_after and each.refused is None:
                yield f"stream {_name(each)} has not been read for {age:.0f} s{_why(each.failure)}"

    def _age(self, moment: int | None) -> float:
        return (self._clock.now() - (self._since if moment is None else moment)) / 1e9


def _why(failure: Failure | None) -> str:
    return "" if failure is None else f": {failure.text}"


def _name(stream: StreamHealth) -> str:
    return stream.stream if stream.namespace is None else f"{stream.stream} of {stream.namespace}"
