"""How far each stream was read, and up to where that may be committed."""

from collections import deque
from collections.abc import Mapping

from podtimeline.ports import Stream
from podtimeline.tracking.records import Rules

_OF_PODS_SEEN_ELSEWHERE = (Stream.EVENTS, Stream.ENDPOINTSLICES)


class StreamVersions:
    """Implements ``ports.Versions``; the tracker asks what a checkpoint may say."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._now: dict[Stream, str | None] = {}
        self._past: deque[tuple[int, Mapping[Stream, str | None]]] = deque()
        self._committed: Mapping[Stream, str | None] = {}

    def version(self, stream: Stream) -> str | None:
        """See ``ports.Versions``."""
        return self._now.get(stream)

    def reached(self, stream: Stream, version: str | None) -> None:
        """See ``ports.Versions``."""
        self._now[stream] = version

    def restore(self, versions: Mapping[Stream, str | None]) -> None:
        """Start from what a store gave back."""
        self._now = dict(versions)
        self._committed = dict(versions)

    def committable(self, now: int, unclaimed: int | None) -> Mapping[Stream, str | None]:
        """The versions that a checkpoint may say.

        What waits for its pod (``unclaimed``: the arrival of the oldest) is not in the checkpoint; so a restart must
        read it again, and the streams that bring it are not committed beyond the last version known before it came.
        """
        current = dict(self._now)
        while len(self._past) > 1 and self._past[1][0] <= now - self._rules.hold_versions:
            self._past.popleft()
        allowed = dict(current)
        if unclaimed is not None:
            before = [past for at, past in self._past if at < unclaimed]
            held: Mapping[Stream, str | None] = before[-1] if before else self._committed
            allowed.update({stream: held.get(stream) for stream in _OF_PODS_SEEN_ELSEWHERE if stream in current})
        self._past.append((now, current))
        return allowed

    def committed(self, versions: Mapping[Stream, str | None]) -> None:
        """The store has these."""
        self._committed = dict(versions)

    def is_committed(self, versions: Mapping[Stream, str | None]) -> bool:
        """Whether the store has just these, so that they alone are no reason for a commit."""
        return self._committed == versions
