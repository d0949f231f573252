"""What the messages of Events and of waiting containers mean, and what to try: to know one more, add a row.

The first row that fits decides, so a special message stands before a general one. Each row cites the program and the
file that write its text; of the kubelet they are the same in Kubernetes 1.34 and 1.37 where nothing else is said.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from podtimeline.model.milestones import Phase

_P = Phase


class Topic(StrEnum):
    """What a message is about; it decides which rule tells of it."""

    CONFIG = "config"
    """A ConfigMap, a Secret or a key that does not exist."""
    IMAGE = "image"
    CONTAINER = "container"
    """The creation or the start of a container by the runtime."""
    SANDBOX = "sandbox"
    VOLUME = "volume"
    PROBE = "probe"
    """A probe or a hook of a container."""
    WAY = "way"
    """What a pod waits for before a node's kubelet takes it up."""
    POD = "pod"
    """What the kubelet does for the pod as a whole."""
    NONE = "none"
    """A message that explains no wait: it is true of many pods that start without delay."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One row of the table.

    ``reasons`` are those of the Event or of the waiting container, ``pattern`` is searched in the message without the
    reference of the image, and an empty one fits every message. ``advice`` may name groups of the pattern; it is empty
    where the message says no more than that something failed. ``phases`` are those that it can make long.

    ``consequence`` marks a message that only follows from an earlier failure: the earlier message has the cause.
    """

    topic: Topic
    reasons: frozenset[str]
    pattern: re.Pattern[str]
    advice: str
    source: str
    phases: tuple[Phase, ...]
    consequence: bool = False


_PULLS = frozenset(
    {
        *("BackOff", "ErrImageNeverPull", "ErrImagePull", "Failed", "ImageInspectError", "ImagePullBackOff"),
        *("InspectFailed", "InvalidImageName", "RegistryUnavailable", "SignatureValidationFailed"),
    }
)
_STARTS = frozenset(
    {
        *("CreateContainerConfigError", "CreateContainerError", "Failed", "PreCreateHookError", "PreStartHookError"),
        "RunContainerError",
    }
)
_MOUNTS = frozenset({"FailedMapVolume", "FailedMount"})
_SANDBOXES = frozenset({"FailedCreatePodSandBox", "NetworkNotReady"})
_PULLING = (_P.IMAGE_BACKOFF, _P.IMAGE_PULL)
_MAKING = (_P.CONTAINER_CREATE, _P.CONTAINER_START)
_MOUNTING = (_P.VOLUME_MOUNT, _P.SANDBOX)
_BEFORE = (_P.SANDBOX_RETRIES, _P.SANDBOX)
_STOPPING = (_P.TERMINATION_PENDING, _P.CONTAINER_STOP, _P.CLEANUP)
_CREATE = "create the {kind} {name} in the pod's namespace, or mark the reference optional"
_SLOW_RUNTIME = "check the container runtime, the load and the disk of the node"


def _row(
    topic: Topic,
    reasons: frozenset[str],
    phases: tuple[Phase, ...],
    pattern: str,
    advice: str,
    source: str,
    *,
    consequence: bool = False,
) -> Diagnosis:
    return Diagnosis(
        topic, reasons, re.compile(pattern, re.IGNORECASE | re.DOTALL), advice, source, phases, consequence
    )


def _both(one: str, other: str) -> str:
    """A pattern for a message that has both, in time that grows with its length only: it may be of any length."""
    return rf"\A(?=.*{one})(?=.*{other})"


def _of(*reasons: str) -> frozenset[str]:
    return frozenset(reasons)


def _config(pattern: str, advice: str, source: str) -> Diagnosis:
    return _row(Topic.CONFIG, _MOUNTS | _STARTS, (*_MOUNTING, *_MAKING), pattern, advice, source)


def _image(pattern: str, advice: str, source: str, *, reasons: frozenset[str] = _PULLS) -> Diagnosis:
    return _row(Topic.IMAGE, reasons, _PULLING, pattern, advice, source)


def _container(pattern: str, advice: str, source: str, *, consequence: bool = False) -> Diagnosis:
    return _row(Topic.CONTAINER, _STARTS, _MAKING, pattern, advice, source, consequence=consequence)


