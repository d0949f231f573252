"""What is remembered of controllers, to tell later whether they deleted a pod of theirs."""

from collections import OrderedDict
from collections.abc import Iterator

from podtimeline.analysis.attribution.deletion import Maker
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

_FADE = 60 * SECOND
"""How long a ReplicaSet without pods, a controller that is gone, or a surplus that is over is remembered."""
MAX_NEWEST = 50_000
"""Deployments of which the newest revision is known; owner references can name any that never were."""
MAX_SAID = 10_000
"""Words of controllers about pods that are kept."""
_Said = tuple[Owner, str, str]
"""The controller, namespace and name of the pod."""


class Makers:
    """By uid. A Deployment keeps ten ReplicaSets without pods: of those no more than the revision is kept."""

    def __init__(self) -> None:
        self._states: dict[str, WorkloadState] = {}
        self._faded: OrderedDict[str, tuple[int, WorkloadState]] = OrderedDict()
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._surplus: dict[str, tuple[int, int | None]] = {}
        self._newest: OrderedDict[tuple[str, Owner], int] = OrderedDict()
        """By namespace and Deployment."""
        self._said: OrderedDict[_Said, tuple[int, str]] = OrderedDict()

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
                self._hear(news)
                yield news.maker.uid
            case _:
                return

    def maker(self, owner: Owner, namespace: str, pod: str, *, since: int) -> Maker:
        """What is known of a pod's controller; words about a pod of that name count if said at ``since`` or later."""
        state = _identified(self._states.get(owner.uid) or self._faded.get(owner.uid, (0, None))[1], owner, namespace)
        deployment = None if state is None else state.owner
        at, text = self._said.get((owner, namespace, pod), (0, ""))
        return Maker(
            state=state,
            above=None if deployment is None else _identified(self._states.get(deployment.uid), deployment, namespace),
            newest=0 if deployment is None else self._newest.get((namespace, deployment), 0),
            surplus=self._surplus.get(owner.uid),
            gone=self._gone.get(owner.uid),
            said=text if at >= since else "",
        )

    def expire(self, now: int) -> None:
        """Forget what has faded."""
        while self._faded and next(iter(self._faded.values()))[0] + _FADE <= now:
            self._faded.popitem(last=False)
        while self._gone and next(iter(self._gone.values())) + _FADE <= now:
            self._gone.popitem(last=False)
        for uid in [uid for uid, (_, end) in self._surplus.items() if end is not None and end + _FADE <= now]:
            del self._surplus[uid]

    def _seen(self, state: WorkloadState, since: int, arrived: int) -> None:
        if state.kind == "ReplicaSet":
            self._count(state, since, arrived)
            if not state.wanted and not state.have:
                if self._states.pop(state.uid, None) is not None:
                    self._faded[state.uid] = (arrived, state)
                return
        self._states[state.uid] = state
        self._faded.pop(state.uid, None)

    def _count(self, state: WorkloadState, since: int, arrived: int) -> None:
        """Remember the revision, and since when a ReplicaSet has more pods than it wants, or had in between."""
        revision = whole(state.revision)
        if state.owner is not None and revision is not None:
            key = (state.namespace, state.owner)
            self._newest[key] = max(self._newest.pop(key, 0), revision)
            while len(self._newest) > MAX_NEWEST:
                self._newest.popitem(last=False)
        held, before = self._surplus.get(state.uid), self._states.get(state.uid)
        if state.wanted < state.have:
            if held is None or held[1] is not None:
                self._surplus[state.uid] = (since, None)
        elif held is not None and held[1] is None:
            self._surplus[state.uid] = (held[0], arrived)
        elif before is not None and state.wanted < before.wanted:
            self._surplus[state.uid] = (since, arrived)

    def _went(self, uid: str, arrived: int) -> Iterator[str]:
        state = self._states.pop(uid, None)
        if state is not None:
            self._newest.pop((state.namespace, Owner(state.kind, state.name, uid)), None)
        self._surplus.pop(uid, None)
        self._gone[uid] = arrived
        if state is not None:
            self._faded[uid] = (arrived, state)
        yield uid

    def _hear(self, news: Dropped) -> None:
        key = (news.maker, news.namespace, news.pod)
        at, _ = self._said.pop(key, (0, ""))
        self._said[key] = (max(at, news.at), news.text)
        while len(self._said) > MAX_SAID:
            self._said.popitem(last=False)


def _identified(state: WorkloadState | None, owner: Owner, namespace: str) -> WorkloadState | None:
    return state if state is not None and is_it(state, owner, namespace) else None
