"""A timeline is the join of its observations: order, duplicates and gaps cannot make it lie."""

from dataclasses import fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import EPOCH, INIT, PROXY, WEB, at, facts, ordinary, watched

from podtimeline.analysis.resolved import view
from podtimeline.model.instants import SECOND, Evidence, Source, happened, just_after, within_second
from podtimeline.model.milestones import MILESTONES, Milestone, MilestoneKey, Scope
from podtimeline.model.notes import Note
from podtimeline.model.observations import (
    Cause,
    DeletionCause,
    Described,
    Ended,
    Flagged,
    ImagePulled,
    Incident,
    IncidentKind,
    Labelled,
    Leaves,
    Noted,
    Observation,
    Owned,
    Partial,
    Ran,
    Selected,
    Skewed,
    Witnessed,
)
from podtimeline.model.pods import Owner
from podtimeline.model.state import dump, load
from podtimeline.model.timeline import Timeline, apply

UID = "uid-1"
MOMENT = st.integers(0, 600 * SECOND).map(lambda offset: EPOCH + offset)
OFFSET = st.integers(-60 * SECOND, 60 * SECOND)
NAMES = st.sampled_from(["web", "migrate", "proxy"])


def _subject(milestone: Milestone, name: str) -> str:
    scope = MILESTONES[milestone].scope
    if scope in {Scope.CONTAINER, Scope.VOLUME}:
        return name
    return f"shop/{name}/{name}-x1" if scope is Scope.ENDPOINT else ""