def _sandbox(pattern: str, advice: str, source: str, *, consequence: bool = False) -> Diagnosis:
    return _row(Topic.SANDBOX, _SANDBOXES, _BEFORE, pattern, advice, source, consequence=consequence)


_IMAGES = (
    _image(
        "", "load the image onto the node, or let imagePullPolicy pull it",
        "kubelet images/image_manager.go, imageNotPresentOnNeverPolicyError", reasons=_of("ErrImageNeverPull"),
    ),
    _image(
        r"couldn't parse image name|invalid reference format", "the image's name is malformed: correct it",
        "kubelet pkg/util/parsers/parsers.go, distribution/reference reference.go",
    ),
    _image(
        "", "the image's name is malformed: correct it",
        "kubelet images/types.go, ErrInvalidImageName", reasons=_of("InvalidImageName"),
    ),
    _image(
        r"no match for platform in manifest|no matching manifest for .{1,80} in the manifest list"
        r"|no image found in (manifest list|image index) for architecture",
        "the image has no variant for the node's architecture and operating system: build it for that platform, or "
        "select nodes of another one (kubernetes.io/arch)",
        "containerd core/images/handlers.go and image.go, moby distribution/pull_v2.go, CRI-O by containers/image "
        "internal/manifest/docker_schema2_list.go and oci_index.go",
    ),
    _image(
        r"media type \S+ is no longer supported", "the image has an obsolete manifest format: build and push it again",
        "containerd core/remotes/docker/resolver.go and client/pull.go",
    ),
    _image(
        r"signature validation failed",
        "the node's policy rejects the image's signature: sign the image, or check the policy",
        "kubelet images/image_manager.go, evalCRIPullErr; cri-api pkg/errors/errors.go",
    ),
    _image(
        "", "the node's policy rejects the image's signature: sign the image, or check the policy",
        "cri-api pkg/errors/errors.go, ErrSignatureValidationFailed", reasons=_of("SignatureValidationFailed"),
    ),
    _image(
        r"pull QPS exceeded", "the kubelet limits its own pulls: raise registryPullQPS and registryBurst",
        "kubelet images/helpers.go, throttledImageService",
    ),
    _image(
        r"toomanyrequests|429 Too Many Requests",
        "the registry limits pulls: use credentials, mirror the registry, or cache the image",
        "Docker Hub's pull rate limit, distribution registry/api/errcode/register.go, containerd "
        "core/remotes/errors/errors.go",
    ),
    _image(
        r"no space left on device", "the node's disk is full: check its image file system and the kubelet's image "
        "garbage collection", "the node's operating system (ENOSPC)",
    ),
    _image(
        r"x509: |\btls: |server gave HTTP response to HTTPS client",
        "the node does not trust the registry's certificate, or the registry serves plain HTTP: check the runtime's "
        "registry configuration (certs.d, registries.conf)",
        "Go crypto/x509, crypto/tls and net/http",
    ),
    _image(
        r"no such host|server misbehaving|i/o timeout|connection (refused|reset by peer|timed out)|no route to host"
        r"|network is unreachable|TLS handshake timeout|deadline exceeded|Client\.Timeout|proxyconnect|\bEOF\b",
        "the node cannot reach the registry: check its name, address, proxy and certificate",
        "Go net, net/http and context; the node's operating system (ECONNREFUSED and the like)",
    ),
    _image(
        r"\b5\d\d (Internal Server Error|Bad Gateway|Service Unavailable|Gateway Timeout)|\bservice unavailable",
        "the registry answers with a server error: check the registry, and any proxy in front of it",
        "containerd core/remotes/errors/errors.go, distribution registry/api/errcode/register.go",
    ),
    _image(
        "", "the registry cannot be reached or does not answer: check the registry, and any proxy in front of it",
        "cri-api pkg/errors/errors.go, ErrRegistryUnavailable", reasons=_of("RegistryUnavailable"),
    ),
    _image(
        r"manifest unknown|name unknown|repository name not known to registry|404 Not Found|: not found\b",
        "the registry has no such image: check name and tag, and that it was pushed",
        "containerd core/remotes/docker/resolver.go, distribution registry/api/errcode/register.go",
    ),
    _row(
        Topic.IMAGE, _of("FailedToRetrieveImagePullSecret"), (_P.IMAGE_BACKOFF,), r"secrets \((?P<name>[^()]+)\)",
        "create the secret {name} in the pod's namespace, or correct imagePullSecrets",
        "kubelet pkg/kubelet/kubelet.go and kubelet_pods.go, getPullSecretsForPod",
    ),
    _image(
        r"pull access denied|repository does not exist or may require|requested access to the resource is denied"
        r"|insufficient_scope|\(or it may not exist\)",
        "the registry gives the same answer for missing and for private images: check the image's name first, "
        "then imagePullSecrets and their credentials",
        "containerd core/remotes/docker/resolver.go and authorizer.go, moby distribution/errors.go, distribution "
        "registry/api/errcode/register.go; Docker Hub grants a token without the scope for both",
    ),
    _image(
        r"failed to fetch anonymous token|no basic auth credentials",
        "the registry requires credentials and none were sent: set imagePullSecrets for this registry, or check the "
        "image's name",
        "containerd core/remotes/docker/authorizer.go",
    ),
    _image(
        r"unauthorized|authentication required|401 Unauthorized|403 Forbidden|failed to authorize|\bdenied\b"
        r"|incorrect username or password",
        "check imagePullSecrets, and the registry and credentials in the secret",
        "containerd core/remotes/docker/authorizer.go, distribution registry/api/errcode/register.go, Docker Hub",
    ),
)  # fmt: skip

