"""The pods that a StatefulSet's pod waits for: the one whose name it takes, and its neighbour by ordinal."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from podtimeline.bounded import Kept, Losses
from podtimeline.model.instants import SECOND, Evidence
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Observation, Witnessed
from podtimeline.model.pods import PodFacts
from podtimeline.model.timeline import Timeline
from podtimeline.tracking.enrichers import Enricher, Occasion, Records
from podtimeline.tracking.pending_creates import Key
from podtimeline.tracking.records import Tracked
from podtimeline.tracking.timers import Expiring, Timers

_CREATED, _READY, _REMOVED = (
    MilestoneKey(each) for each in (Milestone.CREATED, Milestone.READY, Milestone.OBJECT_REMOVED)
)
MAX_GONE = 10_000
"""Pods that are gone and whose names are remembered."""
GONE = 86_400 * SECOND
"""How long they are: who takes the name later than that did not wait for it."""


@dataclass(slots=True)
class Former:
    """A pod of a StatefulSet, and what was known of it when the tracker closed its record."""

    uid: str
    name: str
    created_second: int
    revision: str
    kept: dict[MilestoneKey, tuple[Evidence, ...]] = field(default_factory=dict)


class Predecessors(Enricher):
    """Knows the latest two pods of each name of a StatefulSet, and tells the later one when the earlier was gone."""

    def __init__(self, losses: Losses, timers: Timers) -> None:
        self._records: Records | None = None
        self._named: dict[Key, list[Former]] = {}
        self._gone = Expiring[Key, None](
            Kept.STATEFULSET_PODS, losses, timers, limit=MAX_GONE, lifetime=GONE, expired=self._forget
        )

    def attach(self, intake: Records) -> None:
        """See ``Enricher.attach``."""
        self._records = intake

    def appeared(self, record: Tracked, facts: PodFacts) -> None:
        """See ``Enricher.appeared``."""
        if facts.owner is None or facts.owner.kind != "StatefulSet" or facts.owner.group:
            return
        key = (facts.namespace, facts.name)
        revision = dict(facts.labels).get("controller-revision-hash", "")
        known = [each for each in self._named.get(key, ()) if each.uid != record.uid]
        pods = [*known, Former(record.uid, facts.name, facts.created_second, revision)]
        self._named[key] = sorted(pods, key=lambda each: each.created_second)[-2:]
        self._gone.pop(key)

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """See ``Enricher.tell``."""
        if occasion not in {Occasion.DESCRIBED, Occasion.SETTLING} or record.key not in self._named:
            return ()
        former = self.before(record.key, record.uid)
        removed = () if former is None else self.evidence(former, Milestone.OBJECT_REMOVED)
        if former is None or not removed:
            return ()
        return (Witnessed(record.uid, MilestoneKey(Milestone.PREDECESSOR_REMOVED), removed, former.name),)

    def closed(self, record: Tracked, now: int) -> None:
        """See ``Enricher.closed``."""
        if record.key is None or record.key not in self._named:
            return
        for former in self._named[record.key]:
            if former.uid == record.uid:
                former.kept = {mark: self._told(record.uid, mark) for mark in (_CREATED, _READY, _REMOVED)}
        if self._named[record.key][-1].uid == record.uid:
            for key, _ in self._gone.put(record.key[0], record.key, None, at=now):
                del self._named[key]

    def _forget(self, key: Key, _: None, now: int) -> None:
        del self._named[key]

    def before(self, key: Key, uid: str) -> Former | None:
        """The pod that had the name before the one of that uid."""
        pods = self._named.get(key, [])
        place = next((index for index, each in enumerate(pods) if each.uid == uid), 0)
        return pods[place - 1] if place else None

    def latest(self, key: Key) -> Former | None:
        """The latest pod of that name."""
        pods = self._named.get(key)
        return pods[-1] if pods else None

    def evidence(self, former: Former, milestone: Milestone) -> tuple[Evidence, ...]:
        """What says when a milestone of such a pod was reached."""
        mark = MilestoneKey(milestone)
        return self._told(former.uid, mark) or former.kept.get(mark, ())

    def _told(self, uid: str, mark: MilestoneKey) -> tuple[Evidence, ...]:
        timeline = None if self._records is None else self._records.timeline(uid)
        return () if timeline is None else timeline.evidence.get(mark, ())
