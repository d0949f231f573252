"""Rules for what a pod waits for before a node's kubelet takes it up: its owner, the scheduler, a node, its claims."""

from podtimeline.core.findings import Case, Found, Proof, Spell, of_spell
from podtimeline.core.milestones import Milestone


def refused_creation(case: Case, spell: Spell) -> Found | None:
    """Quota, admission or a limit refused the pod before there was one."""
    quote = case.quote(spell, "FailedCreate")
    return None if quote is None else of_spell(spell, quote.words, quote.proof, *case.bounds(spell))


def stateful_order(case: Case, spell: Spell) -> Found | None:
    """The StatefulSet makes its pods one after the other."""
    proofs = case.proof(Milestone.PREDECESSOR_READY)
    reached = case.reached(Milestone.PREDECESSOR_READY)
    name = (reached.detail if reached is not None else "") or _before(case.view.facts.name)
    return of_spell(spell, f"{name} had to be ready first", *proofs, *case.bounds(spell)[:1], subject=name)


def _before(name: str) -> str:
    """The name of the pod with the ordinal before: StatefulSets count from 0 on."""
    base, _, ordinal = name.rpartition("-")
    return f"{base}-{int(ordinal) - 1}" if ordinal.isdecimal() and int(ordinal) > 0 else "the pod before it"


def replaced_pod(case: Case, spell: Spell) -> Found | None:
    """The pod of the same name had to go first."""
    proofs = case.proof(Milestone.PREDECESSOR_REMOVED)
    text = f"the pod that was named {case.view.facts.name} before had to be gone first"
    return of_spell(spell, text, *proofs, *case.bounds(spell)[:1])


def scheduling_gates(case: Case, spell: Spell) -> Found | None:
    """The scheduler does not look at a pod that has gates."""
    gates = case.view.facts.scheduling_gates
    if not gates:
        return None
    held = "still held by " if spell.open else "held until the removal of "
    spec = Proof("spec", f"schedulingGates: {', '.join(gates)}")
    return of_spell(spell, held + ", ".join(gates), spec, *case.proof(Milestone.GATES_REMOVED), *case.bounds(spell)[:1])


def unschedulable(case: Case, spell: Spell) -> Found | None:
    """The scheduler's own words."""
    quote = case.quote(spell, "FailedScheduling", "Unschedulable")
    if quote is None:
        return None
    more = case.quotes(spell, "NotTriggerScaleUp", "TriggeredScaleUp", "Nominated")
    return of_spell(spell, quote.words, quote.proof, *(each.proof for each in more), *case.bounds(spell))


def preemption(case: Case, spell: Spell) -> Found | None:
    """Others are evicted for it, and end by their own grace periods."""
    proofs = case.proof(Milestone.PREEMPTION)
    reached = case.reached(Milestone.PREEMPTION)
    if not proofs or reached is None:
        return None
    quote = case.quote(spell, "Preempted", "Nominated", "FailedScheduling")
    where = f" ({reached.detail})" if reached.detail else ""
    text = f"pods of lower priority had to give way first{where}"
    if case.view.facts.priority is not None:
        text += f", for its priority {case.view.facts.priority}"
    return of_spell(spell, text, *proofs, *(() if quote is None else (quote.proof,)), *case.bounds(spell)[1:])


def waiting_for_node(case: Case, spell: Spell) -> Found | None:
    """A node is asked for, registers, and becomes Ready."""
    quote = case.quote(spell, "TriggeredScaleUp", "Nominated", "NotTriggerScaleUp")
    marks = (Milestone.SCALE_UP_REQUESTED, Milestone.NODE_CREATED, Milestone.NODE_READY)
    proofs = tuple(proof for milestone in marks for proof in case.proof(milestone))
    if quote is None and not proofs:
        return None
    node = case.view.node
    text = quote.words if quote is not None else "a new node" + (f", {node}" if node else "") + ", had to come first"
    return of_spell(spell, text, *(() if quote is None else (quote.proof,)), *proofs)


def volume_provisioning(case: Case, spell: Spell) -> Found | None:
    """A claim is provisioned and bound."""
    claim = claim_of(case, spell.subject)
    quote = case.quote(
        spell, "ProvisioningFailed", "FailedBinding", "ExternalProvisioning", "WaitForFirstConsumer", about=(claim,)
    )
    proofs = (
        *case.proof(Milestone.PROVISIONING_STARTED, spell.subject),
        *case.proof(Milestone.CLAIM_BOUND, spell.subject),
        *(() if quote is None else (quote.proof,)),
    )
    if not proofs:
        return None
    named = f"claim {claim}" if claim else "a claim"
    told = f": {quote.words}" if quote is not None and quote.reason.endswith(("Failed", "Binding")) else ""
    return of_spell(spell, f"{named} {'is' if spell.open else 'was'} being provisioned{told}", *proofs)


def claim_of(case: Case, volume: str) -> str:
    """The claim of a volume of the pod's spec; empty where it is none or not known."""
    return next((each.claim or "" for each in case.view.facts.volumes if each.name == volume), "")
