"""The kopf frame: an embedded kopf operator for the low-rate kinds, supervised, on a thread and event loop of its own.

Why a loop of its own: when ``kopf.operator()`` ends it cancels every task of its loop that was started after it, and it
ends on ordinary API failures (a 403 that lasts, an HTTP 410, an ERROR event). On the loop of the hot streams a restart
would cancel their requests. kopf's handlers never learn that a listing ended and see no DELETED for what vanished in a
gap; so whenever kopf lists, this frame lists once itself, and what that does not show is gone.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

import aiohttp
import kopf
import msgspec

from podtimeline.intake.credentials import Connection
from podtimeline.intake.faults import RETRIED, Backoff
from podtimeline.intake.listing import Lister, Turns, chunks
from podtimeline.intake.owners import LowRate, LowRateFeed, OwnerIndex
from podtimeline.intake.streams import Sleep, Tap
from podtimeline.ports import Clock

log = logging.getLogger(__name__)

_RESOURCES = {
    LowRate.REPLICASETS: ("apps", "v1", "/apis/apps/v1"),
    LowRate.JOBS: ("batch", "v1", "/apis/batch/v1"),
    LowRate.SERVICES: ("", "v1", "/api/v1"),
}
_STOP_SECONDS = 15.0
_HEALTHY_SECONDS = 60.0
_QUIET_SECONDS = 1.0
"""Silence after which kopf's own listing is taken to be over."""


class FrameEnd(StrEnum):
    """How a run of kopf ended."""

    LOGIN = "login"
    FAILED = "failed"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class FrameHealth:
    """``complete`` once each low-rate kind was listed; ``restarts`` counts the ends of kopf by reason."""

    running: bool
    complete: bool
    restarts: Mapping[FrameEnd, int]
    listings: int
    failed_listings: int
    malformed: int


class _NoDiffs(kopf.DiffBaseStorage):
    """Nothing is compared: the essence that kopf would copy for every event is never asked for."""

    def build(self, **_: Any) -> Any:  # noqa: ANN401 - kopf's own type is private
        return {}

    def fetch(self, **_: Any) -> None:  # noqa: ANN401
        return None

    def store(self, **_: Any) -> None:  # noqa: ANN401
        """Nothing is ever written to a watched object."""


class _NoProgress(kopf.ProgressStorage):
    """Nothing is kept in the objects."""

    def fetch(self, **_: Any) -> None:  # noqa: ANN401
        return None

    def store(self, **_: Any) -> None:  # noqa: ANN401
        """See ``_NoDiffs.store``."""

    def purge(self, **_: Any) -> None:  # noqa: ANN401
        """See ``_NoDiffs.store``."""

    def touch(self, **_: Any) -> None:  # noqa: ANN401
        """See ``_NoDiffs.store``."""

    def clear(self, *, essence: Any) -> Any:  # noqa: ANN401
        return essence


def frame_settings() -> kopf.OperatorSettings:
    """kopf, so that it writes nothing, lists in pages and survives an hour of failures."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    # With kopf's default name it would strip the finalizers of other kopf operators.
    settings.persistence.finalizer = "podtimeline/none"
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.progress_storage = _NoProgress()
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 600
    settings.watching.connect_timeout = 10
    settings.watching.inactivity_timeout = 75
    settings.watching.reconnect_backoff = 1.0
    settings.watching.initial_streaming = False
    settings.networking.request_timeout = 60
    settings.networking.error_backoffs = [1, 2, 4, 8, 15, 30] + [60] * 60
    settings.queueing.idle_timeout = 1.0
    settings.queueing.exit_timeout = 2.0
    # It would kill the thread, and with it the process.
    settings.process.ultimate_exiting_timeout = None
    return settings


class Frame:
    """Runs kopf for ever and keeps the index of owners complete."""

    def __init__(
        self,
        *,
        connection: Connection,
        session: aiohttp.ClientSession,
        index: OwnerIndex,
        clock: Clock,
        namespaces: Sequence[str] = (),
        page_size: int = 500,
        tap: Tap | None = None,
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._session = session
        self._clock = clock
        self._namespaces = tuple(namespaces)
        self._page_size = page_size
        self._tap = tap
        self._backoff = backoff if backoff is not None else Backoff(low=1.0, high=60.0)
        self._sleep = sleep
        self._feeds = {kind: LowRateFeed(kind, index) for kind in LowRate}
        self._wanted: set[LowRate] = set()
        self._want = asyncio.Event()
        self._listed: set[LowRate] = set()
        self._restarts: Counter[FrameEnd] = Counter()
        self._listings = 0
        self._failed_listings = 0
        self._running = False

    @property
    def health(self) -> FrameHealth:
        """A snapshot."""
        return FrameHealth(
            running=self._running,
            complete=len(self._listed) == len(self._feeds),
            restarts=dict(self._restarts),
            listings=self._listings,
            failed_listings=self._failed_listings,
            malformed=sum(feed.malformed for feed in self._feeds.values()),
        )

    async def run(self) -> NoReturn:
        """Follow the low-rate kinds until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_listed(), name="low-rate listings")
            while True:
                self._list_again(*LowRate)
                began = asyncio.get_running_loop().time()
                end = await self._kopf()
                self._restarts[end] += 1
                if asyncio.get_running_loop().time() - began > _HEALTHY_SECONDS:
                    self._backoff.progressed()
                await self._sleep(self._backoff.next())

    async def _kopf(self) -> FrameEnd:
        run = _Run(self._connection, self._namespaces, self._told)
        self._running = True
        try:
            return await run.ended()
        finally:
            self._running = False

    def _told(self, kind: LowRate, type_: str | None, raw: bytes) -> None:
        if type_ is None:
            self._list_again(kind)
        line = b'{"type":"%s","object":%s}' % ((type_ or "ADDED").encode(), raw)
        arrived = self._clock.now()
        if self._tap is not None and type_ is not None:
            self._tap(arrived, kind, "WATCH", line)
        self._feeds[kind].line(line, arrived=arrived, live=True)

    def _list_again(self, *kinds: LowRate) -> None:
        self._wanted.update(kinds)
        self._want.set()

    async def _keep_listed(self) -> NoReturn:
        backoff = Backoff(low=1.0, high=60.0)
        while True:
            await self._want.wait()
            if self._wanted <= self._listed:
                await self._quiet()
            self._want.clear()
            wanted, self._wanted = self._wanted, set()
            for kind in sorted(wanted):
                try:
                    await self._list(kind)
                    backoff.progressed()
                except RETRIED as error:
                    self._failed_listings += 1
                    log.warning("%s: cannot be listed, tried again: %s", kind, error)
                    await self._sleep(backoff.next())
                    self._list_again(kind)

    async def _quiet(self) -> None:
        while self._want.is_set():
            self._want.clear()
            await self._sleep(_QUIET_SECONDS)

    async def _list(self, kind: LowRate) -> None:
        feed, root, turns = self._feeds[kind], _RESOURCES[kind][2], Turns()
        version, arrived = "", self._clock.now()
        feed.begin()
        for namespace in self._namespaces or (None,):
            path = f"{root}/{kind}" if namespace is None else f"{root}/namespaces/{namespace}/{kind}"
            lister = Lister(self._connection, self._session, path, page_size=self._page_size, sock_read=60)
            async for page, arrived in lister.pages(self._clock):
                version = page.metadata.resource_version
                turns.waited()
                for items in chunks(page.items or [], 20):
                    for raw in items:
                        if self._tap is not None:
                            self._tap(arrived, kind, "LIST", bytes(raw))
                        feed.item(raw, arrived=arrived)
                    await turns.maybe()
        if self._tap is not None:
            self._tap(arrived, kind, "LISTED", version.encode())
        feed.end(version, arrived=arrived)
        self._listed.add(kind)
        self._listings += 1


