"""The operator, wired: what is started in which order, who talks to whom, and how it all ends."""

import asyncio
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import NamedTuple, TextIO

import aiohttp
from aiohttp import web

from podtimeline import __version__
from podtimeline.app.clock import SystemClock, Ticker
from podtimeline.app.commits import Committer
from podtimeline.app.enrichers import Enrichment, enrichers
from podtimeline.app.frame import Frame
from podtimeline.app.health import Watcher
from podtimeline.app.memory import allow_depth, collector_paused, sweeping, tune_collector, tune_switching
from podtimeline.app.scraping import Scraper
from podtimeline.app.supervision import Supervisor
from podtimeline.codec import PackingCodec
from podtimeline.config import Access, Settings, address
from podtimeline.errors import SettingsError
from podtimeline.kube.connection import Connection, connect
from podtimeline.kube.reflector import Pace, Reflector
from podtimeline.kube.reviews import Reviews
from podtimeline.model.instants import SECOND
from podtimeline.ports import Clock, Restored, Store
from podtimeline.quarantine import Quarantine
from podtimeline.sinks.prometheus import Exposition
from podtimeline.sinks.registry import open_sinks
from podtimeline.sources.registry import Indexes, feeds
from podtimeline.store.options import Retention, StoreOptions
from podtimeline.store.registry import open_store
from podtimeline.tracking.fanout import Fanout, Outlet
from podtimeline.tracking.records import Rules
from podtimeline.tracking.tracker import Tracker
from podtimeline.web.access import Gate
from podtimeline.web.lane import Worker
from podtimeline.web.numbers import HttpNumbers, ServerLog, Sparing
from podtimeline.web.server import make_api_app, make_metrics_app
from podtimeline.web.sources import Sources

log = logging.getLogger(__name__)

_DRAIN_SECONDS = 5.0
_DAY = 86_400 * SECOND
_STREAM = "stream-"
Address = tuple[str, int]


class Listening(NamedTuple):
    """The addresses that the HTTP servers listen on."""

    metrics: Address
    api: Address


Started = Callable[[Listening], None]
"""Told once requests are answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the operator stands on; tests put their own in."""

    connection: Connection
    clock: Clock
    stdout: TextIO


async def operate(
    settings: Settings, *, stop: asyncio.Event | None = None, started: Started | None = None, world: World | None = None
) -> int:
    """Run until a signal comes or ``stop`` is set (0), or something ends that must not (1).

    Raises ``ClusterError`` for unusable credentials, ``StoreError`` for an unusable history and ``SettingsError`` for
    an address that cannot be listened on; what goes wrong after the start is retried.
    """
    allow_depth()
    world = world if world is not None else _world(settings)
    stop = stop if stop is not None else asyncio.Event()
    life = _Life(settings, world, stop, started)
    frame = Frame(
        connection=world.connection, clock=world.clock, start=life.start, end=life.end, namespaces=settings.namespaces
    )
    orderly = await frame.run(stop)
    return 0 if orderly and life.orderly else 1


def _world(settings: Settings) -> World:
    connection = connect(kubeconfig=settings.kubeconfig, context=settings.context, api_url=settings.api_url)
    return World(connection=connection, clock=SystemClock(), stdout=sys.stdout)


def _open_store(settings: Settings, clock: Clock, enrichment: Enrichment, quarantine: Quarantine) -> Store:
    named = enrichment.histories.named
    options = StoreOptions(
        clock=clock,
        retention=Retention(age=round(settings.retention_days * _DAY), size=settings.retention_bytes),
        series_limit=settings.series_limit,
        series_keep=round(settings.series_keep_seconds * SECOND),
        present=lambda namespace, kind, name: named(namespace, kind, name) is not None,
        allow_network_filesystem=settings.allow_network_filesystem,
        quarantine=quarantine,
    )
    return open_store(settings.history, options)


def _tracker(
    settings: Settings, known: Indexes, enrichment: Enrichment, restored: Restored, clock: Clock, quarantine: Quarantine
) -> Tracker:
    return Tracker(
        quarantine=quarantine,
        owners=known.owners,
        codec=PackingCodec(),
        rules=tracking_rules(settings),
        now=clock.now(),
        restored=restored,
        enrichers=enrichment.all,
        losses=enrichment.losses,
        timers=enrichment.timers,
    )


