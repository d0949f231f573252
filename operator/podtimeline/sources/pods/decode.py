"""A pod as the API shows it, turned into the observations that are new. Pure.

Rules of evidence: a version that a live watch delivered says "not after its arrival"; one that was listed, or replayed
from a backlog (``live=False``), says so only by its own fields. Conditions can flap before anybody looked, so that a
listed one bounds the first True from above only. What happened on a node was reported later than it happened.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from podtimeline.kube.metav1 import Condition
from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import (
    ALL_RESTARTING,
    Described,
    Ended,
    Incident,
    IncidentKind,
    Observation,
    is_rejection,
)
from podtimeline.model.pods import ContainerKind
from podtimeline.model.timeline import LOST_READINESS
from podtimeline.sources.pods.containers import is_unknown, read_container
from podtimeline.sources.pods.deletion import read_departure
from podtimeline.sources.pods.reading import TERMINAL, Reading
from podtimeline.sources.pods.scheduling import read_scheduling
from podtimeline.sources.pods.specs import pod_facts, setter
from podtimeline.sources.pods.wire import ContainerStatus, Pod, PodStatus
from podtimeline.sources.texts import moment, second, stated_moment, until

_CREATED = MilestoneKey(Milestone.CREATED)
_SCHEDULED = MilestoneKey(Milestone.SCHEDULED)
_ACCEPTED = MilestoneKey(Milestone.KUBELET_ADMITTED)
_SANDBOX = MilestoneKey(Milestone.SANDBOX_READY)
_IP = MilestoneKey(Milestone.IP_ASSIGNED)
_READY = MilestoneKey(Milestone.READY)
_TERMINAL = MilestoneKey(Milestone.TERMINAL_PHASE)
_INITIALIZED = MilestoneKey(Milestone.INITIALIZED)
_CONDITIONS = {
    "Initialized": _INITIALIZED,
    "ContainersReady": MilestoneKey(Milestone.CONTAINERS_READY),
    "Ready": _READY,
}
_INIT, _MAIN = ContainerKind.INIT, ContainerKind.MAIN
_FIELD = Source.FIELD
_CONDITION = Source.CONDITION
_NOTHING: AbstractSet[MilestoneKey] = frozenset()


def pod_observations(
    pod: Pod, *, arrived: int, live: bool, known: AbstractSet[MilestoneKey] | None, removed: bool = False
) -> list[Observation]:
    """What this version of the pod says beyond ``known``, the marks already taken from its status.

    ``known=None`` means that the pod was not described yet. ``removed`` is for the last version, of a DELETED event.
    Raises ``MalformedObject``.
    """
    reading = Reading(pod, arrived=arrived, live=live, known=_NOTHING if known is None else known)
    if known is None:
        reading.said.append(Described(reading.uid, pod_facts(pod, reading.template)))
    _way_up(reading)
    status = pod.status
    for each in status.init_container_statuses or ():
        read_container(reading, each, _INIT)
    for each in status.container_statuses or ():
        read_container(reading, each, _MAIN)
    if pod.metadata.deletion_timestamp is not None or removed:
        read_departure(reading, removed=removed)
    if status.phase in TERMINAL:
        _ended(reading)
    return reading.said


def _way_up(reading: Reading) -> None:
    pod, known = reading.pod, reading.known
    status = pod.status
    if _CREATED not in known:
        reading.witness(_CREATED, second(_FIELD, pod.metadata.creation_timestamp, reading.arrived))
    if status.start_time is not None and _ACCEPTED not in known and not _never_admitted(status):
        reading.witness(_ACCEPTED, _accepted(pod, status.start_time, reading.arrived))
    scheduled, report = _conditions(reading, status.conditions or ())
    if _SCHEDULED not in known:
        read_scheduling(reading, scheduled)
    if _SANDBOX not in known or _IP not in known:
        _network(reading, report)


def _never_admitted(status: PodStatus) -> bool:
    """Whether startTime is no more than the stamp of a rejection: the status manager sets it with the first status.

    A kubelet that was restarted may have dropped reason and message of the rejection: what neither gives a reason for
    its failure nor has run anything was not admitted as far as is known.
    """
    if status.phase != "Failed":
        return False
    ran = any(_has_run(each) for each in (*(status.init_container_statuses or ()), *(status.container_statuses or ())))
    return not ran and (is_rejection(status.message) or not status.reason)


def _has_run(status: ContainerStatus) -> bool:
    for state in (status.state, status.last_state):
        died = None if state is None else state.terminated
        if state is not None and (state.running is not None or (died is not None and not is_unknown(died))):
            return True
    return False


def _accepted(pod: Pod, start: str, arrived: int) -> Evidence | None:
    within, annotations = second(_FIELD, start, arrived), pod.metadata.annotations
    noted = None if annotations is None or not annotations.mirror else stated_moment(annotations.seen)
    if within is None or within.earliest is None or noted is None:
        return within
    # The kubelet stamps a static pod when it sees its manifest, and takes it up at once.
    seen = max(noted, within.earliest)
    return within if within.latest is None or seen > within.latest else within._replace(at=seen, earliest=seen)


def _conditions(reading: Reading, conditions: Iterable[Condition]) -> tuple[Condition | None, Condition | None]:
    """Say what is new in the conditions; returns those of the scheduler and, where it is True, of the sandbox."""
    known, live, scheduled, sandbox = reading.known, reading.live, None, None
    for condition in conditions:
        kind = condition.type
        mark = _CONDITIONS.get(kind)
        if mark is not None:
            if mark in known:
                if mark is _READY:
                    _flapped(reading, condition)
            elif live and condition.status != "True":
                # It says nothing yet, as most conditions do most of the time.
                continue
            elif mark is not _INITIALIZED or not _never_admitted(reading.pod.status):
                _transition(reading, mark, condition)
        elif kind == "PodScheduled":
            scheduled = condition
        elif kind == "PodReadyToStartContainers":
            sandbox = condition if condition.status == "True" else None
        elif condition.status == "True":
            _other(reading, condition)
    return scheduled, sandbox


def _network(reading: Reading, report: Condition | None) -> None:
    # The condition only reports what was done before: a bound from above, for the sandbox and its address alike.
    bound = None if report is None else until(_CONDITION, report.last_transition_time, reading.arrived)
    if report is not None and _SANDBOX not in reading.known:
        reading.witness(_SANDBOX, bound)
    addresses = reading.pod.status.pod_ips
    if addresses and _IP not in reading.known:
        reading.witness(_IP, bound, ", ".join(f"{each.ip} ({_family(each.ip)})" for each in addresses))


def _family(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def _transition(reading: Reading, mark: MilestoneKey, condition: Condition, detail: str = "") -> None:
    true, since = condition.status == "True", condition.last_transition_time
    if reading.live:
        if true:
            reading.witness(mark, second(_CONDITION, since, reading.arrived), detail)
        return
    if true:
        reading.witness(mark, _first_true_until(reading, since), detail)
    elif _was_true(reading, since):
        reading.witness(mark, until(_CONDITION, since, reading.arrived))
    else:
        return
    if mark is _READY:
        # Since when is not known: what a listing shows of restarts may be of a time after it.
        reading.starting = False


_OVER = frozenset({"PodCompleted", "PodFailed"})
"""Reasons of a pod that has ended (pkg/kubelet/status/generate.go); its phase may follow by a later version."""


def _flapped(reading: Reading, condition: Condition) -> None:
    """Say that readiness was lost, or is back; what a deletion or the end of a pod brings about is neither."""
    pod, since = reading.pod, condition.last_transition_time
    over = pod.status.phase in TERMINAL or condition.reason in _OVER
    if since is None or pod.metadata.deletion_timestamp is not None or over:
        return
    if condition.status != "True":
        if not _was_true(reading, since):
            # A version from before it was ready, delivered once more.
            return
        words = ": ".join(each for each in (condition.reason, condition.message) if each)
        reading.said.append(Incident(reading.uid, IncidentKind.NOT_READY, moment(since), words))
    elif LOST_READINESS in reading.known:
        reading.said.append(Incident(reading.uid, IncidentKind.READY_AGAIN, moment(since)))


def _was_true(reading: Reading, since: str | None) -> bool:
    # The kubelet's first status sets startTime and the conditions at once: one that is not True now and turned so
    # later than that was True in between.
    start = reading.pod.status.start_time
    return since is not None and start is not None and moment(since) - moment(start) > SECOND


def _first_true_until(reading: Reading, since: str | None) -> Evidence | None:
    bound = until(_CONDITION, since, reading.arrived)
    statuses = reading.pod.status.container_statuses or ()
    if bound is None or bound.latest is None or any(each.restart_count for each in statuses):
        return bound
    # Nothing restarted: the likeliest first True is this one, though a flap cannot be excluded.
    return Evidence(bound.source, bound.latest - SECOND // 2, None, bound.latest, bound.observed)


def _other(reading: Reading, condition: Condition) -> None:
    """Say what another condition that is True means: a gate, or that all containers are started again."""
    if condition.type == ALL_RESTARTING:
        reading.note(condition.type, "", condition.message or condition.reason or "")
        return
    mark = MilestoneKey(Milestone.READINESS_GATE, condition.type)
    gates = reading.spec.readiness_gates
    if gates and mark not in reading.known and any(each.condition_type == condition.type for each in gates):
        _transition(reading, mark, condition, setter(reading.pod.metadata.managed_fields, condition.type))


def _ended(reading: Reading) -> None:
    status = reading.pod.status
    leaving = reading.pod.metadata.deletion_timestamp is not None and not status.reason
    if _TERMINAL not in reading.known:
        reading.witness(_TERMINAL, None, status.reason or status.phase)
    if status.phase == "Succeeded":
        reading.said.append(Ended(reading.uid, succeeded=True, leaving=leaving))
        return
    reason, text = status.reason, status.message
    for each in status.container_statuses or ():
        died = each.state.terminated if each.state is not None else None
        if not reason and died is not None and died.exit_code and not is_unknown(died):
            reason, text = died.reason, text or died.message or f"{each.name} exited with code {died.exit_code}"
    reading.said.append(Ended(reading.uid, succeeded=False, reason=reason, text=text, leaving=leaving))
