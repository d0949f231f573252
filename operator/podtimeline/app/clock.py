"""The one place that reads the time, and what sleeps until something is due."""

import asyncio
import time

from podtimeline.app.supervision import wait
from podtimeline.ports import Clock
from podtimeline.tracking.tracker import Tracker

_SLACK_SECONDS = 0.5
"""Between two ticks: what is due meanwhile is done together."""


class SystemClock:
    """Implements ``ports.Clock`` by the machine's clock."""

    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return time.time_ns()


class Ticker:
    """Ticks a tracker when something is due, and sleeps until then: while nothing is, for ever."""

    def __init__(self, tracker: Tracker, clock: Clock) -> None:
        self.wakes = 0
        """How often it woke to look, for nothing or for something."""
        self._tracker = tracker
        self._clock = clock
        self._earlier = asyncio.Event()
        tracker.timers.on_earlier = self._earlier.set

    async def run(self, stopping: asyncio.Event) -> None:
        """Tick until told to stop; who sets ``stopping`` calls ``wake``."""
        while not stopping.is_set():
            self.wakes += 1
            self._earlier.clear()
            now, due = self._clock.now(), self._tracker.next_due()
            if due is not None and due <= now:
                self._tracker.tick(now)
                await wait(stopping, _SLACK_SECONDS)
            else:
                await wait(self._earlier, None if due is None else (due - now) / 1e9)

    def wake(self) -> None:
        """End the sleep."""
        self._earlier.set()
