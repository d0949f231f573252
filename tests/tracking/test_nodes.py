"""Pods learn of the start of a node that is new since them, whichever of the two streams is faster."""

from dataclasses import dataclass, field

from tests.support.lives import Life, at, facts, in_second, watched
from tests.tracking.worlds import World

from podtimeline.model.instants import SECOND, Source, within_second
from podtimeline.model.milestones import Milestone
from podtimeline.model.nodes import NodeState
from podtimeline.tracking.nodes import NewNodes


@dataclass
class StandingNodes:
    """Implements ``ports.Nodes``."""

    nodes: dict[str, NodeState] = field(default_factory=dict)

    def node(self, name: str) -> NodeState | None:
        """See ``ports.Nodes``."""
        return self.nodes.get(name)

    def put(self, *, created: float, ready: float | None = None) -> None:
        """A node that registered and became Ready so many seconds after ``EPOCH``."""
        second = at(created) // SECOND * SECOND
        stated = within_second(Source.FIELD, second, observed=at(created))
        became = () if ready is None else (in_second(ready), watched(ready))
        self.nodes["node-9"] = NodeState("node-9", "uid-9", second, (stated, watched(created)), became)


def refused() -> Life:
    """A pod that the scheduler found no node for at first."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    return life.saw(Milestone.FIRST_UNSCHEDULABLE, watched(0.1))


def placed(world: World, *, asked: float | None = None) -> None:
    """The pod is bound to ``node-9`` at 12 s, after a scale-up was requested or not."""
    life = refused()
    if asked is not None:
        life.saw(Milestone.SCALE_UP_REQUESTED, watched(asked))
    world.take(*life.told, seconds=1)
    world.take(*Life().saw(Milestone.SCHEDULED, watched(12), detail="node-9").told, seconds=12)


def test_a_pod_learns_when_its_new_node_came_and_became_ready() -> None:
    """As soon as it is bound."""
    nodes = StandingNodes()
    nodes.put(created=5.2, ready=11.3)
    world = World(enrichers=lambda world: (NewNodes(nodes, world.timers),))
    placed(world)
    seen = world.view(seconds=13)
    created, ready = seen.instant(Milestone.NODE_CREATED), seen.instant(Milestone.NODE_READY)
    assert created is not None
    assert ready is not None
    assert (created.at, ready.at) == (at(5.2), at(11.3))


def test_a_node_older_than_the_pod_is_none_of_its_business() -> None:
    """Nothing is told of it."""
    nodes = StandingNodes()
    nodes.put(created=-500, ready=-490)
    world = World(enrichers=lambda world: (NewNodes(nodes, world.timers),))
    placed(world)
    assert not world.timeline("uid-1").has(Milestone.NODE_CREATED)


def test_an_old_node_is_told_to_a_pod_that_asked_for_a_new_one() -> None:
    """Or nobody could say that the scale-up was not what it waited for."""
    nodes = StandingNodes()
    nodes.put(created=-500, ready=-490)
    world = World(enrichers=lambda world: (NewNodes(nodes, world.timers),))
    placed(world, asked=2)
    assert world.timeline("uid-1").has(Milestone.NODE_CREATED)


def test_a_node_that_is_shown_after_its_pod_is_awaited() -> None:
    """The nodes are read more slowly than the pods: what comes within half a minute is told all the same."""
    nodes = StandingNodes()
    world = World(enrichers=lambda world: (NewNodes(nodes, world.timers),))
    placed(world)
    world.tick(13)
    nodes.put(created=5.2)
    world.tick(14)
    assert not world.timeline("uid-1").has(Milestone.NODE_READY)
    nodes.put(created=5.2, ready=11.3)
    world.tick(15)
    assert world.timeline("uid-1").has(Milestone.NODE_READY)
    assert world.timeline("uid-1").has(Milestone.NODE_CREATED)


def test_nobody_waits_for_ever_for_a_node() -> None:
    """An operator that may not read nodes never sees one."""
    world = World(enrichers=lambda world: (NewNodes(StandingNodes(), world.timers),))
    (enricher,) = world.enrichers
    assert isinstance(enricher, NewNodes)
    placed(world)
    assert len(enricher.waiting) == 1
    world.tick(43)
    assert len(enricher.waiting) == 0
    assert not world.timeline("uid-1").has(Milestone.NODE_CREATED)


def test_a_pod_that_goes_is_not_waited_for() -> None:
    """Its record closes."""
    world = World(enrichers=lambda world: (NewNodes(StandingNodes(), world.timers),))
    (enricher,) = world.enrichers
    assert isinstance(enricher, NewNodes)
    placed(world)
    gone = Life().saw(Milestone.DELETION_REQUESTED, watched(14)).saw(Milestone.OBJECT_REMOVED, watched(15))
    world.take(*gone.told, seconds=15)
    world.tick(22)
    assert len(enricher.waiting) == 0
