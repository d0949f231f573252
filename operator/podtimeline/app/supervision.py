"""Tasks that must not end: who is to end them all in order is told of the first that does."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Supervisor:
    """Starts tasks, and knows which of them ended although they never should."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._stopping = False
        self._failed: tuple[str, ...] = ()
        self._watching: asyncio.Task[None] | None = None

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run ``work`` as a task of that name."""
        self._tasks[name] = asyncio.create_task(work, name=name)

    @property
    def ended(self) -> tuple[str, ...]:
        """The names of tasks that ended before anybody asked them to; they stay while the process ends."""
        if self._stopping:
            return self._failed
        return tuple(name for name, task in self._tasks.items() if task.done())

    def watch(self, ended: Callable[[], None]) -> None:
        """Call ``ended`` once a task that runs now ends before it is asked to; the reason is logged."""
        self._watching = asyncio.create_task(self._watch(ended), name="supervision")

    async def _watch(self, ended: Callable[[], None]) -> None:
        await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        self._failed = self.ended
        for name in self._failed:
            task = self._tasks[name]
            error = None if task.cancelled() else task.exception()
            log.critical("task %s ended, shutting down: %s", name, error or "unexpectedly", exc_info=error)
        ended()

    async def cancel(self, chosen: Callable[[str], bool]) -> None:
        """Cancel the tasks whose names are chosen, and wait for their end."""
        self._stop()
        tasks = [task for name, task in self._tasks.items() if chosen(name)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self) -> None:
        self._stopping = True
        if self._watching is not None:
            self._watching.cancel()

    async def finished(self) -> None:
        """Wait for the tasks that were told to end."""
        self._stop()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def wait(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for the event, at most so long, or for ever (``None``)."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
