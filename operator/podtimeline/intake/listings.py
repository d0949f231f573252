"""The listings of the low-rate kinds, and which of them the operator is allowed to read, namespace by namespace."""

import asyncio
import logging
from collections.abc import Collection as Collections
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NoReturn

import aiohttp

from podtimeline.intake.credentials import Connection
from podtimeline.intake.failures import Failures
from podtimeline.intake.faults import REFUSALS, RETRIED, ApiError, Backoff, refusal
from podtimeline.intake.kinds import KINDS, Collection, LowRate
from podtimeline.intake.listing import Lister, Turns, chunks
from podtimeline.intake.lowrate import LowRateFeeds
from podtimeline.intake.streams import Sleep, Tap
from podtimeline.ports import Clock

log = logging.getLogger(__name__)

_QUIET_SECONDS = 1.0
"""Silence after which kopf's own listing is taken to be over."""


class Listings:
    """Lists each kind whenever that is wanted, and knows which kinds are left out."""

    def __init__(
        self, *, connection: Connection, session: aiohttp.ClientSession, feeds: LowRateFeeds, clock: Clock,
        namespaces: Sequence[str] = (), page_size: int = 500, tap: Tap | None = None, sleep: Sleep = asyncio.sleep,
    ) -> None:  # fmt: skip
        self.listings = 0
        self.failed = 0
        self.failures = Failures(clock)
        """The kinds whose listing fails now."""
        self._connection = connection
        self._session = session
        self._feeds = feeds
        self._clock = clock
        self._namespaces = namespaces
        self._page_size = page_size
        self._tap = tap
        self._sleep = sleep
        self._left_out: dict[Collection, int] = {}
        self._wanted: set[LowRate] = set()
        self._want = asyncio.Event()
        self._doubted = asyncio.Event()
        self._listed: set[LowRate] = set()

    @property
    def complete(self) -> bool:
        """Whether each kind was listed once, as far as it can be read."""
        return all(kind in self._listed or not self._readable(kind) for kind in self._feeds)

    @property
    def listed(self) -> AbstractSet[LowRate]:
        """The kinds that were listed whole at least once."""
        return self._listed

    @property
    def left_out(self) -> Mapping[Collection, int]:
        """The collections that cannot be read, with the status that the API server answers."""
        return self._left_out

    async def admitted(self) -> tuple[Collection, ...]:
        """Ask the API server for one object of each collection: those that it does not refuse.

        One refused collection would end kopf for all of them. Any other failure refuses nothing: it is retried later.
        """
        for collection in self._collections():
            await self._admit(collection)
        return tuple(each for kind in self._feeds for each in self._readable(kind))

    async def changed(self, admitted: Collections[Collection]) -> None:
        """Wait until other collections can be read than those: one more, or one less."""
        backoff = Backoff(low=1.0, high=60.0)
        while self._every_readable() == set(admitted):
            doubted = await self._suspected(backoff.next())
            for collection in self._collections() if doubted else tuple(self._left_out):
                await self._admit(collection)

    def doubt(self) -> None:
        """Somebody was refused what was admitted."""
        self._doubted.set()

    async def _suspected(self, seconds: float) -> bool:
        """Wait for a doubt, while something is left out no longer than that; returns whether there is one."""
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._doubted.wait())]
        if self._left_out:
            waiting.append(asyncio.ensure_future(self._sleep(seconds)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        doubted = self._doubted.is_set()
        self._doubted.clear()
        return doubted

    def again(self, *kinds: LowRate) -> None:
        """List these kinds soon."""
        self._wanted.update(kinds)
        self._want.set()

    async def run(self) -> NoReturn:
        """List what is wanted, for ever."""
        backoff = Backoff(low=1.0, high=10.0)
        while True:
            await self._want.wait()
            if self._wanted <= self._listed:
                await self._quiet()
            self._want.clear()
            wanted, self._wanted = self._wanted, set()
            for kind in sorted(each for each in wanted if self._readable(each)):
                try:
                    await self._list(kind)
                    backoff.progressed()
                    self.failures.recovered(_name(kind))
                except RETRIED as error:
                    self.failed += 1
                    self.failures.failed(_name(kind), str(error) or type(error).__name__)
                    await self._sleep(backoff.next())
                    self.again(kind)

    async def _admit(self, collection: Collection) -> None:
        try:
            await self._lister(collection.path).version()
        except RETRIED as error:
            code = refusal(error)
            if code is None:
                log.info("%s: not known whether they can be read: %s", collection, error)
            else:
                self._leave_out(collection, code, error)
        else:
            if self._left_out.pop(collection, None) is not None:
                log.info("%s: can be read now", collection)

    def _leave_out(self, collection: Collection, code: int, error: Exception) -> None:
        if self._left_out.get(collection) != code:
            self._left_out[collection] = code
            self._doubted.set()
            why, unknown = REFUSALS[code], KINDS[collection.kind].without
            log.warning("%s: left out, as %s; without them is unknown: %s (%s)", collection, why, unknown, error)
        if not self._readable(collection.kind):
            self.failures.forget(_name(collection.kind))

    def _collections(self) -> tuple[Collection, ...]:
        return tuple(each for kind in self._feeds for each in KINDS[kind].collections(self._namespaces))

    def _every_readable(self) -> set[Collection]:
        return set(self._collections()) - self._left_out.keys()

    def _readable(self, kind: LowRate) -> tuple[Collection, ...]:
        return tuple(each for each in KINDS[kind].collections(self._namespaces) if each not in self._left_out)

    def _lister(self, path: str) -> Lister:
        return Lister(self._connection, self._session, path, page_size=self._page_size, sock_read=60)

    async def _quiet(self) -> None:
        while self._want.is_set():
            self._want.clear()
            await self._sleep(_QUIET_SECONDS)

    async def _list(self, kind: LowRate) -> None:
        feed, version, arrived = self._feeds[kind], "", self._clock.now()
        feed.begin()
        for collection in self._readable(kind):
            try:
                version, arrived = await self._read(collection)
            except ApiError as error:
                code = refusal(error)
                if code is None:
                    raise
                self._leave_out(collection, code, error)
        if not self._readable(kind):
            return
        if self._tap is not None:
            self._tap(arrived, kind, "LISTED", version.encode())
        feed.unread = frozenset(each.namespace for each in self._left_out if each.kind is kind and each.namespace)
        feed.end(version, arrived=arrived)
        self._listed.add(kind)
        self.listings += 1

    async def _read(self, collection: Collection) -> tuple[str, int]:
        """Read all pages of a collection; returns its resourceVersion and when the last page arrived."""
        feed, turns, version, arrived = self._feeds[collection.kind], Turns(), "", 0
        async for page, arrived in self._lister(collection.path).pages(self._clock):
            version = page.metadata.resource_version
            turns.waited()
            for items in chunks(page.items or [], 20):
                for raw in items:
                    if self._tap is not None:
                        self._tap(arrived, collection.kind, "LIST", bytes(raw))
                    feed.item(raw, arrived=arrived)
                await turns.maybe()
        return version, arrived


def _name(kind: LowRate) -> str:
    return f"listing of {kind}"
