"""Whatever is said of a pod, in whatever order, its record stays within its bounds and says what was left out."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model.test_timeline import join
from tests.support.lives import WEB, at, facts, named

from podtimeline.codec import pack, unpack
from podtimeline.model import bounds
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.notes import characters
from podtimeline.model.observations import (
    Described,
    ImagePulled,
    Incident,
    IncidentKind,
    Labelled,
    Leaves,
    Limit,
    Noted,
    Observation,
    Ran,
    Selected,
    Witnessed,
)
from podtimeline.model.state import dump, load
from podtimeline.model.texts import MAX_TEXT
from podtimeline.model.timeline import Timeline, apply

UID = "uid-1"
MANY = bounds.MAX_SUBJECTS + 20
LONG = "x" * 10_000


def floods() -> dict[Limit, list[Observation]]:
    """For each limit: more than is kept of it."""
    names = [f"c{number:04}" for number in range(MANY)]
    return {
        Limit.NOTES: [Noted(UID, f"Reason{n}", "", LONG, at(n)) for n in range(400)],
        Limit.MILESTONES: [Witnessed(UID, MilestoneKey(Milestone.STARTED, name), (named(1),), LONG) for name in names],
        Limit.CONTAINERS: [ImagePulled(UID, name, LONG, cached=False, at=at(1)) for name in names],
        Limit.RUNS: [Ran(UID, "web", n, at(n), reason=LONG) for n in range(20)],
        Limit.INCIDENTS: [Incident(UID, IncidentKind.NOT_READY, at(n), LONG) for n in range(20)],
        Limit.SPEC: [Described(UID, facts(*(replace(WEB, name=name, image=LONG) for name in names)))],
        Limit.SERVICES: [Selected(UID, (f"shop/{name}",)) for name in names],
        Limit.FINALIZERS: [Leaves(UID, finalizers=(f"{name}/{LONG}",)) for name in names],
    }


FLOODS = floods()
OBSERVATIONS = [each for flood in FLOODS.values() for each in flood]


def check(timeline: Timeline) -> None:
    """Nothing is beyond its bound, in number or in characters."""
    for milestone in Milestone:
        assert sum(mark.milestone is milestone for mark in timeline.evidence) <= bounds.MAX_SUBJECTS
    assert all(len(text) <= MAX_TEXT for text in timeline.details.values())
    assert len(timeline.notes) <= bounds.MAX_NOTES
    assert sum(map(characters, timeline.notes.values())) <= bounds.MAX_NOTES_TEXT
    assert len(timeline.pulls) <= bounds.MAX_SUBJECTS
    assert all(len(pull.image) <= bounds.MAX_SUBJECT for pull in timeline.pulls.values())
    assert len(timeline.runs) <= bounds.MAX_SUBJECTS * (bounds.KEPT + 1)
    assert len(timeline.incidents) <= len(IncidentKind) * (bounds.KEPT + 1)
    assert len(timeline.services or ()) <= bounds.MAX_SUBJECTS
    assert timeline.leaves is None or len(timeline.leaves.finalizers) <= bounds.MAX_NAMES
    kept = timeline.facts
    assert kept is None or (len(kept.containers), len(kept.labels)) <= (bounds.MAX_SUBJECTS, bounds.MAX_SUBJECTS)
    assert kept is None or all(len(each.image) <= MAX_TEXT for each in kept.containers)


@settings(max_examples=2)
@given(st.randoms(use_true_random=False))
def test_a_flood_in_any_order_stays_within_the_bounds(random: object) -> None:
    """Every kind at once, and all of it twice; every limit that was met is named."""
    told = OBSERVATIONS * 2
    random.shuffle(told)  # type: ignore[attr-defined]
    timeline = join(told)
    check(timeline)
    assert timeline.limits == frozenset(FLOODS)


def test_each_flood_names_the_limit_that_it_meets_and_no_other() -> None:
    """A copy, the saved state and its bytes say so too."""
    for limit, flood in FLOODS.items():
        timeline = join(flood)
        assert (limit, timeline.limits) == (limit, frozenset({limit}))
        assert timeline.copy().limits == timeline.limits
        assert load(unpack(pack(dump(timeline)))).limits == timeline.limits


def test_what_is_within_the_bounds_is_not_called_cut() -> None:
    """As many as are kept, and no more."""
    names = [f"c{number:04}" for number in range(bounds.MAX_SUBJECTS)]
    told: list[Observation] = [Witnessed(UID, MilestoneKey(Milestone.STARTED, name), (named(1),)) for name in names]
    told += [Noted(UID, f"Reason{n}", "", "short", at(n)) for n in range(bounds.MAX_NOTES)]
    told += [Ran(UID, "web", n, at(n)) for n in range(bounds.KEPT + 1)]
    assert (join(told).limits, len(join(told).notes)) == (frozenset(), bounds.MAX_NOTES)


def test_the_first_cut_is_a_change_even_where_what_was_said_is_left_out() -> None:
    """Else it would not be saved that something was cut."""
    for flood in FLOODS.values():
        timeline = Timeline(UID)
        for observation in flood:
            before = timeline.limits
            changed = apply(timeline, observation)
            assert changed or timeline.limits == before


def test_a_first_text_that_comes_later_counts_against_the_budget() -> None:
    """Words of an earlier moment lengthen a note without a new latest text."""
    notes = [Noted(UID, f"R{n}", "", "short", at(100 + n)) for n in range(200)]
    notes += [Noted(UID, f"R{n}", "", LONG, at(n)) for n in range(200)]
    check(join(list(notes)))


def test_names_that_a_milestone_gathers_are_kept_whole() -> None:
    """A cut in the middle of a name would make two of it."""
    mark = MilestoneKey(Milestone.PREEMPTION)
    victims = [Witnessed(UID, mark, (named(1),), f"shop/{'v' * 200}-{n:03}") for n in range(100)]
    timeline = join([*victims, *victims])
    kept = timeline.details[mark].split(", ")
    assert kept == [each.detail for each in victims[: len(kept)]]
    assert (len(timeline.details[mark]) <= MAX_TEXT, timeline.limits) == (True, frozenset({Limit.MILESTONES}))


@given(st.lists(st.sampled_from(OBSERVATIONS), max_size=8), st.randoms(use_true_random=False))
def test_within_the_bounds_order_and_duplicates_change_nothing(told: list[Observation], random: object) -> None:
    """A few observations of each kind are below every limit on numbers."""
    shuffled = [*told, *told]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert dump(join(shuffled)) == dump(join(told))


def test_labels_are_cut_and_said_to_be() -> None:
    """Of a description and of a later change alike."""
    labels = tuple((f"k{n:04}", "v") for n in range(MANY))
    for said in (Described(UID, facts(labels=labels)), Labelled(UID, labels, at(1))):
        timeline = join([said])
        check(timeline)
        assert timeline.limits == frozenset({Limit.SPEC})
