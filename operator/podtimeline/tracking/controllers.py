"""What is remembered of controllers, to tell later whether they deleted a pod of theirs."""

from collections.abc import Iterator
from typing import NamedTuple

from podtimeline.analysis.attribution.deletion import ControllerFacts
from podtimeline.bounded import Bounded, Kept, Losses
from podtimeline.model.instants import SECOND
from podtimeline.model.pods import Owner
from podtimeline.model.texts import whole
from podtimeline.model.workloads import (
    Dropped,
    WorkloadGone,
    WorkloadNews,
    WorkloadSeen,
    WorkloadsListed,
    WorkloadState,
    is_it,
)
from podtimeline.tracking.timers import Deadlines, Expiring, Timers

FADE = 60 * SECOND
"""How long a ReplicaSet without pods, a controller that is gone, or a surplus that is over is remembered."""
MAX_NEWEST = 50_000
"""Deployments of which the newest revision is known; owner references can name any that never were."""
MAX_SAID = 10_000
"""Words of controllers about pods that are kept."""
SAID = 600 * SECOND
"""How long they are: the pod's own deletion is told by another stream, which may be behind."""
MAX_GONE = 50_000
"""Controllers that are gone, and ReplicaSets without pods, that are remembered."""
_Said = tuple[Owner, str, str]
"""The controller, namespace and name of the pod."""


class _Heard(NamedTuple):
    """What a controller said of a pod, and when, on its clock."""

    at: int
    text: str


class Controllers:
    """By uid. A Deployment keeps ten ReplicaSets without pods: of those no more than the revision is kept."""

    def __init__(self, losses: Losses, timers: Timers) -> None:
        self._states: dict[str, WorkloadState] = {}
        gone = Kept.DELETED_CONTROLLERS
        self._faded = Expiring[str, WorkloadState](gone, losses, timers, limit=MAX_GONE, lifetime=FADE)
        self._gone = Expiring[str, int](gone, losses, timers, limit=MAX_GONE, lifetime=FADE)
        """Since when each is gone."""
        self._surplus: dict[str, tuple[int, int | None]] = {}
        """Since when each has more pods than it wants, and until when, where that is over."""
        self._over = Deadlines[str](timers, "surplus", self._forget_surplus)
        self._newest: Bounded[tuple[str, Owner], int] = Bounded(Kept.DEPLOYMENT_REVISIONS, losses, limit=MAX_NEWEST)
        """By namespace and Deployment."""
        self._said = Expiring[_Said, _Heard](Kept.CONTROLLER_MESSAGES, losses, timers, limit=MAX_SAID, lifetime=SAID)

    def learn(self, news: WorkloadNews, arrived: int) -> Iterator[str]:
        """Take news of a controller; yields the uids of those that it may concern."""
        match news:
            case WorkloadSeen(state, live):
                self._seen(state, arrived if live else 0, arrived)
                yield state.uid
            case WorkloadGone(uid):
                yield from self._went(uid, arrived)
            case WorkloadsListed():
                for uid in [uid for uid, each in self._states.items() if news.misses(each)]:
                    yield from self._went(uid, arrived)
            case Dropped():
                self._hear(news, arrived)
                yield news.maker.uid
            case _:
                return

    def maker(self, owner: Owner, namespace: str, pod: str, *, since: int) -> ControllerFacts:
        """What is known of a pod's controller; words about a pod of that name count if said at ``since`` or later."""
        state = _identified(self._known(owner.uid), owner, namespace)
        deployment = None if state is None else state.owner
        heard = self._said.get((owner, namespace, pod))
        return ControllerFacts(
            state=state,
            above=None if deployment is None else _identified(self._states.get(deployment.uid), deployment, namespace),
            newest=(deployment is not None and self._newest.get((namespace, deployment))) or 0,
            surplus=self._surplus.get(owner.uid),
            gone=self._gone.get(owner.uid),
            said=heard.text if heard is not None and heard.at >= since else "",
        )

    def _known(self, uid: str) -> WorkloadState | None:
        return self._states.get(uid) or self._faded.get(uid)

    def _seen(self, state: WorkloadState, since: int, arrived: int) -> None:
        if state.kind == "ReplicaSet":
            self._count(state, since, arrived)
            if not state.wanted and not state.have:
                if self._states.pop(state.uid, None) is not None:
                    self._faded.put(state.namespace, state.uid, state, at=arrived)
                return
        self._states[state.uid] = state
        self._faded.pop(state.uid)

    def _count(self, state: WorkloadState, since: int, arrived: int) -> None:
        """Remember the revision, and since when a ReplicaSet has more pods than it wants, or had in between."""
        revision = whole(state.revision)
        if state.owner is not None and revision is not None:
            key = (state.namespace, state.owner)
            self._newest.put(state.namespace, key, max(self._newest.get(key) or 0, revision))
        held, before = self._surplus.get(state.uid), self._states.get(state.uid)
        if state.wanted < state.have:
            if held is None or held[1] is not None:
                self._surplus[state.uid] = (since, None)
                self._over.disarm(state.uid)
        elif held is not None and held[1] is None:
            self._end_surplus(state.uid, held[0], arrived)
        elif before is not None and state.wanted < before.wanted:
            self._end_surplus(state.uid, since, arrived)

    def _end_surplus(self, uid: str, since: int, arrived: int) -> None:
        self._surplus[uid] = (since, arrived)
        self._over.arm(uid, arrived + FADE)

    def _forget_surplus(self, uid: str, _: int = 0) -> None:
        self._surplus.pop(uid, None)

    def _went(self, uid: str, arrived: int) -> Iterator[str]:
        known, state = self._known(uid), self._states.pop(uid, None)
        # Of a ReplicaSet that had no pods not even the namespace is known.
        self._gone.put("" if known is None else known.namespace, uid, arrived, at=arrived)
        self._forget_surplus(uid)
        self._over.disarm(uid)
        if state is not None:
            self._newest.pop((state.namespace, Owner(state.kind, state.name, uid)))
            self._faded.put(state.namespace, uid, state, at=arrived)
        yield uid

    def _hear(self, news: Dropped, arrived: int) -> None:
        key = (news.maker, news.namespace, news.pod)
        before = self._said.get(key)
        at = news.at if before is None else max(before.at, news.at)
        self._said.put(news.namespace, key, _Heard(at, news.text), at=arrived)


def _identified(state: WorkloadState | None, owner: Owner, namespace: str) -> WorkloadState | None:
    return state if state is not None and is_it(state, owner, namespace) else None
