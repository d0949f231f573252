"""Who tells the tracker what other objects mean for a pod, wired to what is known of those."""

from dataclasses import dataclass

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
    refusals: Refusals
    histories: Histories


def companions(known: Indexes, *, series_limit: int = 2000) -> Company:
    """The companions, wired; they are asked in this order."""
    predecessors = Predecessors()
    requests = Requests(known.nodes, predecessors)
    refusals = Refusals(known.owners, requests.histories, limit=series_limit)
    leaving = (Standing(known.slices), Causes(known.nodes, known.namespaces))
    return Company(
        (NewNodes(known.nodes), Volumes(), predecessors, requests, refusals, *leaving), refusals, requests.histories
    )