_CONTAINERS = (
    _container(
        r"failed to reserve container name|error reserving ctr name",
        "the runtime is still working on an earlier request for the same container: " + _SLOW_RUNTIME,
        "containerd internal/cri/server/container_create.go, CRI-O server/container_create.go", consequence=True,
    ),
    _container(
        r"deadline ?exceeded|timing out in CRI-O",
        "the runtime did not answer within the kubelet's runtimeRequestTimeout: " + _SLOW_RUNTIME,
        "gRPC's status DeadlineExceeded in kubelet kuberuntime_container.go, CRI-O server/utils.go",
    ),
    _container(
        r"runAsNonRoot and image",
        "set runAsUser to a numeric user other than 0, or build the image with such a USER",
        "kubelet kuberuntime/security_context_others.go, verifyRunAsNonRoot",
    ),
    _container(
        r"failed to prepare subPath", "check the subPath of the named volumeMount, and its volume",
        "kubelet pkg/kubelet/kubelet_pods.go, makeMounts",
    ),
    _container(
        r"exec format error",
        "the program is built for another architecture than the node's, or its #! line is missing",
        "runc by the node's operating system (ENOEXEC)",
    ),
    _container(
        _both(r"exec(:| failed:)", r"(executable file not found|no such file or directory)"),
        "the command does not exist in the image: correct command and args, or the image",
        "Go os/exec and runc libcontainer/standard_init_linux.go, passed on by containerd and CRI-O",
    ),
    _container(
        r"no space left on device", "the node's disk is full: find out what fills the runtime's file system",
        "the node's operating system (ENOSPC)",
    ),
    _container("", "", "kubelet kuberuntime/kuberuntime_container.go, startContainer"),
)  # fmt: skip

