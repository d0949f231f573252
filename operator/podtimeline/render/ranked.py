"""The ranked findings of one pod: what each cost, what it rests on, what to try."""

import re
from collections.abc import Iterator

from podtimeline.analysis.findings.rules import FindingKind, kind_title
from podtimeline.model.texts import duration_text, shortened
from podtimeline.render.axis import signed
from podtimeline.render.chart import subject_text
from podtimeline.render.legend import leg_text, title
from podtimeline.render.moments import SECOND, nanoseconds
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.structs import EvidenceDocument, FindingDocument, PodTimelineDocument
from podtimeline.render.text import wrap

_SHOWN = 3
_WORTH = 0.05
_PROOFS = 2
_PROOF_LINES = 2
_INDENT = 2


def ranked(timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> list[Line]:
    """The findings that cost most; with ``wide`` all of them, with all their evidence."""
    found = timeline.findings
    shown = found if wide else foremost(timeline)
    drawn = [line for each in shown for line in _finding(each, timeline, screen, wide=wide)]
    left = len(found) - len(shown)
    if left:
        more = "1 more finding" if left == 1 else f"{left} more findings"
        drawn.append((Piece(f"and {more} (-o wide shows all)", Style.DIM),))
    return drawn


def foremost(timeline: PodTimelineDocument) -> list[FindingDocument]:
    """The findings that are worth the first look: the costliest few, and lost traffic in any case."""
    dear = [each for each in timeline.findings if each.share is None or each.share >= _WORTH or each.open][:_SHOWN]
    lost = [each for each in timeline.findings if each.kind == FindingKind.TRAFFIC_LOST and each not in dear]
    return [*dear, *lost]


def _finding(finding: FindingDocument, timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> Iterator[Line]:
    yield ()
    yield from _heading(finding, screen)
    if finding.text not in timeline.explanation:
        yield from _indented(finding.text, screen, Style.PLAIN)
    yield from _evidence(finding, timeline, screen, wide=wide)
    yield from _indented(f"try: {finding.advice}", screen, Style.GREEN)


def _heading(finding: FindingDocument, screen: Screen) -> list[Line]:
    subject = subject_text(finding.subject)
    general = finding.phase if finding.kind == FindingKind.LONG_PHASE else None
    name = title(general) if general else _kind(finding.kind)
    return screen.paragraph(f"{name} ({subject})" if subject else name, style=Style.BOLD, first=_cost(finding))


def _kind(kind: str) -> str:
    """A kind of finding for people; one of a newer operator is called by its name."""
    return kind_title(FindingKind(kind)) if kind in FindingKind.__members__.values() else kind.replace("_", " ")


def _cost(finding: FindingDocument) -> str:
    """How long, and which share of its leg; empty where it took no time."""
    if not finding.duration_nanoseconds:
        return ""
    took = duration_text(finding.duration_nanoseconds)
    # As the chart rounds its shares: down, but for what a float lacks of a whole one.
    share = "" if finding.share is None else f", {int(100 * finding.share + 1e-9)} % of the {leg_text(finding.leg)}"
    return f"{took}{share}{' so far' if finding.open else ''}: "


def _evidence(finding: FindingDocument, timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> Iterator[Line]:
    said = timeline.explanation + finding.text
    telling = [each for each in finding.evidence if wide or not _repeats(each, said)]
    for proof in telling if wide else telling[:_PROOFS]:
        yield from _indented(_proof(proof, timeline), screen, Style.DIM, most=None if wide else _PROOF_LINES)


_COUNT = re.compile(r"^\d+ times: ")


def _repeats(proof: EvidenceDocument, said: str) -> bool:
    """Whether the sentences say it already, words that are too long for them in part."""
    words = _COUNT.sub("", proof.text)
    short = shortened(words)
    return proof.text in said or (short != words and short in said)


def _proof(proof: EvidenceDocument, timeline: PodTimelineDocument) -> str:
    when = "" if proof.at is None else f" {when_text(proof.at, timeline)}"
    return f"{proof.source}{when}: {proof.text}"


def when_text(moment: str, timeline: PodTimelineDocument) -> str:
    """A moment for people: after the start's beginning or after the request to delete it, else by the clock."""
    at, begin, asked = nanoseconds(moment), timeline.begin, timeline.asked
    if asked is not None and at >= asked:
        return f"+{duration_text(at - asked)} after the deletion request" if at > asked else "at the deletion request"
    if begin is None or at > timeline.phases[-1].finish + SECOND:
        return f"{moment[11:23]}Z"
    if at < begin:
        return f"{duration_text(begin - at)} before creation"
    return signed(at - begin) if at > begin else "at the start"


def _indented(text: str, screen: Screen, style: Style, *, most: int | None = None) -> Iterator[Line]:
    lines = wrap(screen.words(text), max(screen.width - _INDENT, 8))
    shown = lines if most is None else lines[:most]
    for number, line in enumerate(shown):
        more = screen.glyphs.ellipsis if number == len(shown) - 1 and len(lines) > len(shown) else ""
        yield (Piece(" " * _INDENT), Piece(f"{line}{more}", style))
