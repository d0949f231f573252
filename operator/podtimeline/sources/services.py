"""The Services that select pods: which of them do, by their selectors."""

from collections.abc import Mapping

from msgspec.json import Decoder

from podtimeline.kube.indexer import Entry, IndexedFeed, Indexer, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import Metadata, WatchEvent, Wire
from podtimeline.ports import Intake

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

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """See ``ports.Owners.services``."""
        if not self.complete(namespace):
            return None
        have = labels.items()
        return tuple(sorted(f"{namespace}/{name}" for name, wanted in self.within(namespace) if wanted <= have))


class ServiceFeed(IndexedFeed[Service, Selector]):
    """Fills the index of Services, and says where the answer to who selects a pod may be another one now."""

    def __init__(self, intake: Intake, index: ServiceIndex, *, namespace: str | None = None) -> None:
        collection, line = Collection(SERVICES, namespace), Decoder(WatchEvent[Service])
        super().__init__(collection, Decoder(Service), line, index=index)
        self._intake = intake
        self._complete = False

    def end(self, version: str, *, arrived: int) -> None:
        """See ``Feed.end``."""
        super().end(version, arrived=arrived)
        self._settled(complete=True)

    def readable(self, *, readable: bool) -> None:
        """See ``Feed.readable``."""
        super().readable(readable=readable)
        if self._was_listed:
            self._settled(complete=readable)

    def _settled(self, *, complete: bool) -> None:
        if complete != self._complete:
            self._complete = complete
            self._intake.services_changed(self.namespace)

    def _took(self, seen: Service, held: Selector | None, *, arrived: int, live: bool) -> Selector | None:
        spec = seen.spec
        # Without a selector nobody fills the slices from pods; an ExternalName Service has none at all.
        selector = frozenset(spec.selector.items()) if spec.selector and spec.type != "ExternalName" else None
        if selector != held:
            self._intake.services_changed(seen.metadata.namespace)
        return selector

    def _went(self, key: ObjectKey, held: Entry[Selector], last: Service | None, *, arrived: int, live: bool) -> None:
        self._intake.services_changed(key.namespace)
