"""Which pods use which claims and attachments: what befalls those is told to the pods, whichever is seen first."""

from collections.abc import Iterable, Iterator

from podtimeline.bounded import Kept, Losses
from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Observation, Witnessed
from podtimeline.model.pods import PodFacts
from podtimeline.model.storage import AttachmentNews, ClaimNews, Fact, StorageNews, UsageNews, Words
from podtimeline.model.timeline import Timeline
from podtimeline.ports import Intake, Mismatch, Stream
from podtimeline.tracking.enrichers import Enricher, Occasion
from podtimeline.tracking.records import Tracked
from podtimeline.tracking.storage import Key, Place, Told, TrackedAttachment, TrackedClaim, User
from podtimeline.tracking.timers import Expiring, Timers

_SCHEDULED = MilestoneKey(Milestone.SCHEDULED)
KEPT = 600 * SECOND
"""How long a pod that is gone waits for its volumes to be detached, and a detached volume for pods seen late."""
MAX_RUMOURS = 1000
"""Claims that only Events have named and no pod is known to use."""
MAX_PARTED = 50_000
"""Pods that are gone and whose volumes may still be detached."""
MAX_ENDED = 50_000
"""Attachments that are over."""
_Ended = tuple[str, str]
"""Name and uid of an attachment."""


