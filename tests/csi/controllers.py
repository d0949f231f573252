"""A controller: brings each object of a collection to where it should be, one attempt at a time, again after errors."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tests.csi.kube import ApiError, Body, Objects
from tests.csi.rpc import RefusedError

log = logging.getLogger(__name__)

FIRST_RETRY = 1.0
"""Seconds after the first failed attempt; twice as long after each further one, as in Kubernetes' CSI sidecars."""
LONGEST_RETRY = 300.0

Reconcile = Callable[[Body], Awaitable[None]]
Sleep = Callable[[float], Awaitable[None]]


class Controller:
    """Calls ``reconcile`` with the latest version of each object that changed.

    Objects are worked on side by side, each of them by one attempt at a time. An attempt that raises ``RefusedError``
    or ``ApiError`` is made again after a wait, with the version of that moment.
    """

    def __init__(self, objects: Objects, path: str, reconcile: Reconcile, *, sleep: Sleep = asyncio.sleep) -> None:
        self._objects = objects
        self._path = path
        self._reconcile = reconcile
        self._sleep = sleep
        self._latest: dict[str, Body] = {}
        self._working: set[str] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as workers:
            async for change in self._objects.changes(self._path):
                uid = change.body["metadata"]["uid"]
                if change.gone:
                    self._latest.pop(uid, None)
                    continue
                self._latest[uid] = change.body
                if uid not in self._working:
                    self._working.add(uid)
                    workers.create_task(self._work(uid))

    async def _work(self, uid: str) -> None:
        wait = FIRST_RETRY
        try:
            while (body := self._latest.get(uid)) is not None:
                if await self._attempt(body):
                    if self._latest.get(uid) is body:
                        return
                    wait = FIRST_RETRY
                else:
                    await self._sleep(wait)
                    wait = min(wait * 2, LONGEST_RETRY)
        finally:
            self._working.discard(uid)

    async def _attempt(self, body: Body) -> bool:
        try:
            await self._reconcile(body)
        except (RefusedError, ApiError, OSError, TimeoutError) as error:
            log.info("%s %s: %s", self._path, body["metadata"]["name"], error)
            return False
        return True
