"""The accuracy bench compares what was recorded with what other recorders saw."""

from typing import Any

from tests.support.truth import Span, nanoseconds

from benches.accuracy import compared, from_fields, table
from podtimeline.core.milestones import Mark, Milestone

STAMP = "2026-11-23T20:00:05.250000000Z"
AT = nanoseconds(STAMP)
STARTED = Mark(Milestone.STARTED, "web")


def item(**bounds: str | None) -> Any:
    """A document with one milestone."""
    said = {"milestone": "started", "subject": "web", "at": STAMP, "earliest": None, "latest": STAMP}
    return {"uid": "uid-1", "milestones": [said | bounds]}


def test_an_error_is_the_distance_to_the_truth() -> None:
    """Stamped 5 ms after the fact, inside its bounds."""
    truth = {"uid-1": {STARTED: Span(AT - 5_000_000, AT - 5_000_000)}}
    (found,) = compared([item()], truth)
    assert (found.off, found.inside, found.width) == (5_000_000, True, None)


def test_bounds_that_miss_the_truth_are_said_so() -> None:
    """A fact after the upper bound is outside."""
    truth = {"uid-1": {STARTED: Span(AT + 1, AT + 1)}}
    (found,) = compared([item(earliest="2026-11-23T20:00:05Z")], truth)
    assert (found.off, found.inside, found.width) == (1, False, 250_000_000)


def test_what_nobody_recorded_is_not_compared() -> None:
    """A pod of another namespace has no truth here."""
    assert list(compared([item()], {})) == []


def test_fields_alone_are_compared_as_a_tool_reads_them() -> None:
    """StartedAt is the whole second: a quarter of a second before the start."""
    status = {"containerStatuses": [{"name": "web", "state": {"running": {"startedAt": "2026-11-23T20:00:05Z"}}}]}
    pod = {"metadata": {"uid": "uid-1", "creationTimestamp": "2026-11-23T20:00:01Z"}, "status": status}
    (found,) = from_fields([pod], {"uid-1": {STARTED: Span(AT, AT)}})
    assert (found.milestone, found.off) == (Milestone.STARTED, 250_000_000)


def test_the_table_has_a_row_for_each_milestone_that_was_compared() -> None:
    """Medians and worst cases in milliseconds, next to what the fields alone would have said."""
    truth = {"uid-1": {STARTED: Span(AT - 5_000_000, AT - 5_000_000)}}
    errors = list(compared([item()], truth))
    assert table(errors, []).splitlines()[2:] == ["| `started` | 1 | 5.0 ms | 5.0 ms | 5.0 ms | 100.0 % | - | - | - |"]
