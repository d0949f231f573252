"""What an Event is about: whether its reference can be what the Event's own namespace allows. Pure.

Whoever may create Events in one namespace can write any reference into them: the API server compares the namespace of
``involvedObject`` with the Event's own only where ``eventTime`` is not set (pkg/apis/core/validation/events.go).
Every recorder of Kubernetes writes an Event into the namespace of what it is about, and one about an object of the
cluster into ``default`` (client-go, tools/record and tools/events).
"""

from podtimeline.intake.wire import Event
from podtimeline.ports import Mismatch, PodReference

_OF_CLUSTER = frozenset({"Node"})
"""The kinds without a namespace whose Events are read."""
_FOR_CLUSTER = frozenset({"default", "kube-system"})
"""Where the API server takes Events about objects of the cluster (pkg/apis/core/validation/events.go)."""


def mismatch(event: Event) -> Mismatch | None:
    """In what the reference of an Event disagrees with the Event itself; ``None`` where nothing does.

    A kubelet writes no uid of its node (v1.37), or the node's name for it (v1.34): there it is not asked for.
    """
    about, within = event.involved_object, event.metadata.namespace
    if about.kind in _OF_CLUSTER:
        agrees = not about.namespace and within in _FOR_CLUSTER
        return _named(about.name) if agrees else Mismatch.NAMESPACE
    if not within or about.namespace != within:
        return Mismatch.NAMESPACE
    return _named(about.name) if about.uid else Mismatch.UID


def _named(name: str) -> Mismatch | None:
    return None if name else Mismatch.NAME


def pod_of(event: Event) -> PodReference:
    """The pod that an Event is about."""
    about = event.involved_object
    return PodReference(about.uid, about.namespace, about.name)
