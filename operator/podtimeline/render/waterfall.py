"""The waterfall of one pod: where the time of its start and of its way back went, as wide as the screen."""

from collections.abc import Iterable

from podtimeline.model.texts import duration_text
from podtimeline.render import words
from podtimeline.render.chart import chart
from podtimeline.render.milestones import milestones
from podtimeline.render.ranked import ranked
from podtimeline.render.said import said
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.structs import PodTimelineDocument
from podtimeline.render.text import cells


def waterfall(timeline: PodTimelineDocument, screen: Screen, *, wide: bool = False) -> list[Line]:
    """Header, one bar per phase, what ran beside, what was said, why it took long, and what to try.

    ``wide`` adds every milestone with its bounds and source, every pull and run, all that was said and all findings.
    """
    drawn = [*_header(timeline, screen), *chart(timeline, screen, wide=wide)]
    if wide:
        drawn += [(), *milestones(timeline, screen), *_pulls(timeline, screen)]
    drawn += said(timeline, screen, wide=wide)
    drawn += [(), *screen.paragraph(timeline.explanation, style=Style.BOLD)]
    return [*drawn, *ranked(timeline, screen, wide=wide)]


def _header(timeline: PodTimelineDocument, screen: Screen) -> list[Line]:
    outcome = Piece(words.outcome_text(timeline), words.outcome_style(timeline))
    name = f"{timeline.namespace}/{timeline.name}"
    room = screen.width - cells(outcome.text) - 2
    if room >= min(cells(name), 24):
        first: list[Line] = [(Piece(screen.cell(name, room), Style.BOLD), Piece("  "), outcome)]
    else:
        first = [(Piece(screen.shorten(name, screen.width), Style.BOLD),), (outcome,)]
    return [*first, *_facts(timeline, screen)]


def _facts(timeline: PodTimelineDocument, screen: Screen) -> list[Line]:
    facts = [_workload(timeline), f"node {timeline.node}" if timeline.node else "no node"]
    facts += [words.endpoint_text(timeline), _since(timeline), _requested(timeline)]
    if timeline.termination_nanoseconds is not None:
        facts.append(f"terminated in {duration_text(timeline.termination_nanoseconds)}")
    if timeline.cluster:
        facts.append(f"cluster {timeline.cluster}")
    return _joined([each for each in facts if each], screen)


def _workload(timeline: PodTimelineDocument) -> str:
    workload = timeline.workload
    # A pod without a controller is its own workload: a controller of kind Pod has another name.
    bare = workload.kind == "Pod" and workload.name == timeline.name
    return "bare pod" if bare else f"{workload.kind} {workload.name}"


def _requested(timeline: PodTimelineDocument) -> str:
    """How long before its creation it was asked for, where that is worth a word."""
    asked = timeline.requested_nanoseconds
    return f"asked for {duration_text(asked)} before" if asked and asked >= 1_000_000_000 else ""


def _since(timeline: PodTimelineDocument) -> str:
    return timeline.phases[0].start[:23].replace("T", " ") + "Z" if timeline.phases else "begin unknown"


def _joined(facts: Iterable[str], screen: Screen) -> list[Line]:
    between = screen.glyphs.between
    lines: list[str] = []
    for fact in (screen.shorten(each, screen.width) for each in facts):
        if lines and cells(lines[-1] + between + fact) <= screen.width:
            lines[-1] += between + fact
        else:
            lines.append(fact)
    return [(Piece(line, Style.DIM),) for line in lines]


def _pulls(timeline: PodTimelineDocument, screen: Screen) -> list[Line]:
    pulls: list[Line] = []
    for pull in timeline.pulls:
        pulls += screen.paragraph(words.pull_text(pull), first=f"{pull.container}: ", indent=4)
    return [(), *pulls] if pulls else []
