"""A pod's way to a node by its status and spec: the scheduler's words, gates, taints. Pure but for ``Gates``."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from podtimeline.analysis.phases.scheduling import FAILED_SCHEDULING, GATE_REMOVED
from podtimeline.kube.metav1 import Condition
from podtimeline.model.instants import SECOND, Evidence, Source, happened, just_after, not_before
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.nodes import UNTOLERATED, Taint, untolerated
from podtimeline.model.observations import Noted, Observation, Witnessed
from podtimeline.sources.pods.reading import Reading
from podtimeline.sources.pods.specs import binding, tolerations
from podtimeline.sources.pods.wire import Pod
from podtimeline.sources.texts import moment, second

GATED = "SchedulingGated"
PLACED = "potential placement"
"""In v1.37 an attempt that finds room by evicting others says so, though it has found none yet."""

_SCHEDULED = MilestoneKey(Milestone.SCHEDULED)
_GATES = MilestoneKey(Milestone.GATES_REMOVED)
_FIRST = MilestoneKey(Milestone.FIRST_UNSCHEDULABLE)
_PREEMPTION = MilestoneKey(Milestone.PREEMPTION)


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
    return not outcome or PLACED in outcome or "terminating pod on the nominated node" in outcome


class Gates:
    """Sees scheduling gates go. A version shows only those that are left: the ones before it are remembered here.

    After a restart the condition that the API server gave the pod at its creation says that it had gates.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, ...]] = {}

    def read(
        self, pod: Pod, *, arrived: int, live: bool, known: AbstractSet[MilestoneKey] | None
    ) -> Iterable[Observation]:
        """What this version says of the pod's gates; ``known`` as in ``pod_observations``, of a pod not bound yet.

        Raises ``MalformedObject``.
        """
        held = self._held.get(pod.metadata.uid)
        if held is None and (not _gated(pod) or (known is not None and _GATES in known)):
            return ()
        return self._changed(pod, held, arrived=arrived, live=live, new=known is None)

    def _changed(
        self, pod: Pod, held: tuple[str, ...] | None, *, arrived: int, live: bool, new: bool
    ) -> Iterator[Observation]:
        uid = pod.metadata.uid
        left = tuple(each.name for each in binding(pod).scheduling_gates or ())
        for gone in (each for each in held or () if each not in left):
            text = "still held by " + ", ".join(left) if left else "the last one"
            yield Noted(uid, GATE_REMOVED, gone, text, arrived)
        if left:
            self._held[uid] = left
            return
        self.forget(uid)
        if held is not None or not new:
            evidence = just_after(Source.WATCH, arrived, observed=arrived) if live else happened(arrived)
            yield Witnessed(uid, _GATES, (evidence,), ", ".join(held or ()), from_status=True)

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._held.pop(uid, None)

    def keep(self, uids: AbstractSet[str]) -> None:
        """Every pod but these is gone."""
        self._held = {uid: gates for uid, gates in self._held.items() if uid in uids}


class Tainted(Protocol):
    """Knows the taints of the watched nodes (``sources.nodes.NodeIndex``)."""

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
    conditions = pod.status.conditions
    return conditions is not None and any(each.type == "PodScheduled" and each.reason == GATED for each in conditions)
