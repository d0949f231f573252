"""What a workload was asked for, and which request a pod was made for.

A pod that replaces another was asked for by nobody: a request that was met before the pod was made did not lead to it,
and one of so many pods leads to no more. Whatever is not known stays unknown.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce

from podtimeline.model.instants import SECOND, Evidence, Source, Window, intersect, just_after, within_second
from podtimeline.model.workloads import WorkloadState

MAX_REQUESTS = 8
"""Requests of one workload that are remembered."""
_FRESH = 10 * SECOND
"""An Event comes within this of what it tells of, unless it is told again."""


class Why(StrEnum):
    """What a request changed."""

    CREATED = "created"
    """The workload itself was made."""
    REVISION = "revision"
    """Its pod template was changed."""
    SCALED = "scaled"
    """More pods were asked for."""
    RESUMED = "resumed"
    """It had been paused or suspended."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request for pods: from ``low`` of them to ``high``.

    ``version`` is the resourceVersion of the object that first showed it, 0 where only an Event told of it. ``taken``
    counts the pods that it led to, ``met`` is when the observer saw that there were enough.
    """

    why: Why
    version: int
    evidence: tuple[Evidence, ...]
    low: int = 0
    high: int = 0
    taken: int = 0
    met: int | None = None

    @property
    def window(self) -> Window:
        """When it was made."""
        return intersect(self.evidence)


@dataclass(frozen=True, slots=True)
class WorkloadHistory:
    """A workload's latest version and its requests, oldest first; ``birth`` is the evidence for its own creation.

    ``born`` is the resourceVersion that it was created at, 0 where that is not known. Of what came before ``since``, on
    the observer's clock, nothing is known.
    """

    state: WorkloadState
    since: int
    born: int
    birth: tuple[Evidence, ...]
    requests: tuple[Request, ...] = ()

    @property
    def unmet(self) -> bool:
        """Whether pods are still to come of its requests."""
        return any(each.met is None for each in self.requests)


def told(history: WorkloadHistory | None, state: WorkloadState, *, arrived: int, live: bool) -> WorkloadHistory:
    """What is known of the workload after one more version of it; an older version changes nothing."""
    if history is None or history.state.uid != state.uid:
        return _met(_first(state, arrived=arrived, live=live), arrived)
    if state.version <= history.state.version:
        return history
    request = _request(history.state, state, arrived=arrived, live=live)
    requests = history.requests if request is None else _added(history.requests, request)
    return _met(replace(history, state=state, requests=requests), arrived)


def scaled(history: WorkloadHistory, low: int, high: int, said: Evidence) -> WorkloadHistory:
    """What is known after an Event that told of a scale-up by the workload's own controller.

    Events are told again for an hour: one of pods that are all there by now explains none that come later.
    """
    if said in history.birth or any(said in each.evidence for each in history.requests):
        return history
    birth = history.birth
    if low == 0 and any(each.why is Why.CREATED and each.high == high for each in history.requests):
        birth = _told(birth, said)
    request = Request(Why.SCALED, 0, (said,), low, high)
    known = replace(history, birth=birth, requests=_added(history.requests, request))
    # One that is fresh may be ahead of the version that it tells of, which still is to come.
    return _met(known, said.observed) if said.observed - said.claim > _FRESH else known


def launched(history: WorkloadHistory, said: Evidence) -> WorkloadHistory:
    """What is known after an Event that told of the workload's own creation."""
    if said in history.birth:
        return history
    requests = tuple(
        replace(each, evidence=_told(each.evidence, said)) if each.why is Why.CREATED else each
        for each in history.requests
    )
    return replace(history, birth=_told(history.birth, said), requests=requests)


def latest(history: WorkloadHistory) -> tuple[WorkloadHistory, int]:
    """The history with its latest ``MAX_REQUESTS`` requests, and of how many others pods are still to come."""
    surplus = history.requests[:-MAX_REQUESTS]
    if not surplus:
        return history, 0
    kept = replace(history, requests=history.requests[-MAX_REQUESTS:])
    return kept, sum(each.met is None for each in surplus)


def _told(evidence: tuple[Evidence, ...], more: Evidence) -> tuple[Evidence, ...]:
    """One statement of each source, the earliest, as in the record of a pod: Events can tell of it without end."""
    for index, each in enumerate(evidence):
        if each.source is more.source:
            earliest = min(each, more, key=lambda said: (said.claim, said.observed))
            return (*evidence[:index], earliest, *evidence[index + 1 :])
    return (*evidence, more)


def _first(state: WorkloadState, *, arrived: int, live: bool) -> WorkloadHistory:
    birth = _creation(state.created, arrived=arrived, live=live)
    # Its controller has not seen it either: it was made just now, and nothing of it can have been missed.
    newborn = live and state.observed == 0 and state.have == 0
    since, born = (0, state.version) if newborn else (arrived, 0)
    if state.generation == 1:
        made = Request(Why.CREATED, state.version, birth, 0, 0 if state.paused else state.wanted, state.have)
        return WorkloadHistory(state, since, born, birth, (made,))
    if live and state.observed < state.generation and state.wanted > state.have:
        evidence = (just_after(Source.WATCH, arrived, observed=arrived),)
        more = Request(Why.SCALED, state.version, evidence, state.have, state.wanted)
        return WorkloadHistory(state, 0, born, birth, (more,))
    return WorkloadHistory(state, since, born, birth)


def _creation(created: int, *, arrived: int, live: bool) -> tuple[Evidence, ...]:
    stated = within_second(Source.FIELD, created, observed=arrived)
    return (stated, just_after(Source.WATCH, arrived, observed=arrived)) if live else (stated,)


