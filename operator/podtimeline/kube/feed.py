"""From the bytes of a collection to what they mean: one feed a collection, for the live operator and for a replay."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec.json import Decoder

from podtimeline.kube.failures import UNDECODABLE, ApiError, VersionGoneError
from podtimeline.kube.lister import Collection
from podtimeline.kube.metav1 import Head, Metadata, Status, WatchEvent
from podtimeline.quarantine import Quarantine, Step


class Identified(Protocol):
    """The metadata that every object has."""

    @property
    def uid(self) -> str:
        """See metav1.ObjectMeta."""
        ...

    @property
    def namespace(self) -> str:
        """See metav1.ObjectMeta; empty for an object of the cluster."""
        ...

    @property
    def name(self) -> str:
        """See metav1.ObjectMeta."""
        ...

    @property
    def resource_version(self) -> str:
        """See metav1.ObjectMeta."""
        ...


class _Object(Protocol):
    @property
    def metadata(self) -> Identified: ...


T = TypeVar("T", bound=_Object)


_SHOWN = frozenset({"ADDED", "MODIFIED"})
_CONTROL = frozenset({"BOOKMARK", "ERROR"})
LISTED = ""
"""In place of a watch event's type: the object is one of a listing."""
DELETED = "DELETED"
_HEAD = Decoder(Head)
_RAW_EVENT = Decoder(WatchEvent[msgspec.Raw])
_GLANCE = Decoder(WatchEvent[Head])
_STATUS = Decoder(Status)


def glance(line: bytes) -> tuple[str, str]:
    """Type and resourceVersion of a watch's line; empty where it does not tell."""
    try:
        event = _GLANCE.decode(line)
    except UNDECODABLE:
        return "", ""
    return event.type, event.object.metadata.resource_version


def _type(line: bytes | msgspec.Raw) -> str:
    """The type of a watch's line, empty where it cannot be read."""
    try:
        return _RAW_EVENT.decode(line).type
    except UNDECODABLE:
        return ""


