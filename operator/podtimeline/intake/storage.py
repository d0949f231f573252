"""Claims and attachments, as the low-rate kinds tell of them: what is new is handed to ``ports.Intake``."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec
from msgspec.json import Decoder

from podtimeline.intake.feeds import DELETED, Feed
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.texts import moment
from podtimeline.intake.wire import Metadata, WatchEvent, Wire
from podtimeline.model.instants import Evidence, Source, happened, just_after, not_before, within_second
from podtimeline.model.milestones import Milestone
from podtimeline.model.storage import AttachmentNews, ClaimNews, Fact, Words
from podtimeline.ports import Intake


class ClaimAnnotations(msgspec.Struct, frozen=True, gc=False):
    """Set by the scheduler once it has chosen a node, and by the controller that asks the provisioner for a volume."""

    node: str | None = msgspec.field(default=None, name="volume.kubernetes.io/selected-node")
    provisioner: str | None = msgspec.field(default=None, name="volume.kubernetes.io/storage-provisioner")


class VolumeMetadata(Wire, frozen=True):
    """metav1.ObjectMeta of a claim or an attachment."""

    uid: str
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    annotations: ClaimAnnotations | None = None


class ClaimSpec(Wire, frozen=True):
    """corev1.PersistentVolumeClaimSpec."""

    volume_name: str = ""


class ClaimStatus(Wire, frozen=True):
    """corev1.PersistentVolumeClaimStatus."""

    phase: str = ""


class Claim(Wire, frozen=True):
    """corev1.PersistentVolumeClaim."""

    metadata: VolumeMetadata
    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()


@dataclass(slots=True)
class _Seen:
    """What versions of one object have shown. A state that none was seen without began before anybody looked."""

    before: set[Milestone]
    told: set[tuple[Milestone, Source]]
    words: str = ""


class _Transitions:
    """Tells when the objects of one kind were first seen in a state."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def of(self, uid: str) -> _Seen:
        """What was seen of an object."""
        return self._seen.setdefault(uid, _Seen(set(), set()))

    def __contains__(self, uid: str) -> bool:
        """Whether any version of an object was seen."""
        return uid in self._seen

    def told(self, uid: str, milestone: Milestone) -> bool:
        """Whether the milestone was told of an object."""
        return any(told is milestone for told, _ in self.of(uid).told)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._seen.pop(uid, None)

    def facts(
        self, metadata: VolumeMetadata, milestone: Milestone, *, reached: bool, arrived: int, live: bool
    ) -> Iterator[Fact]:
        """What is new about one milestone of an object that has reached it, or has not. Raises ``MalformedObject``."""
        seen = self.of(metadata.uid)
        if not reached:
            seen.before.add(milestone)
            return
        evidence = _transition(metadata, witnessed=milestone in seen.before, live=live, arrived=arrived)
        if (milestone, evidence[0].source) not in seen.told:
            seen.told.add((milestone, evidence[0].source))
            yield Fact(milestone, evidence)


def _transition(metadata: VolumeMetadata, *, witnessed: bool, live: bool, arrived: int) -> tuple[Evidence, ...]:
    if not witnessed:
        return (happened(arrived),)
    if not live:
        # It came to pass while the stream was cut.
        return (Evidence(Source.LISTED, None, None, arrived, arrived),)
    seen = just_after(Source.WATCH, arrived, observed=arrived)
    if metadata.creation_timestamp is None:
        return (seen,)
    return seen, not_before(Source.FIELD, moment(metadata.creation_timestamp), observed=arrived)


@dataclass(frozen=True, slots=True)
class _Object:
    """What is remembered of an object for its removal."""

    namespace: str
    name: str
    volume: str
    node: str = ""


