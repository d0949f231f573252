"""The history in one SQLite file.

A commit that has returned is durable: WAL with ``synchronous=FULL`` writes and syncs the log first, so that neither
``kill -9`` nor a power failure undoes it (https://www.sqlite.org/pragma.html#pragma_synchronous). There is about one
commit a second, so the cost of the sync is negligible. An interrupted commit has no effect: rows, counts and stream
versions are one transaction.

One connection writes. Searches use their own connections, and read the last commit while the next one is written.
"""

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from podtimeline.errors import StoreError
from podtimeline.ports import Checkpoint, Counted, Page, Query, Restored, Saved, StoreNumbers
from podtimeline.store.options import StoreOptions
from podtimeline.store.sqlite.files import MEMORY, claim, failure, refuse_network
from podtimeline.store.sqlite.retention import prune, used
from podtimeline.store.sqlite.schema import migrate, transaction
from podtimeline.store.sqlite.search import find, search, still_open
from podtimeline.store.sqlite.series import SeriesChanges, SeriesWriter, histograms, open_ledger, settle_bounds
from podtimeline.store.sqlite.writing import Transaction, memories, moment, versions

_LOG = logging.getLogger("podtimeline.store")
_READERS = 4
_BUSY_SECONDS = 5.0
_PRUNE_EVERY = 60 * 1_000_000_000
_RESTORE_SLICE = 500


