"""The tracker: joins what the streams say of each pod, decides when a start is over, knows what is owed to the store.

Synchronous and deterministic: moments come in with the bytes that arrived and with ``tick``. One thread uses it.
"""

import sys
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from podtimeline.analysis.resolved import awaited
from podtimeline.bounded import Losses
from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Described, Flagged, Observation, Partial, Witnessed
from podtimeline.model.pods import Owner, PodFacts
from podtimeline.model.state import load
from podtimeline.model.storage import StorageNews
from podtimeline.model.timeline import Timeline, apply_all
from podtimeline.model.workloads import WorkloadNews
from podtimeline.ports import Mismatch, Owners, PodReference, Restored, Saved, Stream
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.tracking.batches import Batch, Result
from podtimeline.tracking.clocks import NodeClocks
from podtimeline.tracking.compaction import Compaction, nothing_new
from podtimeline.tracking.dirty_set import DirtySet, StreamVersions
from podtimeline.tracking.enrichers import Enricher, Enrichers, Occasion
from podtimeline.tracking.orphans import difference
from podtimeline.tracking.ownership import Ownership
from podtimeline.tracking.pending_creates import Said
from podtimeline.tracking.records import (
    Codec,
    Numbers,
    Rules,
    Situation,
    Stage,
    Tracked,
    delivered,
    flagged,
    restored_record,
    shared,
)
from podtimeline.tracking.roster import Roster
from podtimeline.tracking.survey import Survey
from podtimeline.tracking.timers import Deadlines, Recheck, Timers
from podtimeline.tracking.unclaimed import Tombstones, Unclaimed, said_of

_CREATED = MilestoneKey(Milestone.CREATED)
_SCHEDULED = MilestoneKey(Milestone.SCHEDULED)
_READY = MilestoneKey(Milestone.READY)
_DELETED = MilestoneKey(Milestone.DELETION_REQUESTED)
_REMOVED = MilestoneKey(Milestone.OBJECT_REMOVED)
# Measured: to look a member of an enumeration up costs as much as a call.
_STARTING, _APPLY = Stage.STARTING, Operation.APPLY
_DESCRIBED, _PLACED = Occasion.DESCRIBED, Occasion.PLACED
_UNCOMMITTED = SECOND
"""How long the record of a pod that is gone is kept at a time while the store lacks it."""


