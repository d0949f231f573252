"""A pod's record: the join of everything observed of it.

The record is updated in place (measured: a copy per observation costs more than the decode that produced it), but by
one function only, and the join is commutative, associative and idempotent: order and duplicates cannot matter.
"""

from dataclasses import dataclass, field
from operator import attrgetter
from typing import assert_never

from podtimeline.core.instants import Evidence
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import (
    Described,
    Ended,
    Flagged,
    ImagePulled,
    Noted,
    Observation,
    Owned,
    Partial,
    Restarted,
    Selected,
    Witnessed,
)
from podtimeline.core.pods import Owner, PodFacts


@dataclass(frozen=True, slots=True)
class Note:
    """What was said under one reason about one subject: the latest text, and the highest count an event reported."""

    reason: str
    subject: str
    text: str
    first: int
    last: int
    count: int


@dataclass(slots=True)
class Timeline:
    """Everything known of one pod; ``facts`` is ``None`` while only events or slices have named its uid."""

    uid: str
    facts: PodFacts | None = None
    evidence: dict[Mark, tuple[Evidence, ...]] = field(default_factory=dict)
    details: dict[Mark, str] = field(default_factory=dict)
    notes: dict[tuple[str, str], Note] = field(default_factory=dict)
    pulls: dict[str, ImagePulled] = field(default_factory=dict)
    restarts: dict[str, Restarted] = field(default_factory=dict)
    ended: Ended | None = None
    services: frozenset[str] | None = None
    chain: tuple[Owner, ...] = ()
    partial: frozenset[Partial] = frozenset()
    from_status: set[Mark] = field(default_factory=set)

    def has(self, milestone: Milestone, subject: str = "") -> bool:
        """Whether any evidence says that the milestone happened."""
        return (milestone, subject) in self.evidence


def apply(timeline: Timeline, observation: Observation) -> bool:
    """Join one observation into the record; returns whether the record changed."""
    match observation:
        case Witnessed():
            return _witness(timeline, observation)
        case Described():
            return _describe(timeline, observation)
        case Noted():
            return _note(timeline, observation)
        case ImagePulled():
            return _image(timeline, observation)
        case Restarted():
            return _restart(timeline, observation)
        case Ended():
            return _end(timeline, observation)
        case Selected():
            return _select(timeline, observation)
        case Owned():
            return _own(timeline, observation)
        case Flagged():
            return _flag(timeline, observation)
        case _:
            assert_never(observation)


def _witness(timeline: Timeline, said: Witnessed) -> bool:
    _, mark, more, detail, from_status = said
    evidence = timeline.evidence
    known = evidence.get(mark)
    if known is None:
        evidence[mark] = _normal(more) if len(more) <= 2 else _join((), more)
        changed = True
    else:
        joined = _join(known, more)
        changed = joined != known
        if changed:
            evidence[mark] = joined
    if from_status:
        timeline.from_status.add(mark)
    return _detail(timeline, mark, detail) or changed if detail else changed


def _detail(timeline: Timeline, mark: Mark, detail: str) -> bool:
    held = timeline.details.get(mark, "")
    if (len(detail), detail) <= (len(held), held):
        return False
    timeline.details[mark] = detail
    return True


def _join(known: tuple[Evidence, ...], more: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    # One statement a source, the earliest claim: a condition that flaps or a container that restarts claims later.
    best = {each.source: each for each in known}
    for each in more:
        held = best.get(each.source)
        if held is None or _first(each) < _first(held):
            best[each.source] = each
    return tuple(sorted(best.values(), key=_by_source))


def _normal(more: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """What a mark is first told with, in the order of the sources: nearly always one statement or two."""
    if len(more) < 2 or more[0].source < more[1].source:
        return more
    if more[0].source == more[1].source:
        return (min(more, key=_first),)
    return (more[1], more[0])


_by_source = attrgetter("source")


def _first(evidence: Evidence) -> tuple[int, int, int, int, bool]:
    earliest = -1 if evidence.earliest is None else evidence.earliest
    latest = -1 if evidence.latest is None else evidence.latest
    return (evidence.claim, evidence.observed, earliest, latest, evidence.at is None)


def _describe(timeline: Timeline, said: Described) -> bool:
    # The spec of a pod is immutable but for images, resources and labels: a fixed order picks one of two.
    if timeline.facts is not None and repr(timeline.facts) <= repr(said.facts):
        return False
    timeline.facts = said.facts
    return True


def _note(timeline: Timeline, said: Noted) -> bool:
    key = (said.reason, said.subject)
    held = timeline.notes.get(key)
    if held is None:
        timeline.notes[key] = Note(said.reason, said.subject, said.text, said.at, said.at, said.count)
        return True
    text = max((held.last, held.text), (said.at, said.text))[1]
    first, last = min(held.first, said.at), max(held.last, said.at)
    joined = Note(said.reason, said.subject, text, first, last, max(held.count, said.count))
    if joined == held:
        return False
    timeline.notes[key] = joined
    return True


def _image(timeline: Timeline, said: ImagePulled) -> bool:
    # A restart finds the image on the node: the pull that cost time is the one worth keeping.
    held = timeline.pulls.get(said.container)
    if held is not None and _pull_rank(held) >= _pull_rank(said):
        return False
    timeline.pulls[said.container] = said
    return True


def _pull_rank(pull: ImagePulled) -> tuple[bool, int, int, int, str]:
    return (not pull.cached, pull.pull or 0, pull.waiting or 0, pull.size or 0, pull.image)


def _restart(timeline: Timeline, said: Restarted) -> bool:
    held = timeline.restarts.get(said.container)
    if held is not None and _restart_rank(held) >= _restart_rank(said):
        return False
    timeline.restarts[said.container] = said
    return True


def _restart_rank(said: Restarted) -> tuple[int, bool, int, str]:
    return (said.restarts, said.exit_code is not None, said.exit_code or 0, said.reason)


def _end(timeline: Timeline, said: Ended) -> bool:
    held = timeline.ended
    if held is not None and (held.succeeded, held.reason, held.text) >= (
        said.succeeded,
        said.reason,
        said.text,
    ):
        return False
    timeline.ended = said
    return True


def _select(timeline: Timeline, said: Selected) -> bool:
    joined = frozenset(said.services) | (timeline.services or frozenset())
    if joined == timeline.services:
        return False
    timeline.services = joined
    return True


def _own(timeline: Timeline, said: Owned) -> bool:
    held, chain = timeline.chain, said.chain
    if len(held) > len(chain) or (len(held) == len(chain) and repr(held) >= repr(chain)):
        return False
    timeline.chain = chain
    return True


def _flag(timeline: Timeline, said: Flagged) -> bool:
    if said.partial in timeline.partial:
        return False
    timeline.partial |= {said.partial}
    return True
