"""Texts of the API, read."""

import pytest

from podtimeline.errors import MalformedObject
from podtimeline.sources.texts import container_of, go_duration, moment, name_time

SECOND = 10**9
HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("890ms", 890_000_000),
        ("23m4.71s", (23 * 60 + 4) * SECOND + 710_000_000),
        ("1h0m3s", HOUR + 3 * SECOND),
        ("1m0s", 60 * SECOND),
        ("350µs", 350_000),
        ("350μs", 350_000),
        ("1.000000001s", SECOND + 1),
        ("12ns", 12),
        ("0s", 0),
        ("2540400h10m10.000000001s", 2540400 * HOUR + 610 * SECOND + 1),
        ("", None),
        ("7", None),
        ("5 s", None),
        ("5sx", None),
        ("-5s", None),
    ],
)
def test_a_go_duration_is_exact_to_the_nanosecond_or_unknown(text: str, nanoseconds: int | None) -> None:
    """Every shape that Go prints is read without loss, and no other."""
    assert go_duration(text) == nanoseconds


def test_a_timestamp_keeps_its_microseconds() -> None:
    """Seconds and microseconds come out as nanoseconds."""
    assert moment("1970-01-01T00:00:01Z") == SECOND
    assert moment("2026-11-23T19:17:01.123456Z") - moment("2026-11-23T19:17:01Z") == 123_456_000
    assert moment("2026-11-23T20:17:01+01:00") == moment("2026-11-23T19:17:01Z")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-23T19:17:01"])
def test_what_is_no_timestamp_makes_the_object_malformed(text: str) -> None:
    """There is no guess at a time."""
    with pytest.raises(MalformedObject, match="not a timestamp"):
        moment(text)


def test_an_event_name_is_a_time_only_where_the_events_own_stamp_vouches_for_it() -> None:
    """A suffix of 16 hex digits that is far from the stamp is something else."""
    near = 1_790_000_000 * SECOND
    assert name_time(f"web-1.{near + 5:x}", near) == near + 5
    assert name_time(f"web-1.{near + 60 * SECOND:x}", near) is None
    assert name_time(f"web-1.{near:x}", None) is None
    assert name_time("web-1.3f2504e0-4f89-11d3", near) is None
    assert name_time("web-1", near) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("spec.containers{web}", "web"),
        ("spec.initContainers{migrate}", "migrate"),
        ("spec.ephemeralContainers{debugger}", None),
        ("", None),
        ("spec.containers", None),
    ],
)
def test_the_container_comes_from_the_field_path(path: str, name: str | None) -> None:
    """Containers and init containers are named; ephemeral ones take no part in a start."""
    assert container_of(path) == name
