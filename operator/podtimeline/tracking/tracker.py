"""The tracker: joins what the streams say of each pod, decides when a start is over, knows what is owed to the store.

Synchronous and deterministic: moments come in with the bytes that arrived and with ``tick``. One thread uses it.
"""

import heapq
import sys
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from podtimeline.core.instants import Evidence, Source, just_after
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import Flagged, Observation, Owned, Partial, Selected, Witnessed
from podtimeline.core.pods import PodFacts
from podtimeline.core.state import State, dump, load
from podtimeline.core.timeline import Timeline, apply
from podtimeline.core.view import View, awaited, view
from podtimeline.ports import Owners, Restored, Saved
from podtimeline.tracking.batches import Batch, Result, Snapshot
from podtimeline.tracking.names import Names, Said
from podtimeline.tracking.numbers import Numbers, Situation, in_phase
from podtimeline.tracking.records import Codec, Rules, Stage, Tracked
from podtimeline.tracking.versions import StreamVersions

_CREATED = Mark(Milestone.CREATED)
_READY = Mark(Milestone.READY)
_DELETED = Mark(Milestone.DELETION_REQUESTED)
_REMOVED = Mark(Milestone.OBJECT_REMOVED)
_STARTING = Stage.STARTING
_MAX_SHAPES = 10_000


