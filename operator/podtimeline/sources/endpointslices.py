"""EndpointSlices, turned into what they say of the pods whose addresses they hold.

A slice is sent whole at every change and can carry a hundred and more addresses: which pods were in it, and which of
them stood as ready, is remembered, so that a change costs what changed.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec
from msgspec.json import Decoder

from podtimeline.kube.indexer import Entry, IndexedFeed, Indexer, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import Int32, Name, Uid, WatchEvent, Wire, WriteTime
from podtimeline.model.instants import Evidence, Source, happened, just_after, not_before
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Witnessed
from podtimeline.ports import Intake, Mismatch, PodReference, Stream
from podtimeline.sources.texts import moment, noticed, stated_moment

ENDPOINTSLICES = Resource(
    name=Stream.ENDPOINTSLICES.value, group="discovery.k8s.io", without="when traffic could reach a pod"
)
Said = tuple[PodReference, Witnessed]
"""What a slice says, and the pod that it names."""
_Key = str
"""Uid and name of a pod, ``uid/name``: a slice of a hundred addresses is read whole at every change."""
_NOBODY: AbstractSet[_Key] = frozenset()


class SliceLabels(msgspec.Struct, frozen=True, gc=False):
    """The label that names the Service of an EndpointSlice."""

    service: str = msgspec.field(default="", name="kubernetes.io/service-name")


class SliceAnnotations(msgspec.Struct, frozen=True, gc=False):
    """The annotation with the time of the change that caused the latest write of an EndpointSlice."""

    trigger: str | None = msgspec.field(default=None, name="endpoints.kubernetes.io/last-change-trigger-time")


class SliceMetadata(Wire, frozen=True):
    """metav1.ObjectMeta of an EndpointSlice."""

    uid: str
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    labels: SliceLabels | None = None
    annotations: SliceAnnotations | None = None
    managed_fields: list[WriteTime] | None = None


class EndpointConditions(Wire, frozen=True):
    """discoveryv1.EndpointConditions; ``ready`` of ``None`` is to be read as True, ``terminating`` as False."""

    ready: bool | None = None
    terminating: bool | None = None


class TargetReference(Wire, frozen=True):
    """corev1.ObjectReference of an endpoint."""

    kind: str = ""
    namespace: Name = ""
    name: Name = ""
    uid: Uid = ""


class Endpoint(Wire, frozen=True):
    """discoveryv1.Endpoint."""

    conditions: EndpointConditions | None = None
    target_ref: TargetReference | None = None


class EndpointPort(Wire, frozen=True):
    """discoveryv1.EndpointPort."""

    name: str | None = None
    port: Int32 | None = None
    protocol: str | None = None


class EndpointSlice(Wire, frozen=True):
    """discoveryv1.EndpointSlice."""

    metadata: SliceMetadata
    endpoints: list[Endpoint] | None = None
    ports: list[EndpointPort] | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """What is remembered of a slice: its subject ``namespace/service/slice``, and the pods that it names.

    ``present`` are the pods that have an address in it, ``standing`` those whose address stands as ready. ``foreign``
    are targets that cannot be pods of the slice's namespace: nothing is taken from them.
    """

    subject: str
    present: AbstractSet[_Key] = _NOBODY
    standing: AbstractSet[_Key] = _NOBODY
    foreign: AbstractSet[_Key] = _NOBODY

    def pod(self, key: _Key) -> PodReference:
        """The pod of a key."""
        uid, _, name = key.partition("/")
        return PodReference(uid, self.subject.partition("/")[0], name)


class SliceIndex(Indexer[Slice]):
    """Implements ``ports.Addresses``; the feeds of one or several namespaces fill it."""

    def standing(self, subject: str, pod: PodReference) -> bool | None:
        """See ``ports.Addresses``."""
        held = self._held(subject)
        return _key(pod) in held.standing if held is not None else self._unknown(subject)

    def present(self, subject: str, pod: PodReference) -> bool | None:
        """See ``ports.Addresses``."""
        held = self._held(subject)
        return _key(pod) in held.present if held is not None else self._unknown(subject)

    def _held(self, subject: str) -> Slice | None:
        held = self.get(subject.partition("/")[0], subject.rpartition("/")[2])
        return None if held is None or held.value.subject != subject else held.value

    def _unknown(self, subject: str) -> bool | None:
        return False if self.complete(subject.partition("/")[0]) else None


class SliceFeed(IndexedFeed[EndpointSlice, Slice]):
    """Remembers the slices of all namespaces, or of one, and tells what is new in each version."""

    def __init__(self, intake: Intake, index: SliceIndex, *, namespace: str | None = None) -> None:
        collection, line = Collection(ENDPOINTSLICES, namespace), Decoder(WatchEvent[EndpointSlice])
        super().__init__(collection, Decoder(EndpointSlice), line, index=index)
        self._intake = intake

    def _took(self, seen: EndpointSlice, held: Slice | None, *, arrived: int, live: bool) -> Slice | None:
        subject = subject_of(seen)
        if held is not None and held.subject != subject:
            # Given to another Service, or to none, it has left its former one.
            evidence = _changed(seen, arrived=arrived) if live else (noticed(arrived, live=False),)
            self._tell(_left(held, held.present, evidence), arrived=arrived)
            held = None
        if subject is None:
            return None
        before = Slice(subject) if held is None else held
        said, after = slice_observations(seen, held=before, arrived=arrived, live=live)
        foreign = len(after.foreign - before.foreign)
        if foreign:
            self._intake.mismatched(Stream.ENDPOINTSLICES, Mismatch.NAMESPACE, foreign)
        self._tell(said, arrived=arrived)
        return after

    def _went(
        self, key: ObjectKey, held: Entry[Slice], last: EndpointSlice | None, *, arrived: int, live: bool
    ) -> None:
        slice_ = held.value
        self._tell(_left(slice_, slice_.present, (noticed(arrived, live=live),)), arrived=arrived)

    def _tell(self, said: Iterable[Said], *, arrived: int) -> None:
        for pod, each in said:
            self._intake.refer(pod, (each,), stream=Stream.ENDPOINTSLICES, arrived=arrived)


def subject_of(piece: EndpointSlice) -> str | None:
    """``namespace/service/slice``, ``None`` for a slice of no Service."""
    metadata = piece.metadata
    if metadata.labels is None or not metadata.labels.service:
        return None
    return f"{metadata.namespace}/{metadata.labels.service}/{metadata.name}"


def _key(pod: PodReference) -> _Key:
    return f"{pod.uid}/{pod.name}"


def slice_observations(piece: EndpointSlice, *, held: Slice, arrived: int, live: bool) -> tuple[list[Said], Slice]:
    """What is new in this version of a slice, and what to remember of it. Raises ``MalformedObject``.

    A pod that is not ready for a while may be again: only an address that is marked as terminating, or leaves the
    slice, is told as no longer standing. The trigger's time is of the change that caused this very version: it bounds
    the addresses that are new in a live one, and says nothing of those of a listed slice.
    """
    present, standing, terminating, foreign = _addresses(piece)
    stopped = (held.standing & terminating) - standing
    gone = held.present - present
    fresh = standing - held.standing
    said: list[Said] = []
    if fresh:
        mark, detail = Mark(Milestone.ENDPOINT_READY, held.subject), ",".join(_port(each) for each in piece.ports or ())
        evidence = _appeared(piece, arrived=arrived, live=live)
        pods = map(held.pod, sorted(fresh))
        said += [(pod, Witnessed(pod.uid, mark, evidence, detail)) for pod in pods]
    if stopped or gone:
        evidence = _changed(piece, arrived=arrived) if live else (noticed(arrived, live=False),)
        mark = Mark(Milestone.ENDPOINT_TERMINATING, held.subject)
        said += [(pod, Witnessed(pod.uid, mark, evidence)) for pod in map(held.pod, sorted(stopped))]
        said += _left(held, gone, evidence)
    return said, Slice(held.subject, present, present if present == standing else standing, foreign or _NOBODY)


_Pods = set[_Key]


def _addresses(piece: EndpointSlice) -> tuple[_Pods, _Pods, _Pods, _Pods]:
    """The pods with an address in the slice, those whose address is ready, the terminating ones, and foreign targets.

    An unset ``ready`` is True: https://kubernetes.io/docs/reference/kubernetes-api/discovery/endpoint-slice-v1/
    """
    within = piece.metadata.namespace
    present: _Pods = set()
    standing: _Pods = set()
    terminating: _Pods = set()
    foreign: _Pods = set()
    for endpoint in piece.endpoints or ():
        target, conditions = endpoint.target_ref, endpoint.conditions
        if target is None or target.kind != "Pod" or not target.uid:
            continue
        if (target.namespace or within) != within:
            foreign.add(f"{target.uid}/{target.name}")
            continue
        pod = f"{target.uid}/{target.name}"
        present.add(pod)
        if conditions is None or conditions.ready is not False:
            standing.add(pod)
        if conditions is not None and conditions.terminating:
            terminating.add(pod)
    return present, standing, terminating, foreign


def _left(held: Slice, gone: AbstractSet[_Key], evidence: tuple[Evidence, ...]) -> Iterator[Said]:
    """The addresses are out of the slice; those that stood as ready until then no longer do."""
    out, removed = (Mark(each, held.subject) for each in (Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED))
    for key in sorted(gone):
        pod = held.pod(key)
        if key in held.standing:
            yield pod, Witnessed(pod.uid, out, evidence)
        yield pod, Witnessed(pod.uid, removed, evidence)


def _appeared(piece: EndpointSlice, *, arrived: int, live: bool) -> tuple[Evidence, ...]:
    if not live:
        return (happened(arrived),)
    evidence = _changed(piece, arrived=arrived)
    annotations = piece.metadata.annotations
    triggered = None if annotations is None else stated_moment(annotations.trigger)
    if triggered is None:
        return evidence
    return *evidence, not_before(Source.TRIGGER, triggered, observed=arrived)


def _changed(piece: EndpointSlice, *, arrived: int) -> tuple[Evidence, ...]:
    """When this version was written: not after the watch brought it, nor before the API server noted a change.

    A write that only takes away is not noted (structured-merge-diff, ``Updater.Update``): the second bounds it from
    below alone.
    """
    seen = just_after(Source.WATCH, arrived, observed=arrived)
    noted = max((moment(each.time) for each in piece.metadata.managed_fields or () if each.time), default=None)
    return (seen,) if noted is None else (seen, not_before(Source.FIELD, noted, observed=arrived))


def _port(port: EndpointPort) -> str:
    number = f"{port.port}/{port.protocol or 'TCP'}"
    return f"{port.name}:{number}" if port.name else number
