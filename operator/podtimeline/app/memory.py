"""The interpreter, set for many long-lived records without cycles, and for a loop that must not wait for threads."""

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from podtimeline.app.supervision import wait

_SWITCH_SECONDS = 0.0002
_DEPTH = 11_000
"""Levels of nesting that are read. The API server takes 10,000 (``maxNestingDepth`` of Go's encoding/json), also in
``managedFields``, which whoever may write an object can send. Measured: 12,000 levels fit into a stack of 8 MiB, 24,000
do not."""


def allow_depth() -> None:
    """Let parsers read whatever an API server can hold: one object that is nested deep would spoil its whole page."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEPTH))


@contextmanager
def collector_paused() -> Iterator[None]:
    """Look for no garbage meanwhile: of what is restored all stays, and it would be looked at again and again.

    Measured (``hack/bench start``): restoring 10,000 pods takes a third of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


_YOUNG = 2_000
_PASSES = 3
_FROZEN_AFTER = 100
_NEVER = 1 << 30
_SWEEP_SECONDS = 3600.0


def tune_collector() -> None:
    """Call once everything is imported and restored. A collection keeps every thread waiting, so each is kept short.

    What is young is looked at twice, as one of 2,000 objects and as one of 6,000. Measured at 100 pod starts a second:
    6 ms at most, where a pass over 50,000 took 26 ms and one over all that lives 67 ms. What is older is set aside, and
    only ``sweep`` looks at it again: nearly all of it goes when its last reference does.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _PASSES, _NEVER)
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)


def _set_aside(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == 1 and gc.get_count()[2] >= _FROZEN_AFTER:
        gc.freeze()


def sweep() -> None:
    """Look at everything: what refers to itself and was set aside before nothing else referred to it is freed."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


async def sweeping(stopping: asyncio.Event, *, idle: Callable[[], bool]) -> None:
    """Sweep once an hour, when the operator is idle: that takes tens of milliseconds. Ends when told to stop."""
    while not stopping.is_set():
        await wait(stopping, _SWEEP_SECONDS)
        if not stopping.is_set() and idle():
            sweep()


def tune_switching() -> None:
    """Let the event loop's thread have its turn after 0.2 ms of another thread's work, not after 5 ms.

    What arrives is stamped when the loop comes to read it, and up to three threads compute beside it. Measured
    (``hack/bench lag``): the loop is 0.4 ms late in the median while five clients ask without pause, with one
    millisecond in place of a fifth it is 1.2 ms late.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