def tracking_rules(settings: Settings) -> Rules:
    """The tracker's rules, from seconds to nanoseconds."""
    return Rules(
        linger=round(settings.linger_seconds * SECOND),
        endpoint_deadline=round(settings.endpoint_deadline_seconds * SECOND),
        orphan=round(settings.orphan_seconds * SECOND),
        tombstone=round(settings.orphan_seconds * SECOND),
    )


def pace(settings: Settings) -> Pace:
    """How streams are read. A silent stream is reconnected well before it counts as stale."""
    watch = settings.watch_timeout_seconds
    return Pace(
        page_size=settings.page_size,
        watch_seconds=(watch * 2 / 3, watch * 4 / 3),
        read_seconds=settings.stale_after_seconds * 5 / 8,
    )


class _Life:
    """The operator from its start to its end, as kopf's frame calls for them."""

    def __init__(self, settings: Settings, world: World, stop: asyncio.Event, started: Started | None) -> None:
        self.orderly = True
        """Whether nothing ended before it should, and all that was read is committed."""
        self._settings = settings
        self._world = world
        self._stop = stop
        self._started = started
        self._resources = AsyncExitStack()
        self._operator: _Operator | None = None

    async def start(self) -> None:
        """Start everything. Raises as ``operate`` does, with nothing left behind."""
        try:
            self._operator = operator = await self._open(self._resources)
            listening = await operator.begin(self._resources, ended=self._ended)
            if self._started is not None:
                self._started(listening)
        except BaseException:
            await self._resources.aclose()
            raise

    async def end(self) -> None:
        """Read no more, commit what was read, and let go of everything."""
        try:
            if self._operator is not None and not await self._operator.end():
                self.orderly = False
        finally:
            await self._resources.aclose()

    def _ended(self) -> None:
        """A task ended that must not: the process stops."""
        self.orderly = False
        self._stop.set()

    async def _open(self, stack: AsyncExitStack) -> "_Operator":
        settings, clock, loop = self._settings, self._world.clock, asyncio.get_running_loop()
        thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="store"))
        known, quarantine = Indexes(), Quarantine()
        enrichment = enrichers(known, series_limit=settings.series_limit)
        store = await loop.run_in_executor(thread, _open_store, settings, clock, enrichment, quarantine)
        stack.push_async_callback(loop.run_in_executor, thread, store.close)
        with collector_paused():
            restored = await loop.run_in_executor(thread, store.restore)
            tracker = await loop.run_in_executor(
                thread, _tracker, settings, known, enrichment, restored, clock, quarantine
            )
        return _Operator(settings, self._world, store, tracker, known, enrichment, restored, thread)


