"""Watches an event loop: how late it comes to what is due, and how long what it does takes."""

import asyncio
import time
from asyncio import events
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_EVERY = 0.001


@dataclass(slots=True)
class LoopWatch:
    """Milliseconds: lateness of a timer of 1 ms, and the processor time of each thing that the loop did at once.

    Lateness holds what other processes of the machine take, and what other threads of this one do; processor time of
    the loop's thread is its own.
    """

    late: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until told to stop."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            due = loop.time() + _EVERY
            await asyncio.sleep(_EVERY)
            self.late.append((loop.time() - due) * 1000)

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Time everything that a loop of this process runs meanwhile."""
        original: Callable[[events.Handle], Any] = events.Handle._run

        def timed(handle: events.Handle) -> None:
            begun = time.thread_time()
            original(handle)
            self.busy.append((time.thread_time() - begun) * 1000)

        events.Handle._run = timed  # type: ignore[assignment,method-assign]
        try:
            yield
        finally:
            events.Handle._run = original  # type: ignore[assignment,method-assign]


def quantile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
