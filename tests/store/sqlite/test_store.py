"""The SQLite file: restarts, migrations, other people's files, broken disks, and readers beside the writer."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from tests.support.saved import StandingClock, checkpoint, fresh, increment, saved

from podtimeline.analysis.resolved import Outcome
from podtimeline.errors import StoreError
from podtimeline.model.buckets import BOUNDS
from podtimeline.model.observations import Partial
from podtimeline.ports import HistogramState, Metric, Query
from podtimeline.quarantine import Operation
from podtimeline.store.options import StoreOptions
from podtimeline.store.sqlite.files import failure
from podtimeline.store.sqlite.schema import APPLICATION_ID, STEPS
from podtimeline.store.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is, in a directory that does not exist yet."""
    return tmp_path / "lib" / "history ?#%.sqlite3"


def opened(path: Path) -> SqliteStore:
    """The store of that file."""
    return SqliteStore(path, StoreOptions(clock=StandingClock()))


def histogram(path: Path) -> HistogramState:
    """The only series of that file."""
    store = opened(path)
    (found,) = store.restore().histograms
    store.close()
    return found


def altered(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Change the file behind the store's back."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement, values)
    connection.commit()
    connection.close()


def test_a_restart_finds_everything(path: Path) -> None:
    """Records, counts and the order of series are there after the file was closed and opened again."""
    first = opened(path)
    first.commit(checkpoint(saved("a", increment(workload="b")), saved("b", increment(workload="a"))))
    before = first.restore()
    records = list(before.records)
    first.close()
    second = opened(path)
    after = second.restore()
    assert list(after.records) == records
    assert (after.histograms, after.versions) == (before.histograms, before.versions)
    assert second.numbers.rows == 2
    second.close()


def test_a_restart_counts_nothing_again(path: Path) -> None:
    """What counted before a restart does not count after it."""
    first = opened(path)
    first.commit(checkpoint(saved("a", increment())))
    first.close()
    second = opened(path)
    assert fresh(second.commit(checkpoint(saved("a", increment())))) == ()
    second.close()


def test_one_process_holds_the_file(path: Path) -> None:
    """A second store of the same file is refused in words, and can have it once the first is closed."""
    first = opened(path)
    with pytest.raises(StoreError, match="in use by another podtimeline process"):
        opened(path)
    first.close()
    opened(path).close()


def test_a_newer_schema_is_refused(path: Path) -> None:
    """An older version does not write into what it does not understand."""
    opened(path).close()
    altered(path, f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(StoreError, match=f"schema {len(STEPS) + 1}; this version supports {len(STEPS)}"):
        opened(path)


def test_the_database_of_another_program_is_refused(path: Path) -> None:
    """A foreign file is left alone."""
    path.parent.mkdir()
    altered(path, "CREATE TABLE theirs (a)")
    with pytest.raises(StoreError, match="another program"):
        opened(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """Rubbish is called damaged, with what to do, and does not stay locked."""
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"damaged .* \.recover"):
            opened(path)


def test_a_directory_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    """A path below a file cannot be, and the refusal says who has to own what."""
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        opened(blocked / "history.sqlite3")


def test_a_full_disk_is_an_error_and_nothing_of_the_commit_happened(path: Path) -> None:
    """Once there is room again the same commit counts."""
    store = opened(path)
    store.commit(checkpoint(saved("a", increment())))
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    big = checkpoint(*(saved(f"uid-{number}", increment()) for number in range(500)))
    with pytest.raises(StoreError, match="the disk is full"):
        store.commit(big)
    assert store.numbers.errors == 1
    store._writer.execute("PRAGMA max_page_count = 1000000")
    assert sum(sum(each.buckets) for each in store.restore().histograms) == 1
    assert len(fresh(store.commit(big))) == 500
    store.close()


def test_a_damaged_page_is_an_error_with_what_to_do(path: Path) -> None:
    """A disk that rots is told as such, not as a traceback of SQLite."""
    store = opened(path)
    store.commit(checkpoint(*(saved(f"uid-{number}") for number in range(200))))
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(byte ^ 0x5A for byte in content[4096:])
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        opened(path).search(Query())


def test_a_damaged_row_is_its_own_pods_alone(path: Path) -> None:
    """Of a state that does not unpack the columns are shown, and the process starts; the others are whole."""
    store = opened(path)
    store.commit(checkpoint(saved("a"), saved("b")))
    store._writer.execute("UPDATE timelines SET state = x'01ffff' WHERE uid = 'a'")
    found = {each.state.uid: each for each in store.search(Query()).records}
    assert (found["a"].outcome, found["a"].state.partial) == (Outcome.UNKNOWN, (Partial.MALFORMED,))
    assert found["b"].outcome is not Outcome.UNKNOWN
    assert {each.state.uid for each in store.restore().records} == {"a", "b"}
    assert store._quarantine.counts[Operation.RESTORE] == 2
    store.close()


@pytest.mark.parametrize("table", ["memories", "series", "streams", "meta"])
def test_a_damaged_row_of_another_table_stops_no_start(path: Path, table: str) -> None:
    """What it said is lost, and the rest is restored."""
    store = opened(path)
    store.commit(checkpoint(saved("a")))
    rows = {
        "memories": "('x', x'c1')", "series": "(99, 'no_metric', '[', x'c1', 0, '', 0, NULL, 0)",
        "streams": "('no_stream', '1')", "meta": "('last_commit', 'never')",
    }  # fmt: skip
    store._writer.execute(f"REPLACE INTO {table} VALUES {rows[table]}")  # noqa: S608 - own text
    restored = store.restore()
    assert [each.state.uid for each in restored.records] == ["a"]
    assert (restored.memories, restored.first_look is not None) == ((), True)
    store.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SQLITE_FULL", "free space"),
        ("SQLITE_BUSY", "close the program"),
        ("SQLITE_READONLY_DIRECTORY", "fsGroup"),
        ("SQLITE_CANTOPEN", "fsGroup"),
        ("SQLITE_CORRUPT_INDEX", "recover"),
        ("SQLITE_IOERR_WRITE", "kernel log"),
        ("SQLITE_INTERNAL", "SQLITE_INTERNAL"),
    ],
)
def test_each_failure_says_what_to_do(name: str, said: str) -> None:
    """SQLite's codes become sentences for the person on call."""
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorname = name
    assert said in str(failure(error, "/var/lib/x"))


