"""Replays a capture through the feeds and the tracker that the operator runs, on the capture's own clock."""

from collections.abc import Iterable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.app.capture import Line, LineType, read_capture
from podtimeline.app.enrichers import enrichers
from podtimeline.codec import PackingCodec
from podtimeline.config import Settings
from podtimeline.errors import ClusterError
from podtimeline.kube.feed import Feed
from podtimeline.model.instants import SECOND
from podtimeline.sources.registry import BY_NAME, Indexes
from podtimeline.tracking.records import Rules
from podtimeline.tracking.tracker import Tracker

_FOREVER = 1 << 62
_TICK = SECOND


def replay_views(path: Path | None) -> tuple[ResolvedTimeline, ...]:
    """Every pod of a capture as of its end, the earliest first; ``None`` for the capture that ships with the package.

    Raises ``CaptureError``.
    """
    if path is not None:
        return _replayed(path)
    with as_file(files("podtimeline") / "captures" / "demo.jsonl.gz") as shipped:
        return _replayed(shipped)


def _replayed(path: Path) -> tuple[ResolvedTimeline, ...]:
    header, lines = read_capture(path)
    replay = Replay(started=header.started)
    replay.play(lines)
    return replay.views()


class Replay:
    """One capture being played."""

    def __init__(self, *, started: int) -> None:
        settings = Settings()
        self._known = known = Indexes()
        rules = Rules(
            linger=round(settings.linger_seconds * SECOND),
            endpoint_deadline=round(settings.endpoint_deadline_seconds * SECOND),
            orphan=_FOREVER,
            tombstone=_FOREVER,
            max_tombstones=_FOREVER,
        )
        enrichment = enrichers(known)
        self.tracker = Tracker(
            owners=known.owners, codec=PackingCodec(), rules=rules, now=started,
            enrichers=enrichment.all, losses=enrichment.losses, timers=enrichment.timers,
        )  # fmt: skip
        self.unknown: set[str] = set()
        """Streams of the capture that this version does not know."""
        self._now = self._ticked = started
        self._listing: set[Feed[Any]] = set()
        self._feeds: dict[tuple[str, str], Feed[Any]] = {}
        """By stream and namespace, which is empty where all namespaces were read as one."""

    def play(self, lines: Iterable[Line]) -> None:
        """Send lines through the feeds, and the time that passes between them."""
        for line in lines:
            self._now = max(self._now, line.at)
            while self._now - self._ticked >= _TICK:
                self._ticked = max(self._ticked + _TICK, self._now - _TICK)
                self.tracker.tick(self._ticked)
            if line.stream in BY_NAME:
                self._say(self._feed(line), line)
            else:
                self.unknown.add(line.stream)
        self.tracker.tick(self._now)

    def views(self) -> tuple[ResolvedTimeline, ...]:
        """Every pod as of the last line, the earliest first."""
        return tuple(sorted(self.tracker.views(now=self._now), key=_began))

    def _feed(self, line: Line) -> Feed[Any]:
        key = (line.stream, line.namespace)
        if key not in self._feeds:
            self._feeds[key] = BY_NAME[line.stream].make(self._known, self.tracker, line.namespace or None)
        return self._feeds[key]

    def _say(self, feed: Feed[Any], line: Line) -> None:
        if line.type is LineType.WATCH:
            self._watch(feed, line)
            return
        if feed not in self._listing:
            self._listing.add(feed)
            feed.begin()
        if line.type is LineType.LIST:
            feed.item(line.line, arrived=self._now)
        else:
            self._listing.discard(feed)
            feed.end(line.version, arrived=self._now)

    def _watch(self, feed: Feed[Any], line: Line) -> None:
        try:
            feed.line(line.line, arrived=self._now, live=True)
        except ClusterError:
            # The server ended this watch with an ERROR event; the recorder took it up anew, as the next lines show.
            return


def _began(view: ResolvedTimeline) -> tuple[int, str, str]:
    return (view.phases[0].start if view.phases else view.facts.created_second, view.facts.namespace, view.facts.name)
