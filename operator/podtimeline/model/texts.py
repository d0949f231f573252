"""Durations, sizes, lists and strangers' words as people read them, and whole numbers in texts."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing: Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt) outside the
general category C, and the blank of Braille."""


def visible(text: str) -> str:
    """The text with every character escaped that shows nothing, moves the cursor, or changes the order of others.

    Those are controls (C0, C1), format characters (U+202E and other bidi controls, zero-width ones), surrogates, line
    and paragraph separators, and what is private or unassigned; the escapes are those of Python. What arrives from a
    cluster is written by strangers: each output that people read as it is goes through here or a function below.
    """
    return text if text.isascii() and text.isprintable() else _escaped(text, _code)


def visible_json(text: str) -> str:
    """The same for JSON that is written already: line ends stay, and a reader gets the character that was there."""
    return _by_line(text, _json_code)


def visible_yaml(text: str) -> str:
    """The same for YAML that is written already, where only double-quoted scalars hold such characters."""
    return _by_line(text, _code)


def _by_line(text: str, code: Callable[[str], str]) -> str:
    return "\n".join(
        line if line.isascii() and line.isprintable() else _escaped(line, code) for line in text.split("\n")
    )


def _escaped(text: str, code: Callable[[str], str]) -> str:
    return "".join(code(char) if _unseen(char) else char for char in text)


def _unseen(char: str) -> bool:
    if char == " ":
        return False
    category = unicodedata.category(char)
    return category[0] == "C" or category in {"Zl", "Zp"} or _IGNORABLE.match(char) is not None


def _code(char: str) -> str:
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_code(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def duration_text(nanoseconds: int) -> str:
    """A duration for people, three significant digits: ``850ms``, ``4.21s``, ``2m03s``, ``1h02m``."""
    seconds = nanoseconds / 1e9
    if nanoseconds < 10_000_000:
        return f"{nanoseconds / 1e6:.1f}ms"
    if seconds < 1:
        return f"{nanoseconds // 1_000_000}ms"
    if seconds < 60:
        return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.1f}s"
    whole = nanoseconds // 1_000_000_000
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def bytes_text(size: int) -> str:
    """A size for people in binary units: ``28.6 MiB``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def times_text(count: int) -> str:
    """``once``, or how many times."""
    return "once" if count == 1 else f"{count} times"


MAX_TEXT = 2048
"""Characters that are kept of a text from outside. The API allows 1024 in an Event's note, and 32768 in a condition."""
_TAIL = 4
"""The last part of a text that is cut, as a fraction of what is kept: runtimes put the cause last."""


def clip(text: str, limit: int = MAX_TEXT) -> str:
    """The text, cut in its middle to ``limit`` characters where it is longer; says how many characters it had."""
    if len(text) <= limit:
        return text
    tail = limit // _TAIL
    mark = f" … (cut, {len(text)} characters) … "
    head = max(limit - tail - len(mark), 0)
    return f"{text[:head]}{mark}{text[-tail:]}"[:limit]


_DIGITS = 19
"""Digits of the largest 64-bit integer."""
_LARGEST = (1 << 63) - 1


def whole(text: str) -> int | None:
    """The decimal number that a text from outside consists of; ``None`` where it is none, or beyond 64 bits."""
    if not text.isascii() or not text.isdecimal() or len(text) > _DIGITS:
        return None
    number = int(text)
    return number if number <= _LARGEST else None


def exit_text(code: int | None, reason: str) -> str:
    """How a run of a container ended; a reason without a code says that nobody knows. Empty where it has not ended."""
    if code is None:
        return f"an unknown exit code ({reason})" if reason else ""
    return f"exit code {code}" + (f" ({reason})" if reason else "")


SENTENCE = 600
"""Characters of a message that a sentence has room for: it stands in full as evidence."""


def shortened(text: str) -> str:
    """A message short enough for a sentence: of a long one the beginning and the end, where errors name their cause."""
    return clip(text, SENTENCE)


_NAMED = 3
"""Up to so many names are all written out."""


def names_text(names: Sequence[str]) -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``, and of more of them ``a, b and 30 more``."""
    return _joined(names if len(names) <= _NAMED else (*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"))


def steps_text(steps: Iterable[tuple[str, str]]) -> str:
    """Milestones with their subjects, those of the same milestones together: ``pulled and started of a and b``."""
    of: dict[str, list[str]] = {}
    for name, subject in steps:
        of.setdefault(subject, []).append(name.replace("_", " "))
    alike: dict[tuple[str, ...], list[str]] = {}
    for subject, names in of.items():
        alike.setdefault(tuple(names), []).append(subject)
    return "; ".join(_joined(names) + _of(subjects) for names, subjects in alike.items())


def _of(subjects: Sequence[str]) -> str:
    named = [each for each in subjects if each]
    return f" of {names_text(named)}" if named else ""


def _joined(names: Sequence[str]) -> str:
    return " and ".join(each for each in (", ".join(names[:-1]), *names[-1:]) if each)
