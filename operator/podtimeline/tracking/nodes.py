"""The nodes that are new since their pods: when they registered and became Ready, told to the pods that waited."""

from collections.abc import Iterable, Iterator

from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.nodes import NodeState
from podtimeline.model.observations import Observation, Witnessed
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Intake, Nodes
from podtimeline.quarantine import Operation
from podtimeline.tracking.enrichers import Enricher, Occasion
from podtimeline.tracking.records import Tracked
from podtimeline.tracking.timers import Recheck, Timers

_SCHEDULED = MilestoneKey(Milestone.SCHEDULED)
_CREATED = MilestoneKey(Milestone.NODE_CREATED)
_READY = MilestoneKey(Milestone.NODE_READY)
_PATIENCE = 30 * SECOND
"""How long a node is asked for that the stream of nodes has not shown, or not shown Ready: pods can be faster."""


class NewNodes(Enricher):
    """Tells each pod that is bound to a node of the node's own start, where the pod may have waited for it.

    A node is that of a pod which a scale-up was requested for whatever its age: only so it is known that it was none of
    the scale-up's doing.
    """

    def __init__(self, nodes: Nodes, timers: Timers) -> None:
        self._nodes = nodes
        self._recheck = Recheck(timers, type(self).__name__, self._look)
        self._intake: Intake | None = None
        self.waiting: dict[str, tuple[int, str, int, bool]] = {}
        """By uid: until when, the node, the second of the pod's creation, and whether a scale-up was requested."""

    def attach(self, intake: Intake) -> None:
        """See ``Enricher.attach``."""
        self._intake = intake

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """See ``Enricher.tell``."""
        name, facts = timeline.details.get(_SCHEDULED), timeline.facts
        if occasion not in {Occasion.PLACED, Occasion.SETTLING} or name is None or facts is None:
            return ()
        asked = timeline.has(Milestone.SCALE_UP_REQUESTED)
        state = self._nodes.node(name)
        if occasion is Occasion.PLACED and _unfinished(state, facts.created_second, asked=asked):
            self.waiting[record.uid] = (now + _PATIENCE, name, facts.created_second, asked)
            self._recheck.later(now)
        return tuple(_told(record.uid, state, facts.created_second, asked=asked))

    def _look(self, now: int) -> bool:
        for uid in list(self.waiting):
            self.quarantine.contain(Operation.ENRICH, uid, self._look_again, uid, now)
        return bool(self.waiting)

    def _look_again(self, uid: str, now: int) -> None:
        until, name, since, asked = self.waiting[uid]
        state = self._nodes.node(name)
        over = not _unfinished(state, since, asked=asked)
        if over or until <= now:
            del self.waiting[uid]
        told = tuple(_told(uid, state, since, asked=asked)) if over else ()
        if told and self._intake is not None:
            self._intake.take(uid, told, arrived=now)

    def closed(self, record: Tracked, now: int) -> None:
        """See ``Enricher.closed``."""
        self.waiting.pop(record.uid, None)


def _unfinished(state: NodeState | None, since: int, *, asked: bool) -> bool:
    return state is None or (_matters(state, since, asked=asked) and not state.ready)


def _matters(state: NodeState, since: int, *, asked: bool) -> bool:
    return asked or state.created_second >= since


def _told(uid: str, state: NodeState | None, since: int, *, asked: bool) -> Iterator[Observation]:
    if state is None or not _matters(state, since, asked=asked):
        return
    yield Witnessed(uid, _CREATED, state.created, state.name)
    if state.ready:
        yield Witnessed(uid, _READY, state.ready, state.name)
