"""The API server, for controllers: objects by their paths, and a stream of what changes."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol

import aiohttp

from podtimeline.kube.connection import Connection

log = logging.getLogger(__name__)

Body = dict[str, Any]
_WATCH_SECONDS = 300
_RETRY_SECONDS = 0.5


class ApiError(Exception):
    """The API server said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Change(NamedTuple):
    """An object as it is now, or, if it is ``gone``, as it was last seen."""

    body: Body
    gone: bool = False


class Objects(Protocol):
    """What a controller needs of the API server. All of it raises ``ApiError``."""

    async def get(self, path: str) -> Body | None:
        """An object or a list, ``None`` if it is not there."""
        ...

    async def create(self, path: str, body: Body) -> bool:
        """Create an object in the collection at ``path``; False if there is one of that name."""
        ...

    async def patch(self, path: str, body: Body) -> None:
        """Merge ``body`` into an object; one that is not there is left alone."""
        ...

    async def delete(self, path: str) -> None:
        """Delete an object, which need not be there."""
        ...

    def changes(self, path: str) -> AsyncIterator[Change]:
        """Every object of the collection at ``path``, then every change; it does not end by itself."""
        ...


class Api:
    """The API server that a connection leads to."""

    def __init__(self, connection: Connection, session: aiohttp.ClientSession) -> None:
        self._connection = connection
        self._session = session

    async def _request(self, method: str, path: str, body: Body | None = None) -> tuple[int, Body]:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Content-Type": kind, "User-Agent": "csi-sidecars", **self._connection.headers()}
        data = None if body is None else json.dumps(body)
        timeout = aiohttp.ClientTimeout(total=20)
        url = self._connection.url(path)
        async with self._session.request(method, url, data=data, headers=headers, timeout=timeout) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Body | None:
        """An object or a list, ``None`` if it is not there."""
        return _accept(await self._request("GET", path), missing=True)

    async def create(self, path: str, body: Body) -> bool:
        """Create an object in the collection at ``path``; False if there is one of that name."""
        status, answer = await self._request("POST", path, body)
        if status == 409:
            return False
        _accept((status, answer))
        return True

    async def patch(self, path: str, body: Body) -> None:
        """Merge ``body`` into an object; one that is not there is left alone."""
        _accept(await self._request("PATCH", path, body), missing=True)

    async def delete(self, path: str) -> None:
        """Delete an object, which need not be there."""
        _accept(await self._request("DELETE", path), missing=True)

    async def changes(self, path: str) -> AsyncIterator[Change]:
        """Every object of the collection at ``path``, then every change; it does not end by itself."""
        known: dict[str, Body] = {}
        while True:
            try:
                async for change in self._once(path, known):
                    yield change
            except (aiohttp.ClientError, TimeoutError, ApiError, ValueError) as error:
                log.info("watch of %s: %s", path, error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _once(self, path: str, known: dict[str, Body]) -> AsyncIterator[Change]:
        listed = await self.get(path) or {"items": [], "metadata": {}}
        present = {each["metadata"]["uid"]: each for each in listed["items"]}
        for uid in known.keys() - present.keys():
            yield Change(known.pop(uid), gone=True)
        for uid, body in present.items():
            known[uid] = body
            yield Change(body)
        async for line in self._lines(path, listed["metadata"].get("resourceVersion", "")):
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise ApiError(event["object"].get("code", 0), event["object"].get("message", ""))
            body, gone = event["object"], event["type"] == "DELETED"
            uid = body["metadata"]["uid"]
            known[uid] = body
            if gone:
                del known[uid]
            yield Change(body, gone)

    async def _lines(self, path: str, version: str) -> AsyncIterator[bytes]:
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": str(_WATCH_SECONDS)}
        headers = {"User-Agent": "csi-sidecars", **self._connection.headers()}
        # aiohttp's own splitting into lines refuses long ones.
        async with self._session.get(self._connection.url(path), params=query, headers=headers) as answer:
            if answer.status != 200:
                raise ApiError(answer.status, await answer.text())
            rest = b""
            async for chunk in answer.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line


def _accept(answer: tuple[int, Body], *, missing: bool = False) -> Body | None:
    status, body = answer
    if status < 300:
        return body
    if missing and status == 404:
        return None
    raise ApiError(status, str(body.get("message", body)))
