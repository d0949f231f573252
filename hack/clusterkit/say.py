"""Progress on stderr: stdout is kept for data."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_STARTED = time.monotonic()


def say(text: str) -> None:
    """Print one line of progress, with the seconds since the command began."""
    print(f"[{time.monotonic() - _STARTED:5.1f}s] {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say when a step began; how long it took is seen from the next line."""
    say(text)
    yield
