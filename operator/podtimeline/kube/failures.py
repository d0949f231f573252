"""What can go wrong with a request, how long to wait before the next, and which requests fail now."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random

import aiohttp
import msgspec

from podtimeline.errors import ClusterError
from podtimeline.ports import Clock

log = logging.getLogger(__name__)

_AGAIN = 60_000_000_000
"""Nanoseconds between two log lines about one failure that lasts."""


class ApiError(ClusterError):
    """The API server refused, as an HTTP status or as the ERROR event of a watch."""

    def __init__(self, code: int, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"the API server answers {code}: {text[:300]}")
        self.code = code
        self.retry_after = retry_after


class VersionGoneError(ApiError):
    """410: the version or the page is too old, the stream must be listed again."""


class CutError(ClusterError):
    """A watch ended in the middle of a line."""


class Restart(StrEnum):
    """Why a watch was begun again."""

    CLOSED = "closed"
    """The server ended the watch in good order."""
    QUIET = "quiet"
    """A long watch fell silent and was renewed, which no server that is away would answer."""
    CUT = "cut"
    STALLED = "stalled"
    GONE = "gone"
    REFUSED = "refused"
    """401, 403 or unreadable credentials."""
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"
    """An answer that is no JSON, as from a proxy."""


UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what they should be; too deep a nesting is a RecursionError."""

REFUSALS = {403: "the operator is not allowed to read them", 404: "the API server does not serve them"}
"""The statuses that no other attempt changes: somebody has to grant a right, or to install an API."""


def refusal(error: BaseException) -> int | None:
    """The status of ``REFUSALS`` that an error stands for, ``None`` for every other one."""
    return error.code if isinstance(error, ApiError) and error.code in REFUSALS else None


RETRIED = (ClusterError, aiohttp.ClientError, TimeoutError, OSError, *UNDECODABLE)
"""What a stream survives; anything else is a defect and ends it."""


def reason_of(error: BaseException) -> Restart:
    """The reason that an error of ``RETRIED`` stands for."""
    match error:
        case VersionGoneError():
            return Restart.GONE
        case ApiError(code=401 | 403):
            return Restart.REFUSED
        case ApiError():
            return Restart.SERVER_ERROR
        case CutError() | aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return Restart.CUT
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Restart.UNREACHABLE
        case TimeoutError():
            return Restart.STALLED
        case ClusterError():
            return Restart.REFUSED
        case (
            msgspec.MsgspecError()
            | UnicodeDecodeError()
            | RecursionError()
            | aiohttp.InvalidURL()
            | aiohttp.ClientResponseError()
        ):
            return Restart.MALFORMED
        case _:
            return Restart.UNREACHABLE


Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds; a test's does not."""


class Backoff:
    """Jittered exponential delays from ``low`` to ``high`` seconds, back to ``low`` after progress.

    Even the first try after progress waits: a server that closes each watch at once must not be hammered.
    """

    def __init__(self, *, low: float = 0.05, high: float = 10.0, random: Random | None = None) -> None:
        self._low = low
        self._high = high
        self._random = random if random is not None else secrets.SystemRandom()
        self._delay = low

    def progressed(self) -> None:
        """Something new was read."""
        self._delay = self._low

    def next(self, *, at_least: float | None = None) -> float:
        """Seconds to wait now; ``at_least`` is what the server asked for (``Retry-After``), capped at a minute."""
        delay = self._delay * self._random.uniform(0.5, 1.0)
        self._delay = min(self._delay * 2, self._high)
        return max(delay, min(at_least or 0.0, 60.0))


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that fails: ``since`` in nanoseconds since the epoch, failed ``attempts``, and the latest error.

    ``refused`` is the status of ``REFUSALS`` that the API server answers, ``None`` for any other error.
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
