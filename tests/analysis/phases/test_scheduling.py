"""The scheduler's words are read into groups; the texts are those of the sources of v1.34 and v1.37."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podtimeline.analysis.phases.scheduling import FAILED_SCHEDULING, Obstacle, read_refusal, refused, taint_keys
from podtimeline.model.notes import Note

TEXTS = {
    "Insufficient cpu": Obstacle.CPU,
    "Insufficient memory": Obstacle.MEMORY,
    "Insufficient ephemeral-storage": Obstacle.EPHEMERAL_STORAGE,
    "Insufficient nvidia.com/gpu": Obstacle.RESOURCE,
    "Insufficient hugepages-2Mi": Obstacle.RESOURCE,
    "Too many pods": Obstacle.PODS,
    "node(s) had untolerated taint(s)": Obstacle.TAINT,
    "node(s) had untolerated taint {node.kubernetes.io/not-ready: }": Obstacle.TAINT,
    "node(s) had taint {dedicated: db}, that the pod didn't tolerate": Obstacle.TAINT,
    "node(s) were unschedulable": Obstacle.CORDONED,
    "node(s) didn't match Pod's node affinity/selector": Obstacle.NODE_AFFINITY,
    "node(s) didn't match the requested node name": Obstacle.NODE_AFFINITY,
    "node(s) didn't satisfy plugin(s) [NodeAffinity]": Obstacle.NODE_AFFINITY,
    "node(s) didn't match scheduler-enforced node affinity": Obstacle.NODE_AFFINITY,
    "node(s) didn't match pod affinity rules": Obstacle.POD_AFFINITY,
    "node(s) didn't match pod anti-affinity rules": Obstacle.POD_ANTI_AFFINITY,
    "node(s) didn't satisfy existing pods anti-affinity rules": Obstacle.POD_ANTI_AFFINITY,
    "node(s) didn't match pod topology spread constraints": Obstacle.TOPOLOGY_SPREAD,
    "node(s) didn't match pod topology spread constraints (missing required label)": Obstacle.TOPOLOGY_SPREAD,
    "node(s) didn't find available persistent volumes to bind": Obstacle.CLAIM,
    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)": Obstacle.CLAIM,
    "node(s) didn't match PersistentVolume's node affinity": Obstacle.VOLUME_AFFINITY,
    "node(s) had volume node affinity conflict": Obstacle.VOLUME_AFFINITY,
    "node(s) had no available volume zone": Obstacle.VOLUME_AFFINITY,
    "node(s) exceed max volume count": Obstacle.MAX_VOLUMES,
    "node(s) did not have enough free storage": Obstacle.STORAGE_CAPACITY,
    "node(s) had no available disk": Obstacle.VOLUME_IN_USE,
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another "
    "pod": Obstacle.VOLUME_IN_USE,
    "node(s) didn't have free ports for the requested pod ports": Obstacle.HOST_PORT,
    "cannot allocate all claims": Obstacle.DEVICE_CLAIM,
    "resourceclaim not available on the node": Obstacle.DEVICE_CLAIM,
    "node(s) didn't match Pod's required features": Obstacle.NODE_FEATURES,
    "node(s) had something nobody has heard of": Obstacle.OTHER,
}
ALONE = {
    "pod has unbound immediate PersistentVolumeClaims": Obstacle.CLAIM,
    'persistentvolumeclaim "data" not found': Obstacle.CLAIM,
    'waiting for ephemeral volume controller to create the persistentvolumeclaim "web-scratch"': Obstacle.CLAIM,
    "pod affinity terms conflict": Obstacle.NODE_AFFINITY,
    "request gpu, device class big does not exist": Obstacle.DEVICE_CLAIM,
    "waiting for minCount pods from a gang to appear in scheduling queue": Obstacle.GANG,
}
OUTCOMES = (
    "",
    "preemption: 0/3 nodes are available: 1 Insufficient cpu, 2 Preemption is not helpful for scheduling.",
    "preemption: found a potential placement for pod on node node-1, preempting 2 victims",
    "preemption: not eligible due to preemptionPolicy=Never.",
)


def counted(*reasons: tuple[int, str], nodes: int = 3, outcome: str = "") -> str:
    """The text as FitError.Error makes it, but in the order given."""
    listed = ", ".join(f"{count} {reason}" for count, reason in reasons)
    return f"0/{nodes} nodes are available: {listed}. {outcome}".rstrip()


@pytest.mark.parametrize(("text", "obstacle"), TEXTS.items())
def test_each_reason_of_a_node_has_its_group(text: str, obstacle: Obstacle) -> None:
    """A reason is put into its group, with its words and the number of nodes that it rules out."""
    (blocked,) = read_refusal(counted((2, text))).blocked
    assert (blocked.obstacle, blocked.nodes, blocked.text) == (obstacle, 2, text)


@pytest.mark.parametrize(("text", "obstacle"), ALONE.items())
def test_a_reason_of_the_pod_itself_counts_no_nodes(text: str, obstacle: Obstacle) -> None:
    """What a plugin says before it looks at nodes rules out all of them and counts none."""
    refusal = read_refusal(f"0/3 nodes are available: {text}. preemption: 0/3 nodes are available: 3 Preemption is no.")
    (blocked,) = refusal.blocked
    assert (blocked.obstacle, blocked.nodes, blocked.text) == (obstacle, None, text)
    assert refusal.nodes == 3


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.sampled_from(sorted(TEXTS))), min_size=1, max_size=8),
    st.integers(0, 5000),
    st.sampled_from(OUTCOMES),
)
def test_any_mixture_of_reasons_is_read_back(reasons: list[tuple[int, str]], nodes: int, outcome: str) -> None:
    """However many reasons a text lists, each is found with its count, and preemption's own counts are none of them."""
    refusal = read_refusal(counted(*reasons, nodes=nodes, outcome=outcome))
    assert [(each.nodes, each.text) for each in refusal.blocked] == reasons
    assert [each.obstacle for each in refusal.blocked] == [TEXTS[text] for _, text in reasons]
    assert refusal.nodes == nodes
    assert refusal.preemption == outcome.removeprefix("preemption: ")
    assert set(refusal.obstacles) == {TEXTS[text] for _, text in reasons}


