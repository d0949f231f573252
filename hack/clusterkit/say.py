"""Progress on stderr: stdout is kept for data."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_STARTED = time.monotonic()
_EVERY = 15.0
_steps: dict[str, float] = {}
"""The long steps that are running, and when each began."""
_lock = threading.Lock()


def say(text: str) -> None:
    """Print one line of progress, with the seconds since the command began."""
    with _lock:
        print(f"[{time.monotonic() - _STARTED:5.1f}s] {text}", file=sys.stderr, flush=True)


@contextmanager
def in_progress(step: str) -> Iterator[None]:
    """Report every 15 seconds that a step is still running, all steps in one line."""
    _start_reminder()
    _steps[step] = time.monotonic()
    try:
        yield
    finally:
        del _steps[step]


@cache
def _start_reminder() -> None:
    threading.Thread(target=_remind, daemon=True).start()


def _remind() -> None:
    while True:
        time.sleep(_EVERY)
        now, steps = time.monotonic(), sorted(_steps.items(), key=lambda each: each[1])
        if steps:
            say(f"  still running: {', '.join(f'{step} ({now - since:.0f} s)' for step, since in steps)}")
