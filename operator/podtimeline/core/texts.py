"""Durations, sizes and texts as people read them, and whole numbers in texts."""


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
