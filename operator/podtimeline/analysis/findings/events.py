"""Rules for the words of Events and of waiting containers: which of them tell the cause, and what to try."""

import re
from collections.abc import Iterator

from podtimeline.analysis.findings.case import VAGUE, Case, Found, Proof, Quote, Spell, of_spell, quoted, trimmed
from podtimeline.analysis.findings.diagnoses import NORMAL, Diagnosis, Topic, advice_of, diagnose, of_image, rank
from podtimeline.model.milestones import PHASES, Milestone, Phase
from podtimeline.model.notes import Note

_SHOWN = 3
"""Warnings that a finding has as evidence: the one that it quotes, and the newest others."""
_NO_CREDENTIALS = "FailedToRetrieveImagePullSecret"


def warning_event(case: Case, spell: Spell) -> Found | None:
    """The newest Warning of the time that concerns the phase; one whose cause is known goes before the others."""
    said = sorted(_concerning(case, spell), key=lambda each: (bool(_advice(each)), each.at, each.reason), reverse=True)
    if not said:
        return None
    best, advice = said[0], _advice(said[0]) or PHASES[spell.phase].advice
    proofs = [proof for each in said[:_SHOWN] for proof in (each.proof, *earlier(case, spell, each))]
    return of_spell(spell, best.words, *proofs, *case.bounds(spell), advice=advice)


def names_cause(case: Case, spell: Spell) -> bool:
    """Whether a Warning of the time is known to be a cause of such a wait."""
    return any(_advice(each) for each in _concerning(case, spell))


def _advice(quote: Quote) -> str:
    return advice_of(diagnose(quote.reason, quote.text), quote.text)


def _concerning(case: Case, spell: Spell) -> list[Quote]:
    found = (quoted(note, spell.start, spell.end) for note in case.view.notes if _may_concern(note, spell))
    return [each for each in found if each is not None and _concerns(each, spell)]


def _may_concern(note: Note, spell: Spell) -> bool:
    """Whether it is a Warning of the time, about the phase's own container, the pod, or anything of a pod's phase."""
    mine = note.subject in {"", spell.subject} or not spell.subject
    return mine and note.reason not in NORMAL and note.last >= spell.start and note.first <= spell.end


def _concerns(quote: Quote, spell: Spell) -> bool:
    """Whether the table lets it make such a phase long; of a reason that no row has nobody knows better."""
    row = diagnose(quote.reason, quote.text)
    return (
        row is None or spell.phase in row.phases or (spell.phase is Phase.UNEXPLAINED and row.topic is not Topic.NONE)
    )


def earlier(case: Case, spell: Spell, quote: Quote) -> tuple[Proof, ...]:
    """The first words that were said under the same reason, where they say something else than the latest."""
    first = [each for each in case.words(spell, quote.reason) if each.at < quote.at and not _alike(each, quote)]
    return (min(first, key=lambda each: each.at).proof,) if first else ()


_VARIABLE = re.compile(r"[0-9a-f]{8,}|\d+")
"""Identifiers and numbers, which differ between attempts."""


def _alike(one: Quote, other: Quote) -> bool:
    return _VARIABLE.sub("", one.text) == _VARIABLE.sub("", other.text)


def failure(case: Case, spell: Spell, topic: Topic, *reasons: str) -> Found | None:
    """A failure that repeats: the words that tell its cause, and the latest ones where they are others."""
    said = [each for each in case.words(spell, *reasons) if _topic(each) is topic]
    if not said:
        return None
    latest, cause = said[0], _cause(said)
    more = "" if cause is latest or _alike(cause, latest) else f"; since then: {latest.words}"
    proofs = dict.fromkeys((cause.proof, latest.proof, *earlier(case, spell, latest)))
    return of_spell(spell, f"{cause.words}{more}", *proofs, *case.bounds(spell), advice=_advice(cause))


def _topic(quote: Quote) -> Topic | None:
    row = diagnose(quote.reason, quote.text)
    return None if row is None else row.topic


def _cause(said: list[Quote]) -> Quote:
    """The latest words, but where they follow from earlier ones, or only those are known to be a cause."""
    causes = [each for each in said if not _follows(each)] or said
    known = [each for each in causes if _advice(each)] or causes
    return said[0] if said[0] in known else min(known, key=lambda each: (each.reason in VAGUE, each.at))


def _follows(quote: Quote) -> bool:
    row = diagnose(quote.reason, quote.text)
    return row is not None and row.consequence


def missing_config(case: Case, spell: Spell, *reasons: str) -> Found | None:
    """A ConfigMap or Secret, or a key of one, does not exist."""
    said = (each for each in case.words(spell, *reasons) if _topic(each) is Topic.CONFIG)
    quote = next(said, None)
    return (
        None if quote is None else of_spell(spell, quote.words, quote.proof, *case.bounds(spell), advice=_advice(quote))
    )


_PULLS = (
    *("ErrImageNeverPull", "InvalidImageName", "InspectFailed", "ImageInspectError", "SignatureValidationFailed"),
    *("RegistryUnavailable", "ErrImagePull", "ImagePullBackOff", "Failed", "BackOff"),
)


def failed_pull(case: Case, spell: Spell) -> Found | None:
    """Pulls that failed, in the words of the runtime; the most special row of the table decides what to try."""
    spec = case.view.facts.container(spell.subject)
    image = "" if spec is None else spec.image
    failures = [each for each in case.quotes(spell, *_PULLS) if of_image(each.reason, each.text)]
    if not failures:
        return None
    secret = case.quote(spell, _NO_CREDENTIALS)
    said = [*failures, *(() if secret is None else (secret,))]
    best = max(failures, key=lambda each: _fullness(each, image))
    telling = min(said, key=lambda each: rank(_row(each, image)))
    text = best.words if telling in failures else f"{telling.words}; {best.words}"
    last = case.proof(Milestone.LAST_PULL_FAILURE, spell.subject)
    advice = advice_of(_row(telling, image), telling.text, image=image)
    return of_spell(spell, text, *_distinct(said), *last, *case.bounds(spell)[:1], advice=advice)


def _fullness(quote: Quote, image: str) -> tuple[bool, bool, int, bool]:
    """That it backs off says least; of the same words the container's reason is what people search for."""
    known = _row(quote, image) is not None
    return quote.reason != "BackOff", known, len(quote.text), quote.reason not in VAGUE


def _distinct(said: list[Quote]) -> Iterator[Proof]:
    """The words as evidence, without those that stand in others: the kubelet says one error in up to four places."""
    for index, each in enumerate(said):
        others = (other for place, other in enumerate(said) if place != index and len(other.text) > len(each.text))
        if not any(trimmed(each.text) in other.text for other in others):
            yield each.proof


def _row(quote: Quote, image: str) -> Diagnosis | None:
    return diagnose(quote.reason, quote.text, image=image)
