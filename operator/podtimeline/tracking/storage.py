"""What is remembered of claims, attachments and the pods that use them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from podtimeline.model.instants import Evidence
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Limit, Limited, Noted, Observation, Witnessed
from podtimeline.model.storage import Fact, Words
from podtimeline.model.texts import MAX_TEXT
from podtimeline.model.timeline import joined_evidence
from podtimeline.tracking.records import Stage, Tracked

Key = tuple[str, str]
"""Namespace and name of a claim."""
Place = tuple[str, str]
"""Name of a PersistentVolume and of a node."""


_ENDS = frozenset({Milestone.UNUSED, Milestone.DETACHED})


@dataclass(slots=True)
class Told:
    """What was told of a claim or an attachment so far: the join of it, in any order.

    Of each Event the latest words are kept, by its reason and the moment of its first ones; of one reason the first
    Events and the last one. ``surplus`` is how many were left out so far.
    """

    facts: dict[Milestone, tuple[Evidence, ...]] = field(default_factory=dict)
    words: dict[tuple[str, int], Words] = field(default_factory=dict)
    surplus: int = 0

    def join(self, facts: Iterable[Fact], words: Iterable[Words]) -> "Told":
        """Take news in."""
        for milestone, evidence in facts:
            self.facts[milestone] = joined_evidence(MilestoneKey(milestone), self.facts.get(milestone, ()), evidence)
        for each in words:
            key = (each.reason, each.at if each.first is None else each.first)
            self.words[key] = max(self.words.get(key, each), each, key=lambda said: (said.at, said.count, said.text))
            for surplus in sorted(other for other in self.words if other[0] == each.reason)[_KEPT:-1]:
                del self.words[surplus]
        self._leave_out()
        return self

    def _leave_out(self) -> None:
        """Leave out the words that were said longest ago while there are too many."""
        if len(self.words) <= _MANY:
            return
        text = sum(len(each.text) for each in self.words.values())
        for oldest in sorted(self.words, key=lambda key: (self.words[key].at, key)):
            if len(self.words) <= MAX_WORDS and text <= MAX_WORDS_TEXT:
                break
            text -= len(self.words.pop(oldest).text)
            self.surplus += 1


MAX_WORDS = 64
"""Events of one claim or attachment whose words are kept; of more, those that were said last."""
MAX_WORDS_TEXT = 16 << 10
"""Characters of all words of one claim or attachment."""
_MANY = MAX_WORDS_TEXT // MAX_TEXT
"""Words that are within the limits, however long they are."""
_KEPT = 16
"""Events of one reason that are kept beside the latest one: what a note counts."""


def _noted(uid: str, volume: str, words: Words) -> Noted:
    return Noted(uid, words.reason, volume, words.text, words.at, words.count, words.first)


@dataclass(slots=True, eq=False)
class User:
    """A pod that has claims: the name of each by its volume, and the claim itself once anything is known of it.

    ``released`` are the PersistentVolumes that it left to another pod of its node.
    """

    record: Tracked
    created: int
    names: tuple[tuple[str, Key], ...]
    claims: dict[str, "TrackedClaim"] = field(default_factory=dict)
    node: str = ""
    released: set[str] = field(default_factory=set)

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return self.record.uid

    @property
    def rests(self) -> bool:
        """Whether its start is over."""
        return self.record.stage in {Stage.SETTLED, Stage.CLOSED}

    def holds(self, node: str) -> bool:
        """Whether the pod is there, on that node."""
        return self.node == node and not self.record.removed

    def volumes(self, claim: "TrackedClaim") -> Iterator[str]:
        """The volumes of the pod that the claim is behind."""
        return (name for name, mine in self.claims.items() if mine is claim)


@dataclass(slots=True, eq=False)
class TrackedClaim:
    """A claim, and the pods that use it by uid. ``seen`` once the object itself was, and not only Events of it."""

    uid: str
    volume: str = ""
    bound: int | None = None
    seen: bool = False
    gone: bool = False
    told: Told = field(default_factory=Told)
    users: dict[str, User] = field(default_factory=dict)

    def say(self, user: User, told: Told) -> Iterator[Observation]:
        """Tell a pod what was told of the claim; words of before it was created only if it found the claim unbound.

        Nothing before the claim was seen: what Events say may be of another one of its name.
        """
        if not self.seen:
            return
        waited = self.bound is None or user.created <= self.bound
        for name in user.volumes(self):
            for milestone, evidence in told.facts.items():
                detail = self.volume if milestone is Milestone.CLAIM_BOUND else ""
                yield Witnessed(user.uid, MilestoneKey(milestone, name), evidence, detail)
            for words in told.words.values():
                if waited or user.created <= words.at:
                    yield _noted(user.uid, name, words)
        if told.surplus and waited:
            yield Limited(user.uid, Limit.NOTES)

    def shared(self, user: User) -> bool:
        """Whether another pod of the pod's node is there and uses the claim."""
        return any(each is not user and each.holds(user.node) for each in self.users.values())


@dataclass(slots=True, eq=False)
class TrackedAttachment:
    """An attachment of a volume to a node, or the node's use of it."""

    leaving: int | None = None
    gone: bool = False
    told: Told = field(default_factory=Told)

    def concerns(self, user: User) -> bool:
        """Whether the pod was there before the attachment's end was asked for."""
        return self.leaving is None or user.created < self.leaving

    def say(self, user: User, claim: TrackedClaim, told: Told) -> Iterator[Observation]:
        """Tell a pod what was told of the attachment; its end, unless the pod left the volume to another one."""
        if not self.concerns(user):
            return
        left = claim.volume in user.released or (user.record.removed and claim.shared(user))
        for name in user.volumes(claim):
            for milestone, evidence in told.facts.items():
                if milestone not in _ENDS or not left:
                    yield Witnessed(user.uid, MilestoneKey(milestone, name), evidence, claim.volume)
            for words in told.words.values():
                yield _noted(user.uid, name, words)
        if told.surplus:
            yield Limited(user.uid, Limit.NOTES)