Told = Callable[[LowRate, str | None, bytes], None]


class _Run:
    """One run of kopf on a thread of its own; what it is told arrives on the loop that made this."""

    def __init__(self, connection: Connection, namespaces: Sequence[str], told: Told) -> None:
        self._connection = connection
        self._namespaces = namespaces
        self._told = told
        self._home = asyncio.get_running_loop()
        self._ended: asyncio.Future[FrameEnd] = self._home.create_future()
        self._thread = threading.Thread(target=self._work, name="kopf", daemon=True)
        self._stopping = threading.Event()
        self._stop: Callable[[], object] | None = None

    async def ended(self) -> FrameEnd:
        """How it ended. A cancellation stops kopf and waits for it."""
        self._thread.start()
        try:
            return await asyncio.shield(self._ended)
        except asyncio.CancelledError:
            self._stopping.set()
            if self._stop is not None:
                self._stop()
            await asyncio.wait({self._ended}, timeout=_STOP_SECONDS)
            raise

    def _work(self) -> None:
        end = FrameEnd.RETURNED
        try:
            asyncio.run(self._operate())
        except kopf.LoginError as error:
            end = FrameEnd.LOGIN
            log.warning("kopf has no valid credentials left, it is started anew: %s", error)
        except Exception as error:  # noqa: BLE001 - whatever ends kopf is counted, and kopf is started anew
            end = FrameEnd.FAILED
            log.warning("kopf ended, it is started anew: %s: %s", type(error).__name__, error)
        self._home.call_soon_threadsafe(self._finish, end)

    def _finish(self, end: FrameEnd) -> None:
        if not self._ended.done():
            self._ended.set_result(end)

    async def _operate(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: None if loop.is_closed() else loop.call_soon_threadsafe(stop.set)
        if self._stopping.is_set():
            return
        # Signals belong to the process's own loop.
        logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
        logging.getLogger("kopf.objects").setLevel(logging.WARNING)
        await kopf.operator(
            registry=self._registry(),
            settings=frame_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop,
        )

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        async def login(**_: Any) -> kopf.ConnectionInfo:  # noqa: ANN401 - kopf's keywords
            return kopf_login(self._connection)

        kopf.on.login(registry=registry)(login)
        for kind, (group, version, _) in _RESOURCES.items():
            kopf.on.event(group, version, kind, registry=registry, id=str(kind))(self._handler(kind))
        return registry

    def _handler(self, kind: LowRate) -> Any:  # noqa: ANN401 - kopf's handler type is private
        async def handle(event: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401
            raw = msgspec.json.encode(event["object"])
            self._home.call_soon_threadsafe(self._told, kind, event["type"], raw)

        return handle


def kopf_login(connection: Connection) -> kopf.ConnectionInfo:
    """Our connection in kopf's terms. Raises ``ClusterError`` where the token cannot be read."""
    certificate, key = connection.certificate or (None, None)
    return kopf.ConnectionInfo(
        server=connection.server,
        token=connection.token(),
        ca_path=connection.ca_path,
        certificate_path=certificate,
        private_key_path=key,
        insecure=connection.insecure or None,
    )
