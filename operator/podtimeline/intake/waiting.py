"""What a pod waits for before it is bound: the scheduler, gates, victims, new nodes. Pure but for ``Gates``.

The texts are those of the scheduler (pkg/scheduler), the cluster-autoscaler (``EventingScaleUpStatusProcessor``),
Karpenter (``NominatePodEvent``, pkg/controllers/provisioning/scheduling) and YuniKorn (yunikorn-k8shim, pkg/cache).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from podtimeline.analysis.phases.scheduling import FAILED_SCHEDULING, GATE_REMOVED
from podtimeline.intake.attempts import attempts
from podtimeline.intake.reading import Reading, second
from podtimeline.intake.references import pod_of
from podtimeline.intake.specs import binding, tolerations
from podtimeline.intake.stamps import stamp
from podtimeline.intake.texts import moment
from podtimeline.intake.wire import Condition, Event, Pod
from podtimeline.model.instants import SECOND, Evidence, Source, happened, just_after, not_before
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.nodes import UNTOLERATED, Taint, untolerated
from podtimeline.model.observations import Blamed, Cause, Noted, Observation, Witnessed
from podtimeline.ports import PodReference

GATED = "SchedulingGated"
KARPENTER_FAILED = "KarpenterFailedScheduling"
"""Karpenter says FailedScheduling as the scheduler does, of the nodes that it could make."""

_SCHEDULED = Mark(Milestone.SCHEDULED)
_GATES = Mark(Milestone.GATES_REMOVED)
_FIRST = Mark(Milestone.FIRST_UNSCHEDULABLE)
_LAST = Mark(Milestone.LAST_UNSCHEDULABLE)
_PREEMPTION = Mark(Milestone.PREEMPTION)
_SCALE_UP = Mark(Milestone.SCALE_UP_REQUESTED)


def read_scheduling(reading: Reading, condition: Condition | None) -> None:
    """What a version of a pod, and its PodScheduled condition, say of its way to a node."""
    node = reading.node_name
    if node:
        since = condition.last_transition_time if condition is not None and condition.status == "True" else None
        reading.witness(_SCHEDULED, second(Source.CONDITION, since, reading.arrived), node)
    elif condition is not None and condition.status == "False" and condition.reason:
        text = condition.message or condition.reason
        if condition.reason == GATED:
            reading.note(condition.reason, "", condition.message or "")
            return
        # Whatever else the reason is, a scheduler looked at the pod and did not bind it: beside Unschedulable and
        # SchedulerError (corev1) there are Undetermined and Schedulable of Volcano (pkg/scheduler/api), and
        # SchedulingSkipped of YuniKorn (yunikorn-k8shim, pkg/cache/context.go).
        # The Event keeps the words of the first attempt for minutes (client-go, tools/events): here are the latest.
        reading.note(FAILED_SCHEDULING, "", text)
        if _FIRST not in reading.known:
            reading.witness(_FIRST, _refused_since(reading, condition.last_transition_time))
        if _PREEMPTION not in reading.known and reading.pod.status.nominated_node_name and _evicts(text):
            reading.witness(_PREEMPTION, None)


def _refused_since(reading: Reading, since: str | None) -> Evidence | None:
    created = reading.pod.metadata.creation_timestamp
    if since is None or created is None:
        return None
    if moment(since) - moment(created) > SECOND:
        return second(Source.CONDITION, since, reading.arrived)
    # The condition of a pod with gates is False from its creation on (pkg/registry/core/pod/strategy.go).
    return not_before(Source.CONDITION, moment(since), observed=reading.arrived)


def _evicts(text: str) -> bool:
    """Whether the node is nominated as others are evicted from it: v1.34 then says nothing of preemption, v1.37 where.

    Others may nominate too (KEP-5278), and the scheduler itself while it binds.
    """
    _, _, outcome = text.partition("preemption: ")
    return not outcome or _PLACED in outcome or "terminating pod on the nominated node" in outcome


class Gates:
    """Sees scheduling gates go. A version shows only those that are left: the ones before it are remembered here.

    After a restart the condition that the API server gave the pod at its creation says that it had gates.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, ...]] = {}

    def read(self, pod: Pod, *, arrived: int, live: bool, known: AbstractSet[Mark] | None) -> Iterator[Observation]:
        """What this version says of the pod's gates; ``known`` as in ``pod_observations``, of a pod not bound yet.

        Raises ``MalformedObject``.
        """
        uid = pod.metadata.uid
        held = self._held.get(uid)
        if held is None and (not _gated(pod) or (known is not None and _GATES in known)):
            return
        left = tuple(each.name for each in binding(pod).scheduling_gates or ())
        for gone in (each for each in held or () if each not in left):
            text = "still held by " + ", ".join(left) if left else "the last one"
            yield Noted(uid, GATE_REMOVED, gone, text, arrived)
        if left:
            self._held[uid] = left
            return
        self.forget(uid)
        if held is not None or known is not None:
            evidence = just_after(Source.WATCH, arrived, observed=arrived) if live else happened(arrived)
            yield Witnessed(uid, _GATES, (evidence,), ", ".join(held or ()), from_status=True)

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._held.pop(uid, None)

    def keep(self, uids: AbstractSet[str]) -> None:
        """Every pod but these is gone."""
        self._held = {uid: gates for uid, gates in self._held.items() if uid in uids}


class Tainted(Protocol):
    """Knows the taints of the watched nodes (``nodes.NodeIndex``)."""

    @property
    def taints(self) -> Mapping[tuple[Taint, ...], int]:
        """How many nodes have these taints, for each combination that nodes have."""
        ...


_NO_KEY = "untolerated taint(s)"
"""All that kube-scheduler says of taints from v1.34 on (plugin TaintToleration)."""


def read_taints(pod: Pod, nodes: Tainted, *, arrived: int) -> Iterator[Observation]:
    """What taints of the watched nodes keep a pod out, where the scheduler names none. Raises ``MalformedObject``."""
    for each in pod.status.conditions or ():
        if each.type == "PodScheduled" and each.status == "False" and _NO_KEY in (each.message or ""):
            found = untolerated(nodes.taints, tolerations(pod))
            if found:
                yield Noted(pod.metadata.uid, UNTOLERATED, "", found, arrived)


def _gated(pod: Pod) -> bool:
    return any(each.type == "PodScheduled" and each.reason == GATED for each in pod.status.conditions or ())


_PLACED = "potential placement"
"""In v1.37 an attempt that finds room by evicting others says so, though it has found none yet."""
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
    if _PLACED in event.message:
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