_NODE = (
    _sandbox(
        r"failed to reserve sandbox name|error reserving pod name",
        "the runtime is still working on an earlier request for the same sandbox: " + _SLOW_RUNTIME,
        "containerd internal/cri/server/sandbox_run.go, CRI-O server/sandbox_run_linux.go", consequence=True,
    ),
    _sandbox(
        r"no IP addresses available|failed to assign an IP address",
        "the network has no free address for the pod: enlarge its range, or check for addresses that were not released",
        "CNI plugins host-local (backend/allocator/allocator.go), Amazon VPC CNI (cmd/routed-eni-cni-plugin/cni.go)",
    ),
    _sandbox(
        r"cni plugin not initialized|NetworkPluginNotReady|no networks found in",
        "the node's CNI plugin is not ready: check the plugin's DaemonSet pod on this node",
        "kubelet runtime.go and errors.go (network is not ready), go-cni errors.go",
    ),
    _sandbox(
        r"sandbox image",
        "the runtime cannot get its pause image: check the sandbox image in its configuration, and the registry",
        "containerd internal/cri/server/podsandbox/sandbox_run.go",
    ),
    _sandbox(
        r"no runtime for .{1,260} is configured",
        "the node's runtime lacks the handler of the pod's RuntimeClass: configure it, or select other nodes",
        "containerd internal/cri/config/config.go, GetSandboxRuntime",
    ),
    _sandbox(
        r"deadline ?exceeded|timing out in CRI-O",
        "the sandbox took longer than the runtime's time limit: check the CNI plugin and the load of the node",
        "gRPC's status DeadlineExceeded in kubelet kuberuntime_sandbox.go, CRI-O server/utils.go",
    ),
    _sandbox("", "", "kubelet kuberuntime/kuberuntime_manager.go, pkg/kubelet/kubelet.go"),
    _row(
        Topic.VOLUME, _of("VolumePermissionChangeInProgress"), _MOUNTING, "",
        "the kubelet changes the group of every file of the volume: set fsGroupChangePolicy: OnRootMismatch",
        "kubelet pkg/volume/volume_linux.go, monitorProgress",
    ),
    _row(
        Topic.VOLUME, _of("FailedMountOnFilesystemMismatch", "FileSystemResizeFailed"), _MOUNTING, "",
        "check the volume's file system and the CSI driver on this node",
        "kubelet pkg/volume/util/operationexecutor/operation_generator.go",
    ),
    _row(
        Topic.VOLUME, _MOUNTS | _of("FailedAttachVolume"), (_P.VOLUME_ATTACH, _P.VOLUME_REPORT, *_MOUNTING), "", "",
        "kubelet pkg/kubelet/kubelet.go and volume/util/operationexecutor, attach-detach controller",
    ),
    _row(
        Topic.POD, _of("FailedPrepareDynamicResources"), _BEFORE,
        r"DRA driver \S+ is not registered|not found in the list of registered DRA plugins",
        "the DRA driver is not registered with this node's kubelet: check its DaemonSet pod there",
        "kubelet pkg/kubelet/cm/dra/plugin (1.34: plugin.go, 1.37: dra_plugin_manager.go)",
    ),
    _row(
        Topic.POD, _of("FailedPrepareDynamicResources"), _BEFORE, "",
        "check the pod's ResourceClaims and the DRA driver on this node",
        "kubelet pkg/kubelet/kuberuntime/kuberuntime_manager.go, pkg/kubelet/cm/dra/manager.go",
    ),
    _row(
        Topic.POD, _of("FailedCreatePodContainer", "FailedPodSandBoxStatus", "FailedSync"), (_P.KUBELET_SYNC, *_BEFORE),
        "", "check the kubelet and the container runtime of this node",
        "kubelet pkg/kubelet/kubelet.go, pod_workers.go, kuberuntime/kuberuntime_manager.go",
    ),
    _row(
        Topic.POD, _of("FailedKillPod"), (_P.CLEANUP,),
        _both("KillPodSandboxError", r"(failed to destroy network|plugin type=)"),
        "the CNI plugin cannot remove the pod's network: check the plugin on this node and its credentials",
        "kubelet pkg/kubelet/kubelet.go, container/sync_result.go; containerd internal/cri/server/sandbox_stop.go",
    ),
    _row(
        Topic.POD, _of("FailedKillPod"), (_P.CLEANUP,), r'\A(?!.*"KillContainer")(?=.*KillPodSandboxError)',
        "check the container runtime of this node: it does not remove the pod's sandbox",
        "kubelet container/sync_result.go; its containers are stopped before (kuberuntime_manager.go, killPod)",
    ),
    _row(
        Topic.POD, _of("FailedKillPod", "ExceededGracePeriod"), _STOPPING, "",
        "check the container runtime of this node: it does not stop what the kubelet asks it to stop",
        "kubelet pkg/kubelet/kubelet.go, pod_workers.go",
    ),
    _row(Topic.PROBE, _of("Unhealthy", "ProbeWarning"), (_P.STARTUP_PROBE, _P.READINESS_PROBE), "", "",
         "kubelet pkg/kubelet/prober/prober.go"),
    _row(Topic.PROBE, _of("FailedPostStartHook"), (_P.POST_START,), "", "",
         "kubelet kuberuntime/kuberuntime_container.go"),
    _row(Topic.PROBE, _of("FailedPreStopHook"), _STOPPING, "", "", "kubelet kuberuntime/kuberuntime_container.go"),
    _row(Topic.WAY, _of("FailedCreate"), (_P.OWNER_CONTROLLER, _P.POD_CREATION), "", "",
         "kube-controller-manager pkg/controller/controller_utils.go"),
    _row(
        Topic.WAY, _of("FailedScheduling", "KarpenterFailedScheduling"),
        (_P.SCHEDULING, _P.UNSCHEDULABLE, _P.SCHEDULING_RETRY, _P.PREEMPTION, _P.NODE_PROVISIONING, _P.NODE_START,
         _P.VOLUME_PROVISIONING), "", "", "kube-scheduler pkg/scheduler/schedule_one.go, Karpenter",
    ),
    _row(Topic.WAY, _of("ProvisioningFailed", "ProvisioningCleanupFailed", "ClaimLost", "ClaimMisbound",
         "VolumeMismatch"), (_P.UNSCHEDULABLE, _P.VOLUME_PROVISIONING), "", "",
         "kube-controller-manager pkg/controller/volume/persistentvolume, external-provisioner"),
    _row(
        Topic.NONE,
        _of("AlreadyMountedVolume", "CheckLimitsForResolvConf", "DNSConfigForming", "HostIPsIPFamilyMismatch",
            "InvalidImageID", "LifecycleHTTPFallback", "MissingClusterDNS", "MultipleSELinuxLabels", "ResizeDeferred",
            "ResizeError", "ResizeInfeasible"),
        (), "", "", "kubelet network/dns/dns.go, pkg/kubelet, pkg/volume/local/local.go, prober and lifecycle",
    ),
)  # fmt: skip

