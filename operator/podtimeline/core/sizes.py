"""How much memory a record takes, roughly: for budgets that many records share."""

from podtimeline.core.notes import characters
from podtimeline.core.timeline import Timeline

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
