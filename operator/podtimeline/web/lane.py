"""Work of a request that computes: in a thread, few at a time, so that the event loop is left to the streams.

Python runs one thread at a time: each thread that computes makes the loop wait for its turn. With two of them beside it
the loop waits two switch intervals; with thirty it would wait thirty.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from podtimeline.web.problems import Refused

T = TypeVar("T")
SLICE = 50
"""Records that the loop copies before others have their turn."""


class Lane:
    """Lets ``width`` requests compute at once; as many as ``waiting`` may wait for it, holding nothing."""

    def __init__(self, *, width: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(width)
        self._most = width + waiting
        self._inside = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place. Raises ``Refused`` where too many wait already."""
        if self._inside >= self._most:
            detail = f"{self._inside} requests are being answered already; try again in a few seconds"
            raise Refused(503, "Too many requests at once", detail, {"Retry-After": "5"})
        self._inside += 1
        try:
            async with self._free:
                yield
        finally:
            self._inside -= 1


async def in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """The items; after each ``SLICE`` of them everything else that the loop has to do comes first."""
    for number, item in enumerate(items):
        if number and number % SLICE == 0:
            await asyncio.sleep(0)
        yield item
