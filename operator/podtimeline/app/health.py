"""Whether the process is alive and ready, from what its parts say."""

from collections.abc import Callable, Iterator, Sequence

from podtimeline.intake.operator import FrameHealth
from podtimeline.intake.streams import StreamHealth
from podtimeline.ports import Clock


class Watcher:
    """Judges the streams. A stream that was never heard of counts from the start of the process."""

    def __init__(
        self,
        *,
        clock: Clock,
        stale_after: float,
        streams: Callable[[], Sequence[StreamHealth]],
        frame: Callable[[], FrameHealth | None],
        ended: Callable[[], Sequence[str]],
    ) -> None:
        """``ended`` names the tasks that ended although they never should."""
        self._clock = clock
        self._since = clock.now()
        self._stale_after = stale_after
        self._streams = streams
        self._frame = frame
        self._ended = ended

    def dead(self) -> list[str]:
        """Why the process should be started anew; empty while it is alive."""
        ended = [f"task {name} ended" for name in self._ended()]
        return ended + [f"stream {_name(each)} is silent for {age:.0f} s" for each, age in self._stale()]

    def unready(self) -> list[str]:
        """Why it should be waited for; empty once everything was listed and nothing is wrong."""
        streams, frame = self._streams(), self._frame()
        waiting = [f"stream {_name(each)} is not listed yet" for each in streams if not each.listed]
        if not streams:
            waiting.append("streams are not started yet")
        if frame is None or not frame.complete:
            waiting.append("owners and Services are not listed yet")
        return self.dead() + waiting

    def _stale(self) -> Iterator[tuple[StreamHealth, float]]:
        now = self._clock.now()
        for each in self._streams():
            age = (now - (self._since if each.last_progress is None else each.last_progress)) / 1e9
            if age > self._stale_after:
                yield each, age


def _name(stream: StreamHealth) -> str:
    return stream.stream if stream.namespace is None else f"{stream.stream} of {stream.namespace}"
