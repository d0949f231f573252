"""What is said of pods by other objects: kept until the pod is known, and joined only where it is of that pod."""

from collections.abc import Iterable

from podtimeline.bounded import Losses
from podtimeline.model.pods import PodFacts
from podtimeline.model.timeline import Timeline, absorb, apply
from podtimeline.ports import Mismatch, PodReference, Stream
from podtimeline.tracking.mirrors import Mirrors, static_pod
from podtimeline.tracking.numbers import Numbers
from podtimeline.tracking.orphans import Orphans
from podtimeline.tracking.pending_creates import PendingCreates, Said
from podtimeline.tracking.records import Rules, Tracked
from podtimeline.tracking.timers import Timers


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
