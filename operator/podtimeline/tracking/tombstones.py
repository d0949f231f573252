"""Pods that are gone: the tombs of records that still wait for late words, and the uids buried after them."""

from podtimeline.bounded import Bounded, Kept, Losses
from podtimeline.model.instants import SECOND
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Expiring, Timers

BURIED = 3600 * SECOND
"""How long uids are remembered: a listing brings the Events of the last hour again (--event-ttl of the API server)."""


class Tombstones:
    """Tombs, and the uids of pods that are over for good, each with the namespace of its pod."""

    def __init__(self, rules: Rules, losses: Losses, timers: Timers) -> None:
        self._tombs: Bounded[str, str] = Bounded(Kept.DELETED_PODS, losses, limit=rules.max_tombstones)
        self._buried = Expiring[str, None](
            Kept.DELETED_POD_UIDS, losses, timers, limit=rules.max_buried, lifetime=BURIED
        )

    def __len__(self) -> int:
        """How many tombs there are."""
        return len(self._tombs)

    def __contains__(self, uid: str) -> bool:
        """Whether the uid is buried: nothing that is still said of it matters."""
        return uid in self._buried

    def closed(self, namespace: str, uid: str) -> None:
        """The pod is gone, its record still waits."""
        self._tombs.add(namespace, uid, namespace)

    @property
    def surplus(self) -> str | None:
        """The tomb that makes room while there are more than ``Rules.max_tombstones``."""
        return self._tombs.surplus

    def bury(self, uid: str, now: int) -> None:
        """The record of a tomb is no longer kept."""
        namespace = self._tombs.get(uid)
        if namespace is None:
            return
        if uid == self._tombs.surplus:
            self._tombs.drop(uid)
        else:
            self._tombs.pop(uid)
        self._buried.put(namespace, uid, None, at=now)
