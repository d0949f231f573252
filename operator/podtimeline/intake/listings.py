"""The listings of the low-rate kinds, and which of them the operator is allowed to read."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NoReturn

import aiohttp

from podtimeline.intake.credentials import Connection
from podtimeline.intake.failures import Failures
from podtimeline.intake.faults import RETRIED, ApiError, Backoff
from podtimeline.intake.kinds import KINDS, LowRate
from podtimeline.intake.listing import Lister, Turns, chunks
from podtimeline.intake.lowrate import LowRateFeeds
from podtimeline.intake.streams import Sleep, Tap
from podtimeline.ports import Clock

log = logging.getLogger(__name__)

_QUIET_SECONDS = 1.0
"""Silence after which kopf's own listing is taken to be over."""
_LEFT_OUT = {403: "this operator is not allowed to read them", 404: "the API server does not serve them"}


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
        self._left_out: dict[LowRate, int] = {}
        self._wanted: set[LowRate] = set()
        self._want = asyncio.Event()
        self._listed: set[LowRate] = set()

    @property
    def complete(self) -> bool:
        """Whether each kind was listed once, but for those left out that nothing waits for."""
        return all(kind in self._listed or self._dispensable(kind) for kind in self._feeds)

    @property
    def listed(self) -> AbstractSet[LowRate]:
        """The kinds that were listed whole at least once."""
        return self._listed

    @property
    def left_out(self) -> Mapping[LowRate, int]:
        """The kinds that cannot be read, with the status that the API server answers."""
        return self._left_out

    async def admitted(self) -> tuple[LowRate, ...]:
        """Ask the API server for one object of each kind: those that it does not refuse.

        One refused kind would end kopf for all of them. Any other failure refuses nothing: it is retried later.
        """
        for kind in self._feeds:
            await self._admit(kind)
        return tuple(kind for kind in self._feeds if kind not in self._left_out)

    async def widened(self) -> None:
        """Wait until a kind that was left out can be read; for ever while none is left out."""
        backoff = Backoff(low=1.0, high=300.0)
        if not self._left_out:
            await asyncio.Event().wait()
        while True:
            await self._sleep(backoff.next())
            for kind in tuple(self._left_out):
                await self._admit(kind)
                if kind not in self._left_out:
                    return

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
            for kind in sorted(wanted - self._left_out.keys()):
                try:
                    await self._list(kind)
                    backoff.progressed()
                    self.failures.recovered(_name(kind))
                except RETRIED as error:
                    self.failed += 1
                    self.failures.failed(_name(kind), str(error) or type(error).__name__)
                    await self._sleep(backoff.next())
                    self.again(kind)

    async def _admit(self, kind: LowRate) -> None:
        try:
            for path in KINDS[kind].paths(self._namespaces):
                await self._lister(path).version()
        except ApiError as error:
            if error.code in _LEFT_OUT:
                self._leave_out(kind, error)
        except RETRIED as error:
            log.info("%s: not known whether they can be read: %s", kind, error)
        else:
            if self._left_out.pop(kind, None) is not None:
                log.info("%s: can be read now", kind)

    def _leave_out(self, kind: LowRate, error: ApiError) -> None:
        self.failures.forget(_name(kind))
        if self._left_out.get(kind) != error.code:
            self._left_out[kind] = error.code
            why, unknown = _LEFT_OUT[error.code], KINDS[kind].without
            log.warning("%s: left out, as %s; without them is unknown: %s (%s)", kind, why, unknown, error)

    def _dispensable(self, kind: LowRate) -> bool:
        return kind in self._left_out and not KINDS[kind].needed

    def _lister(self, path: str) -> Lister:
        return Lister(self._connection, self._session, path, page_size=self._page_size, sock_read=60)

    async def _quiet(self) -> None:
        while self._want.is_set():
            self._want.clear()
            await self._sleep(_QUIET_SECONDS)

    async def _list(self, kind: LowRate) -> None:
        feed, turns = self._feeds[kind], Turns()
        version, arrived = "", self._clock.now()
        feed.begin()
        for path in KINDS[kind].paths(self._namespaces):
            async for page, arrived in self._lister(path).pages(self._clock):
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
        self.listings += 1


def _name(kind: LowRate) -> str:
    return f"listing of {kind}"
