"""The bars of one pod: each leg of its way on an axis of its own, what ran beside it below."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from podtimeline.model.milestones import Leg, Phase
from podtimeline.model.texts import duration_text
from podtimeline.render.axis import Axis, span_text
from podtimeline.render.legend import leg_text, style, title
from podtimeline.render.moments import rfc3339
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.structs import DrainDocument, PhaseSpanDocument, PodTimelineDocument
from podtimeline.render.text import cells

_LEAST_BAR = 10
_WORTH_PART = 20
_WORTH = 1_000_000_000
_MOST_ALONE = 5
"""Up to so many stretches of one phase stand in a row each."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One stretch, or several of one phase, ready to be drawn."""

    parts: tuple[PhaseSpanDocument, ...]
    name: str
    subject: str
    took: str
    share: str
    doubt: str


@dataclass(frozen=True, slots=True)
class _Section:
    """One leg: its bars sum to ``total`` nanoseconds; ``name`` tells the legs apart."""

    name: str
    rows: tuple[_Row, ...]
    parallel: tuple[_Row, ...]
    total: int
    under_way: bool


@dataclass(frozen=True, slots=True)
class _Layout:
    """The width of each column; 0 leaves the column out."""

    name: int
    subject: int
    bar: int
    took: int
    share: int
    doubt: int


