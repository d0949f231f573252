"""The kopf frame: an embedded kopf operator for the low-rate kinds, supervised, on a thread and event loop of its own.

Why a loop of its own: when ``kopf.operator()`` ends it cancels every task of its loop that was started after it, and it
ends on ordinary API failures (a 403 that lasts, an HTTP 410, an ERROR event). On the loop of the hot streams a restart
would cancel their requests. kopf's handlers never learn that a listing ended and see no DELETED for what vanished in a
gap; so whenever kopf lists, this frame lists once itself, and what that does not show is gone.

What kopf delivers is taken by a task of the frame, as what a reflector reads is by its own: a fault of one object is
contained by the feed, and any other error ends the task, and with it the process. Raised in kopf's handler or in a
callback of the event loop, it would be logged and end nothing.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn

import aiohttp
import kopf
import msgspec

from podtimeline.intake.credentials import Connection
from podtimeline.intake.failures import Failure, Failures
from podtimeline.intake.faults import Backoff
from podtimeline.intake.kinds import KINDS, Collection, LowRate
from podtimeline.intake.kopf_requests import ErrorBackoffs, KopfRequests, quieten_kopf
from podtimeline.intake.listing import Turns
from podtimeline.intake.listings import Listings
from podtimeline.intake.lowrate import LowRateFeeds
from podtimeline.intake.streams import Sleep, Tap
from podtimeline.ports import Clock

log = logging.getLogger(__name__)

_STOP_SECONDS = 15.0
_HEALTHY_SECONDS = 60.0
_BEAT_SECONDS = 5.0


class FrameEnd(StrEnum):
    """How a run of kopf ended."""

    LOGIN = "login"
    FAILED = "failed"
    RETURNED = "returned"
    CHANGED = "changed"
    """Something can be read that could not be, or cannot be any more."""


@dataclass(frozen=True, slots=True)
class KindHealth:
    """What was read of one kind; ``listed`` once it was listed whole."""

    events: int
    malformed: int
    listed: bool


@dataclass(frozen=True, slots=True)
class FrameHealth:
    """``complete`` once each low-rate kind was listed; ``restarts`` counts the ends of kopf by reason.

    ``left_out`` are the collections that cannot be read, with the status that the API server answers; ``failing`` are
    the requests that fail now. ``unresponsive`` is how many seconds ago the event loop of kopf's thread last turned
    beyond what is usual; 0 while kopf does not run.
    """

    running: bool
    complete: bool
    restarts: Mapping[FrameEnd, int]
    listings: int
    failed_listings: int
    malformed: int
    left_out: Mapping[Collection, int]
    kinds: Mapping[LowRate, KindHealth] = field(default_factory=dict)
    failing: Mapping[str, Failure] = field(default_factory=dict)
    unresponsive: float = 0.0
    requests: int = 0


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
    """kopf, so that it writes nothing, lists in pages and survives an API server that is away."""
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
    settings.networking.error_backoffs = ErrorBackoffs()
    settings.queueing.idle_timeout = 1.0
    settings.queueing.exit_timeout = 2.0
    # It would kill the thread, and with it the process.
    settings.process.ultimate_exiting_timeout = None
    return settings


class Frame:
    """Runs kopf for ever and keeps what its feeds know complete."""

    def __init__(
        self,
        *,
        connection: Connection,
        session: aiohttp.ClientSession,
        feeds: LowRateFeeds,
        clock: Clock,
        namespaces: Sequence[str] = (),
        page_size: int = 500,
        tap: Tap | None = None,
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._namespaces = tuple(namespaces)
        self._tap = tap
        self._backoff = backoff if backoff is not None else Backoff(low=1.0, high=10.0)
        self._sleep = sleep
        self._feeds = feeds
        self._requests = KopfRequests(Failures(clock), refused=self._refused, sleep=sleep)
        self._home: asyncio.AbstractEventLoop | None = None
        self._deliveries: asyncio.Queue[Delivery | Exception] = asyncio.Queue()
        self._listings = Listings(
            connection=connection, session=session, feeds=feeds, clock=clock, namespaces=self._namespaces,
            page_size=page_size, tap=tap, sleep=sleep,
        )  # fmt: skip
        self._restarts: Counter[FrameEnd] = Counter()
        self._current: tuple[_Run, ...] = ()

    @property
    def health(self) -> FrameHealth:
        """A snapshot."""
        return FrameHealth(
            running=bool(self._current),
            complete=self._listings.complete,
            restarts=dict(self._restarts),
            listings=self._listings.listings,
            failed_listings=self._listings.failed,
            malformed=sum(feed.malformed for feed in self._feeds.values()),
            left_out=dict(self._listings.left_out),
            kinds={
                kind: KindHealth(feed.events, feed.malformed, kind in self._listings.listed)
                for kind, feed in self._feeds.items()
            },
            failing={**self._listings.failures.current, **self._requests.failures.current},
            unresponsive=max((each.unresponsive for each in self._current), default=0.0),
            requests=self._requests.count,
        )

    async def run(self) -> NoReturn:
        """Follow the low-rate kinds until cancelled."""
        self._home = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listings.run(), name="low-rate listings")
            group.create_task(self._take(), name="low-rate deliveries")
            while True:
                admitted = await self._listings.admitted()
                self._listings.again(*(each.kind for each in admitted))
                began = asyncio.get_running_loop().time()
                end = await self._kopf(admitted)
                self._restarts[end] += 1
                if asyncio.get_running_loop().time() - began > _HEALTHY_SECONDS:
                    self._backoff.progressed()
                await self._sleep(self._backoff.next())

    async def _kopf(self, admitted: Sequence[Collection]) -> FrameEnd:
        """Run kopf until it ends, or until it is to be started anew for other collections."""
        runs = tuple(
            _Run(self._connection, each, self._requests, self._deliveries, self._clock)
            for each in shares(admitted, self._namespaces)
        )
        changed = asyncio.create_task(self._listings.changed(admitted))
        self._current = runs
        for run in runs:
            run.start()
        try:
            ends: set[asyncio.Future[Any]] = {changed, *(each.ended for each in runs)}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for run in runs:
                if run.ended.done():
                    return run.ended.result()
            changed.result()
            return FrameEnd.CHANGED
        finally:
            changed.cancel()
            await asyncio.gather(*(each.stop() for each in runs))
            self._current = ()
            self._requests.failures.forget()

    def _refused(self) -> None:
        """Called on kopf's thread, which the end of our own loop may leave behind."""
        if self._home is not None and not self._home.is_closed():
            self._home.call_soon_threadsafe(self._listings.doubt)

    async def _take(self) -> NoReturn:
        """Take what kopf delivers. Raises what went wrong on kopf's thread or here, but for a fault of one object."""
        turns = Turns()
        while True:
            if self._deliveries.empty():
                delivery = await self._deliveries.get()
                turns.waited()
            else:
                delivery = self._deliveries.get_nowait()
                await turns.maybe()
            if isinstance(delivery, Exception):
                raise delivery
            self._told(delivery)

    def _told(self, delivery: "Delivery") -> None:
        kind, type_, raw, arrived = delivery
        if type_ is None:
            self._listings.again(kind)
        line = b'{"type":"%s","object":%s}' % ((type_ or "ADDED").encode(), raw)
        if self._tap is not None and type_ is not None:
            self._tap(arrived, kind, "WATCH", line)
        # What kopf lists was there before, nobody knows since when.
        self._feeds[kind].line(line, arrived=arrived, live=type_ is not None)


