"""Waterfalls and rollouts as text."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model.test_timeline import OBSERVATIONS, join
from tests.render import samples, way_back
from tests.render.goldens import FOLDER, drawings
from tests.support.documents import received
from tests.support.lives import Life, at, facts, ordinary, watched

from podtimeline.analysis.evidence.event_limit import EventType
from podtimeline.analysis.findings.rules import FindingKind
from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.analysis.resolved import Outcome, view
from podtimeline.cli.client import read
from podtimeline.model.instants import Source
from podtimeline.model.milestones import Leg, Milestone, Phase, Scope
from podtimeline.model.observations import Cause, IncidentKind, Observation, Skewed
from podtimeline.render.document import document
from podtimeline.render.legend import letter, title
from podtimeline.render.rollout import rollout
from podtimeline.render.screen import Screen
from podtimeline.render.structs import NodeObstacleDocument, PodTimelineDocument, UnschedulableDocument
from podtimeline.render.text import cells
from podtimeline.render.waterfall import waterfall
from podtimeline.render.words import refusal_text

GOLDEN = dict(drawings())
ANSI = re.compile(r"\x1b\[\d*m")
ENUMERATIONS = (Phase, Milestone, Scope, Source, Obstacle, Cause, FindingKind, Leg, Outcome, IncidentKind, EventType)
SCREENS = st.builds(Screen, st.integers(1, 220), unicode=st.booleans(), colour=st.booleans())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_drawing_looks_as_it_was_approved(name: str) -> None:
    """A change of any drawing is seen as a difference of text before anybody sees it in a terminal."""
    assert GOLDEN[name] == (FOLDER / name).read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    """A drawing that is gone takes its file with it."""
    assert {path.name for path in FOLDER.iterdir()} == set(GOLDEN)


@given(observations=OBSERVATIONS, screen=SCREENS, wide=st.booleans())
def test_a_waterfall_is_never_wider_than_the_screen(
    observations: list[Observation], screen: Screen, *, wide: bool
) -> None:
    """Whatever happened to the pod and however small the terminal."""
    found = view(join(observations), now=at(700))
    if found is not None:
        check(screen.draw(waterfall(document(found), screen, wide=wide)), screen)


@given(st.lists(OBSERVATIONS, min_size=1, max_size=4), SCREENS)
def test_a_rollout_is_never_wider_than_the_screen(pods: list[list[Observation]], screen: Screen) -> None:
    """Pods of which little is known stand beside those that are known well."""
    found = [seen for pod in pods if (seen := view(join(pod), now=at(700))) is not None]
    if found:
        check(screen.draw(rollout([document(each) for each in found], screen)), screen)


def check(text: str, screen: Screen) -> None:
    """No line is wider than the screen, nor holds what the screen cannot show."""
    for line in text.splitlines():
        bare = ANSI.sub("", line)
        assert cells(bare) <= screen.width
        assert bare == bare.rstrip(" ")
        assert screen.colour or bare == line
        assert screen.unicode or bare.isascii()
        assert "\x1b" not in bare


def text_of(timeline: PodTimelineDocument, width: int = 100, *, wide: bool = False) -> str:
    """The waterfall on a plain screen."""
    screen = Screen(width)
    return screen.draw(waterfall(timeline, screen, wide=wide))


def test_words_of_strangers_cannot_move_the_cursor() -> None:
    """An event's message can hold anything, terminals obey escape sequences."""
    life = ordinary().noted("Unhealthy", 5, "\x1b[2J\x1b]0;owned\x07gone\r\n\u202egnol", subject="web")
    text = text_of(samples.drawn(life))
    assert not set("\x1b\x07\r\u202e") & set(text)
    assert "gone" in text


def test_wide_characters_count_twice() -> None:
    """Event messages come in every language."""
    life = ordinary().noted("Unhealthy", 5, "容器没有响应" * 30, subject="web")
    check(text_of(samples.drawn(life), 50), Screen(50))


def test_what_runs_beside_is_listed_and_not_summed() -> None:
    """The pod of the sample has a second container that was ready earlier."""
    text = text_of(samples.drawn(samples.crowded()))
    below = text.partition("in parallel\n")[2]
    assert below.startswith("readiness probe")