def chart(timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> list[Line]:
    """The legs that are known, one below the other, in the same columns.

    The request for the pod is left out where it took next to nothing, unless ``wide`` asks for it.
    """
    sections = list(_sections(timeline, screen, wide=wide))
    if not sections:
        return []
    layout = _layout([row for each in sections for row in (*each.rows, *each.parallel)], screen.width)
    return [line for each in sections for line in _drawn(each, layout, screen)]


def _sections(timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> Iterator[_Section]:
    asked, total = timeline.requested_nanoseconds, timeline.total_nanoseconds
    if timeline.request and asked and (wide or asked >= min(_WORTH, (total or 0) // _WORTH_PART)):
        yield _section(leg_text(Leg.REQUEST), timeline.request, (), asked, screen, wide=wide)
    end = timeline.asked
    if timeline.phases and total is not None:
        parallel = [each for each in timeline.parallel if end is None or each.begin < end]
        named = wide or end is not None
        yield _section(leg_text(Leg.STARTUP) if named else "", timeline.phases, parallel, total, screen, wide=wide)
    if end is not None:
        late = [each for each in timeline.parallel if each.begin >= end]
        drained = [_drain(each, end, timeline) for each in timeline.drains]
        length = sum(each.duration_nanoseconds for each in timeline.leaving)
        name = leg_text(Leg.TERMINATION)
        parallel = [*late, *drained]
        yield _section(name, timeline.leaving, parallel, length, screen, wide=wide, drains=timeline.drains)


def _section(
    name: str,
    stretches: Sequence[PhaseSpanDocument],
    parallel: Sequence[PhaseSpanDocument],
    total: int,
    screen: Screen,
    *,
    wide: bool,
    drains: Sequence[DrainDocument] = (),
) -> _Section:
    lost = {each.subject: text for each in drains if (text := _lost(each))}
    # A part that is worth a finding stands alone; what ran beside cost nothing.
    rows = folded(stretches, lambda each: not wide and _WORTH_PART * each.duration_nanoseconds < total)
    others = folded(parallel, lambda each: not wide and each.subject not in lost)
    return _Section(
        name,
        tuple(_row(each, screen, total) for each in rows),
        tuple(
            replace(row, doubt=lost.get(each[0].subject) or row.doubt)
            for each, row in ((each, _row(each, screen, None)) for each in others)
        ),
        total,
        stretches[-1].open,
    )


def folded(
    stretches: Iterable[PhaseSpanDocument], small: Callable[[PhaseSpanDocument], bool]
) -> list[tuple[PhaseSpanDocument, ...]]:
    """The stretches in groups, each where its first one stands: the small ones of a phase together, if they are many.

    One that goes on, or whose ends contradict each other, always stands alone.
    """
    listed = list(stretches)
    phases: dict[str, list[PhaseSpanDocument]] = {}
    for each in listed:
        if small(each) and not each.open and not each.skew_nanoseconds:
            phases.setdefault(each.phase, []).append(each)
    together = {id(each): tuple(alike) for alike in phases.values() if len(alike) > _MOST_ALONE for each in alike}
    groups = (together.get(id(each), (each,)) for each in listed)
    return list({id(group[0]): group for group in groups}.values())


def _drain(drain: DrainDocument, asked: int, timeline: PodTimelineDocument) -> PhaseSpanDocument:
    """How long an address stood as ready after the request to delete its pod, as a stretch beside the way back."""
    end = asked + drain.lag_nanoseconds
    open_ = drain.out is None and timeline.leaving[-1].open
    return PhaseSpanDocument(
        phase=Phase.ENDPOINT_DRAIN,
        subject=drain.subject,
        start=rfc3339(asked),
        end=rfc3339(end),
        open=open_,
        duration_seconds=drain.lag_seconds,
        duration_nanoseconds=drain.lag_nanoseconds,
        skew_seconds=0,
        skew_nanoseconds=0,
        at_least_seconds=None,
        at_least_nanoseconds=None,
        at_most_seconds=None,
        at_most_nanoseconds=None,
    )


def _lost(drain: DrainDocument) -> str:
    """How long traffic may have met nobody, for the column of doubts."""
    if not drain.lost_nanoseconds:
        return ""
    return f"lost {duration_text(drain.lost_nanoseconds)}" + ("" if drain.confirmed else "?")


def _row(parts: tuple[PhaseSpanDocument, ...], screen: Screen, total: int | None) -> _Row:
    first, length = parts[0], sum(each.duration_nanoseconds for each in parts)
    share = "" if not total else f"{100 * length // total} %"
    subject, doubt = screen.words(subject_text(first.subject)), _doubt(first, screen, total)
    if len(parts) > 1:
        subject = f"{screen.glyphs.times}{len(parts)}"
        doubt = f"{screen.glyphs.at_most}{span_text(max(each.duration_nanoseconds for each in parts))}"
    return _Row(parts, title(first.phase), subject, span_text(length), share, doubt)


def subject_text(subject: str) -> str:
    """A container's name, or the Service of ``namespace/service/slice``: the namespace is the pod's own."""
    parts = subject.split("/")
    return parts[1] if len(parts) > 1 else subject


def _doubt(stretch: PhaseSpanDocument, screen: Screen, total: int | None) -> str:
    """How far off the duration may be, where that matters: above a tenth of the total or the phase's own length."""
    if stretch.skew_nanoseconds:
        return f"skew {duration_text(stretch.skew_nanoseconds)}"
    if stretch.open:
        return "so far"
    least, most, glyphs = stretch.at_least_nanoseconds, stretch.at_most_nanoseconds, screen.glyphs
    whole = total or stretch.duration_nanoseconds
    if least is None or most is None:
        # What ran beside carries no bounds at all.
        return f"{glyphs.about}?" if total and 10 * stretch.duration_nanoseconds > total else ""
    shorter, longer = stretch.duration_nanoseconds - least, most - stretch.duration_nanoseconds
    off = max(shorter, longer)
    if not (10 * off > whole or (off > stretch.duration_nanoseconds and 100 * off > whole)):
        return ""
    if off <= 2 * min(shorter, longer):
        return f"{glyphs.about}{duration_text(off)}"
    return f"{span_text(least)}{glyphs.to}{span_text(most)}"


def _layout(rows: Iterable[_Row], width: int) -> _Layout:
    listed = list(rows)
    name = max(cells(row.name) for row in listed)
    subject = min(max(cells(row.subject) for row in listed), max(width // 6, 8))
    took = max(cells(row.took) for row in listed)
    share = cells("100 %")
    doubt = max(cells(row.doubt) for row in listed)
    full = _Layout(name, subject, 0, took, share, doubt)
    narrow = _Layout(min(name, 18), min(subject, 8), 0, took, 0, min(doubt, 8))
    bare = _Layout(min(name, max(width - 20, 6)), 0, 0, took, 0, 0)
    fitting = (each for each in (full, narrow, bare) if width - _fixed(each) >= _LEAST_BAR)
    layout = next(fitting, bare)
    return replace(layout, bar=max(width - _fixed(layout), 1))


def _fixed(layout: _Layout) -> int:
    fields = (layout.name, layout.subject, layout.took, layout.share, layout.doubt)
    return sum(each + 2 for each in fields if each)


def _drawn(section: _Section, layout: _Layout, screen: Screen) -> Iterator[Line]:
    stretches = [each for row in (*section.rows, *section.parallel) for each in row.parts]
    start = min(each.begin for each in stretches)
    axis = Axis(start, max(each.finish for each in stretches) - start, layout.bar)
    left = sum(each + 2 for each in (layout.name, layout.subject) if each)
    yield ()
    yield (Piece(screen.cell(section.name, left) + axis.scale(), Style.DIM),)
    yield from (_bar(row, axis, layout, screen) for row in section.rows)
    yield _sum(section, axis, layout, screen)
    if section.parallel:
        yield from screen.paragraph("in parallel", style=Style.DIM)
        yield from (_bar(row, axis, layout, screen) for row in section.parallel)


def _bar(row: _Row, axis: Axis, layout: _Layout, screen: Screen) -> Line:
    first = row.parts[0]
    last = screen.glyphs.goes_on if first.open else screen.glyphs.clash if first.skew_nanoseconds else ""
    if len(row.parts) > 1:
        bar = axis.bars(screen, [(each.begin, each.finish) for each in row.parts], style=style(first.phase))
    else:
        bar = axis.bar(screen, first.begin, first.finish, style=style(first.phase), last=last)
    right = _column(screen, row.took, layout.took) + _column(screen, row.share, layout.share)
    doubt = f"  {screen.cell(row.doubt, layout.doubt)}" if layout.doubt else ""
    return (*_labels(row.name, row.subject, layout, screen), *bar, Piece(right), Piece(doubt, Style.YELLOW))


def _labels(name: str, subject: str, layout: _Layout, screen: Screen) -> Line:
    cell = Piece(screen.cell(name, layout.name) + "  ")
    if not layout.subject:
        return (cell,)
    return (cell, Piece(screen.cell(subject, layout.subject) + "  ", Style.DIM))


def _column(screen: Screen, text: str, width: int) -> str:
    return "  " + screen.cell(text, width, right=True) if width else ""


def _sum(section: _Section, axis: Axis, layout: _Layout, screen: Screen) -> Line:
    blank, total = axis.blank(screen, 0, axis.width), section.total
    right = _column(screen, duration_text(total), layout.took) + _column(screen, "100 %" if total else "", layout.share)
    doubt = "  so far" if section.under_way and layout.doubt >= len("so far") else ""
    return (*_labels("total", "", layout, screen), blank, Piece(right, Style.BOLD), Piece(doubt, Style.YELLOW))
