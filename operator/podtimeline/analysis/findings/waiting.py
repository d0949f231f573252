"""Rules for what a pod waits for before a node's kubelet takes it up: its owner, the scheduler, a node, its claims."""

from collections.abc import Iterator
from dataclasses import replace

from podtimeline.analysis.findings.case import Case, Found, Proof, Spell, of_spell
from podtimeline.analysis.phases.scheduling import (
    FAILED_SCHEDULING,
    GATE_REMOVED,
    IN_WORDS,
    Blocked,
    NodeRefusal,
    Obstacle,
    read_refusal,
    taint_keys,
)
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.nodes import UNTOLERATED, taint_remedies
from podtimeline.model.pods import DEFAULT_SCHEDULER
from podtimeline.model.texts import whole


def refused_creation(case: Case, spell: Spell) -> Found | None:
    """Quota, admission or a limit refused the pod before there was one."""
    quote = case.quote(spell, "FailedCreate")
    return None if quote is None else of_spell(spell, quote.words, quote.proof, *case.bounds(spell))


def stateful_order(case: Case, spell: Spell) -> Found | None:
    """The StatefulSet makes its pods one after the other: the one before has to be ready for minReadySeconds.

    Its controller looks again that much after its last look (pkg/controller/statefulset, ``syncStatefulSet``): it may
    see as late that the pod is available.
    """
    reached = case.reached(Milestone.PREDECESSOR_READY)
    told, _, available = ("" if reached is None else reached.detail).partition(", available after ")
    name = told or _before(case.view.facts.name)
    proofs = (*case.proof(Milestone.PREDECESSOR_READY), *case.bounds(spell)[:1])
    if spell.phase is Phase.POD_CREATION:
        if not available or case.quote(spell, "FailedCreate") is not None:
            return None
        text = f"{name} was available, but the controller checks again only minReadySeconds after its last check"
        advice = "lower minReadySeconds, or set podManagementPolicy: Parallel"
        return of_spell(spell, text, *dict.fromkeys(proofs), subject=name, advice=advice)
    if not available:
        return of_spell(spell, f"{name} had to be ready first", *proofs, subject=name)
    text = f"{name} had to be available first: ready for {available} (minReadySeconds)"
    advice = "find out why that pod took long, lower minReadySeconds, or set podManagementPolicy: Parallel"
    return of_spell(spell, text, *proofs, subject=name, advice=advice)


def _before(name: str) -> str:
    """The name of the pod with the ordinal before: StatefulSets count from 0 on."""
    base, _, last = name.rpartition("-")
    ordinal = whole(last)
    return f"{base}-{ordinal - 1}" if ordinal else "the previous pod"


def replaced_pod(case: Case, spell: Spell) -> Found | None:
    """The pod whose place it takes had to go first: of a StatefulSet it had the same name, of a DaemonSet another."""
    reached, name = case.reached(Milestone.PREDECESSOR_REMOVED), case.view.facts.name
    before = (reached.detail if reached is not None else "") or name
    who = f"the previous pod named {name}" if before == name else before
    proofs = case.proof(Milestone.PREDECESSOR_REMOVED)
    return of_spell(spell, f"{who} had to be removed first", *proofs, *case.bounds(spell)[:1])


def scheduling_gates(case: Case, spell: Spell) -> Found | None:
    """The scheduler does not look at a pod that has gates; the one that went last was waited for."""
    gates = case.view.facts.scheduling_gates
    if not gates:
        return None
    gone = {note.subject: note.first for note in case.view.notes if note.reason == GATE_REMOVED}
    left = [gate for gate in gates if gate not in gone] if spell.open else []
    last = max(gates, key=lambda gate: gone.get(gate, 0))
    text = f"held back by {', '.join(left or gates)}" if spell.open else f"held back until {last} was removed"
    spec = Proof("spec", f"schedulingGates: {', '.join(gates)}")
    removed = (Proof("watch", f"{gate} was removed", at) for gate, at in gone.items())
    return of_spell(spell, text, spec, *removed, *case.proof(Milestone.GATES_REMOVED), *case.bounds(spell)[:1])


