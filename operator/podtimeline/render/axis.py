"""A time axis and the bars on it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from podtimeline.model.texts import duration_text
from podtimeline.render.moments import SECOND
from podtimeline.render.screen import Glyphs, Line, Piece, Screen, Style

_EIGHTHS = 8
_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
_ROOM = 10


@dataclass(frozen=True, slots=True)
class Axis:
    """``span`` nanoseconds from ``origin`` on, spread over ``width`` columns."""

    origin: int
    span: int
    width: int

    def eighth(self, moment: int) -> int:
        """The eighth of a column that the moment falls into, on the axis in any case."""
        place = (moment - self.origin) * self.width * _EIGHTHS // max(self.span, 1)
        return min(max(place, 0), self.width * _EIGHTHS)

    def column(self, moment: int) -> int:
        """The column that the moment falls into."""
        return min(self.eighth(moment) // _EIGHTHS, self.width - 1)

    def ticks(self) -> dict[int, str]:
        """Columns of round durations since the origin, and what to write there."""
        step = _step(self.span * _ROOM // max(self.width, 1))
        marks = range(0, self.span + 1, step)
        return {self.column(self.origin + mark): tick_text(mark) for mark in marks}

    def scale(self) -> str:
        """The axis' labels, each beginning at its tick."""
        text = ""
        for column, label in self.ticks().items():
            if len(text) + bool(text) <= column and column + len(label) <= self.width:
                text = text.ljust(column) + label
        return text.ljust(self.width)

    def bar(self, screen: Screen, start: int, end: int, *, style: Style, last: str = "") -> Line:
        """A bar from ``start`` to ``end``, never invisible; ``last`` takes the place of its last character."""
        begin, stop = self.eighth(start), self.eighth(end)
        begin = min(begin, self.width * _EIGHTHS - 1)
        drawn = list(_cells(screen.glyphs, begin, max(stop, begin + 1)))
        if last:
            drawn[-1] = last
        first = begin // _EIGHTHS
        after = first + len(drawn)
        return (self.blank(screen, 0, first), Piece("".join(drawn), style), self.blank(screen, after, self.width))

    def bars(self, screen: Screen, spans: Iterable[tuple[int, int]], *, style: Style) -> Line:
        """Several bars on one line: each column is filled by as much of it as they cover."""
        covered = [0] * self.width
        for start, end in spans:
            begin = min(self.eighth(start), self.width * _EIGHTHS - 1)
            for eighth in range(begin, max(self.eighth(end), begin + 1)):
                covered[eighth // _EIGHTHS] += 1
        pieces: list[Piece] = []
        for column, eighths in enumerate(covered):
            drawn = Piece(screen.glyphs.lefts[min(eighths, _EIGHTHS)], style)
            pieces.append(drawn if eighths else self.blank(screen, column, column + 1))
        return tuple(pieces)

    def blank(self, screen: Screen, first: int, after: int) -> Piece:
        """Empty columns, with the ticks' faint lines running through."""
        ticks = self.ticks()
        text = "".join(screen.glyphs.tick if column and column in ticks else " " for column in range(first, after))
        return Piece(text, Style.DIM)


def tick_text(duration: int) -> str:
    """A round duration without needless digits: ``0``, ``200ms``, ``1.5s``, ``2m``, ``1h30m``."""
    whole, rest = divmod(duration, SECOND)
    if not duration:
        return "0"
    if duration < SECOND:
        return f"{duration / 1e6:g}ms" if duration >= 1_000_000 else f"{duration / 1e3:g}us"
    if rest or whole < 60:
        return f"{duration / SECOND:g}s"
    hours, minutes, seconds = whole // 3600, whole % 3600 // 60, whole % 60
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{value}{unit}" for value, unit in parts if value)


def _step(least: int) -> int:
    """The smallest round duration that is not below ``least`` nanoseconds."""
    unit = 1
    while unit < SECOND:
        for factor in (1, 2, 5):
            if unit * factor >= least:
                return unit * factor
        unit *= 10
    for seconds in _STEPS:
        if seconds * SECOND >= least:
            return seconds * SECOND
    hours = 1
    while hours * 3600 * SECOND < least:
        hours *= 2
    return hours * 3600 * SECOND


def _cells(glyphs: Glyphs, begin: int, stop: int) -> Iterator[str]:
    for column in range(begin // _EIGHTHS, (stop + _EIGHTHS - 1) // _EIGHTHS):
        low = max(begin - column * _EIGHTHS, 0)
        high = min(stop - column * _EIGHTHS, _EIGHTHS)
        if high == _EIGHTHS:
            yield glyphs.rights[high - low]
        elif low:
            side = glyphs.lefts if low + high < _EIGHTHS else glyphs.rights
            yield side[high - low]
        else:
            yield glyphs.lefts[high]


def span_text(duration: int | None) -> str:
    """A duration for people, ``0`` for none and ``unknown`` where it is not known."""
    if duration is None:
        return "unknown"
    return duration_text(duration) if duration else "0"


def signed(distance: int) -> str:
    """A distance in time with its sign; none for nothing."""
    if not distance:
        return "0"
    return f"+{duration_text(distance)}" if distance > 0 else f"-{duration_text(-distance)}"
