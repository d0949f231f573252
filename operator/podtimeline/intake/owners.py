"""The controllers of controllers, and the Services: what the low-rate kinds tell (``ports.Owners``)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec
from msgspec.json import Decoder

from podtimeline.core.pods import Owner
from podtimeline.intake.feeds import Feed
from podtimeline.intake.specs import controller
from podtimeline.intake.wire import Metadata, WatchEvent, Wire

T = TypeVar("T")
_MAX_CHAIN = 5
"""Controllers above a pod; owner references can form a circle, as nothing checks them."""


class LowRate(StrEnum):
    """The kinds that change seldom, read through kopf."""

    REPLICASETS = "replicasets"
    JOBS = "jobs"
    SERVICES = "services"


KINDS = {LowRate.REPLICASETS: "ReplicaSet", LowRate.JOBS: "Job"}
"""The kinds whose controllers are looked up, as owner references name them."""


class ServiceSpec(Wire, frozen=True):
    """corev1.ServiceSpec."""

    selector: dict[str, str] | None = None
    type: str = "ClusterIP"


class LowRateObject(Wire, frozen=True):
    """A ReplicaSet or Job, of which only the metadata is read, or a Service."""

    metadata: Metadata
    spec: msgspec.Raw = msgspec.Raw()


_SERVICE = Decoder(ServiceSpec)


class Shelf(Generic[T]):
    """Objects of one kind by namespace and name, replaced as a whole by each listing.

    While a listing is read, what a watch says meanwhile counts for both: nothing deleted meanwhile comes back.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], T] = {}
        self.complete = False
        self._next: dict[tuple[str, str], T] | None = None
        self._dropped: set[tuple[str, str]] = set()

    def begin(self) -> None:
        """A listing begins."""
        self._next, self._dropped = {}, set()

    def list(self, key: tuple[str, str], value: T) -> None:
        """The listing shows an object."""
        if self._next is None:
            self.begin()
        if self._next is not None and key not in self._dropped:
            self._next.setdefault(key, value)

    def end(self) -> None:
        """The listing is complete: what it did not show is gone."""
        self.objects, self._next, self.complete = self._next or {}, None, True

    def put(self, key: tuple[str, str], value: T) -> None:
        """A watch shows an object."""
        self.objects[key] = value
        self._dropped.discard(key)
        if self._next is not None:
            self._next[key] = value

    def drop(self, key: tuple[str, str]) -> None:
        """A watch shows an object's deletion."""
        self.objects.pop(key, None)
        self._dropped.add(key)
        if self._next is not None:
            self._next.pop(key, None)


class OwnerIndex:
    """Implements ``ports.Owners``; ``LowRateFeed`` fills it."""

    def __init__(self) -> None:
        self.controllers: dict[str, Shelf[tuple[str, Owner | None]]] = {kind: Shelf() for kind in KINDS.values()}
        """By kind: the uid of each controller and its own controller."""
        self.selectors: Shelf[frozenset[tuple[str, str]]] = Shelf()
        """The selector of each Service that has one."""

    def chain(self, namespace: str, owner: Owner) -> tuple[Owner, ...]:
        """See ``ports.Owners``."""
        chain = [owner]
        while len(chain) < _MAX_CHAIN:
            shelf = self.controllers.get(chain[-1].kind)
            found = None if shelf is None else shelf.objects.get((namespace, chain[-1].name))
            if found is None or found[1] is None or chain[-1].uid not in {"", found[0]}:
                break
            chain.append(found[1])
        return tuple(chain)

    def services(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """See ``ports.Owners``."""
        if not self.selectors.complete:
            return None
        have = labels.items()
        return tuple(
            sorted(
                f"{at}/{name}"
                for (at, name), selector in self.selectors.objects.items()
                if at == namespace and selector <= have
            )
        )


class LowRateFeed(Feed[LowRateObject]):
    """Fills the index with one low-rate kind; the shape of every feed, so that a replay treats all streams alike."""

    def __init__(self, kind: LowRate, index: OwnerIndex) -> None:
        super().__init__(Decoder(LowRateObject), Decoder(WatchEvent[LowRateObject]))
        self.stream = kind
        self._kind = kind
        self._index = index

    @property
    def _shelf(self) -> "Shelf[frozenset[tuple[str, str]]] | Shelf[tuple[str, Owner | None]]":
        kind = KINDS.get(self._kind)
        return self._index.selectors if kind is None else self._index.controllers[kind]

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._shelf.begin()

    def end(self, version: str, *, arrived: int) -> None:
        """See ``Feed.end``."""
        self._shelf.end()

    def _seen(self, seen: LowRateObject, *, arrived: int, live: bool, listing: bool) -> None:
        key = (seen.metadata.namespace, seen.metadata.name)
        kind = KINDS.get(self._kind)
        if kind is not None:
            shelf = self._index.controllers[kind]
            entry = (seen.metadata.uid, controller(seen.metadata.owner_references))
            (shelf.list if listing else shelf.put)(key, entry)
            return
        selector = _selector(seen)
        services = self._index.selectors
        if selector is not None:
            (services.list if listing else services.put)(key, selector)
        elif not listing:
            services.drop(key)

    def _gone(self, seen: LowRateObject, *, arrived: int, live: bool) -> None:
        self._shelf.drop((seen.metadata.namespace, seen.metadata.name))


def _selector(service: LowRateObject) -> frozenset[tuple[str, str]] | None:
    # Without a selector nobody fills the slices from pods; an ExternalName Service has none at all.
    spec = _SERVICE.decode(service.spec) if bytes(service.spec) else ServiceSpec()
    if not spec.selector or spec.type == "ExternalName":
        return None
    return frozenset(spec.selector.items())
