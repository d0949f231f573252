"""Pods that were refused: spells of refusals, each occurrence counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import at

from podtimeline.analysis.attribution.refused import Refusal, ended, refused
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import CreateRefused

WEB = Owner("Deployment", "web", "d-1")
MAKER = Owner("ReplicaSet", "web-abc", "rs-1")


def said(event: str = "e-1", *, seconds: float = 0, count: int = 1, text: str = "exceeded quota") -> CreateRefused:
    """One Event, as of its latest occurrence."""
    return CreateRefused("shop", MAKER, event, text, at(0), at(seconds), count)


def after(*events: CreateRefused) -> Refusal:
    """What is known after these."""
    known: Refusal | None = None
    for each in events:
        known = refused(known, WEB, each)
    assert known is not None
    return known


def test_a_spell_has_its_first_and_last_moment_and_the_latest_words() -> None:
    """As several Events tell of it, in any order."""
    known = after(said(seconds=0), said("e-2", seconds=9, text="forbidden"), said("e-3", seconds=4))
    assert (known.first, known.last, known.text) == (at(0), at(9), "forbidden")
    assert (known.count, known.total, known.ended) == (3, 3, None)


def test_an_event_that_was_counted_before_changes_nothing() -> None:
    """Events are told again by every listing."""
    once = after(said(count=4))
    assert refused(once, WEB, said(count=4)) is once
    assert refused(once, WEB, said(count=6)).total == 6


def test_a_spell_that_ended_is_followed_by_another() -> None:
    """Its own count, from its own beginning; the total goes on."""
    known = refused(ended(after(said(count=4)), at(10)), WEB, said("e-9", seconds=100))
    assert (known.first, known.count, known.total, known.ended) == (at(100), 1, 5, None)


def test_a_spell_ends_once() -> None:
    """At the first pod that comes after all."""
    known = ended(after(said()), at(10))
    assert ended(known, at(20)).ended == at(10)


def test_what_is_remembered_of_events_is_bounded() -> None:
    """A controller that names every pod in an Event of its own cannot fill the memory."""
    known = after(*(said(f"e-{number}", seconds=number) for number in range(200)))
    assert len(known.events) < 100
    assert known.total == 200


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9)), min_size=1, max_size=20))
def test_the_total_is_the_sum_of_the_highest_counts(events: list[tuple[str, int]]) -> None:
    """Counts only grow; an older copy of an Event takes nothing back."""
    grown: dict[str, int] = {}
    told = []
    for name, count in events:
        grown[name] = max(count, grown.get(name, 0))
        told.append(said(name, count=grown[name]))
    assert after(*told).total == sum(grown.values())


@pytest.mark.parametrize("count", [1, 7])
def test_the_first_event_counts_all_that_it_tells_of(count: int) -> None:
    """It may have been merged before anybody looked."""
    assert after(said(count=count)).count == count
