"""kopf, the operator's frame: the life cycle of the process, its signals and its end, and the login for own resources.

kopf runs on the main event loop with a registry and settings of our own. Everything is begun by its ``on.startup``, and
drained and committed by its ``on.cleanup``, which kopf runs after all of its own tasks have ended. The observed kinds
are not read through kopf: its handlers know neither the moment of arrival nor the end of a listing. The handlers of the
project's own resources belong into this registry.

Without such handlers, and with scanning disabled, kopf 1.45 asks the API server for no more than its discovery
(``kopf._core.reactor.observation.resource_observer``), once. It gives up after a minute of errors, and at once after an
answer that it does not expect; either would end the process. So those requests are ``_patient``. They are not among
what readiness reports: nothing waits for them.

There is no ``on.probe``: kopf would answer it on a port of its own, from a cache of ten seconds. ``/healthz`` is
answered by the product's own server (``app.health``), on the same event loop.
"""

import asyncio
import logging
import re
import signal
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import kopf
import msgspec

from podtimeline.errors import ClusterError
from podtimeline.kube.connection import Connection
from podtimeline.kube.failures import RETRIED, Backoff, Failures, Sleep
from podtimeline.kube.lister import check
from podtimeline.ports import Clock

log = logging.getLogger(__name__)

_AGENT = {"User-Agent": "kopf"}
"""The API server's audit log tells kopf's requests from those of the streams."""
_ANSWER_SECONDS = 30.0
_DISCOVERY = re.compile(r"/api|/apis|(?P<version>/api/[^/]+|/apis/[^/]+/[^/]+)")
Step = Callable[[], Awaitable[None]]


class _Version(msgspec.Struct):
    """metav1.GroupVersionForDiscovery."""

    version: str


class _Group(msgspec.Struct, rename="camel"):
    """metav1.APIGroup."""

    name: str
    versions: list[_Version]
    preferred_version: _Version


class _Resource(msgspec.Struct, rename="camel"):
    """metav1.APIResource."""

    name: str
    singular_name: str
    kind: str
    namespaced: bool
    verbs: list[str] | None = None
    short_names: list[str] = []
    categories: list[str] = []


class _Discovered(msgspec.Struct):
    """What kopf takes for granted in an answer of the discovery (``kopf._cogs.clients.scanning``): one of the three."""

    versions: list[str] | None = None
    groups: list[_Group] | None = None
    resources: list[_Resource] | None = None


class Frame:
    """Runs kopf once, from its start to its end."""

    def __init__(
        self,
        *,
        connection: Connection,
        clock: Clock,
        start: Step,
        end: Step,
        namespaces: Sequence[str] = (),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """``start`` begins everything; ``end``, if that has returned, drains and commits after kopf's own tasks."""
        self._connection = connection
        self._failures = Failures(clock)
        self._start = start
        self._end = end
        self._namespaces = tuple(namespaces)
        self._sleep = sleep
        self._refused: Exception | None = None
        """What ``start`` raised."""

    async def run(self, stop: asyncio.Event) -> bool:
        """Run until SIGTERM or SIGINT comes or ``stop`` is set; returns whether kopf came to its end without an error.

        Raises what ``start`` raises.
        """
        _quieten()
        try:
            tasks = await kopf.spawn_tasks(
                registry=self._registry(),
                settings=frame_settings(),
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=stop,
            )
            _listen(stop)
            await kopf.run_tasks(tasks, ignored=_Everything())
        except Exception as error:
            if self._refused is not None:
                raise self._refused from None
            log.critical("kopf failed, shutting down: %s", error, exc_info=error)
            return False
        return True

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        only_once = kopf.ErrorsMode.PERMANENT

        @kopf.on.startup(registry=registry, errors=only_once)
        async def start(**_: object) -> None:
            try:
                await self._start()
            except Exception as error:
                self._refused = error
                raise

        @kopf.on.cleanup(registry=registry, errors=only_once)
        async def end(**_: object) -> None:
            await self._end()

        @kopf.on.login(registry=registry)
        async def login(**_: object) -> kopf.AiohttpSession:
            session = self._connection.session(headers=_AGENT, middlewares=(self._patient,))
            return kopf.AiohttpSession(server=self._connection.server, aiohttp_session=session)

        return registry

    async def _patient(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Authorize a request; ask for a page of the discovery until it is answered, however long that takes."""
        path = request.url.path.removeprefix(urlsplit(self._connection.server).path.rstrip("/"))
        page = _DISCOVERY.fullmatch(path)
        if page is None:
            request.headers.update(self._connection.headers())
            return await handler(request)
        backoff, name = Backoff(low=0.5, high=60.0), f"discovery of {path}"
        while True:
            try:
                request.headers.update(self._connection.headers())
                async with asyncio.timeout(_ANSWER_SECONDS):
                    found = await _whole(await handler(request), of_version=page["version"] is not None)
            except RETRIED as error:
                self._failures.failed(name, str(error) or type(error).__name__, level=logging.INFO)
                await self._sleep(backoff.next())
            else:
                self._failures.recovered(name)
                return found


class _Everything(Collection["asyncio.Task[Any]"]):
    """The tasks that kopf leaves alone at its end: all. By itself it waits for those of others, then cancels them."""

    def __contains__(self, _: object) -> bool:
        return True

    def __iter__(self) -> Iterator["asyncio.Task[Any]"]:
        return iter(())

    def __len__(self) -> int:
        return 0


async def _whole(response: aiohttp.ClientResponse, *, of_version: bool) -> aiohttp.ClientResponse:
    """Read a page of the discovery to its end. Raises what ``RETRIED`` names where kopf could not read it."""
    if of_version and response.status == HTTPStatus.NOT_FOUND:
        # A version that is not served any more has no resources: kopf knows that.
        return response
    try:
        await check(response)
        found = msgspec.json.decode(await response.read(), type=_Discovered)
        if found.versions is None and found.groups is None and found.resources is None:
            raise ClusterError("the answer is not a discovery document")
    except BaseException:
        response.close()
        raise
    return response


def frame_settings() -> kopf.OperatorSettings:
    """kopf, so that it writes nothing and watches nothing by itself."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    # With kopf's default name it would strip the finalizers of other kopf operators.
    settings.persistence.finalizer = "podtimeline/none"
    settings.networking.request_timeout = None
    # It would kill the process in the midst of the last commit; the kubelet does so after the pod's grace period.
    settings.process.ultimate_exiting_timeout = None
    return settings


def _listen(stop: asyncio.Event) -> None:
    """Take the signals over from kopf, whose handlers fail when a signal comes for the second time."""
    if threading.current_thread() is threading.main_thread():
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)


def _quieten() -> None:
    """Leave it to our own log what failed: kopf logs each attempt, and of its handlers each success."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("kopf.activities").setLevel(logging.CRITICAL)


__all__ = ["Frame", "frame_settings"]
