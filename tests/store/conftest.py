"""Stores for tests; the contract's tests get each kind in turn."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from tests.support.memory_store import MemoryStore
from tests.support.saved import StandingClock

from podtimeline.ports import Checkpoint, Counted, Page, Query, Restored, Saved
from podtimeline.store import SqliteStore


class Both(Protocol):
    """What is both ``ports.Store`` and ``ports.History``."""

    def restore(self) -> Restored:
        """See ``ports.Store``."""
        ...

    def commit(self, checkpoint: Checkpoint) -> Counted:
        """See ``ports.Store``."""
        ...

    def search(self, query: Query) -> Page:
        """See ``ports.History``."""
        ...

    def find(self, namespace: str, name: str, *, uid: str | None = None) -> Saved | None:
        """See ``ports.History``."""
        ...

    def close(self) -> None:
        """See ``ports.Store``."""
        ...


@pytest.fixture(params=["file", "memory", "fake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    """A store with room for three series a metric: SQLite on a disk, SQLite in memory, the tests' fake."""
    clock = StandingClock()
    found: Both
    match request.param:
        case "file":
            found = SqliteStore(tmp_path / "history.sqlite3", clock=clock, series_limit=3)
        case "memory":
            found = SqliteStore(":memory:", clock=clock, series_limit=3)
        case _:
            found = MemoryStore(now=clock.now(), series_limit=3)
    yield found
    found.close()
