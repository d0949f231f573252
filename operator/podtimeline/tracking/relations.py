"""What the low-rate kinds tell of a pod, its controllers and its Services, asked again while they do not know yet."""

from podtimeline.core.observations import Owned, Selected
from podtimeline.core.timeline import Timeline, apply
from podtimeline.ports import Owners
from podtimeline.tracking.records import Rules, Stage, Tracked


class Relations:
    """Asks ``ports.Owners`` for each pod until it has an answer. No call marks a record as changed: callers do."""

    def __init__(self, owners: Owners, rules: Rules) -> None:
        self._owners = owners
        self._rules = rules
        self._unowned: list[tuple[int, Tracked]] = []
        self._unselected: dict[str, Tracked] = {}

    def own(self, record: Tracked, timeline: Timeline, now: int) -> None:
        """Ask for the controllers of a pod that was just described."""
        if not self.owned(record, timeline):
            self.await_owner(record, now)

    def await_owner(self, record: Tracked, now: int) -> None:
        """Ask for the pod's controllers with each ``own_again``, at most ``Rules.owner_wait``."""
        self._unowned.append((now + self._rules.owner_wait, record))

    def owned(self, record: Tracked, timeline: Timeline) -> bool:
        """Ask for the pod's controllers; False where only the nearest is known, which may have one of its own."""
        facts = timeline.facts
        if facts is None or facts.owner is None:
            return True
        chain = self._owners.chain(facts.namespace, facts.owner)
        apply(timeline, Owned(record.uid, chain))
        return len(chain) > 1

    def own_again(self, now: int) -> list[Tracked]:
        """Ask again and return those that have an answer now.

        The controller of a controller is often seen after its first pod, which may be stuck before it settles.
        """
        waiting, self._unowned = self._unowned, []
        found = []
        for until, record in waiting:
            timeline = record.timeline if record.stage is Stage.STARTING else None
            if timeline is None or until <= now:
                continue
            if self.owned(record, timeline):
                found.append(record)
            else:
                self._unowned.append((until, record))
        return found

    def select(self, record: Tracked, timeline: Timeline) -> None:
        """Ask which Services select a pod that is ready, at once or as soon as Services are listed."""
        if not self._selected(record, timeline):
            self._unselected[record.uid] = record

    def select_again(self) -> list[tuple[Tracked, Timeline]]:
        """Ask again and return those that have an answer now."""
        waiting = [(each, each.timeline) for each in self._unselected.values() if each.timeline is not None]
        found = [(record, timeline) for record, timeline in waiting if self._selected(record, timeline)]
        for record, _ in found:
            self.forget(record)
        return found

    def forget(self, record: Tracked) -> None:
        """The pod's start is over: its Services no longer matter."""
        self._unselected.pop(record.uid, None)

    def _selected(self, record: Tracked, timeline: Timeline) -> bool:
        facts = timeline.facts
        services = None if facts is None else self._owners.services(facts.namespace, dict(facts.labels))
        if services is None:
            return False
        apply(timeline, Selected(record.uid, services))
        return True
