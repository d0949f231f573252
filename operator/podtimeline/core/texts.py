"""Durations and sizes as people read them."""


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


def rate_text(size: int, nanoseconds: int) -> str:
    """A throughput for people: ``5.0 MiB/s``; ``nanoseconds`` is above 0."""
    return f"{bytes_text(size * 1_000_000_000 // nanoseconds)}/s"


def times_text(count: int) -> str:
    """``once``, or how many times."""
    return "once" if count == 1 else f"{count} times"
