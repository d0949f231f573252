"""Tells each pod that is to be deleted who asked for it, as soon as that is known."""

from collections.abc import Iterable
from typing import NamedTuple

from podtimeline.analysis.attribution.deletion import DeletionCase, judged
from podtimeline.bounded import Losses
from podtimeline.model.instants import SECOND, Source, intersect
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Cause, DeletionCause, Observation
from podtimeline.model.timeline import Timeline
from podtimeline.model.workloads import WorkloadNews
from podtimeline.ports import Namespaces, Nodes
from podtimeline.quarantine import Operation
from podtimeline.tracking.controllers import Controllers
from podtimeline.tracking.enrichers import Enricher, Occasion, Records
from podtimeline.tracking.records import Tracked
from podtimeline.tracking.timers import Deadlines, Recheck, Timers

_ASKED, _SCHEDULED = MilestoneKey(Milestone.DELETION_REQUESTED), MilestoneKey(Milestone.SCHEDULED)
_PATIENCE = 10 * SECOND
"""How long evidence by other streams is waited for before a pod's deletion is put down to nobody known."""
_LAG = SECOND // 2
"""By how much later than a pod's eviction its node's cordoning may be delivered that came before it."""


class _OfNode(NamedTuple):
    """A pod whose own condition blames something of its node: which node, and when its deletion was seen."""

    deletion_cause: DeletionCause
    node: str
    seen: int


class Causes(Enricher):
    """Asks what is known of a pod's controller, node and namespace; answers once."""

    def __init__(self, nodes: Nodes, namespaces: Namespaces, losses: Losses, timers: Timers) -> None:
        self._nodes = nodes
        self._namespaces = namespaces
        self._controllers = Controllers(losses, timers)
        self._records: Records | None = None
        self._cases: dict[str, DeletionCase] = {}
        self._of_nodes: dict[str, _OfNode] = {}
        self._of: dict[str, dict[str, None]] = {}
        """By uid of a controller: its pods that wait for an answer."""
        self._touched: dict[str, None] = {}
        self._patience = Deadlines[str](timers, type(self).__name__, self._give_up)
        self._recheck = Recheck(timers, type(self).__name__, self._look)

    def attach(self, intake: Records) -> None:
        """See ``Enricher.attach``."""
        self._records = intake

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """See ``Enricher.tell``."""
        facts, deletion_cause = timeline.facts, timeline.deletion_cause
        if occasion is not Occasion.LEAVING or facts is None or facts.mirror:
            return ()
        node = timeline.details.get(_SCHEDULED, "")
        if deletion_cause is not None:
            return self._told_by_condition(deletion_cause, node, now)
        case = _case(timeline, node)
        if case is None:
            return ()
        self._cases[record.uid] = case
        if case.owner is not None:
            self._of.setdefault(case.owner.uid, {})[record.uid] = None
        self._patience.arm(record.uid, now + _PATIENCE)
        return self._answered(record.uid, final=False)

    def _told_by_condition(self, deletion_cause: DeletionCause, node: str, now: int) -> tuple[Observation, ...]:
        """The pod's own condition tells who; what of its node made them do it tells the node."""
        if deletion_cause.cause not in {Cause.TAINT, Cause.EVICTION}:
            return ()
        self._of_nodes[deletion_cause.uid] = _OfNode(deletion_cause, node, now)
        self._patience.arm(deletion_cause.uid, now + _PATIENCE)
        said = self._by_node(deletion_cause.uid)
        if not said:
            self._recheck.later(now)
        return said

    def workload(self, news: WorkloadNews, arrived: int) -> None:
        """See ``Enricher.workload``."""
        for maker in self._controllers.learn(news, arrived):
            self._touched.update(self._of.get(maker, {}))
        if self._touched:
            self._recheck.at_once()

    def _look(self, now: int) -> bool:
        for uid in list(self._of_nodes):
            self.quarantine.contain(Operation.ENRICH, uid, lambda uid: self._say(uid, self._by_node(uid), now), uid)
        touched, self._touched = self._touched, {}
        for uid in touched:
            self._answer(uid, now, final=False)
        return bool(self._of_nodes)

    def _give_up(self, uid: str, now: int) -> None:
        self._answer(uid, now, final=True)
        self._forget(uid)

    def _answer(self, uid: str, now: int, *, final: bool) -> None:
        self.quarantine.contain(
            Operation.ENRICH, uid, lambda uid: self._say(uid, self._answered(uid, final=final), now), uid
        )

    def _say(self, uid: str, said: tuple[Observation, ...], now: int) -> None:
        if said and self._records is not None:
            self._records.take(uid, said, arrived=now)

    def _by_node(self, uid: str) -> tuple[Observation, ...]:
        """An eviction while the node was cordoned is a drain (kubectl drain, and whoever does the same); taints."""
        deletion_cause, name, seen = self._of_nodes[uid]
        node = self._nodes.node(name)
        if node is None:
            return ()
        if deletion_cause.cause is Cause.TAINT:
            found = DeletionCause(uid, Cause.TAINT, f"NoExecute taint of {name}: {', '.join(node.evicting)}")
            known = bool(node.evicting)
        else:
            found = DeletionCause(
                uid, Cause.DRAIN, "; ".join(each for each in (deletion_cause.text, f"{name} is cordoned") if each)
            )
            known = node.cordoned_at is not None and node.cordoned_at <= seen + _LAG
        if known:
            self._forget(uid)
        return (found,) if known else ()

    def _answered(self, uid: str, *, final: bool) -> tuple[Observation, ...]:
        case = self._cases.get(uid)
        if case is None:
            return ()
        asked, owner = case.asked, case.owner
        since = (asked.latest or 0) - _PATIENCE if asked.earliest is None else asked.earliest - SECOND
        maker = None if owner is None else self._controllers.maker(owner, case.namespace, case.name, since=since)
        found = judged(case, maker, doomed=self._namespaces.doomed(case.namespace), final=final)
        if found is None:
            return ()
        self._forget(uid)
        return (found,)

    def _forget(self, uid: str) -> None:
        self._patience.disarm(uid)
        self._of_nodes.pop(uid, None)
        case = self._cases.pop(uid, None)
        if case is not None and case.owner is not None:
            pods = self._of.get(case.owner.uid, {})
            pods.pop(uid, None)
            if not pods:
                self._of.pop(case.owner.uid, None)


def _case(timeline: Timeline, node: str) -> DeletionCase | None:
    facts, evidence = timeline.facts, timeline.evidence.get(_ASKED)
    if facts is None or evidence is None:
        return None
    return DeletionCase(
        uid=timeline.uid,
        namespace=facts.namespace,
        name=facts.name,
        owner=facts.owner,
        labels=facts.labels,
        node=node,
        asked=intersect(evidence),
        over=timeline.ended is not None,
        watched=any(each.source is Source.WATCH for each in evidence),
    )
