"""What one commit writes, inside its transaction: rows, counts that are counted once, and how far streams were read."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from podtimeline.model.texts import whole
from podtimeline.ports import Checkpoint, Counted, Increment, Memory, Metric, Saved, Stream
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.store.sqlite.series import SeriesWriter

_UPSERT = """
    INSERT INTO timelines (uid, namespace, name, workload_kind, workload, node, outcome, phase, created, startup, total,
        settled, closed, updated, state, changing)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
    ON CONFLICT (uid) DO UPDATE SET namespace = excluded.namespace, name = excluded.name,
        workload_kind = excluded.workload_kind, workload = excluded.workload, node = excluded.node,
        outcome = excluded.outcome, phase = excluded.phase, created = excluded.created, startup = excluded.startup,
        total = excluded.total, settled = excluded.settled, closed = excluded.closed, updated = excluded.updated,
        state = excluded.state, changing = 0
"""
_OBSERVE = """
    UPDATE timelines SET settled = ?, updated = ?, state = ?
    WHERE uid = ? AND changing = 1 AND workload_kind = ? AND workload = ? AND node IS ? AND created IS ?
"""
"""Of a record that changes: what is in no index, so that none is written, as long as all else is as it was."""
_OBSERVE_FIRST = """
    INSERT INTO timelines (uid, namespace, name, workload_kind, workload, node, outcome, created, settled, closed,
        updated, state, changing)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 1)
    ON CONFLICT (uid) DO UPDATE SET workload_kind = excluded.workload_kind, workload = excluded.workload,
        node = excluded.node, created = excluded.created, settled = excluded.settled, updated = excluded.updated,
        state = excluded.state, changing = 1
"""
_LETTERS = {
    Metric.STARTUP: "s",
    Metric.ENDPOINT: "e",
    Metric.PHASE: "p",
    Metric.TERMINATION: "t",
    Metric.IMAGE_PULL: "i",
    Metric.ENDPOINT_REMOVAL: "r",
    Metric.LOST_TRAFFIC: "l",
}
"""How ``counted`` writes a metric; never changed, only added to."""


@dataclass(slots=True)
class Transaction:
    """One commit on an open transaction; the caller begins, commits and rolls back."""

    connection: sqlite3.Connection
    series: SeriesWriter
    quarantine: Quarantine

    def write(self, checkpoint: Checkpoint) -> Counted:
        """Everything of a checkpoint; returns what it made of the histograms."""
        for record in checkpoint.records:
            if record.changing:
                self._observe(record)
        rows = [(record, self._row(record)) for record in checkpoint.records if not record.changing]
        self.connection.executemany(_UPSERT, [row for _, row in rows if row is not None])
        for record, row in rows:
            for increment in () if row is None else self._fresh(record):
                self.series.count(increment, uid=record.state.uid)
        counted = self.series.finish(checkpoint)
        self._remember(checkpoint.versions, checkpoint.at)
        self._memorise(checkpoint.memories)
        return counted

    def _row(self, record: Saved) -> tuple[object, ...] | None:
        return self.quarantine.contain(Operation.COMMIT, record.state.uid, _row, record)

    def _observe(self, record: Saved) -> None:
        found = self.quarantine.contain(Operation.COMMIT, record.state.uid, _observed, record)
        if found is not None and not self.connection.execute(_OBSERVE, found.again).rowcount:
            self.connection.execute(_OBSERVE_FIRST, found.first)

    def _fresh(self, record: Saved) -> Iterable[Increment]:
        if not record.increments:
            return ()
        uid = record.state.uid
        row = self.connection.execute("SELECT keys, gone FROM counted WHERE uid = ?", (uid,)).fetchone()
        counted = dict.fromkeys(row[0].split("\n")) if row else {}
        fresh = []
        for each in record.increments:
            key = f"{_LETTERS[each.metric]}{each.key}"
            if key not in counted:
                counted[key] = None
                fresh.append(each)
        if fresh or (row is not None and row[1] is not None):
            self.connection.execute("REPLACE INTO counted VALUES (?, ?, NULL)", (uid, "\n".join(counted)))
        return fresh

    def _remember(self, versions: Mapping[Stream, str | None], at: int) -> None:
        self.connection.executemany("REPLACE INTO streams VALUES (?, ?)", list(versions.items()))
        self.connection.execute("INSERT OR IGNORE INTO meta VALUES ('first_look', ?)", (str(at),))
        self.connection.execute("REPLACE INTO meta VALUES ('last_commit', ?)", (str(at),))

    def _memorise(self, memories: Iterable[Memory]) -> None:
        kept = [each for each in memories if each.history is not None or each.refusal is not None]
        gone = [(each.key,) for each in memories if each.history is None and each.refusal is None]
        self.connection.executemany("DELETE FROM memories WHERE key = ?", gone)
        encode = msgspec.msgpack.encode
        packed = [(each.key, self.quarantine.contain(Operation.COMMIT, each.key, encode, each)) for each in kept]
        self.connection.executemany(
            "REPLACE INTO memories VALUES (?, ?)", [row for row in packed if row[1] is not None]
        )


def memories(connection: sqlite3.Connection, quarantine: Quarantine) -> tuple[Memory, ...]:
    """Everything that is kept besides the pods; a row that cannot be read is skipped."""
    rows = connection.execute("SELECT key, content FROM memories ORDER BY key")
    found = (quarantine.contain(Operation.RESTORE, f"memory {key}", _memory, content) for key, content in rows)
    return tuple(each for each in found if each is not None)


def _memory(content: bytes) -> Memory:
    return msgspec.msgpack.decode(content, type=Memory)


def versions(connection: sqlite3.Connection) -> dict[Stream, str | None]:
    """How far each stream was read; a stream that this version does not know is left out."""
    rows = connection.execute("SELECT stream, version FROM streams")
    return {Stream(stream): version for stream, version in rows if stream in _STREAMS}


_STREAMS = frozenset(each.value for each in Stream)


def moment(connection: sqlite3.Connection, name: str) -> int | None:
    """A moment of ``meta``, ``None`` before the first commit and where it cannot be read."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else whole(str(row[0]))


def _row(record: Saved) -> tuple[object, ...]:
    return tuple(map(_storable, (
        record.state.uid, record.namespace, record.name, record.workload_kind, record.workload, record.node,
        record.outcome, record.phase, record.created, record.startup, record.total, record.settled, record.closed,
        record.updated, record.packed,
    )))  # fmt: skip


class _Observed(NamedTuple):
    """The values of ``_OBSERVE`` and of ``_OBSERVE_FIRST``."""

    again: tuple[object, ...]
    first: tuple[object, ...]


def _observed(record: Saved) -> _Observed:
    uid, owner = record.state.uid, (record.workload_kind, record.workload)
    written = (record.settled, record.updated, record.packed)
    who = (uid, record.namespace, record.name, *owner, record.node, record.outcome, record.created)
    again = (*written, uid, *owner, record.node, record.created)
    return _Observed(tuple(map(_storable, again)), tuple(map(_storable, (*who, *written))))


def _storable(value: object) -> object:
    """The value. Raises ``OverflowError`` or ``UnicodeEncodeError`` if SQLite cannot store it."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise OverflowError("integer does not fit into 64 bits")
    if isinstance(value, str):
        value.encode()
    return value
