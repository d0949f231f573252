"""The Services that select pods: which of them do, by their selectors."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from msgspec.json import Decoder

from podtimeline.kube.indexer import Entry, IndexedFeed, Indexer, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import Metadata, WatchEvent, Wire

SERVICES = Resource(name="services", without="which Services select a pod")
Selector = frozenset[tuple[str, str]]


class ServiceSpec(Wire, frozen=True):
    """corev1.ServiceSpec."""

    selector: dict[str, str] | None = None
    type: str = "ClusterIP"


class Service(Wire, frozen=True):
    """corev1.Service."""

    metadata: Metadata
    spec: ServiceSpec = ServiceSpec()


class ServiceIndex(Indexer[Selector]):
    """The selector of each Service that has one; ``ServiceFeed`` fills it."""

    def __init__(self) -> None:
        super().__init__()
        self._changed: set[str] = set()

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """See ``ports.Owners.services``."""
        if not self.complete(namespace):
            return None
        have = labels.items()
        return tuple(sorted(f"{namespace}/{name}" for name, wanted in self.within(namespace) if wanted <= have))

    def changed(self) -> AbstractSet[str]:
        """See ``ports.Owners.services_changed``."""
        changed, self._changed = self._changed, set()
        return changed

    def put(self, key: ObjectKey, entry: Entry[Selector]) -> None:
        """See ``Indexer.put``."""
        held = self.get(*key)
        if held is None or held.value != entry.value:
            self._changed.add(key.namespace)
        super().put(key, entry)

    def drop(self, key: ObjectKey) -> Entry[Selector] | None:
        """See ``Indexer.drop``."""
        held = super().drop(key)
        if held is not None:
            self._changed.add(key.namespace)
        return held

    def settle(self, namespace: str | None, *, complete: bool) -> None:
        """See ``Indexer.settle``. Where Services can be read that could not, or the other way, the answer changes."""
        if complete != (namespace in self._complete):
            self._changed |= {key.namespace for key, _ in self.entries(namespace)}
        super().settle(namespace, complete=complete)


class ServiceFeed(IndexedFeed[Service, Selector]):
    """Fills the index of Services."""

    def __init__(self, index: ServiceIndex, *, namespace: str | None = None) -> None:
        collection, line = Collection(SERVICES, namespace), Decoder(WatchEvent[Service])
        super().__init__(collection, Decoder(Service), line, index=index)

    def _took(self, seen: Service, held: Selector | None, *, arrived: int, live: bool) -> Selector | None:
        spec = seen.spec
        # Without a selector nobody fills the slices from pods; an ExternalName Service has none at all.
        return frozenset(spec.selector.items()) if spec.selector and spec.type != "ExternalName" else None
