"""The last of several attempts: which statement counts, up to the step that succeeded.

Attempts go on failing long after a start: a pull at a restart, the refresh of a ConfigMap that was deleted. What comes
after the step that the attempts are made for belongs to no start. Only one statement counts: an Event's name tells of
the first attempt that it stands for, its ``lastTimestamp`` of the latest, and the two are different facts.
"""

from collections.abc import Iterable
from dataclasses import replace

from podtimeline.model.instants import SECOND, Evidence, Source, Window, intersect
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.pods import ContainerKind, PodFacts
from podtimeline.model.timeline import Timeline

ATTEMPTS = frozenset(
    {
        Milestone.LAST_UNSCHEDULABLE,
        Milestone.LAST_MOUNT_FAILURE,
        Milestone.LAST_SANDBOX_FAILURE,
        Milestone.LAST_PULL_FAILURE,
        Milestone.LAST_STARTED,
    }
)
"""The milestones that are the last of several attempts."""
_SEEN = frozenset({Source.WATCH, Source.LISTED})
"""Evidence that an attempt was made some time before: it tells when only where no report does."""
_STEPS = frozenset({Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED})
_OF_READY = MilestoneKey(Milestone.READY)


def until(mark: MilestoneKey, facts: PodFacts) -> MilestoneKey:
    """The step that the attempts of a milestone of ``ATTEMPTS`` are made for."""
    match mark.milestone:
        case Milestone.LAST_UNSCHEDULABLE:
            return MilestoneKey(Milestone.SCHEDULED)
        case Milestone.LAST_PULL_FAILURE:
            return MilestoneKey(Milestone.PULLED, mark.subject)
        case Milestone.LAST_STARTED:
            container = facts.container(mark.subject)
            once = container is not None and container.kind is ContainerKind.INIT
            return MilestoneKey(Milestone.FINISHED, mark.subject) if once else MilestoneKey(Milestone.CONTAINERS_READY)
        case _:
            return MilestoneKey(Milestone.SANDBOX_READY)


def since(mark: MilestoneKey) -> MilestoneKey:
    """The step that comes before the attempts of a milestone of ``ATTEMPTS``."""
    match mark.milestone:
        case Milestone.LAST_UNSCHEDULABLE:
            return MilestoneKey(Milestone.CREATED)
        case Milestone.LAST_PULL_FAILURE:
            return MilestoneKey(Milestone.PULL_STARTED, mark.subject)
        case Milestone.LAST_STARTED:
            return MilestoneKey(Milestone.STARTED, mark.subject)
        case _:
            return MilestoneKey(Milestone.KUBELET_ADMITTED)


_SECONDS = frozenset({Source.EVENT_SECOND, Source.FIELD})


def reported(evidence: Evidence) -> int:
    """The earliest moment at which the report that the evidence is of can have been made."""
    if evidence.source in _SECONDS and evidence.latest is not None:
        return evidence.latest - SECOND + 1
    return evidence.claim


def last_attempt(evidence: Iterable[Evidence], *, ceiling: int | None) -> Evidence | None:
    """The statement of the latest attempt that was reported by ``ceiling``; ``None`` where all are later."""
    early = [each for each in evidence if ceiling is None or reported(each) <= ceiling]
    told = [each for each in early if each.source not in _SEEN]
    return max(told or early, key=_reach, default=None)


def _reach(evidence: Evidence) -> tuple[int, int]:
    return (evidence.claim if evidence.latest is None else evidence.latest, evidence.claim)


def window(evidence: tuple[Evidence, ...], *, ceiling: int | None) -> Window:
    """When the last attempt was; where all of them came after ``ceiling``, when the first of those was."""
    last = last_attempt(evidence, ceiling=ceiling)
    return intersect((min(evidence, key=_reach),)) if last is None else intersect((last,)).lowered(ceiling)


def of_first_start(timeline: Timeline) -> Timeline:
    """The timeline without the steps of containers that were started again, where those of the first start are lost.

    Where the first report of a step was lost, the one of a restart would be taken for it. Both are stamped by the
    kubelet, as the condition is that says when the pod was ready first; and what comes before a container's start is
    reported before it (pkg/kubelet/kuberuntime/kuberuntime_container.go, startContainer).
    """
    ready = _stated(timeline, _OF_READY, Source.CONDITION)
    kept: dict[MilestoneKey, tuple[Evidence, ...]] = {}
    for mark, evidence in timeline.evidence.items():
        if mark.milestone in _STEPS:
            ends = [end for end in (ready, _started_by(timeline, mark)) if end is not None]
            if ends and any(_later(each, min(ends)) for each in evidence):
                kept[mark] = tuple(each for each in evidence if not _later(each, min(ends)))
    if not kept:
        return timeline
    late = {mark.subject for mark in kept if mark.milestone is Milestone.PULLED and not kept[mark]}
    return replace(
        timeline,
        evidence={mark: left for mark, evidence in timeline.evidence.items() if (left := kept.get(mark, evidence))},
        pulls={name: pull for name, pull in timeline.pulls.items() if name not in late},
    )


def _started_by(timeline: Timeline, mark: MilestoneKey) -> int | None:
    """By when the container of a step before its start was started first, as its status tells."""
    if mark.milestone is Milestone.STARTED:
        return None
    return _stated(timeline, MilestoneKey(Milestone.STARTED, mark.subject), Source.FIELD)


def _stated(timeline: Timeline, mark: MilestoneKey, source: Source) -> int | None:
    return next((each.latest for each in timeline.evidence.get(mark, ()) if each.source is source), None)


def _later(evidence: Evidence, end: int) -> bool:
    return evidence.source not in _SEEN and evidence.at is not None and evidence.at > end
