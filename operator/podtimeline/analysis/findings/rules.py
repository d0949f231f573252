"""Every kind of finding, and the table of the rules by which they are made: to add one, add a member and a row.

README, documents and their schema follow.
"""

from dataclasses import dataclass
from enum import StrEnum

from podtimeline.analysis.findings import containers as container
from podtimeline.analysis.findings import events, probes, waiting
from podtimeline.analysis.findings import nodes as node
from podtimeline.analysis.findings import termination as leaving
from podtimeline.analysis.findings.case import Find, Proof, Spell, each
from podtimeline.model.milestones import PHASES, Leg, Phase


class FindingKind(StrEnum):
    """What a finding says; ``RULES`` tells what each needs and what to try."""

    REFUSED_CREATION = "refused_creation"
    STATEFUL_ORDER = "stateful_order"
    REPLACED_POD = "replaced_pod"
    SCHEDULING_GATES = "scheduling_gates"
    UNSCHEDULABLE = "unschedulable"
    SCHEDULER_AWAITED = "scheduler_awaited"
    PREEMPTION = "preemption"
    WAITING_FOR_NODE = "waiting_for_node"
    VOLUME_PROVISIONING = "volume_provisioning"
    MISSING_CONFIG = "missing_config"
    VOLUME_ATTACH = "volume_attach"
    VOLUME_REPORT = "volume_report"
    VOLUME_MOUNT = "volume_mount"
    SANDBOX_RETRIES = "sandbox_retries"
    WARNING_EVENT = "warning_event"
    SLOW_MOUNT = "slow_mount"
    SLOW_NODE_NETWORK = "slow_node_network"
    SLOW_SANDBOX = "slow_sandbox"
    IMAGE_QUEUE = "image_queue"
    IMAGE_BACKOFF = "image_backoff"
    SLOW_PULL = "slow_pull"
    CONTAINER_ERROR = "container_error"
    BUSY_NODE = "busy_node"
    CRASH_LOOP = "crash_loop"
    INIT_DOMINATES = "init_dominates"
    SEQUENTIAL_STARTS = "sequential_starts"
    POST_START = "post_start"
    FAILING_PROBE = "failing_probe"
    PROBE_DELAY = "probe_delay"
    PROBE_PERIOD = "probe_period"
    PROBE_THRESHOLD = "probe_threshold"
    REPORT_LAG = "report_lag"
    READINESS_GATE = "readiness_gate"
    ENDPOINT_AWAITED = "endpoint_awaited"
    REJECTED = "rejected"
    FAILED = "failed"
    UNEXPLAINED = "unexplained"
    LATE_KILL = "late_kill"
    GRACE_RAN_OUT = "grace_ran_out"
    PRE_STOP = "pre_stop"
    SLOW_STOP = "slow_stop"
    UNKNOWN_END = "unknown_end"
    FINALIZERS = "finalizers"
    LONG_PHASE = "long_phase"
    TRAFFIC_LOST = "traffic_lost"
    STALE_ENDPOINT = "stale_endpoint"
    NO_SERVICE = "no_service"
    CLOCK_SKEW = "clock_skew"


_TITLES = {
    FindingKind.STATEFUL_ORDER: "StatefulSet order",
    FindingKind.MISSING_CONFIG: "missing ConfigMap or Secret",
    FindingKind.IMAGE_BACKOFF: "image back-off",
    FindingKind.INIT_DOMINATES: "init containers",
    FindingKind.POST_START: "postStart hook",
    FindingKind.PROBE_DELAY: "probe's initial delay",
    FindingKind.PROBE_PERIOD: "probe's period",
    FindingKind.PROBE_THRESHOLD: "probe's success threshold",
    FindingKind.PRE_STOP: "preStop hook",
    FindingKind.NO_SERVICE: "no Service",
}


