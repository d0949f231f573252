"""Every parameter of the API, read strictly: what is unknown or malformed is refused by name.

The tables here are what requests are read by and what the OpenAPI document says.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from podtimeline.analysis.resolved import Outcome
from podtimeline.model.milestones import Phase
from podtimeline.ports import Order, Query
from podtimeline.web.responses import BadParameter

Schema = dict[str, Any]
"""JSON Schema (draft 2020-12), or a part of an OpenAPI document."""

MAX_LIMIT = 500
MAX_TEXT = 253
"""Characters of a name: no object of Kubernetes has a longer one (RFC 1123 subdomain)."""
_MAX_KIND = 63
_MAX_WORKLOAD = MAX_TEXT + 1 + _MAX_KIND
_MAX_CURSOR = 128
_MAX_MOMENT = 64
_LATEST = (1 << 63) - 1
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PART = re.compile(r"(\d{1,9})([dhms])", re.ASCII)
_DURATION = re.compile(r"(?=.)(\d{1,9}d)?(\d{1,9}h)?(\d{1,9}m)?(\d{1,9}s)?", re.ASCII)
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")
_CURSOR = re.compile(rf"[A-Za-z0-9_-]{{1,{_MAX_CURSOR}}}")
_WORKLOAD = re.compile(r"([^/]+/)?[^/]+")
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: what it is for, which values are allowed, in words and as JSON Schema, and how one is read.

    ``read`` takes the text and the present moment (nanoseconds since the epoch); it gives ``None`` for what is refused.
    """

    name: str
    description: str
    allowed: str
    schema: Schema
    read: Callable[[str, int], object]

    def value(self, text: str, *, now: int) -> object:
        """The value that a text stands for. Raises ``BadParameter``."""
        found = self.read(text, now)
        if found is None:
            raise BadParameter(self.name, text, self.allowed)
        return found


def read(parameters: Mapping[str, str], known: Iterable[Parameter], *, now: int) -> dict[str, Any]:
    """The values by name. Raises ``BadParameter`` for a name that is not known, and for a value that is refused."""
    table = {each.name: each for each in known}
    for name, text in parameters.items():
        if name not in table:
            raise BadParameter(
                name, text, f"known parameters are {', '.join(table)}" if table else "this path takes none"
            )
    return {name: table[name].value(text, now=now) for name, text in parameters.items()}


def read_query(parameters: Mapping[str, str], *, now: int) -> Query:
    """The search that the parameters of ``PODS`` ask for. Raises ``BadParameter``."""
    values = read(parameters, PODS, now=now)
    kind, _, workload = values.pop("workload", "").rpartition("/")
    named = {"workload_kind": kind, "workload": workload}
    return replace(Query(), **(values | {name: value for name, value in named.items() if value}))


def _text(name: str, description: str, most: int = MAX_TEXT) -> Parameter:
    return Parameter(
        name,
        description,
        f"a text of 1 to {most} characters; omit it to match everything",
        {"type": "string", "minLength": 1, "maxLength": most},
        lambda text, _: text if 0 < len(text) <= most else None,
    )


def _part(name: str, description: str, most: int = MAX_TEXT) -> Parameter:
    """A part of the path: no request reaches a handler with a slash or a brace in it."""
    schema: Schema = {"type": "string", "minLength": 1, "maxLength": most, "pattern": r"^[^/{}]+$"}
    allowed = f"a text of 1 to {most} characters"
    return Parameter(name, description, allowed, schema, lambda text, _: text if 0 < len(text) <= most else None)


def _one_of(name: str, description: str, members: type[StrEnum]) -> Parameter:
    values: dict[str, StrEnum] = {each.value: each for each in members}
    schema: Schema = {"type": "string", "enum": list(values)}
    return Parameter(name, description, f"one of {', '.join(values)}", schema, lambda text, _: values.get(text))


def _moment(name: str, description: str) -> Parameter:
    allowed = (
        "a duration such as 90s, 15m, 1h30m or 7d, or a time from 1970 to 2262 such as 2026-11-23T03:00:00Z,"
        " with + written as %2B in a URL"
    )
    schema: Schema = {"type": "string", "minLength": 1, "maxLength": _MAX_MOMENT}
    return Parameter(name, description, allowed, schema, _when)


def _when(text: str, now: int) -> int | None:
    """Nanoseconds since the epoch that a signed integer of 64 bits holds, of a duration before ``now`` or a moment."""
    if len(text) > _MAX_MOMENT:
        return None
    if _DURATION.fullmatch(text):
        when = now - sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text)) * _SECOND
    else:
        moment = _rfc3339(text)
        if moment is None:
            return None
        when = moment
    return when if 0 <= when <= _LATEST else None


def _rfc3339(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds * 1000


def _limit(text: str, _: int) -> int | None:
    limit = int(text) if _LIMIT.fullmatch(text) else 0
    return limit if 1 <= limit <= MAX_LIMIT else None


NAMESPACE_OF = _part("namespace", "Namespace of the object.")
NAME_OF = _part("name", "Name of the object.")
KIND_OF = _part("kind", "Kind of the workload as the Kubernetes API spells it, such as Deployment.", _MAX_KIND)
NAMESPACE = _text("namespace", "Namespace; all if not given.")
UID = _text("uid", "The uid of the pod, if its name was used more than once.")
REVISION = _text("revision", "Revision of the workload; the newest one if not given.")
PODS: tuple[Parameter, ...] = (
    Parameter(
        "cursor",
        "The `cursor` of the previous page; all other parameters must stay the same.",
        "a cursor returned with a page",
        {"type": "string", "pattern": f"^{_CURSOR.pattern}$"},
        lambda text, _: text if _CURSOR.fullmatch(text) else None,
    ),
    Parameter(
        "limit",
        "Maximum number of timelines of a page.",
        f"a whole number from 1 to {MAX_LIMIT}",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": Query().limit},
        _limit,
    ),
    _text("name", "Name of the pod."),
    NAMESPACE,
    _text("node", "Name of the node that the pod is bound to."),
    _one_of("order", "Order of the timelines; `newest` if not given.", Order),
    _one_of("outcome", "Outcome of the pod's start.", Outcome),
    _one_of("phase", "The phase that the pod is in.", Phase),
    _moment("since", "Earliest creation, as a time or as a duration before now."),
    _moment("until", "Latest creation, as a time or as a duration before now."),
    Parameter(
        "workload",
        "The outermost controller.",
        f"NAME or KIND/NAME of at most {_MAX_WORKLOAD} characters; omit it to match everything",
        {"type": "string", "maxLength": _MAX_WORKLOAD, "pattern": f"^{_WORKLOAD.pattern}$"},
        lambda text, _: text if len(text) <= _MAX_WORKLOAD and _WORKLOAD.fullmatch(text) else None,
    ),
    _text("workload_kind", "Kind of the outermost controller.", _MAX_KIND),
)
