"""The objects that make pods, and the Services: what the low-rate kinds tell of them (``ports.Owners``)."""

import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

import msgspec
from msgspec.json import Decoder

from podtimeline.intake.feeds import DELETED, LISTED, Feed
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.specs import controller
from podtimeline.intake.wire import Metadata, WatchEvent, Wire
from podtimeline.intake.workloads import WORKLOADS, Workload, workload_state
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import WorkloadGone, WorkloadSeen, WorkloadsListed
from podtimeline.ports import Intake

V = TypeVar("V")


_MAX_CHAIN = 5
"""Controllers above a pod; owner references can form a circle, as nothing checks them."""


_CONTROLLERS = ("ReplicaSet", "Job")
"""The kinds whose controllers are looked up: a Deployment or a CronJob is the workload, whoever controls it."""


class ServiceSpec(Wire, frozen=True):
    """corev1.ServiceSpec."""

    selector: dict[str, str] | None = None
    type: str = "ClusterIP"


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
        self.unread: AbstractSet[str] = frozenset()
        """Namespaces that the latest listing could not read."""
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

    def keep(self, key: tuple[str, str]) -> None:
        """The listing shows an object that cannot be read: what was known of it stands."""
        if self._next is not None and key in self.objects and key not in self._dropped:
            self._next.setdefault(key, self.objects[key])

    def end(self, unread: AbstractSet[str] = frozenset()) -> None:
        """The listing is complete, but for the namespaces ``unread``: what it did not show is gone."""
        kept = {key: each for key, each in self.objects.items() if key[0] in unread}
        self.objects, self._next, self.complete = kept | (self._next or {}), None, True
        self._dropped = set()
        self.unread = unread

    def put(self, key: tuple[str, str], value: V) -> None:
        """A watch shows an object."""
        self.objects[key] = value
        self._dropped.discard(key)
        if self._next is not None:
            self._next[key] = value

    def drop(self, key: tuple[str, str]) -> None:
        """A watch shows an object's deletion."""
        self.objects.pop(key, None)
        if self._next is not None:
            self._dropped.add(key)
            self._next.pop(key, None)


_Selector = frozenset[tuple[str, str]]


