"""From records to documents, of any thread; one pod that fails does not fail the others' answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from podtimeline.analysis.resolved import Outcome, ResolvedTimeline
from podtimeline.evaluation import evaluated, evaluated_state
from podtimeline.model.milestones import Phase
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Query, Saved
from podtimeline.quarantine import Quarantine
from podtimeline.web.lane import JOB, Worker, in_turns

Live = Callable[[str], Timeline | None]
"""A copy of what the tracker knows of a pod, ``None`` where the history has all of it; of the event loop's thread."""


class OpenPods(Protocol):
    """A look at the pods that start or leave: see ``tracking.survey.Survey``."""

    @property
    def size(self) -> int:
        """How many are to be evaluated."""
        ...

    def turns(self) -> Iterator[int]:
        """Copy them, a few with each step; of the event loop's thread."""
        ...

    def evaluate(self, now: int, part: slice) -> None:
        """Evaluate a part of them; of any thread."""
        ...

    def take(self) -> None:
        """Remember the answers; of the event loop's thread."""
        ...

    def among(self, phase: Phase | None, outcome: Outcome | None) -> frozenset[str]:
        """The uids of those that are of a phase and of an outcome, ``None`` for any."""
        ...


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


async def known(query: Query, begin: Callable[[], OpenPods], worker: Worker, *, now: int) -> Query:
    """The query, with what the history does not know of pods that start or leave where it asks for that."""
    if query.phase is None and query.outcome is None:
        return query
    look = begin()
    for _ in look.turns():
        await asyncio.sleep(0)
    for first in range(0, look.size, JOB):
        await worker.run(partial(look.evaluate, now, slice(first, first + JOB)))
    look.take()
    return replace(query, among=look.among(query.phase, query.outcome))


async def latest(records: Iterable[Saved], live: Live) -> list[Latest]:
    """The records with what the tracker knows beyond them, copied a few at a time."""
    found: AsyncIterator[Saved] = in_turns(records)
    return [Latest(record, live(record.state.uid)) async for record in found]
