"""Searching the history: filters, two orders, and cursors that stay right while rows are added.

A cursor says after which key and row the next page begins, so a row that is added, changed or deleted meanwhile moves
no other row to another page. The moment of the first page is part of it: what is still going on is as slow as it was
then on every page.
"""

import heapq
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Annotated

import msgspec

from podtimeline.analysis.resolved import Outcome
from podtimeline.codec import unpack
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Phase
from podtimeline.model.observations import Partial
from podtimeline.model.pods import Owner, PodFacts
from podtimeline.model.state import dump
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Order, Page, Query, Saved
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.store.cursor import Cursor

COLUMNS = (
    "uid, namespace, name, workload_kind, workload, node, outcome, phase, created, startup, total, settled, closed,"
    " updated, state, changing"
)
Columns = tuple[
    str, str, str, str, str, str | None, str, str | None, int | None, int | None, int | None, int, int, int, bytes, int
]
_Ranked = tuple[int, int, Columns]
_CREATED = "ifnull(created, -1)"
_TOTAL = "ifnull(total, -1)"
_EVER = (1 << 63) - 1
_Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_GOING_ON = (
    "CASE WHEN changing = 1 AND total IS NOT NULL THEN total"
    " WHEN created IS NULL THEN -1 ELSE max(:now - created, 0) END"
)
"""A pod that leaves took for its start what it took; one that starts has taken all the time up to now."""


def search(connection: sqlite3.Connection, query: Query, *, now: int, quarantine: Quarantine) -> Page:
    """One page. Raises ``QueryError`` for a wrong cursor, ``StoreError`` or ``sqlite3.Error`` for a broken file."""
    start = None if query.cursor is None else Cursor.parse(query.cursor, query.order)
    moment = now if start is None else start.now
    found = _ranked(connection, query, start, moment)
    rows = found[: query.limit]
    cursor = None
    if len(found) > query.limit and rows:
        row, key, _ = rows[-1]
        cursor = Cursor(query.order, moment, key, row).text()
    return Page(tuple(record(columns, quarantine) for _, _, columns in rows), cursor)


def find(
    connection: sqlite3.Connection, namespace: str, name: str, uid: str | None, *, quarantine: Quarantine
) -> Saved | None:
    """The latest record of that name, or the one of that uid."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM timelines WHERE namespace = :namespace AND name = :name"  # noqa: S608 - own text
        f" AND (:uid IS NULL OR uid = :uid) ORDER BY {_CREATED} DESC, id DESC LIMIT 1",
        {"namespace": namespace, "name": name, "uid": uid},
    ).fetchone()
    return None if row is None else record(row, quarantine)


def still_open(
    connection: sqlite3.Connection, *, after: int, limit: int, quarantine: Quarantine
) -> list[tuple[int, Saved]]:
    """The next records that are not closed, by row, after that row."""
    rows = connection.execute(
        f"SELECT id, {COLUMNS} FROM timelines WHERE closed = 0 AND id > ? ORDER BY id LIMIT ?",  # noqa: S608 - own text
        (after, limit),
    )
    return [(row[0], record(row[1:], quarantine)) for row in rows]


def record(row: Columns, quarantine: Quarantine) -> Saved:
    """One row of ``COLUMNS``; of one that cannot be read whole what its columns say."""
    subject = f"history row of {row[1]}/{row[2]} ({row[0]})"
    read = quarantine.contain(Operation.RESTORE, subject, _record, row)
    return _unreadable(row) if read is None else read


def _unreadable(row: Columns) -> Saved:
    uid, namespace, name, kind, workload, node, _, _, created, _, _, settled, closed, updated, _, _ = row
    begun = updated if created is None else created
    owner = None if kind == "Pod" else Owner(kind, workload)
    facts = PodFacts(uid, namespace, name, begun // SECOND * SECOND, owner, ())
    state = replace(dump(Timeline(uid, facts=facts)), partial=(Partial.MALFORMED,))
    return Saved(
        state=state, namespace=namespace, name=name, workload_kind=kind, workload=workload, node=node,
        outcome=Outcome.UNKNOWN, phase=None, created=created, startup=None, total=None, settled=bool(settled),
        closed=bool(closed), updated=updated,
    )  # fmt: skip


def _record(row: Columns) -> Saved:
    namespace, name, kind, workload, node, outcome, phase, created, startup, total, settled, closed = row[1:13]
    updated, blob, changing = row[13:]
    return Saved(
        state=unpack(blob),
        namespace=namespace,
        name=name,
        workload_kind=kind,
        workload=workload,
        node=node,
        outcome=Outcome(outcome),
        phase=None if phase is None else Phase(phase),
        created=created,
        startup=startup,
        total=total,
        settled=bool(settled),
        closed=bool(closed),
        updated=updated,
        changing=bool(changing),
        packed=blob,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one kind: the key that they are sorted by, what tells them from rows of other kinds, and their index.

    Each kind has indexes of its own, which SQLite does not find in one statement for all of them, and without
    statistics it does not know that those of what goes on are short.
    """

    key: str
    conditions: tuple[str, ...] = ()
    index: str | None = None


