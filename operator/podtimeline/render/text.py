"""Text in terminal cells: measured, shortened, wrapped and made harmless."""

import unicodedata
from collections.abc import Iterator

from podtimeline.model.texts import visible


def cells(text: str) -> int:
    """How many columns a terminal gives the text."""
    return len(text) if text.isascii() else sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def harmless(text: str) -> str:
    """The text on one line, with every character that shows nothing escaped: see ``model.texts.visible``."""
    return visible(" ".join(text.split()))


def cut(text: str, width: int) -> str:
    """The longest beginning of the text that takes at most ``width`` columns."""
    if cells(text) <= width:
        return text
    taken, used = 0, 0
    for char in text:
        used += _cells(char)
        if used > width:
            break
        taken += 1
    return text[:taken]


def shorten(text: str, width: int, *, ellipsis: str = "…") -> str:
    """The text in at most ``width`` columns: names differ at both ends, so the middle goes."""
    if cells(text) <= width:
        return text
    room = width - cells(ellipsis)
    if room < 2:
        return cut(text, max(width, 0))
    tail = cut(text[::-1], room // 2)[::-1]
    return cut(text, room - cells(tail)) + ellipsis + tail


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled with blanks to ``width`` columns; ``right`` aligns it to the right."""
    blanks = " " * (width - cells(text))
    return blanks + text if right else text + blanks


def wrap(text: str, width: int) -> list[str]:
    """The text broken between words, and inside a word only where it alone is wider than ``width``."""
    lines: list[str] = []
    line = ""
    for word in _words(text, max(width, 1)):
        joined = f"{line} {word}" if line else word
        if cells(joined) <= width or not line:
            line = joined
        else:
            lines.append(line)
            line = word
    return [*lines, line] if line else lines


def _words(text: str, width: int) -> Iterator[str]:
    for word in text.split():
        rest = word
        while cells(rest) > width and (piece := cut(rest, width)):
            yield piece
            rest = rest[len(piece) :]
        yield rest
