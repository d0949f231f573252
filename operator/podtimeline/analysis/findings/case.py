"""What the rules that make findings have to work with: a pod's view, its spells, and what was said of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from podtimeline.analysis.findings.peers import NOBODY, Peers
from podtimeline.analysis.phases.spans import PhaseSpan
from podtimeline.analysis.resolved import Reached, ResolvedTimeline
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import MILESTONES, Leg, Milestone, MilestoneKey, Occurrence, Phase
from podtimeline.model.notes import Note
from podtimeline.model.observations import ALL_RESTARTING
from podtimeline.model.texts import shortened


@dataclass(frozen=True, slots=True)
class Spell:
    """All stretches of one phase and subject on one leg: from the first one's start to the last one's end."""

    leg: Leg
    phase: Phase
    subject: str
    start: int
    end: int
    duration: int
    open: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece of what a finding rests on.

    ``source`` says where it comes from: ``event REASON``, ``status``, ``spec``, ``milestone`` or ``peers``; ``at`` is
    the moment it speaks of in nanoseconds since the epoch, ``None`` where it speaks of none.
    """

    source: str
    text: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found. ``spell`` is ``None`` where it is about several, or none.

    ``advice`` replaces the rule's own where the evidence says more; ``parallel`` is for what is no part of the
    leg's length.
    """

    spell: Spell | None
    subject: str
    text: str
    duration: int
    proofs: tuple[Proof, ...]
    advice: str = ""
    parallel: bool = False
    open: bool = False


_SLACK = SECOND
"""Nanoseconds by which a stretch may have begun earlier than estimated: what was said then was said of it."""
_OF_STATUS = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "PreCreateHookError",
        "PreStartHookError",
        "RegistryUnavailable",
        "RunContainerError",
        "SignatureValidationFailed",
    }
)
"""Reasons of a waiting container; others are events'.

Kubelet ``images/types.go``, ``container/sync_result.go`` and ``kuberuntime/kuberuntime_container.go``; cri-api
``pkg/errors/errors.go``.
"""
_OF_CONDITION = frozenset({"SchedulingGated", "Unschedulable"})
VAGUE = frozenset({"BackOff", "Failed", "InspectFailed", "Unschedulable"})
"""Reasons whose latest words only repeat that it failed, or that come with better ones: the last resort."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words that were said while something went on: ``count`` times up to then, ``at`` the last one that counts."""

    reason: str
    text: str
    at: int
    count: int

    @property
    def words(self) -> str:
        """The reason and its words, as the middle of a sentence; a probe without output ends in a colon.

        The sentence has room for the beginning and the end of long words: they stand in full as evidence.
        """
        times = f" ({self.count} times)" if self.count > 1 else ""
        text = shortened(trimmed(self.text))
        return f"{self.reason}{times}: {text}" if text else f"{self.reason}{times}"

    @property
    def proof(self) -> Proof:
        """The words as evidence."""
        times = f"{self.count} times: " if self.count > 1 else ""
        return Proof(_said_by(self.reason), times + (trimmed(self.text) or self.reason), self.at)


def _said_by(reason: str) -> str:
    if reason in _OF_CONDITION:
        return f"condition PodScheduled {reason}"
    if reason == ALL_RESTARTING:
        return f"condition {reason}"
    return f"status {reason}" if reason in _OF_STATUS else f"event {reason}"


def trimmed(text: str) -> str:
    """A text as the middle of a sentence."""
    return text.strip().rstrip(".:").rstrip()


