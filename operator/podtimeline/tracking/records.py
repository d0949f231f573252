"""The tracker's record of one pod, the rules it is kept by, and the numbers of all."""

import sys
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.analysis.resolved import Outcome
from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.observations import Partial
from podtimeline.model.pods import PodFacts
from podtimeline.model.state import State
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Mismatch, Saved, Stream

Labels = tuple[tuple[str, str], ...]


class Stage(StrEnum):
    """Where a record is in its life."""

    ORPHAN = "orphan"
    """Events or slices named the pod; it was not seen yet."""
    STARTING = "starting"
    SETTLED = "settled"
    """The start is over; the object is still there."""
    CLOSED = "closed"
    """The object is gone; the record waits a while for late events."""


class Codec(Protocol):
    """Packs the state of a pod that rests into few bytes."""

    def pack(self, state: State, *, deflate: bool = True) -> bytes:
        """The state as bytes; not as few of them where ``deflate`` is False, but sooner."""
        ...

    def unpack(self, blob: bytes) -> State:
        """The state that ``pack`` was given."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How long the tracker waits for what, in nanoseconds, and how much it holds of what nobody has claimed yet.

    ``name_before`` and ``name_after`` bound how far a SuccessfulCreate may lie from ``creationTimestamp``, whose
    second adds to the latter: a name returns with a new uid when a StatefulSet replaces its pod.
    """

    linger: int = 5 * SECOND
    endpoint_deadline: int = 300 * SECOND
    owner_wait: int = 30 * SECOND
    orphan: int = 600 * SECOND
    tombstone: int = 600 * SECOND
    name_before: int = SECOND
    name_after: int = 6 * SECOND
    max_orphans: int = 50_000
    max_orphan_bytes: int = 32 << 20
    max_tombstones: int = 50_000
    max_names: int = 50_000
    max_buried: int = 100_000
    hold_versions: int = 30 * SECOND


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pod was when it was last evaluated: its phase and since when, while it starts or leaves.

    ``obstacles`` say why no node takes it, while it is not bound. ``failed`` is True where it could not be evaluated.
    """

    outcome: Outcome
    phase: Phase | None = None
    since: int = 0
    obstacles: tuple[Obstacle, ...] = ()
    failed: bool = False


@dataclass(slots=True)
class Tracked:
    """One pod. Either ``timeline`` or ``blob`` holds its state; a pod that rests is packed.

    ``known`` is what its decoder need not say again, ``None`` until the pod was described. ``told`` is True once its
    start was committed, and so counted and handed to the sinks. Moments are of the observer's clock.
    """

    uid: str
    timeline: Timeline | None
    blob: bytes | None = None
    known: AbstractSet[MilestoneKey] | None = None
    key: tuple[str, str] | None = None
    stage: Stage = Stage.STARTING
    dirty: bool = False
    told: bool = False
    removed: bool = False
    created_second: int = 0
    ready_at: int | None = None
    leaving_at: int | None = None
    over_at: int | None = None
    placed: bool = False
    """Whether it was seen bound to a node."""
    looked: bool = False
    """Whether ``progress`` is as of its last change."""
    progress: Progress | None = None
    labels: Labels = ()
    """The latest labels, known without unpacking."""


_MAX_SHARED = 64
"""Labels of a pod that are kept to be shared: more are rare."""


def shared(labels: Labels) -> Labels:
    """The labels, as one object for all the pods that have them in common."""
    return _shared(labels) if len(labels) <= _MAX_SHARED else labels


@lru_cache(maxsize=4096)
def _shared(labels: Labels) -> Labels:
    return labels


def restored_record(saved: Saved, facts: PodFacts) -> Tracked:
    """The record of a pod that the history knows, without its timeline."""
    state = saved.state
    record = Tracked(state.uid, None, told=saved.settled, created_second=facts.created_second)
    record.placed = saved.settled
    record.key = (sys.intern(facts.namespace), facts.name)
    record.labels = shared(facts.labels if state.labelled is None else state.labelled.labels)
    return record


def flagged(state: State) -> bool:
    """Whether something that was said of the pod could not be read or joined."""
    return Partial.MALFORMED in state.partial


def delivered(timeline: Timeline) -> bool:
    """Whether a watch delivered the pod's creation."""
    return any(each.source is Source.WATCH for each in timeline.evidence.get(_CREATED, ()))


_CREATED = MilestoneKey(Milestone.CREATED)


@dataclass(frozen=True, slots=True)
class Situation:
    """One moment: records by stage, what is owed to the store, and the events by name that wait for their pod."""

    tracked: Mapping[Stage, int]
    owed: int
    names_pending: int
    quarantined: int = 0
    """Number of pods that could not be fully read or evaluated."""


@dataclass(slots=True)
class Numbers:
    """Counters since the process began."""

    late: int = 0
    """Observations of pods that were gone for longer than the tombstone."""
    orphans_dropped: int = 0
    """References by Events or slices of which no pod was ever seen."""
    unclaimed: int = 0
    """Events by name that never found their pod."""
    mismatched: Counter[tuple[Stream, Mismatch]] = field(default_factory=Counter)
    """References that disagree with the object that they name: what they say is not used."""
    vanished: int = 0
    """Pods that went while nobody looked."""
    settled: int = 0
    closed: int = 0