class _Present:
    """Which objects of a kind there are: what a complete listing does not show is gone."""

    def __init__(self) -> None:
        self._objects: dict[str, _Object] = {}
        self._listing: set[str] | None = None
        """What was shown since a listing began; ``None`` while there is none."""
        self._dropped: set[str] = set()
        """Gone since the listing began: its pages may be older."""

    def begin(self) -> None:
        """A listing begins."""
        self._listing, self._dropped = set(), set()

    def end(self, unread: AbstractSet[str] = frozenset()) -> list[str]:
        """The listing is complete, but for the namespaces ``unread``; returns the objects that are gone."""
        shown = self._listing or set()
        self._listing, self._dropped = None, set()
        return [uid for uid, each in self._objects.items() if uid not in shown and each.namespace not in unread]

    def came(self, uid: str, seen: _Object, *, listing: bool) -> bool:
        """An object is shown; returns whether this version of it is to be read."""
        if listing and uid in self._dropped:
            return False
        if self._listing is not None:
            self._listing.add(uid)
        self._objects[uid] = seen
        return True

    def keep(self, uid: str) -> None:
        """An object is shown that cannot be read: what was known of it stands."""
        if self._listing is not None and uid in self._objects and uid not in self._dropped:
            self._listing.add(uid)

    def went(self, uid: str) -> _Object | None:
        """An object is gone; returns what is remembered of it."""
        if self._listing is not None:
            self._dropped.add(uid)
        return self._objects.pop(uid, None)


class ClaimFeed(Feed[Claim]):
    """PersistentVolumeClaims."""

    stream = LowRate.CLAIMS

    def __init__(self, intake: Intake) -> None:
        super().__init__(Decoder(Claim), Decoder(WatchEvent[Claim]))
        self._intake = intake
        self._present = _Present()
        self._transitions = _Transitions()

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._present.begin()

    def end(self, version: str, *, arrived: int) -> None:
        """Claims that neither the listing nor a watch showed since it began are gone."""
        for uid in self._present.end(self.unread):
            self._remove(uid, arrived)

    def _seen(self, seen: Claim, *, arrived: int, live: bool, listing: bool) -> None:
        metadata, volume = seen.metadata, seen.spec.volume_name
        if not self._present.came(metadata.uid, _Object(metadata.namespace, metadata.name, volume), listing=listing):
            return
        bound = seen.status.phase == "Bound" and bool(volume)
        first = metadata.uid not in self._transitions
        facts = tuple(self._facts(seen, bound=bound, arrived=arrived, live=live and not listing))
        if facts or first:
            since = _bound_since(seen, facts) if bound else None
            # Anybody may ask for a volume by its name: only one that is bound to the claim is the claim's.
            mine = volume if bound else ""
            news = ClaimNews(metadata.namespace, metadata.name, metadata.uid, mine, since, facts, seen=True)
            self._intake.storage(news, arrived=arrived)

    def _facts(self, seen: Claim, *, bound: bool, arrived: int, live: bool) -> Iterator[Fact]:
        notes, state = seen.metadata.annotations, self._transitions
        begun = notes is not None and (notes.node is not None or notes.provisioner is not None)
        for milestone, reached in ((Milestone.PROVISIONING_STARTED, begun), (Milestone.CLAIM_BOUND, bound)):
            yield from state.facts(seen.metadata, milestone, reached=reached, arrived=arrived, live=live)

    def _gone(self, seen: Claim, *, arrived: int, live: bool) -> None:
        self._remove(seen.metadata.uid, arrived)

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        if kind == DELETED:
            self._remove(head.uid, arrived)
        else:
            self._present.keep(head.uid)

    def _remove(self, uid: str, arrived: int) -> None:
        gone = self._present.went(uid)
        self._transitions.forget(uid)
        if gone is not None:
            news = ClaimNews(gone.namespace, gone.name, uid, gone.volume, gone=True)
            self._intake.storage(news, arrived=arrived)


def _bound_since(claim: Claim, facts: tuple[Fact, ...]) -> int | None:
    """When the claim was seen to be bound; where it was so before anybody looked, when it was created."""
    for milestone, evidence in facts:
        if milestone is Milestone.CLAIM_BOUND and evidence[0].latest is not None:
            return evidence[0].latest
    return _second(claim.metadata.creation_timestamp)


class AttachedSource(Wire, frozen=True):
    """storagev1.VolumeAttachmentSource; a volume that is written into a pod has no PersistentVolume."""

    persistent_volume_name: str = ""


class AttachmentSpec(Wire, frozen=True):
    """storagev1.VolumeAttachmentSpec."""

    node_name: str = ""
    source: AttachedSource = AttachedSource()


class VolumeError(Wire, frozen=True):
    """storagev1.VolumeError."""

    time: str | None = None
    message: str = ""


