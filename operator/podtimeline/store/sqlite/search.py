"""Searching the history: filters, two orders, and cursors that stay right while rows are added.

A cursor says after which key and row the next page begins, so a row that is added, changed or deleted meanwhile moves
no other row to another page. The moment of the first page is part of it: what is still going on is as slow as it was
then on every page.
"""

import heapq
import sqlite3
from dataclasses import replace
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
    )


def _ranked(connection: sqlite3.Connection, query: Query, start: Cursor | None, now: int) -> list[_Ranked]:
    """The next rows in order, one more than asked for, each led by its id and the key it is sorted by."""
    match query.order:
        case Order.NEWEST:
            return _page(connection, query, start, now, key=_CREATED, more="")
        case Order.SLOWEST:
            done = _page(connection, query, start, now, key=_TOTAL, more="phase IS NULL AND changing = 0")
            open_ = _page(connection, query, start, now, key=_GOING_ON, more="(phase IS NOT NULL OR changing = 1)")
            merged = heapq.merge(done, open_, key=lambda row: (row[1], row[0]), reverse=True)
            return list(islice(merged, query.limit + 1))


def _page(
    connection: sqlite3.Connection, query: Query, start: Cursor | None, now: int, *, key: str, more: str
) -> list[_Ranked]:
    values: dict[str, object] = {"now": now, "limit": query.limit + 1}
    where = [more] if more else []
    for column in ("namespace", "workload_kind", "workload", "name", "node"):
        wanted = getattr(query, column)
        if wanted is not None:
            where.append(f"{column} = :{column}")
            values[column] = wanted
    evaluated = {name: wanted for name in ("phase", "outcome") if (wanted := getattr(query, name)) is not None}
    if evaluated:
        known = " AND ".join(f"{name} = :{name}" for name in evaluated)
        # Only texts of this module are put together here; what people ask for travels as values.
        changing = "changing = 1 AND uid IN (SELECT value FROM json_each(:among))"
        where.append(f"(changing = 0 AND {known} OR {changing})")
        values |= evaluated | {"among": msgspec.json.encode(sorted(query.among)).decode()}
    if query.since is not None:
        where.append("created >= :since")
        values["since"] = query.since
    if query.until is not None:
        where.append("created <= :until")
        values["until"] = query.until
    if start is not None:
        where.append(f"({key}, id) < (:key, :row)")
        values |= {"key": start.key, "row": start.row}
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    sql = f"SELECT id, {key}, {COLUMNS} FROM timelines {condition} ORDER BY {key} DESC, id DESC LIMIT :limit"  # noqa: S608
    return [(row[0], row[1], row[2:]) for row in connection.execute(sql, values)]
