"""Waits for a node after public bug reports: the right answers, told from captures alone."""

from typing import Any

import pytest
from tests.support.captures import played


def finding(item: dict[str, Any], kind: str, phase: str) -> dict[str, Any]:
    """The finding of that kind about that phase."""
    (found,) = (each for each in item["findings"] if (each["kind"], each["phase"]) == (kind, phase))
    return dict(found)


def hindered(item: dict[str, Any]) -> list[tuple[str, int | None]]:
    """What keeps the nodes from taking the pod, with their numbers."""
    return [(each["obstacle"], each["nodes"]) for each in item["unschedulable"]["obstacles"]]


def test_volcanos_counts_are_read_and_its_words_about_a_gang_are_one_reason() -> None:
    """volcano-sh/volcano#2416, #3976: ``nodes are unavailable``, and texts that begin with a number."""
    items = played("cases/volcano-gang")
    counted = items["train-unavailable"]
    assert hindered(counted) == [("cpu", 4), ("cordoned", 1)]
    assert counted["unschedulable"]["nodes"] == 5
    advice = finding(counted, "unschedulable", "unschedulable")["advice"]
    assert "CPU requests" in advice
    assert "uncordon" in advice
    gang = items["train-undetermined"]
    assert hindered(gang) == [("gang", None)]
    assert "1 Pending, 1 minAvailable; Pending: 1 Undetermined" in gang["explanation"]


def test_a_pod_that_fits_and_waits_for_its_gang_is_refused_without_any_event() -> None:
    """Volcano says ``Schedulable`` in the condition alone (pull 1672)."""
    silent = played("cases/volcano-gang")["train-silent"]
    assert silent["phase"] == "unschedulable"
    assert hindered(silent) == [("gang", None)]
    assert "once minAvailable is satisfied" in silent["explanation"]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("coredns-1", ["find out why those nodes are not Ready"]),
        ("coredns-2", ["cloud-controller-manager"]),
        ("web-3", ["DiskPressure", "stopped reporting"]),
    ],
)
def test_a_taint_that_kubernetes_sets_is_not_the_pods_to_tolerate(name: str, advice: list[str]) -> None:
    """projectcalico/calico#6569: what to see is why the node is not ready."""
    told = finding(played("cases/taints-by-kubernetes")[name], "unschedulable", "unschedulable")
    assert all(each in told["advice"] for each in advice)
    assert "tolerate" not in told["advice"]


def test_where_the_scheduler_names_no_taint_the_nodes_do() -> None:
    """From v1.34 on the text has no keys; what a pod tolerates does not keep it out."""
    items = played("cases/taints-unnamed")
    web, db = (finding(items[name], "unschedulable", "unschedulable") for name in ("web-1", "db-1"))
    assert "find out why those nodes are not Ready" in web["advice"]
    assert "tolerate the taint dedicated" in web["advice"]
    assert "dedicated" not in db["advice"]
    seen = [each["text"] for each in db["evidence"] if each["source"] == "nodes"]
    assert seen == ["2 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"]


def test_a_scheduler_that_is_not_there_is_named() -> None:
    """volcano-sh/volcano#604: a misspelt name, and nobody answers."""
    items = played("cases/scheduler-name-unknown")
    told = finding(items["nginx-pod"], "scheduler_awaited", "scheduling")
    assert "vocalno" in told["text"]
    assert "vocalno" in told["advice"]
    assert not any(each["kind"] == "scheduler_awaited" for each in items["nginx-ok"]["findings"])


def test_a_machine_is_a_node_that_was_asked_for() -> None:
    """Karpenter up to v0.31: the pod waits for its node from the nomination on."""
    (item,) = played("cases/karpenter-machine").values()
    phases = {each["phase"]: each["durationSeconds"] for each in item["phases"]}
    assert phases["node_provisioning"] == pytest.approx(35.0, abs=0.1)
    assert phases["node_start"] == pytest.approx(20.0, abs=0.1)
    assert phases["unschedulable"] < 3
    assert item["node"] == "node-9"
