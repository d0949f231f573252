"""The versioned document of a timeline."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from tests.model.test_timeline import OBSERVATIONS, join
from tests.render import samples
from tests.support.documents import PAGE, TIMELINE, received
from tests.support.lives import Life, at, facts, ordinary

from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.observations import Observation
from podtimeline.render.document import document
from podtimeline.render.lists import timelines_document
from podtimeline.render.moments import nanoseconds, rfc3339

TIMELINES = jsonschema.Draft202012Validator(TIMELINE)
PAGES = jsonschema.Draft202012Validator(PAGE)


def told(view: ResolvedTimeline) -> dict[str, Any]:
    """The document as the other end of a connection receives it."""
    return received(document(view))


@given(OBSERVATIONS)
def test_the_document_of_any_timeline_follows_the_schema(observations: list[Observation]) -> None:
    """Whatever was seen of a pod, clients find the keys they know."""
    found = view(join(observations), now=at(700))
    if found is not None:
        assert list(TIMELINES.iter_errors(told(found))) == []
        assert list(PAGES.iter_errors(received(timelines_document([document(found)], cursor="next")))) == []


@given(OBSERVATIONS)
def test_the_phases_of_the_document_sum_to_the_nanosecond(observations: list[Observation]) -> None:
    """Seconds are floats; the exact figures beside them sum."""
    found = view(join(observations), now=at(700))
    if found is None or found.total is None:
        return
    content = told(found)
    phases = content["phases"]
    assert sum(each["durationNanoseconds"] for each in phases) == content["totalNanoseconds"]
    for each in phases:
        assert nanoseconds(each["end"]) - nanoseconds(each["start"]) == each["durationNanoseconds"]


def test_unknown_is_null_and_never_zero() -> None:
    """A pod that nothing ended, no Service selects and no node took has no such figures."""
    content = told(samples.seen(samples.unschedulable()))
    for key in ("node", "startupSeconds", "endpointSeconds", "terminationSeconds", "services", "ended"):
        assert content[key] is None
    assert content["phase"] == "unschedulable"


def test_the_scheduler_s_words_come_in_groups() -> None:
    """Each with the number of nodes that it rules out, and the text that they are taken from."""
    refused = told(samples.seen(samples.unschedulable()))["unschedulable"]
    assert [(each["obstacle"], each["nodes"]) for each in refused["obstacles"]] == [("memory", 1), ("taint", 1)]
    assert (refused["attempts"], refused["nodes"]) == (4, 2)
    assert refused["preemption"] == "0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    assert refused["text"].startswith("0/2 nodes are available: 1 Insufficient memory")


def test_each_scheduling_gate_says_when_it_went() -> None:
    """Or that it has not."""
    life = Life().described(facts(scheduling_gates=("example.org/one", "example.org/two")))
    life.noted("SchedulingGateRemoved", 5, "still held by example.org/two", subject="example.org/one")
    assert told(samples.seen(life))["schedulingGates"] == [
        {"name": "example.org/one", "removed": rfc3339(at(5))},
        {"name": "example.org/two", "removed": None},
    ]


def test_a_milestone_without_a_time_is_listed_without_one() -> None:
    """A listing showed that it happened; nothing says when."""
    reached = {each["milestone"]: each for each in told(samples.seen(samples.unseen()))["milestones"]}
    assert reached["container_ready"]["at"] is None
    assert reached["container_ready"]["source"] is None
    assert reached["ready"]["source"] == "condition"


@pytest.mark.parametrize(
    ("changed", "refused"), [({"phase": "time_travel"}, "time_travel"), ({"uid": None}, "None"), ({"node": 7}, "7")]
)
def test_the_schema_refuses_names_and_types_that_no_operator_of_this_version_writes(
    changed: dict[str, object], refused: str
) -> None:
    """Only keys may be added: clients of this version leave them out."""
    content = told(samples.seen(ordinary()))
    TIMELINES.validate({**content, "addedLater": 1})
    with pytest.raises(jsonschema.ValidationError, match=refused):
        TIMELINES.validate({**content, **changed})


def test_every_key_of_the_schema_is_written() -> None:
    """Unknown is null, and never left out."""
    content = told(samples.seen(ordinary()))
    for key in content:
        without = {name: value for name, value in content.items() if name != key}
        with pytest.raises(jsonschema.ValidationError, match=f"'{key}' is a required property"):
            TIMELINES.validate(without)


def test_moments_keep_their_nanoseconds() -> None:
    """Nine fractional digits, also where they are zeros."""
    for moment in (0, 1, 999_999_999, 1_790_000_000_000_000_001, 1_790_000_000_123_456_789):
        assert nanoseconds(rfc3339(moment)) == moment
    assert rfc3339(1_790_000_000_000_000_001) == "2026-09-21T14:13:20.000000001Z"


@pytest.mark.parametrize(
    "text", ["", "2026-09-21T14:13:20Z", "2026-09-21T14:13:20.1Z", "2026-09-21T14:13:20.000000000"]
)
def test_other_spellings_of_a_time_are_refused(text: str) -> None:
    """A time that lost digits on its way is not silently rounded."""
    with pytest.raises(ValueError, match="nine fractional digits"):
        nanoseconds(text)
