"""The controllers of controllers, and the Services: what the low-rate kinds tell (``ports.Owners``)."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from msgspec.json import Decoder

from podtimeline.core.pods import Owner
from podtimeline.intake.feeds import Feed
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.specs import controller
from podtimeline.intake.wire import Metadata, WatchEvent, Wire

V = TypeVar("V")


class Stored(Protocol):
    """An object that can be put on a shelf."""

    @property
    def metadata(self) -> Metadata:
        """Its namespace and name are the key."""
        ...


S = TypeVar("S", bound=Stored)
_MAX_CHAIN = 5
"""Controllers above a pod; owner references can form a circle, as nothing checks them."""


CONTROLLERS = {LowRate.REPLICASETS: "ReplicaSet", LowRate.JOBS: "Job"}
"""The kinds whose controllers are looked up, as owner references name them."""


class ServiceSpec(Wire, frozen=True):
    """corev1.ServiceSpec."""

    selector: dict[str, str] | None = None
    type: str = "ClusterIP"


class Controller(Wire, frozen=True):
    """A ReplicaSet or Job, of which only the metadata is read."""

    metadata: Metadata


class Service(Wire, frozen=True):
    """corev1.Service."""

    metadata: Metadata
    spec: ServiceSpec = ServiceSpec()


class Shelf(Generic[V]):
    """Objects of one kind by namespace and name, replaced as a whole by each listing.

    While a listing is read, what a watch says meanwhile counts for both: nothing deleted meanwhile comes back.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], V] = {}
        self.complete = False
        self._next: dict[tuple[str, str], V] | None = None
        self._dropped: set[tuple[str, str]] = set()

    def begin(self) -> None:
        """A listing begins."""
        self._next, self._dropped = {}, set()

    def list(self, key: tuple[str, str], value: V) -> None:
        """The listing shows an object."""
        if self._next is None:
            self.begin()
        if self._next is not None and key not in self._dropped:
            self._next.setdefault(key, value)

    def end(self) -> None:
        """The listing is complete: what it did not show is gone."""
        self.objects, self._next, self.complete = self._next or {}, None, True

    def put(self, key: tuple[str, str], value: V) -> None:
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
    """Implements ``ports.Owners``; the feeds fill it."""

    def __init__(self) -> None:
        self.controllers: dict[str, Shelf[tuple[str, Owner | None]]] = {kind: Shelf() for kind in CONTROLLERS.values()}
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


class ShelfFeed(Feed[S], Generic[S, V]):
    """Puts what is read of each object on a shelf."""

    def __init__(self, kind: LowRate, shape: type[S], shelf: Shelf[V]) -> None:
        super().__init__(Decoder(shape), Decoder(WatchEvent[shape]))  # type: ignore[valid-type]
        self.stream = kind
        self._shelf = shelf

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._shelf.begin()

    def end(self, version: str, *, arrived: int) -> None:
        """See ``Feed.end``."""
        self._shelf.end()

    def _seen(self, seen: S, *, arrived: int, live: bool, listing: bool) -> None:
        key, value = _key(seen), self._read(seen)
        if value is not None:
            (self._shelf.list if listing else self._shelf.put)(key, value)
        elif not listing:
            self._shelf.drop(key)

    def _gone(self, seen: S, *, arrived: int, live: bool) -> None:
        self._shelf.drop(_key(seen))

    @abstractmethod
    def _read(self, seen: S) -> V | None: ...


class ControllerFeed(ShelfFeed[Controller, tuple[str, Owner | None]]):
    """Controllers that may have controllers of their own."""

    def __init__(self, kind: LowRate, index: OwnerIndex) -> None:
        super().__init__(kind, Controller, index.controllers[CONTROLLERS[kind]])

    def _read(self, seen: Controller) -> tuple[str, Owner | None]:
        return seen.metadata.uid, controller(seen.metadata.owner_references)


class ServiceFeed(ShelfFeed[Service, frozenset[tuple[str, str]]]):
    """Services that select pods."""

    def __init__(self, index: OwnerIndex) -> None:
        super().__init__(LowRate.SERVICES, Service, index.selectors)

    def _read(self, seen: Service) -> frozenset[tuple[str, str]] | None:
        # Without a selector nobody fills the slices from pods; an ExternalName Service has none at all.
        spec = seen.spec
        return frozenset(spec.selector.items()) if spec.selector and spec.type != "ExternalName" else None


def _key(seen: Stored) -> tuple[str, str]:
    return seen.metadata.namespace, seen.metadata.name