class Volumes(Enricher):
    """Tells each pod of its claims, and of the attachments of their volumes to its node.

    Nothing is saved: after a restart claims and attachments are listed, and pods appear again.
    """

    def __init__(self, losses: Losses, timers: Timers, *, kept: int = KEPT) -> None:
        self._intake: Intake | None = None
        self._users: dict[str, User] = {}
        self._wanting: dict[Key, dict[str, User]] = {}
        """The pods that name a claim, by uid."""
        self._claims: dict[Key, TrackedClaim] = {}
        self._behind: dict[str, TrackedClaim] = {}
        """By PersistentVolume. A claim is often gone before its volume is detached."""
        self._attachments: dict[Place, dict[str, TrackedAttachment]] = {}
        """By volume and node, then by uid: one that is gone may be followed by another. What a kubelet says of its use
        of a volume is kept beside, under no volume and the attachment's name while that is all that is known."""
        self._places: dict[str, Place] = {}
        """By the name of the attachment."""
        self._losses = losses
        self._rumours = Expiring[Key, None](
            Kept.CLAIM_EVENTS, losses, timers, limit=MAX_RUMOURS, lifetime=kept, expired=self._forget_rumour
        )
        """Claims that only Events have named and no pod is known to use, by namespace."""
        self._parted = Expiring[str, User](
            Kept.CLAIM_USERS, losses, timers, limit=MAX_PARTED, lifetime=kept, expired=self._forget_user
        )
        """By uid: the users that are gone."""
        self._ended = Expiring[_Ended, None](
            Kept.DETACHED_VOLUMES, losses, timers, limit=MAX_ENDED, lifetime=kept, expired=self._forget_ended
        )
        """By name and uid: the attachments that are over, by node."""

    def __len__(self) -> int:
        """How many pods, claims and attachments are remembered."""
        return len(self._users) + len(self._claims) + sum(map(len, self._attachments.values()))

    # --- pods -------------------------------------------------------------------------------------------------------

    def attach(self, intake: Intake) -> None:
        """See ``Enricher.attach``."""
        self._intake = intake

    def appeared(self, record: Tracked, facts: PodFacts) -> None:
        """See ``Enricher.appeared``."""
        names = tuple((each.name, (facts.namespace, each.claim)) for each in facts.volumes if each.claim is not None)
        if not names:
            return
        user = self._users[record.uid] = User(record, facts.created_second, names)
        for _, key in names:
            self._wanting.setdefault(key, {})[record.uid] = user
            claim = self._claims.get(key)
            if claim is not None:
                _link(user, key, claim)
                self._rumours.pop(key)

    def tell(self, record: Tracked, timeline: Timeline, occasion: Occasion, now: int) -> Iterable[Observation]:
        """See ``Enricher.tell``."""
        user = self._users.get(record.uid)
        if user is None:
            return ()
        self._place(user, timeline)
        return tuple(self._known(user))

    def _place(self, user: User, timeline: Timeline) -> None:
        node = timeline.details.get(_SCHEDULED, "")
        if user.node or not node:
            return
        user.node = node
        for claim in user.claims.values():
            if any(not each.gone and each.concerns(user) for each in self._at(claim.volume, node)):
                # What an elder pod of the node has left attached is this one's now.
                elders = (each for each in claim.users.values() if each.record.removed and each.node == node)
                for each in elders:
                    each.released.add(claim.volume)

    def _at(self, volume: str, node: str) -> tuple[TrackedAttachment, ...]:
        return tuple(self._attachments.get((volume, node), {}).values())

    def _known(self, user: User) -> Iterator[Observation]:
        for claim in dict.fromkeys(user.claims.values()):
            yield from claim.say(user, claim.told)
            yield from self._attached(user, claim)

    def _attached(self, user: User, claim: TrackedClaim) -> Iterator[Observation]:
        for attachment in self._at(claim.volume, user.node):
            yield from attachment.say(user, claim, attachment.told)

    def closed(self, record: Tracked, now: int) -> None:
        """See ``Enricher.closed``."""
        user = self._users.get(record.uid)
        if user is None:
            return
        if record.timeline is not None:
            self._place(user, record.timeline)
        user.released.update(claim.volume for claim in user.claims.values() if claim.shared(user))
        for uid, gone in self._parted.put(user.names[0][1][0], user.uid, user, at=now):
            self._forget_user(uid, gone, now)

    def _forget_rumour(self, key: Key, _: None, now: int) -> None:
        self._claims.pop(key, None)

    def _forget_ended(self, ended: _Ended, _: None, now: int) -> None:
        name, uid = ended
        place = self._place_of(name)
        self._attachments[place].pop(uid)
        if not self._attachments[place]:
            del self._attachments[place]
            self._places.pop(name, None)

    def _place_of(self, name: str) -> Place:
        return self._places.get(name, ("", name))

    def _forget_user(self, uid: str, user: User, now: int) -> None:
        self._users.pop(uid, None)
        for _, key in user.names:
            wanting = self._wanting.get(key, {})
            wanting.pop(uid, None)
            if not wanting:
                self._wanting.pop(key, None)
        for claim in user.claims.values():
            claim.users.pop(uid, None)
            if not claim.users and claim.gone:
                self._behind.pop(claim.volume, None)
        for _, key in user.names:
            held = self._claims.get(key)
            if held is not None and not held.seen and not held.users:
                self._rumour(key, now)

    # --- news -------------------------------------------------------------------------------------------------------

    def storage(self, news: StorageNews, arrived: int) -> None:
        """See ``Enricher.storage``."""
        match news:
            case ClaimNews():
                self._of_claim(news, arrived)
            case AttachmentNews():
                self._name(news, arrived)
                self._of_attachment(news, news.name, arrived)
            case UsageNews():
                self._of_attachment(news, news.attachment, arrived)

    def _of_claim(self, news: ClaimNews, arrived: int) -> None:
        key = (news.namespace, news.name)
        claim = self._claims.get(key)
        if news.gone:
            if claim is not None and claim.uid == news.uid:
                self._lose(key, claim)
            return
        if claim is None or claim.uid != news.uid:
            if claim is not None and not news.seen:
                # The Event is of a claim that had the name before, or of none.
                self._mismatched()
                return
            claim = self._begin(key, news, arrived)
        self._learn(claim.told, news.facts, news.words)
        # Whether older words matter is known only now.
        fresh = claim.told if news.seen and not claim.seen else Told().join(news.facts, news.words)
        if news.seen:
            claim.seen = True
            self._rumours.pop(key)
        claim.bound = news.bound if claim.bound is None else claim.bound
        bound = news.volume and not claim.volume
        if bound:
            claim.volume = news.volume
            self._behind[news.volume] = claim
        for user in tuple(claim.users.values()):
            self._say(user, claim.say(user, fresh), arrived)
            if bound:
                self._say(user, self._attached(user, claim), arrived)

    def _begin(self, key: Key, news: ClaimNews, arrived: int) -> TrackedClaim:
        before = self._claims.get(key)
        if before is not None:
            if not before.seen:
                self._mismatched()
            self._lose(key, before)
        claim = self._claims[key] = TrackedClaim(news.uid)
        for user in self._wanting.get(key, {}).values():
            # A pod that is gone was with the claim that had the name before.
            if not user.record.removed or not user.claims:
                _link(user, key, claim)
        if not news.seen and not claim.users:
            self._rumour(key, arrived)
        return claim

    def _rumour(self, key: Key, now: int) -> None:
        for gone, _ in self._rumours.put(key[0], key, None, at=now):
            self._claims.pop(gone, None)

    def _mismatched(self) -> None:
        if self._intake is not None:
            self._intake.mismatched(Stream.EVENTS, Mismatch.UID)

    def _lose(self, key: Key, claim: TrackedClaim) -> None:
        claim.gone = True
        del self._claims[key]
        self._rumours.pop(key)
        if not claim.users:
            self._behind.pop(claim.volume, None)

    def _name(self, news: AttachmentNews, arrived: int) -> None:
        """Learn which volume and node an attachment is of, and what was said of it while that was not known."""
        if news.name in self._places:
            return
        place = self._places[news.name] = (news.volume, news.node)
        uses = self._attachments.pop(("", news.name), {})
        self._attachments.setdefault(place, {}).update(uses)
        for use in uses.values():
            self._tell(place, use, use.told, arrived)

    def _of_attachment(self, news: AttachmentNews | UsageNews, name: str, arrived: int) -> None:
        place = self._place_of(name)
        attachment = self._attachments.setdefault(place, {}).setdefault(news.uid, TrackedAttachment())
        attachment.leaving = news.leaving if attachment.leaving is None else attachment.leaving
        words = news.words if isinstance(news, AttachmentNews) else ()
        self._learn(attachment.told, news.facts, words)
        if news.gone and not attachment.gone:
            attachment.gone = True
            ended = (name, news.uid)
            for each, _ in self._ended.put(place[1] if place[0] else "", ended, None, at=arrived):
                self._forget_ended(each, None, arrived)
        self._tell(place, attachment, Told().join(news.facts, words), arrived)

    def _learn(self, told: Told, facts: Iterable[Fact], words: Iterable[Words]) -> None:
        before = told.surplus
        self._losses.count(Kept.CLAIM_MESSAGES, told.join(facts, words).surplus - before)

    def _tell(self, place: Place, attachment: TrackedAttachment, fresh: Told, arrived: int) -> None:
        volume, node = place
        claim = self._behind.get(volume)
        for user in tuple(claim.users.values()) if claim is not None else ():
            if claim is not None and user.node == node:
                self._say(user, attachment.say(user, claim, fresh), arrived)

    def _say(self, user: User, told: Iterable[Observation], arrived: int) -> None:
        news = tuple(each for each in told if not (user.rests and _stale(each)))
        if news and self._intake is not None:
            self._intake.take(user.uid, news, arrived=arrived)


def _link(user: User, key: Key, claim: TrackedClaim) -> None:
    for name, wanted in user.names:
        if wanted == key:
            user.claims[name] = claim
    claim.users[user.uid] = user


def _stale(said: Observation) -> bool:
    """What a listing shows of long ago is no reason to unpack a pod that rests."""
    return isinstance(said, Witnessed) and all(each.source is Source.LISTED for each in said.evidence)
