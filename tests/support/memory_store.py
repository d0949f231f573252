"""The history in plain Python objects, for tests: the store's contract tests run against it and against SQLite."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from podtimeline.errors import QueryError, StoreError
from podtimeline.model.buckets import COUNT, bucket
from podtimeline.model.series import Book, Labels, SeriesRank
from podtimeline.ports import (
    Checkpoint,
    Counted,
    Freed,
    HistogramState,
    Increment,
    Memory,
    Metric,
    Order,
    Page,
    Placed,
    Query,
    Restored,
    Saved,
    StoreNumbers,
    Stream,
    workload_of,
)
from podtimeline.store.options import StoreOptions


@dataclass
class MemoryStore:
    """Implements ``ports.Store``. ``failing`` makes every call fail as a full disk does."""

    now: int = 0
    series_limit: int = 2000
    series_keep: int = 900 * 1_000_000_000
    failing: bool = False
    records: dict[str, Saved] = field(default_factory=dict)
    versions: dict[Stream, str | None] = field(default_factory=dict)
    counted: set[tuple[str, Metric, str]] = field(default_factory=set)
    series: dict[tuple[Metric, Labels], HistogramState] = field(default_factory=dict)
    present: set[Labels] = field(default_factory=set)
    memories: dict[str, Memory] = field(default_factory=dict)
    first_look: int | None = None
    last_commit: int | None = None
    closed: bool = False
    location: str = ""
    commits: int = 0
    _book: Book | None = None
    _rows: dict[str, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def numbers(self) -> StoreNumbers:
        """See ``ports.Store``."""
        return StoreNumbers(commits=self.commits, rows=len(self.records))

    def restore(self) -> Restored:
        """See ``ports.Store``."""
        self._check()
        still = tuple(each for each in self.records.values() if not each.closed)
        histograms = tuple(self.series.values())
        memories = tuple(self.memories[key] for key in sorted(self.memories))
        return Restored(still, dict(self.versions), histograms, self.first_look, self.last_commit, memories)

    @property
    def book(self) -> Book:
        """Who has a series."""
        if self._book is None:
            self._book = Book(limit=self.series_limit, keep=self.series_keep)
        return self._book

    def commit(self, checkpoint: Checkpoint) -> Counted:
        """See ``ports.Store``."""
        self._check()
        placed: list[Placed] = []
        freed: list[Freed] = []
        for record in checkpoint.records:
            uid = record.state.uid
            self._rows.setdefault(uid, next(self._numbers))
            self.records[uid] = self._kept(record)
        for record in checkpoint.records:
            for each in record.increments:
                if (record.state.uid, each.metric, each.key) not in self.counted:
                    self.counted.add((record.state.uid, each.metric, each.key))
                    placed.append(self._count(each, record.state.uid, freed))
        self._settle(checkpoint.at, freed)
        keys = dict.fromkeys((each.increment.metric, each.labels) for each in placed)
        changed = tuple(self.series[key] for key in keys if key in self.series)
        for memory in checkpoint.memories:
            self.memories[memory.key] = memory
            if memory.history is None and memory.refusal is None:
                del self.memories[memory.key]
        self.versions.update(checkpoint.versions)
        self.first_look = checkpoint.at if self.first_look is None else self.first_look
        self.last_commit = checkpoint.at
        self.commits += 1
        return Counted(tuple(placed), tuple(freed), changed)

    def _kept(self, record: Saved) -> Saved:
        """The record without what a store does not give back; one that changes keeps what was evaluated before."""
        kept, held = replace(record, increments=()), self.records.get(record.state.uid)
        if not record.changing:
            return kept
        if held is None:
            return replace(kept, phase=None, startup=None, total=None)
        return replace(kept, outcome=held.outcome, phase=held.phase, startup=held.startup, total=held.total)

    def search(self, query: Query) -> Page:
        """See ``ports.History``."""
        self._check()
        now, after = self.now, None
        if query.cursor is not None:
            now, after = self._parsed(query)
        found = [each for each in self.records.values() if _matches(query, each)]
        ranked = sorted(found, key=lambda each: self._key(query, each, now), reverse=True)
        rest = [each for each in ranked if after is None or self._key(query, each, now) < after]
        rows = tuple(rest[: query.limit])
        if len(rest) <= query.limit or not rows:
            return Page(rows, None)
        key, row = self._key(query, rows[-1], now)
        return Page(rows, f"{query.order}_{now}_{key}_{row}")

    def find(self, namespace: str, name: str, *, uid: str | None = None) -> Saved | None:
        """See ``ports.History``."""
        self._check()
        query = Query(namespace=namespace, name=name)
        named = [each for each in self.records.values() if _matches(query, each) and uid in (None, each.state.uid)]
        return max(named, key=lambda each: self._key(query, each, self.now), default=None)

    def close(self) -> None:
        """See ``ports.Store``."""
        self.closed = True

    def _check(self) -> None:
        if self.closed:
            raise StoreError("history: closed")
        if self.failing:
            raise StoreError("history: the disk is full; free space")

    def _count(self, increment: Increment, uid: str, freed: list[Freed]) -> Placed:
        metric = increment.metric
        others = {workload_of(each) for each in self.records.values() if each.state.uid != uid}
        labels, gone = self.book.place(
            metric, increment.labels, pod=increment.trace_id, lasting=lambda: increment.labels[:3] in others
        )
        if gone is not None:
            del self.series[metric, gone.labels]
            freed.append(Freed(metric, gone.labels, gone.standing is not SeriesRank.GONE))
        held = self.series.get((metric, labels)) or HistogramState(metric, labels, (0,) * COUNT, 0.0)
        buckets = list(held.buckets)
        buckets[bucket(increment.value)] += 1
        total = held.sum + increment.value / 1e9
        self.series[metric, labels] = HistogramState(metric, labels, tuple(buckets), total)
        return Placed(increment, labels)

    def _settle(self, at: int, freed: list[Freed]) -> None:
        there = {workload_of(each) for each in self.records.values() if not each.closed} | self.present
        for workload in self.book.workloads():
            self.book.stands(workload, workload in there, at=at)
        for each in self.book.expired(at):
            del self.series[Metric(each.metric), each.labels]
            freed.append(Freed(Metric(each.metric), each.labels))

    def _key(self, query: Query, record: Saved, now: int) -> tuple[int, int]:
        row = self._rows[record.state.uid]
        created = -1 if record.created is None else record.created
        if query.order is Order.NEWEST:
            return created, row
        if record.phase is not None or (record.changing and record.total is None):
            return (-1 if record.created is None else max(now - record.created, 0)), row
        return (-1 if record.total is None else record.total), row

    def _parsed(self, query: Query) -> tuple[int, tuple[int, int]]:
        order, *numbers = (query.cursor or "").split("_")
        if order != query.order or len(numbers) != 3:
            raise QueryError("cursor: not valid for this history; start again without a cursor")
        try:
            now, key, row = map(int, numbers)
        except ValueError as error:
            raise QueryError("cursor: not valid for this history; start again without a cursor") from error
        return now, (key, row)


def open_fake(location: str, options: StoreOptions) -> MemoryStore:
    """As a row of the registry opens it; the clock is read once."""
    return MemoryStore(
        now=options.clock.now(), series_limit=options.series_limit, series_keep=options.series_keep, location=location
    )


def _matches(query: Query, record: Saved) -> bool:
    for name in ("namespace", "workload_kind", "workload", "name", "node"):
        wanted = getattr(query, name)
        if wanted is not None and getattr(record, name) != wanted:
            return False
    if not record.changing:
        if query.phase not in {None, record.phase} or query.outcome not in {None, record.outcome}:
            return False
    elif (query.phase, query.outcome) != (None, None) and record.state.uid not in query.among:
        return False
    created = -1 if record.created is None else record.created
    # Whoever asks for a time does not mean pods that nobody knows the creation of.
    if (query.since, query.until) != (None, None) and record.created is None:
        return False
    return (query.since is None or created >= query.since) and (query.until is None or created <= query.until)
