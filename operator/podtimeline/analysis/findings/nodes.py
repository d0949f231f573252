"""Rules for what a node does before a container runs: volumes, sandbox, network, images."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from podtimeline.analysis.findings import events
from podtimeline.analysis.findings.case import Case, Found, Proof, Spell, of_spell
from podtimeline.analysis.findings.diagnoses import Topic
from podtimeline.analysis.findings.peers import PeerPull, PeerSandbox, has_claims, middle, unclaimed
from podtimeline.analysis.findings.waiting import claim_of
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import ImagePulled
from podtimeline.model.texts import bytes_text, duration_text

_MOUNTS = ("FailedMount", "FailedMapVolume")
_CROWD = 3
"""So many other starts at a time make a node busy."""
_SLOWER = 2
"""A figure is slow when it is so many times the middle one of its peers."""


def missing_config(case: Case, spell: Spell) -> Found | None:
    """A ConfigMap or Secret, or a key of one, does not exist."""
    return events.missing_config(case, spell, *_MOUNTS, "CreateContainerConfigError", "Failed")


def volume_attach(case: Case, spell: Spell) -> Found | None:
    """A volume is attached to the node by its CSI driver's controller."""
    claim = claim_of(case, spell.subject)
    quote = case.quote(spell, "FailedAttachVolume", about=(claim,))
    proofs = (*(() if quote is None else (quote.proof,)), *case.proof(Milestone.ATTACHED, spell.subject))
    if not proofs:
        return None
    named = f"volume {spell.subject}" + (f" (claim {claim})" if claim else "")
    told = f": {quote.words}" if quote is not None else ""
    return of_spell(spell, f"{named} {'is' if spell.open else 'was'} being attached{told}", *proofs)


def volume_report(case: Case, spell: Spell) -> Found | None:
    """A volume that is attached is not mounted before the kubelet's report that it needs it is through."""
    name, claim = spell.subject, claim_of(case, spell.subject)
    proofs = (*case.proof(Milestone.ATTACHED, name), *case.proof(Milestone.IN_USE, name))
    named = f"volume {name}" + (f" (claim {claim})" if claim else "")
    return of_spell(spell, f"{named} waited for the kubelet to report that it needs it", *proofs) if proofs else None


def volume_mount(case: Case, spell: Spell) -> Found | None:
    """The kubelet's words for a mount that failed."""
    quote = case.quote(spell, *_MOUNTS, "FailedAttachVolume", about=_volumes(case))
    if quote is None or missing_config(case, spell) is not None:
        return None
    proofs = (quote.proof, *events.earlier(case, spell, quote), *case.proof(Milestone.LAST_MOUNT_FAILURE))
    return of_spell(spell, quote.words, *proofs, *case.bounds(spell))


def _volumes(case: Case) -> Iterator[str]:
    for each in case.view.facts.volumes:
        yield each.name
        if each.claim is not None:
            yield each.claim


def sandbox_retries(case: Case, spell: Spell) -> Found | None:
    """The words of the runtime or the CNI plugin for a sandbox that failed."""
    found = events.failure(case, spell, Topic.SANDBOX, "FailedCreatePodSandBox", "NetworkNotReady")
    last = case.proof(Milestone.LAST_SANDBOX_FAILURE)
    return None if found is None else replace(found, proofs=(*found.proofs, *last))


def slow_mount(case: Case, spell: Spell) -> Found | None:
    """With claims it took much longer than sandboxes of pods that have none: the difference went to the mounts."""
    usual = middle(case.peers.sandboxes, least=2)
    if usual is None or not has_claims(case.view) or spell.duration < max(_SLOWER * usual, SECOND):
        return None
    claims = ", ".join(each.claim for each in case.view.facts.awaited if each.claim)
    quick = f"sandboxes of pods without claims took {duration_text(usual)} on {case.view.node}"
    text = f"probably mounting {claims}: {quick}"
    proof = _sandboxes(case.peers.sandboxes, usual, "same node")
    return of_spell(spell, text, proof, *case.bounds(spell), duration=spell.duration - usual)


def slow_node_network(case: Case, spell: Spell) -> Found | None:
    """The node's sandboxes take much longer than those of other nodes."""
    here, there = middle(case.peers.sandboxes, least=2), middle(case.peers.elsewhere, least=3)
    if here is None or there is None or min(here, spell.duration) < max(_SLOWER * there, SECOND):
        return None
    text = f"sandboxes of {case.view.node} take {duration_text(here)}, those of other nodes {duration_text(there)}"
    mine = _sandboxes(case.peers.sandboxes, here, "same node")
    return of_spell(spell, text, mine, _sandboxes(case.peers.elsewhere, there, "other nodes"), *case.bounds(spell))


def slow_sandbox(case: Case, spell: Spell) -> Found | None:
    """Its sandbox took much longer than others of the same node."""
    usual = middle(case.peers.sandboxes, least=2)
    if usual is None or has_claims(case.view) or spell.duration < max(_SLOWER * usual, SECOND):
        return None
    text = f"other sandboxes of {case.view.node} took {duration_text(usual)}"
    proof = _sandboxes(case.peers.sandboxes, usual, "same node")
    return of_spell(spell, text, proof, *case.bounds(spell), duration=spell.duration - usual)


