"""EndpointSlices turned into observations. Pure, but for ``SliceIndex``, which remembers them.

A slice is sent whole at every change and can carry a hundred and more addresses: which pods were in it, and which of
them stood as ready, is remembered, so that a change costs what changed.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from podtimeline.intake.texts import moment, stated_moment
from podtimeline.intake.wire import EndpointPort, EndpointSlice
from podtimeline.model.instants import Evidence, Source, happened, just_after, not_before
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Witnessed
from podtimeline.ports import PodReference

Name = tuple[str, str]
"""Namespace and name of a slice."""
Said = tuple[PodReference, Witnessed]
"""What a slice says, and the pod that it names."""
_Key = str
"""Uid and name of a pod, ``uid/name``: a slice of a hundred addresses is read whole at every change."""
_NOBODY: AbstractSet[_Key] = frozenset()


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


class SliceIndex:
    """Implements ``ports.Addresses``; feeds of one or several namespaces fill it."""

    def __init__(self) -> None:
        self.foreign = 0
        """Targets of another namespace than their slice's that were named so far."""
        self._slices: dict[Name, Slice] = {}
        self._listed: set[str] = set()

    def standing(self, subject: str, pod: PodReference) -> bool | None:
        """See ``ports.Addresses``."""
        held = self._held(subject)
        return _key(pod) in held.standing if held is not None else self._unknown(subject)

    def present(self, subject: str, pod: PodReference) -> bool | None:
        """See ``ports.Addresses``."""
        held = self._held(subject)
        return _key(pod) in held.present if held is not None else self._unknown(subject)

    def take(self, piece: EndpointSlice, *, arrived: int, live: bool) -> list[Said]:
        """Remember a version of a slice; returns what is new in it. Raises ``MalformedObject``.

        One that is given to another Service, or to none, has left its former one.
        """
        name, subject = (piece.metadata.namespace, piece.metadata.name), subject_of(piece)
        held = self._slices.get(name)
        if held is not None and held.subject != subject:
            evidence = _changed(piece, arrived=arrived) if live else (_by(arrived),)
            said, held = list(_left(held, held.present, evidence)), None
            del self._slices[name]
        else:
            said = []
        if subject is not None:
            before = held or Slice(subject)
            more, after = slice_observations(piece, held=before, arrived=arrived, live=live)
            self.foreign += len(after.foreign - before.foreign)
            self._slices[name] = after
            said += more
        return said

    def drop(self, piece: EndpointSlice, *, arrived: int) -> list[Said]:
        """A live watch showed the slice's deletion; returns what that means for the pods that were in it."""
        held = self._slices.pop((piece.metadata.namespace, piece.metadata.name), None)
        seen = just_after(Source.WATCH, arrived, observed=arrived)
        return [] if held is None else list(_left(held, held.present, (seen,)))

    def listed(self, namespace: str | None, names: AbstractSet[Name], *, arrived: int) -> list[Said]:
        """A listing of all namespaces, or of one, is complete: slices not among ``names`` are gone."""
        self._listed.add(namespace or "")
        gone = [name for name in self._slices if name not in names and namespace in {None, name[0]}]
        left = [self._slices.pop(name) for name in gone]
        return [each for held in left for each in _left(held, held.present, (_by(arrived),))]

    def _held(self, subject: str) -> Slice | None:
        held = self._slices.get(_name(subject))
        return held if held is not None and held.subject == subject else None

    def _unknown(self, subject: str) -> bool | None:
        return False if self._listed & {"", _name(subject)[0]} else None


def subject_of(piece: EndpointSlice) -> str | None:
    """``namespace/service/slice``, ``None`` for a slice of no Service."""
    metadata = piece.metadata
    if metadata.labels is None or not metadata.labels.service:
        return None
    return f"{metadata.namespace}/{metadata.labels.service}/{metadata.name}"


def _key(pod: PodReference) -> _Key:
    return f"{pod.uid}/{pod.name}"


def _name(subject: str) -> Name:
    return subject.partition("/")[0], subject.rpartition("/")[2]


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
        evidence = _changed(piece, arrived=arrived) if live else (_by(arrived),)
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


def _by(arrived: int) -> Evidence:
    """Nothing tells when, but that it was over when a listing came."""
    return Evidence(Source.LISTED, None, None, arrived, arrived)


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