DIAGNOSES: tuple[Diagnosis, ...] = (
    _config(
        r"\b(?P<kind>configmap|secret) \"(?P<name>[^\"]+)\" not found", _CREATE,
        "apimachinery pkg/api/errors/errors.go, NewNotFound, by kubelet pkg/volume and kubelet_pods.go",
    ),
    _config(
        r"couldn't find key (?P<key>\S+) in (?P<kind>ConfigMap|Secret) (?P<name>\S+)",
        "add the key {key} to the {kind} {name}, or mark the reference optional",
        "kubelet pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables",
    ),
    _config(
        r"references non-existent (?P<kind>config|secret) key: (?P<key>\S+)",
        "add the key {key} to the source of the volume, or mark the item optional",
        "kubelet pkg/volume/configmap/configmap.go and pkg/volume/secret/secret.go, MakePayload",
    ),
    *_IMAGES,
    _row(Topic.POD, _of("Failed"), _BEFORE, r"error making pod data directories",
         "check the file system of the kubelet's root directory (/var/lib/kubelet) on this node",
         "kubelet pkg/kubelet/kubelet.go, SyncPod"),
    *_CONTAINERS,
    *_NODE,
)  # fmt: skip
"""The table, the most special rows first."""

NORMAL = frozenset(
    {
        *("AddedInterface", "BackOff", "CrashLoopBackOff", "Killing", "Nominated", "NotTriggerScaleUp", "Preempted"),
        *("ResizeCompleted", "SandboxChanged", "SchedulingGateRemoved", "SchedulingGated", "TaintManagerEviction"),
        *("TriggeredScaleUp", "Unschedulable"),
        *("ExternalProvisioning", "FailedBinding", "Provisioning", "ProvisioningSucceeded"),
        *("WaitForFirstConsumer", "WaitForPodScheduled"),
    }
)
"""Reasons that are noted though they are of Events of type Normal, or of conditions; every other one is a Warning's."""
_RANK = {row: index for index, row in enumerate(DIAGNOSES)}
_SHARED = frozenset({"BackOff", "Failed"})
_OF_IMAGE = re.compile(r"Failed to pull image |Back-off pulling image ", re.IGNORECASE)


