"""Which taints keep a pod out, and what is to be done about those that Kubernetes sets by itself."""

import pytest

from podtimeline.model.nodes import Taint, Toleration, taint_remedies, untolerated

NOT_READY = Taint("node.kubernetes.io/not-ready", "", "NoSchedule")
DATABASE = Taint("dedicated", "db", "NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        (Toleration("dedicated", "Equal", "db", "NoSchedule"), True),
        (Toleration("dedicated", "", "db"), True),
        (Toleration("dedicated", "Exists"), True),
        (Toleration("", "Exists"), True),
        (Toleration("dedicated", "Equal", "web"), False),
        (Toleration("dedicated", "Exists", "", "NoExecute"), False),
        (Toleration("other", "Exists"), False),
        (Toleration("dedicated", "Gt", "1"), False),
    ],
)
def test_a_toleration_matches_key_value_and_effect(toleration: Toleration, *, tolerated: bool) -> None:
    """An empty key or effect matches all; an operator that is not known here matches nothing."""
    assert toleration.tolerates(DATABASE) is tolerated


def test_nodes_are_counted_by_their_first_untolerated_taint() -> None:
    """As the scheduler did before v1.34; a taint that only prefers keeps nobody out."""
    nodes = {(NOT_READY,): 3, (DATABASE, NOT_READY): 2, (Taint("soft", "", "PreferNoSchedule"),): 4}
    assert untolerated(nodes, ()) == (
        "3 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, 2 node(s) had untolerated taint "
        "{dedicated: db}"
    )
    assert untolerated(nodes, [Toleration("dedicated", "Exists")]) == (
        "5 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
    )
    assert untolerated(nodes, [Toleration("", "Exists")]) == ""


def test_a_cordoned_node_is_not_counted() -> None:
    """The scheduler says of it that it was unschedulable."""
    assert untolerated({(Taint("node.kubernetes.io/unschedulable", "", "NoSchedule"), NOT_READY): 1}, ()) == ""


def test_each_key_has_its_remedy() -> None:
    """A taint of an administrator is tolerated or removed, one of Kubernetes has a cause."""
    assert taint_remedies(["dedicated"]) == ("tolerate the taint, or remove it from the intended nodes",)
    pressure, own = taint_remedies(["node.kubernetes.io/memory-pressure", "dedicated", "gpu"])
    assert "MemoryPressure" in pressure
    assert own.startswith("tolerate the taint dedicated, gpu")
    assert "tolerate" in taint_remedies(["node.kubernetes.io/out-of-service"])[0]
    (unknown,) = taint_remedies([])
    assert "kubectl describe node" in unknown