@given(st.text(max_size=300))
def test_no_text_is_too_odd_and_none_is_lost(text: str) -> None:
    """Whatever another scheduler writes is kept as it is and read without an error."""
    refusal = read_refusal(text)
    assert refusal.text == text
    assert len(set(refusal.obstacles)) == len(refusal.obstacles)


def test_what_other_plugins_say_after_the_reasons_is_no_reason() -> None:
    """Dynamic resource allocation adds words of its own between the reasons and preemption."""
    refusal = read_refusal(
        "0/2 nodes are available: 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: "
        "0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )
    assert [(each.obstacle, each.nodes) for each in refusal.blocked] == [(Obstacle.TAINT, 2)]
    assert refusal.preemption == "0/2 nodes are available: 2 Preemption is not helpful for scheduling."


def test_a_cluster_without_nodes_says_so() -> None:
    """Without any node the scheduler does not even count them."""
    refusal = read_refusal("no nodes available to schedule pods")
    assert refusal.obstacles == (Obstacle.NO_NODES,)
    assert refusal.nodes is None


def test_a_text_that_was_cut_off_still_tells_its_beginning() -> None:
    """An Event's text ends after 1,024 characters."""
    refusal = read_refusal("0/900 nodes are available: 4 Insufficient cpu, 7 node(s) had untolerated ta ...")
    assert [(each.obstacle, each.nodes) for each in refusal.blocked] == [(Obstacle.CPU, 4), (Obstacle.OTHER, 7)]


def test_the_latest_words_and_the_number_of_attempts_are_kept() -> None:
    """Of a pod's notes the scheduler's counts, of its moments the milestones; a pod that always fitted has none."""
    text = counted((3, "Insufficient cpu"))
    note = Note(FAILED_SCHEDULING, "", text, first=5, last=9, count=4, first_text=counted((1, "Too many pods")))
    told = refused((Note("BackOff", "main", "waiting", 1, 1, 1), note), first=4, last=7)
    assert told is not None
    assert (told.attempts, told.first, told.last) == (4, 4, 7)
    assert told.refusal.obstacles == (Obstacle.CPU,)
    assert refused((), first=4, last=7) is None


def test_two_refusals_are_two_attempts_whatever_their_events_count() -> None:
    """The scheduler writes a new Event after each change of the pod."""
    note = Note(FAILED_SCHEDULING, "", counted((3, "Insufficient cpu")), first=5, last=9, count=1)
    attempts = [refused((note,), first=first, last=last) for first, last in ((5, 8), (5, 5), (None, None))]
    assert [each and (each.attempts, each.first, each.last) for each in attempts] == [(2, 5, 8), (1, 5, 5), (1, 5, 9)]


VOLCANO = {
    "0/5 nodes are unavailable: 4 Insufficient cpu, 1 node(s) were unschedulable.": (
        5, [(Obstacle.CPU, 4), (Obstacle.CORDONED, 1)],
    ),
    "all nodes are unavailable: 1 node(s) pod number exceeded, 2 node(s) resource fit failed.": (
        None, [(Obstacle.PODS, 1), (Obstacle.RESOURCE, 2)],
    ),
    "In hyperNode s1: 0/2 nodes are unavailable: 2 Insufficient nvidia.com/gpu.": (2, [(Obstacle.RESOURCE, 2)]),
    "0/5 nodes are unavailable": (5, []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), VOLCANO.items())
def test_volcanos_counts_are_read_as_kube_schedulers_are(
    text: str, told: tuple[int | None, list[tuple[Obstacle, int]]]
) -> None:
    """``FitErrors.Error``: other words at the beginning, the same list of reasons."""
    refusal = read_refusal(text)
    assert (refusal.nodes, [(each.obstacle, each.nodes) for each in refusal.blocked]) == told


WHOLE = {
    "3/6 tasks in gang unschedulable: pod group is not ready, 6 Pending, 6 minAvailable; Pending: 3 Schedulable": (
        Obstacle.GANG
    ),
    "pod group is not ready, 1 Pending, 2 minAvailable. Origin reason is a-1: 0/2 nodes are unavailable: 2 "
    "Insufficient cpu": Obstacle.GANG,
    "Pod ns1/task-1 can possibly be assigned to node1, once minAvailable is satisfied": Obstacle.GANG,
    "Request 'a-1' does not fit in queue 'root.test' (requested map[vcore:100], available map[])": Obstacle.QUEUE,
    "Task shop/web-1 is skipped from scheduling because the queue quota has been exceed": Obstacle.QUEUE,
    "request is waiting for cluster resources become available": Obstacle.OTHER,
    "12 monkeys, 3 Insufficient patience, 4 more": Obstacle.RESOURCE,
}


@pytest.mark.parametrize(("text", "obstacle"), WHOLE.items())
def test_a_text_without_a_known_beginning_is_one_reason(text: str, obstacle: Obstacle) -> None:
    """Numbers in it separate nothing: it is quoted as a whole."""
    (blocked,) = read_refusal(text).blocked
    assert (blocked.obstacle, blocked.nodes, blocked.text) == (obstacle, None, text)


def test_yunikorn_counts_behind_its_reasons() -> None:
    """``SendPredicatesFailed`` of yunikorn-core."""
    refusal = read_refusal(
        "Unschedulable request 'a-1': node(s) had taints that the pod didn't tolerate (5x); node(s) didn't match "
        "Pod's node affinity/selector (2x); "
    )
    assert [(each.obstacle, each.nodes) for each in refusal.blocked] == [
        (Obstacle.TAINT, 5), (Obstacle.NODE_AFFINITY, 2),
    ]  # fmt: skip


def test_a_number_in_the_middle_of_a_reason_cuts_nothing() -> None:
    """A plugin of somebody else may write commas and numbers of its own."""
    refusal = read_refusal("0/9 nodes are available: 4 no free slots, 2 of 8 used, 5 Insufficient cpu.")
    assert [(each.nodes, each.text) for each in refusal.blocked] == [
        (4, "no free slots, 2 of 8 used"), (5, "Insufficient cpu"),
    ]  # fmt: skip


def test_a_number_beyond_all_nodes_is_none() -> None:
    """Thousands of digits are text: nothing counts so many nodes."""
    digits = "9" * 5000
    assert read_refusal(f"0/{digits} nodes are available: 1 Insufficient cpu.").nodes is None
    (blocked,) = read_refusal(f"0/3 nodes are available: {digits} Insufficient cpu.").blocked
    assert (blocked.nodes, blocked.obstacle) == (None, Obstacle.RESOURCE)


def test_the_keys_of_taints_are_found_in_every_spelling() -> None:
    """v1.33 and before; from v1.34 on there is none."""
    text = counted(
        (1, "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"),
        (2, "node(s) had taint {dedicated: db}, that the pod didn't tolerate"),
        (1, "node(s) had untolerated taint {node.kubernetes.io/not-ready: x}"),
    )
    assert taint_keys(text) == ("node.kubernetes.io/not-ready", "dedicated")
    assert taint_keys(counted((3, "node(s) had untolerated taint(s)"))) == ()
