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
         "quota, admission or a limit refused the pod", "FailedCreate Event of its owner",
         "raise the quota, or change what admission refuses: the Event names it"),
    Rule(K.STATEFUL_ORDER, _REQUEST, (P.PREDECESSOR, P.POD_CREATION), each(waiting.stateful_order),
         "the previous pod of the StatefulSet had to be ready, or available, first", "that pod's readiness",
         "find out why that pod took long, or set podManagementPolicy: Parallel"),
    Rule(K.REPLACED_POD, _REQUEST, (P.REPLACEMENT,), each(waiting.replaced_pod),
         "the pod whose name or node it takes over had to be removed first", "that pod's removal",
         "check the termination of that pod: its grace period, preStop hook and finalizers"),
    Rule(K.SCHEDULING_GATES, _UP, (P.SCHEDULING_GATES,), each(waiting.scheduling_gates),
         "which scheduling gates held it back", "spec.schedulingGates",
         "check the controllers that remove these gates"),
    Rule(K.UNSCHEDULABLE, _UP, (P.UNSCHEDULABLE, P.SCHEDULING, P.SCHEDULING_RETRY), each(waiting.unschedulable),
         "why no node is suitable, as the scheduler reports it",
         "FailedScheduling Event, PodScheduled condition, taints of the nodes",
         "change what the message names: requests, taints, affinity, topology spread, volumes; or add nodes"),
    Rule(K.SCHEDULER_AWAITED, _UP, (P.SCHEDULING,), each(waiting.scheduler_awaited),
         "which scheduler has not handled the pod", "spec.schedulerName",
         "check whether that scheduler runs, and its load and queue"),
    Rule(K.PREEMPTION, _UP, (P.PREEMPTION,), each(waiting.preemption),
         "pods of lower priority had to be evicted first", "Preempted Event, status.nominatedNodeName",
         "shorten the victims' grace periods, or keep spare capacity for this priority"),
    Rule(K.WAITING_FOR_NODE, _UP, (P.NODE_PROVISIONING, P.NODE_START), each(waiting.waiting_for_node),
         "a new node had to be created and become Ready first",
         "TriggeredScaleUp or Nominated Event, the node's creation and Ready condition",
         "keep spare nodes (overprovisioning pods), or find out what the new node waits for"),
    Rule(K.VOLUME_PROVISIONING, _UP, (P.VOLUME_PROVISIONING,), each(waiting.volume_provisioning),
         "which claim had to be provisioned and bound first", "Events and watch of the claim",
         "check the claim's events and the CSI provisioner"),
    Rule(K.MISSING_CONFIG, _UP, (P.VOLUME_MOUNT, P.SANDBOX, P.CONTAINER_CREATE), each(node.missing_config),
         "a ConfigMap or Secret, or a key of one, does not exist", "FailedMount Event, CreateContainerConfigError",
         "create it, or mark the reference optional"),
    Rule(K.VOLUME_ATTACH, _UP, (P.VOLUME_ATTACH,), each(node.volume_attach),
         "which volume had to be attached to the node first", "watch of the VolumeAttachment, FailedAttachVolume Event",
         "check the VolumeAttachment and the CSI attacher: is it still attached to another node?"),
    Rule(K.VOLUME_REPORT, _UP, (P.VOLUME_REPORT,), each(node.volume_report),
         "an attached volume was mounted only after the kubelet had reported that it needs it",
         "watch of the VolumeAttachment and of the node's status.volumesInUse",
         "lower the kubelet's nodeStatusUpdateFrequency (10 s by default): the report comes with the node's status"),
    Rule(K.VOLUME_MOUNT, _UP, (P.VOLUME_MOUNT, P.SANDBOX), each(node.volume_mount),
         "why a mount failed, as the kubelet reports it", "FailedMount or FailedAttachVolume Event",
         "check the CSI driver on this node and the volume's file system"),
    Rule(K.SANDBOX_RETRIES, _UP, (P.SANDBOX_RETRIES, P.SANDBOX), each(node.sandbox_retries),
         "why the sandbox failed, as the runtime or the CNI plugin reports it", "FailedCreatePodSandBox Event",
         "check the CNI plugin, its free addresses, and the runtime of this node"),
    Rule(K.WARNING_EVENT, _UP, (), each(events.warning_event),
         "a Warning Event of that time that no other rule covers", "Warning Event about the pod",
         "check what the Event names", general=True),
    Rule(K.SLOW_MOUNT, _UP, (P.SANDBOX,), each(node.slow_mount),
         "mounting claims probably delayed the sandbox", "sandboxes of the node's pods without claims",
         "check the CSI driver on this node: Kubernetes does not report successful mounts",
         inferred=True),
    Rule(K.SLOW_NODE_NETWORK, _UP, (P.SANDBOX,), each(node.slow_node_network),
         "sandboxes take longer on this node than on others", "sandboxes of other pods, here and on other nodes",
         "check the CNI plugin and the load of this node",
         inferred=True),
    Rule(K.SLOW_SANDBOX, _UP, (P.SANDBOX,), each(node.slow_sandbox),
         "its sandbox took longer than others on the node", "sandboxes of other pods on the node",
         "check the pod's network attachments and the load of the node at that time",
         inferred=True),
    Rule(K.IMAGE_QUEUE, _UP, (P.IMAGE_QUEUE,), each(node.image_queue),
         "which other pulls of the node it waited for", "Pulled Event, the node's other pulls",
         "allow parallel pulls (serializeImagePulls: false, maxParallelImagePulls), or make those images smaller"),
    Rule(K.IMAGE_BACKOFF, _UP, (P.IMAGE_BACKOFF, P.IMAGE_PULL), each(node.image_backoff),
         "why the image cannot be pulled", "Failed Event, the container's waiting reason",
         "read the error: name, tag, credentials, registry"),
    Rule(K.SLOW_PULL, _UP, (P.IMAGE_PULL,), each(node.slow_pull),
         "size and throughput of the pull, compared with the node's other pulls",
         "Pulled Event, the node's other pulls",
         "make the image smaller, pull it in advance, or move the registry closer"),
    Rule(K.CONTAINER_ERROR, _UP, _MAKING, each(node.container_error),
         "why the container cannot be created or started", "the container's waiting reason, Failed Event",
         "read the runtime's message: command, security context, mounts"),
    Rule(K.CRASH_LOOP, _UP, _RUNNING, each(container.crash_loop),
         "how each run ended, and why the kubelet killed it", "the container's status, BackOff Event",
         "read the container's logs (kubectl logs --previous)"),
    Rule(K.INIT_DOMINATES, _UP, _ANY, container.init_dominates,
         "init containers took half of the start or more", "their starts and ends",
         "do the work of the init containers in parallel, or in advance"),
    Rule(K.SEQUENTIAL_STARTS, _UP, _STEPS, container.sequential_starts,
         "starting its containers one after the other took half of the start or more", "their starts",
         "use fewer containers in the pod, or nodes with a faster runtime and disk"),
    Rule(K.POST_START, _UP, (P.POST_START,), each(container.post_start),
         "the kubelet waited for a postStart hook", "lifecycle.postStart, FailedPostStartHook Event",
         "find out what the hook does: the kubelet waits for it before it continues"),
    Rule(K.FAILING_PROBE, _UP, _PROBED, each(probes.failing_probe),
         "what the probe reported when it failed", "Unhealthy Event",
         "find out what the application waits for before it answers"),
    Rule(K.PROBE_DELAY, _UP, _PROBED, each(probes.probe_delay),
         "initialDelaySeconds delayed the first probe", "the probe's spec, no failed probe",
         "lower initialDelaySeconds, or use a startupProbe with a short period"),
    Rule(K.PROBE_PERIOD, _UP, _PROBED, each(probes.probe_period),
         "how much earlier the probe could have succeeded", "the probe's spec, the last failed probe",
         "lower periodSeconds"),
    Rule(K.PROBE_THRESHOLD, _UP, (P.READINESS_PROBE,), each(probes.probe_threshold),
         "successThreshold asks for several successes in a row", "the probe's successThreshold and periodSeconds",
         "lower successThreshold, or periodSeconds: one success is enough for most applications"),
    Rule(K.REPORT_LAG, _UP, (P.STATUS_REPORT,), each(container.report_lag),
         "the kubelet reported late what was done on the node", "the watch compared with the node's own timestamps",
         "check the kubelet's load, its API rate limits (kubeAPIQPS), and the API server",
         inferred=True),
    Rule(K.READINESS_GATE, _UP, (P.READINESS_GATES,), each(container.readiness_gate),
         "which readiness gate came last, and who set it", "spec.readinessGates, the gate's condition",
         "check the controller that sets the gate's condition"),
    Rule(K.ENDPOINT_AWAITED, _UP, (P.ENDPOINT,), each(container.endpoint_awaited),
         "which Services' EndpointSlices lacked its ready address", "EndpointSlices of the selecting Services",
         "check the EndpointSlice controller, and whether the Service's selector still matches"),
    Rule(K.REJECTED, _UP, _ANY, container.rejected,
         "the kubelet did not admit the pod, and why", "status.reason, the kubelet's Event with that reason",
         "compare its requests with what is free on the node; the pod never started, so it has no logs"),
    Rule(K.FAILED, _UP, _ANY, container.failed,
         "how a pod that failed ended", "status.reason, exit codes",
         "read the container's logs (kubectl logs)"),
    Rule(K.UNEXPLAINED, _UP, (P.UNEXPLAINED,), each(container.unexplained),
         "which milestones were not observed", "the milestones that were observed",
         "Events are best effort: check whether other Events of that time were lost",
         inferred=True),
    Rule(K.LATE_KILL, _DOWN, (P.TERMINATION_PENDING,), each(leaving.late_kill),
         "the kubelet was late to stop it", "deletion request, Killing Event",
         "check the node's kubelet: it may be busy or disconnected",
         inferred=True),
    Rule(K.GRACE_RAN_OUT, _DOWN, (P.CONTAINER_STOP, P.TERMINATION_PENDING), each(leaving.grace_ran_out),
         "a container did not end by itself within its grace period", "exit code 137, deletionGracePeriodSeconds",
         "handle SIGTERM; a shell as PID 1 does not forward it (use exec, or an init such as tini)"),
    Rule(K.PRE_STOP, _DOWN, (P.CONTAINER_STOP,), each(leaving.pre_stop),
         "a preStop hook ran first", "lifecycle.preStop, FailedPreStopHook Event",
         "shorten the preStop hook: it only needs to last until the endpoint is removed"),
    Rule(K.SLOW_STOP, _DOWN, (P.CONTAINER_STOP,), each(leaving.slow_stop),
         "a container took long to end, within its grace period", "Killing Event, the container's end",
         "find out what the application does on SIGTERM, and whether it receives it",
         inferred=True),
    Rule(K.UNKNOWN_END, _DOWN, (P.UNEXPLAINED,), each(leaving.unknown_end),
         "when and how a container ended is unknown", "the container's status (ContainerStatusUnknown, Unknown)",
         "check whether the node rebooted at that time, or its runtime lost containers"),
    Rule(K.FINALIZERS, _DOWN, (P.FINALIZERS,), each(leaving.finalizers),
         "which finalizers held the object", "metadata.finalizers",
         "check the controllers of these finalizers"),
    Rule(K.BUSY_NODE, _UP, _BUSY, each(node.busy_node),
         "many pods started on the node at the same time", "starts of other pods of the node",
         "spread the starts: fewer pods at once (maxSurge), more nodes, or higher CPU requests",
         general=True),
    Rule(K.LONG_PHASE, _UP, (), each(container.long_phase),
         "a long phase that no other rule covers", "the milestones that begin and end it",
         "see the advice for that phase", general=True),
    Rule(K.TRAFFIC_LOST, _DOWN, (), leaving.traffic_lost,
         "traffic was sent to a container that had exited", "EndpointSlice and the container's end",
         "sleep in a preStop hook until the endpoint is removed, and close connections gracefully"),
    Rule(K.STALE_ENDPOINT, _DOWN, (), leaving.stale_endpoint,
         "an address stayed ready long after the deletion request", "EndpointSlice and the deletion request",
         "check the load of the EndpointSlice controller"),
    Rule(K.NO_SERVICE, _UP, (), leaving.no_service,
         "no Service selects the pod, although it has a readiness probe",
         "the namespace's Services and the pod's labels",
         "compare the Service's selector with the pod's labels"),
    Rule(K.CLOCK_SKEW, _UP, (), leaving.clock_skew,
         "a clock is off", "timestamps compared with each other and with their arrival",
         "synchronize the node's clock (chrony, systemd-timesyncd)"),
)  # fmt: skip
"""In the order that breaks ties: of two findings as long as each other the earlier row's comes first."""
