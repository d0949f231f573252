"""The tables, and the numbered steps that lead to them; ``user_version`` counts the steps that a file has taken."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from podtimeline.errors import StoreError

APPLICATION_ID = 0x70744C31
"""Marks the file as a history (SQLite's ``application_id``): no other database is written to."""

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE timelines (
        id INTEGER PRIMARY KEY,
        uid TEXT NOT NULL UNIQUE,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        workload_kind TEXT NOT NULL,
        workload TEXT NOT NULL,
        node TEXT,
        outcome TEXT NOT NULL,
        phase TEXT,
        created INTEGER,
        startup INTEGER,
        total INTEGER,
        settled INTEGER NOT NULL,
        closed INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        state BLOB NOT NULL
    );
    CREATE INDEX timelines_name ON timelines (namespace, name);
    CREATE INDEX timelines_workload ON timelines (workload, namespace);
    CREATE INDEX timelines_node ON timelines (node);
    CREATE INDEX timelines_created ON timelines (ifnull(created, -1), id);
    CREATE INDEX timelines_total ON timelines (ifnull(total, -1), id) WHERE phase IS NULL;
    CREATE INDEX timelines_phase ON timelines (phase) WHERE phase IS NOT NULL;
    CREATE INDEX timelines_open ON timelines (id) WHERE closed = 0;
    CREATE INDEX timelines_gone ON timelines (updated) WHERE closed = 1;
    CREATE TABLE counted (
        uid TEXT PRIMARY KEY,
        keys TEXT NOT NULL,
        gone INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX counted_gone ON counted (gone) WHERE gone IS NOT NULL;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        metric TEXT NOT NULL,
        labels TEXT NOT NULL,
        buckets BLOB NOT NULL,
        sum REAL NOT NULL,
        UNIQUE (metric, labels)
    );
    CREATE TABLE streams (stream TEXT PRIMARY KEY, version TEXT) WITHOUT ROWID;
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
    "CREATE TABLE memories (key TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID",
    """
    ALTER TABLE series ADD COLUMN pod TEXT NOT NULL DEFAULT '';
    ALTER TABLE series ADD COLUMN lasting INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE series ADD COLUMN gone INTEGER;
    ALTER TABLE series ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX timelines_there ON timelines (namespace, workload_kind, workload) WHERE closed = 0
    """,
    """
    ALTER TABLE timelines ADD COLUMN changing INTEGER NOT NULL DEFAULT 0;
    DROP INDEX timelines_total;
    CREATE INDEX timelines_total ON timelines (ifnull(total, -1), id) WHERE phase IS NULL AND changing = 0;
    CREATE INDEX timelines_changing ON timelines (id) WHERE changing = 1
    """,
    """
    DROP INDEX timelines_name;
    DROP INDEX timelines_workload;
    DROP INDEX timelines_node;
    CREATE INDEX timelines_name ON timelines (name, namespace);
    CREATE INDEX timelines_namespace ON timelines (namespace, ifnull(created, -1), id);
    CREATE INDEX timelines_workload ON timelines (workload, namespace, ifnull(created, -1), id);
    CREATE INDEX timelines_node ON timelines (node, ifnull(created, -1), id);
    CREATE INDEX timelines_outcome ON timelines (outcome, ifnull(created, -1), id) WHERE outcome <> 'ready'
    """,
)


def migrate(connection: sqlite3.Connection, *, path: str) -> None:
    """Bring the file to this version's schema, each step in a transaction of its own.

    Raises ``StoreError`` for a file of a newer version or of another program, ``sqlite3.Error`` if SQLite fails.
    """
    version = _number(connection, "PRAGMA user_version")
    _ours(connection, version, path)
    for number, step in enumerate(STEPS[version:], start=version + 1):
        with transaction(connection):
            for statement in step.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write everything inside, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself rolls back what a full disk or a failed read interrupted.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _ours(connection: sqlite3.Connection, version: int, path: str) -> None:
    known = _number(connection, "PRAGMA application_id")
    empty = _number(connection, "SELECT count(*) FROM sqlite_schema") == 0
    if known != APPLICATION_ID and not empty:
        raise StoreError(f"history file {path}: belongs to another program; set history to a different file")
    if version > len(STEPS):
        raise StoreError(
            f"history file {path}: written by a newer version of podtimeline (schema {version}; this version supports"
            f" {len(STEPS)}); run that version or a later one, or set history to a new file"
        )


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])
