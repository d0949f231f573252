"""From changed records to a checkpoint; ``evaluate`` is pure, so that a thread can do it while the streams go on."""

from collections.abc import Mapping
from dataclasses import dataclass

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.evaluation import evaluated_state
from podtimeline.model.instants import Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.state import State
from podtimeline.ports import Checkpoint, Finished, Increment, Memory, Saved, Stream
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.tracking.counting import end_increments, start_increments
from podtimeline.tracking.records import Codec

_ASKED = MilestoneKey(Milestone.DELETION_REQUESTED)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One record as it was when the batch was drained; ``tell`` while its start was not committed as over yet."""

    state: State
    settled: bool
    closed: bool
    tell: bool


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
class _Evaluated:
    saved: Saved
    view: ResolvedTimeline
    blob: bytes | None


def evaluate(batch: Batch, codec: Codec, quarantine: Quarantine) -> Result:
    """Resolve each record of the batch; one that cannot be is set aside, and saved with what is known of it."""
    done: list[_Evaluated] = []
    set_aside: set[str] = set()
    for snapshot in batch.snapshots:
        uid = snapshot.state.uid
        one = quarantine.contain(Operation.EVALUATE, uid, _evaluate, snapshot, batch.at, codec, quarantine)
        if one is not None:
            done.append(one)
        if one is None or one.view.error is not None:
            set_aside.add(uid)
    tell = {snapshot.state.uid for snapshot in batch.snapshots if snapshot.tell}
    return Result(
        batch,
        Checkpoint(tuple(each.saved for each in done), batch.versions, batch.at, batch.memories),
        tuple(Finished(each.view, batch.at) for each in done if each.view.uid in tell),
        {each.view.uid: each.blob for each in done if each.blob is not None},
        frozenset(set_aside),
    )


def _evaluate(snapshot: Snapshot, at: int, codec: Codec, quarantine: Quarantine) -> _Evaluated | None:
    seen = evaluated_state(snapshot.state, now=at, quarantine=quarantine)
    if seen is None:
        return None
    return _Evaluated(_saved(snapshot, seen, at), seen, codec.pack(snapshot.state) if snapshot.settled else None)


def _saved(snapshot: Snapshot, seen: ResolvedTimeline, at: int) -> Saved:
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
