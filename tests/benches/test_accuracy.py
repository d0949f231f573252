"""The accuracy bench compares what was recorded with what other recorders saw."""

from typing import Any

import pytest
from tests.support.truth import PodTruth, Span, nanoseconds

from benches.accuracy_table import MS, Error, compared, from_fields, judged, table
from podtimeline.model.milestones import Milestone, MilestoneKey

STAMP = "2026-11-23T20:00:05.250000000Z"
AT = nanoseconds(STAMP)
STARTED = MilestoneKey(Milestone.STARTED, "web")


def item(**bounds: str | None) -> Any:
    """A document with one milestone."""
    said = {"milestone": "started", "subject": "web", "at": STAMP, "earliest": None, "latest": STAMP}
    return {"uid": "uid-1", "name": "web-1", "milestones": [said | {"source": "event_name"} | bounds]}


def true(moment: int, *, field: int | None = None) -> dict[str, PodTruth]:
    """The pod's container started at that moment; ``field`` is what its one-second field says."""
    fields = {} if field is None else {STARTED: field}
    return {"uid-1": PodTruth("uid-1", marks={STARTED: Span(moment, moment)}, fields=fields)}


def test_an_error_is_the_distance_to_the_truth() -> None:
    """Stamped 5 ms after the fact, inside its bounds."""
    (found,) = compared([item()], true(AT - 5 * MS))
    assert (found.off, found.inside, found.width) == (5 * MS, True, None)


def test_bounds_that_miss_the_truth_are_said_so() -> None:
    """A fact after the upper bound is outside."""
    (found,) = compared([item(earliest="2026-11-23T20:00:05Z")], true(AT + 1))
    assert (found.off, found.inside, found.width) == (1, False, 250 * MS)
    assert found.said == "web-1 web: -250.0 ms to -0.0 ms by event_name"


def test_what_nobody_recorded_is_not_compared() -> None:
    """A pod of another namespace has no truth here."""
    assert list(compared([item()], {})) == []


def test_fields_alone_are_compared_for_the_same_pods() -> None:
    """StartedAt is the whole second: a quarter of a second before the start."""
    (found,) = from_fields([item()], true(AT, field=nanoseconds("2026-11-23T20:00:05Z")))
    assert (found.milestone, found.off) == (Milestone.STARTED, 250 * MS)
    assert list(from_fields([], true(AT, field=AT))) == []


def errors(*offs: int, milestone: Milestone = Milestone.STARTED, outside: int = 0) -> list[Error]:
    """Errors of so many milliseconds, the first ``outside`` of them outside their bounds."""
    return [Error(milestone, off * MS, inside=number >= outside, width=2 * MS) for number, off in enumerate(offs)]


def test_the_table_has_a_row_for_each_milestone_and_a_column_for_each_part() -> None:
    """Median, 99th percentile and worst, next to what the fields alone would have said."""
    parts = {"idle": errors(1, 2, 9), "churn": errors(4, milestone=Milestone.READY, outside=1)}
    assert table(parts, errors(500)).splitlines()[2:] == [
        "| `started` | 3 | 2.0 ms / 9.0 ms / 9.0 ms | - | 100.0 % | 2.0 ms | 500 ms / 500 ms / 500 ms |",
        "| `ready` (report) | 1 | - | 4.0 ms / 4.0 ms / 4.0 ms | 0.0 % | 2.0 ms | - |",
    ]


def test_the_goals_of_each_part_are_judged() -> None:
    """The start of a container by median and 99th percentile, the bounds by the worst milestone."""
    near = errors(*[4] * 99, 30) + errors(*[1] * 10, milestone=Milestone.SCHEDULED)
    found = {each.what: each.met for each in judged("idle", near)}
    assert found == {
        "idle: started median, ms": True,
        "idle: started p99, ms": False,
        "idle: scheduled median, ms": True,
        "idle: scheduled p99, ms": True,
        "idle: inside bounds, least (started)": True,
    }


def test_one_milestone_whose_bounds_miss_is_enough_to_miss_the_goal() -> None:
    """The others do not make up for it."""
    mixed = errors(*[1] * 1000) + errors(1, 1, milestone=Milestone.SCHEDULED, outside=1)
    (bounds,) = [each for each in judged("churn", mixed) if "inside" in each.what]
    assert bounds.value == pytest.approx(0.5)
    assert not bounds.met


def test_a_milestone_that_nobody_compared_meets_no_goal() -> None:
    """Nothing measured is not good enough."""
    assert not any(each.met for each in judged("idle", errors(1)) if "scheduled" in each.what)
