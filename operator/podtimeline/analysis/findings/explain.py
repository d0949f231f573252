"""Why it took long: findings ranked by what they cost, and the same in a few sentences, from evidence alone."""

from collections.abc import Sequence

from podtimeline.analysis.findings.case import Case, Found, Spell
from podtimeline.analysis.findings.events import names_cause
from podtimeline.analysis.findings.peers import NOBODY, Peers
from podtimeline.analysis.findings.rules import RULES, Finding, FindingKind, Rule, kind_title
from podtimeline.analysis.resolved import Outcome, ResolvedTimeline
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import PHASES, Leg, Phase
from podtimeline.model.texts import duration_text

_WORTH = SECOND
_WORTH_PART = 20
"""A finding is worth telling from a second on, or from a twentieth of all that is known of the pod's way."""
_RANK = {rule.kind: index for index, rule in enumerate(RULES)}
_STATED = tuple(rule for rule in RULES if not rule.general and not rule.inferred)
_INFERRED = tuple(rule for rule in RULES if rule.inferred)
_GENERAL = tuple(rule for rule in RULES if rule.general and rule.kind is not FindingKind.WARNING_EVENT)
_WARNING = tuple(rule for rule in RULES if rule.kind is FindingKind.WARNING_EVENT)


def findings(view: ResolvedTimeline, peers: Peers = NOBODY) -> tuple[Finding, ...]:
    """What cost time or traffic, the longest first; ties go by the order of the table of rules, then by subject.

    A rejection comes first, and what is part of a leg's length before what ran beside it. Each finding has evidence.
    The longest phase of a start, and what the pod waits for now, are told of however short they are.
    """
    case = Case(view, peers)
    spells = [spell for leg in Leg for spell in case.spells(leg)]
    special = [each for rule in _STATED for each in _applied(case, rule)]
    special += [each for spell in spells for each in _rest(case, spell, special, _WARNING)]
    # What an Event names outright is no matter of inference.
    named = {each.spell for each in special if each.kind is FindingKind.WARNING_EVENT and _named(case, each.spell)}
    special += [each for rule in _INFERRED for each in _applied(case, rule) if each.spell not in named]
    general = [each for spell in spells for each in _rest(case, spell, special, _GENERAL)]
    return tuple(sorted(_worth(case, [*special, *general]), key=_order))


def _named(case: Case, spell: Spell | None) -> bool:
    return spell is not None and names_cause(case, spell)


def _applied(case: Case, rule: Rule) -> list[Finding]:
    spells = case.spells(rule.leg, *rule.phases) if rule.phases else ()
    return [_finding(case, rule, rule.leg, found) for found in rule.find(case, spells) if found.proofs]


def _rest(case: Case, spell: Spell, special: Sequence[Finding], rules: Sequence[Rule]) -> list[Finding]:
    """What the first of the rules finds about a spell of which no special one explains the greater part."""
    if any(each.spell == spell and 2 * each.duration >= spell.duration for each in special):
        return []
    for rule in rules:
        told = rule.find(case, (spell,)) if not rule.phases or spell.phase in rule.phases else ()
        found = [_finding(case, rule, spell.leg, each) for each in told if each.proofs]
        if found:
            return found
    return []


def _finding(case: Case, rule: Rule, leg: Leg, found: Found) -> Finding:
    length = case.length(leg)
    share = None if found.parallel else found.duration / length if length else 0.0
    advice = found.advice or rule.advice
    return Finding(
        rule.kind, leg, found.spell, found.subject, found.text, found.duration, share, found.proofs, advice, found.open
    )


