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

    ``late`` holds what other processes of the machine take. ``own`` is the part of it that this process can have caused
    with all its threads: no more than the processor time that it used until the timer was served.
    """

    late: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until told to stop."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            due, used = loop.time() + _EVERY, time.process_time()
            await asyncio.sleep(_EVERY)
            late, used = loop.time() - due, time.process_time() - used
            self.late.append(late * 1000)
            self.own.append(min(late, used) * 1000)

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
