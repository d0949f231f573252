"""Which pods a node's reboot befell: those whose sandbox the node's kubelet finds gone around the time that it says so.

The kubelet writes one Event about its Node when the boot id has changed (pkg/kubelet/nodestatus/setters.go), and one
about each pod whose sandbox it has to make anew (kuberuntime_manager.go). Either may come first.
"""

from collections.abc import Iterator
from typing import NamedTuple

from podtimeline.bounded import Bounded, Kept, Losses
from podtimeline.model.instants import SECOND
from podtimeline.model.observations import Incident, IncidentKind
from podtimeline.ports import PodReference
from podtimeline.sources.events.event import Event, pod_of, stamp

REBOOTED = "Rebooted"
"""The reason of the Node's Event."""
CHANGED = "SandboxChanged"
"""The reason of the pods' Events."""
_BEFORE = 60 * SECOND
_AFTER = 600 * SECOND
"""Before a sandbox is made anew the pod's volumes are mounted: that can take minutes."""
MAX_NODES = 10_000
"""Nodes whose latest reboot is remembered."""
MAX_PODS = 10_000
"""Changed sandboxes that are remembered."""
KEPT = 1200 * SECOND
"""How long both are: whichever of the two Events is read first, the other follows within ``_AFTER``."""


class _Changed(NamedTuple):
    """A pod whose sandbox was changed, and the node whose kubelet says so."""

    node: str
    at: int
    pod: PodReference


class _Rebooted(NamedTuple):
    """When a node's kubelet says that it rebooted, in its words."""

    at: int
    text: str


class Reboots:
    """Remembers the latest reboot of each node and the latest sandboxes that were changed, bounded in number."""

    def __init__(self, losses: Losses) -> None:
        self._rebooted: Bounded[str, _Rebooted] = Bounded(Kept.NODE_REBOOTS, losses, limit=MAX_NODES)
        self._changed: Bounded[_Changed, None] = Bounded(Kept.SANDBOX_CHANGES, losses, limit=MAX_PODS)

    def read(self, event: Event, *, arrived: int) -> Iterator[tuple[PodReference, Incident]]:
        """What an Event of one of the two reasons says of pods. Raises ``MalformedObject``."""
        self._rebooted.expire(arrived - KEPT)
        self._changed.expire(arrived - KEPT)
        at, about = stamp(event, arrived=arrived).claim, event.involved_object
        if about.kind == "Node" and event.reason == REBOOTED:
            self._rebooted.put("", about.name, _Rebooted(at, event.message), at=arrived)
            for changed in self._changed:
                if changed.node == about.name and at - _BEFORE <= changed.at <= at + _AFTER:
                    yield changed.pod, Incident(changed.pod.uid, IncidentKind.NODE_REBOOTED, at, event.message)
        elif about.kind == "Pod" and event.reason == CHANGED and event.source is not None and event.source.host:
            pod, node = pod_of(event), event.source.host
            self._changed.put(pod.namespace, _Changed(node, at, pod), None, at=arrived)
            rebooted = self._rebooted.get(node)
            if rebooted is not None and rebooted.at - _BEFORE <= at <= rebooted.at + _AFTER:
                yield pod, Incident(pod.uid, IncidentKind.NODE_REBOOTED, rebooted.at, rebooted.text)
