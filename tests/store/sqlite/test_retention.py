"""The limits of the history: what is deleted, in which order, and what never is."""

import random
from pathlib import Path

import pytest
from tests.support.lives import at
from tests.support.saved import SECOND, StandingClock, checkpoint, fresh, increment, saved

from podtimeline.ports import Query, Saved
from podtimeline.store.options import Retention, StoreOptions
from podtimeline.store.sqlite.retention import used
from podtimeline.store.sqlite.store import SqliteStore

DAY = 86_400
NOTHING: tuple[Saved, ...] = ()


def opened(path: Path, *, days: float = 1000, size: int = 1 << 40) -> SqliteStore:
    """A store with those limits, which frees no series."""
    retention = Retention(round(days * DAY * SECOND), size)
    return SqliteStore(path, StoreOptions(clock=StandingClock(), retention=retention, series_keep=1 << 62))


def gone(uid: str, when: float) -> Saved:
    """A pod that was gone so many seconds after ``EPOCH`` and counted once; its labels do not compress."""
    noise = random.Random(uid).randbytes(300).hex()  # noqa: S311 - bytes that do not deflate
    return saved(uid, increment(), closed=True, updated=at(when), created=at(when), name=noise)


def left(store: SqliteStore) -> set[str]:
    """The uids in the history."""
    return {each.state.uid for each in store.search(Query(limit=100_000)).records}


def test_timelines_of_pods_long_gone_are_deleted_and_their_counts_kept(tmp_path: Path) -> None:
    """After the retention time only what is younger or still exists is left; the histogram has them all."""
    store = opened(tmp_path / "h", days=7)
    store.commit(checkpoint(gone("old", 0), gone("young", 3 * DAY), saved("there", increment(), updated=at(0))))
    store.commit(checkpoint(*NOTHING, when=8 * DAY))
    assert left(store) == {"young", "there"}
    assert sum(store.restore().histograms[0].buckets) == 3
    assert store.numbers.rows == 2
    store.close()


def test_above_the_size_the_longest_gone_go_first(tmp_path: Path) -> None:
    """The file shrinks below its limit by its oldest timelines, and gives the pages back."""
    path = tmp_path / "h"
    store = opened(path)
    store.commit(checkpoint(*(gone(f"uid-{number}", number) for number in range(3000)), when=1))
    full = used(store._writer)
    store.close()
    store = opened(path, size=full * 3 // 5)
    store.commit(checkpoint(*NOTHING, when=2 * DAY))
    kept = sorted(int(uid.removeprefix("uid-")) for uid in left(store))
    assert used(store._writer) <= full * 3 // 5
    assert kept == list(range(3000 - len(kept), 3000))
    assert len(kept) > 1000
    assert sum(store.restore().histograms[0].buckets) == 3000
    free = store._writer.execute("PRAGMA freelist_count").fetchone()[0]
    assert free == 0
    store.close()


def test_what_exists_is_never_deleted_for_its_size(tmp_path: Path) -> None:
    """Pods that are still there are needed to go on after a restart, however little room there is."""
    store = opened(tmp_path / "h", size=1)
    store.commit(checkpoint(saved("there"), gone("gone", 0)))
    assert left(store) == {"there"}
    store.close()


def test_a_deleted_timeline_does_not_count_again(tmp_path: Path) -> None:
    """What still arrives of a pod whose timeline went for reasons of size counts nothing."""
    store = opened(tmp_path / "h", size=1)
    store.commit(checkpoint(gone("a", 0)))
    assert left(store) == set()
    assert fresh(store.commit(checkpoint(gone("a", 1), when=13))) == ()
    store.close()


def test_what_was_counted_is_forgotten_a_day_after_its_timeline(tmp_path: Path) -> None:
    """The list of what was counted does not grow for ever."""
    store = opened(tmp_path / "h", size=1)
    store.commit(checkpoint(gone("a", 0)))
    for when, rows in ((DAY / 2, 1), (DAY + 60, 0)):
        store.commit(checkpoint(*NOTHING, when=when))
        assert store._writer.execute("SELECT count(*) FROM counted").fetchone()[0] == rows
    store.close()


def test_much_to_delete_is_spread_over_commits(tmp_path: Path) -> None:
    """One commit deletes a bounded number of rows, and the following ones go on at once."""
    store = opened(tmp_path / "h", days=1)
    store.commit(checkpoint(*(gone(f"uid-{number}", 0) for number in range(12_000)), when=1))
    store.commit(checkpoint(*NOTHING, when=2 * DAY))
    assert len(left(store)) == 2_000
    store.commit(checkpoint(*NOTHING, when=2 * DAY + 1))
    assert (left(store), store.numbers.rows) == (set(), 0)
    store.close()


def test_a_failed_clean_up_does_not_undo_the_commit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The counts of the commit before it are returned; the failure is logged and counted."""
    store = opened(tmp_path / "h", days=1)
    store.commit(checkpoint(gone("a", 0)))
    store._writer.execute("CREATE TRIGGER no BEFORE DELETE ON timelines BEGIN SELECT RAISE(ABORT, 'no room'); END")
    assert fresh(store.commit(checkpoint(gone("b", 0), when=3 * DAY))) == (increment(),)
    assert "could not delete" in caplog.text
    assert store.numbers.errors == 1
    assert left(store) == {"a", "b"}
    store.close()
