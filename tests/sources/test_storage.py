"""Claims and attachments: what is new of each version, timed only where the change itself was seen."""

from tests.support.objects import CREATED_NS, Body, line, raw
from tests.support.recording import RecordingIntake
from tests.support.storage import VOLUME, attachment, claim

from podtimeline.kube.indexer import Indexer
from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone
from podtimeline.model.storage import AttachmentNews, ClaimNews, StorageNews
from podtimeline.sources.storage import AttachmentFeed, ClaimFeed


class Stream:
    """A feed and what it told."""

    def __init__(self, kind: type[ClaimFeed] | type[AttachmentFeed]) -> None:
        self.intake = RecordingIntake()
        self.feed = kind(self.intake, index=Indexer())

    def watch(self, body: Body, at: float, *, kind: str = "MODIFIED", live: bool = True) -> None:
        """A change that arrives so many seconds after the creation."""
        self.feed.line(line(kind, body), arrived=moment(at), live=live)

    def listing(self, *bodies: Body, at: float) -> None:
        """A complete listing."""
        self.feed.begin()
        for body in bodies:
            self.feed.item(raw(body), arrived=moment(at))
        self.feed.end("7", arrived=moment(at))

    @property
    def told(self) -> list[tuple[Milestone, tuple[Evidence, ...]]]:
        """All facts, in order."""
        return [(fact.milestone, fact.evidence) for news in self.intake.news for fact in news.facts]

    def of(self, milestone: Milestone) -> list[Evidence]:
        """The first evidence of each time that a milestone was told."""
        return [evidence[0] for told, evidence in self.told if told is milestone]

    @property
    def last(self) -> StorageNews:
        """The latest news."""
        return self.intake.news[-1]


def moment(seconds: float) -> int:
    """So many seconds after the creation."""
    return CREATED_NS + round(seconds * SECOND)


def test_a_claim_that_is_bound_before_the_watch_was_not_after_its_arrival() -> None:
    """Nor before it was created."""
    claims = Stream(ClaimFeed)
    claims.watch(claim(), 0.1, kind="ADDED")
    claims.watch(claim(node="node-1"), 0.5)
    claims.watch(claim("Bound", node="node-1"), 2)
    assert [milestone for milestone, _ in claims.told] == [Milestone.PROVISIONING_STARTED, Milestone.CLAIM_BOUND]
    _, (watched, created) = claims.told[1]
    assert (watched.source, watched.latest, created.earliest) == (Source.WATCH, moment(2), CREATED_NS)
    assert isinstance(claims.last, ClaimNews)
    assert (claims.last.volume, claims.last.bound, claims.last.seen) == (VOLUME, moment(2), True)


def test_what_is_known_is_not_told_again() -> None:
    """A claim changes for many reasons."""
    claims = Stream(ClaimFeed)
    claims.watch(claim(), 0.1, kind="ADDED")
    for at in (2, 3, 4):
        claims.watch(claim("Bound"), at)
    assert [len(each.facts) for each in claims.intake.news] == [0, 1]


def test_a_claim_that_was_bound_before_anybody_looked_has_no_time() -> None:
    """Neither a listing nor a later change of it says when; for its words, its creation counts."""
    claims = Stream(ClaimFeed)
    claims.listing(claim("Bound"), at=50)
    claims.watch(claim("Bound"), 51)
    (evidence,) = claims.of(Milestone.CLAIM_BOUND)
    assert (evidence.source, evidence.at, evidence.latest) == (Source.LISTED, None, None)
    assert isinstance(claims.last, ClaimNews)
    assert claims.last.bound == CREATED_NS


def test_a_change_that_a_listing_shows_first_is_still_timed_by_the_watch() -> None:
    """The frame lists on its own while kopf watches: the listing only bounds it from above."""
    claims = Stream(ClaimFeed)
    claims.watch(claim(), 0.1, kind="ADDED")
    claims.listing(claim("Bound"), at=2.2)
    claims.watch(claim("Bound"), 2.1)
    listed, watched = claims.of(Milestone.CLAIM_BOUND)
    assert (listed.source, listed.latest, listed.at) == (Source.LISTED, moment(2.2), None)
    assert (watched.source, watched.at) == (Source.WATCH, moment(2.1))


def test_claims_that_vanish_in_a_gap_are_gone() -> None:
    """Those that a watch has shown since the listing began are not."""
    claims = Stream(ClaimFeed)
    claims.listing(claim("Bound"), claim("Bound", name="other", uid="c-2", volume="pvc-2"), at=5)
    claims.feed.begin()
    claims.watch(claim(name="late", uid="c-3"), 9, kind="ADDED")
    claims.feed.item(raw(claim("Bound", name="other", uid="c-2")), arrived=moment(9))
    claims.feed.end("9", arrived=moment(9))
    gone = [each for each in claims.intake.news if isinstance(each, ClaimNews) and each.gone]
    assert [(each.uid, each.volume) for each in gone] == [("c-1", VOLUME)]


