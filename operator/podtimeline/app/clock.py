"""The one place that reads the time."""

import time


class SystemClock:
    """Implements ``ports.Clock`` by the machine's clock."""

    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return time.time_ns()
