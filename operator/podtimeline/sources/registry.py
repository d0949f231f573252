"""Every kind that is observed, named once: paths, rights, captures and the documentation derive from this table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podtimeline.bounded import Losses
from podtimeline.kube.feed import Feed
from podtimeline.kube.indexer import Indexer
from podtimeline.kube.lister import Resource
from podtimeline.ports import Intake
from podtimeline.quarantine import Quarantine
from podtimeline.sources.endpointslices import ENDPOINTSLICES, SliceFeed, SliceIndex
from podtimeline.sources.events.feed import EVENTS, EventFeed
from podtimeline.sources.namespaces import NAMESPACES, NamespaceFeed, NamespaceIndex
from podtimeline.sources.nodes import NODES, NodeFeed, NodeIndex
from podtimeline.sources.pods.feed import PODS, PodFeed
from podtimeline.sources.services import SERVICES, ServiceFeed, ServiceIndex
from podtimeline.sources.storage import ATTACHMENTS, CLAIMS, AttachmentFeed, ClaimFeed, HeldVolume
from podtimeline.sources.workloads import WORKLOADS, WorkloadFeed, WorkloadIndex


class OwnerIndex:
    """Implements ``ports.Owners``."""

    def __init__(self, workloads: WorkloadIndex, services: ServiceIndex) -> None:
        self.chain = workloads.chain
        self.services = services.selecting


class Indexes:
    """What is kept of the observed objects; the feeds fill it, and others ask it by ``ports``."""

    def __init__(self) -> None:
        self.losses = Losses()
        """Of all that is kept beside pods, here and by the companions."""
        self.workloads = WorkloadIndex()
        self.services = ServiceIndex()
        self.owners = OwnerIndex(self.workloads, self.services)
        self.nodes = NodeIndex()
        self.namespaces = NamespaceIndex(self.losses)
        self.slices = SliceIndex()
        self.claims: Indexer[HeldVolume] = Indexer()
        self.attachments: Indexer[HeldVolume] = Indexer()


Make = Callable[[Indexes, Intake, str | None], Feed[Any]]


@dataclass(frozen=True, slots=True)
class ObservedKind:
    """An observed kind: where it is in the API, and how the feed of one of its collections is made.

    ``make`` gets the indexes, who is told, and the namespace of the collection (``None``: all, or the cluster's).
    """

    resource: Resource
    make: Make


def _workload(kind: str) -> Make:
    return lambda known, intake, namespace: WorkloadFeed(kind, known.workloads, intake, namespace=namespace)


KINDS: tuple[ObservedKind, ...] = (
    ObservedKind(PODS, lambda known, intake, namespace: PodFeed(intake, known.nodes, namespace=namespace)),
    ObservedKind(EVENTS, lambda known, intake, namespace: EventFeed(intake, known.losses, namespace=namespace)),
    ObservedKind(ENDPOINTSLICES, lambda known, intake, namespace: SliceFeed(intake, known.slices, namespace=namespace)),
    *(ObservedKind(resource, _workload(kind)) for kind, resource in WORKLOADS.items()),
    ObservedKind(SERVICES, lambda known, intake, namespace: ServiceFeed(intake, known.services, namespace=namespace)),
    ObservedKind(NODES, lambda known, intake, _: NodeFeed(known.nodes, intake)),
    ObservedKind(NAMESPACES, lambda known, *_: NamespaceFeed(known.namespaces)),
    ObservedKind(CLAIMS, lambda known, intake, namespace: ClaimFeed(intake, index=known.claims, namespace=namespace)),
    ObservedKind(ATTACHMENTS, lambda known, intake, _: AttachmentFeed(intake, index=known.attachments)),
)
BY_NAME: Mapping[str, ObservedKind] = {each.resource.name: each for each in KINDS}


def feeds(
    known: Indexes, intake: Intake, *, namespaces: Sequence[str] = (), quarantine: Quarantine | None = None
) -> Iterator[Feed[Any]]:
    """A feed for each collection; ``quarantine`` gets what no feed can read, each feed its own where it is ``None``."""
    for kind in KINDS:
        for collection in kind.resource.collections(namespaces):
            feed = kind.make(known, intake, collection.namespace)
            if quarantine is not None:
                feed.quarantine = quarantine
            yield feed
