"""Which volumes a kubelet needs, by the attachments that they have."""

from typing import Any

from tests.support.objects import CREATED, CREATED_NS, Body, line, raw
from tests.support.recording import RecordingIntake

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone
from podtimeline.model.storage import UsageNews
from podtimeline.sources.nodes import NodeFeed, NodeIndex, attachment_name

VOLUME = "kubernetes.io/csi/csi.podtimeline.test^pvc-2ad9a8ac-46d3-488b-b7ce-6c32ada6da30"


def node(*volumes: str) -> Body:
    """A node whose kubelet needs these volumes."""
    status: dict[str, Any] = {"volumesInUse": list(volumes)} if volumes else {}
    meta = {"name": "node-1", "uid": "n-1", "resourceVersion": "1", "creationTimestamp": CREATED}
    return {"kind": "Node", "apiVersion": "v1", "metadata": meta, "status": status}


class Nodes:
    """A feed and what it told of volumes."""

    def __init__(self) -> None:
        self._intake = RecordingIntake()
        self.feed = NodeFeed(NodeIndex(), self._intake)

    def watch(self, body: Body, at: float, *, kind: str = "MODIFIED", live: bool = True) -> None:
        """A change that arrives so many seconds after the creation."""
        self.feed.line(line(kind, body), arrived=moment(at), live=live)

    @property
    def told(self) -> list[UsageNews]:
        """What was told of volumes."""
        return [each for each in self._intake.news if isinstance(each, UsageNews)]

    @property
    def facts(self) -> list[tuple[Milestone, Evidence]]:
        """All facts, in order."""
        return [(fact.milestone, fact.evidence[0]) for news in self.told for fact in news.facts]


def moment(seconds: float) -> int:
    """So many seconds after the creation."""
    return CREATED_NS + round(seconds * SECOND)


def test_an_attachment_is_named_after_handle_driver_and_node() -> None:
    """As Kubernetes 1.34 and 1.37 name it; the name is one of a real cluster."""
    assert attachment_name(VOLUME, "node-1") == REAL
    assert attachment_name("kubernetes.io/iscsi/10.0.0.1:iqn.2026", "node-1") is None


REAL = "csi-cdafa2297acaaa7140b5e38bcc8e65999c8ee5597525d32386e32c8daa011507"


def test_a_need_begins_and_ends_with_the_kubelet_s_reports() -> None:
    """Each time is one of its own."""
    nodes = Nodes()
    nodes.watch(node(), 0, kind="ADDED")
    for at in (10, 15):
        nodes.watch(node(VOLUME), at)
    nodes.watch(node(), 20)
    nodes.watch(node(VOLUME), 30)
    assert [(milestone, evidence.at) for milestone, evidence in nodes.facts] == [
        (Milestone.IN_USE, moment(10)),
        (Milestone.UNUSED, moment(20)),
        (Milestone.IN_USE, moment(30)),
    ]
    first, over, second = nodes.told
    assert first.uid == over.uid != second.uid
    assert (first.gone, over.gone, over.leaving) == (False, True, moment(20))
    assert {each.attachment for each in nodes.told} == {attachment_name(VOLUME, "node-1")}


def test_what_was_needed_before_anybody_looked_has_no_time() -> None:
    """A listing shows that it is, not since when; what changed in a gap was so by then."""
    nodes = Nodes()
    nodes.feed.begin()
    nodes.feed.item(raw(node(VOLUME)), arrived=moment(50))
    nodes.feed.end("7", arrived=moment(50))
    nodes.watch(node(), 60, live=False)
    (_, began), (_, ended) = nodes.facts
    assert (began.source, began.latest) == (Source.LISTED, None)
    assert (ended.source, ended.at, ended.latest) == (Source.LISTED, None, moment(60))


def test_a_node_that_goes_needs_nothing_any_more() -> None:
    """Nobody saw when it let go of its volumes."""
    nodes = Nodes()
    nodes.watch(node(), 0, kind="ADDED")
    nodes.watch(node(VOLUME), 10)
    nodes.watch(node(VOLUME), 20, kind="DELETED")
    assert [milestone for milestone, _ in nodes.facts] == [Milestone.IN_USE, Milestone.UNUSED]