class Tracker:
    """Takes observations (``ports.Intake``), remembers stream versions, and hands out what is to be committed."""

    def __init__(
        self, *, owners: Owners, codec: Codec, rules: Rules, now: int, restored: Restored | None = None
    ) -> None:
        self.versions = StreamVersions(rules)
        self.numbers = Numbers()
        self._owners = owners
        self._codec = codec
        self._rules = rules
        self._first_look = now
        self._records: dict[str, Tracked] = {}
        self._names = Names(rules)
        self._orphans: OrderedDict[str, int] = OrderedDict()
        self._starting: dict[str, Tracked] = {}
        self._leaving: dict[str, Tracked] = {}
        self._unselected: dict[str, Tracked] = {}
        self._unowned: list[tuple[int, Tracked]] = []
        self._tombs: deque[str] = deque()
        self._buried: OrderedDict[str, None] = OrderedDict()
        self._dirty: dict[str, Tracked] = {}
        self._in_flight: dict[str, Tracked] = {}
        self._due: list[tuple[int, str]] = []
        self._shapes: dict[AbstractSet[Mark], AbstractSet[Mark]] = {}
        if restored is not None:
            self._restore(restored, now)

    def __len__(self) -> int:
        """How many uids are tracked, orphans and tombstones included."""
        return len(self._records)

    def known(self, uid: str) -> AbstractSet[Mark] | None:
        """See ``ports.Intake``."""
        record = self._records.get(uid)
        return None if record is None else record.known

    def take(self, uid: str, observations: Sequence[Observation], *, arrived: int) -> None:
        """See ``ports.Intake``."""
        record = self._records.get(uid)
        if record is None:
            record = self._open(uid, arrived)
            if record is None:
                self.numbers.late += len(observations)
                return
        timeline = record.timeline
        if timeline is None:
            timeline = self._woken(record, observations)
            if timeline is None:
                return
        changed = False
        for observation in observations:
            if apply(timeline, observation):
                changed = True
        if changed:
            self._changed(record, timeline, arrived)

    def created_by_event(self, namespace: str, name: str, *, at: int, observed: int) -> None:
        """See ``ports.Intake``."""
        key = (namespace, name)
        record = self._names.fitting(key, at)
        # What is said of a name while its pod leaves may be meant for the one that takes its place.
        if record is None or record.leaving_at is not None or record.removed:
            self._names.keep(key, Said(at, observed))
        else:
            self.take(record.uid, (_created(record.uid, Said(at, observed)),), arrived=observed)

    def listed(self, uids: AbstractSet[str], *, version: str, arrived: int) -> None:
        """See ``ports.Intake``. The version is taken by ``versions.reached``, as with every other stream."""
        absent = [
            record
            for record in self._records.values()
            if record.known is not None and not record.removed and record.uid not in uids
        ]
        for record in absent:
            self.numbers.vanished += 1
            gone = Evidence(Source.LISTED, None, None, arrived, arrived)
            said = (Witnessed(record.uid, _REMOVED, (gone,)), Flagged(record.uid, Partial.GAP))
            self.take(record.uid, said, arrived=arrived)

    def tick(self, now: int) -> None:
        """Do what is due: settle starts that are over, close what is gone, drop what nobody claimed."""
        self._own_again(now)
        self._select_again(now)
        while self._due and self._due[0][0] <= now:
            due, uid = heapq.heappop(self._due)
            ripe = self._records.get(uid)
            if ripe is not None and ripe.due == due:
                ripe.due = None
                self._ripe(ripe, now)
        self._names.expire(now)
        self.numbers.unclaimed = self._names.expired

    def next_due(self) -> int | None:
        """When ``tick`` has something to do next, as far as is known."""
        return self._due[0][0] if self._due else None

    def drain(self, now: int) -> Batch:
        """Everything that changed, with the stream versions of this very moment. One batch is out at a time."""
        changed, self._dirty = self._dirty, {}
        snapshots = []
        for record in changed.values():
            record.dirty = False
            if record.known is not None and record.timeline is not None:
                snapshots.append(_snapshot(record, record.timeline))
                self._in_flight[record.uid] = record
        return Batch(tuple(snapshots), self.versions.committable(now, self._oldest_unclaimed(now)), now)

    def committed(self, result: Result) -> None:
        """The batch is in the store: what was told is told, and pods that rest are packed."""
        for snapshot in result.batch.snapshots:
            record = self._in_flight.pop(snapshot.state.uid)
            record.told |= snapshot.tell
            blob = result.blobs.get(record.uid)
            if blob is not None and not record.dirty:
                self._pack(record, blob, _said(snapshot.state))
        self.versions.committed(result.batch.versions)

    def failed(self, batch: Batch) -> None:
        """The batch is not in the store: all of it is owed again."""
        for snapshot in batch.snapshots:
            record = self._in_flight.pop(snapshot.state.uid)
            if not record.dirty:
                record.dirty = True
                self._dirty[record.uid] = record

    def views(self, *, now: int) -> Iterator[View]:
        """Every described pod as of now, in the order in which their uids were first named."""
        for uid in tuple(self._records):
            seen = self.view(uid, now=now)
            if seen is not None:
                yield seen

    def view(self, uid: str, *, now: int) -> View | None:
        """The pod's timeline as of now, ``None`` where it is not tracked or was not described."""
        record = self._records.get(uid)
        if record is None or record.known is None:
            return None
        return view(record.timeline or self._unpacked(record), now=now)

    def fresher(self, uid: str, *, now: int) -> View | None:
        """The pod's timeline as of now; ``None`` where the store has all that is known, as of a pod that rests."""
        record = self._records.get(uid)
        return None if record is None or record.timeline is None else self.view(uid, now=now)

    def situation(self, now: int) -> Situation:
        """The numbers of this moment, for gauges; see ``numbers.in_phase`` for what it costs."""
        counts, oldest = in_phase(now, self._starting.values(), self._leaving.values())
        orphans, starting, closed = len(self._orphans), len(self._starting), len(self._tombs)
        tracked = {
            Stage.ORPHAN: orphans,
            Stage.STARTING: starting,
            Stage.SETTLED: len(self._records) - orphans - starting - closed,
            Stage.CLOSED: closed,
        }
        return Situation(tracked, len(self._dirty) + len(self._in_flight), len(self._names), counts, oldest)

    # --- taking -----------------------------------------------------------------------------------------------------

    def _open(self, uid: str, arrived: int) -> Tracked | None:
        if uid in self._buried:
            return None
        record = Tracked(uid, Timeline(uid))
        self._records[uid] = record
        self._orphans[uid] = arrived
        self._wake(record, arrived + self._rules.orphan)
        while len(self._orphans) > self._rules.max_orphans:
            self._drop(self._records[next(iter(self._orphans))])
        return record

    def _woken(self, record: Tracked, observations: Sequence[Observation]) -> Timeline | None:
        known = record.known or frozenset()
        # Every change of a slice tells all its addresses again: what the packed record has is not unpacked for it.
        if all(type(each) is Witnessed and _settled_endpoint(each.mark, known) for each in observations):
            return None
        return self._unpacked(record)

    def _changed(self, record: Tracked, timeline: Timeline, now: int) -> None:
        record.looked = False
        if not record.dirty:
            record.dirty = True
            self._dirty[record.uid] = record
        if record.timeline is None:
            record.timeline, record.blob = timeline, None
            record.known = timeline.from_status
        if record.known is None:
            if timeline.facts is None:
                return
            self._described(record, timeline, timeline.facts, now)
        evidence = timeline.evidence
        gone, leaving = _REMOVED in evidence, _DELETED in evidence
        if gone and not record.removed:
            record.removed = True
            record.leaving_at = None
            self._leaving.pop(record.uid, None)
            self._wake(record, now + self._rules.linger)
        elif leaving and not gone and record.leaving_at is None:
            record.leaving_at = now
            self._leaving[record.uid] = record
        if record.stage is _STARTING and record.over_at is None:
            self._started(record, timeline, now, called_off=gone or leaving)

    def _described(self, record: Tracked, timeline: Timeline, facts: PodFacts, now: int) -> None:
        self._orphans.pop(record.uid, None)
        record.due = None
        record.stage, self._starting[record.uid] = Stage.STARTING, record
        record.known = timeline.from_status
        record.created_second = facts.created_second
        record.key = (sys.intern(facts.namespace), facts.name)
        if not self._owned(record, timeline):
            self._unowned.append((now + self._rules.owner_wait, record))
        self._flag_listed(record, timeline, facts)
        for said in self._names.appeared(record, record.key):
            apply(timeline, _created(record.uid, said))

    def _flag_listed(self, record: Tracked, timeline: Timeline, facts: PodFacts) -> None:
        """Only what is older than the history was there before; a feed that lists first after a restart cannot know."""
        if facts.created_second < self._first_look and not _delivered(timeline):
            timeline.partial |= {Partial.LISTED}
            # It was over before anybody looked: that is no news for the sinks.
            record.told = _READY in timeline.evidence or timeline.ended is not None
        elif Partial.LISTED in timeline.partial:
            timeline.partial = timeline.partial - {Partial.LISTED} | {Partial.GAP}

    def _owned(self, record: Tracked, timeline: Timeline) -> bool:
        """Ask for the pod's controllers; False where only the nearest is known, which may have one of its own."""
        facts = timeline.facts
        if facts is None or facts.owner is None:
            return True
        chain = self._owners.chain(facts.namespace, facts.owner)
        if apply(timeline, Owned(record.uid, chain)):
            self._touch(record)
        return len(chain) > 1

    def _own_again(self, now: int) -> None:
        """The controller of a controller is often seen after its first pod, which may be stuck before it settles."""
        waiting, self._unowned = self._unowned, []
        for until, record in waiting:
            timeline = record.timeline if record.stage is Stage.STARTING else None
            if timeline is not None and until > now and not self._owned(record, timeline):
                self._unowned.append((until, record))

    def _started(self, record: Tracked, timeline: Timeline, now: int, *, called_off: bool) -> None:
        if record.ready_at is None and _READY in timeline.evidence:
            record.ready_at = now
            self._wake(record, now + self._rules.endpoint_deadline + self._rules.linger)
            if not self._selected(record, timeline):
                self._unselected[record.uid] = record
        served = record.ready_at is not None and timeline.services is not None and not awaited(timeline)
        if called_off or served or timeline.ended is not None:
            record.over_at = now
            self._unselected.pop(record.uid, None)
            self._wake(record, now + self._rules.linger)

    def _selected(self, record: Tracked, timeline: Timeline) -> bool:
        """Ask which Services select a pod that is ready; False while Services are not listed yet."""
        facts = timeline.facts
        services = None if facts is None else self._owners.services(facts.namespace, dict(facts.labels))
        if services is None:
            return False
        apply(timeline, Selected(record.uid, services))
        return True

    def _select_again(self, now: int) -> None:
        for record in tuple(self._unselected.values()):
            if record.timeline is not None and self._selected(record, record.timeline):
                del self._unselected[record.uid]
                self._changed(record, record.timeline, now)

    # --- what is due ------------------------------------------------------------------------------------------------

    def _wake(self, record: Tracked, due: int) -> None:
        record.due = due
        heapq.heappush(self._due, (due, record.uid))

    def _ripe(self, record: Tracked, now: int) -> None:
        if record.stage is Stage.ORPHAN:
            self._drop(record)
        elif record.stage is Stage.CLOSED:
            self._bury(record, now)
        else:
            if record.stage is Stage.STARTING:
                self._settle(record, now)
            if record.removed:
                self._close(record, now)

    def _drop(self, record: Tracked) -> None:
        self.numbers.orphans_dropped += 1
        del self._orphans[record.uid]
        del self._records[record.uid]
        self._dirty.pop(record.uid, None)

    def _settle(self, record: Tracked, now: int) -> None:
        if record.timeline is not None:
            self._owned(record, record.timeline)
        record.stage = Stage.SETTLED
        record.ready_at = record.over_at = record.phase = None
        self._starting.pop(record.uid, None)
        self._unselected.pop(record.uid, None)
        self.numbers.settled += 1
        self._touch(record)

    def _close(self, record: Tracked, now: int) -> None:
        record.stage = Stage.CLOSED
        self._names.gone(record)
        self._tombs.append(record.uid)
        self.numbers.closed += 1
        self._wake(record, now + self._rules.tombstone)
        self._touch(record)
        while len(self._tombs) > self._rules.max_tombstones:
            oldest = self._records.get(self._tombs[0])
            if oldest is not None and self._owed(oldest):
                break
            self._entomb(self._tombs[0])

    def _bury(self, record: Tracked, now: int) -> None:
        if self._owed(record):
            self._wake(record, now + self._rules.linger)
        else:
            self._entomb(record.uid)

    def _entomb(self, uid: str) -> None:
        self._tombs.remove(uid)
        self._records.pop(uid, None)
        self._buried[uid] = None
        while len(self._buried) > self._rules.max_buried:
            self._buried.popitem(last=False)

    def _owed(self, record: Tracked) -> bool:
        return record.dirty or record.uid in self._in_flight

    def _touch(self, record: Tracked) -> None:
        if record.timeline is None:
            record.timeline, record.blob = self._unpacked(record), None
            record.known = record.timeline.from_status
        if not record.dirty:
            record.dirty = True
            self._dirty[record.uid] = record

    # --- memory -----------------------------------------------------------------------------------------------------

    def _unpacked(self, record: Tracked) -> Timeline:
        if record.blob is None:
            raise AssertionError(f"the record of {record.uid} holds neither a timeline nor its packed state")
        return load(self._codec.unpack(record.blob))

    def _pack(self, record: Tracked, blob: bytes, known: AbstractSet[Mark]) -> None:
        record.timeline, record.blob = None, blob
        if len(self._shapes) > _MAX_SHAPES:
            self._shapes.clear()
        record.known = self._shapes.setdefault(known, known)

    def _restore(self, restored: Restored, now: int) -> None:
        if restored.first_look is not None:
            self._first_look = restored.first_look
        self.versions.restore(restored.versions)
        for saved in restored.records:
            self._remember(saved, now)

    def _remember(self, saved: Saved, now: int) -> None:
        state, facts = saved.state, saved.state.facts
        if facts is None or saved.closed:
            return
        record = Tracked(state.uid, None, told=saved.settled, created_second=facts.created_second)
        record.key = (sys.intern(facts.namespace), facts.name)
        self._records[record.uid] = record
        self._names.appeared(record, record.key)
        marks = {mark for mark, _ in state.evidence}
        gone, leaving = _REMOVED in marks, _DELETED in marks
        if leaving and not gone:
            record.leaving_at, self._leaving[record.uid] = now, record
        if saved.settled:
            record.stage = Stage.SETTLED
            self._pack(record, self._codec.pack(state), _said(state))
        else:
            self._resume(record, load(state), now, called_off=gone or leaving)
        if gone:
            record.removed = True
            self._wake(record, now + self._rules.linger)

    def _resume(self, record: Tracked, timeline: Timeline, now: int, *, called_off: bool) -> None:
        record.timeline, record.known = timeline, timeline.from_status
        record.stage, self._starting[record.uid] = Stage.STARTING, record
        self._unowned.append((now + self._rules.owner_wait, record))
        self._started(record, timeline, now, called_off=called_off)

    def _oldest_unclaimed(self, now: int) -> int | None:
        since = now - self._rules.hold_versions
        young = next((opened for opened in self._orphans.values() if opened >= since), None)
        named = self._names.oldest(since)
        return min((each for each in (young, named) if each is not None), default=None)


def _said(state: State) -> frozenset[Mark]:
    """What need not be said again of a pod that rests: by its own status, and by slices that hold its address."""
    addresses = (mark for mark, _ in state.evidence if mark.milestone is Milestone.ENDPOINT_READY)
    return frozenset(state.from_status).union(addresses)


def _settled_endpoint(mark: Mark, known: AbstractSet[Mark]) -> bool:
    return mark.milestone is Milestone.ENDPOINT_READY and mark in known


def _delivered(timeline: Timeline) -> bool:
    """Whether a watch delivered the pod's creation."""
    return any(each.source is Source.WATCH for each in timeline.evidence.get(_CREATED, ()))


def _created(uid: str, said: Said) -> Witnessed:
    return Witnessed(uid, _CREATED, (just_after(Source.EVENT_NAME, said.at, observed=said.observed),))


def _snapshot(record: Tracked, timeline: Timeline) -> Snapshot:
    settled = record.stage in (Stage.SETTLED, Stage.CLOSED)
    return Snapshot(
        dump(timeline), settled=settled, closed=record.stage is Stage.CLOSED, tell=settled and not record.told
    )
