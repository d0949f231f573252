"""What is owed to the store: records that changed since their last commit, and those of the batch that is out."""

from collections.abc import Iterator

from podtimeline.model.state import dump
from podtimeline.model.timeline import Timeline
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.tracking.batches import Result, Snapshot
from podtimeline.tracking.compaction import Compaction
from podtimeline.tracking.records import Stage, Tracked


class DirtySet:
    """The records that the next batch takes, and those that the batch which is out has taken."""

    def __init__(self, compaction: Compaction, quarantine: Quarantine) -> None:
        self._compaction = compaction
        self._quarantine = quarantine
        self._dirty: dict[str, Tracked] = {}
        self._in_flight: dict[str, Tracked] = {}

    def __len__(self) -> int:
        """How many records are owed, those of the batch that is out counted again where they changed since."""
        return len(self._dirty) + len(self._in_flight)

    def __contains__(self, record: Tracked) -> bool:
        """Whether the store lacks something of this record."""
        return record.dirty or record.uid in self._in_flight

    def records(self) -> Iterator[Tracked]:
        """Every described record of which the store lacks something."""
        return (each for each in (*self._dirty.values(), *self._in_flight.values()) if each.known is not None)

    def touch(self, record: Tracked) -> None:
        """The record changed."""
        if not record.dirty:
            record.dirty = True
            self._dirty[record.uid] = record

    def forget(self, record: Tracked) -> None:
        """The record is dropped: its pod could not be described."""
        self._dirty.pop(record.uid, None)

    def drain(self) -> tuple[Snapshot, ...]:
        """Everything that changed; it is out until ``committed`` or ``failed``."""
        changed, self._dirty = self._dirty, {}
        snapshots = []
        for record in changed.values():
            record.dirty = False
            if record.known is None or record.timeline is None:
                continue
            snapshot = self._quarantine.contain(Operation.COMMIT, record.uid, _snapshot, record, record.timeline)
            if snapshot is not None:
                snapshots.append(snapshot)
                self._in_flight[record.uid] = record
        return tuple(snapshots)

    def committed(self, result: Result) -> None:
        """The batch is in the store: what was told is told, and pods that rest are packed."""
        for snapshot in result.batch.snapshots:
            record = self._in_flight.pop(snapshot.state.uid)
            record.told |= snapshot.tell
            blob = result.blobs.get(record.uid)
            if blob is not None and not record.dirty:
                self._compaction.rest(record, snapshot.state, blob)

    def failed(self, snapshots: tuple[Snapshot, ...]) -> None:
        """The batch is not in the store: all of it is owed again."""
        for snapshot in snapshots:
            self.touch(self._in_flight.pop(snapshot.state.uid))


def _snapshot(record: Tracked, timeline: Timeline) -> Snapshot:
    settled = record.stage in (Stage.SETTLED, Stage.CLOSED)
    return Snapshot(
        dump(timeline),
        settled=settled,
        closed=record.stage is Stage.CLOSED,
        tell=settled and not record.told,
        leaving=record.removed or record.leaving_at is not None,
    )
