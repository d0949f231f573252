"""When a pod's start is over without readiness: the pod ended by itself, or it was deleted.

A pod whose phase is Succeeded or Failed is never started again (pod lifecycle: terminal phases), whether anything says
when it got so or not.
"""

from podtimeline.analysis.evidence.critical_path import Instants, latest_run
from podtimeline.model.instants import SECOND, Evidence, Instant, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.notes import Note
from podtimeline.model.pods import ContainerKind, ContainerSpec, PodFacts
from podtimeline.model.timeline import Timeline

_TERMINAL = MilestoneKey(Milestone.TERMINAL_PHASE)
_COMPLETED = "Completed"


def rejection(timeline: Timeline) -> Note | None:
    """What the kubelet recorded when it did not admit the pod: an Event under the reason that the status has, too."""
    ended = timeline.ended
    return timeline.notes.get((ended.reason, "")) if ended is not None and ended.rejected else None


def rejected_at(timeline: Timeline) -> tuple[Evidence, ...]:
    """When a pod was rejected, by its Event: the kubelet records it just before it sets the status (rejectPod)."""
    note = rejection(timeline)
    if note is None:
        return ()
    if note.last % SECOND:
        return (Evidence(Source.EVENT_NAME, note.last, None, note.last, note.last),)
    return (Evidence(Source.EVENT_SECOND, None, note.last, note.last + SECOND - 1, note.last),)


def is_over(timeline: Timeline, facts: PodFacts, instants: Instants) -> bool:
    """Whether the pod ended by itself."""
    return timeline.ended is not None and not called_off(timeline, facts, instants)


def called_off(timeline: Timeline, facts: PodFacts, instants: Instants) -> bool:
    """Whether the pod was deleted before it ended by itself: what its containers then exit with is the kubelet's doing.

    Where nothing says when they exited, a pod that ended is taken at its word: eviction leaves no such statuses.
    """
    if timeline.ended is None:
        return timeline.has(Milestone.DELETION_REQUESTED) or timeline.has(Milestone.OBJECT_REMOVED)
    deleted = instants.get(MilestoneKey(Milestone.DELETION_REQUESTED))
    marks = [MilestoneKey(Milestone.FINISHED, each.name) for each in facts.containers]
    exits = [instants[mark].at for mark in marks if mark in instants]
    if deleted is None or not exits:
        return timeline.ended.leaving
    return deleted.at <= max(exits)


def ended(timeline: Timeline, facts: PodFacts, instants: Instants) -> Instant | None:
    """When a start without readiness was over; ``None`` while it is not, or where nothing says when it was."""
    if is_over(timeline, facts, instants):
        return _by_itself(timeline, facts, instants)
    return instants.get(MilestoneKey(Milestone.DELETION_REQUESTED)) or instants.get(
        MilestoneKey(Milestone.OBJECT_REMOVED)
    )


def _by_itself(timeline: Timeline, facts: PodFacts, instants: Instants) -> Instant | None:
    """The end of the container that ended last, if all main ones have or an init container failed; else the pod's."""
    mains = [each for each in facts.containers if each.kind is ContainerKind.MAIN]
    ends = [instants.get(MilestoneKey(Milestone.FINISHED, each.name)) for each in mains]
    known = [each for each in ends if each is not None]
    if known and len(known) == len(ends):
        return max(known, key=lambda instant: instant.at)
    failed = [MilestoneKey(Milestone.FINISHED, each.name) for each in facts.containers if _failed_init(timeline, each)]
    stopped = [instants[mark] for mark in failed if mark in instants]
    if stopped:
        return max(stopped, key=lambda instant: instant.at)
    return instants.get(_TERMINAL) or max(known, key=lambda instant: instant.at, default=None)


def _failed_init(timeline: Timeline, container: ContainerSpec) -> bool:
    """Whether it is an init container that did not succeed: no other container is started after it."""
    latest = latest_run(timeline, container.name) if container.kind is ContainerKind.INIT else None
    return latest is not None and bool(latest.exit_code)


def stopped_by_deletion(timeline: Timeline, facts: PodFacts, instants: Instants) -> set[MilestoneKey]:
    """The ends of containers that would have been started again had the pod not been deleted."""
    if not called_off(timeline, facts, instants):
        return set()
    marks = {each: MilestoneKey(Milestone.FINISHED, each.name) for each in facts.containers}
    return {mark for each, mark in marks.items() if not _for_good(timeline, facts, each)}


def _for_good(timeline: Timeline, facts: PodFacts, container: ContainerSpec) -> bool:
    """Whether the pod's restartPolicy lets a container be that ended as its latest run did."""
    latest = latest_run(timeline, container.name)
    # Of an init container that is gone the kubelet knows that it had completed, and no exit code.
    succeeded = latest is not None and (latest.exit_code == 0 or latest.reason == _COMPLETED)
    match container.kind, facts.restart_policy:
        case ContainerKind.SIDECAR, _:
            return False
        case ContainerKind.INIT, policy:
            return succeeded or policy == "Never"
        case _, policy:
            return policy == "Never" or (policy == "OnFailure" and succeeded)


def cannot_be_ready(facts: PodFacts, instants: Instants) -> bool:
    """Whether a main container has ended for good, so that the pod is not Ready before it completes, if it was not.

    The kubelet counts a container that has ended as not ready (pkg/kubelet/status/generate.go,
    GenerateContainersReadyCondition).
    """
    return any(
        each.kind is ContainerKind.MAIN and MilestoneKey(Milestone.FINISHED, each.name) in instants
        for each in facts.containers
    )