def test_bounds_are_shown_where_they_matter_only() -> None:
    """A scheduling of 40 ms that may have taken 90 ms says nothing; a readiness probe that may be all of it does."""
    lines = {line.split("  ")[0]: line for line in text_of(samples.drawn(ordinary())).splitlines()}
    assert lines["readiness probe"].endswith("0\u20132.80s")
    assert lines["kubelet admission"].endswith("%")


def test_a_phase_that_goes_on_says_so() -> None:
    """Its bar points onward, and its length is what it is so far."""
    text = text_of(samples.drawn(samples.unschedulable()))
    assert "▶" in text
    assert "starting for 60.0s, unschedulable" in text
    assert text.count("so far") == 3


def test_what_is_said_twice_is_shown_once() -> None:
    """An autoscaler may repeat what the scheduler says."""
    life = samples.unschedulable()
    repeated = samples.seen(life).notes[0].text
    life.noted("NotTriggerScaleUp", 3, repeated)
    wide = text_of(samples.drawn(life), wide=True).partition("\n\nIt has been")[0]
    assert "FailedScheduling, NotTriggerScaleUp \u00d74:" in wide
    assert wide.count("preemption:") == 1
    assert "NotTriggerScaleUp \u00d74" not in text_of(samples.drawn(life))


@pytest.mark.parametrize("wide", [False, True])
def test_words_too_long_for_a_sentence_are_told_once(*, wide: bool) -> None:
    """A probe's output may be a page: the sentence has its ends, and only with wide the evidence has it all."""
    page = "".join(f"<p>line {number:04}</p>" for number in range(100))
    life = ordinary().noted("Unhealthy", 5, f"Readiness probe failed: {page}", subject="web", count=3)
    text = "".join(text_of(samples.drawn(life), wide=wide).split("\n"))
    for line, shown in (("0000", 2), ("0050", 1), ("0099", 2)):
        assert text.replace(" ", "").count(f"line{line}") == (shown if wide else shown // 2), line


def test_why_no_node_takes_a_pod_is_shown_in_groups_while_it_waits() -> None:
    """How many nodes each group rules out; once the pod is bound only with wide."""
    words = "(at least 4 attempts, the last known one +41.5s): not enough memory on 1, a taint that it does not"
    life = samples.unschedulable()
    assert words in text_of(samples.drawn(life), width=160)
    bound = life.saw(Milestone.SCHEDULED, watched(50), detail="node-1")
    assert words not in text_of(samples.drawn(bound), width=160)
    assert words in text_of(samples.drawn(bound), width=160, wide=True)


def test_a_group_that_this_version_does_not_know_is_named_as_it_is() -> None:
    """A newer operator's document can still be drawn; reasons of the pod itself count no nodes."""
    groups: tuple[tuple[str, int | None], ...] = (("lunar_phase", 2), ("claim", None), ("claim", 1))
    obstacles = [NodeObstacleDocument(obstacle=name, nodes=count, text="") for name, count in groups]
    refused = UnschedulableDocument(
        attempts=1, first="", last="", nodes=None, obstacles=obstacles, preemption="", text=""
    )
    assert refusal_text(refused, last="+3.00s") == (
        "No node is suitable (one known attempt, +3.00s): lunar phase on 2, a volume claim."
    )


def test_many_words_are_limited_unless_wide_is_asked_for() -> None:
    """A pod in trouble has a hundred events; the latest are what matters first."""
    life = ordinary()
    for number in range(9):
        life.noted(f"Reason{number}", 1 + number / 10, f"text {number}")
    short, wide = text_of(samples.drawn(life)), text_of(samples.drawn(life), wide=True)
    assert "and 4 earlier ones (-o wide shows all)" in short
    assert "Reason3" not in short
    assert "Reason8" in short
    assert "Reason0" in wide


def test_a_contradiction_of_clocks_is_told() -> None:
    """It is neither hidden nor drawn as negative time."""
    text = text_of(samples.drawn(samples.unseen()))
    assert "✕" in text
    assert "skew 1.00s" in text
    assert "Timestamps contradict each other by at least 1.00s" in text


def test_a_corrected_clock_is_told() -> None:
    """Whoever compares with the node's own logs must know that its stamps were shifted."""
    life = ordinary()
    life.told.append(Skewed("uid-1", -31_200_000_000, -30_100_000_000, since=at(-60), at=at(60)))
    text = " ".join(text_of(samples.drawn(life)).split())
    assert "The clock of node-1 was 30.1s to 31.2s behind; its timestamps are corrected." in text


def test_a_pod_of_which_nothing_is_known_in_time_is_drawn_all_the_same() -> None:
    """No evidence at all of when it was created."""
    timeline = samples.drawn(Life().described(facts()))
    assert "creation time unknown" in text_of(timeline, wide=True)
    assert "creation time unknown" in Screen(80).draw(rollout([timeline, timeline], Screen(80)))


def test_phases_and_milestones_of_a_newer_operator_are_drawn_by_their_names() -> None:
    """The terminal is older than the cluster now and then."""
    content = received(document(samples.seen(ordinary())))
    phases, milestones = content["phases"], content["milestones"]
    phases[0]["phase"], milestones[0]["milestone"], content["outcome"] = "time_travel", "left_home", "transcended"
    timeline = read({**content, "addedLater": 1}, PodTimelineDocument)
    text = text_of(timeline, 160, wide=True)
    assert "time travel" in text
    assert "left home" in text
    assert "transcended after" in text
    assert "time travel" in Screen(160).draw(rollout([timeline, timeline], Screen(160)))


def of_a_newer_operator(content: object) -> object:
    """The document with each name of an enumeration replaced by one that nobody knows, and with a key more."""
    known = {str(each) for enumeration in ENUMERATIONS for each in enumeration}
    match content:
        case dict():
            return {key: of_a_newer_operator(each) for key, each in content.items()} | {"addedLater": 1}
        case list():
            return [of_a_newer_operator(each) for each in content]
        case str():
            return "not_invented_yet" if content in known else content
        case _:
            return content


@pytest.mark.parametrize("life", [samples.quick, samples.unschedulable, samples.limited, way_back.evicted])
def test_no_name_of_a_newer_operator_keeps_a_document_from_being_drawn(life: Callable[[], Life]) -> None:
    """Whichever part of the document has it."""
    content = received(document(samples.seen(life())))
    changed = of_a_newer_operator(content)
    assert changed != content
    for wide in (False, True):
        assert "not invented yet" in text_of(read(changed, PodTimelineDocument), 200, wide=wide)


def test_an_odd_figure_of_one_pod_spoils_no_drawing() -> None:
    """An API server may count backwards: what the schema says of a value is not for the reader to enforce."""
    content = received(document(samples.seen(samples.failed())))
    content["runs"][0]["run"] = -7
    lines = text_of(read(content, PodTimelineDocument), wide=True).splitlines()
    assert any(line.split()[:2] == ["import", "-7"] for line in lines)


def test_each_phase_has_a_letter_of_its_own() -> None:
    """Without colours the letter is all there is."""
    letters = [letter(each) for each in Phase]
    assert len(set(letters)) == len(letters)
    assert "*" not in letters
    assert all(title(each) for each in Phase)


def test_a_rollout_needs_pods() -> None:
    """Whoever asks for none has asked wrongly."""
    with pytest.raises(ValueError, match="no pods"):
        rollout([], Screen(80))


def test_a_rollout_names_its_slowest_pod() -> None:
    """The one that is looked at next."""
    text = Screen(120).draw(rollout(samples.fleet(4), Screen(120)))
    assert "4 pods: 3 ready, 1 starting." in text
    assert "slowest, checkout-7d9c5b6f4-00002" in text


def test_termination_is_told_in_the_header() -> None:
    """How long it took to go, beside how long it took to come."""
    life = ordinary().saw(Milestone.DELETION_REQUESTED, watched(20)).saw(Milestone.OBJECT_REMOVED, watched(22.5))
    assert "terminated in 2.50s" in text_of(samples.drawn(life))
