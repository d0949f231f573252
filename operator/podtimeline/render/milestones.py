"""The table of all milestones of one pod, each with its bounds and where it is known from."""

from podtimeline.core.texts import duration_text
from podtimeline.render.drawing import Milestone, PodTimeline
from podtimeline.render.moments import nanoseconds
from podtimeline.render.screen import Line, Screen, Style
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


def milestones(timeline: PodTimeline, screen: Screen) -> list[Line]:
    """One row per milestone in the order of time; the bounds are told as distances from the best estimate."""
    return table(screen, _COLUMNS, [_row(each, timeline) for each in timeline.milestones])


def _row(reached: Milestone, timeline: PodTimeline) -> tuple[str, ...]:
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
