"""The interpreter, set for many long-lived records without cycles, and for a loop that must not wait for threads."""

import gc
import sys

_SWITCH_SECONDS = 0.001


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
    """Let the event loop's thread have its turn after a millisecond of another thread's work, not after five.

    What arrives is stamped when the loop comes to read it, and up to three threads compute beside it.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
