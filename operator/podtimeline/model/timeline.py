"""A pod's record: the join of everything observed of it, bounded.

The record is updated in place (measured: a copy per observation costs more than the decode that produced it), but by
one function only, and the join is commutative, associative and idempotent: order and duplicates cannot matter.

Whoever may write Events or EndpointSlices can write as many as they like: what is kept of one pod is bounded in number
and in characters, and ``limits`` says where something was left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import assert_never

from podtimeline.model.bounds import (
    KEPT,
    MAX_LONG_SUBJECT,
    MAX_NAMES,
    MAX_SUBJECT,
    MAX_SUBJECTS,
    MAX_WORD,
    bounded_facts,
)
from podtimeline.model.instants import Evidence, Source
from podtimeline.model.milestones import MILESTONES, Milestone, MilestoneKey, Occurrence
from podtimeline.model.notes import Note, joined_note, leave_out, note_key, noted
from podtimeline.model.observations import (
    Cause,
    DeletionCause,
    Described,
    Ended,
    Flagged,
    ImagePulled,
    Incident,
    IncidentKind,
    Labelled,
    Leaves,
    Limit,
    Limited,
    Noted,
    Observation,
    Owned,
    Partial,
    Ran,
    Selected,
    Skewed,
    Witnessed,
)
from podtimeline.model.pods import Owner, PodFacts
from podtimeline.model.texts import MAX_TEXT, clip


@dataclass(slots=True)
class Timeline:
    """Everything known of one pod; ``facts`` is ``None`` while only events or slices have named its uid."""

    uid: str
    facts: PodFacts | None = None
    evidence: dict[MilestoneKey, tuple[Evidence, ...]] = field(default_factory=dict)
    details: dict[MilestoneKey, str] = field(default_factory=dict)
    notes: dict[tuple[str, str], Note] = field(default_factory=dict)
    pulls: dict[str, ImagePulled] = field(default_factory=dict)
    runs: dict[tuple[str, int], Ran] = field(default_factory=dict)
    incidents: dict[tuple[IncidentKind, int], Incident] = field(default_factory=dict)
    deletion_cause: DeletionCause | None = None
    leaves: Leaves | None = None
    clock: Skewed | None = None
    ended: Ended | None = None
    services: frozenset[str] | None = None
    chain: tuple[Owner, ...] = ()
    partial: frozenset[Partial] = frozenset()
    limits: frozenset[Limit] = frozenset()
    """Of what more was said than is kept."""
    from_status: set[MilestoneKey] = field(default_factory=set)
    labelled: Labelled | None = None
    reselected: Selected | None = None
    """The latest answer of which Services select it, where there was none when it became ready."""

    def has(self, milestone: Milestone, subject: str = "") -> bool:
        """Whether any evidence says that the milestone happened."""
        return (milestone, subject) in self.evidence

    def copy(self) -> "Timeline":
        """What is known by now, for another thread: containers are copied, the values in them never change."""
        return replace(
            self,
            evidence=self.evidence.copy(),
            details=self.details.copy(),
            notes=self.notes.copy(),
            pulls=self.pulls.copy(),
            runs=self.runs.copy(),
            incidents=self.incidents.copy(),
            from_status=self.from_status.copy(),
        )


def apply(timeline: Timeline, observation: Observation) -> bool:
    """Join one observation into the record; returns whether the record changed."""
    match observation:
        case Witnessed():
            return _witness(timeline, observation)
        case Described():
            return _describe(timeline, observation)
        case Noted():
            return _note(timeline, observation)
        case Owned():
            return _own(timeline, observation)
        case Selected() | Labelled():
            return _select(timeline, observation)
        case ImagePulled():
            return _image(timeline, observation)
        case Ran() | Incident() | DeletionCause() | Leaves() | Skewed():
            return _circumstance(timeline, observation)
        case Ended():
            return _end(timeline, observation)
        case Flagged() | Limited():
            return _flag(timeline, observation)
        case _:
            assert_never(observation)


def apply_all(timeline: Timeline, observations: Iterable[Observation]) -> bool:
    """Join several observations into the record; returns whether it changed."""
    changed = False
    for each in observations:
        # Nearly all are: measured, a call less for each is a tenth of the join.
        if _witness(timeline, each) if type(each) is Witnessed else apply(timeline, each):
            changed = True
    return changed


def absorb(timeline: Timeline, other: Timeline) -> None:
    """Join what Events and slices said of the same pod, by this uid or another, before it was known."""
    for mark, evidence in other.evidence.items():
        detail, from_status = other.details.get(mark, ""), mark in other.from_status
        apply(timeline, Witnessed(timeline.uid, mark, evidence, detail, from_status))
    timeline.limits |= other.limits
    for note in other.notes.values():
        _keep_note(timeline, note)
    others: tuple[ImagePulled | Ran | Incident | DeletionCause, ...] = (
        *other.pulls.values(),
        *other.runs.values(),
        *other.incidents.values(),
        *(() if other.deletion_cause is None else (other.deletion_cause,)),
    )
    for said in others:
        apply(timeline, replace(said, uid=timeline.uid))


def _circumstance(timeline: Timeline, said: Ran | Incident | DeletionCause | Leaves | Skewed) -> bool:
    match said:
        case Ran():
            return _run(timeline, said)
        case Incident():
            return _befall(timeline, said)
        case DeletionCause():
            return _blame(timeline, said)
        case Leaves():
            return _leave(timeline, said)
        case Skewed():
            return _skew(timeline, said)


def _witness(timeline: Timeline, said: Witnessed) -> bool:
    _, mark, more, detail, from_status = said
    if len(mark.subject) > MAX_LONG_SUBJECT:
        return _limited(timeline, Limit.MILESTONES)
    evidence = timeline.evidence
    known = evidence.get(mark)
    if known is None:
        evidence[mark] = _normal(more) if len(more) <= 2 and mark[0] not in _LAST else joined_evidence(mark, (), more)
        changed = True
    else:
        joined = joined_evidence(mark, known, more)
        changed = joined != known
        if changed:
            evidence[mark] = joined
    if len(evidence) > MAX_SUBJECTS and known is None:
        before = timeline.limits
        if not _room(timeline, mark):
            return timeline.limits != before
    if from_status:
        timeline.from_status.add(mark)
    return _detail(timeline, mark, detail) or changed if detail else changed


def _room(timeline: Timeline, mark: MilestoneKey) -> bool:
    """Leave out what is too much of one milestone; returns whether ``mark`` is kept."""
    same = sorted(each for each in timeline.evidence if each[0] is mark[0])
    for surplus in same[MAX_SUBJECTS:]:
        del timeline.evidence[surplus]
        timeline.details.pop(surplus, None)
        timeline.limits |= {Limit.MILESTONES}
    return mark in timeline.evidence


def _detail(timeline: Timeline, mark: MilestoneKey, detail: str) -> bool:
    held = timeline.details.get(mark, "")
    if mark[0] in _GATHERING:
        return _gather(timeline, mark, {*held.split(", "), *detail.split(", ")} - {""})
    detail = clip(detail)
    if (len(detail), detail) <= (len(held), held):
        return False
    timeline.details[mark] = detail
    return True


def _gather(timeline: Timeline, mark: MilestoneKey, names: set[str]) -> bool:
    kept = ""
    for number, name in enumerate(sorted(names)):
        longer = f"{kept}, {name}" if kept else name
        if number >= MAX_NAMES or len(longer) > MAX_TEXT:
            limited = _limited(timeline, Limit.MILESTONES)
            break
        kept = longer
    else:
        limited = False
    if kept == timeline.details.get(mark, ""):
        return limited
    timeline.details[mark] = kept
    return True


def _limited(timeline: Timeline, limit: Limit) -> bool:
    """Say that something was left out; returns whether that is news."""
    if limit in timeline.limits:
        return False
    timeline.limits |= {limit}
    return True


def _join(known: tuple[Evidence, ...], more: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    # One statement a source, the earliest claim: a condition that flaps or a container that restarts claims later.
    best = {each.source: each for each in known}
    for each in more:
        held = best.get(each.source)
        if held is None or _first(each) < _first(held):
            best[each.source] = each
    return tuple(sorted(best.values(), key=_by_source))


_LAST = frozenset(each for each, row in MILESTONES.items() if row.occurrence is Occurrence.LAST)
_GATHERING = frozenset(each for each, row in MILESTONES.items() if row.gathers)


def joined_evidence(
    mark: MilestoneKey, known: tuple[Evidence, ...], more: tuple[Evidence, ...]
) -> tuple[Evidence, ...]:
    """What is kept of all the evidence for one mark."""
    return _join_last(known, more) if mark[0] in _LAST else _join(known, more)


def _join_last(known: tuple[Evidence, ...], more: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    # Two statements a source: the earliest claim stands where the latest turns out to be of a time after the start.
    first: dict[Source, Evidence] = {}
    last: dict[Source, Evidence] = {}
    for each in (*known, *more):
        first[each.source] = min(first.get(each.source, each), each, key=_first)
        last[each.source] = max(last.get(each.source, each), each, key=_first)
    return tuple(sorted({*first.values(), *last.values()}, key=_by_claim))


def _normal(more: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """What a mark is first told with, in the order of the sources: nearly always one statement or two."""
    if len(more) < 2 or more[0].source < more[1].source:
        return more
    if more[0].source == more[1].source:
        return (min(more, key=_first),)
    return (more[1], more[0])


_by_source = attrgetter("source")


def _by_claim(evidence: Evidence) -> tuple[Source, tuple[int, int, int, int, bool]]:
    return evidence.source, _first(evidence)


def _first(evidence: Evidence) -> tuple[int, int, int, int, bool]:
    earliest = -1 if evidence.earliest is None else evidence.earliest
    latest = -1 if evidence.latest is None else evidence.latest
    return (evidence.claim, evidence.observed, earliest, latest, evidence.at is None)


def _describe(timeline: Timeline, said: Described) -> bool:
    # The spec of a pod is immutable but for images, resources and labels: a fixed order picks one of two.
    facts = bounded_facts(said.facts)
    limited = facts is not said.facts and _limited(timeline, Limit.SPEC)
    held = timeline.facts
    if held is not None and (held == facts or repr(held) <= repr(facts)):
        return limited
    timeline.facts = facts
    return True


def _note(timeline: Timeline, said: Noted) -> bool:
    return _keep_note(timeline, noted(said))


def _keep_note(timeline: Timeline, told: Note) -> bool:
    key = note_key(told)
    held = timeline.notes.get(key)
    joined = told if held is None else joined_note(held, told)
    if joined == held:
        return False
    timeline.notes[key] = joined
    return not leave_out(timeline.notes) or _limited(timeline, Limit.NOTES) or key in timeline.notes


def _image(timeline: Timeline, said: ImagePulled) -> bool:
    # A restart asks for the image again, long after the start: the first time is the start's.
    if len(said.image) > MAX_SUBJECT:
        said = replace(said, image=clip(said.image, MAX_SUBJECT))
    held = timeline.pulls.get(said.container)
    if held is not None and _pull_rank(held) <= _pull_rank(said):
        return False
    pulls = timeline.pulls
    pulls[said.container] = said
    if len(pulls) <= MAX_SUBJECTS:
        return True
    del pulls[max(pulls)]
    return _limited(timeline, Limit.CONTAINERS) or said.container in pulls


def _pull_rank(pull: ImagePulled) -> tuple[int, bool, int, int, int, str]:
    return (pull.at, pull.cached, -(pull.pull or 0), -(pull.waiting or 0), -(pull.size or 0), pull.image)


def _run(timeline: Timeline, said: Ran) -> bool:
    if len(said.reason) > MAX_WORD:
        said = replace(said, reason=clip(said.reason, MAX_WORD))
    key = (said.container, said.run)
    held = timeline.runs.get(key)
    joined = said if held is None else _same_run(held, said)
    if joined == held:
        return False
    timeline.runs[key] = joined
    runs = sorted(run for name, run in timeline.runs if name == said.container)
    surplus = runs[KEPT:-1]
    for run in surplus:
        del timeline.runs[said.container, run]
    limited = bool(surplus) and _limited(timeline, Limit.RUNS)
    if len(timeline.runs) > MAX_SUBJECTS:
        for name in sorted({name for name, _ in timeline.runs})[MAX_SUBJECTS:]:
            limited = _limited(timeline, Limit.CONTAINERS) or limited
            timeline.runs = {key: ran for key, ran in timeline.runs.items() if key[0] != name}
    return limited or key in timeline.runs


def _same_run(one: Ran, other: Ran) -> Ran:
    return Ran(
        one.uid,
        one.container,
        one.run,
        _known(one.started, other.started),
        _known(one.finished, other.finished),
        _known(one.exit_code, other.exit_code),
        max(one.reason, other.reason),
    )


def _known(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


LOST_READINESS = MilestoneKey(Milestone.READY, "lost")
"""Known from a pod's status once it was not ready any more: only then has its decoder to say that it is ready again."""