class AttachmentStatus(Wire, frozen=True):
    """storagev1.VolumeAttachmentStatus."""

    attached: bool = False
    attach_error: VolumeError | None = None


class Attachment(Wire, frozen=True):
    """storagev1.VolumeAttachment."""

    metadata: VolumeMetadata
    spec: AttachmentSpec = AttachmentSpec()
    status: AttachmentStatus = AttachmentStatus()


class AttachmentFeed(Feed[Attachment]):
    """VolumeAttachments."""

    stream = LowRate.ATTACHMENTS

    def __init__(self, intake: Intake) -> None:
        super().__init__(Decoder(Attachment), Decoder(WatchEvent[Attachment]))
        self._intake = intake
        self._present = _Present()
        self._transitions = _Transitions()

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._present.begin()

    def end(self, version: str, *, arrived: int) -> None:
        """A volume whose attachment neither the listing nor a watch showed since it began was detached meanwhile."""
        for uid in self._present.end():
            self._remove(uid, _noticed(arrived, live=False), None, arrived)

    def _seen(self, seen: Attachment, *, arrived: int, live: bool, listing: bool) -> None:
        metadata, volume = seen.metadata, seen.spec.source.persistent_volume_name
        remembered = _Object("", metadata.name, volume, seen.spec.node_name)
        if not volume or not self._present.came(metadata.uid, remembered, listing=listing):
            return
        facts = tuple(self._facts(seen, arrived=arrived, live=live and not listing))
        words, leaving = tuple(self._words(seen, arrived)), _second(metadata.deletion_timestamp)
        if facts or words or leaving is not None:
            news = AttachmentNews(metadata.uid, metadata.name, volume, seen.spec.node_name, leaving, facts, words)
            self._intake.storage(news, arrived=arrived)

    def _facts(self, seen: Attachment, *, arrived: int, live: bool) -> Iterator[Fact]:
        metadata, state = seen.metadata, self._transitions
        created = _second(metadata.creation_timestamp)
        if created is not None and not state.told(metadata.uid, Milestone.ATTACH_STARTED):
            first = within_second(Source.FIELD, created, observed=arrived)
            shown = (just_after(Source.WATCH, arrived, observed=arrived),) if live else ()
            state.of(metadata.uid).told.add((Milestone.ATTACH_STARTED, Source.FIELD))
            yield Fact(Milestone.ATTACH_STARTED, (first, *shown))
        yield from state.facts(metadata, Milestone.ATTACHED, reached=seen.status.attached, arrived=arrived, live=live)

    def _words(self, seen: Attachment, arrived: int) -> Iterator[Words]:
        told, error = self._transitions.of(seen.metadata.uid), seen.status.attach_error
        if error is None or not error.message or f"{error.time} {error.message}" == told.words:
            return
        told.words = f"{error.time} {error.message}"
        at = _second(error.time)
        yield Words("FailedAttachVolume", error.message, arrived if at is None else at)

    def _gone(self, seen: Attachment, *, arrived: int, live: bool) -> None:
        asked = _second(seen.metadata.deletion_timestamp)
        self._remove(seen.metadata.uid, _noticed(arrived, live=live), asked, arrived)

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        if kind == DELETED:
            self._remove(head.uid, _noticed(arrived, live=False), None, arrived)
        else:
            self._present.keep(head.uid)

    def _remove(self, uid: str, noticed: Evidence, leaving: int | None, arrived: int) -> None:
        gone, attached = self._present.went(uid), self._transitions.told(uid, Milestone.ATTACHED)
        self._transitions.forget(uid)
        if gone is None:
            return
        asked = () if leaving is None else (not_before(Source.FIELD, leaving, observed=arrived),)
        facts = (Fact(Milestone.DETACHED, (noticed, *asked)),) if attached else ()
        news = AttachmentNews(uid, gone.name, gone.volume, gone.node, leaving, facts, gone=True)
        self._intake.storage(news, arrived=arrived)


def _noticed(arrived: int, *, live: bool) -> Evidence:
    if live:
        return just_after(Source.WATCH, arrived, observed=arrived)
    return Evidence(Source.LISTED, None, None, arrived, arrived)


def _second(stamp: str | None) -> int | None:
    return None if stamp is None else moment(stamp)