def _worth(case: Case, told: Sequence[Finding]) -> list[Finding]:
    whole = sum(case.length(leg) for leg in Leg)
    least = min(_WORTH, whole // _WORTH_PART)
    starting = case.spells(Leg.STARTUP)
    always = {max(starting, key=lambda each: each.duration, default=None), *(each for each in starting if each.open)}
    return [
        each
        for each in told
        if each.share is None or each.duration >= least or each.spell in always or each.kind in _DECISIVE
    ]


_DECISIVE = frozenset({FindingKind.REJECTED, FindingKind.FAILED})
"""What says why a pod does not run is told however little time it took."""


def _order(finding: Finding) -> tuple[bool, bool, int, int, str, str]:
    rejected = finding.kind is FindingKind.REJECTED
    return (
        not rejected,
        finding.share is None,
        -finding.duration,
        _RANK[finding.kind],
        finding.subject,
        finding.text,
    )


def explain(view: ResolvedTimeline, told: Sequence[Finding] | None = None) -> str:
    """The findings that matter most, in a few sentences: of the start, what it waits for now, and of the other legs.

    ``told`` are the findings of the view, where they are known already.
    """
    if view.error is not None:
        return view.error
    ranked = findings(view) if told is None else told
    first = _first(ranked, Leg.STARTUP)
    if first is None:
        return "It is not known yet when this pod was created."
    sentences = [_start(view, first), *_now(view, ranked, first), *_other_legs(view, ranked)]
    sentences += [f"{finding.text}." for finding in ranked if finding.kind is FindingKind.TRAFFIC_LOST][:1]
    return " ".join(sentences)


def _first(ranked: Sequence[Finding], leg: Leg) -> Finding | None:
    return next((each for each in ranked if each.leg is leg and each.share is not None), None)


def _start(view: ResolvedTimeline, first: Finding) -> str:
    took, where = duration_text(_length(first)), _where(first)
    share = "" if not view.total else f" ({100 * _length(first) // view.total} % of {duration_text(view.total)})"
    said = f"It has been {where} for {took}{share}" if first.open else f"It spent {took}{share} {where}"
    end = " It was deleted before it was ready." if view.outcome is Outcome.DELETED else ""
    return f"{said}: {first.text}.{end}"


def _length(finding: Finding) -> int:
    """How long what it is about lasted: a rule may speak of part of a phase."""
    return finding.duration if finding.spell is None else finding.spell.duration


def _where(finding: Finding) -> str:
    if finding.spell is None:
        return f"in {kind_title(finding.kind)}"
    return where_text(finding.spell.phase, finding.spell.subject)


def where_text(phase: Phase, subject: str = "") -> str:
    """A phase and what it belongs to, as the place where time was spent: ``in image pull of web``."""
    match phase:
        case Phase.UNEXPLAINED:
            return "in steps that were not observed"
        case Phase.UNSCHEDULABLE:
            return PHASES[phase].title
        case _:
            return f"in {PHASES[phase].title}" + (f" of {subject}" if subject else "")


def _now(view: ResolvedTimeline, ranked: Sequence[Finding], first: Finding) -> list[str]:
    """Whoever reads of a pod that still starts wants to know what it waits for now, long or not."""
    current = next((each for each in ranked if each.leg is Leg.STARTUP and each.spell is not None and each.open), None)
    if current is None or current.spell is None or first.open:
        return []
    return [f"Now it has been {_where(current)} for {duration_text(view.phases[-1].duration)}: {current.text}."]


def _other_legs(view: ResolvedTimeline, ranked: Sequence[Finding]) -> list[str]:
    said = []
    asked, left = _first(ranked, Leg.REQUEST), _first(ranked, Leg.TERMINATION)
    if asked is not None and view.requested:
        took, whole = duration_text(_length(asked)), duration_text(view.requested)
        said.append(f"Before it was created it spent {took} of {whole} {_where(asked)}: {asked.text}.")
    if left is not None:
        took, whole = duration_text(_length(left)), duration_text(sum(each.duration for each in view.leaving))
        verb = "has spent" if left.open else "spent"
        said.append(f"During termination it {verb} {took} of {whole} {_where(left)}: {left.text}.")
    return said
