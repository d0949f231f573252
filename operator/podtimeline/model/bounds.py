"""What is kept of one pod at most, in numbers and characters: whoever may write about it can write without end."""

from dataclasses import replace

from podtimeline.model.pods import PodFacts
from podtimeline.model.texts import MAX_TEXT, clip

MAX_SUBJECTS = 512
"""Containers, volumes and endpoints of which one milestone is kept; of more, those whose names sort first.

As many containers, volumes, gates and labels are kept of a spec, in its own order.
"""
MAX_NOTES = 256
"""Notes of one pod; of more, those that were said last."""
MAX_NOTES_TEXT = 64 << 10
"""Characters of all notes of one pod."""
MAX_NAMES = 64
"""Finalizers of one pod, and names that one milestone gathers."""
KEPT = 8
"""Runs of one container, and incidents of one kind, that are kept beside the latest one: the first ones."""
MAX_WORD = 128
"""Characters of a reason."""
MAX_SUBJECT = 512
"""Characters of the subject of a note, of a finalizer, and of an image that a message names."""
MAX_LONG_SUBJECT = 1024
"""Characters of the subject of a milestone: ``namespace/service/slice`` has 572 at most."""


def bounded_facts(facts: PodFacts) -> PodFacts:
    """The same facts where they are within the bounds, which is the rule; else what is within them."""
    if _bounded(facts):
        return facts
    return replace(
        facts,
        containers=tuple(
            replace(each, image=clip(each.image), ports=each.ports[:MAX_SUBJECTS])
            for each in facts.containers[:MAX_SUBJECTS]
        ),
        labels=facts.labels[:MAX_SUBJECTS],
        readiness_gates=facts.readiness_gates[:MAX_SUBJECTS],
        volumes=facts.volumes[:MAX_SUBJECTS],
        scheduling_gates=facts.scheduling_gates[:MAX_SUBJECTS],
    )


def _bounded(facts: PodFacts) -> bool:
    for container in facts.containers:
        if len(container.image) > MAX_TEXT or len(container.ports) > MAX_SUBJECTS:
            return False
    longest = max(
        len(facts.containers),
        len(facts.labels),
        len(facts.readiness_gates),
        len(facts.volumes),
        len(facts.scheduling_gates),
    )
    return longest <= MAX_SUBJECTS
