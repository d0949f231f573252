"""Moments and durations as documents write them: RFC 3339 with nine fractional digits, and seconds."""

from datetime import UTC, datetime
from typing import overload

SECOND = 1_000_000_000


def rfc3339(at: int) -> str:
    """``2026-02-03T04:05:06.123456789Z`` of nanoseconds since the epoch; exact, so ``nanoseconds`` gives it back."""
    seconds, fraction = divmod(at, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def nanoseconds(text: str) -> int:
    """Nanoseconds since the epoch of what ``rfc3339`` wrote. Raises ``ValueError`` for anything else."""
    whole, dot, fraction = text.removesuffix("Z").partition(".")
    if not (text.endswith("Z") and dot and len(fraction) == 9 and fraction.isdecimal()):
        raise ValueError(f"{text!r} is not a UTC time with nine fractional digits")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND + int(fraction)


def moment(at: int | None) -> str | None:
    """What ``rfc3339`` writes, where the moment is known."""
    return None if at is None else rfc3339(at)


@overload
def seconds(duration: int) -> float: ...
@overload
def seconds(duration: int | None) -> float | None: ...
def seconds(duration: int | None) -> float | None:
    """Nanoseconds as seconds, to the precision of a float; documents keep the exact integer beside it."""
    return None if duration is None else duration / SECOND