class Delivery(NamedTuple):
    """One object as kopf tells of it: ``type`` is ``None`` for one that kopf listed; ``arrived`` is nanoseconds."""

    kind: LowRate
    type: str | None
    raw: bytes
    arrived: int


class Share(NamedTuple):
    """What one run of kopf follows: each of ``kinds`` in each of ``namespaces``, or in all where there are none."""

    kinds: tuple[LowRate, ...]
    namespaces: tuple[str, ...] = ()


def shares(admitted: Sequence[Collection], namespaces: Sequence[str]) -> tuple[Share, ...]:
    """The runs of kopf that follow these collections and no others: one that is refused ends the run that it is in.

    Namespaces in which the same kinds can be read share a run; the kinds of the cluster are in the first one.
    """
    if not namespaces:
        return (Share(tuple(each.kind for each in admitted)),) if admitted else ()
    alike: dict[tuple[LowRate, ...], list[str]] = {}
    for namespace in namespaces:
        alike.setdefault(tuple(each.kind for each in admitted if each.namespace == namespace), []).append(namespace)
    of_cluster = tuple(each.kind for each in admitted if each.namespace is None)
    found = [Share(kinds, tuple(within)) for kinds, within in alike.items() if kinds]
    first = found[0]._replace(kinds=found[0].kinds + of_cluster) if found else Share(of_cluster, tuple(namespaces))
    return tuple(each for each in (first, *found[1:]) if each.kinds)


