"""What is said of pods that are not known: not yet, not by that uid, or no more.

The kubelet makes up a static pod's uid from its manifest and writes its Events under it; the mirror that it creates
afterwards has a uid of the API server's, and the kubelet's as an annotation (pkg/kubelet/pod/mirror_client.go).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from podtimeline.bounded import Bounded, Kept, Losses
from podtimeline.model.instants import SECOND
from podtimeline.model.observations import Observation, Witnessed
from podtimeline.model.pods import PodFacts
from podtimeline.model.timeline import Timeline, absorb, apply
from podtimeline.ports import Mismatch, PodReference, Stream
from podtimeline.tracking.orphans import Orphans
from podtimeline.tracking.pending_creates import PendingCreates, Said
from podtimeline.tracking.records import Numbers, Rules, Tracked
from podtimeline.tracking.timers import Expiring, Timers


class Unclaimed:
    """References by uid, Events that name a pod only, and the mirrors that stand for static pods."""

    def __init__(self, rules: Rules, numbers: Numbers, losses: Losses, timers: Timers) -> None:
        self.names = PendingCreates(rules, losses, timers, numbers)
        self.orphans = Orphans(rules, losses, timers, numbers)
        self.mirrors = Mirrors()
        self._rules = rules
        self._numbers = numbers

    def appeared(self, record: Tracked, facts: PodFacts) -> Iterable[Said]:
        """A pod was described or restored; returns what was said of its name before."""
        self.mirrors.appeared(facts)
        return self.names.appeared(record, (facts.namespace, facts.name))

    def described(self, record: Tracked, timeline: Timeline, facts: PodFacts) -> None:
        """Join what was said of the pod, or of the static pod that it is the mirror of, before it was seen."""
        pod = PodReference(facts.uid, facts.namespace, facts.name)
        for each in (pod, static_pod(facts)):
            for orphan in () if each is None else self.orphans.claim(each):
                absorb(timeline, orphan.timeline)
        for stream, mismatch, count in self.orphans.disown(pod):
            self._numbers.mismatched[stream, mismatch] += count
        for said in self.appeared(record, facts):
            if self.made_by(timeline, said):
                apply(timeline, said.witnessed(record.uid))

    def made_by(self, timeline: Timeline, said: Said) -> bool:
        """Whether who says that it created the pod is the pod's controller; counts it where it is not."""
        if timeline.facts is not None and timeline.facts.owner == said.owner:
            return True
        self._numbers.mismatched[Stream.EVENTS, Mismatch.OWNER] += 1
        return False

    def oldest(self, now: int) -> int | None:
        """The arrival of the oldest that waits for its pod and that the streams' versions wait for."""
        since = now - self._rules.hold_versions
        both = (self.orphans.oldest(since), self.names.oldest(since))
        return min((each for each in both if each is not None), default=None)


class Mirrors:
    """The uids of mirrors by the static pods that they stand for; one made anew takes the old one's place.

    A mirror has the name and the namespace of its static pod: whoever writes the annotation into a pod of another name
    makes it the mirror of nothing.
    """

    def __init__(self) -> None:
        self._mirrors: dict[PodReference, str] = {}
        self._static: dict[str, PodReference] = {}

    def __len__(self) -> int:
        """How many mirrors are known."""
        return len(self._static)

    def appeared(self, facts: PodFacts) -> None:
        """A pod was described or restored."""
        static = static_pod(facts)
        if static is not None:
            self._mirrors[static] = facts.uid
            self._static[facts.uid] = static

    def of(self, pod: PodReference) -> str | None:
        """The uid of the mirror of a static pod, ``None`` for any other pod."""
        return self._mirrors.get(pod)

    def forget(self, uid: str) -> None:
        """A pod is no longer tracked."""
        static = self._static.pop(uid, None)
        if static is not None and self._mirrors.get(static) == uid:
            del self._mirrors[static]


def static_pod(facts: PodFacts) -> PodReference | None:
    """What the kubelet's Events name a mirror's static pod by; ``None`` for every other pod."""
    return PodReference(facts.mirror, facts.namespace, facts.name) if facts.mirror else None


def said_of(uid: str, observations: Sequence[Observation]) -> list[Observation]:
    """The observations as of the pod of that uid."""
    return [each._replace(uid=uid) if isinstance(each, Witnessed) else replace(each, uid=uid) for each in observations]


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
