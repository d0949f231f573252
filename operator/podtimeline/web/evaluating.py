"""From records to documents, of any thread; one pod that fails does not fail the others' answer."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.evaluation import evaluated, evaluated_state
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Saved
from podtimeline.quarantine import Quarantine
from podtimeline.web.lane import in_turns

Live = Callable[[str], Timeline | None]
"""A copy of what the tracker knows of a pod, ``None`` where the history has all of it; of the event loop's thread."""


@dataclass(frozen=True, slots=True)
class Latest:
    """One pod as the history has it, and what the tracker knows beyond that."""

    record: Saved
    fresh: Timeline | None = None

    def view(self, quarantine: Quarantine, *, now: int) -> ResolvedTimeline | None:
        """The timeline as of now, ``None`` where the pod was not described; see ``evaluation`` for one that fails."""
        if self.fresh is not None:
            return evaluated(self.fresh, now=now, quarantine=quarantine)
        return evaluated_state(self.record.state, now=now, quarantine=quarantine)


async def latest(records: Iterable[Saved], live: Live) -> list[Latest]:
    """The records with what the tracker knows beyond them, copied a few at a time."""
    found: AsyncIterator[Saved] = in_turns(records)
    return [Latest(record, live(record.state.uid)) async for record in found]
