"""The one table that names every milestone and every phase; everything else derives from it.

To add a milestone, add a row: metrics, API, CLI, dashboards and documentation follow.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What a milestone happens to: the pod, one of its containers or volumes, or its address in one EndpointSlice."""

    POD = "pod"
    CONTAINER = "container"
    VOLUME = "volume"
    ENDPOINT = "endpoint"


class Place(StrEnum):
    """Where the fact happens: in the API itself, or on a node that reports it later, by the node's own clock."""

    API = "api"
    NODE = "node"


class Occurrence(StrEnum):
    """Which of several occurrences of one fact the milestone is."""

    FIRST = "first"
    LAST = "last"
    """The latest of attempts that fail, up to the one that succeeds."""


class Leg(StrEnum):
    """The three parts of a pod's way; the phases of each lie end to end and sum exactly to its length."""

    REQUEST = "request"
    """From its owner's request for it to its creation."""
    STARTUP = "startup"
    """From its creation to its readiness and its last endpoint."""
    TERMINATION = "termination"
    """From the request to delete it to the removal of the object."""


class Milestone(StrEnum):
    """A named moment on a pod's way up or down, in causal order."""

    ROLLOUT_STARTED = "rollout_started"
    OWNER_CREATED = "owner_created"
    PREDECESSOR_READY = "predecessor_ready"
    PREDECESSOR_REMOVED = "predecessor_removed"
    CREATED = "created"
    GATES_REMOVED = "gates_removed"
    FIRST_UNSCHEDULABLE = "first_unschedulable"
    PREEMPTION = "preemption"
    SCALE_UP_REQUESTED = "scale_up_requested"
    NODE_CREATED = "node_created"
    NODE_READY = "node_ready"
    PROVISIONING_STARTED = "provisioning_started"
    CLAIM_BOUND = "claim_bound"
    LAST_UNSCHEDULABLE = "last_unschedulable"
    SCHEDULED = "scheduled"
    KUBELET_ADMITTED = "kubelet_admitted"
    ATTACH_STARTED = "attach_started"
    ATTACHED = "attached"
    IN_USE = "in_use"
    LAST_MOUNT_FAILURE = "last_mount_failure"
    MOUNTED = "mounted"
    LAST_SANDBOX_FAILURE = "last_sandbox_failure"
    SANDBOX_READY = "sandbox_ready"
    IP_ASSIGNED = "ip_assigned"
    PULL_STARTED = "pull_started"
    LAST_PULL_FAILURE = "last_pull_failure"
    PULLED = "pulled"
    CONTAINER_CREATED = "container_created"
    STARTED = "started"
    LAST_STARTED = "last_started"
    FINISHED = "finished"
    STARTUP_PROBE_PASSED = "startup_probe_passed"
    CONTAINER_READY = "container_ready"
    INITIALIZED = "initialized"
    CONTAINERS_READY = "containers_ready"
    READINESS_GATE = "readiness_gate"
    READY = "ready"
    TERMINAL_PHASE = "terminal_phase"
    ENDPOINT_READY = "endpoint_ready"
    DELETION_REQUESTED = "deletion_requested"
    ENDPOINT_TERMINATING = "endpoint_terminating"
    ENDPOINT_REMOVED = "endpoint_removed"
    KILLING = "killing"
    RELEASED = "released"
    OBJECT_REMOVED = "object_removed"
    UNUSED = "unused"
    DETACHED = "detached"


class Phase(StrEnum):
    """A named stretch of a pod's critical path; phases are disjoint and sum to the total of their leg."""

    OWNER_CONTROLLER = "owner_controller"
    PREDECESSOR = "predecessor"
    REPLACEMENT = "replacement"
    POD_CREATION = "pod_creation"
    SCHEDULING_GATES = "scheduling_gates"
    SCHEDULING = "scheduling"
    UNSCHEDULABLE = "unschedulable"
    PREEMPTION = "preemption"
    NODE_PROVISIONING = "node_provisioning"
    NODE_START = "node_start"
    VOLUME_PROVISIONING = "volume_provisioning"
    SCHEDULING_RETRY = "scheduling_retry"
    KUBELET_ADMISSION = "kubelet_admission"
    VOLUME_ATTACH = "volume_attach"
    VOLUME_REPORT = "volume_report"
    VOLUME_MOUNT = "volume_mount"
    SANDBOX_RETRIES = "sandbox_retries"
    SANDBOX = "sandbox"
    KUBELET_SYNC = "kubelet_sync"
    IMAGE_QUEUE = "image_queue"
    IMAGE_BACKOFF = "image_backoff"
    IMAGE_PULL = "image_pull"
    CONTAINER_CREATE = "container_create"
    CONTAINER_START = "container_start"
    PULL_TO_START = "pull_to_start"
    CRASH_LOOP = "crash_loop"
    INIT_RUN = "init_run"
    POST_START = "post_start"
    STARTUP_PROBE = "startup_probe"
    READINESS_PROBE = "readiness_probe"
    STATUS_REPORT = "status_report"
    READINESS_GATES = "readiness_gates"
    ENDPOINT = "endpoint"
    RUN = "run"
    TERMINATION_PENDING = "termination_pending"
    CONTAINER_STOP = "container_stop"
    CLEANUP = "cleanup"
    FINALIZERS = "finalizers"
    ENDPOINT_DRAIN = "endpoint_drain"
    VOLUME_DETACH = "volume_detach"
    UNEXPLAINED = "unexplained"


