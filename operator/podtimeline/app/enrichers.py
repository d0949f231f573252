"""Who tells the tracker what other objects mean for a pod, wired to what is known of those."""

from dataclasses import dataclass

from podtimeline.bounded import Losses
from podtimeline.sources.registry import Indexes
from podtimeline.tracking.causes import Causes
from podtimeline.tracking.endpoint_drains import EndpointDrains
from podtimeline.tracking.enrichers import Enricher
from podtimeline.tracking.histories import Histories
from podtimeline.tracking.nodes import NewNodes
from podtimeline.tracking.predecessors import Predecessors
from podtimeline.tracking.refusals import Refusals
from podtimeline.tracking.scale_attribution import ScaleAttribution
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.volumes import Volumes


@dataclass(frozen=True, slots=True)
class Enrichment:
    """The companions of the live operator and of a replay alike, and those among them that are asked by others."""

    all: tuple[Enricher, ...]
    losses: Losses
    timers: Timers
    refusals: Refusals
    histories: Histories


def enrichers(known: Indexes, *, series_limit: int = 2000) -> Enrichment:
    """The companions, wired; they are asked in this order."""
    losses, timers = known.losses, Timers()
    predecessors = Predecessors(losses, timers)
    requests = ScaleAttribution(known.nodes, predecessors, losses, timers)
    refusals = Refusals(known.owners, requests.histories, losses, timers, limit=series_limit)
    leaving = (EndpointDrains(known.slices, timers), Causes(known.nodes, known.namespaces, losses, timers))
    starting = (NewNodes(known.nodes, timers), Volumes(losses, timers), predecessors, requests, refusals)
    return Enrichment((*starting, *leaving), losses, timers, refusals, requests.histories)
