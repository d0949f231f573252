"""What is owed to the store: records and memories that changed, and how far each stream was read."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from podtimeline.model.state import dump
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Stream
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.tracking.batches import Result, Snapshot
from podtimeline.tracking.compaction import Compaction
from podtimeline.tracking.records import Rules, Stage, Tracked


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


class DirtyKeys:
    """Keys of memories that the store lacks, in the order in which they changed."""

    def __init__(self) -> None:
        self._owed: dict[str, None] = {}

    def __len__(self) -> int:
        """How many are owed."""
        return len(self._owed)

    def mark(self, key: str) -> None:
        """The memory changed."""
        self._owed[key] = None

    def drain(self) -> tuple[str, ...]:
        """What is owed, handed over; ``failed`` gives it back."""
        owed, self._owed = self._owed, {}
        return tuple(owed)

    def failed(self, keys: Iterable[str]) -> None:
        """The store did not take them."""
        self._owed = dict.fromkeys(keys) | self._owed


_OF_PODS_SEEN_ELSEWHERE = (Stream.EVENTS, Stream.ENDPOINTSLICES)


class StreamVersions:
    """Implements ``ports.Versions``; the tracker asks what a checkpoint may say."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._now: dict[Stream, str | None] = {}
        self._past: deque[tuple[int, Mapping[Stream, str | None]]] = deque()
        self._committed: Mapping[Stream, str | None] = {}

    def version(self, stream: Stream) -> str | None:
        """See ``ports.Versions``."""
        return self._now.get(stream)

    def reached(self, stream: Stream, version: str | None) -> None:
        """See ``ports.Versions``."""
        self._now[stream] = version

    def restore(self, versions: Mapping[Stream, str | None]) -> None:
        """Start from what a store gave back."""
        self._now = dict(versions)
        self._committed = dict(versions)

    def committable(self, now: int, unclaimed: int | None) -> Mapping[Stream, str | None]:
        """The versions that a checkpoint may say.

        What waits for its pod (``unclaimed``: the arrival of the oldest) is not in the checkpoint; so a restart must
        read it again, and the streams that bring it are not committed beyond the last version known before it came.
        """
        current = dict(self._now)
        while len(self._past) > 1 and self._past[1][0] <= now - self._rules.hold_versions:
            self._past.popleft()
        allowed = dict(current)
        if unclaimed is not None:
            before = [past for at, past in self._past if at < unclaimed]
            held: Mapping[Stream, str | None] = before[-1] if before else self._committed
            allowed.update({stream: held.get(stream) for stream in _OF_PODS_SEEN_ELSEWHERE if stream in current})
        self._past.append((now, current))
        return allowed

    def committed(self, versions: Mapping[Stream, str | None]) -> None:
        """The store has these."""
        self._committed = dict(versions)

    def is_committed(self, versions: Mapping[Stream, str | None]) -> bool:
        """Whether the store has just these, so that they alone are no reason for a commit."""
        return self._committed == versions
