"""What was said of a pod, and what befell it: notes, runs, incidents, its deletion, and what to know of the figures."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from podtimeline.analysis.findings.rules import FindingKind
from podtimeline.model.texts import exit_text, shortened
from podtimeline.render import words
from podtimeline.render.axis import span_text
from podtimeline.render.moments import nanoseconds
from podtimeline.render.ranked import foremost, when_text
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.structs import (
    DeletionDocument,
    FindingDocument,
    NoteDocument,
    PodTimelineDocument,
    RunDocument,
    StopDocument,
)
from podtimeline.render.table import Column, table
from podtimeline.render.text import cells, wrap

_NOTES = 5
_NOTE_LINES = 3
_INCIDENTS = 3
_RUNS = (
    Column("container"),
    Column("run", right=True, least=3),
    Column("lasted", right=True, least=6),
    Column("ended with", least=12),
    Column("started (UTC)", least=13, style=Style.DIM),
)


def said(timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> list[Line]:
    """Words of events that no finding has quoted, what befell the pod, and caveats; ``wide`` shows all in full."""
    drawn = [*_notes(timeline, screen, wide=wide), *_runs(timeline, screen, wide=wide)]
    if timeline.unschedulable is not None and (wide or timeline.node is None):
        last = when_text(timeline.unschedulable.last, timeline)
        drawn += screen.paragraph(words.refusal_text(timeline.unschedulable, last=last), style=Style.YELLOW)
    # What a container exits with that a deletion ended is told of its end.
    if timeline.ended is not None and (timeline.ended.reason or timeline.ended.text) and not timeline.stops:
        drawn += screen.paragraph(_ended(timeline), style=words.outcome_style(timeline))
    if timeline.deletion is not None:
        drawn += screen.paragraph(_deletion(timeline.deletion))
    for stop in timeline.stops if wide else ():
        drawn += screen.paragraph(_stop(stop))
    drawn += _incidents(timeline, screen, wide=wide)
    for caveat in words.caveats(timeline, lambda moment: when_text(moment, timeline)):
        drawn += screen.paragraph(caveat, style=Style.YELLOW)
    return [(), *drawn] if drawn else []


def _notes(timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> Iterator[Line]:
    notes = _merged(timeline.notes)
    if wide:
        # All findings are shown with all their evidence: what is too long for a sentence stands there.
        proofs = _proofs(timeline.findings)
        notes = [each for each in notes if shortened(each.text) == each.text or _trimmed(each.text) not in proofs]
    else:
        quoted = _quoted(timeline)
        notes = [each for each in notes if _trimmed(each.text) not in quoted]
    left_out = 0 if wide else max(len(notes) - _NOTES, 0)
    for note in notes[left_out:]:
        yield from _note(note, timeline, screen, wide=wide)
    if left_out:
        yield (Piece(f"and {left_out} earlier ones (-o wide shows all)", Style.DIM),)


def _quoted(timeline: PodTimelineDocument) -> str:
    """All that the findings say somewhere in the drawing, and what they rest on."""
    shown = foremost(timeline)
    return "\n".join((timeline.explanation, *(each.text for each in shown), _proofs(shown)))


def _proofs(findings: Iterable[FindingDocument]) -> str:
    return "\n".join(proof.text for each in findings for proof in each.evidence)


def _trimmed(text: str) -> str:
    return text.strip().rstrip(".:").rstrip()


def _merged(notes: Iterable[NoteDocument]) -> list[NoteDocument]:
    """Notes that say the same of the same subject become one: the event and the condition repeat each other."""
    merged: dict[tuple[str, str], NoteDocument] = {}
    for note in notes:
        key = (note.subject, note.text)
        held = merged.get(key)
        if held is None:
            merged[key] = note
        else:
            count = max(held.count, note.count)
            merged[key] = replace(held, reason=f"{held.reason}, {note.reason}", count=count)
    return list(merged.values())


def _note(note: NoteDocument, timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> Iterator[Line]:
    times = f" {screen.glyphs.times}{note.count}" if note.count > 1 else ""
    subject = f" {note.subject}" if note.subject else ""
    head = screen.words(f"{when_text(note.first, timeline)} {note.reason}{times}{subject}") + ": "
    lines = wrap(screen.words(note.text), max(screen.width - 4, 8))
    if cells(head) + cells(screen.words(note.text)) <= screen.width:
        yield (Piece(head, Style.YELLOW), Piece(" ".join(lines)))
        return
    yield from screen.paragraph(head, style=Style.YELLOW)
    shown = lines if wide else lines[:_NOTE_LINES]
    for number, line in enumerate(shown):
        more = screen.glyphs.ellipsis if number == len(shown) - 1 and len(lines) > len(shown) else ""
        yield (Piece(f"    {line}{more}"),)


def _runs(timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> Iterator[Line]:
    """How often containers ran: each run with ``wide``, and a sentence of those that no finding tells of."""
    if wide and timeline.runs:
        yield from table(screen, _RUNS, [_run(each) for each in timeline.runs])
    told = {each.subject for each in timeline.findings if each.kind == FindingKind.CRASH_LOOP}
    for text in words.restart_texts(each for each in timeline.restarts if each.container not in told):
        yield from screen.paragraph(text, style=Style.YELLOW)


def _run(run: RunDocument) -> tuple[str, ...]:
    length = "unknown"
    if run.started is not None and run.finished is not None:
        length = f"{max(nanoseconds(run.finished) - nanoseconds(run.started), 0) // 1_000_000_000}s"
    code = exit_text(run.exit_code, run.reason)
    started = "unknown" if run.started is None else run.started[11:19]
    return (run.container, str(run.run), length, code or "still running, or unknown", started)


def _ended(timeline: PodTimelineDocument) -> str:
    ended = timeline.ended
    how = [] if ended is None else [each for each in (ended.reason, ended.text) if each]
    return "It ended: " + ": ".join(how)


def _deletion(deletion: DeletionDocument) -> str:
    cause = "an unknown client" if deletion.cause is None else words.cause_text(deletion.cause)
    told = f" ({deletion.text})" if deletion.text else ""
    grace = "" if deletion.grace_seconds is None else f", grace period {deletion.grace_seconds} s"
    held = f", finalizers {', '.join(deletion.finalizers)}" if deletion.finalizers else ""
    return f"Deletion requested by {cause}{told}{grace}{held}."


def _stop(stop: StopDocument) -> str:
    """How a container ended that the deletion ended."""
    if stop.ended is None and stop.reason:
        return f"When and how {stop.container} ended is unknown ({stop.reason})."
    if stop.ended is None:
        return f"{stop.container} has not ended yet."
    code = "" if stop.exit_code is None else f" with exit code {stop.exit_code}"
    reason = f" ({stop.reason})" if stop.reason else ""
    killed = ", killed when its grace period was over" if stop.grace_exceeded else ""
    length = 0 if stop.began is None else nanoseconds(stop.ended) - nanoseconds(stop.began)
    took = "" if stop.began is None else f" after {span_text(max(length, 0))}"
    return f"{stop.container} ended{took}{code}{reason}{killed}."


def _incidents(timeline: PodTimelineDocument, screen: Screen, *, wide: bool) -> Iterator[Line]:
    listed = timeline.incidents
    left_out = 0 if wide else max(len(listed) - _INCIDENTS, 0)
    for each in listed[left_out:]:
        told = f": {each.text}" if each.text else ""
        name = each.incident.replace("_", " ")
        yield from screen.paragraph(f"{when_text(each.at, timeline)} {name}{told}", style=Style.YELLOW)
    if left_out:
        yield (Piece(f"and {left_out} earlier incidents (-o wide shows all)", Style.DIM),)
