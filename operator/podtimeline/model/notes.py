"""What is said of a pod by Events and by the states of its containers: notes, and their bounds."""

from dataclasses import dataclass

from podtimeline.model.bounds import MAX_NOTES, MAX_NOTES_TEXT, MAX_SUBJECT, MAX_WORD
from podtimeline.model.observations import Noted
from podtimeline.model.texts import MAX_TEXT, clip


@dataclass(frozen=True, slots=True)
class Note:
    """What was said under one reason about one subject: first and latest text, and how often it was said.

    An Event counts how often its own words were said; other words are another Event's. ``counts`` has the count of each
    Event by the moment of its first words, of the first of them at most.
    """

    reason: str
    subject: str
    text: str
    first: int
    last: int
    count: int
    first_text: str = ""
    """What was said at ``first``."""
    counts: tuple[tuple[int, int], ...] = ()


_PROBES = frozenset({"ProbeWarning", "Unhealthy"})


def note_key(note: Note | Noted) -> tuple[str, str]:
    """What one note is kept for: the reason, of a probe its kind too, and the subject.

    The kubelet has one reason for all three probes, and their kind as the first word (pkg/kubelet/prober/prober.go).
    """
    kind = f" {note.text.partition(' ')[0]}" if note.reason in _PROBES else ""
    return note.reason + kind, note.subject


def noted(said: Noted) -> Note:
    """The note of one observation, its texts cut to their bounds."""
    first = said.at if said.first is None else min(said.first, said.at)
    counts = () if said.first is None else ((first, said.count),)
    text, reason, subject = clip(said.text), clip(said.reason, MAX_WORD), clip(said.subject, MAX_SUBJECT)
    return Note(reason, subject, text, first, said.at, said.count, text, counts)


def joined_note(one: Note, other: Note) -> Note:
    """Two notes of one reason and subject as one."""
    last, text = max((one.last, one.text), (other.last, other.text))
    first, first_text = min((one.first, one.first_text), (other.first, other.first_text))
    counts = dict(one.counts)
    for since, count in other.counts:
        counts[since] = max(counts.get(since, 0), count)
    kept = tuple(sorted(counts.items())[:_COUNTED])
    said = max(one.count, other.count, sum(count for _, count in kept))
    return Note(one.reason, one.subject, text, first, last, said, first_text, kept)


_COUNTED = 16
"""Events of one reason whose counts are added up: client-go combines the tenth of one kind in ten minutes and later."""
_MANY = MAX_NOTES_TEXT // (2 * MAX_TEXT)
"""Notes of which all texts together are within the limit, however long they are."""


def characters(note: Note) -> int:
    """What counts against ``MAX_NOTES_TEXT``."""
    return len(note.text) + len(note.first_text)


def leave_out(notes: dict[tuple[str, str], Note]) -> bool:
    """Leave out the notes that were said longest ago while there are too many; returns whether there were.

    Of a note that is said again after it was left out the count begins anew.
    """
    if len(notes) <= _MANY:
        return False
    text = sum(map(characters, notes.values()))
    if len(notes) <= MAX_NOTES and text <= MAX_NOTES_TEXT:
        return False
    for each in sorted(notes, key=lambda each: (notes[each].last, each)):
        if len(notes) <= MAX_NOTES and text <= MAX_NOTES_TEXT:
            break
        text -= characters(notes.pop(each))
    return True
