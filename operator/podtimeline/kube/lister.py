"""The collections of the API, and one complete listing of one, page by page."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import aiohttp
import msgspec

from podtimeline.kube.connection import Connection
from podtimeline.kube.failures import ApiError, VersionGoneError
from podtimeline.kube.metav1 import ListPage
from podtimeline.ports import Clock

T = TypeVar("T")
_PAGE = msgspec.json.Decoder(ListPage)
_BUDGET = 0.02
"""Seconds of work after which the event loop gets a turn, so that probes and scrapes are answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource that is observed (a GroupVersionResource), and what is unknown ``without`` the right to read it.

    ``name`` is the plural name of the API. A resource that is not ``namespaced`` takes a ClusterRole even where the
    operator follows some namespaces only.
    """

    name: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    without: str

    def collections(self, namespaces: Sequence[str] = ()) -> "Iterator[Collection]":
        """The collections to read: one of all namespaces (none given) or of the cluster, or one per namespace."""
        for namespace in (namespaces or (None,)) if self.namespaced else (None,):
            yield Collection(self, namespace)


class Collection(NamedTuple):
    """The objects of a resource in one namespace, or in all of them (``None``)."""

    resource: Resource
    namespace: str | None = None

    @property
    def path(self) -> str:
        """Its path in the API."""
        name, group, version = self.resource.name, self.resource.group, self.resource.version
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        return f"{root}/{name}" if self.namespace is None else f"{root}/namespaces/{self.namespace}/{name}"

    def __str__(self) -> str:
        """As it is told to people."""
        return self.resource.name if self.namespace is None else f"{self.resource.name} of {self.namespace}"


async def check(response: aiohttp.ClientResponse) -> None:
    """Raises ``VersionGoneError`` for 410 and ``ApiError`` for every other status but 200."""
    if response.status == 200:
        return
    text = (await response.content.read(1000)).decode(errors="replace")
    if response.status == 410:
        raise VersionGoneError(410, text)
    asked = response.headers.get("Retry-After", "")
    raise ApiError(response.status, text, retry_after=float(asked) if asked.isdecimal() else None)


class Lister:
    """Reads listings of one collection; ``path`` is the collection's path in the API."""

    def __init__(
        self, connection: Connection, session: aiohttp.ClientSession, path: str, *, page_size: int, sock_read: float
    ) -> None:
        self._connection = connection
        self._session = session
        self._path = path
        self._page_size = page_size
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=sock_read)

    async def pages(self, clock: Clock) -> AsyncIterator[tuple[ListPage, int]]:
        """Each page with its arrival. Raises what ``faults.RETRIED`` names; 410 means to begin again.

        Without a resourceVersion: 0 would ignore the limit (kubernetes/kubernetes#70735).
        """
        token = ""
        while True:
            page = await self._page(self._page_size, token)
            yield page, clock.now()
            token = page.metadata.continue_
            if not token:
                return

    async def version(self) -> str:
        """The collection's current resourceVersion, for the price of one object."""
        return (await self._page(1, "")).metadata.resource_version

    async def _page(self, limit: int, token: str) -> ListPage:
        query = {"limit": str(limit)}
        if token:
            query["continue"] = token
        url, headers = self._connection.url(self._path), self._connection.headers()
        async with self._session.get(url, params=query, headers=headers, timeout=self._timeout) as response:
            await check(response)
            return _PAGE.decode(await response.read())


class Turns:
    """Gives the event loop a turn after about 20 ms of work."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def waited(self) -> None:
        """The loop has just had a turn, by waiting for bytes."""
        self._since = time.perf_counter()

    async def maybe(self) -> None:
        """Yield if it is time to."""
        if time.perf_counter() - self._since > _BUDGET:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


def chunks(items: list[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
