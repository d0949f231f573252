"""Pods by name, for events that know no uid, and the events that came before their pod did."""

from collections import deque
from dataclasses import dataclass

from podtimeline.core.instants import Source, just_after
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import Witnessed
from podtimeline.core.pods import Owner
from podtimeline.tracking.records import Rules, Tracked

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Said:
    """``owner`` said at ``at``, on its clock, that it created a pod; ``observed`` is the arrival here."""

    owner: Owner
    at: int
    observed: int

    def witnessed(self, uid: str) -> Witnessed:
        """What it says of the pod of that uid."""
        return Witnessed(uid, _CREATED, (just_after(Source.EVENT_NAME, self.at, observed=self.observed),))


_CREATED = Mark(Milestone.CREATED)


class Names:
    """The current pod of each name, and what was said of names that no fitting pod has yet."""

    def __init__(self, rules: Rules) -> None:
        self.expired = 0
        """Events by name that never found their pod."""
        self._rules = rules
        self._current: dict[Key, Tracked] = {}
        self._pending: dict[Key, list[Said]] = {}
        self._arrivals: deque[tuple[Key, Said]] = deque()
        self._waiting = 0

    def __len__(self) -> int:
        """How many events wait for their pod."""
        return self._waiting

    def fitting(self, key: Key, at: int) -> Tracked | None:
        """The current pod of that name, if it was created at about ``at``."""
        record = self._current.get(key)
        return record if record is not None and self._fits(record, at) else None

    def keep(self, key: Key, said: Said) -> None:
        """Hold on to what was said until a fitting pod appears, at most ``Rules.orphan``."""
        held = self._pending.setdefault(key, [])
        if said in held:
            return
        held.append(said)
        self._arrivals.append((key, said))
        self._waiting += 1
        while len(self._arrivals) > self._rules.max_names:
            self._drop_oldest()

    def appeared(self, record: Tracked, key: Key) -> list[Said]:
        """A pod was described: it takes over the name, and what was said of it before."""
        current = self._current.get(key)
        if current is None or current.created_second <= record.created_second:
            self._current[key] = record
        held = self._pending.get(key)
        if held is None:
            return []
        fitting = [said for said in held if self._fits(record, said.at)]
        self._forget(key, fitting)
        return fitting

    def gone(self, record: Tracked) -> None:
        """The pod is gone; its name may return."""
        if record.key is not None and self._current.get(record.key) is record:
            del self._current[record.key]

    def expire(self, now: int) -> None:
        """Drop, and count, what waited too long."""
        while self._arrivals and self._arrivals[0][1].observed + self._rules.orphan <= now:
            self._drop_oldest()

    def oldest(self, since: int) -> int | None:
        """The arrival of the oldest event that still waits and came at or after ``since``."""
        fresh = (said.observed for key, said in self._arrivals if said.observed >= since and self._holds(key, said))
        return next(fresh, None)

    def _fits(self, record: Tracked, at: int) -> bool:
        created = record.created_second
        return created - self._rules.name_before <= at <= created + self._rules.name_after

    def _holds(self, key: Key, said: Said) -> bool:
        return said in self._pending.get(key, ())

    def _drop_oldest(self) -> None:
        key, said = self._arrivals.popleft()
        if self._holds(key, said):
            self._forget(key, [said])
            self.expired += 1

    def _forget(self, key: Key, gone: list[Said]) -> None:
        left = [said for said in self._pending[key] if said not in gone]
        self._waiting -= len(self._pending[key]) - len(left)
        if left:
            self._pending[key] = left
        else:
            del self._pending[key]
