"""List and watch of one collection, without end: arrival times are taken at the socket read, and no error ends it.

The rules: resume from the last version read, list again only after a 410, retry everything else with jittered backoff,
reconcile deletions after each complete listing, drop incomplete lines.

A quiet stream is told from a dead one by the server's own signs of life. Bookmarks are none to rely on: Events bring
none at all, as they are not cached (``registry/core/event/storage``), and a quiet collection of the watch cache leaves
out those that would tell no newer version (measured with Kubernetes 1.37: two minutes). So the server is asked, by
``timeoutSeconds``, to end a watch before it would count as stalled. An end in good order proves the whole way to the
server alive, with the proxies between, which neither a LIST on another connection nor a TCP keep-alive does. Only a
stream that is never silent for long is watched for longer; when it falls silent the watch is renewed: that is no fault.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn, Protocol

import aiohttp

from podtimeline.kube.connection import Connection
from podtimeline.kube.failures import (
    REFUSALS,
    RETRIED,
    ApiError,
    Backoff,
    CutError,
    Failure,
    Failures,
    Restart,
    Sleep,
    reason_of,
    refusal,
)
from podtimeline.kube.feed import Feed, glance
from podtimeline.kube.lister import Collection, Lister, Turns, check, chunks
from podtimeline.ports import Clock, Stream, Versions

log = logging.getLogger(__name__)

_LIVE = 1_000_000_000
"""A watch that was down for less than this many nanoseconds is still called live: arrivals are late by as little."""
_REFUSED_SECONDS = 60.0
"""The longest time until a collection that the API server refuses is asked for again."""
_SETTLED = 10.0
"""Seconds after which a watch counts as progress even if it brought nothing."""


class Tap(Protocol):
    """Sees every object before it is decoded."""

    def __call__(self, arrived: int, collection: Collection, kind: str, raw: bytes, /) -> None:
        """``raw`` is an object of a listing (``LIST``), a line of a watch (``WATCH``), or a version (``LISTED``)."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """Sizes and times of a reflector, in objects and seconds; each watch lasts a random time of ``watch_seconds``.

    ``read_seconds`` is the longest silence of a stream that is alive. A stream that is silent for ``still_seconds`` at
    a time is watched for ``quiet_seconds`` only.
    """

    page_size: int = 500
    watch_seconds: tuple[float, float] = (300.0, 600.0)
    read_seconds: float = 75.0

    @property
    def still_seconds(self) -> float:
        """The silence from which on a stream is quiet."""
        return self.read_seconds * 0.4

    @property
    def quiet_seconds(self) -> tuple[float, float]:
        """The length of a watch of a quiet stream: it ends before its silence would be too long."""
        low, high = self.watch_seconds
        return min(low, self.read_seconds * 0.6), min(high, self.read_seconds * 0.8)


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """A reflector's state. ``last_progress`` is the arrival of the last bytes in nanoseconds, ``None`` before any.

    ``listed`` turns True once the stream is complete: after the first whole listing, or once a saved version was taken
    up again. ``restarts`` counts by reason. ``failure`` is why it cannot be read now, ``None`` while it can.
    """

    stream: str
    namespace: str | None
    last_progress: int | None
    listed: bool
    connected: bool
    restarts: Mapping[Restart, int]
    relists: int
    malformed: int
    events: int
    failure: Failure | None = None

    @property
    def refused(self) -> int | None:
        """The HTTP status where the API server refuses the stream until somebody grants it (``failures.REFUSALS``)."""
        return None if self.failure is None else self.failure.refused


class Reflector:
    """Follows one collection. One task runs it; everything else reads ``health``."""

    def __init__(
        self,
        *,
        connection: Connection,
        session: aiohttp.ClientSession,
        feed: Feed[Any],
        clock: Clock,
        versions: Versions | None = None,
        pace: Pace | None = None,
        tap: Tap | None = None,
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        """``versions`` remembers how far a feed was read that is ``resumable``; every other one is listed first."""
        self._pace = pace if pace is not None else Pace()
        self._connection = connection
        self._session = session
        self._path = feed.collection.path
        self._feed = feed
        self._clock = clock
        self._versions = versions if feed.resumable else None
        self._tap = tap
        self._backoff = backoff if backoff is not None else Backoff()
        self._refusals = Backoff(high=_REFUSED_SECONDS)
        self._sleep = sleep
        self._random = random if random is not None else secrets.SystemRandom()
        self._failures = Failures(clock)
        self._name = str(feed.collection)
        self._silence = 0
        """The longest silence of the current watch so far, in nanoseconds."""
        self._lively = False
        """Whether the last watch was never silent for ``Pace.still_seconds``."""
        read = self._pace.read_seconds
        self._lister = Lister(connection, session, self._path, page_size=self._pace.page_size, sock_read=read)
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=read)
        self._saved = Stream(feed.stream) if feed.resumable else None
        self._version: str | None = None
        self._current: int | None = None
        self._backlog: int | None = None
        self._tail = b""
        self._progress: int | None = None
        self._listed = False
        self._connected = False
        self._relists = 0
        self._restarts: Counter[Restart] = Counter()

    @property
    def health(self) -> StreamHealth:
        """A snapshot."""
        return StreamHealth(
            stream=self._feed.stream,
            namespace=self._feed.namespace,
            last_progress=self._progress,
            listed=self._listed,
            connected=self._connected,
            restarts=dict(self._restarts),
            relists=self._relists,
            malformed=self._feed.malformed,
            events=self._feed.events,
            failure=self._failures.current.get(self._name),
        )

    async def run(self) -> NoReturn:
        """Follow the collection until cancelled."""
        if self._versions is not None and self._saved is not None:
            self._version = self._versions.version(self._saved)
        while True:
            asked, backoff = None, self._backoff
            try:
                if self._version is None:
                    await self._list()
                reason = await self._watch()
            except RETRIED as error:
                reason, asked = reason_of(error), getattr(error, "retry_after", None)
                if refusal(error) is not None:
                    backoff = self._refusals
                self._failed(reason, error)
            self._restarts[reason] += 1
            await self._sleep(backoff.next(at_least=asked))

    def _failed(self, reason: Restart, error: Exception) -> None:
        text = f"{reason}: {str(error) or type(error).__name__}"
        code = refusal(error)
        if code is not None:
            self._feed.readable(readable=False)
            why, unknown = REFUSALS[code], self._feed.collection.resource.without
            text = f"cannot be read: {why}; unknown without them: {unknown} ({error})"
        if reason is Restart.GONE:
            # The protocol's own step after a long silence or a gap, no failure of anybody.
            self._reached(None)
            log.info("%s: %s; relisting", self._name, text)
            return
        level = logging.INFO if reason in {Restart.CUT, Restart.STALLED} else logging.WARNING
        self._failures.failed(self._name, text, level=level, refused=code)

    def _reached(self, version: str | None) -> None:
        self._version = version
        if self._versions is not None and self._saved is not None:
            self._versions.reached(self._saved, version)

    async def _list(self) -> None:
        began, turns, version, arrived = self._clock.now(), Turns(), "", 0
        self._feed.begin()
        async for page, arrived in self._lister.pages(self._clock):
            self._progress = arrived
            version = page.metadata.resource_version
            turns.waited()
            for items in chunks(page.items or [], 20):
                for raw in items:
                    if self._tap is not None:
                        self._tap(arrived, self._feed.collection, "LIST", bytes(raw))
                    self._feed.item(raw, arrived=arrived)
                await turns.maybe()
        if self._tap is not None:
            self._tap(arrived, self._feed.collection, "LISTED", version.encode())
        if not version:
            raise ApiError(200, "the list has no resourceVersion")
        self._feed.end(version, arrived=arrived)
        self._reached(version)
        self._relists += self._listed
        self._listed = True
        self._current = began

    async def _watch(self) -> Restart:
        """Watch until the server ends it, or until a long watch falls silent: returns which."""
        self._backlog = await self._backlog_end()
        began = asyncio.get_running_loop().time()
        lively, pace = self._lively, self._pace
        seconds = int(self._random.uniform(*(pace.watch_seconds if lively else pace.quiet_seconds)))
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version or "",
            "timeoutSeconds": str(max(seconds, 1)),
        }
        url, headers = self._connection.url(self._path), self._connection.headers()
        async with self._session.get(url, params=query, headers=headers, timeout=self._timeout) as response:
            await check(response)
            self._failures.recovered(self._name)
            self._refusals.progressed()
            self._feed.readable(readable=True)
            self._connected = self._listed = True
            self._progress = self._current = opened = self._clock.now()
            try:
                await self._read(response.content, opened)
            except TimeoutError:
                if not lively:
                    raise
                self._lively = False
                return Restart.QUIET
            finally:
                self._connected = False
                self._judge(opened)
                if asyncio.get_running_loop().time() - began > _SETTLED:
                    self._backoff.progressed()
        # A good end says that the server had nothing more up to now; any other end, only up to the last bytes.
        self._current = self._clock.now()
        return Restart.CLOSED

    def _judge(self, opened: int) -> None:
        """Learn from a watch that ended; one that was short says nothing."""
        now, still = self._clock.now(), self._pace.still_seconds * 1e9
        if now - opened >= still:
            last = opened if self._progress is None else self._progress
            self._lively = max(self._silence, now - last) < still

    async def _backlog_end(self) -> int | None:
        """The version up to which the coming watch tells old news, ``None`` where it has none to tell."""
        if self._current is not None and self._clock.now() - self._current < _LIVE:
            return None
        version = await self._lister.version()
        # Versions are integers wherever etcd is behind the API; of others the first bookmark is the end of old news.
        return int(version) if version.isdecimal() else -1

    async def _read(self, content: aiohttp.StreamReader, opened: int) -> None:
        self._tail, self._silence = b"", 0
        turns, last = Turns(), opened
        async for chunk in content.iter_any():
            arrived = self._clock.now()
            self._silence, last = max(self._silence, arrived - last), arrived
            self._progress = self._current = arrived
            self._take(chunk, arrived)
            await turns.maybe()
        if self._tail.strip():
            raise CutError("the watch ended in the middle of a line")

    def _take(self, chunk: bytes, arrived: int) -> None:
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._tail += chunk
            return
        # Measured: a copy of each line costs as much as to read it. Only the one that an earlier read began is copied.
        start = chunk.find(b"\n") + 1 if self._tail else 0
        begun, self._tail = self._tail + chunk[:start], chunk[end:]
        if begun:
            self._take_lines(begun, arrived)
        if start < end:
            self._take_lines(memoryview(chunk)[start:end], arrived)

    def _take_lines(self, lines: bytes | memoryview, arrived: int) -> None:
        plain = self._tap is None and self._backlog is None
        version = self._feed.lines(lines, arrived=arrived) if plain else None
        if version is None:
            self._take_each(bytes(lines).split(b"\n")[:-1], arrived)
        elif version:
            self._backoff.progressed()
            self._reached(version)

    def _take_each(self, lines: list[bytes], arrived: int) -> None:
        version = ""
        try:
            for line in lines:
                version = self._take_watched(line, arrived) or version
        finally:
            # An ERROR in the midst of a chunk ends the watch, not what was read before it.
            if version:
                self._backoff.progressed()
                self._reached(version)

    def _take_watched(self, line: bytes, arrived: int) -> str:
        if self._tap is not None:
            self._tap(arrived, self._feed.collection, "WATCH", line)
        live = self._backlog is None or self._news(line)
        return self._feed.line(line, arrived=arrived, live=live)

    def _news(self, line: bytes) -> bool:
        """Whether the line tells what happened after the watch was taken up; the first that does ends the backlog."""
        kind, version = glance(line)
        if self._backlog is not None and version.isdecimal() and self._backlog >= 0:
            news = int(version) > self._backlog
        else:
            news = kind == "BOOKMARK"
        if news:
            self._backlog = None
        return news


__all__ = ["Pace", "Reflector", "Restart", "StreamHealth", "Tap"]
