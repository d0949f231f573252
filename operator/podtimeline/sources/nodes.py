"""The nodes of the cluster, and which volumes each kubelet says that it needs (``ports.Nodes``).

A kubelet mounts no volume before it says that it needs it, and none is detached while it does.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from msgspec.json import Decoder

from podtimeline.errors import MalformedObject
from podtimeline.kube.indexer import Entry, IndexedFeed, Indexer, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import Condition, Metadata, WatchEvent, Wire
from podtimeline.model.instants import Evidence, Source, happened, just_after, within_second
from podtimeline.model.milestones import Milestone
from podtimeline.model.nodes import NodeState, Taint
from podtimeline.model.storage import Fact, UsageNews
from podtimeline.ports import Intake
from podtimeline.sources.texts import moment, noticed, until

NODES = Resource(name="nodes", namespaced=False, without="when new nodes registered and became Ready")


class NodeTaint(Wire, frozen=True):
    """corev1.Taint."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Wire, frozen=True):
    """corev1.NodeSpec."""

    unschedulable: bool = False
    taints: list[NodeTaint] | None = None


class NodeStatus(Wire, frozen=True):
    """corev1.NodeStatus; a heartbeat changes only what is not read."""

    conditions: list[Condition] | None = None
    volumes_in_use: list[str] | None = None


class Node(Wire, frozen=True):
    """corev1.Node."""

    metadata: Metadata
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class NodeIndex(Indexer[NodeState]):
    """Implements ``ports.Nodes``; ``NodeFeed`` fills it."""

    def __init__(self) -> None:
        super().__init__()
        self._tainted: Counter[tuple[Taint, ...]] = Counter()

    def node(self, name: str) -> NodeState | None:
        """See ``ports.Nodes``."""
        held = self.get("", name)
        return None if held is None else held.value

    @property
    def taints(self) -> Mapping[tuple[Taint, ...], int]:
        """How many nodes have these taints, for each combination that nodes have."""
        return self._tainted

    def put(self, key: ObjectKey, entry: Entry[NodeState]) -> None:
        """See ``Indexer.put``."""
        self.drop(key)
        super().put(key, entry)
        if entry.value.taints:
            self._tainted[entry.value.taints] += 1

    def drop(self, key: ObjectKey) -> Entry[NodeState] | None:
        """See ``Indexer.drop``."""
        held = super().drop(key)
        if held is not None and held.value.taints:
            self._tainted[held.value.taints] -= 1
            if not self._tainted[held.value.taints]:
                del self._tainted[held.value.taints]
        return held


class NodeFeed(IndexedFeed[Node, NodeState]):
    """Fills the index of nodes, and tells of the volumes that they need."""

    def __init__(self, index: NodeIndex, intake: Intake) -> None:
        super().__init__(Collection(NODES), Decoder(Node), Decoder(WatchEvent[Node]), index=index)
        self._intake = intake
        self._usage = Usage()

    def _took(self, seen: Node, held: NodeState | None, *, arrived: int, live: bool) -> NodeState:
        state, volumes = _state(seen, held, arrived=arrived, live=live), seen.status.volumes_in_use or ()
        for news in self._usage.read(state.name, volumes, arrived=arrived, live=live, first=held is None):
            self._intake.storage(news, arrived=arrived)
        return state

    def _went(self, key: ObjectKey, held: Entry[NodeState], last: Node | None, *, arrived: int, live: bool) -> None:
        for news in self._usage.gone(key.name, arrived=arrived):
            self._intake.storage(news, arrived=arrived)


def _state(seen: Node, before: NodeState | None, *, arrived: int, live: bool) -> NodeState:
    metadata = seen.metadata
    if metadata.creation_timestamp is None:
        raise MalformedObject("a node without creationTimestamp")
    created = moment(metadata.creation_timestamp)
    return NodeState(
        name=metadata.name,
        uid=metadata.uid,
        created_second=created,
        created=before.created if before is not None else _created(created, arrived=arrived, live=live),
        ready=(before.ready if before is not None else ()) or _ready(seen, before, arrived=arrived, live=live),
        cordoned=seen.spec.unschedulable,
        cordoned_at=_cordoned_at(seen, before, arrived=arrived, live=live),
        evicting=tuple(
            f"{each.key}={each.value}" if each.value else each.key
            for each in seen.spec.taints or ()
            if each.effect == "NoExecute"
        ),
        taints=tuple(Taint(each.key, each.value, each.effect) for each in seen.spec.taints or ()),
    )


def _cordoned_at(seen: Node, before: NodeState | None, *, arrived: int, live: bool) -> int | None:
    if not seen.spec.unschedulable:
        return None
    if before is not None and before.cordoned_at is not None:
        return before.cordoned_at
    return arrived if live else 0


def _created(at: int, *, arrived: int, live: bool) -> tuple[Evidence, ...]:
    stated = within_second(Source.FIELD, at, observed=arrived)
    return (stated, just_after(Source.WATCH, arrived, observed=arrived)) if live else (stated,)


def _ready(seen: Node, before: NodeState | None, *, arrived: int, live: bool) -> tuple[Evidence, ...]:
    ready = next((each for each in seen.status.conditions or () if each.type == "Ready"), None)
    if ready is None or ready.status != "True" or ready.last_transition_time is None:
        return ()
    if not live:
        # It may have been Ready before, and not Ready in between.
        bound = until(Source.CONDITION, ready.last_transition_time, arrived)
        return () if bound is None else (bound,)
    stated = within_second(Source.CONDITION, moment(ready.last_transition_time), observed=arrived)
    return stated, just_after(Source.WATCH, arrived, observed=arrived)


_CSI = "kubernetes.io/csi/"


def attachment_name(volume: str, node: str) -> str | None:
    """The VolumeAttachment of a volume by its unique name; ``None`` for one that no CSI driver serves.

    It is named after a hash of handle, driver and node (pkg/volume/csi/csi_attacher.go, getAttachmentName).
    """
    driver, _, handle = volume.removeprefix(_CSI).partition("^")
    if not volume.startswith(_CSI) or not handle:
        return None
    return f"csi-{sha256(f'{handle}{driver}{node}'.encode()).hexdigest()}"


class Usage:
    """Compares each version of a node with the one before."""

    def __init__(self) -> None:
        self._needed: dict[str, dict[str, UsageNews]] = {}
        """By node and volume."""

    def read(self, node: str, volumes: Sequence[str], *, arrived: int, live: bool, first: bool) -> Iterator[UsageNews]:
        """What is new in a version of a node; ``first`` for the first one: what it shows began before."""
        held = self._needed.setdefault(node, {})
        for volume in volumes:
            name = attachment_name(volume, node)
            if name is not None and volume not in held:
                evidence = happened(arrived) if first else noticed(arrived, live=live)
                held[volume] = UsageNews(f"{name}/{arrived}", name, None, (Fact(Milestone.IN_USE, (evidence,)),))
                yield held[volume]
        needed = frozenset(volumes)
        for volume in [each for each in held if each not in needed]:
            yield _over(held.pop(volume), arrived, live=live)

    def gone(self, node: str, *, arrived: int) -> Iterator[UsageNews]:
        """A node is gone, and with it what it needed."""
        for each in self._needed.pop(node, {}).values():
            yield _over(each, arrived, live=False)


def _over(begun: UsageNews, arrived: int, *, live: bool) -> UsageNews:
    facts = (Fact(Milestone.UNUSED, (noticed(arrived, live=live),)),)
    return UsageNews(begun.uid, begun.attachment, arrived, facts)
