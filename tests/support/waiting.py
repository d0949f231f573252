"""Waiting for something to become true, without sleeping."""

import asyncio
from collections.abc import Callable


class Changes:
    """Tells those who wait that something changed."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def notify(self) -> None:
        """Something changed: every waiter looks again."""
        for event in self._waiting:
            event.set()

    async def until(self, true: Callable[[], bool], *, seconds: float = 20.0) -> None:
        """Return once ``true()``; raises ``TimeoutError`` when that takes too long."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(seconds):
                while not true():
                    event.clear()
                    await event.wait()
        finally:
            self._waiting.discard(event)
