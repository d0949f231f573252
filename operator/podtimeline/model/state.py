"""A timeline as plain data, for stores and captures: what goes in comes out, to the nanosecond."""

from dataclasses import dataclass

from podtimeline.model.instants import Evidence
from podtimeline.model.milestones import MilestoneKey
from podtimeline.model.notes import Note, characters, note_key
from podtimeline.model.observations import (
    DeletionCause,
    Ended,
    ImagePulled,
    Incident,
    Labelled,
    Leaves,
    Limit,
    Partial,
    Ran,
    Selected,
    Skewed,
)
from podtimeline.model.pods import Owner, PodFacts
from podtimeline.model.timeline import Timeline


@dataclass(frozen=True, slots=True)
class State:
    """Everything a ``Timeline`` holds, in tuples that any codec can write."""

    uid: str
    facts: PodFacts | None
    evidence: tuple[tuple[MilestoneKey, tuple[Evidence, ...]], ...]
    details: tuple[tuple[MilestoneKey, str], ...]
    notes: tuple[Note, ...]
    pulls: tuple[ImagePulled, ...]
    runs: tuple[Ran, ...]
    incidents: tuple[Incident, ...]
    deletion_cause: DeletionCause | None
    leaves: Leaves | None
    clock: Skewed | None
    ended: Ended | None
    services: tuple[str, ...] | None
    chain: tuple[Owner, ...]
    partial: tuple[Partial, ...]
    from_status: tuple[MilestoneKey, ...]
    labelled: Labelled | None = None
    reselected: Selected | None = None
    limits: tuple[Limit, ...] = ()


def dump(timeline: Timeline) -> State:
    """The timeline's state; equal timelines give equal states."""
    return State(
        uid=timeline.uid,
        facts=timeline.facts,
        evidence=tuple(sorted(timeline.evidence.items(), key=lambda item: item[0])),
        details=tuple(sorted(timeline.details.items())),
        notes=tuple(timeline.notes[key] for key in sorted(timeline.notes)),
        pulls=tuple(timeline.pulls[key] for key in sorted(timeline.pulls)),
        runs=tuple(timeline.runs[key] for key in sorted(timeline.runs)),
        incidents=tuple(timeline.incidents[key] for key in sorted(timeline.incidents)),
        deletion_cause=timeline.deletion_cause,
        leaves=timeline.leaves,
        clock=timeline.clock,
        ended=timeline.ended,
        services=None if timeline.services is None else tuple(sorted(timeline.services)),
        chain=timeline.chain,
        partial=tuple(sorted(timeline.partial)),
        from_status=tuple(sorted(timeline.from_status)),
        labelled=timeline.labelled,
        reselected=timeline.reselected,
        limits=tuple(sorted(timeline.limits)),
    )


def load(state: State) -> Timeline:
    """The timeline that ``dump`` was given."""
    return Timeline(
        uid=state.uid,
        facts=state.facts,
        evidence=dict(state.evidence),
        details=dict(state.details),
        notes={note_key(note): note for note in state.notes},
        pulls={pull.container: pull for pull in state.pulls},
        runs={(each.container, each.run): each for each in state.runs},
        incidents={(each.incident, each.at): each for each in state.incidents},
        deletion_cause=state.deletion_cause,
        leaves=state.leaves,
        clock=state.clock,
        ended=state.ended,
        services=None if state.services is None else frozenset(state.services),
        chain=state.chain,
        partial=frozenset(state.partial),
        from_status=set(state.from_status),
        labelled=state.labelled,
        reselected=state.reselected,
        limits=frozenset(state.limits),
    )


_EACH = 512
"""Bytes of a mark with its evidence, a note, a run and the like, without their texts (measured with tracemalloc)."""


def weight(timeline: Timeline) -> int:
    """An estimate in bytes of what is kept of a pod that was not described yet: its entries and their characters."""
    entries = len(timeline.evidence) + len(timeline.notes) + len(timeline.pulls)
    entries += len(timeline.runs) + len(timeline.incidents)
    return (
        _EACH * (1 + entries)
        + sum(len(mark.subject) for mark in timeline.evidence)
        + sum(map(len, timeline.details.values()))
        + sum(map(characters, timeline.notes.values()))
        + sum(len(each.image) for each in timeline.pulls.values())
        + sum(len(each.text) for each in timeline.incidents.values())
    )