class Feed(ABC, Generic[T]):
    """Decodes what one collection delivers and hands it on. Synchronous; does no I/O.

    ``item`` and ``line`` never raise for what an object contains: it is counted in ``malformed``, kept in
    ``quarantine``, and the stream goes on.
    """

    resumable = False
    """Whether a new process may go on from a saved version, or must list first."""

    def __init__(self, collection: Collection, item: Decoder[T], line: Decoder[WatchEvent[T]]) -> None:
        self.collection = collection
        self.stream = collection.resource.name
        self.namespace = collection.namespace
        self.malformed = 0
        self.events = 0
        self.quarantine = Quarantine()
        self._decode_item: Callable[[bytes | msgspec.Raw], T] = item.decode
        self._decode_line: Callable[[bytes | msgspec.Raw], WatchEvent[T]] = line.decode
        self._decode_lines: Callable[[bytes | memoryview], list[WatchEvent[T]]] = line.decode_lines

    def begin(self) -> None:
        """A listing begins."""

    def item(self, raw: bytes | msgspec.Raw, *, arrived: int) -> None:
        """One object of a listing."""
        if not self.quarantine.contain(Step.DECODE, self.stream, self._listed, raw, arrived):
            self._malformed(LISTED, raw, arrived=arrived)

    def _listed(self, raw: bytes | msgspec.Raw, arrived: int) -> bool:
        self._seen(self._decode_item(raw), arrived=arrived, live=False, listing=True)
        return True

    def end(self, version: str, *, arrived: int) -> None:
        """The listing is complete."""

    def readable(self, *, readable: bool) -> None:
        """The API server lets the collection be watched, as listed so far; or it refuses it, until somebody grants it.

        What is known of the objects of a refused collection stays as it is.
        """

    def line(self, line: bytes | msgspec.Raw, *, arrived: int, live: bool) -> str:
        """One line of a watch; returns the resourceVersion that it reaches, empty where it tells none.

        ``live=False`` for what happened before the watch could see it. Raises ``VersionGoneError`` and ``ApiError``.
        """
        version = self.quarantine.contain(Step.DECODE, self.stream, self._changed, line, arrived, live)
        return self._skipped(line, arrived) if version is None else version

    def _changed(self, line: bytes | msgspec.Raw, arrived: int, live: bool) -> str:  # noqa: FBT001 - as contained
        try:
            event = self._decode_line(line)
        except UNDECODABLE:
            # Neither a Status nor a bookmark need have the shape of the stream's own objects.
            if _type(line) in _CONTROL:
                return self._said(line)
            raise
        kind = event.type
        if kind in _SHOWN:
            self._seen(event.object, arrived=arrived, live=live, listing=False)
        elif kind == DELETED:
            self._gone(event.object, arrived=arrived, live=live)
        else:
            return self._said(line)
        self.events += 1
        return event.object.metadata.resource_version

    def lines(self, lines: bytes | memoryview, *, arrived: int) -> str | None:
        """Whole lines of a live watch, parsed where they lie; returns the last resourceVersion that they reach.

        ``None`` where one of them is anything but a change of a readable object: then all are to be taken one by one,
        and what was taken of them already changes nothing when it is taken again.
        Values are told apart by their own ends, not by the newlines, as client-go does it (apimachinery,
        ``framer.NewJSONFramedReader``).
        """
        try:
            return self._all_changed(lines, arrived)
        except Exception:  # noqa: BLE001 - one by one they come to the seam, which says what is wrong with which
            return None

    def _all_changed(self, lines: bytes | memoryview, arrived: int) -> str | None:
        version, events = "", self._decode_lines(lines)
        for event in events:
            kind, seen = event.type, event.object
            if kind in _SHOWN:
                self._seen(seen, arrived=arrived, live=True, listing=False)
            elif kind == DELETED:
                self._gone(seen, arrived=arrived, live=True)
            else:
                return None
            version = seen.metadata.resource_version or version
        self.events += len(events)
        return version

    @abstractmethod
    def _seen(self, seen: T, *, arrived: int, live: bool, listing: bool) -> None: ...

    @abstractmethod
    def _gone(self, seen: T, *, arrived: int, live: bool) -> None: ...

    def _said(self, line: bytes | msgspec.Raw) -> str:
        said = _RAW_EVENT.decode(line)
        if said.type == "ERROR":
            status = _status(said.object)
            if status.code == 410:
                raise VersionGoneError(410, status.message)
            raise ApiError(status.code, f"{status.reason} {status.message}".strip())
        return _HEAD.decode(said.object).metadata.resource_version

    def _skipped(self, line: bytes | msgspec.Raw, arrived: int) -> str:
        """Go on after a line that could not be taken; returns the version that it reaches all the same."""
        try:
            event = _RAW_EVENT.decode(line)
        except UNDECODABLE:
            self.malformed += 1
            return ""
        head = self._malformed(event.type, event.object, arrived=arrived)
        return "" if head is None else head.resource_version

    def _malformed(self, kind: str, raw: bytes | msgspec.Raw, *, arrived: int) -> Metadata | None:
        """Count an object that could not be taken; returns its metadata where that much can be read."""
        self.malformed += 1
        try:
            head = _HEAD.decode(raw).metadata
        except UNDECODABLE:
            return None
        self._unreadable(kind, head, arrived=arrived)
        return head

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        """An object could not be taken that exists, or is gone; ``kind`` is the event's type, or ``LISTED``."""


def _status(raw: msgspec.Raw) -> Status:
    try:
        return _STATUS.decode(raw)
    except UNDECODABLE:
        return Status(message=f"an ERROR without a Status: {bytes(raw)[:200]!r}")


class HeadFeed(Feed[Head]):
    """Reads no more than whose objects there are and how far the stream has come: for a recorder of the bytes."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(collection, Decoder(Head), Decoder(WatchEvent[Head]))
        self.uids: set[str] = set()

    def _seen(self, seen: Head, *, arrived: int, live: bool, listing: bool) -> None:
        self.uids.add(seen.metadata.uid)

    def _gone(self, seen: Head, *, arrived: int, live: bool) -> None: ...
