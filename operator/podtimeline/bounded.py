"""What is kept beside pods has room for so many entries, which namespaces share; what went for want of room is counted.

Whoever may write in one namespace can write without end: full, a store drops the oldest entry of the namespace that
holds most. A namespace that holds no more than its equal share, ``limit // namespaces``, never loses one to another.
"""

import logging
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(StrEnum):
    """The stores that drop what they have no room for."""

    UNKNOWN_PODS = "unknown_pods"
    POD_NAMES = "pod_names"
    DELETED_PODS = "deleted_pods"
    DELETED_POD_UIDS = "deleted_pod_uids"
    WORKLOAD_EVENTS = "workload_events"
    WORKLOAD_REQUESTS = "workload_requests"
    REFUSED_CREATES = "refused_creates"
    REFUSAL_EVENTS = "refusal_events"
    DEPLOYMENT_REVISIONS = "deployment_revisions"
    CONTROLLER_MESSAGES = "controller_messages"
    DELETED_CONTROLLERS = "deleted_controllers"
    STATEFULSET_PODS = "statefulset_pods"
    DAEMONSET_NODES = "daemonset_nodes"
    CLAIM_EVENTS = "claim_events"
    CLAIM_MESSAGES = "claim_messages"
    CLAIM_USERS = "claim_users"
    DETACHED_VOLUMES = "detached_volumes"
    NODE_CLOCKS = "node_clocks"
    NODE_REBOOTS = "node_reboots"
    SANDBOX_CHANGES = "sandbox_changes"
    DELETED_NAMESPACES = "deleted_namespaces"


LOST: Mapping[Kept, str] = {
    Kept.UNKNOWN_PODS: "what Events and EndpointSlices reported about a pod before it was seen",
    Kept.POD_NAMES: "which Event reported a pod's creation",
    Kept.DELETED_PODS: "late reports about a pod that is gone",
    Kept.DELETED_POD_UIDS: "that the pod of a late Event is gone",
    Kept.WORKLOAD_EVENTS: "when a ReplicaSet or Job was first requested",
    Kept.WORKLOAD_REQUESTS: "which request of its workload a pod was created for",
    Kept.REFUSED_CREATES: "which workload was refused a pod",
    Kept.REFUSAL_EVENTS: "which occurrences of an Event have been counted as refusals",
    Kept.DEPLOYMENT_REVISIONS: "whether a pod was deleted for a newer revision of its Deployment",
    Kept.CONTROLLER_MESSAGES: "whether a controller reported that it deleted a pod",
    Kept.DELETED_CONTROLLERS: "whether a pod was deleted with its controller",
    Kept.STATEFULSET_PODS: "which pod of a StatefulSet had the name previously",
    Kept.DAEMONSET_NODES: "which pod of a DaemonSet was on the node previously",
    Kept.CLAIM_EVENTS: "what Events reported about a claim before it was seen",
    Kept.CLAIM_MESSAGES: "for pods created later, why a claim or an attachment was slow at first",
    Kept.CLAIM_USERS: "when the volumes of a pod that is gone were detached",
    Kept.DETACHED_VOLUMES: "for pods seen late, when a volume was attached to the node and detached",
    Kept.NODE_CLOCKS: "by how much a node's clock is off",
    Kept.NODE_REBOOTS: "whether a pod lived through a reboot of its node",
    Kept.SANDBOX_CHANGES: "whether a pod lived through a reboot of its node",
    Kept.DELETED_NAMESPACES: "whether a pod was deleted with its namespace",
}
"""What is no longer known of what was dropped."""


