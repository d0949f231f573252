"""From changed records to a checkpoint; ``evaluate`` is pure, so that a thread can do it while the streams go on.

A timeline is evaluated when its start is over and when its pod is gone. While it starts or leaves it changes several
times, and what is saved then is what was observed: a restart needs no more, and questions are answered from memory.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from podtimeline.analysis.resolved import ResolvedTimeline, workload
from podtimeline.evaluation import evaluated_state
from podtimeline.model.instants import Source, intersect
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.state import State
from podtimeline.ports import Checkpoint, Finished, Increment, Memory, Saved, Stream
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.tracking.counting import end_increments, start_increments
from podtimeline.tracking.records import Codec

_T = TypeVar("_T")
_ASKED = MilestoneKey(Milestone.DELETION_REQUESTED)
_CREATED = MilestoneKey(Milestone.CREATED)
_SCHEDULED = MilestoneKey(Milestone.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One record as it was when the batch was drained; ``tell`` while its start was not committed as over yet."""

    state: State
    settled: bool
    closed: bool
    tell: bool
    leaving: bool = False

    @property
    def changing(self) -> bool:
        """Whether its start or its way back goes on, and all of its start that is over has been told."""
        return not self.settled or (self.leaving and not self.closed and not self.tell)


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed, and how far the streams had been read by then."""

    snapshots: tuple[Snapshot, ...]
    versions: Mapping[Stream, str | None]
    at: int
    memories: tuple[Memory, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A batch evaluated: what to commit, what to tell once that is done, and packed states of pods that rest."""

    batch: Batch
    checkpoint: Checkpoint
    finished: tuple[Finished, ...]
    blobs: Mapping[str, bytes]
    set_aside: frozenset[str] = frozenset()
    """Uids of the pods of the batch that could not be evaluated, or not be written."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What is saved of a record, and its view if it was evaluated."""

    saved: Saved
    view: ResolvedTimeline | None = None


def evaluate(batch: Batch, codec: Codec, quarantine: Quarantine) -> Result:
    """Resolve each record of the batch whose start or end is over, and save the others as they were observed.

    One that cannot be evaluated is set aside, and saved with what is known of it.
    """
    done: list[_Done] = []
    set_aside: set[str] = set()
    for snapshot in batch.snapshots:
        uid = snapshot.state.uid
        one = quarantine.contain(Operation.EVALUATE, uid, _saved_as, snapshot, batch.at, codec, quarantine)
        if one is not None:
            done.append(one)
        if one is None or (one.view is not None and one.view.error is not None):
            set_aside.add(uid)
    tell = {snapshot.state.uid for snapshot in batch.snapshots if snapshot.tell}
    return Result(
        batch,
        Checkpoint(tuple(each.saved for each in done), batch.versions, batch.at, batch.memories),
        tuple(Finished(each.view, batch.at) for each in done if each.view is not None and each.view.uid in tell),
        {each.saved.state.uid: each.saved.packed for each in done if each.saved.settled},
        frozenset(set_aside),
    )


def _saved_as(snapshot: Snapshot, at: int, codec: Codec, quarantine: Quarantine) -> _Done | None:
    return _observed(snapshot, at, codec) if snapshot.changing else _evaluated(snapshot, at, codec, quarantine)


def _observed(snapshot: Snapshot, at: int, codec: Codec) -> _Done | None:
    """What is known without an evaluation; its creation is as the evidence for it alone says."""
    state = snapshot.state
    facts = state.facts
    if facts is None:
        return None
    owner = workload(state.chain, facts)
    created = intersect(_of(state.evidence, _CREATED) or ()).instant()
    saved = Saved(
        state=state,
        namespace=facts.namespace,
        name=facts.name,
        workload_kind=owner.kind,
        workload=owner.name,
        node=_of(state.details, _SCHEDULED),
        created=facts.created_second if created is None else created.at,
        settled=snapshot.settled,
        closed=False,
        updated=at,
        changing=True,
        packed=codec.pack(state, deflate=snapshot.settled),
    )
    return _Done(saved)


def _of(marks: Iterable[tuple[MilestoneKey, _T]], wanted: MilestoneKey) -> _T | None:
    return next((value for mark, value in marks if mark == wanted), None)


def _evaluated(snapshot: Snapshot, at: int, codec: Codec, quarantine: Quarantine) -> _Done | None:
    seen = evaluated_state(snapshot.state, now=at, quarantine=quarantine)
    return None if seen is None else _Done(_saved(snapshot, seen, at, codec.pack(snapshot.state)), seen)


def _saved(snapshot: Snapshot, seen: ResolvedTimeline, at: int, packed: bytes) -> Saved:
    return Saved(
        state=snapshot.state,
        namespace=seen.facts.namespace,
        name=seen.facts.name,
        workload_kind=seen.workload.kind,
        workload=seen.workload.name,
        node=seen.node,
        outcome=seen.outcome,
        phase=seen.phase,
        created=seen.phases[0].start if seen.phases else None,
        startup=seen.startup,
        total=seen.total,
        settled=snapshot.settled,
        closed=snapshot.closed,
        updated=at,
        packed=packed,
        increments=_increments(snapshot, seen),
    )


def _increments(snapshot: Snapshot, seen: ResolvedTimeline) -> tuple[Increment, ...]:
    # What a start counts is cut when it settles: words that come later refine the record, not the histograms.
    if seen.error is not None:
        return ()
    start = start_increments(seen) if snapshot.tell else ()
    return start + (end_increments(seen, watched=_watched(snapshot.state)) if snapshot.closed else ())


def _watched(state: State) -> bool:
    """Whether a watch showed the request to delete the pod: then its way back was seen from there on."""
    told = (evidence for mark, evidence in state.evidence if mark == _ASKED)
    return any(each.source is Source.WATCH for evidence in told for each in evidence)
