"""A whole survey at once, for tests that have no loop to spare."""

from collections.abc import Set as AbstractSet

from podtimeline.tracking.survey import Phases
from podtimeline.tracking.tracker import Tracker


def phases(tracker: Tracker, *, now: int, unread: AbstractSet[str] = frozenset()) -> Phases:
    """Who is in which phase as of now."""
    survey = tracker.survey(unread=unread)
    for _ in survey.turns():
        continue
    survey.evaluate(now)
    survey.take()
    return survey.phases(now)
