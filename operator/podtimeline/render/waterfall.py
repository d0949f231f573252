"""The waterfall of one pod: where the time of its start and of its way back went, as wide as the screen."""

from collections.abc import Iterable

from podtimeline.model.texts import duration_text
from podtimeline.render import words
from podtimeline.render.axis import signed
from podtimeline.render.chart import chart
from podtimeline.render.moments import nanoseconds
from podtimeline.render.ranked import ranked
from podtimeline.render.said import said
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.structs import PodTimelineDocument, ReachedMilestoneDocument
from podtimeline.render.table import Column, table
from podtimeline.render.text import cells

_COLUMNS = (
    Column("milestone", least=20),
    Column("subject", least=8),
    Column("after", right=True, least=7, style=Style.BOLD),
    Column("earliest", right=True, least=8),
    Column("latest", right=True, least=8),
    Column("source", least=10, style=Style.DIM),
    Column("at (UTC)", least=18),
    Column("detail", least=8, style=Style.DIM),
)
_BEFORE_LAG = 6
_LAG = Column("shown after", right=True, least=11, style=Style.YELLOW)
_LATE = 100_000_000
"""From a tenth of a second on the time between a fact and the watch that showed it is worth a column."""


def waterfall(timeline: PodTimelineDocument, screen: Screen, *, wide: bool = False) -> list[Line]:
    """Header, one bar per phase, what ran beside, what was said, why it took long, and what to try.

    ``wide`` adds every milestone with its bounds and source, every pull and run, all that was said and all findings.
    """
    drawn = [*_header(timeline, screen), *chart(timeline, screen, wide=wide)]
    if wide:
        drawn += [(), *_milestones(timeline, screen), *_pulls(timeline, screen)]
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
    return f"requested {duration_text(asked)} before" if asked and asked >= 1_000_000_000 else ""


def _since(timeline: PodTimelineDocument) -> str:
    return timeline.phases[0].start[:23].replace("T", " ") + "Z" if timeline.phases else "creation time unknown"


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


def _milestones(timeline: PodTimelineDocument, screen: Screen) -> list[Line]:
    """One row per milestone in the order of time; the bounds are told as distances from the best estimate.

    How much later the watch showed a milestone is a column where one of them came late.
    """
    late = any(_is_late(each) for each in timeline.milestones)
    columns = (*_COLUMNS[:_BEFORE_LAG], _LAG, *_COLUMNS[_BEFORE_LAG:]) if late else _COLUMNS
    rows = []
    for each in timeline.milestones:
        row = _row(each, timeline)
        rows.append((*row[:_BEFORE_LAG], _lag(each), *row[_BEFORE_LAG:]) if late else row)
    return table(screen, columns, rows)


def _is_late(reached: ReachedMilestoneDocument) -> bool:
    return reached.lag_nanoseconds is not None and reached.lag_nanoseconds >= _LATE


def _lag(reached: ReachedMilestoneDocument) -> str:
    return duration_text(reached.lag_nanoseconds or 0) if _is_late(reached) else ""


def _row(reached: ReachedMilestoneDocument, timeline: PodTimelineDocument) -> tuple[str, ...]:
    name, subject, detail = reached.milestone.replace("_", " "), reached.subject, reached.detail
    if reached.at is None:
        return (name, subject, "?", "unknown", "unknown", "", "unknown", detail)
    at, begin = nanoseconds(reached.at), timeline.begin
    after = "?" if begin is None else signed(at - begin)
    skew = f"skew {duration_text(reached.skew_nanoseconds)}" if reached.skew_nanoseconds else ""
    source = " ".join(each for each in (reached.source or "", skew) if each)
    earliest, latest = _bound(reached.earliest, at), _bound(reached.latest, at)
    return (name, subject, after, earliest, latest, source, reached.at[11:29], detail)


def _bound(bound: str | None, at: int) -> str:
    return "unknown" if bound is None else signed(nanoseconds(bound) - at)
