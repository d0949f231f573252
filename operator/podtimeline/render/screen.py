"""Where a drawing goes: its width, what its font can show, and whether it has colours."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from podtimeline.model.texts import visible
from podtimeline.render.text import cells, cut, harmless, pad, shorten, wrap


class Style(StrEnum):
    """How a piece of text stands out; the value is its SGR code (ECMA-48, 8.3.117)."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"
    MAGENTA = "35"
    CYAN = "36"
    WHITE = "37"
    BRIGHT_BLACK = "90"
    BRIGHT_RED = "91"
    BRIGHT_GREEN = "92"
    BRIGHT_YELLOW = "93"
    BRIGHT_BLUE = "94"
    BRIGHT_MAGENTA = "95"
    BRIGHT_CYAN = "96"


class Piece(NamedTuple):
    """Text of one style; it holds no control characters."""

    text: str
    style: Style = Style.PLAIN


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that differ between a terminal that shows Unicode and one that does not.

    ``lefts`` are blocks filled from the left, ``rights`` from the right, by growing coverage of the cell.
    """

    lefts: str
    rights: str
    tick: str
    goes_on: str
    clash: str
    ellipsis: str
    between: str
    about: str
    to: str
    times: str
    at_most: str


UNICODE = Glyphs("▏▏▎▍▌▋▊▉█", "▕▕▕▐▐▐▐▐█", "┊", "▶", "✕", "…", " · ", "±", "\u2013", "\u00d7", "\u2264")
ASCII = Glyphs("||||#####", "||||#####", ":", ">", "!", "..", " | ", "+/-", "-", "x", "<=")


@dataclass(frozen=True, slots=True)
class Screen:
    """A place to draw on, ``width`` columns wide; no line of a drawing is wider."""

    width: int
    unicode: bool = True
    colour: bool = False

    @property
    def glyphs(self) -> Glyphs:
        """The characters it can show."""
        return UNICODE if self.unicode else ASCII

    def words(self, text: str) -> str:
        """A stranger's text as this screen can show it, on one line."""
        safe = harmless(text)
        return safe if self.unicode else safe.encode("ascii", "replace").decode("ascii")

    def shorten(self, text: str, width: int) -> str:
        """The words in at most ``width`` columns."""
        return shorten(self.words(text), width, ellipsis=self.glyphs.ellipsis)

    def cell(self, text: str, width: int, *, right: bool = False) -> str:
        """The words in exactly ``width`` columns."""
        return pad(self.shorten(text, width), width, right=right)

    def paragraph(self, text: str, *, style: Style = Style.PLAIN, indent: int = 0, first: str = "") -> list[Line]:
        """The words wrapped to the width; ``first`` stands before the first line, ``indent`` blanks before the rest."""
        lines = wrap(visible(first) + self.words(text), self.width - indent)
        blanks = " " * indent
        return [(Piece(blanks if number else "", style), Piece(line, style)) for number, line in enumerate(lines)]

    def draw(self, lines: Iterable[Line]) -> str:
        """The lines as text, each ended by a newline, none wider than the screen and without blanks at its end."""
        return "".join(f"{self._draw(line)}\n" for line in lines)

    def _draw(self, line: Line) -> str:
        room = self.width
        fitting: list[Piece] = []
        for piece in line:
            # The last seam: whatever a drawing forgot, a terminal obeys nothing that a stranger wrote.
            text = cut(visible(piece.text), room)
            room -= cells(text)
            fitting.append(Piece(text, piece.style))
        while fitting and not fitting[-1].text.rstrip(" "):
            fitting.pop()
        if fitting:
            fitting[-1] = Piece(fitting[-1].text.rstrip(" "), fitting[-1].style)
        return "".join(self._paint(piece) for piece in fitting)

    def _paint(self, piece: Piece) -> str:
        if not self.colour or not piece.style or not piece.text:
            return piece.text
        return f"\x1b[{piece.style.value}m{piece.text}\x1b[0m"