_REMEDIES: dict[Obstacle, str] = {
    Obstacle.CPU: "lower the CPU requests, or add nodes with enough free",
    Obstacle.MEMORY: "lower the memory requests, or add nodes with enough free",
    Obstacle.EPHEMERAL_STORAGE: "lower the requests for ephemeral storage, or add nodes with enough free",
    Obstacle.PODS: "add nodes, or raise maxPods of the kubelets",
    Obstacle.RESOURCE: "check which nodes offer the resource and which pods use it, or add nodes that offer it",
    Obstacle.CORDONED: "uncordon the nodes (kubectl uncordon), or add others",
    Obstacle.NODE_AFFINITY: "compare nodeSelector and node affinity with the labels of the nodes",
    Obstacle.POD_AFFINITY: "check whether the pods that it must run close to are running, and where",
    Obstacle.POD_ANTI_AFFINITY: "add nodes, or make the anti-affinity preferred instead of required",
    Obstacle.TOPOLOGY_SPREAD: "add nodes in the topology domain that lacks pods, or use ScheduleAnyway",
    Obstacle.CLAIM: "check the claim: whether it exists, is bound, and its StorageClass has a provisioner",
    Obstacle.VOLUME_AFFINITY: "add nodes from which the volume is reachable (its zone)",
    Obstacle.VOLUME_IN_USE: "check which pod still uses the volume",
    Obstacle.MAX_VOLUMES: "add nodes: the existing ones have the maximum number of volumes attached",
    Obstacle.STORAGE_CAPACITY: "add storage capacity that the nodes can reach",
    Obstacle.HOST_PORT: "another pod uses the host port: use a Service, or add nodes",
    Obstacle.DEVICE_CLAIM: "check the ResourceClaims and the free devices",
    Obstacle.GATES: "check the controllers that remove the scheduling gates",
    Obstacle.GANG: "check whether the other pods of its group can be scheduled",
    Obstacle.QUEUE: "check what else runs in its queue, or raise the quota of the queue",
    Obstacle.NODE_FEATURES: "check which nodes have the features that it needs",
    Obstacle.NO_NODES: "add nodes: the cluster has none",
}


def unschedulable(case: Case, spell: Spell) -> Found | None:
    """The scheduler's own words, in groups: each has another remedy."""
    quote = case.quote(spell, FAILED_SCHEDULING)
    if quote is None:
        return None
    more = case.quotes(spell, "NotTriggerScaleUp", "TriggeredScaleUp", "Nominated", "KarpenterFailedScheduling")
    refusal = read_refusal(quote.text)
    # What came of preemption is of use to the few who count on it: it stands with the evidence.
    reasons = replace(quote, text=quote.text.partition(" preemption: ")[0].removesuffix(","))
    taints = case.quote(spell, UNTOLERATED)
    watched = () if taints is None else (Proof("nodes", taints.text, taints.at),)
    registered = _registered(case, spell)
    proofs = (quote.proof, *(_blocked(each, refusal) for each in refusal.blocked), *watched)
    return of_spell(
        spell,
        f"{reasons.words}; then {registered} registered" if registered else reasons.words,
        *proofs,
        *(each.proof for each in more),
        *case.bounds(spell),
        advice="; ".join(_remedies(refusal, "" if taints is None else taints.text, came=bool(registered))),
    )


def _registered(case: Case, spell: Spell) -> str:
    """The pod's node, where its registration ended the wait: it is younger than the refusal; empty for none."""
    ended = not spell.open and case.moment(Milestone.NODE_CREATED) == spell.end
    return case.view.node or "" if ended else ""


def _remedies(refusal: NodeRefusal, taints: str, *, came: bool) -> Iterator[str]:
    if came:
        yield "keep spare nodes (overprovisioning pods), or find out what delayed the new node"
    for each in refusal.obstacles:
        if each is Obstacle.TAINT:
            yield from taint_remedies(taint_keys(refusal.text) or taint_keys(taints))
        elif each in _REMEDIES:
            yield _REMEDIES[each]


