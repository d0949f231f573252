"""What can go wrong with a stream, by name, and how long to wait before the next try."""

import secrets
from enum import StrEnum
from random import Random

import aiohttp
import msgspec

from podtimeline.errors import ClusterError


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
    """Why a stream was taken up anew."""

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

REFUSALS = {403: "this operator is not allowed to read them", 404: "the API server does not serve them"}
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
