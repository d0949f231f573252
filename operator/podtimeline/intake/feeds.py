"""From the bytes of a stream to ``ports.Intake``: one feed a stream, for the live streams and for a replay alike."""

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec.json import Decoder

from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import Described, Flagged, Observation, Partial, Witnessed
from podtimeline.errors import MalformedObject
from podtimeline.intake.decode import pod_observations
from podtimeline.intake.events import created_pod, event_observations
from podtimeline.intake.faults import UNDECODABLE, ApiError, VersionGoneError
from podtimeline.intake.reboots import CHANGED, Reboots
from podtimeline.intake.slices import Name, SliceIndex
from podtimeline.intake.volumes import REASONS as OF_VOLUMES
from podtimeline.intake.volumes import claim_words, volume_observations
from podtimeline.intake.waiting import REASONS as WAITING
from podtimeline.intake.waiting import Gates, waiting_observations
from podtimeline.intake.wire import EndpointSlice, Event, Head, Pod, Status, WatchEvent
from podtimeline.intake.workloads import workload_news
from podtimeline.ports import Intake, Stream

log = logging.getLogger(__name__)


class _Identified(Protocol):
    @property
    def resource_version(self) -> str: ...


class _Object(Protocol):
    @property
    def metadata(self) -> _Identified: ...


T = TypeVar("T", bound=_Object)


_SHOWN = frozenset({"ADDED", "MODIFIED"})
_UNREADABLE = (MalformedObject, *UNDECODABLE)
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


class Feed(ABC, Generic[T]):
    """Decodes what one stream delivers and hands it on. Synchronous; does no I/O.

    ``item`` and ``line`` never raise for a malformed object: it is counted in ``malformed`` and the first is logged.
    """

    stream: str
    resumable = True
    """Whether a new process may go on from a saved version, or must list first."""

    def __init__(self, item: Decoder[T], line: Decoder[WatchEvent[T]]) -> None:
        self.malformed = 0
        self.events = 0
        self._decode_item: Callable[[bytes | msgspec.Raw], T] = item.decode
        self._decode_line: Callable[[bytes | msgspec.Raw], WatchEvent[T]] = line.decode
        self._decode_lines: Callable[[bytes | memoryview], list[WatchEvent[T]]] = line.decode_lines

    def begin(self) -> None:
        """A listing begins."""

    def item(self, raw: bytes | msgspec.Raw, *, arrived: int) -> None:
        """One object of a listing."""
        try:
            seen = self._decode_item(raw)
            self._seen(seen, arrived=arrived, live=False, listing=True)
        except _UNREADABLE as error:
            self._unreadable(bytes(raw), error)

    @abstractmethod
    def end(self, version: str, *, arrived: int) -> None:
        """The listing is complete."""

    def line(self, line: bytes | msgspec.Raw, *, arrived: int, live: bool) -> str:
        """One line of a watch; returns the resourceVersion that it reaches, empty where it tells none.

        ``live=False`` for what happened before the watch could see it. Raises ``VersionGoneError`` and ``ApiError``.
        """
        try:
            event = self._decode_line(line)
            kind = event.type
            if kind in _SHOWN:
                self._seen(event.object, arrived=arrived, live=live, listing=False)
            elif kind == "DELETED":
                self._gone(event.object, arrived=arrived, live=live)
            else:
                return self._said(line)
            self.events += 1
            return event.object.metadata.resource_version
        except _UNREADABLE as error:
            return self._odd(line, error)

    def lines(self, lines: bytes | memoryview, *, arrived: int) -> str | None:
        """Whole lines of a live watch, parsed where they lie; returns the last resourceVersion that they reach.

        ``None`` where one of them is anything but a change of a readable object: then all are to be taken one by one,
        and what was taken of them already changes nothing when it is taken again.
        Values are told apart by their own ends, not by the newlines, as client-go does it (apimachinery,
        ``framer.NewJSONFramedReader``).
        """
        version = ""
        try:
            events = self._decode_lines(lines)
            for event in events:
                kind, seen = event.type, event.object
                if kind in _SHOWN:
                    self._seen(seen, arrived=arrived, live=True, listing=False)
                elif kind == "DELETED":
                    self._gone(seen, arrived=arrived, live=True)
                else:
                    return None
                version = seen.metadata.resource_version or version
        except _UNREADABLE:
            return None
        self.events += len(events)
        return version

    @abstractmethod
    def _seen(self, seen: T, *, arrived: int, live: bool, listing: bool) -> None: ...

    @abstractmethod
    def _gone(self, seen: T, *, arrived: int, live: bool) -> None: ...

    def _odd(self, line: bytes | msgspec.Raw, error: Exception) -> str:
        # Neither a Status nor a bookmark need have the shape of the stream's own objects.
        try:
            if _RAW_EVENT.decode(line).type in {"ERROR", "BOOKMARK"}:
                return self._said(line)
        except UNDECODABLE:
            return self._malformed(bytes(line), error)
        return self._malformed(bytes(line), error)

    def _said(self, line: bytes | msgspec.Raw) -> str:
        said = _RAW_EVENT.decode(line)
        if said.type == "ERROR":
            status = _status(said.object)
            if status.code == 410:
                raise VersionGoneError(410, status.message)
            raise ApiError(status.code, f"{status.reason} {status.message}".strip())
        try:
            return _HEAD.decode(said.object).metadata.resource_version
        except UNDECODABLE as error:
            return self._malformed(bytes(line), error)

    def _malformed(self, raw: bytes, error: Exception) -> str:
        self.malformed += 1
        if self.malformed == 1:
            log.warning(
                "%s: skipped a malformed object (further ones are counted only): %s: %.200r", self.stream, error, raw
            )
        return ""

    def _unreadable(self, raw: bytes, error: Exception) -> None:
        self._malformed(raw, error)


