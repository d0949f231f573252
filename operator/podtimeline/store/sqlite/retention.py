"""Keeps the file within its limits: old timelines of pods that are gone are deleted, counts never are.

What a pod has counted is remembered for a day longer than its timeline: Events live for an hour, so nothing can tell of
the pod again after that and count it twice.
"""

import sqlite3

from podtimeline.store.options import Retention
from podtimeline.store.sqlite.schema import transaction

SLICE = 500
_SLICES = 20
_ENOUGH = 0.95
_EVER = (1 << 63) - 1
_DAY = 86_400 * 1_000_000_000


def prune(connection: sqlite3.Connection, limits: Retention, *, now: int) -> bool:
    """Delete what is over the limits, the longest gone first, in small transactions.

    Returns whether there may be more: one call does a bounded amount of work, so that commits are not held up.
    """
    for _ in range(_SLICES):
        if not _delete(connection, now=now, before=now - limits.age):
            break
    else:
        return True
    return _shrink(connection, limits.size, now) or _forget(connection, now)


def used(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _shrink(connection: sqlite3.Connection, size: int, now: int) -> bool:
    if used(connection) <= size:
        return False
    for _ in range(_SLICES):
        if not _delete(connection, now=now, before=_EVER) or used(connection) <= size * _ENOUGH:
            return False
    return True


def _forget(connection: sqlite3.Connection, now: int) -> bool:
    rows = connection.execute(
        "DELETE FROM counted WHERE uid IN (SELECT uid FROM counted WHERE gone < ? LIMIT ?)", (now - _DAY, SLICE)
    ).rowcount
    return rows == SLICE


def _delete(connection: sqlite3.Connection, *, now: int, before: int) -> int:
    """One slice of what was last changed before a moment; the pages it leaves go back to the file system."""
    with transaction(connection):
        chosen = connection.execute(
            "SELECT id, uid FROM timelines WHERE closed = 1 AND updated < ? ORDER BY updated LIMIT ?", (before, SLICE)
        ).fetchall()
        connection.executemany("UPDATE counted SET gone = ? WHERE uid = ?", [(now, uid) for _, uid in chosen])
        connection.executemany("DELETE FROM timelines WHERE id = ?", [(number,) for number, _ in chosen])
    # Freed page by page as the statement is stepped, and ``execute`` steps a statement without columns only once.
    connection.executescript("PRAGMA incremental_vacuum")
    return len(chosen)
