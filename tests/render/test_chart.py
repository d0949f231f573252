"""Rows that belong together are one row."""

from podtimeline.model.milestones import Phase
from podtimeline.render.axis import Axis
from podtimeline.render.chart import folded
from podtimeline.render.moments import SECOND, rfc3339
from podtimeline.render.screen import Piece, Screen, Style
from podtimeline.render.structs import PhaseSpanDocument


def stretch(phase: Phase, subject: str, *, length: int = 1, skew: int = 0, open_: bool = False) -> PhaseSpanDocument:
    """So many seconds."""
    start, end = rfc3339(0), rfc3339(length * SECOND)
    return PhaseSpanDocument(
        phase=phase,
        subject=subject,
        start=start,
        end=end,
        open=open_,
        duration_seconds=length,
        duration_nanoseconds=length * SECOND,
        skew_seconds=skew / SECOND,
        skew_nanoseconds=skew,
        at_least_seconds=None,
        at_least_nanoseconds=None,
        at_most_seconds=None,
        at_most_nanoseconds=None,
    )


def names(groups: list[tuple[PhaseSpanDocument, ...]]) -> list[str]:
    """The subjects of each group."""
    return [" ".join(each.subject for each in group) for group in groups]


CREATE, START = Phase.CONTAINER_CREATE, Phase.CONTAINER_START


def test_many_of_one_phase_stand_together_where_the_first_stood() -> None:
    """However they alternate."""
    told = [stretch(phase, f"{phase[10]}{number}") for number in range(6) for phase in (CREATE, START)]
    assert names(folded(told, lambda _: True)) == ["c0 c1 c2 c3 c4 c5", "s0 s1 s2 s3 s4 s5"]


def test_a_few_stand_alone() -> None:
    """Five containers are still told one by one."""
    told = [stretch(CREATE, str(number)) for number in range(5)]
    assert names(folded(told, lambda _: True)) == ["0", "1", "2", "3", "4"]


def test_what_is_long_goes_on_or_contradicts_itself_stands_alone() -> None:
    """It is what the reader looks for."""
    told = [stretch(CREATE, str(number)) for number in range(6)]
    told += [stretch(CREATE, "long", length=9), stretch(CREATE, "skew", skew=1), stretch(CREATE, "open", open_=True)]
    groups = folded(told, lambda each: each.duration_nanoseconds < 5 * SECOND)
    assert names(groups) == ["0 1 2 3 4 5", "long", "skew", "open"]


def test_equal_stretches_are_each_counted() -> None:
    """Two of them need not differ in anything."""
    told = [stretch(CREATE, "same")] * 6
    assert sum(len(each) for each in folded([*told, stretch(CREATE, "same")], lambda _: True)) == 7


def text(spans: list[tuple[int, int]], width: int = 4) -> str:
    """The bars of these spans on an axis of 80 ns."""
    pieces: tuple[Piece, ...] = Axis(0, 80, width).bars(Screen(40), spans, style=Style.RED)
    return "".join(each.text for each in pieces)


def test_several_bars_fill_each_column_by_what_they_cover_of_it() -> None:
    """20 ns a column: a quarter, all, nothing, and one that is too short to be seen otherwise."""
    assert text([(0, 5), (20, 30), (30, 40), (79, 79)]).replace("\u250a", " ") == "\u258e\u2588 \u258f"


def test_bars_that_overlap_or_leave_the_axis_are_never_wider_than_it() -> None:
    """Clocks may put a stretch anywhere."""
    assert len(text([(0, 80), (10, 70), (-50, 900)])) == 4