def _status(raw: msgspec.Raw) -> Status:
    try:
        return _STATUS.decode(raw)
    except UNDECODABLE:
        return Status(message=f"an ERROR without a Status: {bytes(raw)[:200]!r}")


class PodFeed(Feed[Pod]):
    """Pods. ``first`` says why what the first listing shows was not observed before."""

    stream = Stream.PODS

    def __init__(self, intake: Intake, *, first: Partial = Partial.LISTED) -> None:
        super().__init__(Decoder(Pod), Decoder(WatchEvent[Pod]))
        self._intake = intake
        self._unobserved = first
        self._gates = Gates()
        self._listing: set[str] = set()

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._listing = set()

    def end(self, version: str, *, arrived: int) -> None:
        """Pods that the listing did not show are gone."""
        listed, self._listing = self._listing, set()
        self._unobserved = Partial.GAP
        self._gates.keep(listed)
        self._complete(listed, version, arrived)

    def _complete(self, listed: AbstractSet[str], version: str, arrived: int) -> None:
        self._intake.listed(listed, version=version, arrived=arrived)

    def _seen(self, seen: Pod, *, arrived: int, live: bool, listing: bool) -> None:
        uid = seen.metadata.uid
        if listing:
            self._listing.add(uid)
        known = self._intake.known(uid)
        said = pod_observations(seen, arrived=arrived, live=live, known=known)
        if known is None or _SCHEDULED not in known:
            said += self._gates.read(seen, arrived=arrived, live=live, known=known)
        if said:
            if not live:
                self._flag(uid, said, new=known is None, listing=listing)
            self._intake.take(uid, said, arrived=arrived)

    def _gone(self, seen: Pod, *, arrived: int, live: bool) -> None:
        uid = seen.metadata.uid
        known = self._intake.known(uid)
        said = pod_observations(seen, arrived=arrived, live=live, known=known, removed=True)
        self._gates.forget(uid)
        if not live:
            self._flag(uid, said, new=known is None, listing=False)
        if said:
            self._intake.take(uid, said, arrived=arrived)

    def _flag(self, uid: str, said: list[Observation], *, new: bool, listing: bool) -> None:
        if any(type(each) in _FACTS for each in said):
            said.append(Flagged(uid, self._unobserved if new and listing else Partial.GAP))

    def _unreadable(self, raw: bytes, error: Exception) -> None:
        self._malformed(raw, error)
        try:
            uid = _HEAD.decode(raw).metadata.uid
        except UNDECODABLE:
            return
        if uid:
            # It exists, whatever else it is: the end of the listing must not take it for vanished.
            self._listing.add(uid)


_FACTS = frozenset({Witnessed, Described})
_SCHEDULED = Mark(Milestone.SCHEDULED)


class Presence:
    """Joins the listings of several namespaces into the one that ``Intake.listed`` wants.

    Until each namespace has been listed once nothing can be said to have vanished.
    """

    def __init__(self, intake: Intake, namespaces: Sequence[str]) -> None:
        self._intake = intake
        self._present: dict[str, set[str] | None] = dict.fromkeys(namespaces)

    def listed(self, namespace: str, uids: AbstractSet[str], *, version: str, arrived: int) -> None:
        """One namespace's listing is complete."""
        self._present[namespace] = set(uids)
        present = [each for each in self._present.values() if each is not None]
        if len(present) == len(self._present):
            self._intake.listed(frozenset().union(*present), version=version, arrived=arrived)

    def came(self, namespace: str, uid: str) -> None:
        """A watch showed the pod."""
        present = self._present[namespace]
        if present is not None:
            present.add(uid)

    def went(self, namespace: str, uid: str) -> None:
        """A watch showed the pod's removal."""
        present = self._present[namespace]
        if present is not None:
            present.discard(uid)


