"""Work of a request that computes: in one thread, in short jobs, so that the event loop is left to the streams.

Python runs one thread at a time, and who is next of those that wait is left to chance: beside one thread that computes
the loop waits for a switch interval, beside five for as long as chance has it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from podtimeline.web.responses import RequestRefused

T = TypeVar("T")
S = TypeVar("S")
SLICE = 50
"""Records that the loop copies before others have their turn."""


JOB = 20
"""Pods of one job of the worker: a scrape waits for one job of somebody else's, not for a whole page."""


class Worker:
    """The one thread that computes for all requests; jobs are done in the order in which they come."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="render")

    async def run(self, job: Callable[[], T]) -> T:
        """The job's result."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    async def each(self, items: Sequence[S], job: Callable[[S], T]) -> list[T]:
        """The results for all items, ``JOB`` of them at a time."""
        done: list[T] = []
        for first in range(0, len(items), JOB):
            part = items[first : first + JOB]
            done += await self.run(lambda part=part: [job(item) for item in part])  # type: ignore[misc]
        return done

    def close(self) -> None:
        """End the thread once its job is done; jobs that wait are dropped."""
        self._thread.shutdown(wait=True, cancel_futures=True)


class Lane:
    """Lets ``width`` requests hold records at once; as many as ``waiting`` may wait for it, holding nothing."""

    def __init__(self, *, width: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(width)
        self._most = width + waiting
        self._inside = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place. Raises ``RequestRefused`` where too many wait already."""
        if self._inside >= self._most:
            detail = f"{self._inside} requests are being answered already; try again in a few seconds"
            raise RequestRefused(503, "Too many requests at once", detail, {"Retry-After": "5"})
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
