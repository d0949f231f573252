"""A reverse proxy that makes an API server fail on purpose, for the fake one and for a real one alike.

It counts what it sees.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
from aiohttp import web
from tests.support.proxy import Proxy

from podtimeline.kube.connection import Connection


class FaultKind(StrEnum):
    """What goes wrong."""

    STATUS = "status"
    """The request is answered with ``code``."""
    GARBAGE = "garbage"
    """The request is answered with 200 and a page that is no JSON."""
    ERROR_EVENT = "error_event"
    """After ``after`` lines the watch gets an ERROR event with ``code`` and ends."""
    CUT = "cut"
    """After ``after`` lines half of the next one is sent, and the answer ends in good order, as some proxies do it."""
    ABORT = "abort"
    """The same, and the connection is torn down."""
    CLOSE = "close"
    """After ``after`` lines the watch ends in good order."""
    STALL = "stall"
    """After ``after`` lines nothing comes any more, and the connection stays."""


class Target(StrEnum):
    """Which requests a fault hits."""

    LIST = "list"
    CONTINUE = "continue"
    WATCH = "watch"
    ANY = "any"


@dataclass(slots=True)
class Fault:
    """A fault for the next ``times`` requests that it fits (``None``: all, until it is lifted)."""

    kind: FaultKind
    target: Target = Target.WATCH
    resource: str = ""
    namespace: str = ""
    code: int = 500
    after: int = 0
    times: int | None = 1
    hits: int = 0

    def fits(self, request: web.Request) -> bool:
        """Whether it hits the request."""
        if self.times is not None and self.hits >= self.times:
            return False
        if self.resource and not request.path.endswith(f"/{self.resource}"):
            return False
        if self.namespace and f"/namespaces/{self.namespace}/" not in request.path:
            return False
        return self.target in {Target.ANY, target_of(request)}


def target_of(request: web.Request) -> Target:
    """What kind of request it is."""
    if request.query.get("watch") in {"1", "true"}:
        return Target.WATCH
    return Target.CONTINUE if request.query.get("continue") else Target.LIST


class FaultProxy(Proxy):
    """Forwards requests to an API server, faults first."""

    def __init__(self, upstream: Connection) -> None:
        super().__init__(upstream)
        self.requests: Counter[tuple[str, Target, str]] = Counter()
        """How often each (method, kind of request, path) was asked for."""
        self.authorizations: list[str | None] = []
        """The Authorization header of each request."""
        self.watch_seconds: list[int] = []
        """The ``timeoutSeconds`` of each watch."""
        self._faults: list[Fault] = []
        self._open: set[asyncio.BaseTransport] = set()

    def drop_all(self) -> None:
        """Tear down every connection that is being answered."""
        for transport in tuple(self._open):
            transport.abort() if isinstance(transport, asyncio.Transport) else transport.close()

    def add(self, fault: Fault) -> Fault:
        """Let it go wrong from now on."""
        self._faults.append(fault)
        return fault

    def lift(self, fault: Fault) -> None:
        """Let it go well again."""
        self._faults.remove(fault)

    @property
    def methods(self) -> set[str]:
        """The HTTP methods that were used."""
        return {method for method, _, _ in self.requests}

    def count(self, target: Target, resource: str) -> int:
        """How many such requests were made for a resource."""
        return sum(
            count
            for (_, kind, path), count in self.requests.items()
            if kind is target and path.endswith(f"/{resource}")
        )

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """See ``Proxy.serve``."""
        self.requests[request.method, target_of(request), request.path] += 1
        self.authorizations.append(request.headers.get("Authorization"))
        if "timeoutSeconds" in request.query:
            self.watch_seconds.append(int(float(request.query["timeoutSeconds"])))
        fault = next((each for each in self._faults if each.fits(request)), None)
        if fault is not None:
            fault.hits += 1
        self.changes.notify()
        if fault is not None and fault.kind is FaultKind.STATUS:
            return web.json_response(_status(fault.code), status=fault.code)
        if fault is not None and fault.kind is FaultKind.GARBAGE:
            return web.Response(text="<html>Please log in</html>\n", content_type="text/html")
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client left")
        self._open.add(transport)
        try:
            return await self._forward(request, fault)
        finally:
            self._open.discard(transport)

    async def _forward(self, request: web.Request, fault: Fault | None) -> web.StreamResponse:
        async with self.asked(request, path=request.rel_url.raw_path, body=await request.read()) as (answer, response):
            if fault is None or target_of(request) is not Target.WATCH:
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            else:
                await self._spoil(request, response, answer.content, fault)
            return response

    async def _spoil(
        self, request: web.Request, response: web.StreamResponse, content: aiohttp.StreamReader, fault: Fault
    ) -> None:
        for _ in range(fault.after):
            await response.write(await content.readline())
        match fault.kind:
            case FaultKind.ERROR_EVENT:
                await response.write(_error_line(fault.code))
            case FaultKind.CUT | FaultKind.ABORT:
                line = await content.readline()
                await response.write(line[: len(line) // 2])
                if fault.kind is FaultKind.ABORT and request.transport is not None:
                    request.transport.abort()
            case FaultKind.STALL:
                await asyncio.Event().wait()
            case FaultKind.CLOSE | FaultKind.STATUS | FaultKind.GARBAGE:
                return


def _status(code: int) -> dict[str, object]:
    reason = {403: "Forbidden", 410: "Expired"}.get(code, "InternalError")
    status: dict[str, object] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return status | {"message": "injected fault", "reason": reason, "code": code}


def _error_line(code: int) -> bytes:
    return json.dumps({"type": "ERROR", "object": _status(code)}).encode() + b"\n"