class NamespacePodFeed(PodFeed):
    """Pods of one namespace among several."""

    resumable = False

    def __init__(self, intake: Intake, *, namespace: str, presence: Presence) -> None:
        super().__init__(intake)
        self._namespace = namespace
        self._presence = presence

    def _complete(self, listed: AbstractSet[str], version: str, arrived: int) -> None:
        self._presence.listed(self._namespace, listed, version=version, arrived=arrived)

    def _seen(self, seen: Pod, *, arrived: int, live: bool, listing: bool) -> None:
        if not listing:
            self._presence.came(self._namespace, seen.metadata.uid)
        super()._seen(seen, arrived=arrived, live=live, listing=listing)

    def _gone(self, seen: Pod, *, arrived: int, live: bool) -> None:
        self._presence.went(self._namespace, seen.metadata.uid)
        super()._gone(seen, arrived=arrived, live=live)


class EventFeed(Feed[Event]):
    """Events of pods, of what they are made of, and of the controllers that create them."""

    stream = Stream.EVENTS

    def __init__(self, intake: Intake) -> None:
        super().__init__(Decoder(Event), Decoder(WatchEvent[Event]))
        self._intake = intake
        self._reboots = Reboots()

    def end(self, version: str, *, arrived: int) -> None:
        """Events expire: what a listing does not show any more happened all the same."""

    def _seen(self, seen: Event, *, arrived: int, live: bool, listing: bool) -> None:
        about = seen.involved_object
        if about.kind == "Pod":
            if about.uid:
                self._of_pod(seen, about.uid, arrived)
            return
        if about.kind == "Node":
            self._reboot(seen, arrived)
            return
        if about.kind == "PersistentVolumeClaim":
            said = claim_words(seen, arrived=arrived)
            if said is not None:
                self._intake.storage(said, arrived=arrived)
            return
        created = created_pod(seen, arrived=arrived)
        if created is not None:
            name, at = created
            self._intake.created_by_event(about.namespace, name, at=at, observed=arrived)
            return
        news = workload_news(seen, arrived=arrived)
        if news is not None:
            self._intake.workload(news, arrived=arrived)

    def _of_pod(self, seen: Event, uid: str, arrived: int) -> None:
        if seen.reason in WAITING:
            for each, told in waiting_observations(seen, arrived=arrived, name_of=self._intake.name_of):
                self._intake.take(each, told, arrived=arrived)
            return
        read = volume_observations if seen.reason in OF_VOLUMES else event_observations
        said = read(seen, arrived=arrived)
        if said:
            self._intake.take(uid, said, arrived=arrived)
        if seen.reason == CHANGED:
            self._reboot(seen, arrived)

    def _reboot(self, seen: Event, arrived: int) -> None:
        for befell in self._reboots.read(seen, arrived=arrived):
            self._intake.take(befell.uid, (befell,), arrived=arrived)

    def _gone(self, seen: Event, *, arrived: int, live: bool) -> None:
        """An Event's expiry, after an hour, says nothing."""


class SliceFeed(Feed[EndpointSlice]):
    """EndpointSlices, of all namespaces or of one. ``index`` is in memory only: a new process lists first."""

    stream = Stream.ENDPOINTSLICES
    resumable = False

    def __init__(self, intake: Intake, index: SliceIndex | None = None, *, namespace: str | None = None) -> None:
        super().__init__(Decoder(EndpointSlice), Decoder(WatchEvent[EndpointSlice]))
        self._intake = intake
        self._index = SliceIndex() if index is None else index
        self._namespace = namespace
        self._listing: set[Name] = set()

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._listing = set()

    def end(self, version: str, *, arrived: int) -> None:
        """Slices that the listing did not show are gone."""
        listed, self._listing = self._listing, set()
        self._tell(self._index.listed(self._namespace, listed, arrived=arrived), arrived=arrived)

    def _seen(self, seen: EndpointSlice, *, arrived: int, live: bool, listing: bool) -> None:
        if listing:
            self._listing.add((seen.metadata.namespace, seen.metadata.name))
        self._tell(self._index.take(seen, arrived=arrived, live=live), arrived=arrived)

    def _gone(self, seen: EndpointSlice, *, arrived: int, live: bool) -> None:
        self._tell(self._index.drop(seen, arrived=arrived), arrived=arrived)

    def _unreadable(self, raw: bytes, error: Exception) -> None:
        self._malformed(raw, error)
        with contextlib.suppress(*UNDECODABLE):
            # It exists, whatever else it is: the end of the listing must not take it for gone.
            head = _HEAD.decode(raw).metadata
            self._listing.add((head.namespace, head.name))

    def _tell(self, said: Iterable[Witnessed], *, arrived: int) -> None:
        for each in said:
            self._intake.take(each.uid, (each,), arrived=arrived)


def feed_for(stream: Stream, intake: Intake, addresses: SliceIndex | None = None) -> PodFeed | EventFeed | SliceFeed:
    """The feed of a hot stream over all namespaces; ``addresses`` remembers what slices hold."""
    match stream:
        case Stream.PODS:
            return PodFeed(intake)
        case Stream.EVENTS:
            return EventFeed(intake)
        case Stream.ENDPOINTSLICES:
            return SliceFeed(intake, addresses)