def _befall(timeline: Timeline, said: Incident) -> bool:
    if said.incident is IncidentKind.NOT_READY:
        timeline.from_status.add(LOST_READINESS)
    said = replace(said, text=clip(said.text))
    key = (said.incident, said.at)
    held = timeline.incidents.get(key)
    if held is not None and held.text >= said.text:
        return False
    timeline.incidents[key] = said
    moments = sorted(at for incident, at in timeline.incidents if incident is said.incident)
    surplus = moments[KEPT:-1]
    for at in surplus:
        del timeline.incidents[said.incident, at]
    return (bool(surplus) and _limited(timeline, Limit.INCIDENTS)) or said.at not in surplus


_CAUSES = {cause: rank for rank, cause in enumerate(Cause)}


def _blame(timeline: Timeline, said: DeletionCause) -> bool:
    said = replace(said, text=clip(said.text))
    held = timeline.deletion_cause
    if held is not None and (_CAUSES[held.cause], held.text) <= (_CAUSES[said.cause], said.text):
        return False
    timeline.deletion_cause = said
    return True


def _leave(timeline: Timeline, said: Leaves) -> bool:
    held = timeline.leaves or Leaves(said.uid)
    stood = {*(held.standing or ()), *(said.standing or ())}
    # The kubelet's own last request has a grace of 0, and finalizers go one by one: what was asked for first counts.
    finalizers = sorted({clip(each, MAX_SUBJECT) for each in (*held.finalizers, *said.finalizers)})
    limited = len(finalizers) > MAX_NAMES and _limited(timeline, Limit.FINALIZERS)
    limited = (len(stood) > MAX_SUBJECTS and _limited(timeline, Limit.SERVICES)) or limited
    joined = Leaves(
        said.uid,
        _known(held.grace, said.grace),
        tuple(finalizers[:MAX_NAMES]),
        None if held.standing is None and said.standing is None else tuple(sorted(stood)[:MAX_SUBJECTS]),
    )
    if joined == timeline.leaves:
        return limited
    timeline.leaves = joined
    return True


