"""The index of nodes: when each registered, when it was first Ready, and whether it takes pods."""

from typing import Any

from tests.support.objects import CREATED, CREATED_NS, condition, line, raw
from tests.support.recording import RecordingIntake

from podtimeline.model.instants import SECOND, Source
from podtimeline.model.nodes import NodeState, Taint
from podtimeline.sources.nodes import NodeFeed, NodeIndex

NOW = CREATED_NS + 30 * SECOND


def node(name: str = "node-1", *, uid: str = "", ready: int | None = None, cordoned: bool = False) -> dict[str, Any]:
    """A node; Ready since that second after its creation."""
    turned = condition("Ready", 0, status="False") if ready is None else condition("Ready", ready)
    return {
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {"name": name, "uid": uid or f"uid-{name}", "resourceVersion": "1", "creationTimestamp": CREATED},
        "spec": {"podCIDR": "10.1.0.0/24"} | ({"unschedulable": True} if cordoned else {}),
        "status": {"conditions": [condition("MemoryPressure", 0, status="False"), turned], "images": []},
    }


class Nodes:
    """An index and its feed."""

    def __init__(self) -> None:
        self.index = NodeIndex()
        self.feed = NodeFeed(self.index, RecordingIntake())

    def watch(self, body: dict[str, Any], *, kind: str = "MODIFIED", at: int = NOW, live: bool = True) -> None:
        """A change."""
        self.feed.line(line(kind, body), arrived=at, live=live)

    def list(self, *bodies: dict[str, Any]) -> None:
        """A complete listing."""
        self.feed.begin()
        for body in bodies:
            self.feed.item(raw(body), arrived=NOW)
        self.feed.end("7", arrived=NOW)

    def of(self, name: str = "node-1") -> NodeState:
        """A node that is there."""
        found = self.index.node(name)
        assert found is not None
        return found


def test_a_node_that_joins_is_timed_by_its_own_stamps_and_by_the_watch() -> None:
    """Its second of creation and of readiness, and not after the watch that first showed it."""
    nodes = Nodes()
    nodes.watch(node(), kind="ADDED", at=CREATED_NS + SECOND // 2)
    nodes.watch(node(ready=7), at=CREATED_NS + 8 * SECOND)
    state = nodes.of()
    created, seen = state.created
    assert (created.earliest, created.latest) == (CREATED_NS, CREATED_NS + SECOND - 1)
    assert (seen.source, seen.latest) == (Source.WATCH, CREATED_NS + SECOND // 2)
    ready, shown = state.ready
    assert (ready.earliest, ready.latest) == (CREATED_NS + 7 * SECOND, CREATED_NS + 8 * SECOND - 1)
    assert shown.at == CREATED_NS + 8 * SECOND


def test_a_node_is_ready_for_the_first_time_once() -> None:
    """A flap, heartbeats and listings do not move it."""
    nodes = Nodes()
    nodes.watch(node(), kind="ADDED")
    nodes.watch(node(ready=7))
    first = nodes.of().ready
    nodes.watch(node())
    nodes.watch(node(ready=25))
    nodes.list(node(ready=25))
    assert nodes.of().ready == first


def test_a_node_that_was_ready_before_anybody_looked_was_so_at_the_latest_then() -> None:
    """It may have been Ready before, and not Ready in between."""
    nodes = Nodes()
    nodes.list(node(ready=7))
    (told,) = nodes.of().ready
    assert (told.at, told.earliest, told.latest) == (None, None, CREATED_NS + 8 * SECOND - 1)


def test_what_kopf_lists_is_no_news() -> None:
    """Its arrival says nothing of when the node came."""
    nodes = Nodes()
    nodes.watch(node(ready=7), kind="ADDED", live=False)
    assert [each.source for each in nodes.of().created] == [Source.FIELD]


def test_cordoned_and_open_again() -> None:
    """What kubectl cordon and uncordon do."""
    nodes = Nodes()
    nodes.list(node(cordoned=True))
    assert (nodes.of().cordoned, nodes.of().cordoned_at) == (True, 0)
    nodes.watch(node())
    assert (nodes.of().cordoned, nodes.of().cordoned_at) == (False, None)
    nodes.watch(node(cordoned=True))
    first = nodes.of().cordoned_at
    assert first
    nodes.watch(node(cordoned=True))
    assert nodes.of().cordoned_at == first


def test_taints_that_evict_pods_are_named() -> None:
    """Those that only keep new ones away are not."""
    nodes, body = Nodes(), node()
    body["spec"]["taints"] = [
        {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"},
        {"key": "shop.test/old", "value": "disk", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
    ]
    nodes.watch(body)
    assert nodes.of().evicting == ("node.kubernetes.io/unreachable", "shop.test/old=disk")


def test_a_node_that_comes_back_under_its_name_is_another_one() -> None:
    """Its start is its own."""
    nodes = Nodes()
    nodes.list(node(ready=7))
    nodes.watch(node(uid="uid-other"), kind="ADDED")
    assert nodes.of().uid == "uid-other"
    assert nodes.of().ready == ()


def test_a_node_that_goes_is_forgotten() -> None:
    """By its deletion, or because a listing does not show it any more."""
    nodes = Nodes()
    nodes.list(node("node-1"), node("node-2"), node("node-3"))
    nodes.watch(node("node-2"), kind="DELETED")
    nodes.list(node("node-3"))
    assert [key.name for key, _ in nodes.index.entries(None)] == ["node-3"]


def test_a_node_that_joins_while_a_listing_is_read_stays() -> None:
    """The pages were read before it came."""
    nodes = Nodes()
    nodes.feed.begin()
    nodes.watch(node("node-9"), kind="ADDED")
    nodes.feed.end("7", arrived=NOW)
    assert nodes.index.node("node-9") is not None


def test_a_malformed_node_is_counted() -> None:
    """And stops nothing."""
    nodes = Nodes()
    broken = node()
    broken["metadata"]["creationTimestamp"] = None
    nodes.watch(broken)
    assert nodes.feed.malformed == 1
    assert nodes.index.node("node-1") is None


def test_nodes_are_counted_by_their_taints() -> None:
    """As they come, change and go."""
    nodes, lost = Nodes(), {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}
    for name in ("node-1", "node-2"):
        body = node(name)
        body["spec"]["taints"] = [lost]
        nodes.watch(body, kind="ADDED")
    taints = (Taint("node.kubernetes.io/unreachable", "", "NoSchedule"),)
    assert nodes.index.taints == {taints: 2}
    nodes.watch(node("node-1"))
    assert nodes.index.taints == {taints: 1}
    nodes.watch(node("node-2"), kind="DELETED")
    assert nodes.index.taints == {}
