"""What the timelines of the pods of ``tests/e2e/waiting.yaml`` have to tell, of the live cluster or of its capture."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.sums import assert_whole, in_order, reached
from tests.support.truth import nanoseconds

from podtimeline.analysis.phases.scheduling import read_refusal

QUOTA, ORDER = "podtimeline.test/quota", "podtimeline.test/order"
REFUSED = {
    "cpu": ("cpu", "Insufficient cpu"),
    "tainted": ("taint", "untolerated taint"),
    "selective": ("node_affinity", "didn't match Pod's node affinity/selector"),
    "spread-second": ("topology_spread", "topology spread constraints"),
    "port-second": ("host_port", "free ports for the requested pod ports"),
    "cordoned": ("cordoned", "were unschedulable"),
}
"""The group of what refuses each pod, and the scheduler's words for it."""
VICTIMS = ("victim-one", "victim-two")
NEW_NODE = {"scaled": "pool-b 0->1", "claimed": "nodeclaim/default-x7k2q"}
"""The pods that wait for a new node, with the words of what was asked for."""
Items = Mapping[str, Any]


def phases(item: Any) -> list[str]:
    """The names of its phases, in order."""
    return [each["phase"] for each in item["phases"]]


def sums(items: Items) -> None:
    """Whatever a pod waited for, its phases lie end to end, and every instant is inside its bounds."""
    for item in items.values():
        assert_whole(item)


def refusals(items: Items) -> None:
    """The scheduler's words in groups, with the number of nodes; the wait ends with the binding."""
    for name, (obstacle, words) in REFUSED.items():
        item = items[name]
        in_order(item, ("created", ""), ("first_unschedulable", ""), ("scheduled", ""), ("ready", ""))
        in_order(item, ("first_unschedulable", ""), ("last_unschedulable", ""), ("scheduled", ""))
        assert "unschedulable" in phases(item)[:2], name
        said = next(each for each in item["notes"] if each["reason"] == "FailedScheduling")
        assert words in said["firstText"], name
        first = {each.obstacle.value: each.nodes for each in read_refusal(said["firstText"]).blocked}
        assert first[obstacle] in {1, 2}, name
        # What hinders it may change before it goes: a node that is uncordoned keeps the taint for a moment.
        last = item["unschedulable"]
        assert (f"0/{last['nodes']} nodes" in last["text"], last["attempts"] >= 1, bool(last["obstacles"])) == (
            True,
            True,
            True,
        ), name
        assert last["text"] == said["text"]
        reasons = last["text"].partition(" preemption:")[0].rstrip(".,")
        # On a busy node another phase may be longer: the sentence tells of the longest alone.
        assert any(reasons in each["text"] for each in item["findings"]), (name, item["explanation"])


def gates(items: Items) -> None:
    """The phase ends with the last gate; each gate says when it went."""
    item = items["gated"]
    in_order(item, ("created", ""), ("gates_removed", ""), ("scheduled", ""), ("ready", ""))
    assert phases(item)[0] == "scheduling_gates"
    assert ("first_unschedulable", "") not in reached(item)
    removed = {each["name"]: nanoseconds(each["removed"]) for each in item["schedulingGates"]}
    assert removed[QUOTA] < removed[ORDER]
    last = reached(item)[("gates_removed", "")]
    # The binding's Event can be faster than the version without gates.
    assert removed[QUOTA] <= nanoseconds(last["at"]) <= removed[ORDER]
    assert last["detail"] == ORDER
    assert ORDER in item["explanation"]


def preemption(items: Items) -> None:
    """The preemptor names its victims and waits for them; each victim says who took its place."""
    item = items["big"]
    in_order(item, ("created", ""), ("preemption", ""), ("scheduled", ""), ("ready", ""))
    lengths = {each["phase"]: each["durationNanoseconds"] for each in item["phases"]}
    # v1.34 does not say in its refusal that it evicts others: what it says a moment later stands after it.
    assert lengths["preemption"] > 10 * lengths.get("unschedulable", 0)
    space = item["namespace"]
    assert reached(item)[("preemption", "")]["detail"] == ", ".join(f"{space}/{name}" for name in VICTIMS)
    assert VICTIMS[0] in item["explanation"]
    for name in VICTIMS:
        victim = items[name]
        assert victim["deletion"]["cause"] == "preemption"
        assert f"{space}/big" in victim["deletion"]["text"]
        begun = nanoseconds(reached(victim)[("deletion_requested", "")]["at"])
        assert begun < nanoseconds(reached(item)[("scheduled", "")]["at"])


def new_node(items: Items) -> None:
    """Asked for, registered, Ready: each a milestone, with a phase before it."""
    for name, words in NEW_NODE.items():
        item = items[name]
        asked = (("created", ""), ("first_unschedulable", ""), ("scale_up_requested", ""), ("node_created", ""))
        in_order(item, *asked, ("scheduled", ""), ("ready", ""))
        in_order(item, ("node_created", ""), ("node_ready", ""), ("ready", ""))
        waits = [each for each in phases(item) if each in {"unschedulable", "node_provisioning", "node_start"}]
        assert waits == ["unschedulable", "node_provisioning", "node_start"], name
        assert reached(item)[("node_created", "")]["detail"] == item["node"]
        assert words in item["explanation"], item["explanation"]


def old_node(items: Items) -> None:
    """A node was asked for, and there was room on an old one first: the time is still the scheduler's refusal."""
    item = items["cpu"]
    in_order(item, ("node_created", ""), ("created", ""), ("scale_up_requested", ""), ("scheduled", ""))
    assert "node_provisioning" not in phases(item)


def no_node_asked_for(items: Items) -> None:
    """The autoscaler's words are kept beside the scheduler's, and are no milestone."""
    item = items["selective"]
    assert "NotTriggerScaleUp" in {each["reason"] for each in item["notes"]}
    assert ("scale_up_requested", "") not in reached(item)


CHECKS: dict[str, Callable[[Items], None]] = {
    each.__name__: each for each in (sums, refusals, gates, preemption, new_node, old_node, no_node_asked_for)
}
