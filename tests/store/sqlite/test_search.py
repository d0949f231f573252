"""Every question is answered by an index, and a page is the same whichever index that is."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.lives import at
from tests.support.saved import SECOND, StandingClock, checkpoint, increment, saved

from podtimeline.analysis.resolved import Outcome
from podtimeline.model.milestones import Phase
from podtimeline.ports import Order, Query
from podtimeline.quarantine import Quarantine
from podtimeline.store.options import StoreOptions
from podtimeline.store.sqlite import search
from podtimeline.store.sqlite.store import SqliteStore

EVERYTHING = [
    Query(),
    Query(namespace="shop"),
    Query(workload="web"),
    Query(namespace="shop", workload_kind="Deployment", workload="web"),
    Query(node="node-1"),
    Query(name="web-1"),
    Query(phase=Phase.IMAGE_PULL, among=frozenset({"changing"})),
    Query(phase=Phase.IMAGE_PULL, namespace="shop", among=frozenset({"changing"})),
    Query(outcome=Outcome.FAILED, among=frozenset({"changing"})),
    Query(since=at(1), until=at(2)),
    Query(namespace="shop", since=at(1)),
    Query(node="node-1", until=at(2)),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Pods of two namespaces, that are over, given up, or still change."""
    opened = SqliteStore(tmp_path / "h", StoreOptions(clock=StandingClock()))
    outcomes = (Outcome.READY, Outcome.READY, Outcome.FAILED)
    opened.commit(
        checkpoint(
            *(
                saved(
                    f"uid-{number}", increment(namespace=("shop", "till")[number % 2]), name=f"web-{number % 4}",
                    created=at(number % 5), total=number * 7 % 11 * SECOND, outcome=outcomes[number % 3],
                )
                for number in range(24)
            ),
            saved("unknown", created=None, total=None),
            saved("stuck", phase=Phase.IMAGE_PULL, outcome=Outcome.STARTING, created=at(1)),
            saved("changing", changing=True, settled=False, created=at(2)),
        )
    )  # fmt: skip
    yield opened
    opened.close()


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("query", EVERYTHING)
def test_no_question_reads_all_rows(store: SqliteStore, query: Query, order: Order) -> None:
    """What is not filtered by an index is read in the order of one, until the page is full."""
    asked: list[str] = []
    reader = sqlite3.connect(f"file:{store._path}?mode=ro", uri=True)
    reader.set_trace_callback(asked.append)
    search.search(reader, replace(query, order=order), now=at(100), quarantine=Quarantine())
    reader.set_trace_callback(None)
    steps = [row[3] for sql in asked for row in reader.execute(f"EXPLAIN QUERY PLAN {sql}")]
    reader.close()
    assert asked
    assert [step for step in steps if step.startswith("SCAN timelines") and "USING INDEX" not in step] == []


@pytest.mark.parametrize("query", EVERYTHING)
def test_the_slowest_of_many_are_the_slowest_of_few(
    store: SqliteStore, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many rows are walked through in order, few are sorted: the pages are the same."""
    pages = []
    for many in (1, 1000):
        monkeypatch.setattr(search, "_MANY", many)
        cursor: str | None = None
        found: list[str] = []
        while True:
            page = store.search(replace(query, order=Order.SLOWEST, limit=3, cursor=cursor))
            found += [each.state.uid for each in page.records]
            cursor = page.cursor
            if cursor is None:
                break
        pages.append(found)
    assert pages[0] == pages[1]
    assert pages[0]


def test_a_pod_of_unknown_creation_is_in_no_span_of_time(store: SqliteStore) -> None:
    """Whichever end of it is given."""
    for wanted in (Query(since=0), Query(until=at(100)), Query(since=-5, until=at(100))):
        assert "unknown" not in {each.state.uid for each in store.search(wanted).records}