def of_image(reason: str, text: str) -> bool:
    """Whether a message is about an image: the kubelet uses two reasons for images and for containers alike.

    The first words tell them apart (kubelet images/image_manager.go and kuberuntime/kuberuntime_container.go).
    """
    return _OF_IMAGE.search(text) is not None if reason in _SHARED else reason in _PULLS


def diagnose(reason: str, text: str, *, image: str = "") -> Diagnosis | None:
    """The first row that fits; ``None`` where none does. ``image`` is the container's image, whose name may mislead."""
    said, pull = without_image(text, image), of_image(reason, text)
    rows = (row for row in DIAGNOSES if reason in row.reasons)
    if reason in _SHARED:
        rows = (row for row in rows if (row.topic is Topic.IMAGE) == pull)
    return next((row for row in rows if row.pattern.search(said)), None)


def rank(row: Diagnosis | None) -> int:
    """The place of a row in the table, the end for ``None``: of several messages the most special one counts."""
    return len(_RANK) if row is None else _RANK[row]


def advice_of(row: Diagnosis | None, text: str, *, image: str = "") -> str:
    """What a row advises for a message that it fits; empty where it advises nothing."""
    if row is None:
        return ""
    found = row.pattern.search(without_image(text, image))
    return row.advice.format_map({} if found is None else found.groupdict())


_PLACE = re.compile(r"\b[a-z][a-z0-9+.-]{0,20}://[^\s\"']+")
"""A URL, or a reference with its transport (``docker://``)."""
_NAMED = re.compile(r"\bimage \\?\"([^\"\\]+)")
"""The kubelet and containerd quote the reference that they speak of."""
_READ = 2048
"""Characters that are read of the beginning and of the end of a longer message: one of an Event has 1,024 at most.

So says events.k8s.io/v1 of its note; what is written by the former API, and a container's status, may be longer.
"""
_REFERENCES = 4
"""References of one message that are looked for: the one that was asked for, and forms of it."""


def without_image(text: str, image: str) -> str:
    """A message without URLs and without references of images: their names and tags may be any words.

    Runtimes write the reference as the kubelet gave it and in full: with the registry and the path of Docker Hub, with
    the default tag (distribution/reference normalize.go), in URLs, and as repository and tag apart (containers/image,
    ``reading manifest TAG in REPOSITORY``). Of a very long message its beginning and its end are left.
    """
    said = text if len(text) <= 2 * _READ else f"{text[:_READ]} {text[-_READ:]}"
    found = _NAMED.findall(said)[:_REFERENCES]
    said = _PLACE.sub("URL", said)
    for each in dict.fromkeys((image, *found)):
        said = _without(said, each) if each else said
    return said


def _without(text: str, image: str) -> str:
    name, tag = _parts(image)
    bare = name.removeprefix("docker.io/").removeprefix("library/")
    if not bare:
        return text
    known = (f"docker.io/library/{bare}", f"docker.io/{bare}", name, bare)
    paths, words = [re.escape(each) for each in known if "/" in each], re.escape(bare)
    suffix = r"(?::[\w.-]+|@sha256:[0-9a-f]+)"
    # A name of one word, such as "timeout", is only one in quotes or with its tag.
    whole = rf"(?<![\w./-])(?:(?:{'|'.join(paths)}){suffix}*|{words}{suffix}+|(?<=\"){words}(?=\"))(?![\w/-])"
    # There it stands without its tag.
    apart = rf"\bmanifest {re.escape(tag)} in\b(?: {words}(?![\w./-]))?"
    return re.sub(apart, "manifest TAG in", re.sub(whole, "IMAGE", text))


def _parts(image: str) -> tuple[str, str]:
    """Repository and tag of a reference; a colon before the last slash is of the registry's port."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")
