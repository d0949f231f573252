"""What the scheduler says of a pod that fits no node, read into groups. Pure.

The text is made by ``FitError.Error`` (k8s.io/kubernetes, pkg/scheduler/framework/types.go): how many nodes there are,
then what a plugin said of the pod itself or how many nodes each reason rules out, then what came of preemption.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from podtimeline.core.timeline import Note

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
    NODE_FEATURES = "node_features"
    NO_NODES = "no_nodes"
    """The cluster has no node at all."""
    OTHER = "other"
    """A text that is not known here."""


IN_WORDS: dict[Obstacle, str] = {
    Obstacle.CPU: "not enough cpu",
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
    Obstacle.VOLUME_AFFINITY: "its volume is elsewhere",
    Obstacle.VOLUME_IN_USE: "its volume is in use",
    Obstacle.MAX_VOLUMES: "too many volumes",
    Obstacle.STORAGE_CAPACITY: "not enough storage",
    Obstacle.HOST_PORT: "its host port is taken",
    Obstacle.DEVICE_CLAIM: "its resource claim",
    Obstacle.GATES: "scheduling gates",
    Obstacle.GANG: "its group of pods",
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
class Refusal:
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
class Refused:
    """What is known of the attempts that found no node: the latest words, and at least how many there were.

    ``first`` and ``last`` are when the first and the latest attempt that is known of failed, in nanoseconds since the
    epoch. The scheduler tells of an attempt that says nothing new minutes later, if at all (client-go, tools/events).
    """

    refusal: Refusal
    attempts: int
    first: int
    last: int


def refused(notes: Iterable[Note], *, first: int | None, last: int | None) -> Refused | None:
    """What the notes of a pod say of the scheduler's attempts; ``None`` where none is known to have failed.

    ``first`` and ``last`` are the milestones of the first and the last refusal, where they are known.
    """
    said = next((note for note in notes if note.reason == FAILED_SCHEDULING and not note.subject), None)
    if said is None:
        return None
    begin, end = said.first if first is None else first, said.last if last is None else last
    # Each attempt after a change of the pod has an Event of its own, which counts from one again.
    again = first is not None and last is not None and last > first
    return Refused(read_refusal(said.text), max(said.count, 2 if again else 1), begin, max(begin, end))


_HEAD = re.compile(r"0/([0-9]{1,9}) nodes are available: ?")
_COUNTED = re.compile(r"(?:^|, )([0-9]{1,9}) (?=[^\d\s])")
_SENTENCE_END = re.compile(r"\.(?: |$)")
_PREEMPTION = "preemption: "


def read_refusal(text: str) -> Refusal:
    """Read the text of a FailedScheduling Event, or of the PodScheduled condition; what is not known is ``OTHER``."""
    head = _HEAD.match(text)
    said, _, preemption = text[head.end() if head else 0 :].partition(_PREEMPTION)
    nodes = int(head[1]) if head else None
    return Refusal(text, nodes, tuple(_blocked(said.strip())), preemption.strip())


def _blocked(said: str) -> Iterator[Blocked]:
    if not _COUNTED.match(said):
        words = _first_sentence(said)
        if words:
            yield Blocked(_obstacle(words), None, words)
        return
    parts = _COUNTED.split(said)
    for count, reason in zip(parts[1::2], parts[2::2], strict=True):
        words = _first_sentence(reason)
        yield Blocked(_obstacle(words), int(count), words)


def _first_sentence(text: str) -> str:
    """Without what other plugins say after the reasons."""
    return _SENTENCE_END.split(text, maxsplit=1)[0].strip()


def _obstacle(words: str) -> Obstacle:
    exact = _RESOURCES.get(words)
    if exact is not None:
        return exact
    return next((obstacle for fragment, obstacle in _FRAGMENTS if fragment in words), Obstacle.OTHER)


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
