"""The one seam that contains the failure of a single object or pod: it is counted, logged once and kept for a report.

Everything that a cluster contains can be written by somebody, so no content of one object may end a stream, a commit, a
scrape or the process. Code that handles one object, pod or row at a time runs through ``Quarantine.contain``. Failures
of the world around (``ClusterError``, ``StoreError``…) are nobody's content: they pass, and are retried where they
belong.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from types import TracebackType
from typing import ParamSpec, TypeVar

import msgspec

from podtimeline.errors import MalformedObject, PodtimelineError
from podtimeline.model.texts import clip

log = logging.getLogger(__name__)

MAX_KINDS = 256
"""Faults that are told apart; further ones are counted by step only."""
MAX_SAMPLE = 16 << 10
"""Characters that are kept of what a fault was found in."""
MAX_ERROR = 500
"""Characters that are kept of an error's text."""

P = ParamSpec("P")
T = TypeVar("T")


class Operation(StrEnum):
    """What was being done when it failed."""

    DECODE = "decode"
    """An object of a stream was read."""
    APPLY = "apply"
    """Observations were joined into a pod's record."""
    ENRICH = "enrich"
    """A pod's record was completed from other objects."""
    EVALUATE = "evaluate"
    """A pod's timeline was resolved."""
    COMMIT = "commit"
    """A pod's record was written to the history."""
    RESTORE = "restore"
    """A row of the history was read."""
    RENDER = "render"
    """A pod's timeline was rendered."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of failure: the same step, exception and line of code.

    ``subject`` and ``sample`` are of its first occurrence: what it was found in, at most ``MAX_SAMPLE`` characters.
    """

    step: Operation
    subject: str
    error: str
    where: str
    sample: str
    count: int = 1


class Quarantine:
    """Contains failures and keeps their kinds, at most ``MAX_KINDS``. Threads may share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[tuple[Operation, str, str], Fault] = {}
        self._counts: dict[Operation, int] = dict.fromkeys(Operation, 0)

    @property
    def counts(self) -> dict[Operation, int]:
        """Failures by step since the process began."""
        return dict(self._counts)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The kinds of failures, the first one first."""
        with self._lock:
            return tuple(self._kinds.values())

    def contain(
        self, step: Operation, subject: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """``work(*args, **kwargs)``, or ``None`` where the content that it handles makes it fail.

        Raises every ``PodtimelineError`` but ``MalformedObject``: it is of the world around and not of the content.
        """
        try:
            return work(*args, **kwargs)
        except MalformedObject as error:
            self._keep(step, subject, error, args)
        except PodtimelineError:
            raise
        except Exception as error:  # noqa: BLE001 - the seam: whatever the content brings about is this content's alone
            self._keep(step, subject, error, args)
        return None

    def _keep(self, step: Operation, subject: str, error: Exception, args: tuple[object, ...]) -> None:
        where = _place(error.__traceback__)
        kind = (step, type(error).__name__, where)
        with self._lock:
            self._counts[step] += 1
            known = self._kinds.get(kind)
            if known is not None:
                self._kinds[kind] = replace(known, count=known.count + 1)
                return
            if len(self._kinds) >= MAX_KINDS:
                return
            text = clip(f"{type(error).__name__}: {error}", MAX_ERROR)
            fault = self._kinds[kind] = Fault(step, clip(subject, MAX_ERROR), text, where, _sample(args))
        _report(fault, error)


def _report(fault: Fault, error: Exception) -> None:
    """Log the first failure of a kind; what only the content explains needs no traceback."""
    expected = isinstance(error, MalformedObject | ValueError)
    log.log(
        logging.WARNING if expected else logging.ERROR,
        "%s: cannot %s, skipped it (further ones like it are only counted): %s at %s: %.200s",
        fault.subject, fault.step, fault.error, fault.where, fault.sample,
        exc_info=None if expected else error,
    )  # fmt: skip


def _place(trace: TracebackType | None) -> str:
    """The innermost line of this package in a traceback, as ``module:line``."""
    place = "unknown"
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if isinstance(module, str) and module.startswith("podtimeline") and module != __name__:
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _sample(args: tuple[object, ...]) -> str:
    try:
        return clip(" ".join(_shown(each) for each in args), MAX_SAMPLE)
    except Exception as error:  # noqa: BLE001 - what cannot even be shown is still reported
        return f"cannot be shown: {type(error).__name__}"


def _shown(value: object) -> str:
    if isinstance(value, bytes | memoryview | msgspec.Raw):
        return bytes(value).decode(errors="backslashreplace")
    return repr(value)
