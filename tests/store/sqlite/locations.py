"""Where the store's contract is tested."""

from collections.abc import Callable, Mapping
from pathlib import Path

LOCATIONS: Mapping[str, Callable[[Path], str]] = {
    "file": lambda directory: str(directory / "history.sqlite3"),
    "memory": lambda _: ":memory:",
}
"""By the name that a failing test shows; each is given a directory of its own."""
