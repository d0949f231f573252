"""Pure readers of what several kinds have: timestamps and their evidence, durations, names, owner references.

Each returns ``None`` for a text that it does not understand, except ``moment``: that is for fields that the API
guarantees.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from podtimeline.errors import MalformedObject
from podtimeline.kube.metav1 import OwnerReference
from podtimeline.model.instants import SECOND, Evidence, Source, just_after
from podtimeline.model.pods import Owner

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": 10**6, "us": 1000, "µs": 1000, "μs": 1000, "ns": 1}
_DURATION = re.compile(r"(?:[0-9]{1,19}(?:\.[0-9]{1,19})?(?:h|ms|m|s|us|µs|μs|ns)){1,8}")
_PART = re.compile(r"(\d+)(?:\.(\d+))?(h|ms|m|s|us|µs|μs|ns)")
_SUFFIX = re.compile(r"[0-9a-f]{16}")
_CONTAINER = re.compile(r"spec\.(?:initContainers|containers)\{([^{}]+)\}")
LAST_MOMENT = 1 << 62
"""The latest moment that is read, in the year 2116: sums and differences of two moments stay within 64 bits."""
_LONGEST = (1 << 63) - 1
"""The longest duration of Go, in nanoseconds (``time.Duration``)."""
_STAMP = 64
"""Characters of a timestamp; ``fromisoformat`` takes a fraction of any length."""
_NEAR = 5 * SECOND
"""client-go stamps an event's name and its firstTimestamp at once; what lies further apart is not such a name."""


@lru_cache(maxsize=8192)
def moment(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 timestamp (resolution: microseconds).

    Raises ``MalformedObject`` for any other text, and for a moment before 1970 or after ``LAST_MOMENT``: the API takes
    the years 1 to 9999, of which 64 bits hold 584.
    """
    if len(text) > _STAMP:
        raise MalformedObject(f"not a timestamp: {text[:64]!r}")
    try:
        when = datetime.fromisoformat(text)
        found = possible((when - _EPOCH) // _MICROSECOND * 1000)
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedObject(f"not a timestamp: {text[:64]!r}") from error
    if found is None:
        raise MalformedObject(f"a timestamp before 1970 or after 2116: {text[:64]!r}")
    return found


def stated_moment(text: str | None) -> int | None:
    """The moment in an annotation, which anybody may write: ``None`` where it is absent or no timestamp."""
    try:
        return None if text is None else moment(text)
    except MalformedObject:
        return None


def possible(nanoseconds: int) -> int | None:
    """The moment, ``None`` where it was computed from what cannot be: before 1970 or after ``LAST_MOMENT``."""
    return nanoseconds if 0 <= nanoseconds <= LAST_MOMENT else None


def go_duration(text: str) -> int | None:
    """Nanoseconds of a duration as Go's ``time.Duration.String`` writes it, such as ``23m4.71s``; exact.

    ``None`` for any other text, and for what no ``time.Duration`` holds.
    """
    if not _DURATION.fullmatch(text):
        return None
    total = 0
    for whole, fraction, unit in _PART.findall(text):
        scale = _UNITS[unit]
        total += int(whole) * scale
        if fraction:
            total += int(fraction) * scale // 10 ** len(fraction)
    return total if total <= _LONGEST else None


def name_time(name: str, near: int | None) -> int | None:
    """The nanoseconds that client-go puts behind the last dot of an Event's name (``tools/record``, ``makeEvent``).

    ``near`` is the event's one-second stamp in nanoseconds: a number far from it is not a time, and without it nothing
    vouches for the number.
    """
    suffix = name.rpartition(".")[2]
    if near is None or not _SUFFIX.fullmatch(suffix):
        return None
    stamped = int(suffix, 16)
    return stamped if abs(stamped - near) <= _NEAR else None


_EPHEMERAL = "spec.ephemeralContainers{"


def of_ephemeral(field_path: str) -> bool:
    """Whether ``involvedObject.fieldPath`` names an ephemeral container: no part of the pod's start (KEP-277)."""
    return field_path.startswith(_EPHEMERAL)


@lru_cache(maxsize=4096)
def container_of(field_path: str) -> str | None:
    """The container that ``involvedObject.fieldPath`` names; ``None`` for the pod itself and ephemeral containers."""
    found = _CONTAINER.fullmatch(field_path)
    return found[1] if found else None


def controller(references: list[OwnerReference] | None) -> Owner | None:
    """The controller among owner references: at most one has ``controller: true``."""
    for each in references or ():
        if each.controller:
            return Owner(each.kind, each.name, each.uid, custom_group(each.api_version))
    return None


def custom_group(api_version: str) -> str:
    """The group of a custom resource's ``apiVersion``; empty for Kubernetes' own kinds that make pods.

    The groups of those (apps, batch, the core group) have no dot, and that of a custom resource has one
    (apiextensions-apiserver, ``ValidateCustomResourceDefinitionSpec``).
    """
    group = api_version.rpartition("/")[0]
    return group if "." in group else ""


def second(source: Source, stamp: str | None, arrived: int) -> Evidence | None:
    """A stamp that names the second of the fact."""
    if stamp is None:
        return None
    begin = moment(stamp)
    # Measured: half of what the constructor takes.
    return tuple.__new__(Evidence, (source, None, begin, begin + SECOND - 1, arrived))


def until(source: Source, stamp: str | None, arrived: int) -> Evidence | None:
    """A stamp that the fact came before."""
    return None if stamp is None else Evidence(source, None, None, moment(stamp) + SECOND - 1, arrived)


def noticed(arrived: int, *, live: bool) -> Evidence:
    """When a change was seen: just after it by a live watch, at any time before by a listing."""
    if live:
        return just_after(Source.WATCH, arrived, observed=arrived)
    return Evidence(Source.LISTED, None, None, arrived, arrived)