def test_searches_do_not_wait_for_a_commit(path: Path) -> None:
    """While a transaction is being written readers see the last commit, without waiting."""
    store = opened(path)
    store.commit(checkpoint(saved("a")))
    store._writer.execute("BEGIN IMMEDIATE")
    store._writer.execute("DELETE FROM timelines")
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: store.search(Query()), range(16)))
    assert all(len(page.records) == 1 for page in pages)
    store._writer.execute("ROLLBACK")
    store.close()


def test_many_threads_read_while_one_writes(path: Path) -> None:
    """Every search sees whole commits only."""
    store = opened(path)
    done = threading.Event()
    sizes: set[int] = set()

    def read() -> None:
        while not done.is_set():
            sizes.add(len(store.search(Query(limit=500)).records) % 10)

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for batch in range(20):
            store.commit(checkpoint(*(saved(f"uid-{batch}-{number}") for number in range(10))))
        done.set()
        for each in readers:
            each.result()
    assert sizes == {0}
    store.close()


def test_a_wrong_cursor_does_not_cost_a_connection(path: Path) -> None:
    """More wrong cursors than there are readers leave the store able to answer."""
    store = opened(path)
    for _ in range(20):
        with pytest.raises(Exception, match="cursor"):
            store.search(Query(cursor="wrong"))
    assert store.search(Query()).records == ()
    assert store._readers.qsize() == 1
    store.close()


