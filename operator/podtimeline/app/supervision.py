"""Tasks that must not end: the first that does, or the wish to stop, ends them all in order."""

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

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run ``work`` as a task of that name."""
        self._tasks[name] = asyncio.create_task(work, name=name)

    @property
    def ended(self) -> tuple[str, ...]:
        """The names of tasks that ended before anybody asked them to; they stay while the process ends."""
        if self._stopping:
            return self._failed
        return tuple(name for name, task in self._tasks.items() if task.done())

    async def watch(self, stop: asyncio.Event) -> bool:
        """Return when ``stop`` is set (True), or when a task ends (False); the reason is logged."""
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait([stopped, *self._tasks.values()], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
        self._failed = self.ended
        for name in self._failed:
            task = self._tasks[name]
            error = None if task.cancelled() else task.exception()
            log.critical("task %s ended, the process stops: %s", name, error or "for no reason", exc_info=error)
        return not self._failed

    async def cancel(self, chosen: Callable[[str], bool]) -> None:
        """Cancel the tasks whose names are chosen, and wait for their end."""
        self._stopping = True
        tasks = [task for name, task in self._tasks.items() if chosen(name)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def finished(self) -> None:
        """Wait for the tasks that were told to end."""
        self._stopping = True
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
