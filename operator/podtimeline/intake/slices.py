"""EndpointSlices turned into observations. Pure, but for ``SliceIndex``, which remembers them.

A slice is sent whole at every change and can carry a hundred and more addresses: which pods were in it, and which of
them stood as ready, is remembered, so that a change costs what changed.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from podtimeline.core.instants import Evidence, Source, happened, just_after, not_before
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import Witnessed
from podtimeline.intake.texts import moment, stated_moment
from podtimeline.intake.wire import EndpointPort, EndpointSlice

Name = tuple[str, str]
"""Namespace and name of a slice."""
_NOBODY: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Slice:
    """What is remembered of a slice: its subject ``namespace/service/slice``, and uids of pods.

    ``present`` are the pods that have an address in it, ``standing`` those whose address stands as ready.
    """

    subject: str
    present: AbstractSet[str] = _NOBODY
    standing: AbstractSet[str] = _NOBODY


class SliceIndex:
    """Implements ``ports.Addresses``; feeds of one or several namespaces fill it."""

    def __init__(self) -> None:
        self._slices: dict[str, Slice] = {}
        self._listed: set[str] = set()

    def standing(self, subject: str, uid: str) -> bool | None:
        """See ``ports.Addresses``."""
        held = self._slices.get(subject)
        return uid in held.standing if held is not None else self._unknown(subject)

    def present(self, subject: str, uid: str) -> bool | None:
        """See ``ports.Addresses``."""
        held = self._slices.get(subject)
        return uid in held.present if held is not None else self._unknown(subject)

    def take(self, piece: EndpointSlice, *, arrived: int, live: bool) -> list[Witnessed]:
        """Remember a version of a slice; returns what is new in it. Raises ``MalformedObject``."""
        subject = subject_of(piece)
        if subject is None:
            return []
        said, self._slices[subject] = slice_observations(
            piece, held=self._slices.get(subject) or Slice(subject), arrived=arrived, live=live
        )
        return said

    def drop(self, piece: EndpointSlice, *, arrived: int) -> list[Witnessed]:
        """A live watch showed the slice's deletion; returns what that means for the pods that were in it."""
        held = self._slices.pop(subject_of(piece) or "", None)
        seen = just_after(Source.WATCH, arrived, observed=arrived)
        return [] if held is None else list(_left(held, held.present, (seen,)))

    def listed(self, namespace: str | None, names: AbstractSet[Name], *, arrived: int) -> list[Witnessed]:
        """A listing of all namespaces, or of one, is complete: slices not among ``names`` are gone."""
        self._listed.add(namespace or "")
        gone = [
            held
            for held in self._slices.values()
            if _name(held.subject) not in names and namespace in {None, _name(held.subject)[0]}
        ]
        for held in gone:
            del self._slices[held.subject]
        return [each for held in gone for each in _left(held, held.present, (_by(arrived),))]

    def _unknown(self, subject: str) -> bool | None:
        return False if self._listed & {"", _name(subject)[0]} else None


def subject_of(piece: EndpointSlice) -> str | None:
    """``namespace/service/slice``, ``None`` for a slice of no Service."""
    metadata = piece.metadata
    if metadata.labels is None or not metadata.labels.service:
        return None
    return f"{metadata.namespace}/{metadata.labels.service}/{metadata.name}"


def _name(subject: str) -> Name:
    return subject.partition("/")[0], subject.rpartition("/")[2]


def slice_observations(piece: EndpointSlice, *, held: Slice, arrived: int, live: bool) -> tuple[list[Witnessed], Slice]:
    """What is new in this version of a slice, and what to remember of it. Raises ``MalformedObject``.

    A pod that is not ready for a while may be again: only an address that is marked as terminating, or leaves the
    slice, is told as no longer standing. The trigger's time is of the change that caused this very version: it bounds
    the addresses that are new in a live one, and says nothing of those of a listed slice.
    """
    present, standing, terminating = _addresses(piece)
    stopped = (held.standing & terminating) - standing
    gone = held.present - present
    fresh = standing - held.standing
    said: list[Witnessed] = []
    if fresh:
        mark, detail = Mark(Milestone.ENDPOINT_READY, held.subject), ",".join(_port(each) for each in piece.ports or ())
        evidence = _appeared(piece, arrived=arrived, live=live)
        said += [Witnessed(uid, mark, evidence, detail) for uid in sorted(fresh)]
    if stopped or gone:
        evidence = _changed(piece, arrived=arrived) if live else (_by(arrived),)
        mark = Mark(Milestone.ENDPOINT_TERMINATING, held.subject)
        said += [Witnessed(uid, mark, evidence) for uid in sorted(stopped)]
        said += _left(held, gone, evidence)
    return said, Slice(held.subject, present, present if present == standing else standing)


def _addresses(piece: EndpointSlice) -> tuple[set[str], set[str], set[str]]:
    """Uids of the pods with an address in the slice, of those whose address is ready, and of the terminating ones.

    An unset ``ready`` is True: https://kubernetes.io/docs/reference/kubernetes-api/discovery/endpoint-slice-v1/
    """
    present: set[str] = set()
    standing: set[str] = set()
    terminating: set[str] = set()
    for endpoint in piece.endpoints or ():
        target, conditions = endpoint.target_ref, endpoint.conditions
        if target is not None and target.kind == "Pod":
            present.add(target.uid)
            if conditions is None or conditions.ready is not False:
                standing.add(target.uid)
            if conditions is not None and conditions.terminating:
                terminating.add(target.uid)
    return present, standing, terminating


def _left(held: Slice, gone: AbstractSet[str], evidence: tuple[Evidence, ...]) -> Iterator[Witnessed]:
    """The addresses are out of the slice; those that stood as ready until then no longer do."""
    out, removed = (Mark(each, held.subject) for each in (Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED))
    for uid in sorted(gone):
        if uid in held.standing:
            yield Witnessed(uid, out, evidence)
        yield Witnessed(uid, removed, evidence)


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