def _sandboxes(sandboxes: Iterable[PeerSandbox], usual: int, which: str) -> Proof:
    count = len(unclaimed(sandboxes))
    return Proof("peers", f"{count} sandboxes (without claims, {which}): median {duration_text(usual)}")


def image_queue(case: Case, spell: Spell) -> Found | None:
    """The kubelet pulls one image after the other, or a few at a time."""
    pull = pull_of(case, spell.subject)
    if pull is None:
        return None
    ahead = case.peers.during(spell.start, spell.end)
    text = f"waited for {_named(ahead)}" if ahead else "waited for other pulls of the node"
    return of_spell(spell, text, _message(case, pull), *(_peer(each) for each in ahead[:5]))


def _named(ahead: tuple[PeerPull, ...]) -> str:
    shown = ", ".join(f"{each.image} of {each.pod} ({duration_text(each.pull)})" for each in ahead[:3])
    return shown + (f" and {len(ahead) - 3} more" if len(ahead) > 3 else "")


def _peer(pull: PeerPull) -> Proof:
    size = "" if pull.size is None else f", {bytes_text(pull.size)}"
    return Proof("peers", f"{pull.pod} pulled {pull.image} for {duration_text(pull.pull)}{size}", pull.end)


def pull_of(case: Case, container: str) -> ImagePulled | None:
    """What the kubelet said of the container's pull."""
    return next((each for each in case.view.pulls if each.container == container), None)


def _message(case: Case, pull: ImagePulled) -> Proof:
    parts = [pull.image]
    if pull.pull is not None:
        parts.append(f"pulled in {duration_text(pull.pull)}")
    if pull.waiting is not None:
        parts.append(f"{duration_text(pull.waiting)} including waiting")
    if pull.size is not None:
        parts.append(bytes_text(pull.size))
    return Proof("event Pulled", ", ".join(parts), case.moment(Milestone.PULLED, pull.container))


def image_backoff(case: Case, spell: Spell) -> Found | None:
    """Pulls that failed, in the words of the runtime."""
    return events.failed_pull(case, spell)


def slow_pull(case: Case, spell: Spell) -> Found | None:
    """What was pulled, how large it is, and how fast against the node's other pulls."""
    pull, spec = pull_of(case, spell.subject), case.view.facts.container(spell.subject)
    if pull is None:
        return None if spec is None else of_spell(spell, spec.image, *case.bounds(spell))
    held = case.peers.before(pull.image, spell.start)
    size = f", {bytes_text(pull.size)}" if pull.size else ""
    text, advice, proofs = f"{pull.image}{size}", "", [_message(case, pull)]
    if held is not None:
        text += ", which the node had pulled before"
        advice = "the node had the image, and the registry was asked: check how fast it answers, or use IfNotPresent"
        proofs.append(Proof("peers", f"{held.pod} had pulled the same image on this node", held.end))
    elif pull.rate is not None:
        compared, advice, more = _compared(case, pull, pull.rate)
        text, proofs = text + compared, proofs + more
    if spec is not None and spec.pull_policy == "Always":
        text += ", imagePullPolicy Always"
        proofs.append(Proof("spec", "imagePullPolicy: Always contacts the registry at each start"))
    return of_spell(spell, text, *proofs, advice=advice)


def _compared(case: Case, pull: ImagePulled, rate: int) -> tuple[str, str, list[Proof]]:
    """Its throughput in words, what to try where others are faster, and the others as evidence."""
    text, usual = f" at {bytes_text(rate)}/s", case.peers.rate()
    if usual is None:
        return text, "", []
    count = len(case.peers.transfers())
    proof = Proof("peers", f"{count} other pulls of the node: median {bytes_text(usual)}/s")
    if usual < _SLOWER * rate:
        return text, "", [proof]
    text += f", while other pulls of {case.view.node} reached {bytes_text(usual)}/s"
    return text, "this registry is slower than others as seen from this node: move it closer, or mirror it", [proof]


def container_error(case: Case, spell: Spell) -> Found | None:
    """The kubelet or the runtime refuses to make or start the container."""
    return events.failure(case, spell, Topic.CONTAINER, *_STARTS)


_STARTS = (
    *("CreateContainerConfigError", "CreateContainerError", "PreCreateHookError", "PreStartHookError"),
    *("RunContainerError", "Failed"),
)


def busy_node(case: Case, spell: Spell) -> Found | None:
    """Many pods started on the node at the same time."""
    others = case.peers.starting(spell.start, spell.end)
    if len(others) < _CROWD or spell.duration < SECOND:
        return None
    named = ", ".join(each.pod for each in others[:_CROWD])
    more = f" and {len(others) - _CROWD} more" if len(others) > _CROWD else ""
    text = f"{len(others)} other pods were starting on {case.view.node} at the same time"
    return of_spell(spell, text, Proof("peers", f"{named}{more}"), *case.bounds(spell))
