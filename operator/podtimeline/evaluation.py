"""A pod's timeline resolved, or what is known of it where that fails: an evaluation fails for its own pod only."""

from podtimeline.analysis.resolved import ResolvedTimeline, unresolved, view
from podtimeline.model.state import State, load
from podtimeline.model.timeline import Timeline
from podtimeline.quarantine import Operation, Quarantine


def evaluated(timeline: Timeline, *, now: int, quarantine: Quarantine) -> ResolvedTimeline | None:
    """The timeline as of ``now``; ``None`` while only events or slices have named the pod's uid.

    A timeline that cannot be evaluated gives a view with ``error`` set, of what needs no evaluation.
    """
    facts = timeline.facts
    if facts is None:
        return None
    name = f"{facts.namespace}/{facts.name} ({timeline.uid})"
    seen = quarantine.contain(Operation.EVALUATE, name, view, timeline, now=now)
    return unresolved(timeline, facts) if seen is None else seen


def evaluated_state(state: State, *, now: int, quarantine: Quarantine) -> ResolvedTimeline | None:
    """See ``evaluated``, for a record of the history."""
    return evaluated(load(state), now=now, quarantine=quarantine)