class Selectors(Shelf[_Selector]):
    """The selector of each Service that has one, and the namespaces in which one changed."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[str] = set()
        self._within: dict[str, dict[str, _Selector]] = {}

    def within(self, namespace: str) -> Mapping[str, _Selector]:
        """By name: the selectors of one namespace."""
        return self._within.get(namespace, {})

    def end(self, unread: AbstractSet[str] = frozenset()) -> None:
        """See ``Shelf.end``. Where Services can be read that could not, or the other way, the answer changes too."""
        self.changed |= self.unread ^ unread
        super().end(unread)
        before, self._within = self._within, {}
        for (namespace, name), selector in self.objects.items():
            self._within.setdefault(namespace, {})[name] = selector
        spaces = before.keys() | self._within.keys()
        self.changed |= {each for each in spaces if before.get(each, {}) != self._within.get(each, {})}

    def put(self, key: tuple[str, str], value: _Selector) -> None:
        """See ``Shelf.put``."""
        super().put(key, value)
        held = self._within.setdefault(key[0], {})
        if held.get(key[1]) != value:
            held[key[1]] = value
            self.changed.add(key[0])

    def drop(self, key: tuple[str, str]) -> None:
        """See ``Shelf.drop``."""
        super().drop(key)
        if self._within.get(key[0], {}).pop(key[1], None) is not None:
            self.changed.add(key[0])


class OwnerIndex:
    """Implements ``ports.Owners``; the feeds fill it."""

    def __init__(self) -> None:
        self.controllers: dict[str, Shelf[tuple[str, Owner | None]]] = {kind: Shelf() for kind in _CONTROLLERS}
        """By kind: the uid of each controller and its own controller."""
        self.selectors = Selectors()

    def chain(self, namespace: str, owner: Owner) -> tuple[Owner, ...]:
        """See ``ports.Owners``."""
        chain = [owner]
        while len(chain) < _MAX_CHAIN:
            shelf = None if chain[-1].group else self.controllers.get(chain[-1].kind)
            found = None if shelf is None else shelf.objects.get((namespace, chain[-1].name))
            if found is None or found[1] is None or chain[-1].uid not in {"", found[0]}:
                break
            chain.append(found[1])
        return tuple(chain)

    def services(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """See ``ports.Owners``."""
        if not self.selectors.complete or namespace in self.selectors.unread:
            return None
        have, selectors = labels.items(), self.selectors.within(namespace)
        return tuple(sorted(f"{namespace}/{name}" for name, selector in selectors.items() if selector <= have))

    def services_changed(self) -> AbstractSet[str]:
        """See ``ports.Owners``."""
        changed, self.selectors.changed = self.selectors.changed, set()
        return changed


class ServiceFeed(Feed[Service]):
    """Services that select pods."""

    stream = LowRate.SERVICES

    def __init__(self, index: OwnerIndex) -> None:
        super().__init__(Decoder(Service), Decoder(WatchEvent[Service]))
        self._shelf = index.selectors

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._shelf.begin()

    def end(self, version: str, *, arrived: int) -> None:
        """See ``Feed.end``."""
        self._shelf.end(self.unread)

    def _seen(self, seen: Service, *, arrived: int, live: bool, listing: bool) -> None:
        key, selector = (seen.metadata.namespace, seen.metadata.name), _selector(seen.spec)
        if selector is not None:
            (self._shelf.list if listing else self._shelf.put)(key, selector)
        elif not listing:
            self._shelf.drop(key)

    def _gone(self, seen: Service, *, arrived: int, live: bool) -> None:
        self._shelf.drop((seen.metadata.namespace, seen.metadata.name))

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        if kind == DELETED:
            self._shelf.drop((head.namespace, head.name))
        elif kind == LISTED:
            self._shelf.keep((head.namespace, head.name))


def _selector(spec: ServiceSpec) -> frozenset[tuple[str, str]] | None:
    # Without a selector nobody fills the slices from pods; an ExternalName Service has none at all.
    return frozenset(spec.selector.items()) if spec.selector and spec.type != "ExternalName" else None


class WorkloadFeed(Feed[Workload]):
    """Hands each version of one kind on; ``shelf`` is filled with the controllers of controllers."""

    def __init__(self, kind: LowRate, intake: Intake, shelf: Shelf[tuple[str, Owner | None]] | None = None) -> None:
        super().__init__(Decoder(Workload), Decoder(WatchEvent[Workload]))
        self.stream = kind
        self._kind = WORKLOADS[kind]
        self._intake = intake
        self._shelf = shelf
        self._templates: dict[str, tuple[int, str]] = {}
        self._listing: set[str] | None = None
        self._dropped: set[str] = set()

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._listing, self._dropped = set(), set()
        if self._shelf is not None:
            self._shelf.begin()

    def end(self, version: str, *, arrived: int) -> None:
        """Workloads that neither the listing nor a watch showed since it began are gone."""
        present = frozenset(self._listing or ())
        self._listing, self._dropped = None, set()
        if not self.unread:
            self._templates = {uid: told for uid, told in self._templates.items() if uid in present}
        if self._shelf is not None:
            self._shelf.end(self.unread)
        self._intake.workload(WorkloadsListed(self._kind, present, self.unread), arrived=arrived)

    def _seen(self, seen: Workload, *, arrived: int, live: bool, listing: bool) -> None:
        metadata = seen.metadata
        if listing and metadata.uid in self._dropped:
            return
        if self._listing is not None:
            self._listing.add(metadata.uid)
        owner = controller(metadata.owner_references)
        if self._shelf is not None:
            put = self._shelf.list if listing else self._shelf.put
            put((metadata.namespace, metadata.name), (metadata.uid, owner))
        state = workload_state(self._kind, seen, owner, template=self._template(seen))
        self._intake.workload(WorkloadSeen(state, live=live and not listing), arrived=arrived)

    def _gone(self, seen: Workload, *, arrived: int, live: bool) -> None:
        self._remove(seen.metadata.uid, (seen.metadata.namespace, seen.metadata.name), arrived)

    def _remove(self, uid: str, key: tuple[str, str], arrived: int) -> None:
        self._templates.pop(uid, None)
        if self._listing is not None:
            self._dropped.add(uid)
            self._listing.discard(uid)
        if self._shelf is not None:
            self._shelf.drop(key)
        self._intake.workload(WorkloadGone(uid), arrived=arrived)

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        key = (head.namespace, head.name)
        if kind == DELETED:
            self._remove(head.uid, key, arrived)
        elif kind == LISTED and self._listing is not None and head.uid not in self._dropped:
            self._listing.add(head.uid)
            if self._shelf is not None:
                self._shelf.keep(key)

    def _template(self, seen: Workload) -> str:
        """A short text that changes with the pod template; only a new generation can have a new one."""
        if self._kind not in {"Deployment", "StatefulSet", "DaemonSet"}:
            return ""
        uid, generation = seen.metadata.uid, seen.metadata.generation
        known = self._templates.get(uid)
        if known is None or known[0] != generation:
            known = self._templates[uid] = (generation, _digest(seen.spec.template))
        return known[1]


def _digest(raw: msgspec.Raw) -> str:
    # A listing brings the server's own bytes and kopf a parsed copy: only what they mean can be compared.
    plain = msgspec.json.decode(raw) if bytes(raw) else None
    return hashlib.blake2b(msgspec.json.encode(plain, order="sorted"), digest_size=8).hexdigest()
