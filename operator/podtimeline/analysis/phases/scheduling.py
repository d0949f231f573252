"""What a scheduler says of a pod that fits no node, read into groups. Pure.

kube-scheduler's text is made by ``FitError.Error`` (k8s.io/kubernetes, pkg/scheduler/framework/types.go): how many
nodes there are, then what a plugin said of the pod itself or how many nodes each reason rules out, then what came of
preemption. Volcano's is made by ``FitErrors.Error`` (pkg/scheduler/api/unschedule_info.go) and ``JobInfo.FitError``
(pkg/scheduler/api/job_info.go), YuniKorn's by its ask events (yunikorn-core, pkg/scheduler/objects). A text of any
other form is quoted as a whole: only where the form is known do numbers separate its parts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from podtimeline.model.notes import Note

FAILED_SCHEDULING = "FailedScheduling"
"""The reason under which a timeline notes what the scheduler says, in its Event and in the pod's condition alike."""
GATE_REMOVED = "SchedulingGateRemoved"
"""The reason under which a timeline notes that one gate went; the gate is the subject."""


class Obstacle(StrEnum):
    """Why a node, or every node, cannot take a pod."""

    CPU = "cpu"
    MEMORY = "memory"
    EPHEMERAL_STORAGE = "ephemeral_storage"
    PODS = "pods"
    """The node has as many pods as it may have."""
    RESOURCE = "resource"
    """Any other resource, such as GPUs or huge pages."""
    TAINT = "taint"
    CORDONED = "cordoned"
    NODE_AFFINITY = "node_affinity"
    """Node selector or affinity, or the node that the pod names."""
    POD_AFFINITY = "pod_affinity"
    POD_ANTI_AFFINITY = "pod_anti_affinity"
    TOPOLOGY_SPREAD = "topology_spread"
    CLAIM = "claim"
    """A claim that is missing, or not bound and not to be bound there."""
    VOLUME_AFFINITY = "volume_affinity"
    """Its volume can only be reached from other nodes or zones."""
    VOLUME_IN_USE = "volume_in_use"
    MAX_VOLUMES = "max_volumes"
    STORAGE_CAPACITY = "storage_capacity"
    HOST_PORT = "host_port"
    DEVICE_CLAIM = "device_claim"
    """Dynamic resource allocation."""
    GATES = "gates"
    GANG = "gang"
    """The group of pods that it belongs to."""
    QUEUE = "queue"
    """The quota of the queue that a batch scheduler put it in."""
    NODE_FEATURES = "node_features"
    NO_NODES = "no_nodes"
    """The cluster has no node at all."""
    OTHER = "other"
    """A text that is not known here."""


