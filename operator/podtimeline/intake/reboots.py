"""Which pods a node's reboot befell: those whose sandbox the node's kubelet finds gone around the time that it says so.

The kubelet writes one Event about its Node when the boot id has changed (pkg/kubelet/nodestatus/setters.go), and one
about each pod whose sandbox it has to make anew (kuberuntime_manager.go). Either may come first.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import TypeVar

from podtimeline.core.instants import SECOND
from podtimeline.core.observations import Befell, Incident
from podtimeline.intake.stamps import stamp
from podtimeline.intake.wire import Event

REBOOTED = "Rebooted"
"""The reason of the Node's Event."""
CHANGED = "SandboxChanged"
"""The reason of the pods' Events."""
T = TypeVar("T")
_BEFORE = 60 * SECOND
_AFTER = 600 * SECOND
"""Before a sandbox is made anew the pod's volumes are mounted: that can take minutes."""
_NODES = 1000
_PODS = 1000


class Reboots:
    """Remembers the latest reboot of each node and the latest sandboxes that were changed there, bounded in number."""

    def __init__(self) -> None:
        self._rebooted: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._changed: OrderedDict[str, deque[tuple[int, str]]] = OrderedDict()

    def read(self, event: Event, *, arrived: int) -> Iterator[Befell]:
        """What an Event of one of the two reasons says of pods. Raises ``MalformedObject``."""
        at, about = stamp(event, arrived=arrived).claim, event.involved_object
        if about.kind == "Node" and event.reason == REBOOTED:
            _keep(self._rebooted, about.name, (at, event.message))
            for changed, uid in self._changed.get(about.name, ()):
                if at - _BEFORE <= changed <= at + _AFTER:
                    yield Befell(uid, Incident.NODE_REBOOTED, at, event.message)
        elif about.kind == "Pod" and event.reason == CHANGED and event.source is not None and event.source.host:
            node = event.source.host
            _keep(self._changed, node, self._changed.get(node) or deque(maxlen=_PODS)).append((at, about.uid))
            rebooted, text = self._rebooted.get(node, (None, ""))
            if rebooted is not None and rebooted - _BEFORE <= at <= rebooted + _AFTER:
                yield Befell(about.uid, Incident.NODE_REBOOTED, rebooted, text)


def _keep(known: OrderedDict[str, T], node: str, value: T) -> T:
    known[node] = value
    known.move_to_end(node)
    while len(known) > _NODES:
        known.popitem(last=False)
    return value
