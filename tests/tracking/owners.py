"""A world whose pods have owners that are watched: workloads, nodes, refusals, as the operator wires them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.lives import Life, at, facts, in_second, watched
from tests.tracking.worlds import World

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.model.instants import SECOND, Source, happened, within_second
from podtimeline.model.milestones import Milestone
from podtimeline.model.nodes import NodeState
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import WorkloadNews, WorkloadSeen, WorkloadState
from podtimeline.tracking.enrichers import Enricher
from podtimeline.tracking.predecessors import Predecessors
from podtimeline.tracking.refusals import Refusals
from podtimeline.tracking.scale_attribution import ScaleAttribution


@dataclass
class StandingNodes:
    """Answers what it was told to answer."""

    nodes: dict[str, NodeState] = field(default_factory=dict)

    def node(self, name: str) -> NodeState | None:
        """See ``ports.Nodes``."""
        return self.nodes.get(name)

    def joined(self, name: str, seconds: float) -> None:
        """A node registered then."""
        second = at(seconds) // SECOND * SECOND
        stated = within_second(Source.FIELD, second, observed=at(seconds))
        self.nodes[name] = NodeState(name, f"uid-{name}", second, (stated,))


class OwnedWorld(World):
    """A world with the companions that know of owners."""

    def __init__(self, *, limit: int = 10) -> None:
        self.nodes = StandingNodes()
        self.limit = limit
        super().__init__()

    def companions(self) -> Sequence[Enricher]:
        """See ``World.companions``."""
        kept = (self.losses, self.timers)
        predecessors = Predecessors(*kept)
        self.requests = ScaleAttribution(self.nodes, predecessors, *kept)
        self.refusals = Refusals(self.owners, self.requests.histories, *kept, limit=self.limit)
        return predecessors, self.requests, self.refusals

    def says(self, news: WorkloadNews, seconds: float) -> None:
        """News of a workload arrives."""
        self.tracker.workload(news, arrived=at(seconds))

    def seen(self, state: WorkloadState, seconds: float, *, live: bool = True) -> None:
        """A version of a workload is delivered."""
        self.says(WorkloadSeen(state, live), seconds)

    def born(
        self, uid: str, seconds: float, *, owner: Owner | None, name: str = "", node: str = "", **more: Any
    ) -> None:
        """A pod is created, and bound to a node if one is named."""
        life = Life(uid).described(
            facts(uid=uid, name=name or uid, owner=owner, created_second=at(seconds) // SECOND * SECOND, **more)
        )
        life.saw(Milestone.CREATED, in_second(seconds, Source.FIELD), watched(seconds))
        self.take(*life.told, seconds=seconds)
        if node:
            self.bound(uid, seconds, node=node)

    def bound(self, uid: str, seconds: float, *, node: str) -> None:
        """The pod is bound to a node."""
        self.take(*Life(uid).saw(Milestone.SCHEDULED, watched(seconds), detail=node).told, seconds=seconds)

    def ready(self, uid: str, seconds: float) -> None:
        """The pod became ready."""
        self.take(*Life(uid).saw(Milestone.READY, in_second(seconds), watched(seconds)).told, seconds=seconds)

    def gone(self, uid: str, seconds: float) -> None:
        """The pod was deleted and is gone."""
        life = Life(uid).saw(Milestone.DELETION_REQUESTED, watched(seconds - 0.5))
        self.take(*life.saw(Milestone.OBJECT_REMOVED, watched(seconds)).told, seconds=seconds)

    def listed(self, uid: str, seconds: float) -> None:
        """A listing showed that the pod is gone, and not since when."""
        self.take(*Life(uid).saw(Milestone.OBJECT_REMOVED, happened(at(seconds))).told, seconds=seconds)

    def asked(self, uid: str) -> str | None:
        """What the pod was made for, in words; ``None`` for what nobody asked for."""
        return said(self.view(uid), Milestone.ROLLOUT_STARTED)


def said(view: ResolvedTimeline, milestone: Milestone) -> str | None:
    """The detail of a milestone, ``None`` where it was not reached."""
    return next((each.detail for each in view.milestones if each.mark.milestone is milestone), None)


def since(view: ResolvedTimeline, milestone: Milestone) -> float | None:
    """The best estimate of a milestone in seconds after ``EPOCH``."""
    instant = view.instant(milestone)
    return None if instant is None else (instant.at - at(0)) / SECOND
