"""Outcomes and pulls in a few words."""

import pytest
from tests.support.departures import asked
from tests.support.lives import Life, at, facts, ordinary, watched

from podtimeline.analysis.resolved import view
from podtimeline.model.instants import Evidence, Source
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Ended, ImagePulled, Ran
from podtimeline.render.document import document
from podtimeline.render.said import said
from podtimeline.render.screen import Screen, Style
from podtimeline.render.structs import EventLimitDocument, PodTimelineDocument, RestartDocument
from podtimeline.render.words import limit_text, outcome_style, outcome_text, pull_text, restart_texts

M = Milestone


def drawn(life: Life) -> PodTimelineDocument:
    """What is drawn of a pod."""
    seen = view(life.timeline(), now=at(100))
    assert seen is not None
    return document(seen)


def job(*, succeeded: bool) -> Life:
    """A pod that was ready for a while, and ended at 20 s."""
    life = ordinary(facts(run_to_completion=True)).saw(M.FINISHED, watched(20), subject="web")
    life.told.append(Ended("uid-1", succeeded=succeeded, reason="Error"))
    return life


@pytest.mark.parametrize(
    ("succeeded", "words", "style"),
    [(True, "ready in 5.85s, then completed", Style.GREEN), (False, "ready in 5.85s, then failed", Style.RED)],
)
def test_a_job_that_was_ready_says_how_it_ended(words: str, style: Style, *, succeeded: bool) -> None:
    """It ran without a probe and so was ready: whoever looks wants to know that it failed."""
    for life in (job(succeeded=succeeded), job(succeeded=succeeded).saw(M.DELETION_REQUESTED, watched(60))):
        timeline = drawn(life)
        assert (outcome_text(timeline), outcome_style(timeline)) == (words, style)


def test_what_a_deletion_kills_has_not_failed() -> None:
    """The kubelet stops it, with whatever exit code."""
    timeline = drawn(job(succeeded=False).saw(M.DELETION_REQUESTED, watched(19)))
    assert (outcome_text(timeline), outcome_style(timeline)) == ("ready in 5.85s", Style.GREEN)


def test_a_container_that_was_lost_ended_nobody_knows_how() -> None:
    """Its pod was to be deleted, so that its phase Failed is no failure; its code and its moment are not made up."""
    life = asked(ordinary(facts(owner=None)))
    life.told.append(Ran("uid-1", "web", 0, at(3), None, None, "ContainerStatusUnknown"))
    life.told.append(Ran("uid-1", "web", 1, at(9), None, None, "ContainerStatusUnknown"))
    life.saw(M.KILLING, watched(21), subject="web")
    life.saw(M.FINISHED, Evidence(Source.WATCH, None, None, None, at(40)), subject="web")
    life.told.append(Ended("uid-1", succeeded=False, leaving=True))
    timeline = drawn(life.saw(M.TERMINAL_PHASE, watched(40)))
    assert (outcome_text(timeline), outcome_style(timeline)) == ("ready in 5.85s", Style.GREEN)
    text = Screen(200).draw(said(timeline, Screen(200), wide=True))
    assert "When and how web ended is unknown (ContainerStatusUnknown)." in text
    assert "an unknown exit code (ContainerStatusUnknown)" in text
    (text,) = restart_texts(timeline.restarts)
    assert text == "web restarted once, last with an unknown exit code (ContainerStatusUnknown)."


@pytest.mark.parametrize(
    ("pull", "words"),
    [
        ({"pull": 2 * 10**9, "waiting": 5 * 10**9, "size": 10 << 20},
         "r/web:1, 10.0 MiB in 2.00s (5.0 MiB/s), after waiting 3.00s for other pulls"),
        ({"pull": 2 * 10**9, "waiting": 2 * 10**9, "size": 10 << 20}, "r/web:1, 10.0 MiB in 2.00s (5.0 MiB/s)"),
        ({"pull": 2 * 10**9}, "r/web:1 in 2.00s"),
        ({}, "r/web:1, duration unknown"),
        ({"cached": True}, "r/web:1, already on the node"),
    ],
)  # fmt: skip
def test_a_pull_says_what_is_known_of_it(pull: dict[str, int], words: str) -> None:
    """Bytes, throughput and the queue; what its message does not say is left out."""
    life = ordinary()
    more = {"cached": False} | pull
    life.told = [each for each in life.told if not isinstance(each, ImagePulled)]
    life.told.append(ImagePulled("uid-1", "web", "r/web:1", at=at(3), **more))  # type: ignore[arg-type]
    (drawn_pull,) = drawn(life).pulls
    assert pull_text(drawn_pull) == words


def restart(container: str, restarts: int, exit_code: int | None, reason: str) -> RestartDocument:
    """So many restarts."""
    return RestartDocument(container=container, restarts=restarts, exit_code=exit_code, reason=reason)


def test_containers_that_restarted_alike_are_one_sentence() -> None:
    """Forty of them lost their sandbox."""
    alike = [restart(name, 1, 137, "Error") for name in ("a", "b", "c", "d")]
    assert list(restart_texts([*alike[:2], restart("x", 2, None, ""), *alike[2:]])) == [
        "a, b and 2 more restarted once, last with exit code 137 (Error).",
        "x restarted 2 times.",
    ]


@pytest.mark.parametrize(
    ("names", "end"),
    [
        ((), "later ones may be missing."),
        (("a",), "the start of one container (a) is known from the status, to the second."),
        (("a", "b"), "the starts of 2 containers (a and b) are known from the status, to the second."),
    ],
)
def test_the_limit_on_events_is_told_with_its_cause(names: tuple[str, ...], end: str) -> None:
    """Whoever misses an Event wants to know that nobody lost it."""
    said = limit_text(EventLimitDocument(type="Normal", reached="", containers=list(names)), reached="+2.31s")
    assert said == (
        "Event limit: by +2.31s the kubelet had written the 25 Normal Events that client-go allows for one "
        f"object at once (then one every five minutes): {end}"
    )