def _request(before: WorkloadState, state: WorkloadState, *, arrived: int, live: bool) -> Request | None:
    why = _why(before, state)
    if why is None:
        return None
    evidence = tuple(_change(before, state, arrived=arrived, live=live))
    return Request(why, state.version, evidence, before.wanted if why is Why.SCALED else 0, state.wanted)


def _why(before: WorkloadState, state: WorkloadState) -> Why | None:
    if before.template != state.template:
        return Why.REVISION
    if before.paused and not state.paused:
        return Why.RESUMED
    # What a DaemonSet wants changes with the nodes, which nobody asked it for.
    return Why.SCALED if state.wanted > before.wanted and state.kind != "DaemonSet" else None


def _change(before: WorkloadState, state: WorkloadState, *, arrived: int, live: bool) -> Iterator[Evidence]:
    # A write by the scale subresource is not stamped: then the latest stamp is that of an earlier write.
    stamped = state.changed if state.changed is not None and state.changed > (before.changed or 0) else None
    if live:
        yield just_after(Source.WATCH, arrived, observed=arrived)
        if stamped is not None:
            yield within_second(Source.FIELD, stamped, observed=arrived)
        return
    yield Evidence(Source.LISTED, None, None, arrived, arrived)
    if stamped is not None:
        # Other writes may have followed that one while nobody looked.
        yield Evidence(Source.FIELD, None, None, stamped + SECOND - 1, arrived)


def _added(requests: tuple[Request, ...], more: Request) -> tuple[Request, ...]:
    """One more request, which may be the one that an Event or a version has told of already."""
    for index, each in enumerate(requests):
        if (each.low, each.high) == (more.low, more.high) and _one(each, more):
            joined = _joined(each, more)
            return (*requests[:index], joined, *requests[index + 1 :])
    return (*requests, more)


def _one(one: Request, other: Request) -> bool:
    by_event = one.version == 0 or other.version == 0
    reasons = {one.why, other.why}
    if not by_event or not reasons <= {Why.CREATED, Why.SCALED} or one.evidence == other.evidence:
        return one.evidence == other.evidence
    # The same replicas may be asked for again, hours later: an Event follows what it tells of at once.
    return intersect((*one.evidence, *other.evidence)).skew == 0 and _near(one, other)


def _near(one: Request, other: Request) -> bool:
    moments = [each.claim for request in (one, other) for each in request.evidence]
    return max(moments) - min(moments) <= _FRESH


def _joined(one: Request, other: Request) -> Request:
    known, said = (one, other) if one.version else (other, one)
    evidence = reduce(_told, said.evidence, known.evidence)
    met = known.met if said.met is None else said.met if known.met is None else min(known.met, said.met)
    return replace(known, evidence=evidence, taken=max(one.taken, other.taken), met=met)


def _met(history: WorkloadHistory, arrived: int) -> WorkloadHistory:
    if not history.unmet or not _complete(history.state):
        return history
    requests = tuple(replace(each, met=arrived) if each.met is None else each for each in history.requests)
    return replace(history, requests=requests)


def _complete(state: WorkloadState) -> bool:
    """Whether the workload's controller says that there are as many pods of the latest template as are wanted."""
    enough = state.have >= state.wanted
    match state.kind:
        case "ReplicaSet":
            return state.observed >= state.generation and enough
        case "Job":
            return enough
        case "StatefulSet" | "DaemonSet":
            return state.observed >= state.generation and enough and state.updated >= state.wanted
        case "Deployment":
            return state.observed >= state.generation and state.have == state.updated >= state.wanted
        case _:
            return False


def before_pod(history: WorkloadHistory, pod: Window) -> Iterator[Request]:
    """The requests that may have led to a pod made then, oldest first: neither met before it nor made after it."""
    if pod.latest is not None and pod.latest < history.since:
        return
    for each in history.requests:
        after = each.window.earliest
        late = after is not None and pod.latest is not None and after > pod.latest
        met = each.met is not None and pod.earliest is not None and pod.earliest > each.met
        if not late and not met:
            yield each


def with_room(history: WorkloadHistory, pod: Window) -> Request | None:
    """The request of so many pods that led to this one: the oldest that still has room."""
    return next((each for each in before_pod(history, pod) if each.taken < each.high - each.low), None)


def took(history: WorkloadHistory, request: Request) -> WorkloadHistory:
    """What is known once a pod was found to be of that request."""
    requests = tuple(replace(each, taken=each.taken + 1) if each is request else each for each in history.requests)
    return replace(history, requests=requests)


def of_ordinal(history: WorkloadHistory, ordinal: int, revision: str, pod: Window) -> Request | None:
    """The latest request that led to a StatefulSet's pod of that ordinal and revision."""
    index, state = ordinal - history.state.first, history.state
    for each in reversed(tuple(before_pod(history, pod))):
        if each.why is Why.REVISION:
            fits = revision == state.revision and state.observed >= state.generation
        else:
            fits = each.low <= index < each.high
        if fits:
            return each
    return None


def of_node(history: WorkloadHistory, pod: Window) -> Request | None:
    """The latest request that led to a DaemonSet's pod."""
    return next(reversed(tuple(before_pod(history, pod))), None)


def origin(parent: WorkloadHistory, version: int) -> Request | None:
    """The latest request of a workload that its controller knew when it wrote ``version`` of what it controls."""
    known = [each for each in parent.requests if 0 < each.version < version]
    return known[-1] if known else None