def test_a_power_cut_takes_nothing_back(path: Path) -> None:
    """The file is in WAL mode and each commit is synced; what is deleted goes back to the file system."""
    store = opened(path)
    pragmas = {name: store._writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert store._writer.execute("PRAGMA auto_vacuum").fetchone()[0] == 2
    store.close()


def test_fewer_bounds_merge_the_old_counts(path: Path) -> None:
    """Counts of a version with finer buckets are carried over exactly."""
    store = opened(path)
    store.commit(checkpoint(saved("a", increment(seconds=0.4)), saved("b", increment(seconds=0.2))))
    store.close()
    finer = (*BOUNDS[:6], 0.3, *BOUNDS[6:])
    altered(path, "UPDATE meta SET value = ? WHERE name = 'bounds'", values=(msgspec.json.encode(finer).decode(),))
    counts = [0] * (len(finer) + 1)
    counts[5], counts[6], counts[7], counts[-1] = 1, 2, 3, 4
    altered(path, "UPDATE series SET buckets = ?", values=(msgspec.msgpack.encode(counts),))
    merged = histogram(path)
    assert (merged.buckets[5], merged.buckets[6], merged.buckets[-1]) == (1, 5, 4)
    assert histogram(path) == merged


def test_bounds_that_old_counts_cannot_be_split_into_are_refused(path: Path) -> None:
    """A bound that the file does not know is named in the refusal."""
    opened(path).close()
    coarser = tuple(bound for bound in BOUNDS if bound != 0.25)
    altered(path, "UPDATE meta SET value = ? WHERE name = 'bounds'", values=(msgspec.json.encode(coarser).decode(),))
    with pytest.raises(StoreError, match=r"no bucket bound at 0\.25 s"):
        opened(path)


def test_a_series_that_cannot_be_read_begins_anew(path: Path) -> None:
    """Its workload counts from 0 again, and every other goes on: neither a start nor a commit stops."""
    store = opened(path)
    store.commit(checkpoint(saved("a", increment()), saved("b", increment(workload="api"))))
    store.close()
    altered(path, "UPDATE series SET buckets = x'c1' WHERE labels LIKE '%web%'")
    altered(path, "INSERT INTO series (metric, labels, buckets, sum) VALUES ('m', '[', x'c1', 0)")
    store = opened(path)
    assert [each.labels[2] for each in store.restore().histograms] == ["api"]
    store.commit(checkpoint(saved("c", increment()), saved("d", increment(workload="api"))))
    assert [(each.labels[2], sum(each.buckets)) for each in store.restore().histograms] == [("web", 1), ("api", 2)]
    store.close()


def test_a_workload_that_is_known_to_be_there_keeps_its_series_without_pods(path: Path) -> None:
    """A CronJob has no pod between two runs; once it is deleted its series goes in time."""
    there = {("shop", "Deployment", "web")}
    store = SqliteStore(path, StoreOptions(clock=StandingClock(), present=lambda *workload: workload in there))
    store.commit(checkpoint(saved("a", increment(), closed=True)))
    store.commit(checkpoint(when=5000))
    assert len(store.restore().histograms) == 1
    there.clear()
    store.commit(checkpoint(when=6000))
    assert store.commit(checkpoint(when=6899)).freed == ()
    assert len(store.commit(checkpoint(when=6900)).freed) == 1
    store.close()


def test_a_pod_that_turns_out_to_be_of_another_workload_does_not_hold_the_series_of_the_first(path: Path) -> None:
    """The controller of a ReplicaSet may be seen after its pod."""
    store = opened(path)
    store.commit(checkpoint(saved("a", increment(workload="web-abc"), increment(Metric.ENDPOINT, workload="web-abc"))))
    store.commit(checkpoint(saved("a"), when=80))
    assert len(store.commit(checkpoint(when=980)).freed) == 2
    store.close()


def test_a_commit_that_fails_frees_nothing_and_gives_no_room_away(path: Path) -> None:
    """What it decided has not happened: the same commit decides it again."""
    store = SqliteStore(path, StoreOptions(clock=StandingClock(), series_limit=2))
    for name in ("a", "b"):
        store.commit(checkpoint(saved(name, increment(workload=name))))
    before = store.restore().histograms
    store._writer.execute("CREATE TRIGGER no BEFORE INSERT ON streams BEGIN SELECT RAISE(ABORT, 'no room'); END")
    new = checkpoint(saved("c", increment(namespace="till")))
    with pytest.raises(StoreError):
        store.commit(new)
    assert store.restore().histograms == before
    store._writer.execute("DROP TRIGGER no")
    assert [each.labels for each in store.commit(new).freed] == [("shop", "Deployment", "a")]
    store.close()


def test_what_a_failed_commit_had_counted_counts_once_when_it_is_tried_again(path: Path) -> None:
    """Counts that are kept in memory go back to those of the file."""
    store = opened(path)
    store.commit(checkpoint(saved("a", increment())))
    store._writer.execute("CREATE TRIGGER no BEFORE INSERT ON streams BEGIN SELECT RAISE(ABORT, 'no room'); END")
    more = checkpoint(saved("b", increment()))
    with pytest.raises(StoreError):
        store.commit(more)
    store._writer.execute("DROP TRIGGER no")
    (counted,) = store.commit(more).series
    assert sum(counted.buckets) == 2
    assert store.restore().histograms == (counted,)
    store.close()


def test_a_lower_limit_frees_what_is_beyond_it_at_the_start(path: Path) -> None:
    """What is restored fits the limit already."""
    store = opened(path)
    store.commit(checkpoint(*(saved(name, increment(workload=name)) for name in "abcd")))
    store.close()
    store = SqliteStore(path, StoreOptions(clock=StandingClock(), series_limit=2))
    assert [each.labels[2] for each in store.restore().histograms] == ["c", "d"]
    store.close()


def test_a_file_of_the_version_before_keeps_its_series(path: Path) -> None:
    """Of workloads whose pods are there, or known otherwise; others are freed in time."""
    path.parent.mkdir()
    old = sqlite3.connect(path)
    for statement in ";".join(STEPS[:2]).split(";"):
        old.execute(statement)
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute("PRAGMA user_version = 2")
    counts = msgspec.msgpack.encode([1] * (len(BOUNDS) + 1))
    for number, name in enumerate(("web", "gone")):
        labels = msgspec.json.encode(("shop", "Deployment", name)).decode()
        old.execute("INSERT INTO series VALUES (?, ?, ?, ?, 1.0)", (number, Metric.STARTUP, labels, counts))
    old.commit()
    old.close()
    store = opened(path)
    store.commit(checkpoint(saved("a", increment())))
    store.commit(checkpoint(when=80))
    assert [each.labels[2] for each in store.commit(checkpoint(when=980)).freed] == ["gone"]
    (left,) = store.restore().histograms
    assert sum(left.buckets) == len(BOUNDS) + 2
    store.close()
