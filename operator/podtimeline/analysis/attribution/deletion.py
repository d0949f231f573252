"""Who asked for a pod's deletion, where no condition of its own tells: its owner, its namespace, or somebody. Pure.

A controller says by an Event that it has deleted a pod, but Events are best effort: of many in a short time most are
dropped. So what is known of the controller itself decides too, and a person is blamed only by exclusion, once it is
known that the pod's controller still wants it.
"""

from dataclasses import dataclass

from podtimeline.model.instants import SECOND, Window
from podtimeline.model.observations import Cause, DeletionCause
from podtimeline.model.pods import Owner
from podtimeline.model.texts import whole
from podtimeline.model.workloads import WorkloadState

GENERATION, REVISION = "pod-template-generation", "controller-revision-hash"
"""Labels by which DaemonSets and StatefulSets know which of their revisions a pod is of."""
_LATER = 2 * SECOND
"""By how much later than the pod's deletion its cause may be delivered: it comes by another stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionCase:
    """A pod whose deletion was asked for at ``asked``; ``over`` where its containers had ended by themselves before.

    ``watched`` is whether a watch showed the request as it came.
    """

    uid: str
    namespace: str
    name: str
    owner: Owner | None
    labels: tuple[tuple[str, str], ...]
    node: str
    asked: Window
    over: bool
    watched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerFacts:
    """What is known of the controller that made a pod; all of it ``None`` or empty where it is not known.

    ``above`` is the Deployment of a ReplicaSet, and ``newest`` the latest revision among that Deployment's ReplicaSets.
    ``surplus`` is when it had more pods than it wanted, up to ``None`` where it still has. ``gone`` is when it was seen
    to be gone. ``said`` are its words of having deleted this pod.
    """

    state: WorkloadState | None = None
    above: WorkloadState | None = None
    newest: int = 0
    surplus: tuple[int, int | None] | None = None
    gone: int | None = None
    said: str = ""


def judged(
    case: DeletionCase, maker: ControllerFacts | None, *, doomed: int | None, final: bool
) -> DeletionCause | None:
    """Who asked for it; ``None`` while that is not known, or is not to be known.

    ``doomed`` is the second in which the deletion of the pod's namespace was asked for, ``None`` where it was not.
    ``final`` once there is no more to be waited for.
    """
    if doomed is not None and _before(doomed, case):
        return DeletionCause(case.uid, Cause.NAMESPACE, f"namespace {case.namespace} is being deleted")
    if case.owner is None or maker is None:
        return DeletionCause(case.uid, Cause.DIRECT) if final else None
    unwanted = maker.state is not None and _unwanted(case, maker.state, maker)
    if maker.said and (unwanted or final):
        # What it is known to want may be older than its words: they come by another stream.
        return _by_controller(case, maker)
    if _deleted(case, maker):
        return DeletionCause(case.uid, Cause.OWNER_DELETED, f"{case.owner.kind} {case.owner.name} was deleted")
    if not final or not case.watched or maker.state is None:
        return None
    if unwanted:
        return _by_controller(case, maker)
    # A Job that is over ends what still runs of it, in words that may have been dropped.
    known = maker.state.kind in _KINDS and (case.over or not maker.state.over)
    return DeletionCause(case.uid, Cause.DIRECT) if known else None


_KINDS = frozenset({"ReplicaSet", "StatefulSet", "DaemonSet", "Job"})


def _deleted(case: DeletionCase, maker: ControllerFacts) -> bool:
    """Whether the controller was deleted before the pod was, as far as the order of two streams tells."""
    leaving = None if maker.state is None else maker.state.leaving
    return (leaving is not None and _before(leaving, case)) or (
        maker.gone is not None and _before(maker.gone - _LATER, case)
    )


def _before(moment: int, case: DeletionCase) -> bool:
    return case.asked.latest is None or moment <= case.asked.latest


def _unwanted(case: DeletionCase, state: WorkloadState, maker: ControllerFacts) -> bool:
    """Whether the controller had a reason of its own to delete the pod."""
    match state.kind:
        case "ReplicaSet":
            return _in_surplus(case, maker)
        case "StatefulSet":
            return _beyond(case, state) or _outdated(case, state)
        case "DaemonSet":
            return _outdated(case, state)
        case "Job":
            return state.paused
        case _:
            return False


def _in_surplus(case: DeletionCase, maker: ControllerFacts) -> bool:
    if maker.surplus is None:
        return False
    since, until = maker.surplus
    early = case.asked.earliest is None or until is None or case.asked.earliest <= until + _LATER
    return early and (case.asked.latest is None or case.asked.latest + _LATER >= since)


def _beyond(case: DeletionCase, state: WorkloadState) -> bool:
    """Whether the pod's ordinal is not among those that the StatefulSet wants."""
    return not state.first <= _ordinal(case) < state.first + state.wanted


def _ordinal(case: DeletionCase) -> int:
    ordinal = case.name.rpartition("-")[2]
    return whole(ordinal) or 0


def _outdated(case: DeletionCase, state: WorkloadState) -> bool:
    """Whether the controller replaces the pod, as it is of a former revision."""
    mine = dict(case.labels).get(GENERATION if state.kind == "DaemonSet" else REVISION, "")
    kept = state.by_hand or (state.kind == "StatefulSet" and _ordinal(case) < state.first + state.partition)
    return bool(mine and state.revision) and mine != state.revision and not kept


def _by_controller(case: DeletionCase, maker: ControllerFacts) -> DeletionCause:
    state = maker.state
    if state is None:
        return DeletionCause(case.uid, Cause.CONTROLLER, maker.said)
    who = f"{state.kind} {state.name}"
    match state.kind:
        case "ReplicaSet":
            return _by_replicaset(case, state, maker)
        case "StatefulSet" if _beyond(case, state):
            return DeletionCause(case.uid, Cause.SCALE_DOWN, f"{who} wants {_pods(state.wanted)}")
        case "StatefulSet" | "DaemonSet" if _outdated(case, state):
            return DeletionCause(case.uid, Cause.ROLLOUT, f"{who} is at revision {state.revision}")
        case "DaemonSet" if not case.over:
            return DeletionCause(case.uid, Cause.SCALE_DOWN, f"{who} wants no pod on {case.node}")
        case "Job" if state.paused:
            return DeletionCause(case.uid, Cause.SCALE_DOWN, f"{who} is suspended")
        case _:
            return DeletionCause(case.uid, Cause.CONTROLLER, maker.said)


def _by_replicaset(case: DeletionCase, state: WorkloadState, maker: ControllerFacts) -> DeletionCause:
    above = maker.above
    who = "" if above is None else f"{above.kind} {above.name}"
    revision = whole(state.revision)
    if above is not None and revision is not None and revision < maker.newest:
        text = f"{who} is at revision {maker.newest}, the pod belongs to {state.revision}"
        return DeletionCause(case.uid, Cause.ROLLOUT, text)
    if above is not None and above.wanted and not state.wanted:
        # The strategy Recreate: the next revision's ReplicaSet is made once all of these pods are gone.
        return DeletionCause(case.uid, Cause.ROLLOUT, f"{who} replaces all its pods at once")
    return DeletionCause(case.uid, Cause.SCALE_DOWN, f"{state.kind} {state.name} wants {_pods(state.wanted)}")


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
