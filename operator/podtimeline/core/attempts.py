"""The last of several attempts: which statement counts, up to the step that succeeded.

Attempts go on failing long after a start: a pull at a restart, the refresh of a ConfigMap that was deleted. What comes
after the step that the attempts are made for belongs to no start. Only one statement counts: an Event's name tells of
the first attempt that it stands for, its ``lastTimestamp`` of the latest, and the two are different facts.
"""

from collections.abc import Iterable

from podtimeline.core.instants import SECOND, Evidence, Source, Window, intersect
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.pods import PodFacts

FAILED = frozenset(
    {
        Milestone.LAST_UNSCHEDULABLE,
        Milestone.LAST_MOUNT_FAILURE,
        Milestone.LAST_SANDBOX_FAILURE,
        Milestone.LAST_PULL_FAILURE,
    }
)
"""The milestones that are the last of attempts which failed."""


def sandboxed(facts: PodFacts) -> Mark:
    """The milestone by which a pod's sandbox is known to be there.

    A pod of the host's network has the node's addresses before its volumes are mounted (pkg/kubelet/kubelet_pods.go,
    generateAPIPodStatus): of it only the condition tells.
    """
    return Mark(Milestone.SANDBOX_READY if facts.host_network else Milestone.IP_ASSIGNED)


def until(mark: Mark, facts: PodFacts) -> Mark:
    """The step that the attempts of a milestone of ``FAILED`` are made for."""
    match mark.milestone:
        case Milestone.LAST_UNSCHEDULABLE:
            return Mark(Milestone.SCHEDULED)
        case Milestone.LAST_PULL_FAILURE:
            return Mark(Milestone.PULLED, mark.subject)
        case _:
            return sandboxed(facts)


def reported(evidence: Evidence) -> int:
    """The earliest moment at which the report that the evidence is of can have been made."""
    if evidence.source is Source.EVENT_SECOND and evidence.latest is not None:
        return evidence.latest - SECOND + 1
    return evidence.claim


def last_attempt(evidence: Iterable[Evidence], *, ceiling: int | None) -> Evidence | None:
    """The statement of the latest attempt that was reported by ``ceiling``; ``None`` where all are later."""
    early = [each for each in evidence if ceiling is None or reported(each) <= ceiling]
    return max(early, key=_reach, default=None)


def _reach(evidence: Evidence) -> tuple[int, int]:
    return (evidence.claim if evidence.latest is None else evidence.latest, evidence.claim)


def window(evidence: tuple[Evidence, ...], *, ceiling: int | None) -> Window:
    """When the last attempt was; where all of them came after ``ceiling``, when the first of those was."""
    last = last_attempt(evidence, ceiling=ceiling)
    return intersect((min(evidence, key=_reach),)) if last is None else intersect((last,)).lowered(ceiling)