def _blocked(blocked: Blocked, refusal: NodeRefusal) -> Proof:
    group = IN_WORDS[blocked.obstacle]
    if blocked.nodes is None:
        return Proof("scheduler", f"{group}: {blocked.text}")
    of = "" if refusal.nodes is None else f" of {refusal.nodes}"
    return Proof("scheduler", f"{group}: {blocked.nodes}{of} nodes, {blocked.text}")


def scheduler_awaited(case: Case, spell: Spell) -> Found | None:
    """Nobody but the scheduler that ``spec.schedulerName`` names looks at the pod, and it has not answered.

    What the default scheduler took is its load, unless it still is silent; any other one may not be there at all.
    """
    name = case.view.facts.scheduler or DEFAULT_SCHEDULER
    silent = spell.open and spell.duration >= SECOND
    if case.quote(spell, FAILED_SCHEDULING) is not None or (name == DEFAULT_SCHEDULER and not silent):
        return None
    text, spec = f"waiting for the first decision of the scheduler {name}", Proof("spec", f"schedulerName: {name}")
    advice = f"check whether a scheduler named {name} runs: no other one handles the pod" if spell.open else ""
    return of_spell(spell, text, spec, *case.bounds(spell), advice=advice)


def preemption(case: Case, spell: Spell) -> Found | None:
    """Others are evicted for it, and end by their own grace periods."""
    proofs = case.proof(Milestone.PREEMPTION)
    reached = case.reached(Milestone.PREEMPTION)
    if not proofs or reached is None:
        return None
    quote = case.quote(spell, "Preempted", "Nominated", "FailedScheduling")
    where = f" ({reached.detail})" if reached.detail else ""
    text = f"pods of lower priority had to be evicted first{where}"
    if case.view.facts.priority is not None:
        text += f"; its priority is {case.view.facts.priority}"
    return of_spell(spell, text, *proofs, *(() if quote is None else (quote.proof,)), *case.bounds(spell)[1:])


def waiting_for_node(case: Case, spell: Spell) -> Found | None:
    """A node is asked for, registers, and becomes Ready."""
    quote = case.quote(spell, "TriggeredScaleUp", "Nominated", "NotTriggerScaleUp")
    marks = (Milestone.SCALE_UP_REQUESTED, Milestone.NODE_CREATED, Milestone.NODE_READY)
    proofs = tuple(proof for milestone in marks for proof in case.proof(milestone))
    if quote is None and not proofs:
        return None
    node = case.view.node
    named = f"a new node, {node}," if node else "a new node"
    text = f"{named} had to become Ready first" if quote is None else quote.words
    return of_spell(spell, text, *(() if quote is None else (quote.proof,)), *proofs)


def volume_provisioning(case: Case, spell: Spell) -> Found | None:
    """A claim is provisioned and bound."""
    claim = claim_of(case, spell.subject)
    failed = case.quote(spell, "ProvisioningFailed", "FailedBinding", about=(claim,))
    # That it is being waited for is said again and again: it must not take the place of why it failed.
    quote = failed or case.quote(spell, "ExternalProvisioning", "WaitForFirstConsumer", about=(claim,))
    proofs = (
        *case.proof(Milestone.PROVISIONING_STARTED, spell.subject),
        *case.proof(Milestone.CLAIM_BOUND, spell.subject),
        *(() if quote is None else (quote.proof,)),
    )
    if not proofs:
        return None
    named = f"claim {claim}" if claim else "a claim"
    told = f": {failed.words}" if failed is not None else ""
    return of_spell(spell, f"{named} {'is' if spell.open else 'was'} being provisioned{told}", *proofs)


def claim_of(case: Case, volume: str) -> str:
    """The claim of a volume of the pod's spec; empty where it is none or not known."""
    return next((each.claim or "" for each in case.view.facts.volumes if each.name == volume), "")
