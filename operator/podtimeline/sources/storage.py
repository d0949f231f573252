"""Claims and attachments: what is new of them is handed to ``ports.Intake``."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
from msgspec.json import Decoder

from podtimeline.kube.indexer import Entry, IndexedFeed, Indexer, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import WatchEvent, Wire
from podtimeline.model.instants import Evidence, Source, happened, just_after, not_before, within_second
from podtimeline.model.milestones import Milestone
from podtimeline.model.storage import AttachmentNews, ClaimNews, Fact, Words
from podtimeline.ports import Intake
from podtimeline.sources.texts import moment, noticed

CLAIMS = Resource(name="persistentvolumeclaims", without="when claims were bound, and messages about them")
ATTACHMENTS = Resource(
    name="volumeattachments",
    group="storage.k8s.io",
    namespaced=False,
    without="when volumes were attached and detached",
)


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
class HeldVolume:
    """What is kept of a claim or an attachment.

    ``before`` are the states that a version was seen without: any other one began before anybody looked. ``told`` are
    the milestones that were told, each by its source; ``words`` are the latest words.
    """

    volume: str = ""
    node: str = ""
    before: set[Milestone] = field(default_factory=set)
    told: set[tuple[Milestone, Source]] = field(default_factory=set)
    words: str = ""

    def has_told(self, milestone: Milestone) -> bool:
        """Whether the milestone was told."""
        return any(told is milestone for told, _ in self.told)

    def facts(
        self, metadata: VolumeMetadata, milestone: Milestone, *, reached: bool, arrived: int, live: bool
    ) -> Iterator[Fact]:
        """What is new about one milestone, which the object has reached or has not. Raises ``MalformedObject``."""
        if not reached:
            self.before.add(milestone)
            return
        evidence = _transition(metadata, witnessed=milestone in self.before, live=live, arrived=arrived)
        if (milestone, evidence[0].source) not in self.told:
            self.told.add((milestone, evidence[0].source))
            yield Fact(milestone, evidence)


def _transition(metadata: VolumeMetadata, *, witnessed: bool, live: bool, arrived: int) -> tuple[Evidence, ...]:
    if not witnessed:
        return (happened(arrived),)
    seen = noticed(arrived, live=live)
    if not live or metadata.creation_timestamp is None:
        return (seen,)
    return seen, not_before(Source.FIELD, moment(metadata.creation_timestamp), observed=arrived)


class ClaimFeed(IndexedFeed[Claim, HeldVolume]):
    """PersistentVolumeClaims."""

    def __init__(self, intake: Intake, *, index: Indexer[HeldVolume], namespace: str | None = None) -> None:
        super().__init__(Collection(CLAIMS, namespace), Decoder(Claim), Decoder(WatchEvent[Claim]), index=index)
        self._intake = intake

    def _took(self, seen: Claim, held: HeldVolume | None, *, arrived: int, live: bool) -> HeldVolume:
        metadata, volume = seen.metadata, seen.spec.volume_name
        now, bound = held or HeldVolume(), seen.status.phase == "Bound" and bool(volume)
        now.volume = volume
        facts = tuple(_claim_facts(seen, now, bound=bound, arrived=arrived, live=live))
        if facts or held is None:
            since = _bound_since(seen, facts) if bound else None
            # Anybody may ask for a volume by its name: only one that is bound to the claim is the claim's.
            mine = volume if bound else ""
            news = ClaimNews(metadata.namespace, metadata.name, metadata.uid, mine, since, facts, seen=True)
            self._intake.storage(news, arrived=arrived)
        return now

    def _went(self, key: ObjectKey, held: Entry[HeldVolume], last: Claim | None, *, arrived: int, live: bool) -> None:
        news = ClaimNews(key.namespace, key.name, held.uid, held.value.volume, gone=True)
        self._intake.storage(news, arrived=arrived)


def _claim_facts(seen: Claim, held: HeldVolume, *, bound: bool, arrived: int, live: bool) -> Iterator[Fact]:
    notes = seen.metadata.annotations
    begun = notes is not None and (notes.node is not None or notes.provisioner is not None)
    for milestone, reached in ((Milestone.PROVISIONING_STARTED, begun), (Milestone.CLAIM_BOUND, bound)):
        yield from held.facts(seen.metadata, milestone, reached=reached, arrived=arrived, live=live)


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


class AttachmentFeed(IndexedFeed[Attachment, HeldVolume]):
    """VolumeAttachments; a volume whose attachment is gone was detached."""

    def __init__(self, intake: Intake, *, index: Indexer[HeldVolume]) -> None:
        super().__init__(Collection(ATTACHMENTS), Decoder(Attachment), Decoder(WatchEvent[Attachment]), index=index)
        self._intake = intake

    def _took(self, seen: Attachment, held: HeldVolume | None, *, arrived: int, live: bool) -> HeldVolume | None:
        metadata, volume, node = seen.metadata, seen.spec.source.persistent_volume_name, seen.spec.node_name
        if not volume:
            return None
        now = held or HeldVolume(volume, node)
        facts = tuple(_attachment_facts(seen, now, arrived=arrived, live=live))
        words, leaving = tuple(_words(seen, now, arrived)), _second(metadata.deletion_timestamp)
        if facts or words or leaving is not None:
            news = AttachmentNews(metadata.uid, metadata.name, volume, node, leaving, facts, words)
            self._intake.storage(news, arrived=arrived)
        return now

    def _went(
        self, key: ObjectKey, held: Entry[HeldVolume], last: Attachment | None, *, arrived: int, live: bool
    ) -> None:
        kept, leaving = held.value, None if last is None else _second(last.metadata.deletion_timestamp)
        asked = () if leaving is None else (not_before(Source.FIELD, leaving, observed=arrived),)
        detached = Fact(Milestone.DETACHED, (noticed(arrived, live=live), *asked))
        facts = (detached,) if kept.has_told(Milestone.ATTACHED) else ()
        news = AttachmentNews(held.uid, key.name, kept.volume, kept.node, leaving, facts, gone=True)
        self._intake.storage(news, arrived=arrived)


def _attachment_facts(seen: Attachment, held: HeldVolume, *, arrived: int, live: bool) -> Iterator[Fact]:
    metadata = seen.metadata
    created = _second(metadata.creation_timestamp)
    if created is not None and not held.has_told(Milestone.ATTACH_STARTED):
        first = within_second(Source.FIELD, created, observed=arrived)
        shown = (just_after(Source.WATCH, arrived, observed=arrived),) if live else ()
        held.told.add((Milestone.ATTACH_STARTED, Source.FIELD))
        yield Fact(Milestone.ATTACH_STARTED, (first, *shown))
    yield from held.facts(metadata, Milestone.ATTACHED, reached=seen.status.attached, arrived=arrived, live=live)


def _words(seen: Attachment, held: HeldVolume, arrived: int) -> Iterator[Words]:
    error = seen.status.attach_error
    if error is None or not error.message or f"{error.time} {error.message}" == held.words:
        return
    held.words = f"{error.time} {error.message}"
    at = _second(error.time)
    yield Words("FailedAttachVolume", error.message, arrived if at is None else at)


def _second(stamp: str | None) -> int | None:
    return None if stamp is None else moment(stamp)
