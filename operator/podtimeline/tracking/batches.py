"""From changed records to a checkpoint; ``evaluate`` is pure, so that a thread can do it while the streams go on."""

from collections.abc import Mapping
from dataclasses import dataclass

from podtimeline.core.instants import Source
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.state import State, load
from podtimeline.core.view import View, view
from podtimeline.ports import Checkpoint, Finished, Increment, Memory, Saved, Stream
from podtimeline.tracking.counting import end_increments, start_increments
from podtimeline.tracking.records import Codec

_ASKED = Mark(Milestone.DELETION_REQUESTED)


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


def evaluate(batch: Batch, codec: Codec) -> Result:
    """Resolve each record of the batch."""
    records: list[Saved] = []
    finished: list[Finished] = []
    blobs: dict[str, bytes] = {}
    for snapshot in batch.snapshots:
        seen = view(load(snapshot.state), now=batch.at)
        if seen is None:
            continue
        records.append(_saved(snapshot, seen, batch.at))
        if snapshot.tell:
            finished.append(Finished(seen, batch.at))
        if snapshot.settled:
            blobs[seen.uid] = codec.pack(snapshot.state)
    return Result(batch, Checkpoint(tuple(records), batch.versions, batch.at, batch.memories), tuple(finished), blobs)


def _saved(snapshot: Snapshot, seen: View, at: int) -> Saved:
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


def _increments(snapshot: Snapshot, seen: View) -> tuple[Increment, ...]:
    # What a start counts is cut when it settles: words that come later refine the record, not the histograms.
    start = start_increments(seen) if snapshot.tell else ()
    return start + (end_increments(seen, watched=_watched(snapshot.state)) if snapshot.closed else ())


def _watched(state: State) -> bool:
    """Whether a watch showed the request to delete the pod: then its way back was seen from there on."""
    told = (evidence for mark, evidence in state.evidence if mark == _ASKED)
    return any(each.source is Source.WATCH for evidence in told for each in evidence)
