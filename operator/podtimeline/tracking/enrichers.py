"""What other objects mean for a pod: its workload, its claims, its node, its neighbours; the tracker asks for it."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from podtimeline.model.observations import Observation
from podtimeline.model.pods import PodFacts
from podtimeline.model.storage import StorageNews
from podtimeline.model.timeline import Timeline, apply
from podtimeline.model.workloads import WorkloadNews
from podtimeline.ports import Intake, Memory
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.tracking.records import Tracked


class Occasion(StrEnum):
    """When a companion is asked; each comes at most once in a pod's life and process."""

    DESCRIBED = "described"
    """The pod was described, or restored while its start is not over."""
    PLACED = "placed"
    """The pod is bound to a node, and it is known which: an Event may tell of the binding before."""
    LEAVING = "leaving"
    """The pod is to be deleted, or was when it was restored."""
    SETTLING = "settling"
    """The pod's start is over: what is told now still counts, what is told later only refines the record."""


class Records(Intake, Protocol):
    """The tracker, as its companions know it."""

    def timeline(self, uid: str) -> Timeline | None:
        """The record of a described pod, not to be changed; unpacked for the asking where it rests."""
        ...


class Enricher:
    """A base whose methods do nothing. All calls are synchronous and do no I/O.

    What a companion learns between occasions it says through ``Intake.take``, but never from within ``tell``; what it
    waits for has a deadline among the tracker's (``timers.Timers``).
    """

    quarantine = Quarantine()
    """Contains what one pod makes fail; the tracker's own once the companion is attached."""

    def attach(self, intake: Records) -> None:
        """The tracker that this companion belongs to."""

    def appeared(self, record: Tracked, facts: PodFacts) -> None:
        """A pod was described or restored, open or at rest."""

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """What this companion knows of the pod; it is joined into ``timeline`` right away."""
        return ()

    def storage(self, news: StorageNews, arrived: int) -> None:
        """Something is new of a claim or an attachment."""

    def workload(self, news: WorkloadNews, arrived: int) -> None:
        """Something is new of an object that makes pods."""

    def closed(self, record: Tracked, now: int) -> None:
        """The pod is gone."""

    def restore(self, memory: Memory) -> None:
        """Something of what companions remembered, this one or another, before the process ended."""

    def memories(self, now: int) -> Iterable[Memory]:
        """What changed of what is remembered since the last call; it is committed with the pods."""
        return ()

    def failed(self, memories: Iterable[Memory]) -> None:
        """Memories of this companion, or of another, were not committed: they are owed again."""


class Enrichers:
    """All companions of one tracker."""

    def __init__(self, each: Sequence[Enricher], intake: Records, quarantine: Quarantine) -> None:
        self._each = tuple(each)
        self._quarantine = quarantine
        for enricher in self._each:
            enricher.quarantine = quarantine
            enricher.attach(intake)

    def appeared(self, record: Tracked, facts: PodFacts) -> None:
        """See ``Enricher.appeared``."""
        for enricher in self._each:
            self._quarantine.contain(Operation.ENRICH, record.uid, enricher.appeared, record, facts)

    def ask(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> None:
        """Join into the timeline what every companion knows; the caller marks the record as changed."""
        for enricher in self._each:
            self._quarantine.contain(Operation.ENRICH, record.uid, _enrich, enricher, record, timeline, occasion, now)

    def storage(self, news: StorageNews, arrived: int) -> None:
        """See ``Enricher.storage``."""
        for enricher in self._each:
            enricher.storage(news, arrived)

    def workload(self, news: WorkloadNews, arrived: int) -> None:
        """See ``Enricher.workload``."""
        for enricher in self._each:
            enricher.workload(news, arrived)

    def closed(self, record: Tracked, now: int) -> None:
        """See ``Enricher.closed``."""
        for enricher in self._each:
            self._quarantine.contain(Operation.ENRICH, record.uid, enricher.closed, record, now)

    def restore(self, memories: Iterable[Memory]) -> None:
        """See ``Enricher.restore``."""
        for memory in memories:
            for enricher in self._each:
                self._quarantine.contain(Operation.RESTORE, memory.key, enricher.restore, memory)

    def memories(self, now: int) -> tuple[Memory, ...]:
        """See ``Enricher.memories``."""
        return tuple(memory for enricher in self._each for memory in self._memories_of(enricher, now))

    def _memories_of(self, enricher: Enricher, now: int) -> tuple[Memory, ...]:
        name = type(enricher).__name__
        return self._quarantine.contain(Operation.COMMIT, name, lambda: tuple(enricher.memories(now))) or ()

    def failed(self, memories: Iterable[Memory]) -> None:
        """See ``Enricher.failed``."""
        for enricher in self._each:
            enricher.failed(memories)


def _enrich(enricher: Enricher, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> None:
    for observation in enricher.tell(record, timeline, occasion, now):
        apply(timeline, observation)
