"""Pods by name, for events that know no uid, and the events that came before their pod did."""

from dataclasses import dataclass

from podtimeline.bounded import Kept, Losses
from podtimeline.model.instants import Source, just_after
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Witnessed
from podtimeline.model.pods import Owner
from podtimeline.tracking.records import Numbers, Rules, Tracked
from podtimeline.tracking.timers import Expiring, Timers

Key = tuple[str, str]
"""Namespace and name."""


MAX_SAID = 16
"""Events that wait for a pod of one name."""


@dataclass(frozen=True, slots=True)
class Said:
    """``owner`` said at ``at``, on its clock, that it created a pod; ``observed`` is the arrival here."""

    owner: Owner
    at: int
    observed: int

    def witnessed(self, uid: str) -> Witnessed:
        """What it says of the pod of that uid."""
        return Witnessed(uid, _CREATED, (just_after(Source.EVENT_NAME, self.at, observed=self.observed),))


_CREATED = MilestoneKey(Milestone.CREATED)


class PendingCreates:
    """The current pod of each name, and what was said of names that no fitting pod has yet."""

    def __init__(self, rules: Rules, losses: Losses, timers: Timers, numbers: Numbers) -> None:
        """``numbers`` counts what waited for its pod in vain."""
        self._numbers = numbers
        self._rules = rules
        self._current: dict[Key, Tracked] = {}
        self._pending: dict[Key, dict[Said, None]] = {}
        self._arrivals = Expiring[tuple[Key, Said], None](
            Kept.POD_NAMES, losses, timers, limit=rules.max_names, lifetime=rules.orphan, expired=self._expired
        )

    def __len__(self) -> int:
        """How many events wait for their pod."""
        return len(self._arrivals)

    def fitting(self, key: Key, at: int) -> Tracked | None:
        """The current pod of that name, if it was created at about ``at``."""
        record = self._current.get(key)
        return record if record is not None and self._fits(record, at) else None

    def keep(self, key: Key, said: Said) -> None:
        """Hold on to what was said until a fitting pod appears, at most ``Rules.orphan``."""
        if (key, said) in self._arrivals:
            return
        held = self._pending.setdefault(key, {})
        held[said] = None
        for (name, each), _ in self._arrivals.put(key[0], (key, said), None, at=said.observed):
            self._forget(name, each)
        if len(held) > MAX_SAID:
            oldest = next(iter(held))
            self._arrivals.drop((key, oldest))
            self._forget(key, oldest)

    def appeared(self, record: Tracked, key: Key) -> list[Said]:
        """A pod was described: it takes over the name, and what was said of it before."""
        current = self._current.get(key)
        if current is None or current.created_second <= record.created_second:
            self._current[key] = record
        fitting = [said for said in self._pending.get(key, ()) if self._fits(record, said.at)]
        for said in fitting:
            self._arrivals.pop((key, said))
            self._forget(key, said)
        return fitting

    def gone(self, record: Tracked) -> None:
        """The pod is gone; its name may return."""
        if record.key is not None and self._current.get(record.key) is record:
            del self._current[record.key]

    def _expired(self, pending: tuple[Key, Said], _: None, now: int) -> None:
        self._forget(*pending)
        self._numbers.unclaimed += 1

    def oldest(self, since: int) -> int | None:
        """The arrival of the oldest event that still waits and came at or after ``since``."""
        return next((said.observed for (_, said), _ in self._arrivals.items() if said.observed >= since), None)

    def _fits(self, record: Tracked, at: int) -> bool:
        created = record.created_second
        return created - self._rules.name_before <= at <= created + self._rules.name_after

    def _forget(self, key: Key, said: Said) -> None:
        held = self._pending[key]
        del held[said]
        if not held:
            del self._pending[key]
