"""In which EndpointSlices a pod stood as ready when it was to be deleted, and what they said while nobody looked."""

from collections.abc import Iterable, Iterator

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Leaves, Observation, Witnessed
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Addresses, PodReference
from podtimeline.quarantine import Operation
from podtimeline.tracking.enrichers import Enricher, Occasion, Records
from podtimeline.tracking.records import Tracked
from podtimeline.tracking.timers import Recheck, Timers

_OUT, _REMOVED = Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED
_PATIENCE = 60 * SECOND
"""How long slices are waited for that are not listed yet."""


class EndpointDrains(Enricher):
    """Tells each pod that is to be deleted which slices hold its address as ready.

    What slices say later they tell by themselves. What they said while no process listened is told by the difference
    between what a pod was told before and what the slices hold once they are listed.
    """

    def __init__(self, addresses: Addresses, timers: Timers) -> None:
        self._addresses = addresses
        self._recheck = Recheck(timers, type(self).__name__, self._look)
        self._records: Records | None = None
        self._waiting: dict[str, int] = {}
        """By uid: until when to ask again."""

    def attach(self, intake: Records) -> None:
        """See ``Enricher.attach``."""
        self._records = intake

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """See ``Enricher.tell``."""
        if occasion is not Occasion.LEAVING:
            return ()
        said = self._said(timeline, now)
        if said is None:
            self._waiting[record.uid] = now + _PATIENCE
            self._recheck.later(now)
        return said or ()

    def _look(self, now: int) -> bool:
        for uid in list(self._waiting):
            self.quarantine.contain(Operation.ENRICH, uid, self._ask_again, uid, now)
        return bool(self._waiting)

    def _ask_again(self, uid: str, now: int) -> None:
        timeline = None if self._records is None else self._records.timeline(uid)
        said = () if timeline is None else self._said(timeline, now)
        if said is None and now < self._waiting[uid]:
            return
        del self._waiting[uid]
        if said and self._records is not None:
            self._records.take(uid, said, arrived=now)

    def closed(self, record: Tracked, now: int) -> None:
        """See ``Enricher.closed``."""
        self._waiting.pop(record.uid, None)

    def _said(self, timeline: Timeline, now: int) -> list[Observation] | None:
        """What the slices hold of the pod; ``None`` while some are not listed yet."""
        pod, told = _reference(timeline), None if timeline.leaves is None else timeline.leaves.standing
        subjects = [mark.subject for mark in timeline.evidence if mark.milestone is Milestone.ENDPOINT_READY]
        stands = {subject: self._addresses.standing(subject, pod) for subject in subjects}
        if None in stands.values():
            return None
        said: list[Observation] = []
        if told is None:
            said.append(Leaves(pod.uid, standing=tuple(sorted(each for each in subjects if stands[each]))))
        for subject in told or ():
            said += self._missed(timeline, subject, now)
        return said

    def _missed(self, timeline: Timeline, subject: str, now: int) -> Iterator[Observation]:
        """What became of an address, where nothing has told it and it is otherwise now."""
        evidence = (Evidence(Source.LISTED, None, None, now, now),)
        for milestone, holds in ((_OUT, self._addresses.standing), (_REMOVED, self._addresses.present)):
            if not timeline.has(milestone, subject) and holds(subject, _reference(timeline)) is False:
                yield Witnessed(timeline.uid, MilestoneKey(milestone, subject), evidence)


def _reference(timeline: Timeline) -> PodReference:
    facts = timeline.facts
    return PodReference(timeline.uid, *(("", "") if facts is None else (facts.namespace, facts.name)))
