"""What Events and slices say of pods that are not known yet, by the reference that they make."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from podtimeline.bounded import Kept, Losses
from podtimeline.model.observations import Observation
from podtimeline.model.state import weight
from podtimeline.model.timeline import Timeline, apply
from podtimeline.ports import Mismatch, PodReference, Stream
from podtimeline.tracking.records import Numbers, Rules
from podtimeline.tracking.timers import Deadlines, Timers


@dataclass(slots=True)
class Orphan:
    """The join of what was said, by which streams, and when the first of it arrived; ``weight`` in bytes, roughly."""

    timeline: Timeline
    streams: dict[Stream, int]
    since: int
    weight: int = 0


class Orphans:
    """At most ``Rules.max_orphans`` references and ``Rules.max_orphan_bytes``, each for ``Rules.orphan`` at most.

    What is too much goes from the namespace of which most bytes are kept, its oldest reference first: so nobody who
    writes Events in one namespace can push out what was said in another.
    Who writes a reference can write any uid: until the pod is seen, what was said by one reference is kept apart from
    what was said by another.
    """

    def __init__(self, rules: Rules, losses: Losses, timers: Timers, numbers: Numbers) -> None:
        """``numbers`` counts what waited for its pod in vain."""
        self._numbers = numbers
        self._deadline = Deadlines[None](timers, Kept.UNKNOWN_PODS.value, self._expire)
        self._rules = rules
        self._losses = losses
        self._held: OrderedDict[PodReference, Orphan] = OrderedDict()
        self._by_uid: dict[str, set[PodReference]] = {}
        self._of: dict[str, OrderedDict[PodReference, None]] = {}
        """By namespace: the references of it, the oldest first."""
        self._weights: Counter[str] = Counter()
        """By namespace."""
        self._weight = 0

    def __len__(self) -> int:
        """How many references wait for their pod."""
        return len(self._held)

    def keep(self, pod: PodReference, said: Sequence[Observation], *, stream: Stream, arrived: int) -> None:
        """Hold on to what was said of a pod that is not known."""
        orphan = self._held.get(pod)
        if orphan is None:
            orphan = self._held[pod] = Orphan(Timeline(pod.uid), {}, arrived)
            self._by_uid.setdefault(pod.uid, set()).add(pod)
            self._of.setdefault(pod.namespace, OrderedDict())[pod] = None
            self._arm()
        orphan.streams[stream] = orphan.streams.get(stream, 0) + 1
        for observation in said:
            apply(orphan.timeline, observation)
        self._weigh(pod, orphan, weight(orphan.timeline))
        while len(self._held) > self._rules.max_orphans or self._weight > self._rules.max_orphan_bytes:
            largest = max(self._weights, key=self._weights.__getitem__)
            self._pop(next(iter(self._of[largest])))
            self._losses.count(Kept.UNKNOWN_PODS)

    def claim(self, pod: PodReference) -> list[Orphan]:
        """A pod is known now: what was said of it before, also by who named no more than its uid and namespace."""
        if pod.uid not in self._by_uid:
            return []
        found = (self._pop(each) for each in (pod, pod._replace(name="")))
        return [each for each in found if each is not None]

    def disown(self, pod: PodReference) -> list[tuple[Stream, Mismatch, int]]:
        """A pod is known now: what was said of its uid under other names, dropped, and how often it was said."""
        if pod.uid not in self._by_uid:
            return []
        wrong = [(each, self._pop(each)) for each in tuple(self._by_uid[pod.uid])]
        return [
            (stream, difference(each, pod) or Mismatch.UID, count)
            for each, orphan in wrong
            if orphan is not None
            for stream, count in orphan.streams.items()
        ]

    def _expire(self, _: None, now: int) -> None:
        while self._held and next(iter(self._held.values())).since + self._rules.orphan <= now:
            self._pop(next(iter(self._held)))
            self._numbers.orphans_dropped += 1

    def _arm(self) -> None:
        if self._held:
            self._deadline.arm(None, next(iter(self._held.values())).since + self._rules.orphan)
        else:
            self._deadline.disarm(None)

    def oldest(self, since: int) -> int | None:
        """The first arrival of the oldest one that came at or after ``since``."""
        return next((each.since for each in self._held.values() if each.since >= since), None)

    def _weigh(self, pod: PodReference, orphan: Orphan, now: int) -> None:
        more = now - orphan.weight
        orphan.weight = now
        self._weight += more
        self._weights[pod.namespace] += more

    def _pop(self, pod: PodReference) -> Orphan | None:
        orphan = self._held.pop(pod, None)
        if orphan is not None:
            self._arm()
            self._weigh(pod, orphan, 0)
            own = self._of[pod.namespace]
            del own[pod]
            if not own:
                del self._of[pod.namespace], self._weights[pod.namespace]
            refs = self._by_uid[pod.uid]
            refs.discard(pod)
            if not refs:
                del self._by_uid[pod.uid]
        return orphan


def difference(said: PodReference, pod: PodReference) -> Mismatch | None:
    """In what a reference by a pod's uid, or by that of its static pod, is not the pod's."""
    if said.namespace != pod.namespace:
        return Mismatch.NAMESPACE
    return Mismatch.NAME if said.name not in {"", pod.name} else None
