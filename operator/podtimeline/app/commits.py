"""The commit loop: what changed goes into the store in one transaction, and only then to metrics and sinks."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from podtimeline.app.supervision import wait
from podtimeline.errors import PodtimelineError, StoreError
from podtimeline.ports import Checkpoint, Clock, Counted, Finished, Store, together
from podtimeline.quarantine import Operation
from podtimeline.tracking.batches import Batch, Result, evaluate
from podtimeline.tracking.records import Codec
from podtimeline.tracking.tracker import Tracker

log = logging.getLogger(__name__)

_SLOWEST = 30.0
"""Seconds between two tries of a store that keeps failing."""


@dataclass(slots=True)
class CommitNumbers:
    """What the loop says of itself: nanoseconds since the epoch, and counts since the process began."""

    last: int | None = None
    commits: int = 0
    failures: int = 0
    in_a_row: int = 0
    told: int = 0
    contradictions: int = 0
    """Finished timelines whose pieces of evidence contradict each other."""


class Committer:
    """Commits on the store's own thread; one commit is under way at a time."""

    def __init__(
        self,
        *,
        tracker: Tracker,
        store: Store,
        codec: Codec,
        clock: Clock,
        thread: Executor,
        counted: Callable[[Counted], None],
        finished: Callable[[tuple[Finished, ...]], None],
        interval: float,
    ) -> None:
        """``counted`` gets what a commit made of the histograms, ``finished`` pods whose start is over.

        Neither may block.
        """
        self.numbers = CommitNumbers()
        self._tracker = tracker
        self._store = store
        self._codec = codec
        self._clock = clock
        self._thread = thread
        self._counted = counted
        self._finished = finished
        self._interval = interval

    async def run(self, stopping: asyncio.Event) -> None:
        """Commit at each interval until told to stop; a store that fails is tried again, and nothing is lost meanwhile.

        It is told by the event and not cancelled: what the thread was given must be known to have happened or not.
        """
        while not stopping.is_set():
            await self.commit()
            delay = self._interval
            if self.numbers.in_a_row:
                delay = min(max(delay, 0.1) * 2 ** min(self.numbers.in_a_row, 10), _SLOWEST)
            await wait(stopping, delay)

    async def last(self, *, tries: int) -> bool:
        """Commit what is left before the process ends; False if the store refuses it."""
        for attempt in range(tries):
            if await self.commit():
                return True
            await asyncio.sleep(0.2 * 2**attempt)
        log.error("could not commit the last changes; they will be read again from the cluster after the restart")
        return False

    async def commit(self) -> bool:
        """One commit, if there is anything to commit; False if the store refused it."""
        batch = self._tracker.drain(self._clock.now())
        if not batch.snapshots and not batch.memories and self._tracker.versions.is_committed(batch.versions):
            return True
        loop = asyncio.get_running_loop()
        try:
            result, counted = await loop.run_in_executor(self._thread, self._work, batch)
        except StoreError as error:
            self._tracker.failed(batch)
            self.numbers.failures += 1
            self.numbers.in_a_row += 1
            log.error("commit of %d pods failed, retrying: %s", len(batch.snapshots), error)
            return False
        self._tracker.committed(result)
        self.numbers.last = batch.at
        self.numbers.commits += 1
        self.numbers.in_a_row = 0
        self.numbers.told += len(result.finished)
        self.numbers.contradictions += sum(each.view.skew > 0 for each in result.finished)
        self._counted(counted)
        self._finished(result.finished)
        return True

    def _work(self, batch: Batch) -> tuple[Result, Counted]:
        result = evaluate(batch, self._codec, self._tracker.quarantine)
        try:
            return result, self._store.commit(result.checkpoint)
        except PodtimelineError:
            raise
        except Exception as error:  # noqa: BLE001 - one record spoils it: written apart, the seam says which
            pods = len(result.checkpoint.records)
            log.error("commit of %d pods failed, writing them one by one: %s", pods, error)
            return self._apart(result)

    def _apart(self, result: Result) -> tuple[Result, Counted]:
        """Commit each record by itself, and what is not about pods last; what fails is set aside."""
        checkpoint, quarantine = result.checkpoint, self._tracker.quarantine
        counted: list[Counted] = []
        set_aside = set(result.set_aside)
        for record in checkpoint.records:
            alone = Checkpoint((record,), {}, checkpoint.at)
            one = quarantine.contain(Operation.COMMIT, record.state.uid, self._store.commit, alone)
            if one is None:
                set_aside.add(record.state.uid)
            else:
                counted.append(one)
        counted.append(self._store.commit(replace(checkpoint, records=())))
        return replace(result, set_aside=frozenset(set_aside)), together(counted)
