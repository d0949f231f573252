"""Who tells the tracker what other objects mean for a pod, wired to what is known of those."""

from dataclasses import dataclass

from podtimeline.bounded import Losses
from podtimeline.sources.registry import Indexes
from podtimeline.tracking.causes import Causes
from podtimeline.tracking.companions import Companion
from podtimeline.tracking.histories import Histories
from podtimeline.tracking.nodes import NewNodes
from podtimeline.tracking.predecessors import Predecessors
from podtimeline.tracking.refusals import Refusals
from podtimeline.tracking.requests import Requests
from podtimeline.tracking.standing import Standing
from podtimeline.tracking.volumes import Volumes


@dataclass(frozen=True, slots=True)
class Company:
    """The companions of the live operator and of a replay alike, and those among them that are asked by others."""

    all: tuple[Companion, ...]
    losses: Losses
    refusals: Refusals
    histories: Histories


def companions(known: Indexes, *, series_limit: int = 2000) -> Company:
    """The companions, wired; they are asked in this order."""
    losses = known.losses
    predecessors = Predecessors(losses)
    requests = Requests(known.nodes, predecessors, losses)
    refusals = Refusals(known.owners, requests.histories, losses, limit=series_limit)
    leaving = (Standing(known.slices), Causes(known.nodes, known.namespaces, losses))
    starting = (NewNodes(known.nodes), Volumes(losses), predecessors, requests, refusals)
    return Company((*starting, *leaving), losses, refusals, requests.histories)
