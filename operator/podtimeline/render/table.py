"""Columns of text that fit the screen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.text import cells

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, where its text stands, and how narrow it may become before others are left out."""

    heading: str
    right: bool = False
    least: int = 8
    style: Style = Style.PLAIN


def table(screen: Screen, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> list[Line]:
    """The rows under their headings.

    Where the screen is too narrow the widest columns are shortened, then the last ones are left out.
    """
    words = [[screen.words(text) for text in row] for row in rows]
    natural = [
        max([cells(column.heading), *(cells(row[index]) for row in words)]) for index, column in enumerate(columns)
    ]
    widths = _fit(natural, [column.least for column in columns], screen.width)
    shown = list(zip(columns, widths, strict=False))
    header = tuple(_cell(screen, column, column.heading, width, Style.DIM) for column, width in shown)
    body = [
        tuple(
            _cell(screen, column, text, width, column.style) for (column, width), text in zip(shown, row, strict=False)
        )
        for row in words
    ]
    return [header, *body]


def _cell(screen: Screen, column: Column, text: str, width: int, style: Style) -> Piece:
    return Piece(screen.cell(text, width, right=column.right) + " " * _GAP, style)


def _fit(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    widths = list(natural)
    while len(widths) > 1 and _wide(min(w, m) for w, m in zip(widths, least, strict=False)) > room:
        widths.pop()
    while _wide(widths) > room:
        slack = [width - min(width, floor) for width, floor in zip(widths, least, strict=False)]
        widest = max(range(len(widths)), key=lambda index: (slack[index] > 0, widths[index]))
        if not slack[widest]:
            break
        widths[widest] -= 1
    return widths


def _wide(widths: Iterable[int]) -> int:
    listed = list(widths)
    return sum(listed) + _GAP * (len(listed) - 1)
