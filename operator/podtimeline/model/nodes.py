"""Nodes, the taints that Kubernetes sets by itself, and the taints of nodes that a pod does not tolerate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podtimeline.model.instants import Evidence

UNTOLERATED = "UntoleratedTaints"
"""The reason under which a timeline notes the taints of the watched nodes that its pod does not tolerate."""


@dataclass(frozen=True, slots=True)
class Taint:
    """corev1.Taint."""

    key: str
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Toleration:
    """corev1.Toleration."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def tolerates(self, taint: Taint) -> bool:
        """Whether it tolerates the taint (k8s.io/api/core/v1, ``Toleration.ToleratesTaint``)."""
        if self.effect not in {"", taint.effect} or self.key not in {"", taint.key}:
            return False
        return self.operator == "Exists" or (self.operator in {"", "Equal"} and self.value == taint.value)


_KEEPS_OUT = frozenset({"NoSchedule", "NoExecute"})
_CORDONED = "node.kubernetes.io/unschedulable"
"""A node that is cordoned has it too; the scheduler speaks of such a node in other words (plugin NodeUnschedulable)."""


def untolerated(nodes: Mapping[tuple[Taint, ...], int], tolerations: Iterable[Toleration]) -> str:
    """What the scheduler said before v1.34 of the nodes whose taints the pod does not tolerate; empty for none.

    ``nodes`` is how many nodes have the same taints. Of each node its first taint counts, as in the plugin
    TaintToleration (pkg/scheduler/framework/plugins/tainttoleration).
    """
    tolerated = tuple(tolerations)
    counts: dict[Taint, int] = {}
    for taints, count in nodes.items():
        found = next((each for each in taints if _keeps_out(each, tolerated)), None)
        if found is not None and all(each.key != _CORDONED for each in taints):
            counts[found] = counts.get(found, 0) + count
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0].key, item[0].value))
    return ", ".join(f"{count} node(s) had untolerated taint {{{each.key}: {each.value}}}" for each, count in ordered)


def _keeps_out(taint: Taint, tolerations: tuple[Toleration, ...]) -> bool:
    return taint.effect in _KEEPS_OUT and not any(each.tolerates(taint) for each in tolerations)


_BY_KUBERNETES: dict[str, str] = {
    "node.kubernetes.io/not-ready": "find out why those nodes are not Ready (kubectl describe node): kubelet, runtime, "
    "network plugin",
    "node.kubernetes.io/unreachable": "find out why the kubelets of those nodes stopped reporting: node down, or "
    "disconnected "
    "from the API server",
    "node.kubernetes.io/memory-pressure": "free memory on those nodes: their kubelets report MemoryPressure",
    "node.kubernetes.io/disk-pressure": "free disk space on those nodes: their kubelets report DiskPressure",
    "node.kubernetes.io/pid-pressure": "end processes on those nodes: their kubelets report PIDPressure",
    "node.kubernetes.io/network-unavailable": "find out why those nodes have no network: network plugin, routes",
    "node.kubernetes.io/unschedulable": "uncordon the nodes (kubectl uncordon), or add others",
    "node.cloudprovider.kubernetes.io/uninitialized": "find out why the cloud-controller-manager has not initialized "
    "those "
    "nodes: whether it runs, and its credentials",
    "node.cloudprovider.kubernetes.io/shutdown": "start those nodes again: the cloud provider reports them shut down",
}
"""By key, what to do: controllers set and remove them (k8s.io/api/core/v1/well_known_taints.go, k8s.io/cloud-provider).

``node.kubernetes.io/out-of-service`` is not among them: a person sets it.
"""


def taint_remedies(keys: Iterable[str]) -> tuple[str, ...]:
    """What to do about taints of these keys, each advice once; of taints in general where no key is known."""
    named = tuple(keys)
    if not named:
        return (_UNNAMED,)
    others = [key for key in named if key not in _BY_KUBERNETES]
    found = [_BY_KUBERNETES[key] for key in named if key in _BY_KUBERNETES]
    if others:
        which = f" {', '.join(others)}" if found else ""
        found.append(f"tolerate the taint{which}, or remove it from the intended nodes")
    return tuple(found)


_UNNAMED = (
    "check the taints of the nodes (kubectl describe node) and tolerate the intended ones; a node with a taint of "
    "node.kubernetes.io is not ready or under pressure"
)


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as of its latest version; ``created_second`` is its ``creationTimestamp`` in nanoseconds (1 s).

    ``ready`` is the evidence for the first time that it was Ready, empty while nothing says that it was.
    """

    name: str
    uid: str
    created_second: int
    created: tuple[Evidence, ...]
    ready: tuple[Evidence, ...] = ()
    cordoned: bool = False
    cordoned_at: int | None = None
    """The arrival of what first showed it cordoned, 0 where it was so before anybody looked."""
    evicting: tuple[str, ...] = ()
    """Its taints of the effect NoExecute, as ``key`` or ``key=value``."""
    taints: tuple[Taint, ...] = ()
    """All its taints, in the order of its spec."""
