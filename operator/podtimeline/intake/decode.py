"""A pod as the API shows it, turned into the observations that are new. Pure.

Rules of evidence: a version that a live watch delivered says "not after its arrival"; one that was listed, or replayed
from a backlog (``live=False``), says so only by its own fields. Conditions can flap before anybody looked, so that a
listed one bounds the first True from above only. What happened on a node was reported later than it happened.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec

from podtimeline.core.instants import SECOND, Evidence, Source, happened, just_after, within_second
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import Described, Ended, Noted, Observation, Ran, Witnessed
from podtimeline.core.pods import ContainerKind, ContainerSpec, Owner, PodFacts, Probe, VolumeSpec
from podtimeline.errors import MalformedObject
from podtimeline.intake.texts import moment
from podtimeline.intake.wire import (
    Condition,
    Container,
    ContainerState,
    ContainerStatus,
    OwnerReference,
    Pod,
    PodSpec,
    PodSpecHead,
    ProbeTiming,
    Terminated,
    Volume,
)

_R = TypeVar("_R")
_CREATED = Mark(Milestone.CREATED)
_SCHEDULED = Mark(Milestone.SCHEDULED)
_ACCEPTED = Mark(Milestone.KUBELET_ACCEPTED)
_SANDBOX = Mark(Milestone.SANDBOX_READY)
_IP = Mark(Milestone.IP_ASSIGNED)
_DELETION = Mark(Milestone.DELETION_REQUESTED)
_REMOVED = Mark(Milestone.OBJECT_REMOVED)
_CONDITIONS = {
    "Initialized": Mark(Milestone.INITIALIZED),
    "ContainersReady": Mark(Milestone.CONTAINERS_READY),
    "Ready": Mark(Milestone.READY),
}
_FIELD = Source.FIELD
_CONDITION = Source.CONDITION
_FROM_STATUS = True
_UNTELLING = frozenset({"", "ContainerCreating", "PodInitializing"})
_NOTHING: AbstractSet[Mark] = frozenset()
_LABELS = msgspec.json.Decoder(dict[str, str] | None)
_SHARED = 4096
"""Distinct labels, owners and containers that are kept: the pods of one controller have them in common."""
_OWNERS = msgspec.json.Decoder(list[OwnerReference] | None)
_SPEC = msgspec.json.Decoder(PodSpec)
_BINDING = msgspec.json.Decoder(PodSpecHead)


class _Marks(NamedTuple):
    started: Mark
    finished: Mark
    passed: Mark
    ready: Mark


@lru_cache(maxsize=4096)
def _marks(container: str) -> _Marks:
    return _Marks(
        Mark(Milestone.STARTED, container),
        Mark(Milestone.FINISHED, container),
        Mark(Milestone.STARTED_PROBE_PASSED, container),
        Mark(Milestone.CONTAINER_READY, container),
    )


def pod_observations(
    pod: Pod, *, arrived: int, live: bool, known: AbstractSet[Mark] | None, removed: bool = False
) -> list[Observation]:
    """What this version of the pod says beyond ``known``, the marks already taken from its status.

    ``known=None`` means that the pod was not described yet. ``removed`` is for the last version, of a DELETED event.
    Raises ``MalformedObject``.
    """
    reading = _Reading(pod, arrived=arrived, live=live, known=_NOTHING if known is None else known)
    if known is None:
        reading.describe()
    reading.way_up()
    for kind, statuses in (
        (ContainerKind.INIT, pod.status.init_container_statuses),
        (ContainerKind.MAIN, pod.status.container_statuses),
    ):
        if statuses:
            for status in statuses:
                reading.container(status, kind)
    if pod.metadata.deletion_timestamp is not None or removed:
        reading.way_out(removed=removed)
    if pod.status.phase in _TERMINAL:
        reading.ended()
    return reading.said


_TERMINAL = frozenset({"Succeeded", "Failed"})


class _Reading:
    """One version of a pod being read."""

    __slots__ = ("_arrived", "_known", "_live", "_parsed", "_pod", "_seen", "_uid", "said")

    def __init__(self, pod: Pod, *, arrived: int, live: bool, known: AbstractSet[Mark]) -> None:
        self.said: list[Observation] = []
        self._pod = pod
        self._uid = pod.metadata.uid
        self._arrived = arrived
        self._live = live
        self._known = known
        self._parsed: PodSpec | None = None
        self._seen: Evidence | None = None
        """What the arrival says of everything that is new in a live version."""

    @property
    def _spec(self) -> PodSpec:
        if self._parsed is None:
            self._parsed = _raw(_SPEC, self._pod.spec, PodSpec())
        return self._parsed

    def describe(self) -> None:
        self.said.append(Described(self._uid, pod_facts(self._pod, self._spec)))

    def way_up(self) -> None:
        pod, known = self._pod, self._known
        status = pod.status
        if _CREATED not in known:
            self._witness(_CREATED, _second(_FIELD, pod.metadata.creation_timestamp, self._arrived))
        if status.start_time is not None and _ACCEPTED not in known:
            self._witness(_ACCEPTED, _second(_FIELD, status.start_time, self._arrived))
        scheduled = report = None
        for condition in status.conditions or ():
            kind = condition.type
            mark = _CONDITIONS.get(kind)
            if mark is not None:
                if mark not in known:
                    self._transition(mark, condition)
            elif kind == "PodScheduled":
                scheduled = condition
            elif kind == "PodReadyToStartContainers":
                report = condition if condition.status == "True" else None
            else:
                self._gate(condition)
        if _SCHEDULED not in known:
            self._scheduled(scheduled)
        if _SANDBOX not in known or _IP not in known:
            self._network(report)

    def _scheduled(self, condition: Condition | None) -> None:
        parsed = self._parsed
        node = (_raw(_BINDING, self._pod.spec, PodSpecHead()) if parsed is None else parsed).node_name
        if node:
            since = condition.last_transition_time if condition is not None and condition.status == "True" else None
            self._witness(_SCHEDULED, _second(_CONDITION, since, self._arrived), node)
        elif condition is not None and condition.status == "False" and condition.reason:
            self._note(condition.reason, "", condition.message or "")

    def _network(self, report: Condition | None) -> None:
        # The condition only reports what was done before: a bound from above, for the sandbox and its address alike.
        bound = None if report is None else _until(_CONDITION, report.last_transition_time, self._arrived)
        if report is not None and _SANDBOX not in self._known:
            self._witness(_SANDBOX, bound)
        addresses = self._pod.status.pod_ips
        if addresses and _IP not in self._known:
            self._witness(_IP, bound, ",".join(each.ip for each in addresses))

    def _transition(self, mark: Mark, condition: Condition) -> None:
        true, since = condition.status == "True", condition.last_transition_time
        if self._live:
            if true:
                self._witness(mark, _second(_CONDITION, since, self._arrived))
        elif true:
            self._witness(mark, self._first_true_until(since))
        elif self._was_true(since):
            self._witness(mark, _until(_CONDITION, since, self._arrived))

    def _was_true(self, since: str | None) -> bool:
        # The kubelet's first status sets startTime and the conditions at once: one that is not True now and turned so
        # later than that was True in between.
        start = self._pod.status.start_time
        return since is not None and start is not None and moment(since) - moment(start) > SECOND

    def _first_true_until(self, since: str | None) -> Evidence | None:
        bound = _until(_CONDITION, since, self._arrived)
        statuses = self._pod.status.container_statuses or ()
        if bound is None or bound.latest is None or any(each.restart_count for each in statuses):
            return bound
        # Nothing restarted: the likeliest first True is this one, though a flap cannot be excluded.
        return Evidence(bound.source, bound.latest - SECOND // 2, None, bound.latest, bound.observed)

    def _gate(self, condition: Condition) -> None:
        if condition.status != "True":
            return
        mark = Mark(Milestone.READINESS_GATE, condition.type)
        gates = self._spec.readiness_gates
        if gates and mark not in self._known and any(each.condition_type == condition.type for each in gates):
            self._transition(mark, condition)

    def container(self, status: ContainerStatus, kind: ContainerKind) -> None:
        marks, known, state = _marks(status.name), self._known, status.state
        if marks.started not in known:
            self._started(status, marks.started)
        if kind is ContainerKind.MAIN or self._is_sidecar(status.name):
            if status.started and marks.passed not in known:
                self._witness(marks.passed, None)
            if status.ready and marks.ready not in known:
                self._witness(marks.ready, None)
        if state is not None:
            if state.terminated is not None and marks.finished not in known:
                self._finished(state.terminated, kind, marks.finished)
            waiting = state.waiting
            if waiting is not None and waiting.reason not in _UNTELLING:
                self._note(waiting.reason, status.name, waiting.message)
        if status.restart_count or (state is not None and state.terminated is not None):
            self._runs(status)

    def _runs(self, status: ContainerStatus) -> None:
        state, last, run = status.state or ContainerState(), status.last_state, status.restart_count
        if state.terminated is not None:
            self._ran(status.name, run, state.terminated)
        elif state.running is not None:
            self.said.append(Ran(self._uid, status.name, run, _whole(state.running.started_at)))
        if last is not None and last.terminated is not None:
            # While a container waits to be started again, lastState is of run number restartCount, counted from 0.
            waiting = state.terminated is None and state.running is None
            self._ran(status.name, run if waiting else run - 1, last.terminated)

    def _ran(self, container: str, run: int, ended: Terminated) -> None:
        started, finished = _whole(ended.started_at), _whole(ended.finished_at)
        self.said.append(Ran(self._uid, container, max(run, 0), started, finished, ended.exit_code, ended.reason))

    def _is_sidecar(self, name: str) -> bool:
        return any(each.name == name and each.restart_policy == "Always" for each in self._spec.init_containers or ())

    def _started(self, status: ContainerStatus, mark: Mark) -> None:
        state, last = status.state, status.last_state
        run: int | None = None
        started_at: str | None = None
        if state is not None and (state.running is not None or state.terminated is not None):
            # The state is of run number restartCount, counted from 0; lastState is of the one before it.
            run = status.restart_count
            started_at = (state.running or state.terminated or Terminated()).started_at
        if run != 0 and last is not None and last.terminated is not None:
            run = status.restart_count if run is None else status.restart_count - 1
            started_at = last.terminated.started_at
        if run is None:
            return
        first = run == 0
        read = _stamped_after if first else _until
        self._witness(mark, read(_FIELD, started_at, self._arrived))

    def _finished(self, ended: Terminated, kind: ContainerKind, mark: Mark) -> None:
        name, phase = mark.subject, self._pod.status.phase
        if kind is ContainerKind.INIT and not self._is_sidecar(name):
            for_good = ended.exit_code == 0
        else:
            leaving = self._pod.metadata.deletion_timestamp is not None
            for_good = leaving or phase in _TERMINAL or (ended.exit_code == 0 and self._spec.restart_policy != "Always")
        if for_good:
            self._witness(mark, _second(_FIELD, ended.finished_at, self._arrived))

    def way_out(self, *, removed: bool) -> None:
        metadata = self._pod.metadata
        if _DELETION not in self._known:
            asked = None
            if metadata.deletion_timestamp is not None:
                # registry/rest.BeforeDelete keeps the moment of the request when the grace is shortened later.
                grace = metadata.deletion_grace_period_seconds
                asked = None if grace is None else moment(metadata.deletion_timestamp) - grace * SECOND
            evidence = None if asked is None else within_second(_FIELD, asked, observed=self._arrived)
            self._witness(_DELETION, evidence)
        if removed and _REMOVED not in self._known:
            self._witness(_REMOVED, None)

    def ended(self) -> None:
        status = self._pod.status
        if status.phase == "Succeeded":
            self.said.append(Ended(self._uid, succeeded=True))
            return
        reason, text = status.reason, status.message
        for each in status.container_statuses or ():
            died = each.state.terminated if each.state is not None else None
            if not reason and died is not None and died.exit_code:
                reason, text = died.reason, text or died.message or f"{each.name} exited with code {died.exit_code}"
        self.said.append(Ended(self._uid, succeeded=False, reason=reason, text=text))

    def _note(self, reason: str, subject: str, text: str) -> None:
        self.said.append(Noted(self._uid, reason, subject, text, self._arrived))

    def _witness(self, mark: Mark, stated: Evidence | None, detail: str = "") -> None:
        evidence: tuple[Evidence, ...]
        if self._live:
            seen = self._seen
            if seen is None:
                seen = self._seen = _arrival(self._arrived)
            evidence = (seen,) if stated is None else (stated, seen)
        else:
            evidence = (happened(self._arrived) if stated is None else stated,)
        self.said.append(Witnessed(self._uid, mark, evidence, detail, _FROM_STATUS))


@lru_cache(maxsize=1)
def _arrival(arrived: int) -> Evidence:
    """What one read brought has one arrival, and shares the evidence of it."""
    return just_after(Source.WATCH, arrived, observed=arrived)


def _second(source: Source, stamp: str | None, arrived: int) -> Evidence | None:
    if stamp is None:
        return None
    second = moment(stamp)
    return Evidence(source, None, second, second + SECOND - 1, arrived)


def _until(source: Source, stamp: str | None, arrived: int) -> Evidence | None:
    return None if stamp is None else Evidence(source, None, None, moment(stamp) + SECOND - 1, arrived)


def _stamped_after(source: Source, stamp: str | None, arrived: int) -> Evidence | None:
    """Read startedAt, which the runtime stamps once the process runs (containerd's ``container_start.go``).

    Measured: of 96 starts two lay in the second before their startedAt, so that it is no lower bound by itself; that
    the stamp is a second late at most is all that is taken for granted.
    """
    if stamp is None:
        return None
    second = moment(stamp)
    return Evidence(source, second + SECOND // 2, second - SECOND, second + SECOND - 1, arrived)


def _whole(stamp: str | None) -> int | None:
    return None if stamp is None else moment(stamp)


def _raw(decoder: "msgspec.json.Decoder[_R]", raw: bytes | msgspec.Raw, absent: "_R") -> "_R":
    try:
        return decoder.decode(raw) if raw else absent
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedObject(str(error)) from error


def pod_facts(pod: Pod, spec: PodSpec) -> PodFacts:
    """Identity and spec of the pod. Raises ``MalformedObject`` where what identifies it is missing."""
    metadata = pod.metadata
    if not metadata.uid or metadata.creation_timestamp is None:
        raise MalformedObject("a pod without uid or creationTimestamp")
    owner = _owner(bytes(metadata.owner_references))
    containers = (
        *(_container(each, _init_kind(each)) for each in spec.init_containers or ()),
        *(_container(each, ContainerKind.MAIN) for each in spec.containers or ()),
    )
    if len({each.name for each in containers}) < len(containers):
        raise MalformedObject("a pod with two containers of one name")
    return PodFacts(
        uid=metadata.uid,
        namespace=metadata.namespace,
        name=metadata.name,
        created_second=moment(metadata.creation_timestamp),
        owner=owner,
        containers=containers,
        labels=_labels(bytes(metadata.labels)),
        readiness_gates=tuple(each.condition_type for each in spec.readiness_gates or ()),
        host_network=bool(spec.host_network),
        mirror=metadata.annotations is not None and metadata.annotations.mirror is not None,
        volumes=tuple(_volumes(pod, spec.volumes)),
        scheduling_gates=tuple(each.name for each in spec.scheduling_gates or ()),
        priority=spec.priority,
        run_to_completion=spec.restart_policy != "Always" or (owner is not None and owner.kind == "Job"),
    )


@lru_cache(maxsize=_SHARED)
def _owner(references: bytes) -> Owner | None:
    return controller(_raw(_OWNERS, references, None))


@lru_cache(maxsize=_SHARED)
def _labels(labels: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((_raw(_LABELS, labels, None) or {}).items()))


def controller(references: list[OwnerReference] | None) -> Owner | None:
    """The controller among owner references: at most one has ``controller: true``."""
    for each in references or ():
        if each.controller:
            return Owner(each.kind, each.name, each.uid)
    return None


def _init_kind(container: Container) -> ContainerKind:
    return ContainerKind.SIDECAR if container.restart_policy == "Always" else ContainerKind.INIT


def _container(container: Container, kind: ContainerKind) -> ContainerSpec:
    hooks = container.lifecycle
    return _shared(
        container.name,
        kind,
        container.image,
        _probe(container.startup_probe),
        _probe(container.readiness_probe),
        container.image_pull_policy,
        hooks is not None and hooks.post_start is not None,
        hooks is not None and hooks.pre_stop is not None,
    )


def _probe(timing: ProbeTiming | None) -> Probe | None:
    if timing is None:
        return None
    return Probe(timing.initial_delay_seconds, timing.period_seconds, timing.failure_threshold)


_SOURCES = ("config_map", "secret", "csi", "nfs", "image")


def _volumes(facts: Pod, volumes: list[Volume] | None) -> Iterator[VolumeSpec]:
    for each in volumes or ():
        if each.persistent_volume_claim is not None:
            yield VolumeSpec(each.name, "persistentVolumeClaim", each.persistent_volume_claim.claim_name)
        elif each.ephemeral is not None:
            # The claim of an ephemeral volume is named after its pod (component-helpers, ephemeral.VolumeClaimName).
            yield VolumeSpec(each.name, "ephemeral", f"{facts.metadata.name}-{each.name}")
        else:
            source = next((name for name in _SOURCES if getattr(each, name) is not None), None)
            if source is not None:
                yield VolumeSpec(each.name, "configMap" if source == "config_map" else source)


_shared = lru_cache(maxsize=_SHARED)(ContainerSpec)
