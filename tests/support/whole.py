"""An operator without its connections, for tests that hand it what it would read."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from podtimeline.app.commits import Committer
from podtimeline.app.enrichers import enrichers
from podtimeline.app.scraping import Scraper
from podtimeline.codec import PackingCodec
from podtimeline.quarantine import Quarantine
from podtimeline.sinks.prometheus import Exposition
from podtimeline.sources.registry import Indexes, feeds
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import open_store
from podtimeline.tracking.records import Rules
from podtimeline.tracking.tracker import Tracker
from podtimeline.web.lane import Worker
from podtimeline.web.numbers import HttpNumbers
from podtimeline.web.server import make_api_app, make_metrics_app
from podtimeline.web.sources import Sources


class Whole:
    """An operator without its connections: what it would read is handed to it."""

    def __init__(self, path: Path, thread: ThreadPoolExecutor, *, now: int) -> None:
        self.time = now
        self.quarantine = Quarantine()
        self._known = known = Indexes()
        enrichment = enrichers(known)
        self.store = open_store(f"sqlite:{path}", StoreOptions(clock=self, quarantine=self.quarantine))
        restored = self.store.restore()
        self.tracker = Tracker(
            owners=known.owners, codec=PackingCodec(), rules=Rules(), now=now, restored=restored,
            enrichers=enrichment.all, quarantine=self.quarantine, losses=enrichment.losses,
            timers=enrichment.timers,
        )  # fmt: skip
        self.exposition = Exposition(version="fuzz", process=False)
        self.exposition.restore(restored.histograms)
        self.committer = Committer(
            tracker=self.tracker, store=self.store, codec=PackingCodec(), clock=self, thread=thread,
            counted=lambda counted: self.exposition.count(counted, at=self.time), finished=lambda _: None, interval=1,
        )  # fmt: skip
        self._worker, self._http = Worker(), HttpNumbers()
        self.refusals = enrichment.refusals
        self.feeds = {feed.stream: feed for feed in feeds(known, self.tracker, quarantine=self.quarantine)}

    def now(self) -> int:
        """See ``ports.Clock``."""
        return self.time

    def read(self, stream: str, raw: bytes, *, listed: bool, kind: bytes) -> None:
        """One object, of a listing or a watch."""
        feed = self.feeds[stream]
        if listed:
            feed.item(raw, arrived=self.time)
        else:
            feed.line(b'{"type":"%s","object":%s}' % (kind, raw), arrived=self.time, live=True)

    async def commit(self) -> None:
        """What time brings, and one commit."""
        self.tracker.tick(self.time)
        assert await self.committer.commit()

    def close(self) -> None:
        """Let go of the history."""
        self._worker.close()
        self.store.close()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[list[TestClient[Any, Any]]]:
        """Clients of the metrics' port and of the API's."""
        scraper = Scraper(
            clock=self, tracker=self.tracker, exposition=self.exposition, streams=tuple,
            outlets=(), store=lambda: self.store.numbers, contradictions=int,
            refusals=lambda: self.refusals.known, http=self._http, worker=self._worker,
        )  # fmt: skip
        sources = Sources(
            history=self.store, live=self.tracker.snapshot, open_pods=self.tracker.open_pods,
            metrics=scraper.render, health=tuple, ready=tuple,
            clock=self, refusals=lambda: tuple(self.refusals.known), numbers=self._http,
            quarantine=self.quarantine, worker=self._worker,
        )  # fmt: skip
        metrics, api = TestServer(make_metrics_app(sources)), TestServer(make_api_app(sources))
        async with TestClient(metrics) as one, TestClient(api) as other:
            yield [one, other]
