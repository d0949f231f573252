"""The interpreter, set for many long-lived records without cycles, and for a loop that must not wait for threads."""

import gc
import sys

_SWITCH_SECONDS = 0.0002
_DEPTH = 11_000
"""Levels of nesting that are read. The API server takes 10,000 (``maxNestingDepth`` of Go's encoding/json), also in
``managedFields``, which whoever may write an object can send. Measured: 12,000 levels fit into a stack of 8 MiB, 24,000
do not."""


def allow_depth() -> None:
    """Let parsers read whatever an API server can hold: one object that is nested deep would spoil its whole page."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEPTH))


def tune_collector() -> None:
    """Call once everything is imported and restored: what is there now is never looked at again.

    With the defaults all that lives is looked at again and again; measured, that is up to a sixth of the intake's CPU.
    What is young is looked at in small portions: a collection keeps every thread waiting, for 2 ms where 5,000 objects
    are young and 50 ms where 50,000 are.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 200, 100)


def tune_switching() -> None:
    """Let the event loop's thread have its turn after 0.2 ms of another thread's work, not after 5 ms.

    What arrives is stamped when the loop comes to read it, and up to three threads compute beside it. Measured
    (``hack/bench lag``): the loop is 0.4 ms late in the median while five clients ask without pause, with one
    millisecond in place of a fifth it is 1.2 ms late.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
