"""Pods that workloads asked for and were refused: kept by workload, counted, noted on the pod that comes after all."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from podtimeline.analysis.attribution.refused import Refusal, ended, forgets, refused
from podtimeline.bounded import Bounded, Kept, Losses
from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Noted, Observation, Witnessed
from podtimeline.model.pods import Owner, PodFacts
from podtimeline.model.series import OTHER, Labels, Pool, Series
from podtimeline.model.timeline import Timeline
from podtimeline.model.workloads import CreateRefused, WorkloadNews, WorkloadSeen, WorkloadState, is_it
from podtimeline.ports import Memory, Mismatch, Owners, Stream
from podtimeline.quarantine import Operation
from podtimeline.tracking.dirty_set import DirtyKeys
from podtimeline.tracking.enrichers import Enricher, Occasion, Records
from podtimeline.tracking.histories import Histories
from podtimeline.tracking.records import Tracked
from podtimeline.tracking.scale_answers import followed
from podtimeline.tracking.timers import Deadlines, Recheck, Timers

_STARTED = MilestoneKey(Milestone.ROLLOUT_STARTED)
CHAIN_WAIT = 5 * SECOND
"""How long the controller of what was refused is waited for: it is seen after its first Event."""
_TOGETHER = 10 * SECOND
"""Pods that come within this of the first one after a spell were refused in it too."""
_STALE = 3600 * SECOND
"""A controller tries again at least every 17 minutes: after an hour of silence nobody wants the pods any more."""
_FORGET = 86_400 * SECOND
"""How long a spell that is over is remembered: Events live for an hour, so none is told again after that."""
MAX_PENDING = 1000
"""Events whose workload is waited for."""
_Maker = tuple[str, Owner]
"""The controller of what was refused, with its namespace."""
REASON = "FailedCreate"
"""The reason of the note that a pod carries."""


class Refusals(Enricher):
    """At most ``limit`` workloads, shared among namespaces by the rules of ``model.series``.

    What is refused to workloads beyond it is counted under ``other``. A workload is forgotten a day after its spell.
    """

    def __init__(
        self, owners: Owners, histories: Histories, losses: Losses, timers: Timers, *, limit: int = 2000
    ) -> None:
        self._owners = owners
        self._histories = histories
        self._pool = Pool(limit)
        self._known: dict[str, Refusal] = {}
        self._by_maker: dict[_Maker, str] = {}
        self._records: Records | None = None
        self._losses = losses
        self._pending: Bounded[CreateRefused, int] = Bounded(Kept.REFUSED_CREATES, losses, limit=MAX_PENDING)
        """When each arrived."""
        self._recheck = Recheck(timers, type(self).__name__, self._settle)
        self._silence = Deadlines[str](timers, type(self).__name__, self._fallen_silent)
        """By key: when its spell is taken to be over, or when what is over is forgotten."""
        self._ledger = DirtyKeys()

    def attach(self, intake: Records) -> None:
        """See ``Enricher.attach``."""
        self._records = intake

    @property
    def known(self) -> Iterable[Refusal]:
        """Every workload that is remembered to have been refused a pod, in the order of the first time."""
        return self._known.values()

    def workload(self, news: WorkloadNews, arrived: int) -> None:
        """See ``Enricher.workload``."""
        match news:
            case CreateRefused():
                if news not in self._pending:
                    self._pending.put(news.namespace, news, arrived)
                    self._recheck.at_once()
            case WorkloadSeen(state):
                self._seen(state, arrived)
            case _:
                return

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """See ``Enricher.tell``."""
        facts = timeline.facts
        if occasion is not Occasion.DESCRIBED or facts is None or facts.owner is None:
            return ()
        self._settle(now)
        return tuple(self._note(record.uid, facts, facts.owner, now))

    def _fallen_silent(self, key: str, now: int) -> None:
        known = self._known[key]
        if known.ended is None:
            self._keep(key, ended(known, now))
        else:
            self._forget(key)

    def restore(self, memory: Memory) -> None:
        """See ``Enricher.restore``."""
        if memory.refusal is not None:
            self._known[memory.key] = memory.refusal
            self._by_maker[_maker(memory.refusal)] = memory.key
            self._stand(memory.key, memory.refusal)
            for each in self._pool.surplus():
                self._forget(_name(each.labels))

    def memories(self, now: int) -> Iterator[Memory]:
        """See ``Enricher.memories``."""
        # The stream that told of them is committed with this: what waits for its workload is asked about once more.
        self._settle(now)
        return (Memory(key, refusal=self._known.get(key)) for key in self._ledger.drain())

    def failed(self, memories: Iterable[Memory]) -> None:
        """See ``Enricher.failed``."""
        # An empty memory may be of a workload's history: deleting that twice is no different.
        self._ledger.failed(each.key for each in memories if each.history is None)

    def _settle(self, now: int) -> bool:
        """Count what was told, once its workload is known; returns whether some is still waited for."""
        for news, arrived in tuple(self._pending.items()):
            settled = self.quarantine.contain(Operation.ENRICH, news.event, self._settle_one, news, arrived, now)
            if settled is not False:
                self._pending.pop(news)
        return len(self._pending) > 0

    def _settle_one(self, news: CreateRefused, arrived: int, now: int) -> bool:
        """Returns False where its workload is still waited for."""
        if self._differs(news):
            return True
        chain = self._owners.chain(news.namespace, news.maker)
        controlled = news.maker.kind in {"ReplicaSet", "Job"} and not news.maker.group
        over = len(chain) > 1 or not controlled or arrived + CHAIN_WAIT <= now
        if over:
            self._count(chain[-1], news, arrived)
        return over

    def _differs(self, news: CreateRefused) -> bool:
        """Whether the workload of that uid is another one than the Event names; counts it where it is."""
        history = self._histories.get(news.maker.uid)
        differs = history is not None and not is_it(history.state, news.maker, news.namespace)
        if differs and self._records is not None:
            self._records.mismatched(Stream.EVENTS, Mismatch.UID)
        return differs

    def _count(self, workload: Owner, news: CreateRefused, arrived: int) -> None:
        key = _key(news.namespace, workload)
        if key not in self._known and not self._admitted(news.namespace, workload):
            other = Owner(OTHER, OTHER)
            key, workload, news = _key(OTHER, other), other, replace(news, namespace=OTHER)
        before = self._known.get(key)
        known = refused(before, workload, news)
        if known is before:
            return
        self._losses.count(Kept.REFUSAL_EVENTS, forgets(before, known))
        history = self._histories.of(news.maker, news.namespace)
        if history is not None and _satisfied(history.state):
            # Told again by a listing: what it wanted has come since.
            known = ended(known, arrived)
        self._keep(key, known)

    def _keep(self, key: str, known: Refusal) -> None:
        before = self._known.get(key)
        if before == known:
            return
        if before is not None and before.maker != known.maker:
            self._by_maker.pop(_maker(before), None)
        self._known[key] = known
        self._by_maker[_maker(known)] = key
        self._ledger.mark(key)
        self._stand(key, known)

    def _admitted(self, namespace: str, workload: Owner) -> bool:
        """Whether there is room for one more workload; another one may go for it."""
        admitted, gone = self._pool.room(Series("", _labels(namespace, workload)))
        if gone is not None:
            self._forget(_name(gone.labels))
        return admitted

    def _stand(self, key: str, known: Refusal) -> None:
        """Keep the order in which room is made: what is over goes first; and when it is over, or forgotten."""
        over = known.last + _STALE if known.ended is None else max(known.ended, known.last) + _FORGET
        self._silence.arm(key, over)
        labels = _labels(known.namespace, known.workload)
        if labels == (OTHER,) * 3:
            return
        series = self._pool.get(labels) or Series("", labels)
        series.gone = known.ended
        self._pool.put(series)

    def _forget(self, key: str) -> None:
        known = self._known.pop(key)
        self._silence.disarm(key)
        if self._by_maker.get(_maker(known)) == key:
            del self._by_maker[_maker(known)]
        series = self._pool.get(_labels(known.namespace, known.workload))
        if series is not None:
            self._pool.drop(series)
        self._ledger.mark(key)

    def _seen(self, state: WorkloadState, arrived: int) -> None:
        """A spell ends with what was wanted, or with a Job that a CronJob could make after all."""
        itself = Owner(state.kind, state.name, state.uid)
        key = self._by_maker.get((state.namespace, itself))
        if key is not None and _satisfied(state):
            self._keep(key, ended(self._known[key], arrived))
        key = None if state.owner is None else self._by_maker.get((state.namespace, state.owner))
        if key is not None and state.created > self._known[key].last:
            self._keep(key, ended(self._known[key], arrived))

    def _note(self, uid: str, facts: PodFacts, owner: Owner, now: int) -> Iterator[Observation]:
        key = self._by_maker.get((facts.namespace, owner))
        if key is None:
            return
        known = self._known[key]
        late = known.ended is not None and known.ended + _TOGETHER < now
        if not late and known.first <= facts.created_second + SECOND:
            yield Noted(uid, REASON, "", known.text, known.last, known.count, known.first)
            if not followed(owner):
                # All that is known of when it was asked for: by the time it was first refused.
                asked = Evidence(Source.EVENT_SECOND, known.first, None, known.first + SECOND - 1, now)
                yield Witnessed(uid, _STARTED, (asked,), "first refused")
            self._keep(key, ended(known, now))


def _maker(known: Refusal) -> _Maker:
    return known.namespace, known.maker


def _key(namespace: str, workload: Owner) -> str:
    return _name(_labels(namespace, workload))


def _labels(namespace: str, workload: Owner) -> Labels:
    kind = f"{workload.kind}.{workload.group}" if workload.group else workload.kind
    return namespace, kind, workload.name


def _name(labels: Labels) -> str:
    return "/".join(labels)


def _satisfied(state: WorkloadState) -> bool:
    if state.kind == "CronJob" or state.have < state.wanted:
        return False
    return state.kind == "Job" or state.observed >= state.generation