class Losses:
    """Counts what was dropped, by store, and logs the first of each. One thread uses it."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Kept, 0)

    @property
    def counts(self) -> dict[Kept, int]:
        """Entries dropped by each store since the process began, stores that dropped none included."""
        return dict(self._counts)

    def count(self, kept: Kept, number: int = 1) -> None:
        """A store dropped so many entries that it had no room for."""
        if number and not self._counts[kept]:
            log.warning(
                "%s is full and drops its oldest entries (counted by podtimeline_dropped_total); no longer known: %s",
                kept.value,
                LOST[kept],
            )
        self._counts[kept] += number


class Bounded(Generic[K, V]):
    """A mapping of at most ``limit`` entries in the order in which they were put. All calls but ``expire`` are O(1)."""

    def __init__(self, kept: Kept, losses: Losses, *, limit: int) -> None:
        self._kept = kept
        self._losses = losses
        self._limit = limit
        self._held: OrderedDict[K, tuple[str, V, int]] = OrderedDict()
        """Each with its namespace, and when it was put."""
        self._of: dict[str, OrderedDict[K, None]] = {}
        """By namespace: its keys, the oldest first."""
        self._sizes: dict[int, OrderedDict[str, None]] = {}
        """By number of entries: the namespaces that hold so many."""
        self._largest = 0

    def __len__(self) -> int:
        """How many entries are held."""
        return len(self._held)

    def __contains__(self, key: K) -> bool:
        """Whether there is an entry of that key."""
        return key in self._held

    def __iter__(self) -> Iterator[K]:
        """Every key, the oldest first."""
        return iter(self._held)

    def items(self) -> Iterator[tuple[K, V]]:
        """Every entry, the oldest first."""
        return ((key, held[1]) for key, held in self._held.items())

    def get(self, key: K) -> V | None:
        """The value of a key, ``None`` where there is no entry."""
        held = self._held.get(key)
        return None if held is None else held[1]

    @property
    def oldest(self) -> int | None:
        """When the oldest entry was put, ``None`` where there is none."""
        return next(iter(self._held.values()))[2] if self._held else None

    def put(self, namespace: str, key: K, value: V, *, at: int = 0) -> list[tuple[K, V]]:
        """Set an entry, which is the newest then; returns the entries that were dropped for it, and counts them.

        ``at`` is the present moment in nanoseconds, for what is to expire.
        """
        self.add(namespace, key, value, at=at)
        dropped = []
        while (oldest := self.surplus) is not None:
            dropped.append((oldest, self._held[oldest][1]))
            self.drop(oldest)
        return dropped

    def add(self, namespace: str, key: K, value: V, *, at: int = 0) -> None:
        """Set an entry as ``put`` does, but drop none: whoever calls makes room by ``surplus`` and ``drop``."""
        self._remove(key)
        self._held[key] = (namespace, value, at)
        own = self._of.setdefault(namespace, OrderedDict())
        own[key] = None
        self._resized(namespace, len(own) - 1, len(own))

    @property
    def surplus(self) -> K | None:
        """Which entry is to be dropped next, ``None`` while there is room for all."""
        if len(self._held) <= self._limit:
            return None
        return next(iter(self._of[next(iter(self._sizes[self._largest]))]))

    def drop(self, key: K) -> None:
        """Take an entry out for want of room."""
        self.pop(key)
        self._losses.count(self._kept)

    def pop(self, key: K) -> V | None:
        """Take an entry out that is no longer needed; ``None`` where there is none."""
        return self._remove(key)

    def expire(self, until: int) -> list[tuple[K, V]]:
        """Take out and return the oldest entries, up to the first that was put after ``until``."""
        expired = []
        while self._held:
            key, (_, value, at) = next(iter(self._held.items()))
            if at > until:
                break
            self._remove(key)
            expired.append((key, value))
        return expired

    def _remove(self, key: K) -> V | None:
        held = self._held.pop(key, None)
        if held is None:
            return None
        namespace, value, _ = held
        own = self._of[namespace]
        del own[key]
        if not own:
            del self._of[namespace]
        self._resized(namespace, len(own) + 1, len(own))
        return value

    def _resized(self, namespace: str, before: int, now: int) -> None:
        if before:
            alike = self._sizes[before]
            del alike[namespace]
            if not alike:
                del self._sizes[before]
        if now:
            self._sizes.setdefault(now, OrderedDict())[namespace] = None
        if now > self._largest or self._largest not in self._sizes:
            # By one at a time: the namespace that was alone the largest is still among the largest.
            self._largest = now
