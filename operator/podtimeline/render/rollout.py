"""Many pods of one workload on one axis: one line a pod, the median and the slowest in words."""

from collections.abc import Sequence
from statistics import median_low

from podtimeline.model.texts import duration_text
from podtimeline.render import words
from podtimeline.render.axis import Axis, span_text
from podtimeline.render.legend import letter, style, title
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.structs import PhaseSpanDocument, PodTimelineDocument
from podtimeline.render.text import cells, wrap

_LEAST_BAR = 12


def rollout(timelines: Sequence[PodTimelineDocument], screen: Screen) -> list[Line]:
    """The pods in the order of their beginning on a common axis, a legend, and a summary.

    Raises ``ValueError`` for no pods at all.
    """
    if not timelines:
        raise ValueError("a rollout of no pods cannot be drawn")
    ordered = sorted(timelines, key=lambda each: (each.begin is None, each.begin or 0, each.namespace, each.name))
    return [*_heading(ordered, screen), *_chart(ordered, screen), (), *_summary(ordered, screen)]


def _heading(timelines: Sequence[PodTimelineDocument], screen: Screen) -> list[Line]:
    workloads = sorted({f"{each.namespace}/{each.name}" for each in timelines})
    owners = sorted({f"{each.workload.kind} {each.namespace}/{each.workload.name}" for each in timelines})
    named = owners[0] if len(owners) == 1 else f"{len(owners)} workloads"
    pods = f"{len(timelines)} pods" if len(workloads) > 1 else "1 pod"
    begin = min((each.phases[0].start for each in timelines if each.phases), default=None)
    since = f", from {begin[:19].replace('T', ' ')}Z" if begin else ""
    return [(Piece(screen.shorten(f"{named}: {pods}{since}", screen.width), Style.BOLD),), ()]


def _chart(timelines: Sequence[PodTimelineDocument], screen: Screen) -> list[Line]:
    known = [each for each in timelines if each.phases]
    if not known:
        return [_unknown(each, screen) for each in timelines]
    results = [_result(each) for each in known]
    result = max(cells(text) for text in results)
    name = min(max(cells(each.name) for each in timelines), max(screen.width // 3, 8))
    bar = screen.width - name - result - 4
    if bar < _LEAST_BAR:
        result, bar = 0, max(screen.width - name - 2, 1)
    origin = min(each.phases[0].begin for each in known)
    axis = Axis(origin, max(each.phases[-1].finish for each in known) - origin, bar)
    drawn: list[Line] = [(Piece(" " * (name + 2) + axis.scale(), Style.DIM),)]
    for timeline, text in zip(known, results, strict=True):
        end = (Piece("  " + text, words.outcome_style(timeline)),) if result else ()
        drawn.append((Piece(screen.cell(timeline.name, name) + "  "), *_pod(timeline, axis, screen), *end))
    drawn += [_unknown(each, screen) for each in timelines if not each.phases]
    return [*drawn, *_legend(known, screen)]


def _unknown(timeline: PodTimelineDocument, screen: Screen) -> Line:
    return (Piece(screen.shorten(timeline.name, screen.width // 2) + "  "), Piece("creation time unknown", Style.DIM))


def _result(timeline: PodTimelineDocument) -> str:
    longest = max(timeline.phases, key=lambda each: each.duration_nanoseconds)
    took = duration_text(timeline.startup_nanoseconds or timeline.total_nanoseconds or 0)
    how = "ready" if timeline.startup_nanoseconds is not None else timeline.outcome
    return f"{took:>6}  {how:<9}  {title(longest.phase)}"


def _pod(timeline: PodTimelineDocument, axis: Axis, screen: Screen) -> Line:
    """The pod's phases in one row; each column belongs to the phase that fills most of it."""
    owners: list[PhaseSpanDocument | None] = [_owner(timeline, axis, column) for column in range(axis.width)]
    pieces: list[Piece] = []
    for column, owner in enumerate(owners):
        if owner is None:
            pieces.append(axis.blank(screen, column, column + 1))
        else:
            block = screen.glyphs.lefts[-1] if screen.colour else letter(owner.phase)
            pieces.append(Piece(block, style(owner.phase)))
    if timeline.phases[-1].open:
        last = max(index for index, owner in enumerate(owners) if owner is not None)
        pieces[last] = Piece(screen.glyphs.goes_on, pieces[last].style)
    return tuple(_merged(pieces))


def _owner(timeline: PodTimelineDocument, axis: Axis, column: int) -> PhaseSpanDocument | None:
    begin = axis.origin + axis.span * column // axis.width
    end = axis.origin + axis.span * (column + 1) // axis.width
    shares = [(min(each.finish, end) - max(each.begin, begin), each) for each in timeline.phases]
    share, owner = max(shares, key=lambda pair: pair[0])
    only = axis.column(timeline.phases[0].begin)
    return owner if share > 0 or column == only else None


def _merged(pieces: Sequence[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for piece in pieces:
        if merged and merged[-1].style == piece.style:
            merged[-1] = Piece(merged[-1].text + piece.text, piece.style)
        else:
            merged.append(piece)
    return merged


def _legend(timelines: Sequence[PodTimelineDocument], screen: Screen) -> list[Line]:
    phases = list(dict.fromkeys(stretch.phase for each in timelines for stretch in each.phases))
    lines: list[list[Piece]] = [[]]
    for phase in phases:
        entry = f"{screen.glyphs.lefts[-1] if screen.colour else letter(phase)} {title(phase)}   "
        if lines[-1] and sum(cells(each.text) for each in lines[-1]) + cells(entry.rstrip()) > screen.width:
            lines.append([])
        lines[-1].append(Piece(entry, style(phase)))
    return [(), *(tuple(line) for line in lines)]


def _summary(timelines: Sequence[PodTimelineDocument], screen: Screen) -> list[Line]:
    counts: dict[str, int] = {}
    for each in timelines:
        counts[each.outcome] = counts.get(each.outcome, 0) + 1
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    ready = [each for each in timelines if each.startup_nanoseconds is not None]
    text = f"{len(timelines)} pods: {told}."
    if ready:
        middle = median_low(each.startup_nanoseconds or 0 for each in ready)
        slowest = max(ready, key=lambda each: each.startup_nanoseconds or 0)
        text += f" Ready after {duration_text(middle)} (median) to {span_text(slowest.startup_nanoseconds)}"
        text += f" (slowest, {slowest.name})."
    worst = max(timelines, key=lambda each: each.total_nanoseconds or 0)
    lines = wrap(screen.words(text), screen.width)
    return [
        *((Piece(line, Style.BOLD),) for line in lines),
        *screen.paragraph(f"{worst.name}: {worst.explanation}"),
    ]
