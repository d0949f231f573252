"""A small world around a tracker: owners that can be changed, a codec, a store in memory, a clock that stands."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from tests.support.lives import EPOCH, at

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.bounded import Losses
from podtimeline.model.instants import SECOND
from podtimeline.model.observations import Described, Observation
from podtimeline.model.pods import Owner
from podtimeline.model.state import State
from podtimeline.model.timeline import Timeline
from podtimeline.ports import (
    Checkpoint,
    Counted,
    Finished,
    Increment,
    Memory,
    Metric,
    Placed,
    PodReference,
    Restored,
    Saved,
    Stream,
)
from podtimeline.tracking.batches import Batch, Result, evaluate
from podtimeline.tracking.enrichers import Enricher
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker

RULES = Rules(
    linger=5 * SECOND, endpoint_deadline=60 * SECOND, orphan=100 * SECOND, tombstone=30 * SECOND, max_tombstones=100
)


@dataclass
class StandingOwners:
    """Answers what it was told to answer."""

    chains: dict[str, tuple[Owner, ...]] = field(default_factory=dict)
    selecting: tuple[str, ...] | None = ("shop/web",)
    asked: int = 0

    def chain(self, namespace: str, owner: Owner) -> tuple[Owner, ...]:
        """See ``ports.Owners``."""
        return self.chains.get(owner.name, (owner,))

    def services(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """See ``ports.Owners``."""
        self.asked += 1
        return self.selecting


class PlainCodec:
    """Packs states with msgpack."""

    def __init__(self) -> None:
        self.unpacked = 0

    def pack(self, state: State, *, deflate: bool = True) -> bytes:
        """See ``records.Codec``."""
        return msgspec.msgpack.encode(state)

    def unpack(self, blob: bytes) -> State:
        """See ``records.Codec``."""
        self.unpacked += 1
        return msgspec.msgpack.decode(blob, type=State)


@dataclass
class MemoryStore:
    """Implements ``ports.Store`` as the real one promises: each (uid, metric, key) counts once, for ever."""

    records: dict[str, Saved] = field(default_factory=dict)
    versions: dict[Stream, str | None] = field(default_factory=dict)
    counted: dict[tuple[str, Metric, str], Increment] = field(default_factory=dict)
    memories: dict[str, Memory] = field(default_factory=dict)
    first_look: int | None = None

    def restore(self) -> Restored:
        """See ``ports.Store``."""
        still = tuple(each for each in self.records.values() if not each.closed)
        return Restored(still, dict(self.versions), (), self.first_look, memories=tuple(self.memories.values()))

    def commit(self, checkpoint: Checkpoint) -> Counted:
        """See ``ports.Store``."""
        new = []
        for record in checkpoint.records:
            self.records[record.state.uid] = record
            for each in record.increments:
                key = (record.state.uid, each.metric, each.key)
                if key not in self.counted:
                    self.counted[key] = each
                    new.append(each)
        self.memories.update({each.key: each for each in checkpoint.memories})
        self.versions.update(checkpoint.versions)
        self.first_look = checkpoint.at if self.first_look is None else self.first_look
        return Counted(tuple(Placed(each, each.labels) for each in new))

    def close(self) -> None:
        """See ``ports.Store``."""

    def count(self, metric: Metric) -> int:
        """How many observations one histogram holds."""
        return sum(1 for _, each, _ in self.counted if each is metric)


class World:
    """A tracker with its surroundings; ``EPOCH`` is the second in which the pods of ``lives`` are created."""

    def __init__(
        self,
        *,
        look: int = EPOCH - 100 * SECOND,
        rules: Rules = RULES,
        enrichers: "Callable[[World], Sequence[Enricher]]" = lambda _: (),
    ) -> None:
        """``enrichers`` makes the companions of each process, as ``killed`` ends one."""
        self.owners = StandingOwners()
        self.codec = PlainCodec()
        self.store = MemoryStore(first_look=look)
        self.told: list[Finished] = []
        self.rules = rules
        self.losses = Losses()
        self._make = enrichers
        self.tracker = self._tracker(look)

    def companions(self) -> Sequence[Enricher]:
        """Those of a new process."""
        return self._make(self)

    def _tracker(self, now: int) -> Tracker:
        self.timers = Timers()
        self.enrichers = self.companions()
        return Tracker(
            owners=self.owners,
            codec=self.codec,
            rules=self.rules,
            now=now,
            restored=self.store.restore(),
            enrichers=self.enrichers,
            losses=self.losses,
            timers=self.timers,
        )

    def take(self, *observations: Observation, seconds: float, name: str = "web-1") -> None:
        """Observations arrive together so many seconds after ``EPOCH``, grouped by pod.

        What comes before a pod is described comes from Events and slices, and names the pod.
        """
        for uid in dict.fromkeys(each.uid for each in observations):
            mine = [each for each in observations if each.uid == uid]
            if any(isinstance(each, Described) for each in mine) or self.tracker.known(uid) is not None:
                self.tracker.take(uid, mine, arrived=at(seconds))
            else:
                self.refer(*mine, seconds=seconds, name=name)

    def refer(self, *observations: Observation, seconds: float, namespace: str = "shop", name: str = "web-1") -> None:
        """An Event says something of one pod so many seconds after ``EPOCH``."""
        pod = PodReference(observations[0].uid, namespace, name)
        self.tracker.refer(pod, observations, stream=Stream.EVENTS, arrived=at(seconds))

    def tick(self, seconds: float) -> None:
        """Time passes, without a commit."""
        self.tracker.tick(at(seconds))

    def drain(self, seconds: float) -> Batch:
        """A batch is taken out, and nothing more happens to it."""
        return self.tracker.drain(at(seconds))

    def evaluated(self, seconds: float) -> Result:
        """A batch is taken out and evaluated."""
        return evaluate(self.drain(seconds), self.codec, self.tracker.quarantine)

    def commit(self, seconds: float) -> tuple[Increment, ...]:
        """One round of the commit loop, as the app does it."""
        self.tick(seconds)
        result = self.evaluated(seconds)
        new = tuple(each.increment for each in self.store.commit(result.checkpoint).increments)
        self.tracker.committed(result)
        self.told += result.finished
        return new

    def killed(self, seconds: float) -> None:
        """The process dies and a new one starts from the store."""
        self.tracker = self._tracker(at(seconds))

    def timeline(self, uid: str) -> Timeline:
        """The pod's whole record, packed or not."""
        return self.tracker._compaction.timeline(self.tracker._records[uid])

    def view(self, uid: str = "uid-1", *, seconds: float = 1000) -> ResolvedTimeline:
        """The pod's timeline as of then."""
        seen = self.tracker.view(uid, now=at(seconds))
        assert seen is not None
        return seen
