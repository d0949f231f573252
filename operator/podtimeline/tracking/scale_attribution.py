"""Tells each pod for which request of its workload it was made, as soon as what decides that has come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from podtimeline.bounded import Kept, Losses
from podtimeline.model.instants import SECOND, Evidence, intersect, later
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Observation, Witnessed
from podtimeline.model.pods import ContainerKind, PodFacts
from podtimeline.model.timeline import Timeline
from podtimeline.model.workloads import WorkloadNews
from podtimeline.ports import Memory, Mismatch, Nodes, Stream
from podtimeline.quarantine import Operation
from podtimeline.tracking.enrichers import Enricher, Occasion, Records
from podtimeline.tracking.histories import Histories
from podtimeline.tracking.predecessors import Predecessors
from podtimeline.tracking.records import Tracked
from podtimeline.tracking.scale_answers import Attribution, Known, NewPod, answer, followed
from podtimeline.tracking.timers import Deadlines, Expiring, Recheck, Timers

_CREATED, _STARTED, _OWNER = (
    MilestoneKey(each) for each in (Milestone.CREATED, Milestone.ROLLOUT_STARTED, Milestone.OWNER_CREATED)
)
_REMOVED, _PLACE = MilestoneKey(Milestone.OBJECT_REMOVED), MilestoneKey(Milestone.PREDECESSOR_REMOVED)
_SCHEDULED, _NEIGHBOUR = MilestoneKey(Milestone.SCHEDULED), MilestoneKey(Milestone.PREDECESSOR_READY)
_PATIENCE = 30 * SECOND
"""How long a pod waits for what its workload tells: another stream may be behind."""
MAX_PLACES = 50_000
"""Nodes of DaemonSets of which the latest pod is remembered though it is gone."""
VACANT = 86_400 * SECOND
"""How long it is: a pod that comes later did not wait for it."""
_Place = tuple[str, str, str]
"""Namespace, uid of the DaemonSet, and node."""


@dataclass(frozen=True, slots=True)
class PlacedOnNode:
    """A DaemonSet's pod on its node, and the generation of the template that it is of."""

    uid: str
    name: str
    template: str