IN_WORDS: dict[Obstacle, str] = {
    Obstacle.CPU: "not enough CPU",
    Obstacle.MEMORY: "not enough memory",
    Obstacle.EPHEMERAL_STORAGE: "not enough ephemeral storage",
    Obstacle.PODS: "no room for another pod",
    Obstacle.RESOURCE: "not enough of another resource",
    Obstacle.TAINT: "a taint that it does not tolerate",
    Obstacle.CORDONED: "cordoned",
    Obstacle.NODE_AFFINITY: "its node selector or affinity",
    Obstacle.POD_AFFINITY: "its pod affinity",
    Obstacle.POD_ANTI_AFFINITY: "pod anti-affinity",
    Obstacle.TOPOLOGY_SPREAD: "topology spread",
    Obstacle.CLAIM: "a volume claim",
    Obstacle.VOLUME_AFFINITY: "its volume is not reachable",
    Obstacle.VOLUME_IN_USE: "its volume is in use",
    Obstacle.MAX_VOLUMES: "too many volumes",
    Obstacle.STORAGE_CAPACITY: "not enough storage",
    Obstacle.HOST_PORT: "its host port is taken",
    Obstacle.DEVICE_CLAIM: "its resource claim",
    Obstacle.GATES: "scheduling gates",
    Obstacle.GANG: "its group of pods",
    Obstacle.QUEUE: "the quota of its queue",
    Obstacle.NODE_FEATURES: "a feature that the node lacks",
    Obstacle.NO_NODES: "the cluster has no node",
    Obstacle.OTHER: "another reason",
}
"""Each group for people, before a number of nodes."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """One reason in the scheduler's words, and how many nodes it rules out.

    ``nodes`` is ``None`` for a reason that lies with the pod itself. A node can have several reasons.
    """

    obstacle: Obstacle
    nodes: int | None
    text: str


@dataclass(frozen=True, slots=True)
class NodeRefusal:
    """An attempt of the scheduler that found no node.

    ``nodes`` is how many nodes the cluster had, ``None`` where the text does not say. ``preemption`` is what came of
    the attempt to evict others, empty where there was none.
    """

    text: str
    nodes: int | None
    blocked: tuple[Blocked, ...]
    preemption: str = ""

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """The groups without repetition, in the order of ``Obstacle``."""
        found = {each.obstacle for each in self.blocked}
        return tuple(each for each in Obstacle if each in found)


@dataclass(frozen=True, slots=True)
class NodesRefused:
    """What is known of the attempts that found no node: the latest words, and at least how many there were.

    ``first`` and ``last`` are when the first and the latest attempt that is known of failed, in nanoseconds since the
    epoch. The scheduler tells of an attempt that says nothing new minutes later, if at all (client-go, tools/events).
    """

    refusal: NodeRefusal
    attempts: int
    first: int
    last: int


def refused(notes: Iterable[Note], *, first: int | None, last: int | None) -> NodesRefused | None:
    """What the notes of a pod say of the scheduler's attempts; ``None`` where none is known to have failed.

    ``first`` and ``last`` are the milestones of the first and the last refusal, where they are known.
    """
    said = next((note for note in notes if note.reason == FAILED_SCHEDULING and not note.subject), None)
    if said is None:
        return None
    begin, end = said.first if first is None else first, said.last if last is None else last
    # Each attempt after a change of the pod has an Event of its own, which counts from one again.
    again = first is not None and last is not None and last > first
    return NodesRefused(read_refusal(said.text), max(said.count, 2 if again else 1), begin, max(begin, end))


_NUMBER = r"[0-9]{1,9}"
"""A number of nodes or pods; a longer one is none."""
_KUBE = re.compile(rf"0/({_NUMBER}) nodes are available: ?")
_VOLCANO = re.compile(rf"(?:In hyperNode [^:]+: )?(?:0/({_NUMBER})|all) nodes are unavailable(?:: |$)")
_YUNIKORN = re.compile(r"Unschedulable request '[^']*': ")
_COUNTED = re.compile(rf"(?:^|, )({_NUMBER}) (?=[^\d\s])")
_TIMES = re.compile(rf"(.+?) \(({_NUMBER})x\);\s*")
_SENTENCE_END = re.compile(r"\.(?: |$)")
_PREEMPTION = "preemption: "


def read_refusal(text: str) -> NodeRefusal:
    """Read the text of a FailedScheduling Event, or of the PodScheduled condition; what is not known is ``OTHER``."""
    kube = _KUBE.match(text)
    if kube is not None:
        said, _, preemption = text[kube.end() :].partition(_PREEMPTION)
        return NodeRefusal(text, int(kube[1]), tuple(_blocked(said.strip())), preemption.strip())
    volcano = _VOLCANO.match(text)
    if volcano is not None:
        nodes = None if volcano[1] is None else int(volcano[1])
        return NodeRefusal(text, nodes, tuple(_blocked(text[volcano.end() :].strip())))
    yunikorn = _YUNIKORN.match(text)
    if yunikorn is not None:
        found = _TIMES.findall(text[yunikorn.end() :])
        if found:
            return NodeRefusal(
                text, None, tuple(Blocked(_obstacle(words), int(count), words) for words, count in found)
            )
    whole = text.strip().rstrip(".")
    return NodeRefusal(text, None, (Blocked(_of_whole(whole), None, whole),) if whole else ())


def _blocked(said: str) -> Iterator[Blocked]:
    """The reasons behind a known beginning: each with its number of nodes, or one of the pod itself."""
    if _COUNTED.match(said) is None:
        words = _first_sentence(said)
        if words:
            yield Blocked(_obstacle(words), None, words)
        return
    for count, reason in _reasons(_COUNTED.split(said)):
        words = _first_sentence(reason)
        yield Blocked(_obstacle(words), int(count), words)


def _reasons(parts: list[str]) -> list[tuple[str, str]]:
    """Counts and reasons in turn. A number in the middle of a reason is not the beginning of another.

    Any plugin may write a comma and a number: what follows is a reason of its own only if it is known, or speaks of
    nodes as the texts of kube-scheduler's own plugins do.
    """
    found: list[tuple[str, str]] = []
    for count, reason in zip(parts[1::2], parts[2::2], strict=True):
        if found and not reason.startswith("node(s) ") and _obstacle(_first_sentence(reason)) is Obstacle.OTHER:
            found[-1] = (found[-1][0], f"{found[-1][1]}, {count} {reason}")
        else:
            found.append((count, reason))
    return found


def _first_sentence(text: str) -> str:
    """Without what other plugins say after the reasons."""
    return _SENTENCE_END.split(text, maxsplit=1)[0].strip()


def _obstacle(words: str) -> Obstacle:
    exact = _RESOURCES.get(words)
    if exact is not None:
        return exact
    return next((obstacle for fragment, obstacle in _FRAGMENTS if fragment in words), Obstacle.OTHER)


def _of_whole(text: str) -> Obstacle:
    """What a text without a known beginning is about; what it quotes of other pods is not this one's."""
    return next((obstacle for pattern, obstacle in _WHOLE if pattern.search(text)), None) or _obstacle(text)


