"""What kopf asks of the API server: paced, counted, and known to fail where it fails.

kopf 1.45 begins a watch again at once when it ended, however often that happens in a second, logs every failed attempt
as an error of its own, and says nothing about either to the operator that it runs.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import aiohttp
import kopf

from podtimeline.intake.credentials import Connection
from podtimeline.intake.failures import Failures
from podtimeline.intake.faults import REFUSALS, Backoff
from podtimeline.intake.streams import Sleep

_SETTLED = 10.0
"""Seconds after which a watch was no failure, even if it brought nothing."""
_LOGIN = "login"
_AGENT = {"User-Agent": "kopf"}
"""The API server's audit log tells kopf's requests from those of the streams."""


class ErrorBackoffs(Iterable[float]):
    """The delays between kopf's attempts in seconds, without an end: an API server that is away ends nothing.

    The longest is short enough that what went on meanwhile is read soon after the server's return.
    """

    def __iter__(self) -> Iterator[float]:
        yield from (1.0, 2.0, 4.0, 8.0)
        while True:
            yield 10.0


class KopfRequests:
    """Watches over the requests of one operator's kopf, run after run. Called on kopf's own thread."""

    def __init__(
        self, failures: Failures, *, refused: Callable[[], None] = lambda: None, sleep: Sleep = asyncio.sleep
    ) -> None:
        """``refused`` is called whenever a request is answered by one of ``faults.REFUSALS``: kopf tries it again."""
        self.count = 0
        """Requests since the process began."""
        self.failures = failures
        """What fails now, by request."""
        self._refused = refused
        self._sleep = sleep
        self._answered: dict[str, float] = {}
        self._backoffs: dict[str, Backoff] = {}

    async def login(self, connection: Connection) -> kopf.AiohttpSession:
        """Our connection in kopf's terms, on kopf's loop. Raises ``ClusterError`` where credentials cannot be read."""
        # kopf asks for another login whenever a token is refused: delayed, or a token that stays refused is a hot loop.
        await self._delay(_LOGIN)
        self._answered[_LOGIN] = asyncio.get_running_loop().time()
        session = connection.session(headers=connection.headers() | _AGENT, traces=(self._trace(),))
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=session)

    def _trace(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._begins)
        trace.on_request_end.append(self._ends)
        trace.on_request_exception.append(self._breaks)
        return trace

    async def _begins(
        self, _: aiohttp.ClientSession, __: SimpleNamespace, request: aiohttp.TraceRequestStartParams
    ) -> None:
        name = _name(request)
        await self._delay(name)
        self.count += 1

    async def _delay(self, name: str) -> None:
        """Delay a watch whose predecessor was answered and ended soon; after an error it is kopf that waits."""
        answered = self._answered.pop(name, None)
        if answered is None:
            return
        backoff = self._backoffs.setdefault(name, Backoff())
        if asyncio.get_running_loop().time() - answered > _SETTLED:
            backoff.progressed()
        await self._sleep(backoff.next())

    async def _ends(
        self, _: aiohttp.ClientSession, __: SimpleNamespace, request: aiohttp.TraceRequestEndParams
    ) -> None:
        name, status = _name(request), request.response.status
        if status == 200:
            self.failures.recovered(name)
            if name.startswith("watch"):
                self._answered[name] = asyncio.get_running_loop().time()
        else:
            refused = status if status in REFUSALS else None
            self.failures.failed(name, f"the API server answers {status}", refused=refused)
            if refused is not None:
                self._refused()

    async def _breaks(
        self, _: aiohttp.ClientSession, __: SimpleNamespace, request: aiohttp.TraceRequestExceptionParams
    ) -> None:
        error = request.exception
        if isinstance(error, asyncio.CancelledError):
            return
        self.failures.failed(_name(request), str(error) or type(error).__name__)


def _name(
    request: aiohttp.TraceRequestStartParams | aiohttp.TraceRequestEndParams | aiohttp.TraceRequestExceptionParams,
) -> str:
    verb = "watch" if request.url.query.get("watch") == "true" else "list"
    return f"{verb} of {request.url.path}"


def quieten_kopf() -> None:
    """Leave kopf's connections to our own log: of its attempts it logs each, of its handlers each success."""
    logging.getLogger("kopf._cogs.clients.watching").setLevel(logging.CRITICAL)
    # Signals belong to the process's own loop.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)


__all__ = ["ErrorBackoffs", "KopfRequests", "quieten_kopf"]
