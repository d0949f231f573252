"""Pods that are gone: the tombs of records that still wait for late words, and the uids buried after them."""

from collections import OrderedDict, deque

from podtimeline.tracking.records import Rules


class Graves:
    """Tombs in the order in which they closed, and a bounded memory of the uids that are over for good."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._tombs: deque[str] = deque()
        self._buried: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """How many tombs there are."""
        return len(self._tombs)

    def __contains__(self, uid: str) -> bool:
        """Whether the uid is buried: nothing that is still said of it matters."""
        return uid in self._buried

    def closed(self, uid: str) -> None:
        """The pod is gone, its record still waits."""
        self._tombs.append(uid)

    @property
    def surplus(self) -> str | None:
        """The oldest tomb while there are more than ``Rules.max_tombstones``."""
        return self._tombs[0] if len(self._tombs) > self._rules.max_tombstones else None

    def bury(self, uid: str) -> None:
        """The record of a tomb is no longer kept."""
        self._tombs.remove(uid)
        self._buried[uid] = None
        while len(self._buried) > self._rules.max_buried:
            self._buried.popitem(last=False)
