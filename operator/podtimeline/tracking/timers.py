"""Deadlines: one queue for all that the tracker waits for, so that nobody has to ask whether something is due.

A deadline that is put off stays where it is in the queue, and moves when it comes to the front (as the timers of a
kernel do): arming one again costs a look-up, however often it is done.
"""

import heapq
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

from podtimeline.bounded import Bounded, Kept, Losses
from podtimeline.model.instants import SECOND

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

RETRY = SECOND // 2
"""How long after an answer that was none the next one is asked for."""
_SLACK = 64
"""Entries that stand for nothing any more and are left in a queue, however short it is."""
_Entry = tuple[int, int, "Deadlines[Any]", Any]
"""The moment, the number of the entry, and what is due then. Of one moment the entry made first comes first."""


class Timers:
    """All deadlines, those of each purpose kept by a ``Deadlines``. One thread uses it; it never reads a clock."""

    def __init__(self) -> None:
        self.on_earlier: Callable[[], None] = _nobody
        """Called when ``next`` comes to be earlier than it was: whoever sleeps until then has to know."""
        self._queue: list[_Entry] = []
        self._numbers = 0
        self._armed = 0

    def __len__(self) -> int:
        """How many deadlines there are."""
        return self._armed

    @property
    def next(self) -> int | None:
        """The earliest deadline, ``None`` where there is none."""
        while self._queue:
            at, number, purpose, key = self._queue[0]
            moved = purpose.moved(key, number)
            if moved == at:
                return at
            if moved is None:
                heapq.heappop(self._queue)
            else:
                heapq.heapreplace(self._queue, (moved, number, purpose, key))
        return None

    def due(self, now: int) -> Iterator["Due[Any]"]:
        """Take out what is due, the earliest first, and what becomes due while it is looked at."""
        while (at := self.next) is not None and at <= now:
            _, _, purpose, key = heapq.heappop(self._queue)
            purpose.disarm(key)
            yield Due(purpose, key)

    def enter(self, at: int, purpose: "Deadlines[Any]", key: Hashable) -> int:
        """Make an entry; returns its number."""
        self._numbers += 1
        entry = (at, self._numbers, purpose, key)
        heapq.heappush(self._queue, entry)
        if self._queue[0] is entry:
            self.on_earlier()
        return self._numbers

    def count(self, change: int) -> None:
        """So many deadlines were armed, or disarmed; entries that stand for none go once they are the majority."""
        self._armed += change
        if len(self._queue) > 2 * self._armed + _SLACK:
            self._queue = [each for each in self._queue if each[2].moved(each[3], each[1]) is not None]
            heapq.heapify(self._queue)


class Deadlines(Generic[K]):
    """The deadlines of one purpose: each key has at most one, and the one armed last counts."""

    def __init__(self, timers: Timers, name: str, act: Callable[[K, int], object]) -> None:
        """``act`` is called with a key whose deadline has come, and the present moment."""
        self.name = name
        self.act = act
        self._timers = timers
        self._armed: dict[K, tuple[int, int]] = {}
        """By key: the deadline, and the number of the entry that stands for it."""

    def __contains__(self, key: K) -> bool:
        """Whether the key has a deadline."""
        return key in self._armed

    def arm(self, key: K, at: int) -> None:
        """Act on the key at ``at``, and at no other moment that was set before."""
        before = self._armed.get(key)
        number = before[1] if before is not None and before[0] <= at else self._timers.enter(at, self, key)
        self._armed[key] = (at, number)
        self._timers.count(1 if before is None else 0)

    def disarm(self, key: K) -> None:
        """Do not act on the key."""
        if self._armed.pop(key, None) is not None:
            self._timers.count(-1)

    def moved(self, key: K, number: int) -> int | None:
        """The deadline that an entry stands for now, ``None`` for none."""
        armed = self._armed.get(key)
        return armed[0] if armed is not None and armed[1] == number else None


class Due(Generic[K]):
    """A key whose deadline has come."""

    __slots__ = ("_key", "_purpose")

    def __init__(self, purpose: Deadlines[K], key: K) -> None:
        self._purpose = purpose
        self._key = key

    @property
    def name(self) -> str:
        """What the deadline was for."""
        return self._purpose.name

    def act(self, now: int) -> object:
        """Do it."""
        return self._purpose.act(self._key, now)


class Recheck:
    """Looks again for what has no answer yet, every half second while ``look`` returns that something still waits."""

    def __init__(self, timers: Timers, name: str, look: Callable[[int], bool]) -> None:
        self._look = look
        self._deadlines = Deadlines[None](timers, name, self._again)

    def at_once(self) -> None:
        """There may be an answer now."""
        self._deadlines.arm(None, 0)

    def later(self, now: int) -> None:
        """Somebody begins to wait: there was no answer just now."""
        if None not in self._deadlines:
            self._deadlines.arm(None, now + RETRY)

    def _again(self, _: None, now: int) -> None:
        # Armed before: a look that fails is not the last one.
        self._deadlines.arm(None, now + RETRY)
        if not self._look(now):
            self._deadlines.disarm(None)


class Expiring(Bounded[K, V]):
    """A bounded mapping whose entries go ``lifetime`` nanoseconds after they were put, the oldest first."""

    def __init__(
        self,
        kept: Kept,
        losses: Losses,
        timers: Timers,
        *,
        limit: int,
        lifetime: int,
        expired: Callable[[K, V, int], object] | None = None,
    ) -> None:
        """``expired`` is told of each entry that went by its age, and when: what is dropped is returned by ``put``."""
        super().__init__(kept, losses, limit=limit)
        self._lifetime = lifetime
        self._expired = expired
        self._deadline = Deadlines[None](timers, kept.value, self._expire)

    def add(self, namespace: str, key: K, value: V, *, at: int = 0) -> None:
        """See ``Bounded.add``."""
        super().add(namespace, key, value, at=at)
        self._arm()

    def pop(self, key: K) -> V | None:
        """See ``Bounded.pop``."""
        value = super().pop(key)
        self._arm()
        return value

    def _expire(self, _: None, now: int) -> None:
        try:
            for key, value in self.expire(now - self._lifetime):
                if self._expired is not None:
                    self._expired(key, value, now)
        finally:
            self._arm()

    def _arm(self) -> None:
        oldest = self.oldest
        if oldest is None:
            self._deadline.disarm(None)
        else:
            self._deadline.arm(None, oldest + self._lifetime)


def _nobody() -> None:
    """Nobody sleeps."""
