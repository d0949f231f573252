"""Requests that fail now, since when and why: for readiness, and for a log that is not flooded."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from podtimeline.ports import Clock

log = logging.getLogger(__name__)

_AGAIN = 60_000_000_000
"""Nanoseconds between two log lines about one failure that lasts."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that fails: ``since`` in nanoseconds since the epoch, failed ``attempts``, and the latest error.

    ``refused`` is the status of ``faults.REFUSALS`` that the API server answers, ``None`` for any other error.
    """

    since: int
    attempts: int
    text: str
    refused: int | None = None


class Failures:
    """Requests that fail, by name. Logs when a failure begins, once a minute while it lasts, and when it ends.

    A refusal is logged once: it lasts until somebody changes what the operator may read.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failing: dict[str, Failure] = {}
        self._logged: dict[str, int] = {}

    @property
    def current(self) -> Mapping[str, Failure]:
        """What fails now; may be read from another thread than the one that writes."""
        return dict(self._failing)

    def failed(self, name: str, text: str, *, level: int = logging.WARNING, refused: int | None = None) -> None:
        """An attempt failed; ``level`` is that of the log line about the first one."""
        now, before = self._clock.now(), self._failing.get(name)
        if before is None or before.refused != refused:
            since, attempts = (now, 1) if before is None else (before.since, before.attempts + 1)
            self._failing[name] = Failure(since, attempts, text, refused)
            self._logged[name] = now
            log.log(level, "%s: %s; retrying", name, text)
            return
        self._failing[name] = Failure(before.since, before.attempts + 1, text, refused)
        if refused is None and now - self._logged[name] >= _AGAIN:
            self._logged[name] = now
            seconds, attempts = (now - before.since) / 1e9, before.attempts + 1
            log.warning("%s: failing for %.0f s (%d attempts): %s; retrying", name, seconds, attempts, text)

    def recovered(self, name: str) -> None:
        """It succeeds. Says so in the log where it failed more than once before."""
        before = self._failing.pop(name, None)
        if before is None:
            return
        self._logged.pop(name, None)
        if before.attempts > 1:
            seconds = (self._clock.now() - before.since) / 1e9
            log.info("%s: recovered after %.0f s (%d failed attempts)", name, seconds, before.attempts)

    def forget(self, *names: str) -> None:
        """These, or all if none is named, are not tried any more."""
        for name in names or tuple(self._failing):
            self._failing.pop(name, None)
            self._logged.pop(name, None)


__all__ = ["Failure", "Failures"]
