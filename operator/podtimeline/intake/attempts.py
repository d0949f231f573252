"""Events that stand for several attempts: when the latest of them was, and how many there were. Pure."""

from podtimeline.intake.stamps import stamp
from podtimeline.intake.texts import moment
from podtimeline.intake.wire import Event
from podtimeline.model.instants import SECOND, Evidence, Source, just_after


def attempts(event: Event, *, arrived: int) -> tuple[Evidence, Evidence, int]:
    """The first and the latest attempt that an Event knows of, and how many. Raises ``MalformedObject``.

    Its name and ``firstTimestamp`` are of the first one, ``lastTimestamp`` or the series of the latest one.
    """
    first, series = stamp(event, arrived=arrived), event.series
    if series is not None and series.last_observed_time is not None:
        last = just_after(Source.EVENT_TIME, moment(series.last_observed_time), observed=arrived)
        return first, last, max(series.count, 1)
    count = event.count or 1
    if count == 1 or event.last_timestamp is None:
        return first, first, count
    second = moment(event.last_timestamp)
    end = second + SECOND - 1
    # The latest attempt is not before the first one, which can be of the same second.
    at = max(second + SECOND // 2, min(first.claim, end))
    return first, Evidence(Source.EVENT_SECOND, at, None, end, arrived), count
