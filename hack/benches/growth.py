"""How a cost grows: the same bench at a hundredth, a tenth and the whole of its size."""

import argparse
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_PARTS = (100, 10, 1)


def add_size(parser: argparse.ArgumentParser, name: str, *, default: int, of: str) -> None:
    """The flag of the bench's size, and ``--growth``."""
    parser.add_argument(name, dest="size", type=_positive, default=default, help=f"number of {of} (default: {default})")
    parser.add_argument("--growth", action="store_true", help="also measure at 1 %% and 10 %% of the size")


def sizes(options: argparse.Namespace) -> tuple[int, ...]:
    """The sizes to measure, the one that is judged last; the same one only once."""
    parts = _PARTS if options.growth else (1,)
    return tuple(dict.fromkeys(max(options.size // part, 1) for part in parts))


def alone(work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """The result of a call in a new process, whose memory and caches nothing else has used."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *args, **more).result()


def peak(process: str | int = "self") -> int:
    """The most bytes that a process had in memory so far (``VmHWM`` of proc(5)); this process by default."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns, aligned to the right; numbers of a fraction get three digits that matter."""
    cells = [tuple(heads), *(tuple(map(_cell, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in cells)


def _cell(value: object) -> str:
    match value:
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
        case _:
            return str(value)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return number
