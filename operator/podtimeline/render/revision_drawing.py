"""A rollout on one axis: each pod up and down, how many were ready, and what held it."""

from collections.abc import Iterator, Sequence

from podtimeline.model.texts import duration_text
from podtimeline.render.axis import Axis
from podtimeline.render.legend import letter, style, title
from podtimeline.render.moments import nanoseconds
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.structs import LevelDocument, MemberDocument, RolloutDocument
from podtimeline.render.text import cells

_LEAST_BAR = 16
_UP = "up"
_MOST_HELD = 5


def revision(drawn: RolloutDocument[MemberDocument], screen: Screen) -> list[Line]:
    """The rollout: a heading, each pod on the common axis, the number of ready pods, a legend, and what held it."""
    return [
        *_heading(drawn, screen),
        (),
        *_chart(drawn, screen),
        (),
        *_counts(drawn, screen),
        *_holders(drawn, screen),
        *screen.paragraph(drawn.explanation, style=Style.BOLD),
    ]


def _heading(drawn: RolloutDocument[MemberDocument], screen: Screen) -> list[Line]:
    named = f"{drawn.workload.kind} {drawn.namespace}/{drawn.workload.name}"
    which = f", revision {drawn.revision}" if drawn.revision else ""
    state = "complete after" if drawn.complete else "superseded after" if drawn.superseded else "in progress for"
    since = drawn.started[:19].replace("T", " ")
    text = f"{named}{which}: {state} {duration_text(drawn.duration_nanoseconds)}, from {since}Z"
    return screen.paragraph(text, style=Style.BOLD)


def _chart(drawn: RolloutDocument[MemberDocument], screen: Screen) -> list[Line]:
    longest = max([cells(each.timeline.name) for each in drawn.members], default=0)
    name = min(max(longest, len("ready")), max(screen.width // 3, 8))
    bar = max(screen.width - name - 4, _LEAST_BAR)
    origin = nanoseconds(drawn.started)
    axis = Axis(origin, max(nanoseconds(drawn.until) - origin, 1), bar)
    lines: list[Line] = [(Piece(" " * (name + 4) + axis.scale(), Style.DIM),)]
    seen: dict[str, None] = {}
    for member in drawn.members:
        sign = "+" if member.current else "-"
        row = tuple(_row(member, axis, screen, seen))
        lines.append((Piece(f"{sign} {screen.cell(member.timeline.name, name)}  "), *row))
    ready = "".join(_digits(drawn.levels, axis))
    lines.append((Piece(f"  {screen.cell('ready', name)}  "), Piece(ready, Style.BOLD)))
    return [*lines, *_legend(tuple(seen), screen)]


def _row(member: MemberDocument, axis: Axis, screen: Screen, seen: dict[str, None]) -> Iterator[Piece]:
    for column in range(axis.width):
        phase = _phase(member, axis, column)
        if phase is None:
            yield axis.blank(screen, column, column + 1)
            continue
        seen.setdefault(phase)
        if phase == _UP:
            yield Piece("=", Style.GREEN)
        else:
            yield Piece(screen.glyphs.lefts[-1] if screen.colour else letter(phase), style(phase))


def _phase(member: MemberDocument, axis: Axis, column: int) -> str | None:
    begin = axis.origin + axis.span * column // axis.width
    end = axis.origin + axis.span * (column + 1) // axis.width
    shares = [
        (min(each.finish, end) - max(each.begin, begin), each.phase)
        for each in (*member.timeline.phases, *member.timeline.leaving)
    ]
    up = _served(member, end)
    if up is not None:
        shares.append((min(up[1], end) - max(up[0], begin), _UP))
    share, phase = max(shares, key=lambda pair: pair[0], default=(0, ""))
    return phase if share > 0 else None


def _served(member: MemberDocument, until: int) -> tuple[int, int] | None:
    if member.up is None:
        return None
    end = member.leaving or member.removed
    return nanoseconds(member.up), until if end is None else nanoseconds(end)


def _digits(levels: Sequence[LevelDocument], axis: Axis) -> Iterator[str]:
    for column in range(axis.width):
        end = axis.origin + axis.span * (column + 1) // axis.width
        ready = [each.ready for each in levels if nanoseconds(each.at) <= end]
        yield " " if not ready else str(ready[-1]) if ready[-1] < 10 else "+"


def _legend(phases: Sequence[str], screen: Screen) -> list[Line]:
    lines: list[list[Piece]] = [[]]
    for phase in phases:
        sign = "=" if phase == _UP else screen.glyphs.lefts[-1] if screen.colour else letter(phase)
        entry = f"{sign} {'ready' if phase == _UP else title(phase)}   "
        if lines[-1] and sum(cells(each.text) for each in lines[-1]) + cells(entry.rstrip()) > screen.width:
            lines.append([])
        lines[-1].append(Piece(entry, Style.GREEN if phase == _UP else style(phase)))
    return [(), *(tuple(line) for line in lines)]


def _counts(drawn: RolloutDocument[MemberDocument], screen: Screen) -> list[Line]:
    known = [
        f"{word} {'unknown' if count is None else count}"
        for word, count in (
            ("wanted", drawn.desired),
            ("surge", drawn.surge),
            ("unavailable at worst", drawn.unavailable),
        )
    ]
    return screen.paragraph("Pods: " + ", ".join(known) + ".")


def _holders(drawn: RolloutDocument[MemberDocument], screen: Screen) -> list[Line]:
    lines: list[Line] = []
    for each in drawn.held[:_MOST_HELD]:
        share = f"{100 * each.duration_nanoseconds // max(drawn.duration_nanoseconds, 1)} %"
        more = f" and {len(each.pods) - 3} more" if len(each.pods) > 3 else ""
        pods = f" ({', '.join(each.pods[:3])}{more})" if each.pods else ""
        text = f"{duration_text(each.duration_nanoseconds):>8}  {share:>5}  "
        room = screen.width - len(text)
        lines.append((Piece(text), Piece(screen.shorten(f"{each.title}{pods}", room))))
    return [(Piece("Held by", Style.BOLD),), *lines, ()] if lines else []
