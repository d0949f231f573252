"""The table of all milestones of one pod, each with its bounds and where it is known from."""

from podtimeline.model.texts import duration_text
from podtimeline.render.moments import nanoseconds
from podtimeline.render.screen import Line, Screen, Style
from podtimeline.render.structs import PodTimelineDocument, ReachedMilestoneDocument
from podtimeline.render.table import Column, table

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


def milestones(timeline: PodTimelineDocument, screen: Screen) -> list[Line]:
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


def signed(distance: int) -> str:
    """A distance in time with its sign; none for nothing."""
    if not distance:
        return "0"
    return f"+{duration_text(distance)}" if distance > 0 else f"-{duration_text(-distance)}"
