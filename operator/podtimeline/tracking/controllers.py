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
    """What a controller said of a pod, and when, on its clock and on the observer's."""

    at: int
    text: str
    arrived: int


class Controllers:
    """By uid. A Deployment keeps ten ReplicaSets without pods: of those no more than the revision is kept."""

    def __init__(self, losses: Losses) -> None:
        self._states: dict[str, WorkloadState] = {}
        self._faded: Bounded[str, tuple[int, WorkloadState]] = Bounded(Kept.DELETED_CONTROLLERS, losses, limit=MAX_GONE)
        self._gone: Bounded[str, int] = Bounded(Kept.DELETED_CONTROLLERS, losses, limit=MAX_GONE)
        self._surplus: dict[str, tuple[int, int | None]] = {}
        self._newest: Bounded[tuple[str, Owner], int] = Bounded(Kept.DEPLOYMENT_REVISIONS, losses, limit=MAX_NEWEST)
        """By namespace and Deployment."""
        self._said: Bounded[_Said, _Heard] = Bounded(Kept.CONTROLLER_MESSAGES, losses, limit=MAX_SAID)

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

    def expire(self, now: int) -> None:
        """Forget what has faded."""
        self._faded.expire(lambda _, faded: faded[0] + FADE <= now)
        self._gone.expire(lambda _, gone: gone + FADE <= now)
        self._said.expire(lambda _, heard: heard.arrived + SAID <= now)
        for uid in [uid for uid, (_, end) in self._surplus.items() if end is not None and end + FADE <= now]:
            del self._surplus[uid]

    def _known(self, uid: str) -> WorkloadState | None:
        state = self._states.get(uid)
        faded = self._faded.get(uid) if state is None else None
        return state if faded is None else faded[1]

    def _seen(self, state: WorkloadState, since: int, arrived: int) -> None:
        if state.kind == "ReplicaSet":
            self._count(state, since, arrived)
            if not state.wanted and not state.have:
                if self._states.pop(state.uid, None) is not None:
                    self._faded.put(state.namespace, state.uid, (arrived, state))
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
        elif held is not None and held[1] is None:
            self._surplus[state.uid] = (held[0], arrived)
        elif before is not None and state.wanted < before.wanted:
            self._surplus[state.uid] = (since, arrived)

    def _went(self, uid: str, arrived: int) -> Iterator[str]:
        known, state = self._known(uid), self._states.pop(uid, None)
        # Of a ReplicaSet that had no pods not even the namespace is known.
        self._gone.put("" if known is None else known.namespace, uid, arrived)
        self._surplus.pop(uid, None)
        if state is not None:
            self._newest.pop((state.namespace, Owner(state.kind, state.name, uid)))
            self._faded.put(state.namespace, uid, (arrived, state))
        yield uid

    def _hear(self, news: Dropped, arrived: int) -> None:
        key = (news.maker, news.namespace, news.pod)
        before = self._said.get(key)
        at = news.at if before is None else max(before.at, news.at)
        self._said.put(news.namespace, key, _Heard(at, news.text, arrived))


def _identified(state: WorkloadState | None, owner: Owner, namespace: str) -> WorkloadState | None:
    return state if state is not None and is_it(state, owner, namespace) else None