class ScaleAttribution(Enricher):
    """Answers once for each pod; a pod that gets no answer has no request."""

    def __init__(self, nodes: Nodes, predecessors: Predecessors, losses: Losses, timers: Timers) -> None:
        self.histories = Histories(losses, timers)
        self._sources = Known(self.histories, predecessors, nodes)
        self._records: Records | None = None
        self._waiting: dict[str, dict[str, Tracked]] = {}
        """By maker and pod."""
        self._patience = Deadlines[tuple[str, str]](timers, type(self).__name__, self._give_up)
        """By maker and pod."""
        self._recheck = Recheck(timers, type(self).__name__, self._look)
        self._places: dict[_Place, PlacedOnNode] = {}
        """The latest pod of each place."""
        self._place_of: dict[str, _Place] = {}
        """By pod that is the latest of its place."""
        self._vacant = Expiring[_Place, None](
            Kept.DAEMONSET_NODES, losses, timers, limit=MAX_PLACES, lifetime=VACANT, expired=self._expired
        )
        """Places whose latest pod is gone."""
        self._on_node: dict[str, bool | None] = {}
        """By pod of a DaemonSet that waits and is on its node: whether one of its template was there before it."""

    def attach(self, intake: Records) -> None:
        """See ``Enricher.attach``."""
        self._records = intake

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """See ``Enricher.tell``."""
        facts = timeline.facts
        if facts is None or facts.mirror or occasion is Occasion.LEAVING or _STARTED in timeline.evidence:
            return ()
        if facts.owner is None:
            # Nobody but its own maker asked for it.
            return (Witnessed(record.uid, _STARTED, timeline.evidence.get(_CREATED, ()), "bare pod"),)
        if not followed(facts.owner):
            return ()
        if occasion is Occasion.DESCRIBED:
            self._waiting.setdefault(facts.owner.uid, {})[record.uid] = record
            self._patience.arm((facts.owner.uid, record.uid), now + _PATIENCE)
        placing = occasion is Occasion.PLACED and facts.owner.kind == "DaemonSet"
        removed = self._place(record, timeline, facts, facts.owner.uid, now) if placing else ()
        return (*removed, *self._answered(record, timeline, final=occasion is Occasion.SETTLING))

    def workload(self, news: WorkloadNews, arrived: int) -> None:
        """See ``Enricher.workload``."""
        wrong = self.histories.learn(news, arrived)
        if wrong and self._records is not None:
            self._records.mismatched(Stream.EVENTS, Mismatch.OWNER, wrong)
        self._touched()

    def _touched(self) -> None:
        """Something was learned of workloads: it matters only to pods that wait now."""
        if not self._waiting:
            self.histories.touched.clear()
        elif self.histories.touched:
            self._recheck.at_once()

    def _look(self, now: int) -> bool:
        touched = set(self.histories.touched)
        self.histories.touched.clear()
        for maker in [uid for uid in self._waiting if uid in touched or self._parent(uid) in touched]:
            self._answer_all(maker, now)
        return bool(self.histories.touched and self._waiting)

    def _give_up(self, waiting: tuple[str, str], now: int) -> None:
        self._done(*waiting)

    def closed(self, record: Tracked, now: int) -> None:
        """See ``Enricher.closed``."""
        place = self._place_of.get(record.uid)
        if place is not None:
            for each, _ in self._vacant.put(place[0], place, None, at=now):
                self._forget(each)

    def _expired(self, place: _Place, _: None, now: int) -> None:
        self._forget(place)

    def _forget(self, place: _Place) -> None:
        del self._place_of[self._places.pop(place).uid]

    def restore(self, memory: Memory) -> None:
        """See ``Enricher.restore``."""
        self.histories.restore(memory)

    def memories(self, now: int) -> Iterator[Memory]:
        """See ``Enricher.memories``."""
        return self.histories.memories()

    def failed(self, memories: Iterable[Memory]) -> None:
        """See ``Enricher.failed``."""
        self.histories.ledger.failed(each.key for each in memories if each.refusal is None)

    def _parent(self, maker: str) -> str:
        history = self.histories.get(maker)
        return "" if history is None or history.state.owner is None else history.state.owner.uid

    def _place(
        self, record: Tracked, timeline: Timeline, facts: PodFacts, maker: str, now: int
    ) -> tuple[Observation, ...]:
        """Remember the pod of a node, and whether it takes the place of one of the same template."""
        uid = record.uid
        node = timeline.details.get(_SCHEDULED, "")
        mine = PlacedOnNode(uid, facts.name, dict(facts.labels).get("pod-template-generation", ""))
        place = (facts.namespace, maker, node)
        former = self._places.get(place)
        if former is not None:
            self._vacant.pop(place)
            self._forget(place)
        self._places[place], self._place_of[uid] = mine, place
        if record.removed:
            self.closed(record, now)
        if uid in self._waiting.get(maker, {}):
            self._on_node[uid] = None if former is None else former.template == mine.template
        if former is None:
            return ()
        before = None if self._records is None else self._records.timeline(former.uid)
        made = intersect(timeline.evidence.get(_CREATED, ())).latest
        free = () if before is None or made is None else _vacated(before, made)
        return (Witnessed(uid, _PLACE, free, former.name),) if free else ()

    def _answer_all(self, maker: str, now: int) -> None:
        for record in list(self._waiting[maker].values()):
            self.quarantine.contain(Operation.ENRICH, record.uid, self._answer_one, record, now)

    def _answer_one(self, record: Tracked, now: int) -> None:
        timeline = record.timeline
        said = () if timeline is None else self._answered(record, timeline, final=False)
        if said and self._records is not None:
            self._records.take(record.uid, said, arrived=now)

    def _done(self, maker: str, uid: str) -> None:
        self._patience.disarm((maker, uid))
        self._on_node.pop(uid, None)
        pods = self._waiting.get(maker)
        if pods is not None and pods.pop(uid, None) is not None and not pods:
            del self._waiting[maker]

    def _answered(self, record: Tracked, timeline: Timeline, *, final: bool) -> tuple[Observation, ...]:
        facts = timeline.facts
        if facts is None or facts.owner is None or record.uid not in self._waiting.get(facts.owner.uid, {}):
            return ()
        history = self.histories.of(facts.owner, facts.namespace)
        if history is None:
            return ()
        created = intersect(timeline.evidence.get(_CREATED, ()))
        node = timeline.details.get(_SCHEDULED) if record.uid in self._on_node else None
        pod = NewPod(record.uid, facts, created, node, self._on_node.get(record.uid))
        found = answer(history, pod, self._sources, final=final)
        if found is None:
            return ()
        self._done(facts.owner.uid, record.uid)
        if found.request is not None:
            self.histories.took(history, found.request)
            self._touched()
        return tuple(self._said(record.uid, found))

    def _said(self, uid: str, found: Attribution) -> Iterator[Observation]:
        if found.started:
            yield Witnessed(uid, _STARTED, found.started, found.detail)
        if found.owner:
            yield Witnessed(uid, _OWNER, found.owner)
        if found.neighbour is not None:
            ready = self._sources.predecessors.evidence(found.neighbour, Milestone.READY)
            if ready:
                name, wait = found.neighbour.name, found.min_ready
                detail = f"{name}, available after {wait // SECOND} s" if wait else name
                yield Witnessed(uid, _NEIGHBOUR, tuple(later(each, wait) for each in ready), detail)


def _vacated(former: Timeline, by: int) -> tuple[Evidence, ...]:
    """When a DaemonSet's pod had left its node, if it is known to have left; with a surge it goes later.

    The controller takes a pod that is to be deleted for gone as soon as it has ended (pkg/controller/daemon,
    getNodesToDaemonPods).
    """
    mains = former.facts.containers if former.facts is not None else ()
    ends = [
        former.evidence.get(MilestoneKey(Milestone.FINISHED, each.name), ())
        for each in mains
        if each.kind is ContainerKind.MAIN
    ]
    last = max(ends, key=lambda end: intersect(end).latest or by + 1, default=())
    for evidence in (last, former.evidence.get(_REMOVED, ())):
        left = intersect(evidence).earliest
        # One read may bring its end and the pod after it: then its end is known no better than to have come before.
        if evidence and (left is None or left <= by):
            return evidence
    return ()
