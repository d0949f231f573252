"""Asks for the findings of a life, for the tests of the rules."""

from tests.support.lives import Life, at, container_start, facts, in_second, watched

from podtimeline.analysis.findings.explain import findings
from podtimeline.analysis.findings.peers import NOBODY, Peers
from podtimeline.analysis.findings.rules import Finding, FindingKind
from podtimeline.analysis.resolved import view
from podtimeline.model.instants import Source
from podtimeline.model.milestones import Milestone
from podtimeline.model.pods import ContainerSpec, PodFacts


def found(life: Life, kind: FindingKind, *, now: float = 60, peers: Peers = NOBODY) -> Finding | None:
    """The finding of that kind, the first of several; ``None`` where there is none."""
    return next((each for each in every(life, now=now, peers=peers) if each.kind is kind), None)


def only(life: Life, kind: FindingKind, *, now: float = 60, peers: Peers = NOBODY) -> Finding:
    """The one finding of that kind."""
    (finding,) = (each for each in every(life, now=now, peers=peers) if each.kind is kind)
    return finding


def every(life: Life, *, now: float = 60, peers: Peers = NOBODY) -> tuple[Finding, ...]:
    """All findings, the dearest first."""
    told = view(life.timeline(), now=at(now))
    assert told is not None
    return findings(told, peers)


def proofs(finding: Finding) -> str:
    """All that the finding rests on, a line each."""
    return "\n".join(f"{each.source}: {each.text}" for each in finding.evidence)


def created(pod: PodFacts | None = None) -> Life:
    """A pod that was created, and nothing else."""
    return Life().described(pod or facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0))


def accepted(pod: PodFacts | None = None) -> Life:
    """A pod that the kubelet has taken up after half a second."""
    life = created(pod).saw(Milestone.SCHEDULED, watched(0.1), detail="node-1")
    return life.saw(Milestone.KUBELET_ADMITTED, watched(0.5))


def networked(pod: PodFacts | None = None) -> Life:
    """A pod that has its address after a second."""
    return accepted(pod).saw(Milestone.IP_ASSIGNED, watched(1), detail="10.0.0.7")


def started(*containers: ContainerSpec, pod: PodFacts | None = None) -> Life:
    """A pod whose containers were started, one after the other; the first one at 3.2 s."""
    life = networked(pod or facts(*containers))
    for number, container in enumerate(containers):
        container_start(life, container.name, 1 + 3 * number)
    return life


def ready(life: Life, seconds: float, *containers: str) -> Life:
    """The containers and with them the pod became ready."""
    for name in containers:
        life.saw(Milestone.CONTAINER_READY, watched(seconds), subject=name)
    life.saw(Milestone.CONTAINERS_READY, watched(seconds))
    return life.saw(Milestone.READY, watched(seconds))
