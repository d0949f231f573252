"""For which request of its workload one pod was made: one kind of workload after the other.

``None`` is no answer yet: what decides it may still come.
"""

from dataclasses import dataclass

from podtimeline.analysis.attribution.scaling import (
    Request,
    Why,
    WorkloadHistory,
    of_node,
    of_ordinal,
    origin,
    with_room,
)
from podtimeline.model.instants import Evidence, Source, Window, exactly, intersect
from podtimeline.model.milestones import Milestone
from podtimeline.model.pods import Owner, PodFacts
from podtimeline.model.texts import whole
from podtimeline.ports import Nodes
from podtimeline.tracking.histories import Histories
from podtimeline.tracking.predecessors import Former, Predecessors

_BY_EVENT = frozenset({Source.EVENT_NAME, Source.EVENT_SECOND, Source.EVENT_TIME})
_NEWEST = 1 << 63


@dataclass(frozen=True, slots=True)
class NewPod:
    """A pod whose request is looked for; ``on_node`` says whether one of the same template was on its node before."""

    uid: str
    facts: PodFacts
    created: Window
    node: str | None
    on_node: bool | None = None

    @property
    def ordinal(self) -> int | None:
        """The number in the name of a StatefulSet's pod."""
        return whole(self.facts.name.rpartition("-")[2])

    def label(self, name: str) -> str:
        """The value of a label, empty where there is none."""
        return dict(self.facts.labels).get(name, "")


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a pod was made for: evidence of when that was asked for, in words, and of when its owner was made.

    All is empty where it replaces another pod. ``request`` is the one of which it takes a place; ``neighbour`` the pod
    that had to be ready before it, for ``min_ready`` nanoseconds.
    """

    started: tuple[Evidence, ...] = ()
    detail: str = ""
    owner: tuple[Evidence, ...] = ()
    request: Request | None = None
    neighbour: Former | None = None
    min_ready: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What answers are looked up in."""

    histories: Histories
    predecessors: Predecessors
    nodes: Nodes


_MAKERS = frozenset({"ReplicaSet", "Job", "StatefulSet", "DaemonSet"})
"""The kinds that make pods and are watched."""
_REPLACES = Attribution()


def followed(owner: Owner) -> bool:
    """Whether what it was asked for is watched."""
    return owner.kind in _MAKERS and not owner.group


def answer(history: WorkloadHistory, pod: NewPod, sources: Known, *, final: bool) -> Attribution | None:
    """The answer, as far as it is known; ``final`` where what has not come by now is not waited for."""
    match history.state.kind:
        case "ReplicaSet":
            return _of_replicas(history, pod, sources, final=final)
        case "Job":
            return _of_job(history, pod, sources)
        case "StatefulSet":
            return _of_ordinal(history, pod, sources)
        case "DaemonSet":
            return _of_node(history, pod, sources)
        case _:
            return None


def _of_replicas(history: WorkloadHistory, pod: NewPod, sources: Known, *, final: bool) -> Attribution | None:
    request, owner = with_room(history, pod.created), history.state.owner
    if request is None or (request.version == 0 and not final):
        return None
    if owner is None:
        return Attribution(request.evidence, words(request), _birth(history, request), request)
    if owner.kind != "Deployment" or owner.group:
        return Attribution(owner=_birth(history, request), request=request)
    parent = sources.histories.of(owner, history.state.namespace)
    if parent is None or parent.state.version <= request.version:
        # The Deployment is written after its ReplicaSet: until that is seen its own latest request may be missing.
        return None
    root = origin(parent, request.version or _NEWEST)
    said = tuple(each for each in request.evidence if each.source in _BY_EVENT)
    if root is None:
        return Attribution(said, "", _birth(history, request), request)
    made = history.birth if _began_with(history, root) else ()
    return Attribution((*root.evidence, *said), words(root, history), made, request)


def _of_job(history: WorkloadHistory, pod: NewPod, sources: Known) -> Attribution | None:
    request, state = with_room(history, pod.created), history.state
    if request is None or state.paused:
        return None
    if request.why is not Why.CREATED or state.scheduled is None:
        return Attribution(request.evidence, words(request), _birth(history, request), request)
    cron = None if state.owner is None else sources.histories.of(state.owner, state.namespace)
    schedule = "schedule" if cron is None else f"schedule {cron.state.schedule}"
    wanted = exactly(Source.FIELD, state.scheduled, observed=history.birth[0].observed)
    return Attribution((wanted,), schedule, history.birth, request)