_DONE, _STUCK, _CHANGING = "phase IS NULL AND changing = 0", "phase IS NOT NULL AND changing = 0", "changing = 1"
_AMONG = "uid IN (SELECT value FROM json_each(:among))"
_MANY = 20_000
"""Rows that are sorted for one page at the most; of more, all are walked through in order until the page is full."""


def _parts(connection: sqlite3.Connection, query: Query) -> Iterator[_Part]:
    known = tuple(_evaluated(query))
    match query.order:
        case Order.NEWEST:
            by_phase = None if query.phase is None else "timelines_phase"
            yield _Part(_CREATED, ("changing = 0", *known) if known else (), by_phase)
            if known and query.among:
                yield _Part(_CREATED, (_CHANGING, _AMONG), "timelines_changing")
        case Order.SLOWEST:
            if query.phase is None:
                yield _Part(_TOTAL, (_DONE, *known), "timelines_total" if _many(connection, query) else None)
            yield _Part(_GOING_ON, (_STUCK, *known), "timelines_phase")
            if query.among or not known:
                yield _Part(_GOING_ON, (_CHANGING, _AMONG) if known else (_CHANGING,), "timelines_changing")


def _many(connection: sqlite3.Connection, query: Query) -> bool:
    """Whether too many rows match to sort them all; a bounded look at an index."""
    where, values = _filters(query, ("namespace", "workload", "node"))
    if not where or query.name is not None or query.outcome not in {None, Outcome.READY}:
        return False
    rows = f"SELECT 1 FROM timelines WHERE {' AND '.join(where)} LIMIT {_MANY}"  # noqa: S608 - own text
    count: int = connection.execute(f"SELECT count(*) FROM ({rows})", values).fetchone()[0]  # noqa: S608 - own text
    return count == _MANY


def _evaluated(query: Query) -> Iterator[str]:
    """What the history knows only of pods that do not change now."""
    if query.phase is not None:
        yield "phase = :phase"
    if query.outcome is not None:
        yield "outcome = :outcome"
        if query.outcome is not Outcome.READY:
            # Said again as the partial index has it: of a value that is bound SQLite does not know it.
            yield "outcome <> 'ready'"


def _ranked(connection: sqlite3.Connection, query: Query, start: Cursor | None, now: int) -> list[_Ranked]:
    """The next rows in order, one more than asked for, each led by its id and the key it is sorted by."""
    pages = [_page(connection, query, start, now, part) for part in _parts(connection, query)]
    merged = heapq.merge(*pages, key=lambda row: (row[1], row[0]), reverse=True)
    return list(islice(merged, query.limit + 1))


def _page(connection: sqlite3.Connection, query: Query, start: Cursor | None, now: int, part: _Part) -> list[_Ranked]:
    where, values = _filters(query, ("namespace", "workload_kind", "workload", "name", "node"))
    where, key = [*part.conditions, *where], part.key
    values |= {"now": now, "limit": query.limit + 1, "phase": query.phase, "outcome": query.outcome}
    if _AMONG in where:
        values["among"] = msgspec.json.encode(sorted(query.among)).decode()
    if start is not None:
        where.append(f"({key}, id) < (:key, :row)")
        values |= {"key": start.key, "row": start.row}
    # Only texts of this module are put together here; what people ask for travels as values.
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    table = "timelines" if part.index is None else f"timelines INDEXED BY {part.index}"
    sql = f"SELECT id, {key}, {COLUMNS} FROM {table} {condition} ORDER BY {key} DESC, id DESC LIMIT :limit"  # noqa: S608
    return [(row[0], row[1], row[2:]) for row in connection.execute(sql, values)]


def _filters(query: Query, columns: Iterable[str]) -> tuple[list[str], dict[str, object]]:
    """Conditions of the columns that the query names, and of the creation; and their values."""
    values: dict[str, object] = {column: wanted for column in columns if (wanted := getattr(query, column)) is not None}
    where = [f"{column} = :{column}" for column in values]
    if query.since is not None or query.until is not None:
        # No pod was created before the epoch, and where it is not known when the key is -1.
        where.append(f"{_CREATED} BETWEEN :since AND :until")
        values["since"] = max(query.since or 0, 0)
        values["until"] = _EVER if query.until is None else query.until
    return where, values
