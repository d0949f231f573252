"""Pods that are to be deleted are told who asked for it, from streams that come in any order, and once."""

from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.lives import Life, at, facts, ordinary, watched
from tests.support.workloads import replicaset, workload
from tests.tracking.worlds import World

from podtimeline.model.milestones import Milestone
from podtimeline.model.nodes import NodeState
from podtimeline.model.observations import Cause, DeletionCause, Observation
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import (
    Dropped,
    WorkloadGone,
    WorkloadNews,
    WorkloadSeen,
    WorkloadsListed,
    WorkloadState,
)
from podtimeline.ports import Namespaces, Nodes
from podtimeline.tracking.causes import Causes

WEB = workload("Deployment", "web", "d-1", wanted=2)
OWNER = Owner("ReplicaSet", "web-abc", "rs-1")


@dataclass
class Cluster(Nodes, Namespaces):
    """Nodes and namespaces, as they are told to be."""

    nodes: dict[str, NodeState] = field(default_factory=dict)
    going: dict[str, int] = field(default_factory=dict)

    def node(self, name: str) -> NodeState | None:
        """See ``ports.Nodes``."""
        return self.nodes.get(name)

    def doomed(self, name: str) -> int | None:
        """See ``ports.Namespaces``."""
        return self.going.get(name)


class Deleted:
    """A pod that rests, and that is deleted at 40 s."""

    def __init__(self, *, owner: Owner | None = OWNER) -> None:
        self.cluster = cluster = Cluster()
        self.world = World(enrichers=lambda world: (Causes(cluster, cluster, world.losses, world.timers),))
        self.world.take(*ordinary(facts(owner=owner)).told, seconds=6)
        self.world.commit(30)

    def delete(self, *more: Observation, seconds: float = 40) -> "Deleted":
        """The request to delete it is seen."""
        asked = Life().saw(Milestone.DELETION_REQUESTED, watched(seconds)).told
        self.world.take(*asked, *more, seconds=seconds)
        return self

    def hear(self, news: WorkloadNews, seconds: float) -> "Deleted":
        """News of a controller."""
        self.world.tracker.workload(news, arrived=at(seconds))
        return self

    def see(self, state: WorkloadState, seconds: float, *, live: bool = True, **more: Any) -> "Deleted":
        """A version of a controller."""
        return self.hear(WorkloadSeen(replace(state, **more), live=live), seconds)

    def dropped(self, seconds: float) -> "Deleted":
        """The controller says that it has deleted the pod."""
        return self.hear(Dropped("shop", OWNER, "web-1", "Deleted pod: web-1", at(seconds)), seconds)

    def told(self, seconds: float) -> Cause | None:
        """Who is blamed by then."""
        self.world.tick(seconds)
        deletion_cause = self.world.timeline("uid-1").deletion_cause
        return None if deletion_cause is None else deletion_cause.cause

    @property
    def words(self) -> str:
        """The words of it."""
        deletion_cause = self.world.timeline("uid-1").deletion_cause
        return "" if deletion_cause is None else deletion_cause.text


def cordoned(seconds: float, **more: Any) -> NodeState:
    """The pod's node, cordoned at that moment."""
    return NodeState("node-1", "n-1", at(-900), (), cordoned=True, cordoned_at=at(seconds), **more)


def test_words_can_come_before_the_pod_and_after() -> None:
    """Events, controllers and pods are three streams."""
    before = Deleted().see(WEB, 39).see(replicaset(), 39, wanted=1, have=2).dropped(39.9).delete()
    assert before.told(41) is Cause.SCALE_DOWN
    after = Deleted().see(WEB, 39).delete()
    assert after.told(41) is None
    assert after.see(replicaset(), 41.2, wanted=1, have=2).dropped(41.5).told(42) is Cause.SCALE_DOWN
    assert after.words == "ReplicaSet web-abc wants 1 pod"


def test_words_of_an_earlier_pod_of_the_name_are_not_of_this_one() -> None:
    """A StatefulSet's pods share one."""
    assert Deleted().dropped(20).delete().told(41) is None


def test_a_newer_revision_is_told_by_its_replicaset() -> None:
    """Whose pods come before the old ones go; and by the time that it is asked, the old one may want none."""
    case = Deleted().see(WEB, 35).see(replicaset(), 35, have=2).see(replicaset(), 38, uid="rs-2", revision="2")
    case.delete().see(replicaset(), 40.1, wanted=0, have=0).dropped(40.2)
    assert case.told(41) is Cause.ROLLOUT
    assert case.words == "Deployment web is at revision 2, the pod belongs to 1"