class Tracker(Roster):
    """Takes observations (``ports.Intake``), remembers stream versions, and hands out what is to be committed."""

    def __init__(
        self,
        *,
        owners: Owners,
        codec: Codec,
        rules: Rules,
        timers: Timers,
        now: int,
        restored: Restored | None = None,
        enrichers: Sequence[Enricher] = (),
        quarantine: Quarantine | None = None,
        losses: Losses | None = None,
    ) -> None:
        """``losses`` and ``timers`` are those of the companions."""
        super().__init__(Compaction(codec), quarantine if quarantine is not None else Quarantine())
        self.losses = losses if losses is not None else Losses()
        self.timers = timers
        self.versions = StreamVersions(rules)
        self.numbers = Numbers()
        self.clocks = NodeClocks(self.losses, self.timers, since=now)
        self._rules = rules
        self._ownership = Ownership(owners, rules)
        self._first_look = now
        self._unclaimed = Unclaimed(rules, self.numbers, self.losses, self.timers)
        self._tombstones = Tombstones(rules, self.losses, self.timers)
        self._owed = DirtySet(self._compaction, self.quarantine)
        self._due = Deadlines[str](self.timers, "pods", self._ripe)
        """By uid: when a record is looked at again."""
        self._unowned = Recheck(self.timers, "owners", self._own_again)
        self._unserved = Recheck(self.timers, "Services", self._select_again)
        self._enrichers = Enrichers(enrichers, self, self.quarantine)
        self._flagged: set[str] = set()
        if restored is not None:
            self._restore(restored, now)

    def __len__(self) -> int:
        """How many pods are tracked, tombstones and those that are only named included."""
        return len(self._records) + len(self._unclaimed.orphans)

    def take(self, uid: str, observations: Sequence[Observation], *, arrived: int) -> None:
        """See ``ports.Intake``. What one pod makes fail is contained: the pod is flagged, and goes on."""
        if self.quarantine.contain(_APPLY, uid, self._take, uid, observations, arrived) is None:
            self.quarantine.contain(_APPLY, uid, self._failed, uid, arrived)

    def _take(self, uid: str, observations: Sequence[Observation], arrived: int) -> bool:
        record = self._records.get(uid)
        if record is None:
            if uid in self._tombstones or not any(type(each) is Described for each in observations):
                self.numbers.late += len(observations)
                return True
            record = self._records[uid] = Tracked(uid, Timeline(uid))
        timeline = record.timeline
        if timeline is None:
            if nothing_new(record, observations):
                return True
            timeline = self._compaction.timeline(record)
        self._join(record, timeline, observations, arrived)
        return True

    def _failed(self, uid: str, now: int) -> None:
        """Flag a record that something could not be joined into; it is closed or dropped in its time all the same."""
        record = self._records.get(uid)
        if record is None or record.timeline is None:
            return
        timeline = record.timeline
        timeline.partial |= {Partial.MALFORMED}
        self._flagged.add(uid)
        self._owed.touch(record)
        if record.known is None:
            self._due.arm(record.uid, now + self._rules.orphan)
        elif _REMOVED in timeline.evidence and not record.removed:
            self._removed(record, now)

    def refer(self, pod: PodReference, observations: Sequence[Observation], *, stream: Stream, arrived: int) -> None:
        """See ``ports.Intake``."""
        record = self._records.get(pod.uid)
        if record is None:
            mirror = self._unclaimed.mirrors.of(pod)
            record = None if mirror is None else self._records.get(mirror)
            if record is not None:
                observations = said_of(record.uid, observations)
        if record is not None:
            wrong = None if record.key is None else difference(pod, PodReference(record.uid, *record.key))
            if wrong is None:
                self.take(record.uid, observations, arrived=arrived)
            else:
                self.mismatched(stream, wrong)
        elif pod.uid in self._tombstones:
            self.numbers.late += len(observations)
        else:
            keep = self._unclaimed.orphans.keep
            self.quarantine.contain(Operation.APPLY, pod.uid, keep, pod, observations, stream=stream, arrived=arrived)

    def mismatched(self, stream: Stream, mismatch: Mismatch, count: int = 1) -> None:
        """See ``ports.Intake``."""
        self.numbers.mismatched[stream, mismatch] += count

    def created_by_event(self, namespace: str, name: str, owner: Owner, *, at: int, observed: int) -> None:
        """See ``ports.Intake``."""
        key, said = (namespace, name), Said(owner, at, observed)
        record = self._unclaimed.names.fitting(key, at)
        # What is said of a name while its pod leaves may be meant for the one that takes its place.
        if record is None or record.leaving_at is not None or record.removed:
            self._unclaimed.names.keep(key, said)
        else:
            self.quarantine.contain(Operation.APPLY, record.uid, self._create, record, said)

    def storage(self, news: StorageNews, *, arrived: int) -> None:
        """See ``ports.Intake``."""
        self._enrichers.storage(news, arrived)

    def workload(self, news: WorkloadNews, *, arrived: int) -> None:
        """See ``ports.Intake``."""
        self._enrichers.workload(news, arrived)

    def services_changed(self, namespace: str | None) -> None:
        """See ``ports.Intake``."""
        self._ownership.services_changed(namespace)
        self._unserved.at_once()

    def listed(self, uids: AbstractSet[str], *, version: str, arrived: int, namespace: str | None = None) -> None:
        """See ``ports.Intake``. The version is taken by ``versions.reached``, as with every other stream."""
        absent = [
            record
            for record in self._records.values()
            if record.key is not None
            and namespace in {None, record.key[0]}
            and not record.removed
            and record.uid not in uids
        ]
        for record in absent:
            self.numbers.vanished += 1
            gone = Evidence(Source.LISTED, None, None, arrived, arrived)
            said = (Witnessed(record.uid, _REMOVED, (gone,)), Flagged(record.uid, Partial.GAP))
            self.take(record.uid, said, arrived=arrived)

    def tick(self, now: int) -> None:
        """Do what is due: settle starts that are over, close what is gone, drop what nobody claimed."""
        for due in self.timers.due(now):
            self.quarantine.contain(Operation.ENRICH, due.name, due.act, now)

    def next_due(self) -> int | None:
        """When ``tick`` has something to do next; before that it does nothing."""
        return self.timers.next

    def _own_again(self, now: int) -> bool:
        for record in self._ownership.own_again(now):
            self._touch(record)
        return self._ownership.waits

    def _select_again(self, now: int) -> bool:
        for record, timeline in self._ownership.select_again():
            self.quarantine.contain(Operation.APPLY, record.uid, self._changed, record, timeline, now)
        for said in self._ownership.reselect(now):
            self.take(said.uid, (said,), arrived=now)
        return self._ownership.stale

    def drain(self, now: int) -> Batch:
        """Everything that changed, with the stream versions of this very moment. One batch is out at a time."""
        versions = self.versions.committable(now, self._unclaimed.oldest(now))
        return Batch(self._owed.drain(), versions, now, self._enrichers.memories(now))

    def committed(self, result: Result) -> None:
        """The batch is in the store: what was told is told, and pods that rest are packed."""
        self._owed.committed(result)
        self._failing -= {each.state.uid for each in result.batch.snapshots if not each.changing}
        self._failing |= result.set_aside & self._records.keys()
        self.versions.committed(result.batch.versions)

    def failed(self, batch: Batch) -> None:
        """The batch is not in the store: all of it is owed again."""
        self._owed.failed(batch.snapshots)
        self._enrichers.failed(batch.memories)

    def open_pods(self) -> Survey:
        """Begin to look how far each pod is of which the store does not know it: see ``ports.Query.among``."""
        starting, leaving, owed = self._starting.values(), self._leaving.values(), self._owed.records()
        return Survey(
            starting, leaving, self._compaction, self.quarantine,
            failing=self._failing, uncommitted=owed, most=None,
        )  # fmt: skip

    def situation(self) -> Situation:
        """The numbers of this moment, for gauges."""
        orphans, starting, closed = len(self._unclaimed.orphans), len(self._starting), len(self._tombstones)
        tracked = {
            Stage.ORPHAN: orphans,
            Stage.STARTING: starting,
            Stage.SETTLED: len(self._records) - starting - closed,
            Stage.CLOSED: closed,
        }
        return Situation(tracked, len(self._owed), len(self._unclaimed.names), len(self._flagged | self._failing))

    def _join(self, record: Tracked, timeline: Timeline, observations: Sequence[Observation], arrived: int) -> None:
        if apply_all(timeline, observations):
            # An Event's stamp comes first of what it says.
            self.clocks.heard(timeline, observations[0], arrived)
            self._changed(record, timeline, arrived)

    def _changed(self, record: Tracked, timeline: Timeline, now: int) -> None:
        record.looked = False
        self.clocks.correct(timeline, at=now)
        self._owed.touch(record)
        if record.timeline is None:
            self._compaction.wake(record, timeline)
        if record.known is None:
            if timeline.facts is None:
                return
            self._described(record, timeline, timeline.facts, now)
        if timeline.labelled is not None and timeline.labelled.labels != record.labels:
            record.labels = shared(timeline.labelled.labels)
            self._ownership.relabelled(record)
            self._unserved.at_once()
        evidence = timeline.evidence
        gone, leaving = _REMOVED in evidence, _DELETED in evidence
        if timeline.partial and Partial.MALFORMED in timeline.partial:
            self._flagged.add(record.uid)
        if gone and not record.removed:
            self._removed(record, now)
        elif leaving and not gone and record.leaving_at is None:
            record.leaving_at = now
            self._leaving[record.uid] = record
            self._leave(record, now)
        if not record.placed and _SCHEDULED in timeline.details:
            record.placed = True
            self._enrichers.ask(record, timeline, _PLACED, now)
        if record.stage is _STARTING and record.over_at is None:
            self._started(record, timeline, now, called_off=gone or leaving)

    def _removed(self, record: Tracked, now: int) -> None:
        record.removed = True
        record.leaving_at = None
        self._leaving.pop(record.uid, None)
        self._due.arm(record.uid, now + self._rules.linger)

    def _leave(self, record: Tracked, now: int) -> None:
        self._touch(record)
        self._enrichers.ask(record, self._compaction.timeline(record), Occasion.LEAVING, now)

    def _described(self, record: Tracked, timeline: Timeline, facts: PodFacts, now: int) -> None:
        record.stage, self._starting[record.uid] = _STARTING, record
        record.known = timeline.from_status
        record.created_second = facts.created_second
        record.key = (sys.intern(facts.namespace), facts.name)
        record.labels = shared(facts.labels)
        self._unclaimed.described(record, timeline, facts)
        self._ownership.own(record, timeline, now)
        if self._ownership.waits:
            self._unowned.later(now)
        self._flag_listed(record, timeline, facts)
        self._enrichers.appeared(record, facts)
        self._enrichers.ask(record, timeline, _DESCRIBED, now)

    def _create(self, record: Tracked, said: Said) -> None:
        timeline = self._compaction.timeline(record)
        if self._unclaimed.made_by(timeline, said):
            self._join(record, timeline, (said.witnessed(record.uid),), said.observed)

    def _flag_listed(self, record: Tracked, timeline: Timeline, facts: PodFacts) -> None:
        """Only what is older than the history was there before; a feed that lists first after a restart cannot know."""
        if facts.created_second < self._first_look and not delivered(timeline):
            timeline.partial |= {Partial.LISTED}
            # It was over before anybody looked: that is no news for the sinks.
            record.told = _READY in timeline.evidence or timeline.ended is not None
        elif Partial.LISTED in timeline.partial:
            timeline.partial = timeline.partial - {Partial.LISTED} | {Partial.GAP}

    def _started(self, record: Tracked, timeline: Timeline, now: int, *, called_off: bool) -> None:
        if record.ready_at is None and _READY in timeline.evidence:
            record.ready_at = now
            self._due.arm(record.uid, now + self._rules.endpoint_deadline + self._rules.linger)
            self._ownership.select(record, timeline)
        served = record.ready_at is not None and timeline.services is not None and not awaited(timeline)
        if called_off or served or timeline.ended is not None:
            record.over_at = now
            self._ownership.forget(record)
            self._due.arm(record.uid, now + self._rules.linger)

    def _ripe(self, uid: str, now: int) -> None:
        record = self._records[uid]
        if self.quarantine.contain(Operation.APPLY, uid, self._move_on, record, now) is None:
            self._due.arm(uid, now + self._rules.orphan)

    def _move_on(self, record: Tracked, now: int) -> bool:
        if record.known is None:
            self._drop(record)
        elif record.stage is Stage.CLOSED:
            self._bury(record, now)
        else:
            if record.stage is Stage.STARTING:
                self._settle(record, now)
            if record.removed:
                self._close(record, now)
        return True

    def _drop(self, record: Tracked) -> None:
        """Give a pod up that could not even be described."""
        self.numbers.orphans_dropped += 1
        del self._records[record.uid]
        self._forget(record.uid)
        self._owed.forget(record)

    def _settle(self, record: Tracked, now: int) -> None:
        if record.timeline is not None:
            self._ownership.owned(record, record.timeline)
            self._enrichers.ask(record, record.timeline, Occasion.SETTLING, now)
            self.clocks.correct(record.timeline, at=now)
        record.stage = Stage.SETTLED
        record.ready_at = record.over_at = record.progress = None
        self._starting.pop(record.uid, None)
        self._ownership.forget(record)
        self.numbers.settled += 1
        self._touch(record)

    def _close(self, record: Tracked, now: int) -> None:
        record.stage = Stage.CLOSED
        self._unclaimed.names.gone(record)
        self._ownership.closed(record)
        self._enrichers.closed(record, now)
        self._tombstones.closed("" if record.key is None else record.key[0], record.uid)
        self.numbers.closed += 1
        self._due.arm(record.uid, now + self._rules.tombstone)
        self._touch(record)
        while (oldest := self._tombstones.surplus) is not None:
            buried = self._records.get(oldest)
            if buried is not None and buried in self._owed:
                break
            self._entomb(oldest, now)

    def _bury(self, record: Tracked, now: int) -> None:
        if record in self._owed:
            self._due.arm(record.uid, now + _UNCOMMITTED)
        else:
            self._entomb(record.uid, now)

    def _entomb(self, uid: str, now: int) -> None:
        self._tombstones.bury(uid, now)
        self._due.disarm(uid)
        self._forget(uid)
        self._unclaimed.mirrors.forget(uid)
        self._records.pop(uid, None)

    def _forget(self, uid: str) -> None:
        self._flagged.discard(uid)
        self._failing.discard(uid)

    def _touch(self, record: Tracked) -> None:
        if record.timeline is None:
            self._compaction.wake(record, self._compaction.timeline(record))
        self._owed.touch(record)

    def _restore(self, restored: Restored, now: int) -> None:
        if restored.first_look is not None:
            self._first_look = restored.first_look
        self.versions.restore(restored.versions)
        self._enrichers.restore(restored.memories)
        for saved in restored.records:
            self.quarantine.contain(Operation.RESTORE, saved.state.uid, self._remember, saved, now)

    def _remember(self, saved: Saved, now: int) -> None:
        state, facts = saved.state, saved.state.facts
        if facts is None or saved.closed:
            return
        if flagged(state):
            self._flagged.add(state.uid)
        if not state.evidence:
            # Its row could not be read: only a listing tells of it again.
            self.versions.reached(Stream.PODS, None)
        record = restored_record(saved, facts)
        if state.services == ():
            self._ownership.unselected(record, () if state.reselected is None else state.reselected.services)
            self._ownership.relabelled(record)
            self._unserved.at_once()
        self._records[record.uid] = record
        self._unclaimed.appeared(record, facts)
        self._enrichers.appeared(record, facts)
        marks = {mark for mark, _ in state.evidence}
        gone, leaving = _REMOVED in marks, _DELETED in marks
        if leaving and not gone:
            record.leaving_at, self._leaving[record.uid] = now, record
        if saved.settled:
            record.stage = Stage.SETTLED
            self._compaction.rest(record, state, saved.packed or None)
        else:
            self._resume(record, load(state), now, called_off=gone or leaving)
        if leaving:
            self._leave(record, now)
        if gone:
            record.removed = True
            self._due.arm(record.uid, now + self._rules.linger)

    def _resume(self, record: Tracked, timeline: Timeline, now: int, *, called_off: bool) -> None:
        self._compaction.wake(record, timeline)
        record.stage, self._starting[record.uid] = _STARTING, record
        record.placed = _SCHEDULED in timeline.details
        self._ownership.await_owner(record, now)
        self._unowned.later(now)
        self._enrichers.ask(record, timeline, _DESCRIBED, now)
        self._started(record, timeline, now, called_off=called_off)
