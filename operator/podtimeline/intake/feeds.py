"""From the bytes of a stream to ``ports.Intake``: one feed a stream, for the live streams and for a replay alike."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec.json import Decoder

from podtimeline.bounded import Losses
from podtimeline.intake.decode import pod_observations
from podtimeline.intake.events import created_pod, event_observations
from podtimeline.intake.faults import UNDECODABLE, ApiError, VersionGoneError
from podtimeline.intake.reboots import CHANGED, Reboots
from podtimeline.intake.references import mismatch, pod_of
from podtimeline.intake.slices import Name, Said, SliceIndex
from podtimeline.intake.specs import custom_group, pod_labels
from podtimeline.intake.texts import stated_moment
from podtimeline.intake.volumes import REASONS as OF_VOLUMES
from podtimeline.intake.volumes import claim_words, volume_observations
from podtimeline.intake.waiting import REASONS as WAITING
from podtimeline.intake.waiting import Gates, Tainted, read_taints, waiting_observations
from podtimeline.intake.wire import EndpointSlice, Event, Head, Metadata, Pod, Status, WatchEvent
from podtimeline.intake.workloads import REASONS as OF_WORKLOADS
from podtimeline.intake.workloads import workload_news
from podtimeline.model.instants import Source, just_after
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Described, Flagged, Labelled, Observation, Partial, Witnessed
from podtimeline.model.pods import Owner, PodFacts
from podtimeline.ports import Intake, Mismatch, PodReference, Stream
from podtimeline.quarantine import Quarantine, Step


class _Identified(Protocol):
    @property
    def resource_version(self) -> str: ...


class _Object(Protocol):
    @property
    def metadata(self) -> _Identified: ...


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
    """Decodes what one stream delivers and hands it on. Synchronous; does no I/O.

    ``item`` and ``line`` never raise for what an object contains: it is counted in ``malformed``, kept in
    ``quarantine``, and the stream goes on.
    """

    stream: str
    resumable = True
    """Whether a new process may go on from a saved version, or must list first."""
    unread: AbstractSet[str] = frozenset()
    """Namespaces that the listing which ends could not read: what is known of their objects stays as it is."""

    def __init__(self, item: Decoder[T], line: Decoder[WatchEvent[T]]) -> None:
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

    @abstractmethod
    def end(self, version: str, *, arrived: int) -> None:
        """The listing is complete."""

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


class PodFeed(Feed[Pod]):
    """Pods. ``first`` says why what the first listing shows was not observed before."""

    stream = Stream.PODS

    def __init__(self, intake: Intake, nodes: Tainted | None = None, *, first: Partial = Partial.LISTED) -> None:
        super().__init__(Decoder(Pod), Decoder(WatchEvent[Pod]))
        self._intake = intake
        self._nodes = nodes
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
            if self._nodes is not None:
                said += read_taints(seen, self._nodes, arrived=arrived)
        if known is not None:
            labels, held = pod_labels(seen), self._intake.labels(uid)
            if held is not None and labels is not held and labels != held:
                said.append(Labelled(uid, labels, arrived))
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

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        if not head.uid:
            return
        if kind == LISTED:
            # It exists, whatever else it is: the end of the listing must not take it for vanished.
            self._listing.add(head.uid)
        said: list[Observation] = [Flagged(head.uid, Partial.MALFORMED)]
        if self._intake.known(head.uid) is None:
            said += _described(head)
        if kind == DELETED:
            self._gates.forget(head.uid)
            said.append(Witnessed(head.uid, _REMOVED, (just_after(Source.WATCH, arrived, observed=arrived),)))
        self._intake.take(head.uid, said, arrived=arrived)


def _described(head: Metadata) -> list[Observation]:
    """What is known of a pod of which nothing but its identity can be read."""
    created = stated_moment(head.creation_timestamp)
    if created is None:
        return []
    return [Described(head.uid, PodFacts(head.uid, head.namespace, head.name, created, None, ()))]


_FACTS = frozenset({Witnessed, Described})
_REMOVED = Mark(Milestone.OBJECT_REMOVED)
_KINDS = frozenset({"Pod", "Node", "PersistentVolumeClaim"})
"""The kinds whose Events are read whatever they say."""
_SCHEDULED = Mark(Milestone.SCHEDULED)


class NamespacePodFeed(PodFeed):
    """Pods of one namespace among several: each is listed, and complete, by itself."""

    resumable = False

    def __init__(self, intake: Intake, nodes: Tainted | None = None, *, namespace: str) -> None:
        super().__init__(intake, nodes)
        self._namespace = namespace

    def _complete(self, listed: AbstractSet[str], version: str, arrived: int) -> None:
        self._intake.listed(listed, version=version, arrived=arrived, namespace=self._namespace)


class EventFeed(Feed[Event]):
    """Events of pods, of what they are made of, and of the controllers that create them."""

    stream = Stream.EVENTS

    def __init__(self, intake: Intake, losses: Losses | None = None) -> None:
        """``losses`` counts what it has no room for."""
        super().__init__(Decoder(Event), Decoder(WatchEvent[Event]))
        self._intake = intake
        self._reboots = Reboots(Losses() if losses is None else losses)

    def end(self, version: str, *, arrived: int) -> None:
        """Events expire: what a listing does not show any more happened all the same."""

    def _seen(self, seen: Event, *, arrived: int, live: bool, listing: bool) -> None:
        if seen.involved_object.kind in _KINDS or seen.reason in OF_WORKLOADS:
            found = mismatch(seen)
            if found is None:
                self._about(seen, arrived)
            else:
                self._intake.mismatched(self.stream, found)

    def _about(self, seen: Event, arrived: int) -> None:
        match seen.involved_object.kind:
            case "Pod":
                self._of_pod(seen, pod_of(seen), arrived)
            case "Node":
                self._reboot(seen, arrived)
            case "PersistentVolumeClaim":
                said = claim_words(seen, arrived=arrived)
                if said is not None:
                    self._intake.storage(said, arrived=arrived)
            case _:
                self._of_workload(seen, arrived)

    def _of_workload(self, seen: Event, arrived: int) -> None:
        created = created_pod(seen, arrived=arrived)
        if created is not None:
            (name, at), about = created, seen.involved_object
            owner = Owner(about.kind, about.name, about.uid, custom_group(about.api_version))
            self._intake.created_by_event(about.namespace, name, owner, at=at, observed=arrived)
            return
        news = workload_news(seen, arrived=arrived)
        if news is not None:
            self._intake.workload(news, arrived=arrived)

    def _of_pod(self, seen: Event, pod: PodReference, arrived: int) -> None:
        if seen.reason in WAITING:
            for each, told in waiting_observations(seen, arrived=arrived, name_of=self._intake.name_of):
                if each.namespace == pod.namespace:
                    self._refer(each, told, arrived)
                else:
                    self._intake.mismatched(self.stream, Mismatch.NAMESPACE)
            return
        read = volume_observations if seen.reason in OF_VOLUMES else event_observations
        said = read(seen, arrived=arrived)
        if said:
            self._refer(pod, said, arrived)
        if seen.reason == CHANGED:
            self._reboot(seen, arrived)

    def _reboot(self, seen: Event, arrived: int) -> None:
        for pod, befell in self._reboots.read(seen, arrived=arrived):
            self._refer(pod, (befell,), arrived)

    def _refer(self, pod: PodReference, said: Sequence[Observation], arrived: int) -> None:
        self._intake.refer(pod, said, stream=self.stream, arrived=arrived)

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
        foreign = self._index.foreign
        self._tell(self._index.take(seen, arrived=arrived, live=live), arrived=arrived)
        if self._index.foreign != foreign:
            self._intake.mismatched(self.stream, Mismatch.NAMESPACE, self._index.foreign - foreign)

    def _gone(self, seen: EndpointSlice, *, arrived: int, live: bool) -> None:
        self._tell(self._index.drop(seen, arrived=arrived), arrived=arrived)

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        if kind == LISTED:
            self._listing.add((head.namespace, head.name))

    def _tell(self, said: Iterable[Said], *, arrived: int) -> None:
        for pod, each in said:
            self._intake.refer(pod, (each,), stream=self.stream, arrived=arrived)


def feed_for(
    stream: Stream,
    intake: Intake,
    addresses: SliceIndex | None = None,
    nodes: Tainted | None = None,
    losses: Losses | None = None,
) -> PodFeed | EventFeed | SliceFeed:
    """The feed of a hot stream over all namespaces; ``addresses`` knows what slices hold, ``nodes`` their taints."""
    match stream:
        case Stream.PODS:
            return PodFeed(intake, nodes)
        case Stream.EVENTS:
            return EventFeed(intake, losses)
        case Stream.ENDPOINTSLICES:
            return SliceFeed(intake, addresses)
