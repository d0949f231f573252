"""The one store of a listed and watched kind (client-go's Indexer, with the reconciliation of its DeltaFIFO).

A listing replaces what was known: what it does not show is gone. It is read page by page, and a watch may speak
meanwhile, as in captures of several streams: what a watch said of an object since the listing began is newer than any
page. Each collection is listed, complete and refused by itself: a namespace that cannot be read stays as it was.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from msgspec.json import Decoder

from podtimeline.kube.feed import DELETED, LISTED, Feed, Identified, T
from podtimeline.kube.lister import Collection
from podtimeline.kube.metav1 import Metadata, WatchEvent

V = TypeVar("V")


class ObjectKey(NamedTuple):
    """What names an object within its kind; the namespace is empty for objects of the cluster."""

    namespace: str
    name: str


class Entry(NamedTuple, Generic[V]):
    """An object that is there: its uid, and what is kept of it."""

    uid: str
    value: V


class Listing:
    """What a listing, and a watch since it began, has shown of each object."""

    def __init__(self) -> None:
        self.open = False
        self._present: dict[ObjectKey, str] = {}
        self._watched: set[ObjectKey] = set()

    def begin(self) -> None:
        """A listing begins; one that was not read to its end counts for nothing."""
        self.open = True
        self._present, self._watched = {}, set()

    def listed(self, key: ObjectKey, uid: str) -> bool:
        """A page shows an object; returns whether that is news."""
        if not self.open:
            return True
        if key in self._watched:
            return False
        self._present[key] = uid
        return True

    def watched(self, key: ObjectKey, uid: str | None) -> None:
        """A watch shows an object, or that there is none of that key (``None``)."""
        if not self.open:
            return
        self._watched.add(key)
        if uid is None:
            self._present.pop(key, None)
        else:
            self._present[key] = uid

    def end(self) -> Mapping[ObjectKey, str]:
        """The listing is complete; returns the objects that there are, with their uids."""
        present, self.open = self._present, False
        self._present, self._watched = {}, set()
        return present


class Indexer(Generic[V]):
    """What is kept of the objects of one kind, by namespace and name; the feeds of its collections fill it."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Entry[V]]] = {}
        self._complete: set[str | None] = set()

    def get(self, namespace: str, name: str) -> Entry[V] | None:
        """The object of that name, ``None`` where there is none or it is not known."""
        return self._objects.get(namespace, {}).get(name)

    def within(self, namespace: str) -> Iterator[tuple[str, V]]:
        """The objects of one namespace, by name."""
        for name, each in self._objects.get(namespace, {}).items():
            yield name, each.value

    def entries(self, namespace: str | None) -> list[tuple[ObjectKey, Entry[V]]]:
        """The objects of one namespace, or of all (``None``)."""
        chosen = self._objects if namespace is None else {namespace: self._objects.get(namespace, {})}
        return [(ObjectKey(space, name), each) for space, by_name in chosen.items() for name, each in by_name.items()]

    def complete(self, namespace: str) -> bool:
        """Whether the objects of a namespace were listed, and can be read now."""
        return None in self._complete or namespace in self._complete

    def put(self, key: ObjectKey, entry: Entry[V]) -> None:
        """An object is there, or has changed."""
        self._objects.setdefault(key.namespace, {})[key.name] = entry

    def drop(self, key: ObjectKey) -> Entry[V] | None:
        """An object is gone; returns what was kept of it."""
        by_name = self._objects.get(key.namespace, {})
        held = by_name.pop(key.name, None)
        if held is not None and not by_name:
            del self._objects[key.namespace]
        return held

    def settle(self, namespace: str | None, *, complete: bool) -> None:
        """A collection is complete, or cannot be read any more."""
        (self._complete.add if complete else self._complete.discard)(namespace)


class IndexedFeed(Feed[T], Generic[T, V]):
    """Keeps an indexer like the collection that it reads, and tells of each object that comes, changes and goes."""

    def __init__(
        self, collection: Collection, item: Decoder[T], line: Decoder[WatchEvent[T]], *, index: Indexer[V]
    ) -> None:
        super().__init__(collection, item, line)
        self._index = index
        self._listing = Listing()
        self._was_listed = False

    @abstractmethod
    def _took(self, seen: T, held: V | None, *, arrived: int, live: bool) -> V | None:
        """An object is shown; ``held`` is what is kept of it so far. Returns what to keep, ``None`` for nothing."""

    def _went(self, key: ObjectKey, held: Entry[V], last: T | None, *, arrived: int, live: bool) -> None:
        """An object of which something was kept is gone; ``last`` is its last version, where a watch brought that."""

    def _reconciled(self, present: Mapping[ObjectKey, str], *, arrived: int) -> None:
        """A listing is complete: these are the objects that there are, with their uids."""

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._listing.begin()

    def end(self, version: str, *, arrived: int) -> None:
        """What neither the listing nor a watch has shown since it began is gone."""
        present = self._listing.end()
        for key, held in self._index.entries(self.namespace):
            if key not in present:
                self._index.drop(key)
                self._went(key, held, None, arrived=arrived, live=False)
        self._was_listed = True
        self._index.settle(self.namespace, complete=True)
        self._reconciled(present, arrived=arrived)

    def readable(self, *, readable: bool) -> None:
        """See ``Feed.readable``."""
        if self._was_listed:
            self._index.settle(self.namespace, complete=readable)

    def _seen(self, seen: T, *, arrived: int, live: bool, listing: bool) -> None:
        key, uid = _key(seen.metadata), seen.metadata.uid
        if not listing:
            self._listing.watched(key, uid)
        elif not self._listing.listed(key, uid):
            return
        held = self._held(key, uid, arrived)
        value = self._took(seen, None if held is None else held.value, arrived=arrived, live=live)
        if value is None:
            self._index.drop(key)
        else:
            self._index.put(key, Entry(uid, value))

    def _held(self, key: ObjectKey, uid: str, arrived: int) -> Entry[V] | None:
        """What is kept of an object; another one of its name was deleted while nobody looked."""
        held = self._index.get(*key)
        if held is None or held.uid == uid:
            return held
        self._index.drop(key)
        self._went(key, held, None, arrived=arrived, live=False)
        return None

    def _gone(self, seen: T, *, arrived: int, live: bool) -> None:
        self._remove(_key(seen.metadata), seen.metadata.uid, seen, arrived=arrived, live=live)

    def _remove(self, key: ObjectKey, uid: str, last: T | None, *, arrived: int, live: bool) -> None:
        held = self._index.get(*key)
        if held is not None and held.uid != uid:
            # The word of another object that had the name before.
            return
        self._listing.watched(key, None)
        if held is not None:
            self._index.drop(key)
            self._went(key, held, last, arrived=arrived, live=live)

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        key = _key(head)
        if kind == DELETED:
            self._remove(key, head.uid, None, arrived=arrived, live=False)
            return
        if kind != LISTED:
            self._listing.watched(key, head.uid)
        elif not self._listing.listed(key, head.uid):
            return
        self._held(key, head.uid, arrived)


def _key(metadata: Identified) -> ObjectKey:
    return ObjectKey(metadata.namespace, metadata.name)


__all__ = ["Entry", "IndexedFeed", "Indexer", "Listing", "ObjectKey"]
