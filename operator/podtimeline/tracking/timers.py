"""Which record is due when: each has at most one moment, and the latest one set counts."""

import heapq
from collections.abc import Iterator, Mapping

from podtimeline.tracking.records import Tracked


class Timers:
    """The queue of moments at which records are looked at again."""

    def __init__(self, records: Mapping[str, Tracked]) -> None:
        self._records = records
        self._queue: list[tuple[int, str]] = []

    @property
    def next(self) -> int | None:
        """The next moment, of a record or of one that has been put off since."""
        return self._queue[0][0] if self._queue else None

    def wake(self, record: Tracked, at: int) -> None:
        """Look at the record at ``at``, and at no other moment that was set before."""
        record.due = at
        heapq.heappush(self._queue, (at, record.uid))

    def ripe(self, now: int) -> Iterator[Tracked]:
        """The records that are due, those too that become so while these are looked at."""
        while self._queue and self._queue[0][0] <= now:
            at, uid = heapq.heappop(self._queue)
            record = self._records.get(uid)
            if record is not None and record.due == at:
                record.due = None
                yield record