class Case:
    """A pod's view and its peers, with what rules ask of them."""

    __slots__ = ("_reached", "_spells", "peers", "view")

    def __init__(self, view: ResolvedTimeline, peers: Peers = NOBODY) -> None:
        self.view = view
        self.peers = peers
        self._reached = {each.mark: each for each in view.milestones}
        legs = ((Leg.REQUEST, view.request), (Leg.STARTUP, view.phases), (Leg.TERMINATION, view.leaving))
        self._spells = {leg: tuple(_spells(leg, stretches)) for leg, stretches in legs}

    def spells(self, leg: Leg, *phases: Phase) -> tuple[Spell, ...]:
        """The spells of these phases, of all phases where none is named, in the order of their beginning."""
        return tuple(each for each in self._spells[leg] if not phases or each.phase in phases)

    def length(self, leg: Leg) -> int:
        """The length of the leg so far; 0 where nothing is known of it."""
        return sum(each.duration for each in self._spells[leg])

    def reached(self, milestone: Milestone, subject: str = "") -> Reached | None:
        """The milestone, ``None`` where nothing says that it was reached."""
        return self._reached.get(MilestoneKey(milestone, subject))

    def moment(self, milestone: Milestone, subject: str = "") -> int | None:
        """The best estimate of when it was reached, ``None`` where it was not or nothing says when."""
        reached = self.reached(milestone, subject)
        return None if reached is None or reached.instant is None else reached.instant.at

    def proof(self, milestone: Milestone, subject: str = "") -> tuple[Proof, ...]:
        """The milestone as evidence: nothing, or one piece."""
        reached = self.reached(milestone, subject)
        return () if reached is None else (milestone_proof(reached),)

    def bounds(self, spell: Spell) -> tuple[Proof, ...]:
        """The milestones that the spell lies between, as evidence; at least one for every spell."""
        timed = [
            (each.instant.at, each)
            for each in self.view.milestones
            if each.instant is not None and each.mark.milestone not in _OFF_PATH
        ]
        begun = [reached for at, reached in timed if at == spell.start] or [
            each for at, each in timed if at < spell.start
        ]
        ended = [reached for at, reached in timed if at == spell.end and not spell.open]
        return tuple(milestone_proof(each) for each in (*_own(begun[::-1], spell)[:1], *_own(ended, spell)[:1]))

    def quote(self, spell: Spell, *reasons: str, about: Iterable[str] = ()) -> Quote | None:
        """The latest telling words under one of the reasons said while the spell lasted, of its subject or ``about``.

        Words that were said after it are not its own: where a note's last words are, its first ones are taken.
        """
        names = {"", spell.subject, *about}
        quotes = (
            quoted(note, spell.start, spell.end)
            for note in self.view.notes
            if note.reason in reasons and (note.subject in names or not spell.subject)
        )
        fitting = [each for each in quotes if each is not None]
        return max(fitting, key=_telling, default=None)

    def said(self, reason: str) -> Quote | None:
        """The latest words about the pod under the reason, whenever they were said."""
        notes = (note for note in self.view.notes if note.reason == reason and not note.subject)
        return next((Quote(note.reason, note.text, note.last, note.count) for note in notes), None)

    def quotes(self, spell: Spell, *reasons: str) -> tuple[Quote, ...]:
        """All that was said under the reasons while the spell lasted, the most telling and latest last."""
        found = (self.quote(spell, reason) for reason in reasons)
        return tuple(sorted((each for each in found if each is not None), key=_telling))

    def words(self, spell: Spell, *reasons: str) -> tuple[Quote, ...]:
        """All words of its subject that are known of the time, the most telling and latest first.

        Of several subjects, and of words that change, only one is the most telling: a rule that looks for certain words
        must not miss them for the others.
        """
        named = [each for each in self.view.notes if each.reason in reasons]
        notes = [each for each in named if each.subject in {"", spell.subject} or not spell.subject]
        latest = [found for each in notes if (found := quoted(each, spell.start, spell.end)) is not None]
        first = [
            Quote(each.reason, each.first_text, each.first, 1)
            for each in notes
            if each.first_text and spell.start - _SLACK <= each.first <= spell.end
        ]
        return tuple(sorted((*latest, *first), key=_telling, reverse=True))


def _telling(quote: Quote) -> tuple[bool, int, str]:
    return (quote.reason not in VAGUE, quote.at, quote.reason)


_OFF_PATH = frozenset(
    {Milestone.INITIALIZED, *(each for each, row in MILESTONES.items() if row.occurrence is Occurrence.LAST)}
)
"""Initialized is on no critical path, and of attempts that failed the last one opens nothing."""


def _own(reached: Sequence[Reached], spell: Spell) -> list[Reached]:
    """Those of the spell's own subject first: several can be estimated to the same moment."""
    return sorted(reached, key=lambda each: each.mark.subject != spell.subject)


def quoted(note: Note, start: int, end: int) -> Quote | None:
    """The note's words of the time between the two moments, ``None`` where it has none."""
    if note.last < start - _SLACK or note.first > end:
        return None
    if note.last <= end + _SLACK:
        return Quote(note.reason, note.text, note.last, note.count)
    return Quote(note.reason, note.first_text, note.first, 1)


def milestone_proof(reached: Reached) -> Proof:
    """A milestone as evidence: its name, its source, its detail, and how far off it may be."""
    mark, instant = reached.mark, reached.instant
    name = mark.milestone.replace("_", " ") + (f" of {mark.subject}" if mark.subject else "")
    detail = f" ({reached.detail})" if reached.detail else ""
    if instant is None:
        return Proof("milestone", f"{name}{detail}, nothing says when")
    return Proof("milestone", f"{name}{detail}, by {instant.source.replace('_', ' ')}", instant.at)


def _spells(leg: Leg, stretches: Iterable[PhaseSpan]) -> Iterator[Spell]:
    groups: dict[tuple[Phase, str], list[PhaseSpan]] = {}
    for each in stretches:
        groups.setdefault((each.phase, each.subject), []).append(each)
    for (phase, subject), parts in groups.items():
        took = sum(each.duration for each in parts)
        yield Spell(leg, phase, subject, parts[0].start, parts[-1].end, took, parts[-1].open)


Find = Callable[[Case, tuple[Spell, ...]], Iterable[Found]]
"""Finds what a rule is about among the spells of its phases."""
EachFind = Callable[[Case, Spell], Found | None]


def each(find: EachFind) -> Find:
    """A rule that looks at one spell at a time."""

    def find_all(case: Case, spells: tuple[Spell, ...]) -> Iterator[Found]:
        for spell in spells:
            found = find(case, spell)
            if found is not None:
                yield found

    return find_all


def of_spell(
    spell: Spell, text: str, *proofs: Proof, duration: int | None = None, advice: str = "", subject: str | None = None
) -> Found:
    """What was found about one spell: all of its time unless ``duration`` says how much."""
    took = spell.duration if duration is None else duration
    name = spell.subject if subject is None else subject
    return Found(spell, name, text, took, proofs, advice, open=spell.open)
