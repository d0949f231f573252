"""The series of the histograms in the file: their counts, and which workloads have one (``model.series``)."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from podtimeline.errors import MalformedObject, StoreError
from podtimeline.model.buckets import BOUNDS, COUNT, bucket
from podtimeline.model.series import Book, Labels, Series, SeriesRank, folded
from podtimeline.ports import (
    CONTROLLED,
    Checkpoint,
    Counted,
    Freed,
    HistogramState,
    Increment,
    Metric,
    Placed,
    workload_of,
)
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.store.options import Present

_SWEEP_EVERY = 60 * 1_000_000_000
_UPSERT = """
    INSERT INTO series (metric, labels, buckets, sum) VALUES (?, ?, ?, ?)
    ON CONFLICT (metric, labels) DO UPDATE SET buckets = excluded.buckets, sum = excluded.sum
"""
_STANDS = "UPDATE series SET pod = ?, lasting = ?, gone = ?, turn = ? WHERE metric = ? AND labels = ?"


@dataclass(slots=True)
class _Counts:
    """One row of ``series`` as a transaction changes it."""

    buckets: list[int]
    sum: float


@dataclass(slots=True)
class SeriesChanges:
    """What is kept of the series between two commits; made anew from the file after one that failed."""

    book: Book
    present: Present
    swept: int | None = None
    counts: dict[tuple[str, Labels], _Counts] = field(default_factory=dict)
    """Of series that counted since the file was opened, so that they are not read again at each commit."""


@dataclass(slots=True)
class SeriesWriter:
    """The series within one transaction."""

    connection: sqlite3.Connection
    ledger: SeriesChanges
    quarantine: Quarantine
    _touched: dict[tuple[str, Labels], _Counts] = field(default_factory=dict)
    _placed: list[Placed] = field(default_factory=list)
    _freed: list[Freed] = field(default_factory=list)

    def count(self, increment: Increment, *, uid: str) -> None:
        """Count an observation of a pod, in a series of its workload where that has one."""
        labels, freed = self.ledger.book.place(
            increment.metric,
            increment.labels,
            pod=increment.trace_id,
            lasting=lambda: self._another(increment.labels[:3], uid),
        )
        if freed is not None:
            self._free(freed)
        counts = self._counts(increment.metric, labels)
        counts.buckets[bucket(increment.value)] += 1
        counts.sum += increment.value / 1e9
        self._placed.append(Placed(increment, labels))

    def finish(self, checkpoint: Checkpoint) -> Counted:
        """Free what is due, and write everything."""
        self._settle(checkpoint)
        for series in self.ledger.book.expired(checkpoint.at):
            self._free(series)
        self.connection.executemany(
            # In the order in which they were touched: ids tell which series appeared first.
            _UPSERT,
            (
                (metric, _text(labels), msgspec.msgpack.encode(counts.buckets), counts.sum)
                for (metric, labels), counts in self._touched.items()
            ),
        )
        self.connection.executemany(
            _STANDS,
            (
                (each.pod, each.lasting, each.gone, each.turn, each.metric, _text(each.labels))
                for each in self.ledger.book.drain()
            ),
        )
        changed = (
            HistogramState(Metric(metric), labels, tuple(counts.buckets), counts.sum)
            for (metric, labels), counts in self._touched.items()
        )
        return Counted(tuple(self._placed), tuple(self._freed), tuple(changed))

    def _settle(self, checkpoint: Checkpoint) -> None:
        """Find out which workloads are there: those of the commit, and from time to time all of them."""
        book = self.ledger.book
        held = {workload_of(each) for each in checkpoint.records}
        held = {each for each in held if book.has(each)}
        since = self.ledger.swept
        if since is None or not since <= checkpoint.at < since + _SWEEP_EVERY:
            self.ledger.swept = checkpoint.at
            held = set(book.workloads()) if since is not None else held
        for workload in sorted(held):
            book.stands(workload, self._there(workload), at=checkpoint.at)

    def _there(self, workload: Labels) -> bool:
        found = self._exists("closed = 0 AND namespace = ? AND workload_kind = ?", workload)
        return found or self.ledger.present(*workload)

    def _another(self, workload: Labels, uid: str) -> bool:
        """Whether the history has another pod of a workload."""
        return self._exists("uid <> ? AND namespace = ? AND workload_kind = ?", workload, uid)

    def _exists(self, condition: str, workload: Labels, *values: str) -> bool:
        namespace, kind, name = workload
        found = [*values, namespace, kind]
        if kind == "Pod":
            condition += " AND workload <> name" if name == CONTROLLED else " AND workload = name"
        else:
            condition, found = f"{condition} AND workload = ?", [*found, name]
        row = self.connection.execute(f"SELECT 1 FROM timelines WHERE {condition} LIMIT 1", found)  # noqa: S608
        return row.fetchone() is not None

    def _counts(self, metric: str, labels: Labels) -> _Counts:
        found = self._touched.get((metric, labels))
        if found is None:
            held = self.ledger.counts
            found = held[metric, labels] = held.get((metric, labels)) or self._stored(metric, labels)
            self._touched[metric, labels] = found
        return found

    def _stored(self, metric: str, labels: Labels) -> _Counts:
        row = self.connection.execute(
            "SELECT buckets, sum FROM series WHERE metric = ? AND labels = ?", (metric, _text(labels))
        ).fetchone()
        read = None if row is None else self.quarantine.contain(Operation.RESTORE, "a series", _counts, row)
        return _Counts([0] * COUNT, 0.0) if read is None else read

    def _free(self, series: Series) -> None:
        self._touched.pop(series.key, None)
        self.ledger.counts.pop(series.key, None)
        _delete(self.connection, (series,))
        displaced = series.standing is not SeriesRank.GONE
        self._freed.append(Freed(Metric(series.metric), series.labels, displaced))


def open_ledger(
    connection: sqlite3.Connection, quarantine: Quarantine, *, limit: int, keep: int, present: Present
) -> SeriesChanges:
    """The ledger of a file; what is beyond a limit that is lower than it was goes, within the caller's transaction.

    A row that cannot be read is skipped.
    """
    book = Book(limit=limit, keep=keep)
    rows = connection.execute("SELECT metric, labels, pod, lasting, gone, turn FROM series ORDER BY turn, id")
    read = (quarantine.contain(Operation.RESTORE, "a series", _series, row) for row in rows)
    book.load(each for each in read if each is not None and each.labels != folded(each.labels))
    _delete(connection, book.surplus())
    return SeriesChanges(book, present)


def histograms(connection: sqlite3.Connection, quarantine: Quarantine) -> tuple[HistogramState, ...]:
    """Every series, in the order of first appearance; a row that cannot be read is skipped."""
    rows = connection.execute("SELECT metric, labels, buckets, sum FROM series ORDER BY id")
    found = (quarantine.contain(Operation.RESTORE, "a series", _histogram, row) for row in rows)
    return tuple(each for each in found if each is not None)


def _histogram(row: tuple[str, str, bytes, float]) -> HistogramState:
    counts = _counts(row[2:])
    return HistogramState(Metric(row[0]), _labels(row[1]), tuple(counts.buckets), counts.sum)


def _series(row: tuple[str, str, str, int, int | None, int]) -> Series:
    return Series(Metric(row[0]), _labels(row[1]), row[2], bool(row[3]), row[4], row[5])


def _counts(row: tuple[bytes, float]) -> _Counts:
    buckets = msgspec.msgpack.decode(row[0], type=list[int])
    if len(buckets) != COUNT:
        raise MalformedObject(f"series with {len(buckets)} buckets, expected {COUNT}")
    return _Counts(buckets, row[1])


def settle_bounds(connection: sqlite3.Connection, *, path: str) -> None:
    """Carry the counts over to this version's bucket bounds.

    Buckets can be merged but not split. Raises ``StoreError`` if a new bound is not among the old ones.
    """
    row = connection.execute("SELECT value FROM meta WHERE name = 'bounds'").fetchone()
    old = BOUNDS if row is None else msgspec.json.decode(row[0], type=tuple[float, ...])
    if not set(BOUNDS) <= set(old):
        added = ", ".join(str(bound) for bound in sorted(set(BOUNDS) - set(old)))
        raise StoreError(
            f"history file {path}: its histograms have no bucket bound at {added} s, and existing counts cannot be"
            " split; run the version that wrote the file, or set history to a new file"
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


def _delete(connection: sqlite3.Connection, series: Iterable[Series]) -> None:
    connection.executemany(
        "DELETE FROM series WHERE metric = ? AND labels = ?", [(each.metric, _text(each.labels)) for each in series]
    )


def _text(labels: Labels) -> str:
    return msgspec.json.encode(labels).decode()


def _labels(text: str) -> Labels:
    return msgspec.json.decode(text, type=tuple[str, ...])
