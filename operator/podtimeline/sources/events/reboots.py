"""Which pods a node's reboot befell: those whose sandbox the node's kubelet finds gone around the time that it says so.

The kubelet writes one Event about its Node when the boot id has changed (pkg/kubelet/nodestatus/setters.go), and one
about each pod whose sandbox it has to make anew (kuberuntime_manager.go). Either may come first.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from podtimeline.model.instants import SECOND
from podtimeline.model.observations import Befell, Incident
from podtimeline.ports import PodReference
from podtimeline.sources.events.event import Event, pod_of, stamp

REBOOTED = "Rebooted"
"""The reason of the Node's Event."""
CHANGED = "SandboxChanged"
"""The reason of the pods' Events."""
T = TypeVar("T")
_BEFORE = 60 * SECOND
_AFTER = 600 * SECOND
"""Before a sandbox is made anew the pod's volumes are mounted: that can take minutes."""
MAX_NODES = 1000
"""Nodes, and namespaces, that are remembered."""
MAX_PODS = 100
"""Changed sandboxes of a namespace that are remembered."""


class _Changed(NamedTuple):
    """A pod whose sandbox was changed, and the node whose kubelet says so."""

    node: str
    at: int
    pod: PodReference


class Reboots:
    """Remembers the latest reboot of each node and the latest sandboxes that were changed, bounded in number.

    Each namespace has a share of its own: what its Events claim takes no other namespace's place.
    """

    def __init__(self) -> None:
        self._rebooted: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._changed: OrderedDict[str, deque[_Changed]] = OrderedDict()

    def read(self, event: Event, *, arrived: int) -> Iterator[tuple[PodReference, Befell]]:
        """What an Event of one of the two reasons says of pods. Raises ``MalformedObject``."""
        at, about = stamp(event, arrived=arrived).claim, event.involved_object
        if about.kind == "Node" and event.reason == REBOOTED:
            _keep(self._rebooted, about.name, (at, event.message))
            for changed in (each for share in self._changed.values() for each in share):
                if changed.node == about.name and at - _BEFORE <= changed.at <= at + _AFTER:
                    yield changed.pod, Befell(changed.pod.uid, Incident.NODE_REBOOTED, at, event.message)
        elif about.kind == "Pod" and event.reason == CHANGED and event.source is not None and event.source.host:
            pod, node = pod_of(event), event.source.host
            share = self._changed.get(pod.namespace) or deque(maxlen=MAX_PODS)
            _keep(self._changed, pod.namespace, share).append(_Changed(node, at, pod))
            rebooted, text = self._rebooted.get(node, (None, ""))
            if rebooted is not None and rebooted - _BEFORE <= at <= rebooted + _AFTER:
                yield pod, Befell(pod.uid, Incident.NODE_REBOOTED, rebooted, text)


def _keep(known: OrderedDict[str, T], key: str, value: T) -> T:
    known[key] = value
    known.move_to_end(key)
    while len(known) > MAX_NODES:
        known.popitem(last=False)
    return value
