"""Events about a pod that waits for a node: of the scheduler, of preemption, of autoscalers. Pure.

The texts are those of the scheduler (pkg/scheduler), the cluster-autoscaler (``EventingScaleUpStatusProcessor``),
Karpenter (``NominatePodEvent``, pkg/controllers/provisioning/scheduling) and YuniKorn (yunikorn-k8shim, pkg/cache).
"""

import re
from collections.abc import Callable, Iterator

from podtimeline.analysis.phases.scheduling import FAILED_SCHEDULING
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Blamed, Cause, Noted, Observation, Witnessed
from podtimeline.ports import PodReference
from podtimeline.sources.events.event import Event, attempts, pod_of, stamp
from podtimeline.sources.pods.scheduling import PLACED

KARPENTER_FAILED = "KarpenterFailedScheduling"
"""Karpenter says FailedScheduling as the scheduler does, of the nodes that it could make."""

_FIRST = Mark(Milestone.FIRST_UNSCHEDULABLE)
_LAST = Mark(Milestone.LAST_UNSCHEDULABLE)
_PREEMPTION = Mark(Milestone.PREEMPTION)
_SCALE_UP = Mark(Milestone.SCALE_UP_REQUESTED)
_DELETING = "skip schedule deleting pod"
_BY = re.compile(r"by (\w+) ([0-9a-f-]{36})")
_IN_MEMORY = "in kube-scheduler memory"
_NOMINATED = "Pod should schedule on: "
_ASKED_FOR = frozenset({"nodeclaim", "machine"})
"""What Karpenter calls a node that is to come: a ``machine`` from v0.28 to v0.31, a ``nodeclaim`` from v0.32 on."""
_TRIGGERED = "triggered scale-up: "


def waiting_observations(
    event: Event, *, arrived: int, name_of: Callable[[str], str | None] = lambda _: None
) -> Iterator[tuple[PodReference, list[Observation]]]:
    """What an Event of one of ``REASONS`` says, by the pod; a preemption tells of two pods.

    ``name_of`` tells ``namespace/name`` of the pod of a uid where that is known. Raises ``MalformedObject``.
    """
    if event.reason == _PREEMPTED:
        yield from _preempted(event, arrived, name_of)
        return
    said = list(_SAID[event.reason](event, arrived))
    if said:
        yield pod_of(event), said


def _failed(event: Event, arrived: int) -> Iterator[Observation]:
    uid = event.involved_object.uid
    if event.message.startswith(_DELETING):
        return
    first, last, count = attempts(event, arrived=arrived)
    at = first.claim
    if event.message.startswith("Failed to schedule pod"):
        yield Noted(uid, KARPENTER_FAILED, "", event.message, at, count)
        return
    yield Witnessed(uid, _FIRST, (first,))
    yield Witnessed(uid, _LAST, (last,))
    if PLACED in event.message:
        yield Witnessed(uid, _PREEMPTION, (first,))
    # A series keeps the words of its first attempt: they were said then.
    yield Noted(uid, FAILED_SCHEDULING, "", event.message, at, count)


def _preempted(
    event: Event, arrived: int, name_of: Callable[[str], str | None]
) -> Iterator[tuple[PodReference, list[Observation]]]:
    victim, told = event.involved_object, stamp(event, arrived=arrived)
    found = _BY.search(event.message)
    kind, uid = found.groups() if found else ("", "")
    by = _preemptor(event, uid)
    name = f"{by.namespace}/{by.name}" if by.name else name_of(uid)
    text = event.message.replace(uid, name) if uid and name else event.message
    said: list[Observation] = [Noted(victim.uid, event.reason, "", text, told.claim)]
    if _IN_MEMORY not in event.message:
        said.append(Blamed(victim.uid, Cause.PREEMPTION, text))
    yield pod_of(event), said
    if kind == "pod":
        yield by, [Witnessed(uid, _PREEMPTION, (told,), f"{victim.namespace}/{victim.name}")]


def _preemptor(event: Event, uid: str) -> PodReference:
    """Who preempts. In v1.37 nothing but the text names it: the scheduler's recorder does not know the type it gets."""
    by = event.related
    if by is not None and by.name:
        return PodReference(uid, by.namespace, by.name)
    return PodReference(uid, event.involved_object.namespace, "")


def _informed(event: Event, arrived: int) -> Iterator[Observation]:
    """YuniKorn has one reason for all that it says: only these words say that the pod cannot be bound."""
    if _UNABLE.match(event.message):
        yield from _failed(event, arrived)


_UNABLE = re.compile(r"Unschedulable request '|Request '[^']*' does not fit in queue ")
"""yunikorn-core, pkg/scheduler/objects: ``SendPredicatesFailed`` and ``SendRequestExceedsQueueHeadroom``."""


def _scaled_up(event: Event, arrived: int) -> Iterator[Observation]:
    _, _, group = event.message.partition(_TRIGGERED)
    yield Witnessed(event.involved_object.uid, _SCALE_UP, (stamp(event, arrived=arrived),), group or event.message)
    yield from _noted(event, arrived)


def _nominated(event: Event, arrived: int) -> Iterator[Observation]:
    where = event.message.removeprefix(_NOMINATED)
    kinds = {each.partition("/")[0] for each in where.split(", ")} if event.message.startswith(_NOMINATED) else set()
    # A node that is named is there already, or has registered meanwhile: by its age it is told from one that was made
    # for the pod (``tracking/nodes.py``).
    if kinds & _ASKED_FOR and "node" not in kinds:
        yield Witnessed(event.involved_object.uid, _SCALE_UP, (stamp(event, arrived=arrived),), where)
    yield from _noted(event, arrived)


def _noted(event: Event, arrived: int) -> Iterator[Observation]:
    first, last, count = attempts(event, arrived=arrived)
    yield Noted(event.involved_object.uid, event.reason, "", event.message, last.claim, count, first.claim)


_SAID = {
    FAILED_SCHEDULING: _failed,
    "TriggeredScaleUp": _scaled_up,
    "NotTriggerScaleUp": _noted,
    "Nominated": _nominated,
    "PodUnschedulable": _failed,
    "Informational": _informed,
}
_PREEMPTED = "Preempted"
REASONS = frozenset({*_SAID, _PREEMPTED})
"""The reasons of Events about a pod that waits for a node."""