def _of_ordinal(history: WorkloadHistory, pod: NewPod, sources: Known) -> Attribution | None:
    state, ordinal, revision = history.state, pod.ordinal, pod.label("controller-revision-hash")
    if ordinal is None or revision not in {state.revision, state.current} or ordinal >= state.first + state.wanted:
        return None
    request = of_ordinal(history, ordinal, revision, pod.created)
    if request is None:
        return None
    if _had_one(request, pod, revision, sources.predecessors):
        return _REPLACES
    neighbour, min_ready = _neighbour(history, request, pod, ordinal, revision, sources.predecessors)
    made = _birth(history, request)
    return Attribution(request.evidence, words(request, history), made, neighbour=neighbour, min_ready=min_ready)


def _had_one(request: Request, pod: NewPod, revision: str, predecessors: Predecessors) -> bool:
    """Whether the request had led to a pod of this name before."""
    former = predecessors.before((pod.facts.namespace, pod.facts.name), pod.uid)
    if former is None:
        return False
    if request.why is Why.REVISION:
        return former.revision == revision
    made = intersect(predecessors.evidence(former, Milestone.CREATED)).instant()
    asked = request.window.instant()
    return made is None or asked is None or made.at >= asked.at


def _neighbour(
    history: WorkloadHistory, request: Request, pod: NewPod, ordinal: int, revision: str, predecessors: Predecessors
) -> tuple[Former | None, int]:
    """The pod that was waited for, and for how long it had to be ready.

    A scale-up goes upwards, where it is ordered; an update goes downwards, always. Where it is ordered each pod has to
    be available: ready for ``minReadySeconds`` (pkg/controller/statefulset, ``isRunningAndAvailable``).
    """
    state, rolling = history.state, request.why is Why.REVISION
    before = ordinal + 1 if rolling else ordinal - 1
    if not state.first <= before < state.first + state.wanted or not (rolling or state.ordered):
        return None, 0
    name = f"{pod.facts.name.rpartition('-')[0]}-{before}"
    found = predecessors.latest((pod.facts.namespace, name))
    if found is None or (rolling and found.revision != revision):
        return None, 0
    ready, made = intersect(predecessors.evidence(found, Milestone.READY)).earliest, pod.created.latest
    # Where several may be unavailable at a time an update does not wait for each.
    if ready is None or made is None or ready > made:
        return None, 0
    min_ready = state.min_ready if state.ordered else 0
    # One that was not available yet was not waited for as long: the StatefulSet asked for less then.
    return found, min_ready if ready + min_ready <= made else 0


def _of_node(history: WorkloadHistory, pod: NewPod, sources: Known) -> Attribution | None:
    if pod.node is None or pod.label("pod-template-generation") != history.state.revision:
        return None
    if pod.on_node:
        return _REPLACES
    request, node = of_node(history, pod.created), sources.nodes.node(pod.node)
    known = history.since if request is None else request.window.earliest
    if pod.on_node is None and node is not None and known is not None and node.created_second > known:
        return Attribution(node.created, f"node {pod.node}")
    if request is None:
        return None
    return Attribution(request.evidence, words(request, history), _birth(history, request))


def _birth(history: WorkloadHistory, request: Request) -> tuple[Evidence, ...]:
    return history.birth if request.why is Why.CREATED else ()


def _began_with(history: WorkloadHistory, root: Request) -> bool:
    """Whether what made the pod was itself made because of ``root``."""
    if history.born:
        return history.born > root.version
    begun, made = root.window.earliest, intersect(history.birth).latest
    return begun is not None and made is not None and made >= begun


def words(request: Request, history: WorkloadHistory | None = None) -> str:
    """What was asked for, in words; ``history`` is of what calls the revision by a name."""
    revision = "" if history is None else history.state.revision.rpartition("-")[2]
    match request.why:
        case Why.CREATED | Why.REVISION:
            return f"revision {revision}" if revision else request.why.value
        case Why.RESUMED:
            return f"resumed, revision {revision}" if revision else "resumed"
        case Why.SCALED:
            return f"scaled from {request.low} to {request.high}"