EVIDENCE = (
    st.builds(lambda source, moment: just_after(source, moment, observed=moment), st.sampled_from(Source), MOMENT)
    | st.builds(lambda moment: within_second(Source.CONDITION, moment // SECOND * SECOND, observed=moment), MOMENT)
    | st.builds(lambda moment: within_second(Source.FIELD, moment // SECOND * SECOND, observed=moment), MOMENT)
    | st.builds(happened, MOMENT)
)
WITNESSED = st.builds(
    lambda milestone, name, evidence, detail: Witnessed(
        UID, MilestoneKey(milestone, _subject(milestone, name)), tuple(evidence), detail
    ),
    st.sampled_from(Milestone),
    NAMES,
    st.lists(EVIDENCE, min_size=1, max_size=3),
    st.sampled_from(["", "node-1", "10.0.0.7", "shop/b, shop/a"]),
)
LENGTH = st.none() | st.integers(0, 60 * SECOND)
OTHERS = st.one_of(
    st.sampled_from([Described(UID, facts(INIT, PROXY, WEB)), Described(UID, facts(WEB))]),
    st.builds(
        Noted,
        st.just(UID),
        st.sampled_from(["Unhealthy", "BackOff", "FailedScheduling", "SchedulingGateRemoved"]),
        NAMES,
        st.text(max_size=5),
        MOMENT,
        st.integers(1, 9),
        st.none() | MOMENT,
    ),
    st.builds(ImagePulled, st.just(UID), NAMES, st.just("i"), st.booleans(), MOMENT, LENGTH, LENGTH, LENGTH),
    st.builds(
        Ran,
        st.just(UID),
        NAMES,
        st.integers(0, 20),
        st.none() | MOMENT,
        st.none() | MOMENT,
        st.none() | st.integers(0, 255),
    ),
    st.builds(Labelled, st.just(UID), st.sampled_from([(), (("role", "a"),), (("role", "b"),)]), MOMENT),
    st.builds(Selected, st.just(UID), st.sampled_from([(), ("shop/a",), ("shop/b",)]), st.just(0) | MOMENT),
    st.builds(Incident, st.just(UID), st.sampled_from(IncidentKind), MOMENT, NAMES),
    st.builds(DeletionCause, st.just(UID), st.sampled_from(Cause), NAMES),
    st.builds(Leaves, st.just(UID), st.none() | st.integers(0, 60), st.lists(NAMES, max_size=2).map(tuple)),
    st.builds(Skewed, st.just(UID), OFFSET, OFFSET, MOMENT, MOMENT),
    st.builds(Ended, st.just(UID), st.booleans()),
    st.builds(Selected, st.just(UID), st.lists(st.sampled_from(["shop/web", "shop/all"]), max_size=2).map(tuple)),
    st.builds(Flagged, st.just(UID), st.sampled_from(Partial)),
    st.builds(Owned, st.just(UID), st.lists(st.just(Owner("Deployment", "web")), max_size=2).map(tuple)),
)
OBSERVATIONS = st.lists(WITNESSED | OTHERS, max_size=40)


def join(observations: list[Observation]) -> Timeline:
    """All observations, joined in the order given."""
    timeline = Timeline(UID)
    for observation in observations:
        apply(timeline, observation)
    return timeline


@given(OBSERVATIONS, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_timeline(observations: list[Observation], random: object) -> None:
    """Streams race each other; the record does not depend on who wins."""
    shuffled = list(observations)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert dump(join(shuffled)) == dump(join(observations))


@given(OBSERVATIONS, st.data())
def test_duplicates_change_nothing(observations: list[Observation], data: st.DataObject) -> None:
    """After a relist everything is said again."""
    again = data.draw(st.lists(st.sampled_from(observations), max_size=20)) if observations else []
    assert dump(join(observations + again)) == dump(join(observations))


@given(OBSERVATIONS)
def test_an_observation_that_says_nothing_new_is_reported_as_no_change(observations: list[Observation]) -> None:
    """The tracker marks a record dirty only when it changed."""
    timeline = join(observations)
    assert not any(apply(timeline, observation) for observation in observations)


@given(OBSERVATIONS, MOMENT)
def test_phases_are_never_negative_and_always_sum(observations: list[Observation], now: int) -> None:
    """Whatever contradictions, gaps or nonsense come in."""
    told = view(join([*observations, Described(UID, facts(INIT, PROXY, WEB))]), now=now)
    assert told is not None
    assert all(each.duration >= 0 for each in told.phases)
    assert all(one.end == other.start for one, other in zip(told.phases, told.phases[1:], strict=False))
    assert sum(each.duration for each in told.phases) == (told.total or 0)


@given(st.sets(st.integers(0, 17)))
def test_what_was_lost_makes_it_partial_but_never_wrong(lost: set[int]) -> None:
    """With any observations missing, each instant left still holds the truth inside its bounds."""
    kept = [each for index, each in enumerate(ordinary().told) if index not in lost or isinstance(each, Described)]
    told = view(join(kept), now=at(60))
    whole = view(ordinary().timeline(), now=at(60))
    assert told is not None
    assert whole is not None
    truth = {each.mark: each.instant.at for each in whole.milestones if each.instant is not None}
    for reached in told.milestones:
        if reached.instant is not None:
            true = truth[reached.mark]
            assert reached.instant.earliest is None or reached.instant.earliest <= true
            assert reached.instant.latest is None or true <= reached.instant.latest


@given(OBSERVATIONS)
def test_a_state_that_is_loaded_is_the_timeline_that_was_dumped(observations: list[Observation]) -> None:
    """Nothing is lost by a restart."""
    timeline = join(observations)
    assert load(dump(timeline)) == timeline


def test_readiness_that_flaps_keeps_its_first_true() -> None:
    """A reboot moves the Ready condition months later; the startup stays what it was."""
    life = ordinary()
    life.saw(Milestone.READY, within_second(Source.CONDITION, at(86_400), observed=at(86_400)), watched(86_400.5))
    told = view(life.timeline(), now=at(90_000))
    assert told is not None
    instant = told.instant(Milestone.READY)
    assert instant is not None
    assert instant.at == at(5.9)


def test_the_pull_of_the_first_start_is_kept() -> None:
    """A restart finds the image on the node, or pulls it anew and for longer: neither belongs to the start."""
    timeline = ordinary().timeline()
    apply(timeline, ImagePulled(UID, "web", "registry.test/web:1", cached=True, at=at(60)))
    apply(timeline, ImagePulled(UID, "web", "registry.test/web:1", cached=False, at=at(90), pull=9 * SECOND))
    assert timeline.pulls["web"].pull == SECOND


def test_the_latest_words_under_a_reason_win() -> None:
    """What fails for another reason now says so; how it began is kept beside."""
    life = ordinary().noted("FailedMount", 4, "connection refused", count=1)
    life.noted("FailedMount", 5, "no such device", count=3)
    note = life.timeline().notes["FailedMount", ""]
    assert (note.first_text, note.text, note.count) == ("connection refused", "no such device", 3)
    assert (note.first, note.last) == (at(4), at(5))


def test_what_was_said_in_different_words_is_counted_together() -> None:
    """An Event counts its own words only; each failed sandbox has another id in its words, and so another Event."""
    timeline = Timeline(UID)
    for first, at_last, count, text in ((1, 1, 1, "a1"), (11, 40, 3, "b2"), (11, 30, 2, "b2"), (50, 50, 1, "c3")):
        apply(timeline, Noted(UID, "FailedCreatePodSandBox", "", text, at(at_last), count, at(first)))
    (note,) = timeline.notes.values()
    assert (note.count, note.first_text, note.text) == (5, "a1", "c3")
    for second in range(100, 200):
        apply(timeline, Noted(UID, "FailedCreatePodSandBox", "", "more", at(second), 1, at(second)))
    assert len(timeline.notes["FailedCreatePodSandBox", ""].counts) == 16


def test_the_words_of_each_probe_are_kept() -> None:
    """The kubelet gives one reason for all probes: what one says must not hide what another said."""
    life = ordinary()
    for second, words in enumerate(
        ("Startup probe failed: cold", "Readiness probe failed: 1", "Readiness probe failed: 2")
    ):
        life.noted("Unhealthy", second, words, subject="web")
    told = [(note.first_text, note.text) for note in load(dump(life.timeline())).notes.values()]
    assert sorted(told) == [
        ("Readiness probe failed: 1", "Readiness probe failed: 2"),
        ("Startup probe failed: cold", "Startup probe failed: cold"),
    ]


def test_evidence_of_one_source_is_kept_once() -> None:
    """A record stays small however often its pod is told of."""
    timeline = Timeline(UID)
    mark = MilestoneKey(Milestone.READY)
    for second in range(100, 0, -1):
        apply(timeline, Witnessed(UID, mark, (watched(second),)))
    assert timeline.evidence[mark] == (Evidence(Source.WATCH, at(1), None, at(1), at(1)),)


def test_a_copy_holds_everything_and_is_changed_by_nobody() -> None:
    """It is evaluated in another thread while the record goes on."""
    names = {each.name for each in fields(Timeline)}
    values: dict[str, Any] = {"uid": "uid-1", **{name: object() for name in names - {"uid"}}}
    plain: dict[str, Any] = {name: {} for name in ("evidence", "details", "notes", "pulls", "runs", "incidents")}
    whole = Timeline(**(values | plain | {"from_status": set()}))
    copied = whole.copy()
    assert copied == whole
    copied.notes["a", "b"] = Note("a", "b", "c", 1, 1, 1)
    copied.from_status.add(MilestoneKey(Milestone.READY))
    assert (whole.notes, whole.from_status) == ({}, set())