class SqliteStore:
    """Implements ``ports.Store``; usable from several threads.

    The constructor raises ``StoreError`` for a file that is in use, damaged, of a newer version or of another program,
    or on a network file system unless ``allow_network_filesystem`` is set. ``:memory:`` keeps the history in memory.
    """

    def __init__(self, path: str | Path, options: StoreOptions) -> None:
        self._path = str(path)
        self._options = options
        self._quarantine = options.quarantine
        self._ledger: SeriesChanges | None = None
        self._claim = self._claimed()
        self._lock = threading.RLock()
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._slots = threading.BoundedSemaphore(_READERS)
        self._pruned: int | None = None
        self._numbers = StoreNumbers()
        self._closed = False
        try:
            self._writer = self._opened()
        except BaseException:
            if self._claim is not None:
                self._claim.close()
            raise

    @property
    def numbers(self) -> StoreNumbers:
        """Statistics as of the last commit, or as of the start."""
        return self._numbers

    def restore(self) -> Restored:
        """See ``ports.Store``. Records are read in portions during the iteration."""
        with self._guard(), self._lock:
            return Restored(
                records=_Open(self),
                versions=versions(self._writer),
                histograms=histograms(self._writer, self._quarantine),
                first_look=moment(self._writer, "first_look"),
                last_commit=moment(self._writer, "last_commit"),
                memories=memories(self._writer, self._quarantine),
            )

    def commit(self, checkpoint: Checkpoint) -> Counted:
        """See ``ports.Store``."""
        begun = time.perf_counter()
        with self._guard(), self._lock:
            # What a commit that fails has changed in the ledger has not happened: it is read from the file again.
            ledger, self._ledger = self._ledger, None
            with transaction(self._writer):
                ledger = ledger if ledger is not None else self._open_ledger(self._writer)
                counted = Transaction(
                    self._writer, SeriesWriter(self._writer, ledger, self._quarantine), self._quarantine
                ).write(checkpoint)
            self._ledger = ledger
            self._after_commit(begun, checkpoint.at)
        return counted

    def search(self, query: Query) -> Page:
        """See ``ports.History``."""
        with self._guard(), self._reader() as reader:
            return search(reader, query, now=self._options.clock.now(), quarantine=self._quarantine)

    def find(self, namespace: str, name: str, *, uid: str | None = None) -> Saved | None:
        """See ``ports.History``."""
        with self._guard(), self._reader() as reader:
            return find(reader, namespace, name, uid, quarantine=self._quarantine)

    def close(self) -> None:
        """See ``ports.Store``. Waits for running searches; may be called twice."""
        for _ in range(_READERS):
            self._slots.acquire()
        with self._lock:
            self._closed = True
            while not self._readers.empty():
                self._readers.get_nowait().close()
            self._writer.close()
            if self._claim is not None:
                self._claim.close()
        for _ in range(_READERS):
            self._slots.release()

    def open_records(self, after: int) -> list[tuple[int, Saved]]:
        """The next slice of what is not closed, by row, after that row."""
        with self._guard(), self._reader() as reader:
            return still_open(reader, after=after, limit=_RESTORE_SLICE, quarantine=self._quarantine)

    # --- connections ------------------------------------------------------------------------------------------------

    def _claimed(self) -> IO[bytes] | None:
        if self._path == MEMORY:
            return None
        path = Path(self._path)
        if not self._options.allow_network_filesystem:
            refuse_network(path)
        return claim(path)

    def _opened(self) -> sqlite3.Connection:
        with self._guard():
            connection = self._connect("rwc")
            try:
                # Only a file without tables takes this; it lets deleted pages go back to the file system.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(f"PRAGMA journal_size_limit = {64 << 20}")
                migrate(connection, path=self._path)
                with transaction(connection):
                    settle_bounds(connection, path=self._path)
                    self._ledger = self._open_ledger(connection)
                self._measure_file(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    def _open_ledger(self, connection: sqlite3.Connection) -> SeriesChanges:
        return open_ledger(
            connection,
            self._quarantine,
            limit=self._options.series_limit,
            keep=self._options.series_keep,
            present=self._options.present,
        )

    def _connect(self, mode: str) -> sqlite3.Connection:
        target = MEMORY if self._path == MEMORY else f"{Path(self._path).resolve().as_uri()}?mode={mode}"
        return sqlite3.connect(target, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """A connection to read from; in memory there is only the writer's, so there readers do wait."""
        if self._path == MEMORY:
            with self._lock:
                yield self._writer
            return
        with self._slots:
            try:
                reader = self._readers.get_nowait()
            except queue.Empty:
                reader = self._connect("ro")
            try:
                yield reader
            except sqlite3.Error:
                reader.close()
                raise
            except BaseException:
                self._readers.put_nowait(reader)
                raise
            self._readers.put_nowait(reader)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        if self._closed:
            raise StoreError(f"history file {self._path}: already closed")
        try:
            yield
        except sqlite3.Error as error:
            self._numbers = replace(self._numbers, errors=self._numbers.errors + 1)
            raise failure(error, self._path) from error

    # --- upkeep -----------------------------------------------------------------------------------------------------

    def _after_commit(self, begun: float, now: int) -> None:
        spent = self._numbers.seconds + time.perf_counter() - begun
        self._numbers = replace(self._numbers, commits=self._numbers.commits + 1, seconds=spent)
        try:
            self._prune(now)
            self._numbers = replace(self._numbers, bytes=used(self._writer))
        except sqlite3.Error as error:
            # The commit before it stands: failing here would make its counts come back as not counted.
            self._numbers = replace(self._numbers, errors=self._numbers.errors + 1)
            _LOG.warning("could not delete old timelines: %s", failure(error, self._path))

    def _measure_file(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT count(*) FROM timelines").fetchone()[0]
        self._numbers = replace(self._numbers, bytes=used(connection), rows=rows)

    def _prune(self, now: int) -> None:
        if self._pruned is not None and 0 <= now - self._pruned < _PRUNE_EVERY:
            return
        self._pruned = now
        if prune(self._writer, self._options.retention, now=now):
            self._pruned = None
        else:
            # Counting the rows takes time that grows with them: once it is over, and not after each portion.
            self._measure_file(self._writer)


@dataclass(frozen=True, slots=True)
class _Open:
    """The records that are not closed, a slice at a time, in the order in which their pods first appeared."""

    store: SqliteStore

    def __iter__(self) -> Iterator[Saved]:
        after = -1
        while rows := self.store.open_records(after):
            yield from (saved for _, saved in rows)
            after = rows[-1][0]
