"""The one table that names every milestone and every phase; everything else derives from it.

To add a milestone, add a row: metrics, spans, API, CLI, dashboards and documentation follow.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What a milestone happens to: the pod, one of its containers, or its address in one EndpointSlice."""

    POD = "pod"
    CONTAINER = "container"
    ENDPOINT = "endpoint"


class Place(StrEnum):
    """Where the fact happens: in the API itself, or on a node that reports it later."""

    API = "api"
    NODE = "node"


class Milestone(StrEnum):
    """A named moment on a pod's way up or down, in causal order."""

    CREATED = "created"
    SCHEDULED = "scheduled"
    KUBELET_ACCEPTED = "kubelet_accepted"
    SANDBOX_READY = "sandbox_ready"
    IP_ASSIGNED = "ip_assigned"
    PULL_STARTED = "pull_started"
    PULLED = "pulled"
    CONTAINER_CREATED = "container_created"
    STARTED = "started"
    FINISHED = "finished"
    STARTED_PROBE_PASSED = "started_probe_passed"
    CONTAINER_READY = "container_ready"
    INITIALIZED = "initialized"
    CONTAINERS_READY = "containers_ready"
    READINESS_GATE = "readiness_gate"
    READY = "ready"
    ENDPOINT_READY = "endpoint_ready"
    DELETION_REQUESTED = "deletion_requested"
    OBJECT_REMOVED = "object_removed"


class Phase(StrEnum):
    """A named stretch of a pod's critical path; phases are disjoint and sum to the total."""

    SCHEDULING = "scheduling"
    KUBELET_ADMISSION = "kubelet_admission"
    SANDBOX = "sandbox"
    KUBELET_SYNC = "kubelet_sync"
    IMAGE_QUEUE = "image_queue"
    IMAGE_PULL = "image_pull"
    CONTAINER_CREATE = "container_create"
    CONTAINER_START = "container_start"
    INIT_RUN = "init_run"
    STARTUP_PROBE = "startup_probe"
    READINESS_PROBE = "readiness_probe"
    STATUS_REPORT = "status_report"
    READINESS_GATES = "readiness_gates"
    ENDPOINT = "endpoint"
    RUN = "run"
    TERMINATION = "termination"
    UNEXPLAINED = "unexplained"


class Mark(NamedTuple):
    """A milestone and what it happened to.

    ``subject`` is empty for the pod itself, a container's name, ``namespace/service/slice`` for an endpoint, and the
    condition type for a readiness gate.
    """

    milestone: Milestone
    subject: str = ""


@dataclass(frozen=True, slots=True)
class MilestoneRow:
    """What the table says of one milestone."""

    milestone: Milestone
    scope: Scope
    place: Place
    summary: str
    evidence: str


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """What the table says of one phase: a title for people, what the time is spent on, and what to try."""

    phase: Phase
    title: str
    summary: str
    advice: str


M, P, S = Milestone, Phase, Scope

MILESTONES: dict[Milestone, MilestoneRow] = {
    row.milestone: row
    for row in (
        MilestoneRow(M.CREATED, S.POD, Place.API, "accepted by the API server and stored in etcd",
                     "SuccessfulCreate event name, creationTimestamp, first watch delivery"),
        MilestoneRow(M.SCHEDULED, S.POD, Place.API, "bound to a node",
                     "Scheduled event's eventTime, watch of spec.nodeName, PodScheduled condition"),
        MilestoneRow(M.KUBELET_ACCEPTED, S.POD, Place.NODE, "admitted by the kubelet of its node",
                     "status.startTime, watch"),
        MilestoneRow(M.SANDBOX_READY, S.POD, Place.NODE, "volumes mounted, sandbox made, network attached",
                     "PodReadyToStartContainers condition, watch"),
        MilestoneRow(M.IP_ASSIGNED, S.POD, Place.NODE, "has its IP addresses",
                     "AddedInterface event, watch of status.podIPs, order"),
        MilestoneRow(M.PULL_STARTED, S.CONTAINER, Place.NODE, "kubelet announced the pull, its queue included",
                     "Pulling event name"),
        MilestoneRow(M.PULLED, S.CONTAINER, Place.NODE, "the kubelet has the image", "Pulled event name and message"),
        MilestoneRow(M.CONTAINER_CREATED, S.CONTAINER, Place.NODE, "container made", "Created event name"),
        MilestoneRow(M.STARTED, S.CONTAINER, Place.NODE, "container's process runs",
                     "Started event name, state.running.startedAt, watch"),
        MilestoneRow(M.FINISHED, S.CONTAINER, Place.NODE, "container's process ended for good",
                     "state.terminated.finishedAt, watch"),
        MilestoneRow(M.STARTED_PROBE_PASSED, S.CONTAINER, Place.NODE, "startup probe passed",
                     "watch of status.started"),
        MilestoneRow(M.CONTAINER_READY, S.CONTAINER, Place.NODE, "readiness probe passed", "watch of status.ready"),
        MilestoneRow(M.INITIALIZED, S.POD, Place.NODE, "all init containers done", "Initialized condition, watch"),
        MilestoneRow(M.CONTAINERS_READY, S.POD, Place.NODE, "all containers ready", "ContainersReady condition, watch"),
        MilestoneRow(M.READINESS_GATE, S.POD, Place.API, "readiness gate's condition became True",
                     "the gate's condition, watch"),
        MilestoneRow(M.READY, S.POD, Place.NODE, "first became Ready", "Ready condition, watch"),
        MilestoneRow(M.ENDPOINT_READY, S.ENDPOINT, Place.API, "ready address in an EndpointSlice",
                     "watch of the slice, its last-change-trigger-time"),
        MilestoneRow(M.DELETION_REQUESTED, S.POD, Place.API, "deletion asked for",
                     "watch, deletionTimestamp minus grace"),
        MilestoneRow(M.OBJECT_REMOVED, S.POD, Place.API, "object gone from the API", "watch, complete listing"),
    )
}  # fmt: skip

