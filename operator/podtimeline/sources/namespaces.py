"""The namespaces that are being deleted (``ports.Namespaces``): nothing else of a namespace is read."""

from msgspec.json import Decoder

from podtimeline.bounded import Bounded, Kept, Losses
from podtimeline.kube.indexer import Entry, IndexedFeed, Indexer, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import Metadata, WatchEvent, Wire
from podtimeline.model.instants import SECOND
from podtimeline.sources.texts import moment

NAMESPACES = Resource(name="namespaces", namespaced=False, without="whether pods were deleted with their namespace")
MAX_GONE = 1000
"""Namespaces that are gone and still known, for pods that went with them."""
KEPT = 3600 * SECOND
"""How long they are known."""


class NamespaceMetadata(Metadata, frozen=True):
    """metav1.ObjectMeta of a Namespace."""

    deletion_timestamp: str | None = None


class Namespace(Wire, frozen=True):
    """corev1.Namespace."""

    metadata: NamespaceMetadata


class NamespaceIndex(Indexer[int]):
    """Implements ``ports.Namespaces``; ``NamespaceFeed`` fills it. Holds when a namespace's deletion was asked for."""

    def __init__(self, losses: Losses) -> None:
        super().__init__()
        self._gone: Bounded[str, int] = Bounded(Kept.DELETED_NAMESPACES, losses, limit=MAX_GONE)
        """When each one's deletion was asked for."""

    def doomed(self, name: str) -> int | None:
        """See ``ports.Namespaces``."""
        held = self.get("", name)
        if held is not None:
            return held.value
        return self._gone.get(name)

    def went(self, name: str, since: int, *, arrived: int) -> None:
        """A namespace is gone. Its pods went before it: who asks for them later still wants to know."""
        self._gone.expire(arrived - KEPT)
        self._gone.put("", name, since, at=arrived)

    def came(self, name: str) -> None:
        """A namespace is there, perhaps anew."""
        self._gone.pop(name)


class NamespaceFeed(IndexedFeed[Namespace, int]):
    """Fills the index of namespaces."""

    def __init__(self, index: NamespaceIndex) -> None:
        collection, line = Collection(NAMESPACES), Decoder(WatchEvent[Namespace])
        super().__init__(collection, Decoder(Namespace), line, index=index)
        self._namespaces = index

    def _took(self, seen: Namespace, held: int | None, *, arrived: int, live: bool) -> int | None:
        self._namespaces.came(seen.metadata.name)
        stamp = seen.metadata.deletion_timestamp
        return None if stamp is None else moment(stamp)

    def _went(self, key: ObjectKey, held: Entry[int], last: Namespace | None, *, arrived: int, live: bool) -> None:
        self._namespaces.went(key.name, held.value, arrived=arrived)
