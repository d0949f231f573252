"""The feeds of the low-rate kinds, for the live operator and for a replay alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.json import Decoder

from podtimeline.intake.feeds import Feed
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.namespaces import NamespaceFeed, NamespaceIndex
from podtimeline.intake.nodes import NodeFeed, NodeIndex
from podtimeline.intake.owners import OwnerIndex, ServiceFeed, WorkloadFeed
from podtimeline.intake.slices import SliceIndex
from podtimeline.intake.storage import AttachmentFeed, ClaimFeed
from podtimeline.intake.wire import Head, WatchEvent
from podtimeline.intake.workloads import WORKLOADS
from podtimeline.ports import Intake

LowRateFeeds = Mapping[LowRate, Feed[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who is told what the low-rate kinds say, and what slices hold."""

    owners: OwnerIndex
    nodes: NodeIndex = field(default_factory=NodeIndex)
    namespaces: NamespaceIndex = field(default_factory=NamespaceIndex)
    addresses: SliceIndex = field(default_factory=SliceIndex)


def low_rate_feeds(to: Listeners, intake: Intake) -> LowRateFeeds:
    """The feed of each kind that is followed; a kind of ``kinds.KINDS`` without a feed is not read at all."""
    workloads = {kind: WorkloadFeed(kind, intake, to.owners.controllers.get(name)) for kind, name in WORKLOADS.items()}
    return workloads | {
        LowRate.SERVICES: ServiceFeed(to.owners),
        LowRate.NODES: NodeFeed(to.nodes, intake),
        LowRate.NAMESPACES: NamespaceFeed(to.namespaces),
        LowRate.CLAIMS: ClaimFeed(intake),
        LowRate.ATTACHMENTS: AttachmentFeed(intake),
    }


class HeadFeed(Feed[Head]):
    """Reads only how far a stream has come: for a recorder, which keeps the bytes."""

    def __init__(self, stream: str) -> None:
        super().__init__(Decoder(Head), Decoder(WatchEvent[Head]))
        self.stream = stream

    def end(self, version: str, *, arrived: int) -> None:
        """See ``Feed.end``."""

    def _seen(self, seen: Head, *, arrived: int, live: bool, listing: bool) -> None: ...

    def _gone(self, seen: Head, *, arrived: int, live: bool) -> None: ...
