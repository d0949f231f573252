"""Query parameters of the API, read strictly: what is unknown or malformed is refused by name."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from podtimeline.core.milestones import Phase
from podtimeline.core.view import Outcome
from podtimeline.ports import Order, Query
from podtimeline.web.problems import BadParameter

MAX_LIMIT = 500
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PART = re.compile(r"(\d{1,9})([dhms])", re.ASCII)
_DURATION = re.compile(r"(?=.)(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?", re.ASCII)
_SECOND = 1_000_000_000
E = TypeVar("E", bound=StrEnum)
ALLOWED = (
    "cursor",
    "limit",
    "name",
    "namespace",
    "node",
    "order",
    "outcome",
    "phase",
    "since",
    "until",
    "workload",
    "workload_kind",
)


def read_query(parameters: Mapping[str, str], *, now: int) -> Query:
    """The search that the parameters ask for. Raises ``BadParameter``."""
    query = Query()
    for name, value in parameters.items():
        query = _with(query, name, value, now)
    return query


def _with(query: Query, name: str, value: str, now: int) -> Query:
    match name:
        case "phase":
            return replace(query, phase=_member(name, value, Phase))
        case "outcome":
            return replace(query, outcome=_member(name, value, Outcome))
        case "order":
            return replace(query, order=_member(name, value, Order))
        case "limit":
            return replace(query, limit=_limit(name, value))
        case "since":
            return replace(query, since=_when(name, value, now))
        case "until":
            return replace(query, until=_when(name, value, now))
        case _:
            return _with_text(query, name, value)


def _with_text(query: Query, name: str, value: str) -> Query:
    if name not in ALLOWED:
        raise BadParameter(name, value, f"known parameters are {', '.join(ALLOWED)}")
    if not value:
        raise BadParameter(name, value, "it needs a value; leave it away to match everything")
    match name:
        case "namespace":
            return replace(query, namespace=value)
        case "name":
            return replace(query, name=value)
        case "node":
            return replace(query, node=value)
        case "workload_kind":
            return replace(query, workload_kind=value)
        case "workload":
            kind, _, workload = value.rpartition("/")
            return replace(query, workload_kind=kind or query.workload_kind, workload=workload)
        case _:
            return replace(query, cursor=value)


def _member(name: str, value: str, members: type[E]) -> E:
    try:
        return members(value)
    except ValueError:
        raise BadParameter(name, value, f"one of {', '.join(members)}") from None


def _limit(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:9]) <= MAX_LIMIT:
        raise BadParameter(name, value, f"a whole number from 1 to {MAX_LIMIT}")
    return int(value)


def _when(name: str, value: str, now: int) -> int:
    when = _moment(value, now)
    if when is None or when < 0:
        allowed = "a duration such as 90s, 15m, 1h30m or 7d, or a moment after 1970 such as 2026-11-23T03:00:00Z"
        raise BadParameter(name, value, allowed)
    return when


def _moment(value: str, now: int) -> int | None:
    """Nanoseconds since the epoch of a duration before ``now`` or of an RFC 3339 time; ``None`` for anything else."""
    if _DURATION.fullmatch(value):
        ago = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(value))
        return now - ago * _SECOND
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds * 1000
