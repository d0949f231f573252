"""What the proxies of the tests have in common: plain HTTP downstream, upstream whatever a ``Connection`` knows."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web
from tests.support.fake_api import Server

from podtimeline.kube.connection import Connection

_HOP = frozenset({"connection", "host", "transfer-encoding", "content-length", "content-encoding", "keep-alive"})


class Proxy(Server):
    """Stands before an API server and hands every request to ``serve``; the credentials are the connection's."""

    def __init__(self, upstream: Connection, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host=host, port=port)
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        raise AssertionError("a subclass says what it makes of requests")

    def application(self) -> web.Application:
        """See ``Server.application``."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self.serve)
        return app

    @asynccontextmanager
    async def asked(
        self, request: web.Request, *, path: str, body: bytes
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, web.StreamResponse]]:
        """Ask the API server the same at ``path`` with ``body``; its answer, and ours with the head of that sent."""
        if self._session is None:
            raise RuntimeError("not started")
        url, headers = self._upstream.url(path), _kept(request.headers.items()) | self._upstream.headers()
        async with self._session.request(
            request.method, url, params=request.query, headers=headers, data=body
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers.items()))
            await response.prepare(request)
            yield answer, response

    async def __aenter__(self) -> Self:
        self._session = self._upstream.session()
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if self._session is not None:
            await self._session.close()


def _kept(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers that are not of one connection alone (RFC 9110, 7.6.1), nor of a coding that was taken off."""
    return {name: value for name, value in headers if name.lower() not in _HOP}
