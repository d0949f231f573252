"""corev1.Pod: the fields that are read (see ``kube.metav1``)."""

import msgspec

from podtimeline.kube.metav1 import Condition, Int32, Int64, Name, Wire


class PodAnnotations(msgspec.Struct, frozen=True, gc=False):
    """The annotations that mark the API's copy of a static pod (pkg/kubelet/types/pod_update.go).

    ``mirror`` is the uid that the kubelet gave the static pod, ``seen`` when it saw its manifest, in nanoseconds.
    """

    mirror: str = msgspec.field(default="", name="kubernetes.io/config.mirror")
    seen: str | None = msgspec.field(default=None, name="kubernetes.io/config.seen")


class PodMetadata(Wire, frozen=True):
    """metav1.ObjectMeta of a Pod. What is read once a pod, or never, stays unparsed."""

    uid: str
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: Int64 | None = None
    finalizers: list[str] | None = None
    labels: msgspec.Raw = msgspec.Raw()
    annotations: PodAnnotations | None = None
    owner_references: msgspec.Raw = msgspec.Raw()
    managed_fields: msgspec.Raw = msgspec.Raw()


class Presence(Wire, frozen=True):
    """Any object of which only its being there matters."""


class ProbeTiming(Wire, frozen=True):
    """corev1.Probe, of which only the timing is read; the API server fills in the defaults."""

    initial_delay_seconds: Int32 = 0
    period_seconds: Int32 = 10
    failure_threshold: Int32 = 3
    success_threshold: Int32 = 1


class RuleExitCodes(Wire, frozen=True):
    """corev1.ContainerRestartRuleOnExitCodes; ``operator`` is ``In`` or ``NotIn``."""

    operator: str = ""
    values: list[Int32] | None = None


class RestartRule(Wire, frozen=True):
    """corev1.ContainerRestartRule, whose actions all start the container again (KEP-5307, KEP-5532)."""

    exit_codes: RuleExitCodes | None = None


class Lifecycle(Wire, frozen=True):
    """corev1.Lifecycle."""

    post_start: Presence | None = None
    pre_stop: Presence | None = None


class ContainerPort(Wire, frozen=True):
    """corev1.ContainerPort."""

    container_port: Int32 = 0
    protocol: str = "TCP"


class VolumeUse(Wire, frozen=True):
    """corev1.VolumeMount or corev1.VolumeDevice."""

    name: str = ""


class Container(Wire, frozen=True):
    """corev1.Container."""

    name: str
    image: str = ""
    image_pull_policy: str = ""
    restart_policy: str | None = None
    restart_policy_rules: list[RestartRule] | None = None
    startup_probe: ProbeTiming | None = None
    readiness_probe: ProbeTiming | None = None
    lifecycle: Lifecycle | None = None
    ports: list[ContainerPort] | None = None
    volume_mounts: list[VolumeUse] | None = None
    volume_devices: list[VolumeUse] | None = None


class ClaimSource(Wire, frozen=True):
    """corev1.PersistentVolumeClaimVolumeSource."""

    claim_name: str = ""


class ImageSource(Wire, frozen=True):
    """corev1.ImageVolumeSource."""

    reference: str = ""


class Volume(Wire, frozen=True):
    """corev1.Volume: the sources that a start can wait for; an ``emptyDir`` or a ``hostPath`` is none."""

    name: str
    persistent_volume_claim: ClaimSource | None = None
    ephemeral: Presence | None = None
    config_map: Presence | None = None
    secret: Presence | None = None
    csi: Presence | None = None
    nfs: Presence | None = None
    image: ImageSource | None = None


class SchedulingGate(Wire, frozen=True):
    """corev1.PodSchedulingGate."""

    name: str = ""


class ReadinessGate(Wire, frozen=True):
    """corev1.PodReadinessGate."""

    condition_type: str


class PodSpecHead(Wire, frozen=True):
    """What of a pod's spec changes until it is bound."""

    node_name: str | None = None
    scheduling_gates: list[SchedulingGate] | None = None


class PodSpec(PodSpecHead, frozen=True):
    """corev1.PodSpec."""

    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    restart_policy: str = "Always"
    host_network: bool | None = None
    readiness_gates: list[ReadinessGate] | None = None
    volumes: list[Volume] | None = None
    priority: Int32 | None = None
    scheduler_name: str = ""


class PodToleration(Wire, frozen=True):
    """corev1.Toleration."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""


class PodTolerations(Wire, frozen=True):
    """corev1.PodSpec, of which only the tolerations are read."""

    tolerations: list[PodToleration] | None = None


class Running(Wire, frozen=True):
    """corev1.ContainerStateRunning."""

    started_at: str | None = None


class Waiting(Wire, frozen=True):
    """corev1.ContainerStateWaiting."""

    reason: str = ""
    message: str = ""


class Terminated(Wire, frozen=True):
    """corev1.ContainerStateTerminated."""

    exit_code: Int32 = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(Wire, frozen=True):
    """corev1.ContainerState: one of the three is set."""

    running: Running | None = None
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Wire, frozen=True):
    """corev1.ContainerStatus."""

    name: Name
    state: ContainerState | None = None
    last_state: ContainerState | None = None
    ready: bool = False
    started: bool | None = None
    restart_count: Int32 = 0


class PodIP(Wire, frozen=True):
    """corev1.PodIP."""

    ip: str = ""


class PodStatus(Wire, frozen=True):
    """corev1.PodStatus."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    start_time: str | None = None
    nominated_node_name: str = ""
    conditions: list[Condition] | None = None
    pod_ips: list[PodIP] | None = msgspec.field(default=None, name="podIPs")
    init_container_statuses: list[ContainerStatus] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(Wire, frozen=True):
    """corev1.Pod. The spec stays unparsed: after the first version and the binding nothing of it is read."""

    metadata: PodMetadata
    spec: msgspec.Raw = msgspec.Raw()
    status: PodStatus = PodStatus()
