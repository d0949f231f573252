"""The nodes of the cluster, as the low-rate kinds tell of them (``ports.Nodes``)."""

from collections import Counter
from collections.abc import Mapping

from msgspec.json import Decoder

from podtimeline.errors import MalformedObject
from podtimeline.intake.feeds import DELETED, Feed
from podtimeline.intake.kinds import LowRate
from podtimeline.intake.reading import until
from podtimeline.intake.texts import moment
from podtimeline.intake.usage import Usage
from podtimeline.intake.wire import Condition, Metadata, WatchEvent, Wire
from podtimeline.model.instants import Evidence, Source, just_after, within_second
from podtimeline.model.nodes import NodeState, Taint
from podtimeline.ports import Intake


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


class NodeIndex:
    """Implements ``ports.Nodes``; ``NodeFeed`` fills it."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeState] = {}
        self._tainted: Counter[tuple[Taint, ...]] = Counter()

    def node(self, name: str) -> NodeState | None:
        """See ``ports.Nodes``."""
        return self.nodes.get(name)

    @property
    def taints(self) -> Mapping[tuple[Taint, ...], int]:
        """How many nodes have these taints, for each combination that nodes have."""
        return self._tainted

    def put(self, state: NodeState) -> None:
        """A node is as this says."""
        self.drop(state.name)
        self.nodes[state.name] = state
        if state.taints:
            self._tainted[state.taints] += 1

    def drop(self, name: str) -> None:
        """The node is gone."""
        held = self.nodes.pop(name, None)
        if held is not None and held.taints:
            self._tainted[held.taints] -= 1
            if not self._tainted[held.taints]:
                del self._tainted[held.taints]


class NodeFeed(Feed[Node]):
    """Fills the index of nodes, and tells of the volumes that they need."""

    stream = LowRate.NODES

    def __init__(self, index: NodeIndex, intake: Intake) -> None:
        super().__init__(Decoder(Node), Decoder(WatchEvent[Node]))
        self._index = index
        self._intake = intake
        self._usage = Usage()
        self._listing: set[str] = set()

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._listing = set()

    def end(self, version: str, *, arrived: int) -> None:
        """Nodes that neither the listing nor a watch showed since it began are gone."""
        for name in [each for each in self._index.nodes if each not in self._listing]:
            self._remove(name, arrived)

    def _seen(self, seen: Node, *, arrived: int, live: bool, listing: bool) -> None:
        name = seen.metadata.name
        self._listing.add(name)
        held = self._index.node(name)
        if held is not None and held.uid == seen.metadata.uid and listing:
            # What a watch told of it is newer, or the same.
            return
        self._index.put(_state(seen, held, arrived=arrived, live=live and not listing))
        volumes = seen.status.volumes_in_use or ()
        for news in self._usage.read(name, volumes, arrived=arrived, live=live and not listing, first=held is None):
            self._intake.storage(news, arrived=arrived)

    def _gone(self, seen: Node, *, arrived: int, live: bool) -> None:
        self._remove(seen.metadata.name, arrived)

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        if kind == DELETED:
            self._remove(head.name, arrived)
        else:
            self._listing.add(head.name)

    def _remove(self, name: str, arrived: int) -> None:
        self._index.drop(name)
        for news in self._usage.gone(name, arrived=arrived):
            self._intake.storage(news, arrived=arrived)


def _state(seen: Node, held: NodeState | None, *, arrived: int, live: bool) -> NodeState:
    metadata = seen.metadata
    if metadata.creation_timestamp is None:
        raise MalformedObject("a node without creationTimestamp")
    created = moment(metadata.creation_timestamp)
    same = held is not None and held.uid == metadata.uid
    before = held if same else None
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
