"""The namespaces that are being deleted (``ports.Namespaces``): nothing else of a namespace is read."""

from msgspec.json import Decoder

from podtimeline.intake.feeds import Feed
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.texts import moment
from podtimeline.intake.wire import Metadata, WatchEvent, Wire


class NamespaceMetadata(Wire, frozen=True):
    """metav1.ObjectMeta of a Namespace."""

    name: str
    resource_version: str = ""
    deletion_timestamp: str | None = None


class Namespace(Wire, frozen=True):
    """corev1.Namespace."""

    metadata: NamespaceMetadata


class NamespaceIndex:
    """Implements ``ports.Namespaces``; ``NamespaceFeed`` fills it."""

    def __init__(self) -> None:
        self.doomed_since: dict[str, int] = {}

    def doomed(self, name: str) -> int | None:
        """See ``ports.Namespaces``."""
        return self.doomed_since.get(name)


class NamespaceFeed(Feed[Namespace]):
    """Fills the index of namespaces; one that is gone stays known until a listing, for the pods that went with it."""

    stream = LowRate.NAMESPACES

    def __init__(self, index: NamespaceIndex) -> None:
        super().__init__(Decoder(Namespace), Decoder(WatchEvent[Namespace]))
        self._doomed = index.doomed_since
        self._listing: set[str] = set()

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._listing = set()

    def end(self, version: str, *, arrived: int) -> None:
        """Namespaces that the listing did not show are gone, and so are their pods."""
        for name in [each for each in self._doomed if each not in self._listing]:
            del self._doomed[name]

    def _seen(self, seen: Namespace, *, arrived: int, live: bool, listing: bool) -> None:
        name, stamp = seen.metadata.name, seen.metadata.deletion_timestamp
        self._listing.add(name)
        if stamp is not None:
            self._doomed[name] = moment(stamp)
        elif not listing:
            self._doomed.pop(name, None)

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        self._listing.add(head.name)

    def _gone(self, seen: Namespace, *, arrived: int, live: bool) -> None:
        """Its pods went before it: who asks for them later still wants to know."""
