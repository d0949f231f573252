"""What one commit writes, inside its transaction: rows, counts that are counted once, and how far streams were read."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from podtimeline.core.buckets import BOUNDS, COUNT, bucket
from podtimeline.core.texts import whole
from podtimeline.errors import MalformedObject, StoreError
from podtimeline.ports import Checkpoint, HistogramState, Increment, Memory, Metric, Saved, Stream, folded
from podtimeline.quarantine import Quarantine, Step
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
    quarantine: Quarantine
    _touched: dict[tuple[Metric, tuple[str, ...]], _Series] = field(default_factory=dict)
    _known: dict[Metric, int] = field(default_factory=dict)

    def write(self, checkpoint: Checkpoint) -> tuple[Increment, ...]:
        """Everything of a checkpoint; returns the increments that had not counted before."""
        rows = [(record, self._row(record)) for record in checkpoint.records]
        self.connection.executemany(_UPSERT, [row for _, row in rows if row is not None])
        fresh = [each for record, row in rows if row is not None for each in self._fresh(record)]
        for increment in fresh:
            self._count(increment)
        self._flush()
        self._remember(checkpoint.versions, checkpoint.at)
        self._memorise(checkpoint.memories)
        return tuple(fresh)

    def _row(self, record: Saved) -> tuple[object, ...] | None:
        return self.quarantine.contain(Step.COMMIT, record.state.uid, _row, record)

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
        encode = msgspec.msgpack.encode
        packed = [(each.key, self.quarantine.contain(Step.COMMIT, each.key, encode, each)) for each in kept]
        self.connection.executemany(
            "REPLACE INTO memories VALUES (?, ?)", [row for row in packed if row[1] is not None]
        )


def memories(connection: sqlite3.Connection, quarantine: Quarantine) -> tuple[Memory, ...]:
    """Everything that is remembered beside the pods; a row that cannot be read is skipped."""
    rows = connection.execute("SELECT key, content FROM memories ORDER BY key")
    found = (quarantine.contain(Step.RESTORE, f"memory {key}", _memory, content) for key, content in rows)
    return tuple(each for each in found if each is not None)


def _memory(content: bytes) -> Memory:
    return msgspec.msgpack.decode(content, type=Memory)


def histograms(connection: sqlite3.Connection, quarantine: Quarantine) -> tuple[HistogramState, ...]:
    """Every series, in the order of first appearance; a row that cannot be read is skipped."""
    rows = connection.execute("SELECT labels, metric, buckets, sum FROM series ORDER BY id")
    found = (quarantine.contain(Step.RESTORE, "a series", _histogram, row) for row in rows)
    return tuple(each for each in found if each is not None)


def _histogram(row: tuple[str, str, bytes, float]) -> HistogramState:
    labels, metric, buckets, total = row
    counts = msgspec.msgpack.decode(buckets, type=tuple[int, ...])
    if len(counts) != COUNT:
        raise MalformedObject(f"a series of {len(counts)} buckets instead of {COUNT}")
    return HistogramState(Metric(metric), _labels((labels,)), counts, total)


def versions(connection: sqlite3.Connection) -> dict[Stream, str | None]:
    """How far each stream was read; a stream that this version does not know is left out."""
    rows = connection.execute("SELECT stream, version FROM streams")
    return {Stream(stream): version for stream, version in rows if stream in _STREAMS}


_STREAMS = frozenset(each.value for each in Stream)


def moment(connection: sqlite3.Connection, name: str) -> int | None:
    """A moment of ``meta``, ``None`` before the first commit and where it cannot be read."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else whole(str(row[0]))


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
    return tuple(map(_storable, (
        record.state.uid, record.namespace, record.name, record.workload_kind, record.workload, record.node,
        record.outcome, record.phase, record.created, record.startup, record.total, record.settled, record.closed,
        record.updated, pack(record.state),
    )))  # fmt: skip


def _storable(value: object) -> object:
    """The value. Raises ``OverflowError`` or ``UnicodeEncodeError`` where SQLite would, before anything is written."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise OverflowError("an integer beyond 64 bits")
    if isinstance(value, str):
        value.encode()
    return value


def _text(labels: tuple[str, ...]) -> str:
    return msgspec.json.encode(labels).decode()


def _labels(row: tuple[str, ...]) -> tuple[str, ...]:
    return msgspec.json.decode(row[0], type=tuple[str, ...])