def _skew(timeline: Timeline, said: Skewed) -> bool:
    held = timeline.clock
    if held is not None and (held.at, held.low, held.high, held.since) >= (said.at, said.low, said.high, said.since):
        return False
    timeline.clock = said
    return True


def _end(timeline: Timeline, said: Ended) -> bool:
    said = replace(said, reason=clip(said.reason), text=clip(said.text))
    held = said if timeline.ended is None else timeline.ended
    best = max(held, said, key=lambda each: (each.succeeded, each.reason, each.text))
    joined = replace(best, leaving=held.leaving and said.leaving)
    if joined == timeline.ended:
        return False
    timeline.ended = joined
    return True


def _select(timeline: Timeline, said: Selected | Labelled) -> bool:
    if isinstance(said, Labelled):
        return _label(timeline, said)
    if said.at:
        return _reselect(timeline, said)
    held = timeline.services
    joined = frozenset(said.services) if held is None else held.union(said.services)
    limited = False
    if len(joined) > MAX_SUBJECTS:
        limited = _limited(timeline, Limit.SERVICES)
        joined = frozenset(sorted(joined)[:MAX_SUBJECTS])
    if joined == held:
        return limited
    timeline.services = joined
    return True


def _reselect(timeline: Timeline, said: Selected) -> bool:
    limited = len(said.services) > MAX_SUBJECTS and _limited(timeline, Limit.SERVICES)
    if len(said.services) > MAX_SUBJECTS:
        said = replace(said, services=said.services[:MAX_SUBJECTS])
    held = timeline.reselected
    if held is not None and (held.at, held.services) >= (said.at, said.services):
        return limited
    timeline.reselected = said
    return True


def _label(timeline: Timeline, said: Labelled) -> bool:
    limited = len(said.labels) > MAX_SUBJECTS and _limited(timeline, Limit.SPEC)
    if len(said.labels) > MAX_SUBJECTS:
        said = replace(said, labels=said.labels[:MAX_SUBJECTS])
    held = timeline.labelled
    if held is not None and (held.at, held.labels) >= (said.at, said.labels):
        return limited
    timeline.labelled = said
    return True


def _own(timeline: Timeline, said: Owned) -> bool:
    held, chain = timeline.chain, said.chain
    if len(held) > len(chain) or (len(held) == len(chain) and repr(held) >= repr(chain)):
        return False
    timeline.chain = chain
    return True


def _flag(timeline: Timeline, said: Flagged | Limited) -> bool:
    if isinstance(said, Limited):
        return _limited(timeline, said.limit)
    if said.partial in timeline.partial:
        return False
    timeline.partial |= {said.partial}
    return True