class MilestoneKey(NamedTuple):
    """A milestone and what it happened to.

    ``subject`` is empty for the pod itself, a container's name, a volume's name in the pod's spec, ``volume NAME`` for
    the image that a volume of that name is made of (``pods.image_volume``; no container's name has a space),
    ``namespace/service/slice`` for an endpoint, and the condition type for a readiness gate.
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
    occurrence: Occurrence = Occurrence.FIRST
    gathers: bool = False
    """Whether several pieces of evidence name one thing each, so that the detail is all of their names."""


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """What the table says of one phase: a title for people, what the time is spent on, and what to try.

    A phase that is ``parallel`` runs in parallel to the critical path and is never part of a sum.
    """

    phase: Phase
    leg: Leg
    title: str
    summary: str
    advice: str
    parallel: bool = False


M, P, S = Milestone, Phase, Scope
_UP, _REQUEST, _DOWN = Leg.STARTUP, Leg.REQUEST, Leg.TERMINATION
_LAST = Occurrence.LAST

MILESTONES: dict[Milestone, MilestoneRow] = {
    row.milestone: row
    for row in (
        MilestoneRow(M.ROLLOUT_STARTED, S.POD, Place.API, "its workload requested this revision, or more replicas",
                     "ScalingReplicaSet event name, watch of the workload, its creationTimestamp, CronJob's schedule"),
        MilestoneRow(M.OWNER_CREATED, S.POD, Place.API, "its controller (ReplicaSet, Job…) was created",
                     "creationTimestamp of the controller, its first watch delivery"),
        MilestoneRow(M.PREDECESSOR_READY, S.POD, Place.API,
                     "the previous pod of its StatefulSet became ready, or available",
                     "the ready milestone of that pod"),
        MilestoneRow(M.PREDECESSOR_REMOVED, S.POD, Place.API, "the pod whose name or node it takes over was removed",
                     "the object_removed milestone of that pod; for a DaemonSet, the end of its containers"),
        MilestoneRow(M.CREATED, S.POD, Place.API, "accepted by the API server and stored in etcd",
                     "SuccessfulCreate event name, creationTimestamp, first watch delivery"),
        MilestoneRow(M.GATES_REMOVED, S.POD, Place.API, "its last scheduling gate was removed",
                     "watch of spec.schedulingGates"),
        MilestoneRow(M.FIRST_UNSCHEDULABLE, S.POD, Place.API, "the scheduler found no node for the first time",
                     "FailedScheduling event's eventTime, PodScheduled condition"),
        MilestoneRow(M.PREEMPTION, S.POD, Place.API, "the scheduler chose pods to evict in its favor",
                     "Preempted events of the victims, watch of status.nominatedNodeName", gathers=True),
        MilestoneRow(M.SCALE_UP_REQUESTED, S.POD, Place.API, "a new node was requested for it",
                     "TriggeredScaleUp or Nominated event"),
        MilestoneRow(M.NODE_CREATED, S.POD, Place.API, "its node registered, if the pod waited for a new one",
                     "the node's creationTimestamp, watch"),
        MilestoneRow(M.NODE_READY, S.POD, Place.NODE, "that node became Ready for the first time",
                     "the node's Ready condition, watch"),
        MilestoneRow(M.PROVISIONING_STARTED, S.VOLUME, Place.API, "provisioning of the claim's volume started",
                     "Provisioning or ExternalProvisioning event of the claim, watch of its selected-node"),
        MilestoneRow(M.CLAIM_BOUND, S.VOLUME, Place.API, "the claim was bound to a volume",
                     "watch of the claim's status.phase"),
        MilestoneRow(M.LAST_UNSCHEDULABLE, S.POD, Place.API, "the last scheduling attempt that found no node",
                     "FailedScheduling event and its series", _LAST),
        MilestoneRow(M.SCHEDULED, S.POD, Place.API, "bound to a node",
                     "Scheduled event's eventTime, watch of spec.nodeName, PodScheduled condition"),
        MilestoneRow(M.KUBELET_ADMITTED, S.POD, Place.NODE, "admitted by the kubelet of its node",
                     "status.startTime, watch"),
        MilestoneRow(M.ATTACH_STARTED, S.VOLUME, Place.API, "attaching the volume to the node was requested",
                     "creationTimestamp of the VolumeAttachment, its first watch delivery"),
        MilestoneRow(M.ATTACHED, S.VOLUME, Place.API, "the volume was attached to the node",
                     "SuccessfulAttachVolume event name, watch of the VolumeAttachment"),
        MilestoneRow(M.IN_USE, S.VOLUME, Place.API, "the kubelet reported that it needs the volume",
                     "watch of the node's status.volumesInUse"),
        MilestoneRow(M.LAST_MOUNT_FAILURE, S.POD, Place.NODE, "the last failed attempt to mount a volume",
                     "FailedMount and FailedMapVolume events", _LAST),
        MilestoneRow(M.MOUNTED, S.POD, Place.NODE, "all its volumes were mounted",
                     "order: after attached, SuccessfulMountVolume and the last failure; before the sandbox"),
        MilestoneRow(M.LAST_SANDBOX_FAILURE, S.POD, Place.NODE, "the last failed attempt to create the sandbox",
                     "FailedCreatePodSandBox events", _LAST),
        MilestoneRow(M.SANDBOX_READY, S.POD, Place.NODE, "volumes mounted, sandbox created, network attached",
                     "PodReadyToStartContainers condition, watch"),
        MilestoneRow(M.IP_ASSIGNED, S.POD, Place.NODE, "was assigned its IP addresses",
                     "AddedInterface event, watch of status.podIPs, order"),
        MilestoneRow(M.PULL_STARTED, S.CONTAINER, Place.NODE,
                     "the kubelet queued or started to pull the image of a container or volume",
                     "Pulling event name"),
        MilestoneRow(M.LAST_PULL_FAILURE, S.CONTAINER, Place.NODE, "the last failed attempt to get the image",
                     "Failed event of a pull, ErrImageNeverPull and InspectFailed events, waiting reason", _LAST),
        MilestoneRow(M.PULLED, S.CONTAINER, Place.NODE, "the kubelet had the image", "Pulled event name and message"),
        MilestoneRow(M.CONTAINER_CREATED, S.CONTAINER, Place.NODE, "the container was created", "Created event name"),
        MilestoneRow(M.STARTED, S.CONTAINER, Place.NODE, "the container's process started",
                     "Started event name, state.running.startedAt, watch"),
        MilestoneRow(M.LAST_STARTED, S.CONTAINER, Place.NODE,
                     "the run that became ready started, after earlier runs ended",
                     "state.running.startedAt of a restarted container", _LAST),
        MilestoneRow(M.FINISHED, S.CONTAINER, Place.NODE, "the container's process ended for good",
                     "state.terminated.finishedAt, watch"),
        MilestoneRow(M.STARTUP_PROBE_PASSED, S.CONTAINER, Place.NODE, "the startup probe passed",
                     "watch of status.started"),
        MilestoneRow(M.CONTAINER_READY, S.CONTAINER, Place.NODE, "the readiness probe passed", "watch of status.ready"),
        MilestoneRow(M.INITIALIZED, S.POD, Place.NODE, "all init containers completed", "Initialized condition, watch"),
        MilestoneRow(M.CONTAINERS_READY, S.POD, Place.NODE, "all containers became ready",
                     "ContainersReady condition, watch"),
        MilestoneRow(M.READINESS_GATE, S.POD, Place.API, "the condition of a readiness gate became True",
                     "the gate's condition, watch; managedFields show who set it"),
        MilestoneRow(M.READY, S.POD, Place.NODE, "became Ready for the first time", "Ready condition, watch"),
        MilestoneRow(M.TERMINAL_PHASE, S.POD, Place.NODE, "its phase became Succeeded or Failed, which is final",
                     "watch of status.phase; for a rejected pod also the kubelet's event"),
        MilestoneRow(M.ENDPOINT_READY, S.ENDPOINT, Place.API, "its address became ready in an EndpointSlice",
                     "watch of the slice, its last-change-trigger-time"),
        MilestoneRow(M.DELETION_REQUESTED, S.POD, Place.API, "its deletion was requested",
                     "watch, deletionTimestamp minus the grace period"),
        MilestoneRow(M.ENDPOINT_TERMINATING, S.ENDPOINT, Place.API,
                     "its address was no longer ready in an EndpointSlice",
                     "watch of the slice, time of its last write (1 s)", _LAST),
        MilestoneRow(M.ENDPOINT_REMOVED, S.ENDPOINT, Place.API, "its address was removed from an EndpointSlice",
                     "watch of the slice, time of its last write (1 s)", _LAST),
        MilestoneRow(M.KILLING, S.CONTAINER, Place.NODE, "the kubelet began to stop the container, preStop hook first",
                     "Killing event name", _LAST),
        MilestoneRow(M.RELEASED, S.POD, Place.API, "only finalizers still held the object",
                     "a grace period of 0 on a pod with finalizers, its deletionTimestamp"),
        MilestoneRow(M.OBJECT_REMOVED, S.POD, Place.API, "the object was removed from the API",
                     "watch, complete listing"),
        MilestoneRow(M.UNUSED, S.VOLUME, Place.API, "the kubelet reported that it no longer needs the volume",
                     "watch of the node's status.volumesInUse"),
        MilestoneRow(M.DETACHED, S.VOLUME, Place.API, "the volume was detached from the node",
                     "watch of the VolumeAttachment's deletion"),
    )
}  # fmt: skip

PHASES: dict[Phase, PhaseRow] = {
    row.phase: row
    for row in (
        PhaseRow(P.OWNER_CONTROLLER, _REQUEST, "owner's controller",
                 "waiting for the workload's controller to create the pod's owner",
                 "check the kube-controller-manager, or the controller of a custom workload"),
        PhaseRow(P.PREDECESSOR, _REQUEST, "predecessor",
                 "waiting until the previous pod of the StatefulSet is available",
                 "find out why that pod takes long, or set podManagementPolicy: Parallel"),
        PhaseRow(P.REPLACEMENT, _REQUEST, "replacement",
                 "waiting until the pod whose name or node it takes over is gone",
                 "check the termination of that pod"),
        PhaseRow(P.POD_CREATION, _REQUEST, "pod creation",
                 "the owner exists, its controller has not created the pod yet",
                 "check for FailedCreate events (quota, admission), surge limits and the kube-controller-manager"),
        PhaseRow(P.SCHEDULING_GATES, _UP, "scheduling gates", "held back by scheduling gates",
                 "check the controllers that remove the gates in spec.schedulingGates"),
        PhaseRow(P.SCHEDULING, _UP, "scheduling", "waiting for the scheduler's first decision",
                 "check the scheduler's load and queue"),
        PhaseRow(P.UNSCHEDULABLE, _UP, "unschedulable", "the scheduler finds no suitable node",
                 "read the last FailedScheduling message: requests, taints, affinity or missing nodes"),
        PhaseRow(P.PREEMPTION, _UP, "preemption", "waiting until the preempted pods are gone",
                 "check the victims' grace periods, or keep spare capacity for high priorities"),
        PhaseRow(P.NODE_PROVISIONING, _UP, "node provisioning", "a new node was requested and has not registered yet",
                 "check the cluster autoscaler or Karpenter, and the cloud provider"),
        PhaseRow(P.NODE_START, _UP, "node start", "its new node has registered and is not Ready yet",
                 "find out what the node waits for: CNI plugin, images of DaemonSets, startup taints"),
        PhaseRow(P.VOLUME_PROVISIONING, _UP, "volume provisioning", "waiting for a claim to be provisioned and bound",
                 "check the claim's events and the CSI provisioner"),
        PhaseRow(P.SCHEDULING_RETRY, _UP, "scheduling retry", "waiting for the scheduler's next attempt",
                 "no action needed if the cause is gone: the scheduler backs off between attempts"),
        PhaseRow(P.KUBELET_ADMISSION, _UP, "kubelet admission", "bound, waiting for the node's kubelet to admit it",
                 "check the node's kubelet: it may be busy or disconnected"),
        PhaseRow(P.VOLUME_ATTACH, _UP, "volume attach", "waiting for a volume to be attached to the node",
                 "check the VolumeAttachment and the CSI attacher: is it still attached to another node?"),
        PhaseRow(P.VOLUME_REPORT, _UP, "volume report",
                 "attached, waiting for the kubelet to report that it needs the volume",
                 "the report comes with the node's status: check nodeStatusUpdateFrequency (10 s by default)"),
        PhaseRow(P.VOLUME_MOUNT, _UP, "volume mount", "failed attempts to mount a volume",
                 "read the FailedMount message: missing ConfigMap or Secret, CSI driver, file system"),
        PhaseRow(P.SANDBOX_RETRIES, _UP, "sandbox retries",
                 "failed attempts to create the sandbox",
                 "read the FailedCreatePodSandBox message: CNI plugin, IP addresses, runtime"),
        PhaseRow(P.SANDBOX, _UP, "sandbox", "mounting volumes, creating the sandbox, attaching the network",
                 "check the volumes to mount and the CNI plugin of this node"),
        PhaseRow(P.KUBELET_SYNC, _UP, "kubelet sync", "waiting for the kubelet's next step",
                 "check how many pods start on this node: the kubelet handles a pod's containers one by one"),
        PhaseRow(P.IMAGE_QUEUE, _UP, "image queue", "waiting for other image pulls of the node",
                 "allow parallel pulls (serializeImagePulls: false, maxParallelImagePulls)"),
        PhaseRow(P.IMAGE_BACKOFF, _UP, "image back-off",
                 "failed attempts to get the image, and the back-off after each",
                 "read the error: name, tag, credentials, registry"),
        PhaseRow(P.IMAGE_PULL, _UP, "image pull", "pulling the image",
                 "make the image smaller, pull it in advance, or move the registry closer"),
        PhaseRow(P.CONTAINER_CREATE, _UP, "container create", "the runtime creates the container",
                 "check the container runtime and the disk of the node"),
        PhaseRow(P.CONTAINER_START, _UP, "container start", "the runtime starts the container's process",
                 "check the container runtime of the node"),
        PhaseRow(P.PULL_TO_START, _UP, "pull to start",
                 "image, creation and start of a container, which no Events tell apart",
                 "the kubelet starts a pod's containers one after the other: check whether the pod needs so many"),
        PhaseRow(P.CRASH_LOOP, _UP, "crash loop",
                 "runs that ended before the pod was ready, and the back-off between them",
                 "read the container's logs (kubectl logs --previous) and its exit codes"),
        PhaseRow(P.INIT_RUN, _UP, "init run", "an init container is running",
                 "find out what the init container waits for"),
        PhaseRow(P.POST_START, _UP, "postStart hook", "started, its postStart hook has not finished",
                 "find out what the hook does: the kubelet waits for it before it continues"),
        PhaseRow(P.STARTUP_PROBE, _UP, "startup probe", "started, the startup probe has not passed",
                 "find out what the application does at start, and check the probe's period"),
        PhaseRow(P.READINESS_PROBE, _UP, "readiness probe", "running, the readiness probe has not passed",
                 "find out what the application waits for, and check initialDelaySeconds and periodSeconds"),
        PhaseRow(P.STATUS_REPORT, _UP, "status report", "done on the node, the kubelet has not reported it",
                 "check the kubelet's load and its API rate limits"),
        PhaseRow(P.READINESS_GATES, _UP, "readiness gates", "the containers are ready, a readiness gate is not",
                 "check the controller that sets the gate's condition"),
        PhaseRow(P.ENDPOINT, _UP, "endpoint", "ready, its address is not in every EndpointSlice",
                 "check the EndpointSlice controller and the Services that select the pod"),
        PhaseRow(P.RUN, _UP, "run", "running to completion without becoming ready",
                 "no action needed for a Job; otherwise find out why readiness was never reported"),
        PhaseRow(P.TERMINATION_PENDING, _DOWN, "termination pending",
                 "deletion requested, the kubelet has not begun to stop it",
                 "check the node's kubelet: it may be busy or disconnected"),
        PhaseRow(P.CONTAINER_STOP, _DOWN, "container stop", "preStop hooks and the shutdown of the containers",
                 "handle SIGTERM, shorten preStop hooks; a shell as PID 1 does not forward the signal"),
        PhaseRow(P.CLEANUP, _DOWN, "cleanup", "the containers ended; removing volumes, sandbox and object",
                 "check for volumes that cannot be unmounted, and the kubelet's load"),
        PhaseRow(P.FINALIZERS, _DOWN, "finalizers", "the kubelet is done, finalizers hold the object",
                 "check the controllers of metadata.finalizers"),
        PhaseRow(P.ENDPOINT_DRAIN, _DOWN, "endpoint drain",
                 "deletion requested, its address is still ready in an EndpointSlice",
                 "check the load of the EndpointSlice controller", parallel=True),
        PhaseRow(P.VOLUME_DETACH, _DOWN, "volume detach", "the containers ended, the volume is still attached",
                 "check the CSI attacher and the attach-detach controller", parallel=True),
        PhaseRow(P.UNEXPLAINED, _UP, "unexplained", "milestones in between were not observed",
                 "Events are best effort: check which milestones this timeline lists as missing"),
    )
}  # fmt: skip