PHASES: dict[Phase, PhaseRow] = {
    row.phase: row
    for row in (
        PhaseRow(P.SCHEDULING, "scheduling", "waiting for the scheduler to bind the pod to a node",
                 "read the last FailedScheduling text: requests, taints, affinity or missing nodes"),
        PhaseRow(P.KUBELET_ADMISSION, "kubelet admission", "bound, waiting for the node's kubelet to take it up",
                 "look at the node's kubelet: it may be busy or cut off"),
        PhaseRow(P.SANDBOX, "sandbox", "volumes mounted, sandbox made, network attached",
                 "look for FailedMount and FailedCreatePodSandBox, and at the CNI plugin of this node"),
        PhaseRow(P.KUBELET_SYNC, "kubelet sync", "waiting for the kubelet's next step",
                 "the kubelet works through a pod's containers one by one: see how many pods start on this node"),
        PhaseRow(P.IMAGE_QUEUE, "image queue", "waiting behind other image pulls of the node",
                 "allow parallel pulls (serializeImagePulls: false, maxParallelImagePulls)"),
        PhaseRow(P.IMAGE_PULL, "image pull", "pulling the image",
                 "make the image smaller, pull it ahead of time, or move the registry closer"),
        PhaseRow(P.CONTAINER_CREATE, "container create", "container being made by the runtime",
                 "look at the container runtime and the disk of the node"),
        PhaseRow(P.CONTAINER_START, "container start", "container's process being started",
                 "look at the container runtime of the node and at postStart hooks"),
        PhaseRow(P.INIT_RUN, "init run", "an init container at work", "see what the init container waits for"),
        PhaseRow(P.STARTUP_PROBE, "startup probe", "started, startup probe not passed yet",
                 "see what the application does at start, and the probe's period"),
        PhaseRow(P.READINESS_PROBE, "readiness probe", "running, readiness probe not passed yet",
                 "see what the application waits for, and the probe's initialDelaySeconds and periodSeconds"),
        PhaseRow(P.STATUS_REPORT, "status report", "done on the node, not reported by the kubelet yet",
                 "look at the kubelet's load and its API rate limits"),
        PhaseRow(P.READINESS_GATES, "readiness gates", "containers ready, a readiness gate is not",
                 "look at the controller that sets the gate's condition"),
        PhaseRow(P.ENDPOINT, "endpoint", "ready, its address not in every EndpointSlice yet",
                 "look at the endpointslice controller and the Services that select the pod"),
        PhaseRow(P.RUN, "run", "running to completion without ever becoming ready",
                 "nothing to do for a Job; else see why readiness was never reported"),
        PhaseRow(P.TERMINATION, "termination", "deletion asked for, object still there",
                 "see preStop hooks, the grace period and finalizers"),
        PhaseRow(P.UNEXPLAINED, "unexplained", "milestones in between were not observed",
                 "events are best effort: see which milestones this timeline lists as missing"),
    )
}  # fmt: skip