_TAINT_KEY = re.compile(r"(?:untolerated taint|had taint) \{([^\s:}]+)")


def taint_keys(text: str) -> tuple[str, ...]:
    """The keys of the taints that a text names; from v1.34 on kube-scheduler names none."""
    return tuple(dict.fromkeys(_TAINT_KEY.findall(text)))


_RESOURCES = {
    "Insufficient cpu": Obstacle.CPU,
    "Insufficient memory": Obstacle.MEMORY,
    "Insufficient ephemeral-storage": Obstacle.EPHEMERAL_STORAGE,
    "Too many pods": Obstacle.PODS,
}
_O = Obstacle
_FRAGMENTS: tuple[tuple[str, Obstacle], ...] = (
    ("Insufficient ", _O.RESOURCE),
    ("untolerated taint", _O.TAINT),
    ("didn't tolerate", _O.TAINT),
    ("pod number exceeded", _O.PODS),
    ("resource fit failed", _O.RESOURCE),
    ("were unschedulable", _O.CORDONED),
    ("scheduling gates", _O.GATES),
    ("Pod's node affinity", _O.NODE_AFFINITY),
    ("scheduler-enforced node affinity", _O.NODE_AFFINITY),
    ("affinity terms conflict", _O.NODE_AFFINITY),
    ("requested node name", _O.NODE_AFFINITY),
    ("plugin(s) [NodeAffinity", _O.NODE_AFFINITY),
    ("didn't match node selector", _O.NODE_AFFINITY),
    ("anti-affinity", _O.POD_ANTI_AFFINITY),
    ("pod affinity rules", _O.POD_AFFINITY),
    ("topology spread", _O.TOPOLOGY_SPREAD),
    ("free ports", _O.HOST_PORT),
    ("max volume count", _O.MAX_VOLUMES),
    ("PersistentVolume's node affinity", _O.VOLUME_AFFINITY),
    ("volume node affinity conflict", _O.VOLUME_AFFINITY),
    ("no available volume zone", _O.VOLUME_AFFINITY),
    ("enough free storage", _O.STORAGE_CAPACITY),
    ("no available disk", _O.VOLUME_IN_USE),
    ("ReadWriteOncePod", _O.VOLUME_IN_USE),
    ("available persistent volumes to bind", _O.CLAIM),
    ("unbound immediate PersistentVolumeClaims", _O.CLAIM),
    ("persistentvolumeclaim", _O.CLAIM),
    ("PersistentVolumeClaim had", _O.CLAIM),
    ("PersistentVolume had", _O.CLAIM),
    ("pvc(s) bound to non-existent", _O.CLAIM),
    ("VolumeBindingMode", _O.CLAIM),
    ("resourceclaim", _O.DEVICE_CLAIM),
    ("ResourceClaim", _O.DEVICE_CLAIM),
    ("resource claim", _O.DEVICE_CLAIM),
    ("allocate all claims", _O.DEVICE_CLAIM),
    ("allocate devices", _O.DEVICE_CLAIM),
    ("allocating devices", _O.DEVICE_CLAIM),
    ("device class", _O.DEVICE_CLAIM),
    ("cannot fit resource", _O.DEVICE_CLAIM),
    ("pod group", _O.GANG),
    ("gang", _O.GANG),
    ("placements are available", _O.GANG),
    ("required features", _O.NODE_FEATURES),
    ("no nodes available", _O.NO_NODES),
)
"""What the plugins of pkg/scheduler/framework/plugins say in v1.34 and v1.37; the first fragment that fits decides."""
_WHOLE: tuple[tuple[re.Pattern[str], Obstacle], ...] = (
    # volcano, pkg/scheduler/cache/cache.go (RecordJobStatusEvent) and pkg/scheduler/api/job_info.go (FitError,
    # TaskSchedulingReason): v1.7 to v1.12.
    (re.compile(rf"^{_NUMBER}/{_NUMBER} tasks in gang unschedulable"), _O.GANG),
    (re.compile(r"^pod group is not ready"), _O.GANG),
    (re.compile(r"^Pod \S+ can possibly be assigned to \S+"), _O.GANG),
    # yunikorn-core, pkg/scheduler/objects (SendRequestExceedsQueueHeadroom); yunikorn-k8shim, pkg/cache/context.go
    # (HandleContainerStateUpdate).
    (re.compile(r"^Request '[^']*' does not fit in queue "), _O.QUEUE),
    (re.compile(r"because the queue quota has been exceed"), _O.QUEUE),
    # volcano, pkg/scheduler/plugins/capacity and proportion.
    (re.compile(r"^queue resource quota insufficient"), _O.QUEUE),
)
"""What other schedulers say of a pod as a whole."""
