"""EndpointSlices turned into observations. Pure.

A slice is sent whole at every change and can carry a hundred and more addresses: the caller remembers which pods of it
were told, so that a change costs what changed.
"""

from collections.abc import Set as AbstractSet

from podtimeline.core.instants import Evidence, Source, happened, just_after, not_before
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import Witnessed
from podtimeline.intake.texts import moment
from podtimeline.intake.wire import EndpointPort, EndpointSlice

_NOBODY: AbstractSet[str] = frozenset()


def ready_pods(piece: EndpointSlice) -> tuple[set[str], set[str]]:
    """Uids of the pods with an address in the slice, and of those whose address is ready (unset is True).

    https://kubernetes.io/docs/reference/kubernetes-api/discovery/endpoint-slice-v1/
    """
    present: set[str] = set()
    ready: set[str] = set()
    for endpoint in piece.endpoints or ():
        target = endpoint.target_ref
        if target is not None and target.kind == "Pod":
            present.add(target.uid)
            if endpoint.conditions is None or endpoint.conditions.ready is not False:
                ready.add(target.uid)
    return present, ready


def slice_observations(
    piece: EndpointSlice, *, arrived: int, live: bool, told: AbstractSet[str] = _NOBODY
) -> tuple[list[Witnessed], AbstractSet[str]]:
    """What is new in this version of a slice, and the uids to give as ``told`` with its next version.

    The trigger's time is of the change that caused this very version: it bounds the addresses that are new in a live
    one, and says nothing of those of a listed slice. Raises ``MalformedObject``.
    """
    present, ready = ready_pods(piece)
    remembered = (told & present) | ready
    fresh = ready - told
    metadata = piece.metadata
    if not fresh or metadata.labels is None or not metadata.labels.service:
        return [], remembered
    mark = Mark(Milestone.ENDPOINT_READY, f"{metadata.namespace}/{metadata.labels.service}/{metadata.name}")
    evidence = _evidence(piece, arrived=arrived, live=live)
    detail = ",".join(_port(each) for each in piece.ports or ())
    return [Witnessed(uid, mark, evidence, detail) for uid in sorted(fresh)], remembered


def _evidence(piece: EndpointSlice, *, arrived: int, live: bool) -> tuple[Evidence, ...]:
    if not live:
        return (happened(arrived),)
    seen = just_after(Source.WATCH, arrived, observed=arrived)
    annotations = piece.metadata.annotations
    if annotations is None or annotations.trigger is None:
        return (seen,)
    return seen, not_before(Source.TRIGGER, moment(annotations.trigger), observed=arrived)


def _port(port: EndpointPort) -> str:
    number = f"{port.port}/{port.protocol or 'TCP'}"
    return f"{port.name}:{number}" if port.name else number
