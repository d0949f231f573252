"""What workloads were asked for, as far as it was seen: the histories that the requests of pods are looked up in."""

from collections.abc import Iterator

from podtimeline.analysis.attribution.scaling import Request, WorkloadHistory, latest, launched, scaled, told, took
from podtimeline.bounded import Kept, Losses
from podtimeline.model.instants import SECOND, Evidence
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import (
    Launched,
    Scaled,
    WorkloadGone,
    WorkloadNews,
    WorkloadSeen,
    WorkloadsListed,
    WorkloadState,
    is_it,
)
from podtimeline.ports import Memory
from podtimeline.tracking.dirty_set import DirtyKeys
from podtimeline.tracking.timers import Expiring, Timers

MAX_EARLY = 10_000
"""Events of workloads that were not seen yet."""
EARLY = 600 * SECOND
"""How long they wait: what is not seen by then was gone before anybody looked."""
_Name = tuple[str, str, str]
"""Kind, namespace and name."""
_Early = tuple[_Name, Owner]


class Histories:
    """By uid; ``touched`` are those of which something was learned since it was last emptied."""

    def __init__(self, losses: Losses, timers: Timers) -> None:
        self.touched: set[str] = set()
        self.ledger = DirtyKeys()
        self._histories: dict[str, WorkloadHistory] = {}
        self._by_name: dict[_Name, str] = {}
        self._losses = losses
        self._early = Expiring[_Early, Evidence](
            Kept.WORKLOAD_EVENTS, losses, timers, limit=MAX_EARLY, lifetime=EARLY, expired=self._forget_early
        )
        """By the workload and who made it, as its Event says."""
        self._controllers: dict[_Name, dict[Owner, None]] = {}
        """By workload: who is said to have made it."""

    def __len__(self) -> int:
        """How many workloads are known."""
        return len(self._histories)

    def get(self, uid: str) -> WorkloadHistory | None:
        """The workload of that uid, ``None`` where it is gone or not known."""
        return self._histories.get(uid)

    def of(self, owner: Owner, namespace: str) -> WorkloadHistory | None:
        """The workload that is the controller of something in a namespace, if kind, name and uid are its own."""
        history = self._histories.get(owner.uid)
        return history if history is not None and is_it(history.state, owner, namespace) else None

    def named(self, namespace: str, kind: str, name: str) -> WorkloadHistory | None:
        """The workload of that name, ``None`` where it is gone or not known."""
        return self._histories.get(self._by_name.get((kind, namespace, name), ""))

    def learn(self, news: WorkloadNews, arrived: int) -> int:
        """Take news of a workload; returns how many Events disagreed with the workload that they name."""
        match news:
            case WorkloadSeen(state, live):
                wrong = 0 if state.uid in self._histories else self._disown(state)
                self.put(told(self.get(state.uid), state, arrived=arrived, live=live))
                return wrong
            case WorkloadGone(uid):
                self._forget(uid)
            case WorkloadsListed():
                for uid in [uid for uid, each in self._histories.items() if news.misses(each.state)]:
                    self._forget(uid)
            case Scaled() | Launched():
                return self._told_by_event(news)
            case _:
                pass
        return 0

    def put(self, history: WorkloadHistory) -> None:
        """Something was learned of a workload."""
        state = history.state
        key = (state.kind, state.namespace, state.name)
        early = None if state.owner is None else self._claim(key, state.owner)
        if early is not None and history.born:
            is_job = state.kind == "Job"
            history = launched(history, early) if is_job else scaled(history, 0, state.wanted, early)
        if state.kind == "ReplicaSet" and state.wanted == state.have == 0 and not history.unmet:
            # A Deployment keeps ten of them; one that is scaled up again is seen to be.
            self._forget(state.uid)
            return
        history, lost = latest(history)
        self._losses.count(Kept.WORKLOAD_REQUESTS, lost)
        before = self._histories.get(state.uid)
        if history.unmet or (before is not None and before.unmet):
            self.ledger.mark(state.uid)
        self._histories[state.uid] = history
        self._by_name[key] = state.uid
        self.touched.add(state.uid)

    def took(self, history: WorkloadHistory, request: Request) -> None:
        """A pod was found to be of that request."""
        self.put(took(history, request))

    def restore(self, memory: Memory) -> None:
        """Go on from what was remembered: what changed meanwhile is seen by the first listing."""
        if memory.history is not None:
            state = memory.history.state
            self._histories[state.uid] = memory.history
            self._by_name[state.kind, state.namespace, state.name] = state.uid

    def memories(self) -> Iterator[Memory]:
        """What changed of the workloads that pods are still to come of; of the others nothing is remembered."""
        for uid in self.ledger.drain():
            history = self._histories.get(uid)
            yield Memory(uid, history if history is not None and history.unmet else None)

    def _told_by_event(self, news: Scaled | Launched) -> int:
        name = ("ReplicaSet", news.namespace, news.replicaset) if isinstance(news, Scaled) else _job(news)
        history = self.get(self._by_name.get(name, ""))
        if history is None:
            first = isinstance(news, Launched) or news.low == 0
            if first and (name, news.maker) not in self._early:
                self._controllers.setdefault(name, {})[news.maker] = None
                early = (name, news.maker)
                for gone, _ in self._early.put(news.namespace, early, news.told, at=news.told.observed):
                    self._forget_maker(*gone)
        elif history.state.owner != news.maker:
            return 1
        elif isinstance(news, Scaled):
            self.put(scaled(history, news.low, news.high, news.told))
        else:
            self.put(launched(history, news.told))
        return 0

    def _disown(self, state: WorkloadState) -> int:
        """A workload is known now: drop what others than its controller said of it."""
        key = (state.kind, state.namespace, state.name)
        wrong = [each for each in self._controllers.get(key, ()) if each != state.owner]
        for each in wrong:
            self._claim(key, each)
        return len(wrong)

    def _claim(self, name: _Name, maker: Owner) -> Evidence | None:
        """What that maker said of a workload before it was seen; it is not kept any longer."""
        said = self._early.pop((name, maker))
        if said is not None:
            self._forget_maker(name, maker)
        return said

    def _forget_early(self, early: _Early, _: Evidence, now: int) -> None:
        self._forget_maker(*early)

    def _forget_maker(self, name: _Name, maker: Owner) -> None:
        controllers = self._controllers[name]
        del controllers[maker]
        if not controllers:
            del self._controllers[name]

    def _forget(self, uid: str) -> None:
        gone = self._histories.pop(uid, None)
        if gone is None:
            return
        if gone.unmet:
            self.ledger.mark(uid)
        key = (gone.state.kind, gone.state.namespace, gone.state.name)
        if self._by_name.get(key) == uid:
            del self._by_name[key]


def _job(news: Launched) -> _Name:
    return ("Job", news.namespace, news.job)