class _Run:
    """One run of kopf on a thread of its own; what it delivers arrives on the loop that made this."""

    def __init__(
        self, connection: Connection, share: Share, requests: KopfRequests,
        deliveries: "asyncio.Queue[Delivery | Exception]", clock: Clock,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._kinds, self._namespaces = share
        self._requests = requests
        self._deliveries = deliveries
        self._clock = clock
        self._home = asyncio.get_running_loop()
        self.ended: asyncio.Future[FrameEnd] = self._home.create_future()
        """How it ended; kopf may still be tidying up."""
        self._gone: asyncio.Future[None] = self._home.create_future()
        self._abandoned = False
        self._thread = threading.Thread(target=self._work, name="kopf", daemon=True)
        self._stopping = threading.Event()
        self._stop: Callable[[], object] | None = None
        self._beat = time.monotonic()

    @property
    def unresponsive(self) -> float:
        """Seconds that the thread's event loop has been late to turn; 0 once kopf has ended, as it ends in any case."""
        late = time.monotonic() - self._beat - _BEAT_SECONDS
        return 0.0 if self.ended.done() else max(late, 0.0)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    async def stop(self) -> None:
        """Stop kopf if it has not ended, and wait for its thread, but not for ever.

        kopf 1.45 waits without a limit for its watchers to be cancelled, and one that is about to reconnect when kopf's
        session is closed waits for credentials that nobody will give it any more.
        """
        self._stopping.set()
        if self._stop is not None:
            self._stop()
        await asyncio.wait({self._gone}, timeout=_STOP_SECONDS)
        if not self._gone.done():
            self._abandoned = True
            log.warning("kopf does not come to its end, its thread is left alone")

    def _work(self) -> None:
        try:
            asyncio.run(self._operate())
        except Exception as error:  # noqa: BLE001 - whatever ends kopf is counted, and kopf is started anew
            self._call(self._over, error)
        self._call(self._over, None)
        self._call(self._gone.set_result, None)

    def _call(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call on the loop that made this, which may be closed by the time an abandoned thread has something to say."""
        if not self._abandoned:
            self._home.call_soon_threadsafe(callback, *arguments)

    def _over(self, error: BaseException | None) -> None:
        """The first word on how kopf ended counts: what it says after that is the same error again."""
        if self.ended.done():
            return
        match error:
            case None:
                self.ended.set_result(FrameEnd.RETURNED)
            case kopf.LoginError():
                log.warning("kopf has no valid credentials left, it is started anew: %s", error)
                self.ended.set_result(FrameEnd.LOGIN)
            case _:
                log.warning("kopf ended, it is started anew: %s: %s", type(error).__name__, error)
                self.ended.set_result(FrameEnd.FAILED)

    async def _operate(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: None if loop.is_closed() else loop.call_soon_threadsafe(stop.set)
        if self._stopping.is_set():
            return
        self._turned(loop)
        quieten_kopf()
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=frame_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop,
        )
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for error in (task.exception() for task in done if not task.cancelled()):
            if error is not None:
                self._call(self._over, error)
        await kopf.run_tasks(tasks)

    def _turned(self, loop: asyncio.AbstractEventLoop) -> None:
        # A timer and no task: kopf cancels at its end what tasks it finds.
        self._beat = time.monotonic()
        loop.call_later(_BEAT_SECONDS, self._turned, loop)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        async def login(**_: Any) -> kopf.AiohttpSession:  # noqa: ANN401 - kopf's keywords
            return await self._requests.login(self._connection)

        kopf.on.login(registry=registry)(login)
        for row in (KINDS[kind] for kind in self._kinds):
            kopf.on.event(row.group, row.version, row.kind, registry=registry, id=row.kind)(self._handler(row.kind))
        return registry

    def _handler(self, kind: LowRate) -> Any:  # noqa: ANN401 - kopf's handler type is private
        async def handle(event: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401
            try:
                # Here and not on the loop of the hot streams, which may be busy: it is the nearest to its arrival.
                arrived = self._clock.now()
                delivery: Delivery | Exception = Delivery(kind, event["type"], _json(event["object"]), arrived)
            except Exception as error:  # noqa: BLE001 - kopf would log it and go on; the task that takes it raises it
                delivery = error
            self._call(self._deliveries.put_nowait, delivery)

        return handle


def _json(thing: object) -> bytes:
    """The object's bytes again; of one that cannot be JSON the error's text, which its feed counts as malformed."""
    try:
        return msgspec.json.encode(thing)
    except (UnicodeError, OverflowError, RecursionError) as error:
        return f"{type(error).__name__}: {error}".encode(errors="backslashreplace")