def test_what_was_wanted_tells_where_words_were_dropped() -> None:
    """Only when none can come any more."""
    case = Deleted().see(WEB, 35).see(replicaset(), 35, have=2).see(replicaset(), 39.9, wanted=1, have=2).delete()
    case.see(replicaset(), 40.1, wanted=1, have=1)
    assert case.told(45) is None
    assert case.told(50) is Cause.SCALE_DOWN


def test_somebody_is_blamed_last() -> None:
    """The controller is known, and still wants the pod."""
    case = Deleted().see(WEB, 35).see(replicaset(), 35, have=2).delete()
    assert case.told(49) is None
    assert case.told(50) is Cause.DIRECT
    unknown = Deleted().delete()
    assert unknown.told(60) is None
    bare = Deleted(owner=None).delete()
    assert bare.told(50) is Cause.DIRECT


def test_a_controller_that_went_took_its_pods_along() -> None:
    """By its deletion, or as a listing no longer shows it."""
    assert Deleted().see(replicaset(), 35, have=2).hear(WorkloadGone("rs-1"), 39.9).delete().told(41) is (
        Cause.OWNER_DELETED
    )
    missed = Deleted().see(replicaset(), 35, have=2).delete()
    missed.hear(WorkloadsListed("Job", frozenset()), 40.1).hear(WorkloadsListed("ReplicaSet", frozenset()), 40.2)
    assert missed.told(41) is Cause.OWNER_DELETED
    assert missed.words == "ReplicaSet web-abc was deleted"


def test_a_namespace_that_goes_is_told_before_the_owners_that_go_with_it() -> None:
    """Both are true; the namespace is the cause."""
    case = Deleted().see(replicaset(), 35, have=2).hear(WorkloadGone("rs-1"), 39.9)
    case.cluster.going["shop"] = at(39)
    assert case.delete().told(41) is Cause.NAMESPACE


def test_an_eviction_from_a_cordoned_node_is_a_drain() -> None:
    """The node may be told of a little later; one that is cordoned afterwards was not drained."""
    evicted = DeletionCause("uid-1", Cause.EVICTION, "Eviction API: evicting")
    for seconds, cause in ((20, Cause.DRAIN), (40.4, Cause.DRAIN), (41, Cause.EVICTION)):
        case = Deleted().delete(evicted)
        assert case.told(40.3) is Cause.EVICTION
        case.cluster.nodes["node-1"] = cordoned(seconds)
        assert case.told(41.5) is cause
        assert case.told(60) is cause
    first = Deleted()
    first.cluster.nodes["node-1"] = cordoned(20)
    assert first.delete(evicted).words == "Eviction API: evicting; node-1 is cordoned"


def test_a_taint_is_named() -> None:
    """Instead of the condition's words, which say no more than that there was one."""
    condition = DeletionCause("uid-1", Cause.TAINT, "Taint manager: deleting due to NoExecute taint")
    tainted = cordoned(20, evicting=("node.kubernetes.io/unreachable",))
    early, late = Deleted(), Deleted()
    early.cluster.nodes["node-1"] = tainted
    assert early.delete(condition).words == "NoExecute taint of node-1: node.kubernetes.io/unreachable"
    assert late.delete(condition).words == condition.text
    late.cluster.nodes["node-1"] = tainted
    assert late.told(41) is Cause.TAINT
    assert late.words == early.words


def test_what_the_pod_says_itself_is_not_asked_about() -> None:
    """Preemption, node pressure: its own condition tells."""
    case = Deleted().see(WEB, 35).see(replicaset(), 35, have=2)
    case.delete(DeletionCause("uid-1", Cause.PREEMPTION, "Preempted by pod shop/big on node node-1"))
    assert case.told(60) is Cause.PREEMPTION


def test_after_a_restart_it_is_asked_again() -> None:
    """Nothing was answered before; what was is kept."""
    case = Deleted(owner=None).delete()
    case.world.commit(41)
    case.world.killed(43)
    assert case.told(50) is None
    assert case.told(53) is Cause.DIRECT


def test_memory_of_what_is_over_fades() -> None:
    """A controller that went long ago, and a surplus of long ago, explain nothing."""
    case = Deleted().see(WEB, 1).see(replicaset(), 1, wanted=1, have=2).see(replicaset(), 2, wanted=1, have=1)
    case.world.tick(3 + 60)
    case.delete(seconds=70)
    assert case.told(81) is Cause.DIRECT
