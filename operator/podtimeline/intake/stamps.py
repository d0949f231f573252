"""When an Event's reporter says that it happened. Pure."""

from podtimeline.intake.texts import moment, name_time
from podtimeline.intake.wire import Event
from podtimeline.model.instants import SECOND, Evidence, Source, happened, just_after


def stamp(event: Event, *, arrived: int) -> Evidence:
    """When the reporter says that it happened, by the best of the event's times. Raises ``MalformedObject``."""
    if event.event_time is not None:
        return just_after(Source.EVENT_TIME, moment(event.event_time), observed=arrived)
    text = event.first_timestamp or event.metadata.creation_timestamp
    if text is None:
        return happened(arrived)
    second = moment(text)
    named = name_time(event.metadata.name, second)
    if named is not None:
        return just_after(Source.EVENT_NAME, named, observed=arrived)
    # Stamped just after the fact and then truncated: the fact may lie in the second before.
    return Evidence(Source.EVENT_SECOND, second + SECOND // 2, None, second + SECOND - 1, arrived)