def test_a_page_of_a_listing_that_is_older_than_a_deletion_brings_nothing_back() -> None:
    """The listing was asked for before the claim went."""
    claims = Stream(ClaimFeed)
    claims.watch(claim(), 0.1, kind="ADDED")
    claims.feed.begin()
    claims.watch(claim(), 1, kind="DELETED")
    claims.feed.item(raw(claim("Bound")), arrived=moment(2))
    claims.feed.end("9", arrived=moment(2))
    assert [each.gone for each in claims.intake.news if isinstance(each, ClaimNews)] == [False, True]


def test_an_attachment_is_followed_from_its_creation_to_its_end() -> None:
    """It begins in the second that its object says, and ends after its end was asked for."""
    attachments = Stream(AttachmentFeed)
    attachments.watch(attachment(), 0.2, kind="ADDED")
    attachments.watch(attachment(attached=True), 3)
    attachments.watch(attachment(attached=True, deleted=20), 20.5)
    attachments.watch(attachment(attached=True, deleted=20), 22, kind="DELETED")
    (begun, shown), (attached, _), (gone, asked) = (evidence for _, evidence in attachments.told)
    assert (begun.earliest, begun.latest, shown.at) == (CREATED_NS, CREATED_NS + SECOND - 1, moment(0.2))
    assert (attached.source, attached.at) == (Source.WATCH, moment(3))
    assert (gone.at, asked.earliest) == (moment(22), moment(20))
    assert isinstance(attachments.last, AttachmentNews)
    assert (attachments.last.volume, attachments.last.node, attachments.last.gone) == (VOLUME, "node-1", True)
    leaving = [each.leaving for each in attachments.intake.news if isinstance(each, AttachmentNews)]
    assert leaving == [None, None, moment(20), moment(20)]


def test_the_words_of_the_attacher_are_told_once() -> None:
    """Each failure has its time; an object that changes for another reason says nothing new."""
    attachments = Stream(AttachmentFeed)
    attachments.watch(attachment(), 0.2, kind="ADDED")
    for at in (1, 2):
        attachments.watch(attachment(error="no such slot"), at)
    told = [news for news in attachments.intake.news if isinstance(news, AttachmentNews)]
    (words,) = (words for news in told for words in news.words)
    assert (words.reason, words.text, words.at) == ("FailedAttachVolume", "no such slot", moment(1))


def test_an_attachment_that_was_there_before_has_its_beginning_and_no_more() -> None:
    """Its creation is stamped, the moment it was done is not."""
    attachments = Stream(AttachmentFeed)
    attachments.listing(attachment(attached=True), at=50)
    (begun,), (attached,) = (evidence for _, evidence in attachments.told)
    assert (begun.source, begun.earliest) == (Source.FIELD, CREATED_NS)
    assert (attached.source, attached.latest) == (Source.LISTED, None)


def test_a_volume_detached_in_a_gap_was_so_by_the_next_listing() -> None:
    """Nobody saw it."""
    attachments = Stream(AttachmentFeed)
    attachments.listing(attachment(attached=True), at=5)
    attachments.listing(at=60)
    (evidence,) = attachments.of(Milestone.DETACHED)
    assert (evidence.source, evidence.at, evidence.latest) == (Source.LISTED, None, moment(60))


def test_what_was_never_attached_is_not_detached() -> None:
    """Its pod was deleted while the attacher was still at it."""
    attachments = Stream(AttachmentFeed)
    attachments.watch(attachment(), 0.2, kind="ADDED")
    attachments.watch(attachment(deleted=3), 4, kind="DELETED")
    assert attachments.of(Milestone.DETACHED) == []
    assert attachments.last.gone


def test_a_volume_written_into_a_pod_has_no_claim_to_be_found_by() -> None:
    """In-tree volumes that a CSI driver serves."""
    attachments = Stream(AttachmentFeed)
    inline = attachment()
    inline["spec"]["source"] = {"inlineVolumeSpec": {}}
    attachments.watch(inline, 0.2, kind="ADDED")
    attachments.watch(inline, 1, kind="DELETED")
    assert attachments.intake.news == []


def test_what_is_deleted_is_remembered_only_while_a_listing_may_still_show_it() -> None:
    """A page can be older than the watch; after the listing nothing is left of objects that come and go."""
    claims = Stream(ClaimFeed)
    claims.feed.begin()
    claims.watch(claim(), 1, kind="ADDED")
    claims.watch(claim(), 2, kind="DELETED")
    told = len(claims.intake.news)
    claims.feed.item(raw(claim()), arrived=moment(3))
    claims.feed.end("7", arrived=moment(3))
    assert len(claims.intake.news) == told
    for number in range(3):
        body = claim()
        body["metadata"]["uid"] = f"c-{number}"
        claims.watch(body, 4, kind="ADDED")
        claims.watch(body, 5, kind="DELETED")
    kept = claims.feed._listing
    assert (claims.feed._index.entries(None), kept._present, kept._watched) == ([], {}, set())
