"""What one commit writes, inside its transaction: rows, counts that are counted once, and how far streams were read."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from podtimeline.core.buckets import BOUNDS, COUNT, bucket
from podtimeline.errors import StoreError
from podtimeline.ports import Checkpoint, HistogramState, Increment, Memory, Metric, Saved, Stream, folded
from podtimeline.store.codec import pack

_UPSERT = """
    INSERT INTO timelines (uid, namespace, name, workload_kind, workload, node, outcome, phase, created, startup, total,
        settled, closed, updated, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (uid) DO UPDATE SET namespace = excluded.namespace, name = excluded.name,
        workload_kind = excluded.workload_kind, workload = excluded.workload, node = excluded.node,
        outcome = excluded.outcome, phase = excluded.phase, created = excluded.created, startup = excluded.startup,
        total = excluded.total, settled = excluded.settled, closed = excluded.closed, updated = excluded.updated,
        state = excluded.state
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
class _Series:
    """One row of ``series`` as this transaction changes it."""

    buckets: list[int]
    sum: float


@dataclass(slots=True)
class Transaction:
    """One commit on an open transaction; the caller begins, commits and rolls back."""

    connection: sqlite3.Connection
    series_limit: int
    _touched: dict[tuple[Metric, tuple[str, ...]], _Series] = field(default_factory=dict)
    _known: dict[Metric, int] = field(default_factory=dict)

    def write(self, checkpoint: Checkpoint) -> tuple[Increment, ...]:
        """Everything of a checkpoint; returns the increments that had not counted before."""
        self.connection.executemany(_UPSERT, (_row(record) for record in checkpoint.records))
        fresh = [each for record in checkpoint.records for each in self._fresh(record)]
        for increment in fresh:
            self._count(increment)
        self._flush()
        self._remember(checkpoint.versions, checkpoint.at)
        self._memorise(checkpoint.memories)
        return tuple(fresh)

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

    def _count(self, increment: Increment) -> None:
        series = self._series(increment.metric, increment.labels)
        series.buckets[bucket(increment.value)] += 1
        series.sum += increment.value / 1e9

    def _series(self, metric: Metric, labels: tuple[str, ...]) -> _Series:
        found = self._touched.get((metric, labels)) or self._stored(metric, labels)
        if found is None and self._room(metric):
            self._known[metric] += 1
            found = _Series([0] * COUNT, 0.0)
        if found is not None:
            self._touched[metric, labels] = found
            return found
        other = folded(labels)
        found = self._touched.get((metric, other)) or self._stored(metric, other) or _Series([0] * COUNT, 0.0)
        self._touched[metric, other] = found
        return found

    def _stored(self, metric: Metric, labels: tuple[str, ...]) -> _Series | None:
        row = self.connection.execute(
            "SELECT buckets, sum FROM series WHERE metric = ? AND labels = ?", (metric, _text(labels))
        ).fetchone()
        return None if row is None else _Series(msgspec.msgpack.decode(row[0], type=list[int]), row[1])

    def _room(self, metric: Metric) -> bool:
        if metric not in self._known:
            rows = self.connection.execute("SELECT labels FROM series WHERE metric = ?", (metric,))
            own = [labels for labels in map(_labels, rows) if labels != folded(labels)]
            self._known[metric] = len(own)
        return self._known[metric] < self.series_limit

    def _flush(self) -> None:
        # In the order in which they were touched: the ids of new series are the order of their first appearance.
        self.connection.executemany(
            "INSERT INTO series (metric, labels, buckets, sum) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (metric, labels) DO UPDATE SET buckets = excluded.buckets, sum = excluded.sum",
            (
                (metric, _text(labels), msgspec.msgpack.encode(series.buckets), series.sum)
                for (metric, labels), series in self._touched.items()
            ),
        )

    def _remember(self, versions: Mapping[Stream, str | None], at: int) -> None:
        self.connection.executemany("REPLACE INTO streams VALUES (?, ?)", list(versions.items()))
        self.connection.execute("INSERT OR IGNORE INTO meta VALUES ('first_look', ?)", (str(at),))
        self.connection.execute("REPLACE INTO meta VALUES ('last_commit', ?)", (str(at),))

    def _memorise(self, memories: Iterable[Memory]) -> None:
        kept = [each for each in memories if each.history is not None or each.refusal is not None]
        gone = [(each.key,) for each in memories if each.history is None and each.refusal is None]
        self.connection.executemany("DELETE FROM memories WHERE key = ?", gone)
        self.connection.executemany(
            "REPLACE INTO memories VALUES (?, ?)", [(each.key, msgspec.msgpack.encode(each)) for each in kept]
        )


def memories(connection: sqlite3.Connection) -> tuple[Memory, ...]:
    """Everything that is remembered beside the pods. Raises ``StoreError`` where it cannot be read."""
    rows = connection.execute("SELECT content FROM memories ORDER BY key")
    try:
        return tuple(msgspec.msgpack.decode(content, type=Memory) for (content,) in rows)
    except msgspec.MsgspecError as error:
        raise StoreError(f"what the history remembers of workloads cannot be read: {error}") from error


def histograms(connection: sqlite3.Connection) -> tuple[HistogramState, ...]:
    """Every series, in the order of first appearance."""
    rows = connection.execute("SELECT labels, metric, buckets, sum FROM series ORDER BY id")
    return tuple(
        HistogramState(Metric(row[1]), _labels(row), msgspec.msgpack.decode(row[2], type=tuple[int, ...]), row[3])
        for row in rows
    )


def versions(connection: sqlite3.Connection) -> dict[Stream, str | None]:
    """How far each stream was read."""
    return {Stream(stream): version for stream, version in connection.execute("SELECT stream, version FROM streams")}


def moment(connection: sqlite3.Connection, name: str) -> int | None:
    """A moment of ``meta``, ``None`` before the first commit."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])


def settle_bounds(connection: sqlite3.Connection, *, path: str) -> None:
    """Carry the counts over to this version's bucket bounds.

    Buckets can be merged and not be split: ``StoreError`` where a new bound is not among the old ones.
    """
    row = connection.execute("SELECT value FROM meta WHERE name = 'bounds'").fetchone()
    old = BOUNDS if row is None else msgspec.json.decode(row[0], type=tuple[float, ...])
    if not set(BOUNDS) <= set(old):
        added = ", ".join(str(bound) for bound in sorted(set(BOUNDS) - set(old)))
        raise StoreError(
            f"history file {path}: its histograms have no bucket bound at {added} s, and old counts cannot be split;"
            " run the version that wrote it, or set history_path to a new file"
        )
    if old != BOUNDS:
        rows = connection.execute("SELECT buckets, id FROM series").fetchall()
        connection.executemany(
            "UPDATE series SET buckets = ? WHERE id = ?",
            [(msgspec.msgpack.encode(_merged(msgspec.msgpack.decode(each), old)), number) for each, number in rows],
        )
    connection.execute("REPLACE INTO meta VALUES ('bounds', ?)", (msgspec.json.encode(BOUNDS).decode(),))


def _merged(counts: list[int], old: tuple[float, ...]) -> list[int]:
    merged = [0] * COUNT
    for bound, count in zip((*old, None), counts, strict=True):
        merged[len(BOUNDS) if bound is None else bucket(round(bound * 1e9))] += count
    return merged


def _row(record: Saved) -> tuple[object, ...]:
    return (
        record.state.uid, record.namespace, record.name, record.workload_kind, record.workload, record.node,
        record.outcome, record.phase, record.created, record.startup, record.total, record.settled, record.closed,
        record.updated, pack(record.state),
    )  # fmt: skip


def _text(labels: tuple[str, ...]) -> str:
    return msgspec.json.encode(labels).decode()


def _labels(row: tuple[str, ...]) -> tuple[str, ...]:
    return msgspec.json.decode(row[0], type=tuple[str, ...])
