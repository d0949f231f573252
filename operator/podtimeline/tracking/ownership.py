"""The controllers of a pod and its Services, asked for again while they are not known yet, and when they change."""

from itertools import islice

from podtimeline.model.observations import Owned, Selected
from podtimeline.model.timeline import Timeline, apply
from podtimeline.ports import Owners
from podtimeline.tracking.records import Rules, Stage, Tracked

_ASKED = 1000
"""Pods that are asked for in one call: it happens between two reads of the streams."""


class Ownership:
    """Asks ``ports.Owners`` for each pod until it has an answer. No call marks a record as changed: callers do."""

    def __init__(self, owners: Owners, rules: Rules) -> None:
        self._owners = owners
        self._rules = rules
        self._unowned: list[tuple[int, Tracked]] = []
        self._unselected: dict[str, Tracked] = {}
        self._unmatched: dict[str, dict[str, tuple[Tracked, tuple[str, ...]]]] = {}
        """By namespace and uid: pods that no Service selected when they became ready, and those that do now."""
        self._stale: dict[str, Tracked] = {}
        """Those of them whose labels or Services changed since they were asked for."""
        self._unread: dict[str, Tracked] = {}
        """Those of them that Services could not be asked for."""
        self._changed: set[str] = set()
        """Namespaces whose Services changed."""

    @property
    def waits(self) -> bool:
        """Whether the controllers of a pod are asked for again."""
        return bool(self._unowned)

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

    def unselected(self, record: Tracked, services: tuple[str, ...] = ()) -> None:
        """No Service selected the pod when it became ready; ``services`` are those that were found later."""
        if record.key is not None:
            self._unmatched.setdefault(record.key[0], {})[record.uid] = (record, services)

    def relabelled(self, record: Tracked) -> None:
        """The pod's labels changed: it is asked for by the next ``reselect``."""
        if self._held(record) is not None:
            self._stale[record.uid] = record

    def services_changed(self, namespace: str | None) -> None:
        """See ``ports.Intake``. Who is concerned is asked for by the next ``select_again`` and ``reselect``."""
        self._changed.update(self._unmatched if namespace is None else {namespace})
        self._stale |= self._unread
        self._unread = {}

    def reselect(self, now: int) -> list[Selected]:
        """Ask again for pods that no Service selected, whose labels or Services changed: what is otherwise now.

        At most ``_ASKED`` pods are asked for in one call: ``stale`` says whether others are left.
        """
        for namespace in self._changed:
            self._stale |= {uid: record for uid, (record, _) in self._unmatched.get(namespace, {}).items()}
        self._changed = set()
        found = []
        for uid in list(islice(self._stale, _ASKED)):
            record = self._stale.pop(uid)
            held = self._held(record)
            services = None if record.key is None else self._owners.services(record.key[0], dict(record.labels))
            if services is None:
                # Services are not listed yet, or cannot be read there: that they can is said.
                self._unread[uid] = record
            elif held is not None and services != held:
                self.unselected(record, services)
                found.append(Selected(uid, services, now))
        return found

    @property
    def stale(self) -> bool:
        """Whether another ``reselect`` has something to ask."""
        return bool(self._stale)

    def closed(self, record: Tracked) -> None:
        """The pod is gone."""
        self._stale.pop(record.uid, None)
        self._unread.pop(record.uid, None)
        pods = {} if record.key is None else self._unmatched.get(record.key[0], {})
        if pods.pop(record.uid, None) is not None and not pods and record.key is not None:
            del self._unmatched[record.key[0]]

    def _held(self, record: Tracked) -> tuple[str, ...] | None:
        found = None if record.key is None else self._unmatched.get(record.key[0], {}).get(record.uid)
        return None if found is None else found[1]

    def forget(self, record: Tracked) -> None:
        """The pod's start is over: its Services no longer matter."""
        self._unselected.pop(record.uid, None)

    def _selected(self, record: Tracked, timeline: Timeline) -> bool:
        facts = timeline.facts
        services = None if facts is None else self._owners.services(facts.namespace, dict(record.labels))
        if services is None:
            return False
        if not services and not timeline.services:
            self.unselected(record)
        apply(timeline, Selected(record.uid, services))
        return True
