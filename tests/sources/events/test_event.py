"""Events that stand for several attempts."""

from typing import Any

import msgspec
import pytest
from tests.support.objects import CREATED_NS, event, stamp

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.sources.events.event import Event, attempts

ARRIVED = CREATED_NS + 60 * SECOND


def read(named: float, **more: Any) -> tuple[Evidence, Evidence, int]:
    """The attempts of an Event that was first said so many seconds after the creation."""
    at = CREATED_NS + round(named * SECOND)
    body = event("FailedMount", at=at, firstTimestamp=stamp(int(named)), **more)
    return attempts(msgspec.convert(body, Event), arrived=ARRIVED)


def test_an_event_of_one_attempt_has_one_time() -> None:
    """Its name tells it to the nanosecond; the last timestamp is the same."""
    first, last, count = read(3.25, lastTimestamp=stamp(3))
    assert first == last
    assert (first.source, first.at, count) == (Source.EVENT_NAME, CREATED_NS + 3_250_000_000, 1)


def test_the_latest_of_several_is_of_the_last_timestamp() -> None:
    """A whole second: the middle is as good as any."""
    first, last, count = read(3.25, lastTimestamp=stamp(20), count=7)
    assert (first.at, count) == (CREATED_NS + 3_250_000_000, 7)
    assert (last.source, last.at) == (Source.EVENT_SECOND, CREATED_NS + 20_500_000_000)
    assert (last.earliest, last.latest) == (None, CREATED_NS + 21 * SECOND - 1)


@pytest.mark.parametrize(("named", "at"), [(3.25, 3.5), (3.75, 3.75)])
def test_the_latest_is_never_before_the_first(named: float, at: float) -> None:
    """Both can be of one second."""
    _, last, _ = read(named, lastTimestamp=stamp(3), count=2)
    assert last.at == CREATED_NS + round(at * SECOND)


def test_a_series_has_microseconds() -> None:
    """Of reporters that use events.k8s.io."""
    _, last, count = read(3, series={"count": 9, "lastObservedTime": "2026-11-23T19:17:31.123456Z"})
    assert (last.source, last.at, count) == (Source.EVENT_TIME, CREATED_NS + 30_123_456_000, 9)