class _Operator:
    """Everything that runs."""

    def __init__(
        self, settings: Settings, world: World, store: Store, tracker: Tracker, known: Indexes,
        enrichment: Enrichment, restored: Restored, thread: ThreadPoolExecutor,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._world = world
        self._store = store
        self._tracker = tracker
        self._known = known
        self._refusals = enrichment.refusals
        self._histories = enrichment.histories
        self._reflectors: tuple[Reflector, ...] = ()
        self._supervisor = Supervisor()
        self._stopping = asyncio.Event()
        self._ticker = Ticker(tracker, world.clock)
        sinks = open_sinks(settings.sinks, stdout=world.stdout, cluster=settings.cluster_name)
        self._fanout = Fanout(tuple(Outlet(each, size=settings.sink_queue, clock=world.clock) for each in sinks))
        self._http, self._worker = HttpNumbers(), Worker()
        self._exposition = Exposition(version=__version__)
        self._exposition.restore(restored.histograms)
        self._committer = Committer(
            tracker=tracker,
            store=store,
            codec=PackingCodec(),
            clock=world.clock,
            thread=thread,
            counted=lambda counted: self._exposition.count(counted, at=world.clock.now()),
            finished=self._fanout.offer,
            interval=settings.commit_interval_seconds,
        )
        self._scraper = Scraper(
            clock=world.clock,
            tracker=tracker,
            exposition=self._exposition,
            streams=lambda: [each.health for each in self._reflectors],
            outlets=self._fanout.outlets,
            store=lambda: store.numbers,
            contradictions=lambda: self._committer.numbers.contradictions,
            refusals=lambda: self._refusals.known,
            http=self._http,
            worker=self._worker,
        )
        self._watcher = Watcher(
            clock=world.clock,
            stale_after=settings.stale_after_seconds,
            streams=lambda: [each.health for each in self._reflectors],
            ended=lambda: self._supervisor.ended,
        )

    async def begin(self, stack: AsyncExitStack, *, ended: Callable[[], None]) -> Listening:
        """Start everything in order; ``ended`` is called when a task ends that must not."""
        stack.push_async_callback(asyncio.to_thread, self._worker.close)
        stack.push_async_callback(asyncio.to_thread, self._fanout.stop, timeout=_DRAIN_SECONDS)
        session = await stack.enter_async_context(self._world.connection.session())
        listening = await self._serve(stack, session)
        self._begin(session)
        self._supervisor.watch(ended)
        tune_collector()
        tune_switching()
        log.info(
            "following %s; metrics at %s:%d, API at %s:%d (access: %s)",
            self._world.connection.server,
            *listening.metrics,
            *listening.api,
            self._settings.access.value,
        )
        return listening

    def _begin(self, session: aiohttp.ClientSession) -> None:
        settings, world, tracker = self._settings, self._world, self._tracker
        followed = feeds(self._known, tracker, namespaces=settings.namespaces, quarantine=tracker.quarantine)
        self._reflectors = tuple(
            Reflector(
                connection=world.connection,
                session=session,
                feed=feed,
                clock=world.clock,
                versions=tracker.versions,
                pace=pace(settings),
            )
            for feed in followed
        )
        for number, each in enumerate(self._reflectors):
            self._supervisor.start(f"{_STREAM}{number}-{each.health.stream}", each.run())
        self._supervisor.start("commits", self._committer.run(self._stopping))
        self._supervisor.start("ticks", self._ticker.run(self._stopping))
        self._supervisor.start("sweeps", sweeping(self._stopping, idle=self._tracker.idle))

    async def end(self) -> bool:
        """Read no more and commit what was read; returns whether that could be done."""
        log.info("shutting down: flushing pending changes")
        await self._supervisor.cancel(lambda name: name.startswith(_STREAM))
        self._stopping.set()
        self._ticker.wake()
        await self._supervisor.finished()
        self._tracker.tick(self._world.clock.now())
        return await self._committer.last(tries=4)

    async def _serve(self, stack: AsyncExitStack, session: aiohttp.ClientSession) -> Listening:
        review = self._settings.access is Access.REVIEW
        sources = Sources(
            history=self._store,
            live=self._tracker.snapshot,
            open_pods=self._tracker.open_pods,
            metrics=self._scraper.render,
            health=self._watcher.dead,
            ready=self._watcher.unready,
            degraded=self._watcher.degraded,
            clock=self._world.clock,
            cluster=self._settings.cluster_name or None,
            refusals=lambda: tuple(self._refusals.known),
            asked=self._histories.named,
            numbers=self._http,
            worker=self._worker,
            quarantine=self._tracker.quarantine,
            gate=Gate(Reviews(self._world.connection, session)) if review else None,
        )
        metrics = await self._listen(stack, make_metrics_app(sources), "listen", self._settings.listen)
        return Listening(
            metrics, await self._listen(stack, make_api_app(sources), "api_listen", self._settings.api_listen)
        )

    async def _listen(self, stack: AsyncExitStack, app: web.Application, setting: str, listen: str) -> Address:
        logger = ServerLog(log, self._http, Sparing())
        runner = web.AppRunner(app, shutdown_timeout=2.0, access_log=None, logger=logger)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        host, port = address(listen)
        try:
            await web.TCPSite(runner, host or None, port).start()
        except OSError as error:
            raise SettingsError(f"{setting}: cannot listen on {listen}: {error.strerror}") from error
        found: Address = runner.addresses[0][:2]
        return found