def kind_title(kind: FindingKind) -> str:
    """A kind of finding for people."""
    return _TITLES.get(kind, kind.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cost time, or traffic, with what it rests on and what to try.

    ``duration`` is in nanoseconds; ``share`` is its part of the length of its leg, ``None`` for what ran beside the
    critical path or took no time of it. ``spell`` is what it is about, ``None`` where that is more than one or none.
    ``subject`` is the container, volume or Service that it is about. ``open`` is True while it goes on.
    """

    kind: FindingKind
    leg: Leg
    spell: Spell | None
    subject: str
    text: str
    duration: int
    share: float | None
    evidence: tuple[Proof, ...]
    advice: str
    open: bool = False

    @property
    def phase(self) -> Phase | None:
        """The phase that it is about, ``None`` where there is more than one or none."""
        return None if self.spell is None else self.spell.phase


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table of rules.

    ``phases`` are those whose time it speaks of, none for a rule that looks at the whole timeline; ``summary`` is what
    it says and ``needs`` the evidence without which it says nothing. A ``general`` rule speaks only of what the others
    leave unexplained. An ``inferred`` one rests on figures alone: it gives way to an Event that names the cause.
    """

    kind: FindingKind
    leg: Leg
    phases: tuple[Phase, ...]
    find: Find
    summary: str
    needs: str
    advice: str
    general: bool = False
    inferred: bool = False


K, P = FindingKind, Phase
_REQUEST, _UP, _DOWN = Leg.REQUEST, Leg.STARTUP, Leg.TERMINATION
_RUNNING = (P.CRASH_LOOP, P.CONTAINER_START, P.INIT_RUN, P.POST_START, P.STARTUP_PROBE, P.READINESS_PROBE,
            P.STATUS_REPORT, P.RUN)  # fmt: skip
_PROBED = (P.STARTUP_PROBE, P.READINESS_PROBE)
_MAKING = (P.CONTAINER_CREATE, P.CONTAINER_START)
_STEPS = (P.KUBELET_SYNC, *_MAKING, P.PULL_TO_START)
_BUSY = (P.KUBELET_ADMISSION, P.KUBELET_SYNC, P.SANDBOX, *_MAKING)
_ANY = tuple(row.phase for row in PHASES.values() if row.leg is _UP)

RULES: tuple[Rule, ...] = (
    Rule(K.REFUSED_CREATION, _REQUEST, (P.POD_CREATION, P.OWNER_CONTROLLER), each(waiting.refused_creation),
         "quota, admission or a limit refused the pod", "FailedCreate event of its owner",
         "raise the quota, or change what admission refuses: the event names it"),
    Rule(K.STATEFUL_ORDER, _REQUEST, (P.PREDECESSOR, P.POD_CREATION), each(waiting.stateful_order),
         "the StatefulSet's pod before it had to be ready, or available, first", "that pod's readiness",
         "see why that pod took long, or set podManagementPolicy: Parallel"),
    Rule(K.REPLACED_POD, _REQUEST, (P.REPLACEMENT,), each(waiting.replaced_pod),
         "the pod whose name or place it takes had to be gone first", "that pod's removal",
         "see the termination of that pod: its grace period, preStop hook and finalizers"),
    Rule(K.SCHEDULING_GATES, _UP, (P.SCHEDULING_GATES,), each(waiting.scheduling_gates),
         "which scheduling gates held it", "spec.schedulingGates",
         "look at the controller that removes these gates"),
    Rule(K.UNSCHEDULABLE, _UP, (P.UNSCHEDULABLE, P.SCHEDULING, P.SCHEDULING_RETRY), each(waiting.unschedulable),
         "why no node fits, in the scheduler's words",
         "FailedScheduling event, PodScheduled condition, taints of the nodes",
         "change what the text names: requests, taints, affinity, topology spread, volumes; or add nodes"),
    Rule(K.SCHEDULER_AWAITED, _UP, (P.SCHEDULING,), each(waiting.scheduler_awaited),
         "which scheduler was asked and did not answer", "spec.schedulerName",
         "see whether that scheduler runs, and look at its load and queue"),
    Rule(K.PREEMPTION, _UP, (P.PREEMPTION,), each(waiting.preemption),
         "pods of lower priority had to give way", "Preempted event, status.nominatedNodeName",
         "shorten the victims' grace periods, or keep spare capacity for this priority"),
    Rule(K.WAITING_FOR_NODE, _UP, (P.NODE_PROVISIONING, P.NODE_START), each(waiting.waiting_for_node),
         "a new node was asked for, registered and became Ready",
         "TriggeredScaleUp or Nominated event, the node's creation and Ready condition",
         "keep spare nodes (overprovisioning pods), or see what the new node waits for"),
    Rule(K.VOLUME_PROVISIONING, _UP, (P.VOLUME_PROVISIONING,), each(waiting.volume_provisioning),
         "which claim was provisioned and bound", "events and watch of the claim",
         "check the claim's events and the CSI provisioner"),
    Rule(K.MISSING_CONFIG, _UP, (P.VOLUME_MOUNT, P.SANDBOX, P.CONTAINER_CREATE), each(node.missing_config),
         "a ConfigMap or Secret, or a key of one, does not exist", "FailedMount event, CreateContainerConfigError",
         "create it, or mark the reference optional"),
    Rule(K.VOLUME_ATTACH, _UP, (P.VOLUME_ATTACH,), each(node.volume_attach),
         "which volume was attached to the node", "watch of the VolumeAttachment, FailedAttachVolume event",
         "check the VolumeAttachment and the CSI attacher: is it still attached to another node?"),
    Rule(K.VOLUME_REPORT, _UP, (P.VOLUME_REPORT,), each(node.volume_report),
         "a volume was attached, and mounted only once the kubelet had reported that it needs it",
         "watch of the VolumeAttachment and of the node's status.volumesInUse",
         "lower the kubelet's nodeStatusUpdateFrequency (10 s by default): the report comes with the node's status"),
    Rule(K.VOLUME_MOUNT, _UP, (P.VOLUME_MOUNT, P.SANDBOX), each(node.volume_mount),
         "why a mount failed, in the kubelet's words", "FailedMount or FailedAttachVolume event",
         "look at the CSI driver on this node and at the volume's file system"),
    Rule(K.SANDBOX_RETRIES, _UP, (P.SANDBOX_RETRIES, P.SANDBOX), each(node.sandbox_retries),
         "why the sandbox failed, in the words of runtime or CNI plugin", "FailedCreatePodSandBox event",
         "look at the CNI plugin, its free addresses, and the runtime of this node"),
    Rule(K.WARNING_EVENT, _UP, (), each(events.warning_event),
         "what a Warning event of the time says that no other rule speaks of", "Warning event about the pod",
         "see what the event names", general=True),
    Rule(K.SLOW_MOUNT, _UP, (P.SANDBOX,), each(node.slow_mount),
         "claims made the sandbox wait", "the node's sandboxes of pods without claims",
         "look at the CSI driver on this node: nothing says when a mount succeeds",
         inferred=True),
    Rule(K.SLOW_NODE_NETWORK, _UP, (P.SANDBOX,), each(node.slow_node_network),
         "sandboxes take longer on this node than on others", "sandboxes of other pods, here and on other nodes",
         "look at the CNI plugin and the load of this node",
         inferred=True),
    Rule(K.SLOW_SANDBOX, _UP, (P.SANDBOX,), each(node.slow_sandbox),
         "its sandbox took longer than others of the node", "sandboxes of other pods of the node",
         "look at the pod's network attachments and what the node did at the time",
         inferred=True),
    Rule(K.IMAGE_QUEUE, _UP, (P.IMAGE_QUEUE,), each(node.image_queue),
         "behind which pulls of the node it waited", "Pulled event, the node's other pulls",
         "allow parallel pulls (serializeImagePulls: false, maxParallelImagePulls), or make those images smaller"),
    Rule(K.IMAGE_BACKOFF, _UP, (P.IMAGE_BACKOFF, P.IMAGE_PULL), each(node.image_backoff),
         "why the image cannot be pulled", "Failed event, the container's waiting reason",
         "read the error: name, tag, credentials, registry"),
    Rule(K.SLOW_PULL, _UP, (P.IMAGE_PULL,), each(node.slow_pull),
         "size and throughput of the pull, against the node's other pulls", "Pulled event, the node's other pulls",
         "make the image smaller, pull it in advance, or move the registry closer"),
    Rule(K.CONTAINER_ERROR, _UP, _MAKING, each(node.container_error),
         "why the container cannot be made or started", "the container's waiting reason, Failed event",
         "read the runtime's words: command, security context, mounts"),
    Rule(K.CRASH_LOOP, _UP, _RUNNING, each(container.crash_loop),
         "how each run ended, and what the kubelet killed it for", "the container's status, BackOff event",
         "read the container's logs (kubectl logs --previous)"),
    Rule(K.INIT_DOMINATES, _UP, _ANY, container.init_dominates,
         "init containers made up half of the start or more", "their starts and ends",
         "do in parallel, or ahead of time, what the init containers do one after the other"),
    Rule(K.SEQUENTIAL_STARTS, _UP, _STEPS, container.sequential_starts,
         "starting its containers one after the other made up half of the start or more", "their starts",
         "have fewer containers in the pod, or give its node a faster runtime and disk"),
    Rule(K.POST_START, _UP, (P.POST_START,), each(container.post_start),
         "a postStart hook was waited for", "lifecycle.postStart, FailedPostStartHook event",
         "find out what the hook does: the kubelet waits for it before it continues"),
    Rule(K.FAILING_PROBE, _UP, _PROBED, each(probes.failing_probe),
         "what the probe said when it failed", "Unhealthy event",
         "see what the application waits for before it answers"),
    Rule(K.PROBE_DELAY, _UP, _PROBED, each(probes.probe_delay),
         "initialDelaySeconds kept the kubelet from looking", "the probe's spec, no failed look",
         "lower initialDelaySeconds, or use a startupProbe with a short period"),
    Rule(K.PROBE_PERIOD, _UP, _PROBED, each(probes.probe_period),
         "how much earlier the success could have come", "the probe's spec, the last failed look",
         "lower periodSeconds"),
    Rule(K.PROBE_THRESHOLD, _UP, (P.READINESS_PROBE,), each(probes.probe_threshold),
         "successThreshold asks for several successes in a row", "the probe's successThreshold and periodSeconds",
         "lower successThreshold, or periodSeconds: one success is enough for most applications"),
    Rule(K.REPORT_LAG, _UP, (P.STATUS_REPORT,), each(container.report_lag),
         "what was done on the node reached the API later", "the watch against the node's own stamps",
         "look at the kubelet's load, its API rate limits (kubeAPIQPS), and the API server",
         inferred=True),
    Rule(K.READINESS_GATE, _UP, (P.READINESS_GATES,), each(container.readiness_gate),
         "which readiness gate was waited for, and who set it", "spec.readinessGates, the gate's condition",
         "check the controller that sets the gate's condition"),
    Rule(K.ENDPOINT_AWAITED, _UP, (P.ENDPOINT,), each(container.endpoint_awaited),
         "whose EndpointSlices do not hold its ready address", "EndpointSlices of the selecting Services",
         "look at the endpointslice controller, and whether the Service's selector still matches"),
    Rule(K.REJECTED, _UP, _ANY, container.rejected,
         "the kubelet did not admit the pod, and why", "status.reason, the kubelet's event of that reason",
         "it never started and has no logs: compare its requests with what the node has left"),
    Rule(K.FAILED, _UP, _ANY, container.failed,
         "how a pod that failed ended", "status.reason, exit codes",
         "read the container's logs (kubectl logs)"),
    Rule(K.UNEXPLAINED, _UP, (P.UNEXPLAINED,), each(container.unexplained),
         "which milestones were not observed", "the milestones that were passed",
         "events are best effort: see whether others of the time were lost",
         inferred=True),
    Rule(K.LATE_KILL, _DOWN, (P.TERMINATION_PENDING,), each(leaving.late_kill),
         "the kubelet began late to stop it", "deletion request, Killing event",
         "check the node's kubelet: it may be busy or disconnected",
         inferred=True),
    Rule(K.GRACE_RAN_OUT, _DOWN, (P.CONTAINER_STOP, P.TERMINATION_PENDING), each(leaving.grace_ran_out),
         "a container did not end by itself within its grace period", "exit code 137, deletionGracePeriodSeconds",
         "handle SIGTERM: a shell as PID 1 does not pass it on (use exec, or an init such as tini)"),
    Rule(K.PRE_STOP, _DOWN, (P.CONTAINER_STOP,), each(leaving.pre_stop),
         "a preStop hook ran first", "lifecycle.preStop, FailedPreStopHook event",
         "shorten the preStop hook: it only has to outlast the endpoint's removal"),
    Rule(K.SLOW_STOP, _DOWN, (P.CONTAINER_STOP,), each(leaving.slow_stop),
         "a container took its time to end, within its grace period", "Killing event, the container's end",
         "see what the application does on SIGTERM, and whether it gets it",
         inferred=True),
    Rule(K.UNKNOWN_END, _DOWN, (P.UNEXPLAINED,), each(leaving.unknown_end),
         "when and how a container ended is unknown", "the container's status (ContainerStatusUnknown, Unknown)",
         "see whether the node rebooted in that time, or its runtime lost its containers"),
    Rule(K.FINALIZERS, _DOWN, (P.FINALIZERS,), each(leaving.finalizers),
         "which finalizers held the object", "metadata.finalizers",
         "look at the controllers of these finalizers"),
    Rule(K.BUSY_NODE, _UP, _BUSY, each(node.busy_node),
         "many pods started on the node at the same time", "starts of other pods of the node",
         "spread the start: fewer pods at once (maxSurge), more nodes, or CPU requests that leave room",
         general=True),
    Rule(K.LONG_PHASE, _UP, (), each(container.long_phase),
         "a phase that no other rule speaks of", "the milestones that it lies between",
         "the advice of that phase", general=True),
    Rule(K.TRAFFIC_LOST, _DOWN, (), leaving.traffic_lost,
         "traffic was sent to a container that had exited", "EndpointSlice and the container's end",
         "sleep in a preStop hook until the endpoint is gone, and close connections gracefully"),
    Rule(K.STALE_ENDPOINT, _DOWN, (), leaving.stale_endpoint,
         "an address stood as ready long after the deletion", "EndpointSlice and the deletion request",
         "look at the load of the endpointslice controller"),
    Rule(K.NO_SERVICE, _UP, (), leaving.no_service,
         "it has a readiness probe, and no Service selects it", "the namespace's Services and the pod's labels",
         "compare the Service's selector with the pod's labels"),
    Rule(K.CLOCK_SKEW, _UP, (), leaving.clock_skew,
         "a clock is off", "stamps against each other and against their arrival",
         "synchronise the node's clock (chrony, systemd-timesyncd)"),
)  # fmt: skip
"""In the order that breaks ties: of two findings as long as each other the earlier row's comes first."""
