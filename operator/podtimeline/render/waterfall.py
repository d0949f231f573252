"""The waterfall of one pod: where the time of its start went, as wide as the screen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from podtimeline.core.texts import duration_text
from podtimeline.render import words
from podtimeline.render.axis import Axis, span_text
from podtimeline.render.drawing import Note, PodTimeline, Stretch
from podtimeline.render.legend import style, title
from podtimeline.render.milestones import milestones
from podtimeline.render.moments import nanoseconds
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.text import cells, wrap

_LEAST_BAR = 10
_NOTES = 5
_NOTE_LINES = 3


def waterfall(timeline: PodTimeline, screen: Screen, *, wide: bool = False) -> list[Line]:
    """Header, one bar per phase, what ran beside, what was said, and why it took long.

    ``wide`` adds every milestone with its bounds and source, every pull, and all that was said in full.
    """
    drawn = [*_header(timeline, screen), *_chart(timeline, screen)]
    if wide:
        drawn += [(), *milestones(timeline, screen), *_pulls(timeline, screen)]
    drawn += _said(timeline, screen, wide=wide)
    drawn += [(), *screen.paragraph(timeline.explanation, style=Style.BOLD)]
    if wide and (hint := words.advice(timeline)):
        drawn += screen.paragraph(f"What may help: {hint}.", style=Style.DIM)
    return drawn


def _header(timeline: PodTimeline, screen: Screen) -> list[Line]:
    outcome = Piece(words.outcome_text(timeline), words.outcome_style(timeline))
    name = f"{timeline.namespace}/{timeline.name}"
    room = screen.width - cells(outcome.text) - 2
    if room >= min(cells(name), 24):
        first: list[Line] = [(Piece(screen.cell(name, room), Style.BOLD), Piece("  "), outcome)]
    else:
        first = [(Piece(screen.shorten(name, screen.width), Style.BOLD),), (outcome,)]
    return [*first, *_facts(timeline, screen)]


def _facts(timeline: PodTimeline, screen: Screen) -> list[Line]:
    workload = "bare pod" if timeline.workload.kind == "Pod" else f"{timeline.workload.kind} {timeline.workload.name}"
    facts = [workload, f"node {timeline.node}" if timeline.node else "no node"]
    facts += [words.endpoint_text(timeline), _since(timeline)]
    if timeline.termination_nanoseconds is not None:
        facts.append(f"terminated in {duration_text(timeline.termination_nanoseconds)}")
    if timeline.cluster:
        facts.append(f"cluster {timeline.cluster}")
    return _joined([each for each in facts if each], screen)


def _since(timeline: PodTimeline) -> str:
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


@dataclass(frozen=True, slots=True)
class _Row:
    """One stretch, ready to be drawn."""

    stretch: Stretch
    name: str
    subject: str
    took: str
    share: str
    doubt: str


@dataclass(frozen=True, slots=True)
class _Layout:
    """The width of each column; 0 leaves the column out."""

    name: int
    subject: int
    bar: int
    took: int
    share: int
    doubt: int


def _chart(timeline: PodTimeline, screen: Screen) -> list[Line]:
    begin, total = timeline.begin, timeline.total_nanoseconds
    if begin is None or total is None:
        return []
    charged = [_row(each, screen, total) for each in timeline.phases]
    beside = [_row(each, screen, None) for each in timeline.beside]
    end = max(each.finish for each in (*timeline.phases, *timeline.beside))
    start = min(begin, *(each.begin for each in (*timeline.phases, *timeline.beside)))
    layout = _layout([*charged, *beside], screen.width)
    axis = Axis(start, end - start, layout.bar)
    drawn: list[Line] = [(), _scale(axis, layout), *(_bar(row, axis, layout, screen) for row in charged)]
    drawn.append(_sum(total, timeline, axis, layout, screen))
    if beside:
        drawn += screen.paragraph("beside it, at the same time", style=Style.DIM)
        drawn += (_bar(row, axis, layout, screen) for row in beside)
    return drawn


def _row(stretch: Stretch, screen: Screen, total: int | None) -> _Row:
    took = span_text(stretch.duration_nanoseconds)
    share = "" if not total else f"{100 * stretch.duration_nanoseconds // total} %"
    doubt = _doubt(stretch, screen, total)
    return _Row(stretch, title(stretch.phase), screen.words(_subject(stretch.subject)), took, share, doubt)


def _subject(subject: str) -> str:
    """A container's name, or the Service of ``namespace/service/slice``: the namespace is the pod's own."""
    parts = subject.split("/")
    return parts[1] if len(parts) > 1 else subject


def _doubt(stretch: Stretch, screen: Screen, total: int | None) -> str:
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


def _left(layout: _Layout) -> int:
    return sum(each + 2 for each in (layout.name, layout.subject) if each)


def _scale(axis: Axis, layout: _Layout) -> Line:
    return (Piece(" " * _left(layout) + axis.scale(), Style.DIM),)


def _bar(row: _Row, axis: Axis, layout: _Layout, screen: Screen) -> Line:
    stretch = row.stretch
    last = screen.glyphs.goes_on if stretch.open else screen.glyphs.clash if stretch.skew_nanoseconds else ""
    bar = axis.bar(screen, stretch.begin, stretch.finish, style=style(stretch.phase), last=last)
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


def _sum(total: int, timeline: PodTimeline, axis: Axis, layout: _Layout, screen: Screen) -> Line:
    under_way = timeline.phases[-1].open
    blank = axis.blank(screen, 0, axis.width)
    right = _column(screen, duration_text(total), layout.took) + _column(screen, "100 %" if total else "", layout.share)
    doubt = "  so far" if under_way and layout.doubt >= len("so far") else ""
    return (*_labels("total", "", layout, screen), blank, Piece(right, Style.BOLD), Piece(doubt, Style.YELLOW))


def _said(timeline: PodTimeline, screen: Screen, *, wide: bool) -> list[Line]:
    said: list[Line] = []
    notes = _merged(timeline.notes)
    left_out = 0 if wide else max(len(notes) - _NOTES, 0)
    for note in notes[left_out:]:
        said += _note(note, timeline, screen, wide=wide)
    if left_out:
        said.append((Piece(f"and {left_out} earlier ones (-o wide shows all)", Style.DIM),))
    for restart in timeline.restarts:
        said += screen.paragraph(words.restart_text(restart), style=Style.YELLOW)
    if timeline.ended is not None and (timeline.ended.reason or timeline.ended.text):
        said += screen.paragraph(_ended(timeline), style=words.outcome_style(timeline))
    for caveat in words.caveats(timeline):
        said += screen.paragraph(caveat, style=Style.YELLOW)
    return [(), *said] if said else []


def _merged(notes: Iterable[Note]) -> list[Note]:
    """Notes that say the same of the same subject become one: the event and the condition repeat each other."""
    merged: dict[tuple[str, str], Note] = {}
    for note in notes:
        key = (note.subject, note.text)
        held = merged.get(key)
        if held is None:
            merged[key] = note
        else:
            count = max(held.count, note.count)
            merged[key] = replace(held, reason=f"{held.reason}, {note.reason}", count=count)
    return list(merged.values())


def _ended(timeline: PodTimeline) -> str:
    ended = timeline.ended
    how = [] if ended is None else [each for each in (ended.reason, ended.text) if each]
    return "It ended: " + ": ".join(how)


def _note(note: Note, timeline: PodTimeline, screen: Screen, *, wide: bool) -> Iterator[Line]:
    times = f" {screen.glyphs.times}{note.count}" if note.count > 1 else ""
    subject = f" {note.subject}" if note.subject else ""
    head = screen.words(f"{_offset(note.first, timeline)} {note.reason}{times}{subject}") + ": "
    lines = wrap(screen.words(note.text), max(screen.width - 4, 8))
    if cells(head) + cells(screen.words(note.text)) <= screen.width:
        yield (Piece(head, Style.YELLOW), Piece(" ".join(lines)))
        return
    yield from screen.paragraph(head, style=Style.YELLOW)
    shown = lines if wide else lines[:_NOTE_LINES]
    for number, line in enumerate(shown):
        more = screen.glyphs.ellipsis if number == len(shown) - 1 and len(lines) > len(shown) else ""
        yield (Piece(f"    {line}{more}"),)


def _offset(moment: str, timeline: PodTimeline) -> str:
    begin = timeline.begin
    if begin is None:
        return moment[11:19]
    after = nanoseconds(moment) - begin
    return f"+{duration_text(after)}" if after >= 0 else f"-{duration_text(-after)}"


def _pulls(timeline: PodTimeline, screen: Screen) -> list[Line]:
    pulls: list[Line] = []
    for pull in timeline.pulls:
        pulls += screen.paragraph(words.pull_text(pull), first=f"{pull.container}: ", indent=4)
    return [(), *pulls] if pulls else []
