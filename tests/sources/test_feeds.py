"""From the bytes of a stream to the intake: listings, removals, namespaces, and what is malformed."""

import json
from typing import Any

import pytest
from tests.support.feeds import feed_of
from tests.support.objects import (
    CREATED_NS,
    container,
    endpoint,
    endpoint_slice,
    event,
    line,
    pod,
    raw,
    ready_pod,
    running,
)
from tests.support.recording import Listing, RecordingIntake

from podtimeline.kube.failures import ApiError, VersionGoneError
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Described, Flagged, Labelled, Noted, Partial, Witnessed
from podtimeline.model.pods import Owner
from podtimeline.ports import Mismatch, Stream
from podtimeline.quarantine import Step
from podtimeline.sources.endpointslices import SliceFeed, SliceIndex
from podtimeline.sources.events.feed import EventFeed
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.sources.registry import BY_NAME, Indexes, feeds

NOW = CREATED_NS + 60_000_000_000


def listing(feed: PodFeed | SliceFeed, *bodies: dict[str, Any], version: str = "9") -> None:
    """A complete listing."""
    feed.begin()
    for body in bodies:
        feed.item(raw(body), arrived=NOW)
    feed.end(version, arrived=NOW)


def test_the_first_listing_flags_what_was_there_and_later_ones_what_was_missed() -> None:
    """LISTED for pods from before the operator looked, GAP for what came or changed while the stream was cut."""
    intake = RecordingIntake()
    feed = PodFeed(intake)
    listing(feed, pod("old"))
    listing(feed, ready_pod("old"), pod("missed"))
    listing(feed, ready_pod("old"), pod("missed"))
    assert intake.of("uid-old", Flagged) == [Flagged("uid-old", Partial.LISTED), Flagged("uid-old", Partial.GAP)]
    assert intake.of("uid-missed", Flagged) == [Flagged("uid-missed", Partial.GAP)]


def test_what_only_repeats_itself_is_no_gap() -> None:
    """The restarts of a known pod are told at each listing, and are nothing that was missed."""
    intake = RecordingIntake()
    feed = PodFeed(intake)
    restarted = [container(ready=True, started=True, state=running(9), restartCount=2)]
    body = ready_pod("web-1", status={"containerStatuses": restarted})
    feed.line(line("ADDED", body), arrived=NOW, live=True)
    listing(feed, body)
    assert intake.of("uid-web-1", Flagged) == []


def test_a_listing_tells_all_uids_at_its_end() -> None:
    """Those of malformed objects too, and none of an aborted listing."""
    intake = RecordingIntake()
    feed = PodFeed(intake)
    feed.begin()
    feed.item(raw(pod("aborted")), arrived=NOW)
    listing(feed, pod("web-1"), pod("odd", status={"phase": 5}))
    assert [each.uids for each in intake.listings] == [{"uid-web-1", "uid-odd"}]
    assert feed.malformed == 1


def test_a_pod_first_seen_as_deleted_is_described_and_removed() -> None:
    """It came and went between two looks."""
    intake = RecordingIntake()
    feed = PodFeed(intake)
    assert feed.line(line("DELETED", ready_pod("web-1")), arrived=NOW, live=False) == "1"
    assert len(intake.of("uid-web-1", Described)) == 1
    assert intake.timelines["uid-web-1"].has(Milestone.OBJECT_REMOVED)
    assert intake.of("uid-web-1", Flagged) == [Flagged("uid-web-1", Partial.GAP)]


def test_each_namespace_is_complete_by_itself() -> None:
    """One that cannot be read says nothing of the others, nor they of it."""
    intake = RecordingIntake()
    shop, till = (PodFeed(intake, namespace=each) for each in ("shop", "till"))
    listing(shop, pod("a"), pod("b"))
    listing(till, pod("x", namespace="till"))
    assert intake.listings == [
        Listing(frozenset({"uid-a", "uid-b"}), "9", "shop"),
        Listing(frozenset({"uid-x"}), "9", "till"),
    ]
    assert not shop.resumable


def test_events_of_pods_and_of_their_owners_are_told_and_their_expiry_is_not() -> None:
    """An Event is deleted after an hour: that says nothing."""
    intake = RecordingIntake()
    feed = EventFeed(intake)
    feed.line(line("ADDED", event("Started")), arrived=NOW, live=True)
    feed.line(line("DELETED", event("Killing")), arrived=NOW, live=True)
    owner = {"kind": "ReplicaSet", "namespace": "shop", "name": "web-abc", "uid": "rs-1"}
    created = event("SuccessfulCreate", container="", message="Created pod: web-abc-1", involvedObject=owner)
    feed.line(line("ADDED", created), arrived=NOW, live=True)
    node = {"kind": "Node", "name": "node-1", "uid": "node-1"}
    feed.line(line("ADDED", event("NodeNotReady", type="Warning", involvedObject=node)), arrived=NOW, live=True)
    assert list(intake.timelines) == ["uid-web-1"]
    assert intake.of("uid-web-1", Noted) == []
    assert intake.named == [("shop", "web-abc-1", Owner("ReplicaSet", "web-abc", "rs-1"), CREATED_NS + 123_456_789)]


def test_a_slice_is_told_once_and_forgotten_when_it_goes() -> None:
    """By a DELETED event, or by missing from a listing."""
    intake = RecordingIntake()
    feed = SliceFeed(intake, SliceIndex())
    listing(feed, endpoint_slice(endpoint("web-1")))
    for _ in range(3):
        feed.line(line("MODIFIED", endpoint_slice(endpoint("web-1"), endpoint("web-2"))), arrived=NOW, live=True)
    assert [uid for uid, _ in intake.taken] == ["uid-web-1", "uid-web-2"]
    feed.line(line("DELETED", endpoint_slice()), arrived=NOW, live=True)
    feed.line(line("ADDED", endpoint_slice(endpoint("web-1"))), arrived=NOW, live=True)
    listing(feed)
    feed.line(line("ADDED", endpoint_slice(endpoint("web-1"))), arrived=NOW, live=True)
    first = [each.mark.milestone for uid, each in intake.taken if uid == "uid-web-1" and isinstance(each, Witnessed)]
    stays, stops = Milestone.ENDPOINT_READY, [Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED]
    assert first == [stays, *stops, stays, *stops, stays]
    assert intake.timelines["uid-web-1"].details[Mark(Milestone.ENDPOINT_READY, "shop/web/web-x1")]


def test_a_slice_that_cannot_be_read_is_there_all_the_same() -> None:
    """A listing that shows it does not say that its addresses are gone."""
    intake = RecordingIntake()
    feed = SliceFeed(intake, SliceIndex())
    listing(feed, endpoint_slice(endpoint("web-1")))
    listing(feed, endpoint_slice() | {"endpoints": 7})
    assert [uid for uid, _ in intake.taken] == ["uid-web-1"]
    assert feed.malformed == 1


@pytest.mark.parametrize("name", BY_NAME)
def test_bookmarks_and_errors_need_not_look_like_the_streams_objects(name: str) -> None:
    """A bookmark carries a version; 410 is told apart from every other error."""
    stream = feed_of(name)
    bookmark = {"metadata": {"resourceVersion": "77", "creationTimestamp": None}, "spec": {"containers": None}}
    assert stream.line(line("BOOKMARK", bookmark), arrived=NOW, live=True) == "77"
    status: dict[str, Any] = {"kind": "Status", "metadata": {}, "status": "Failure", "message": "m", "reason": "r"}
    with pytest.raises(VersionGoneError):
        stream.line(line("ERROR", status | {"code": 410}), arrived=NOW, live=True)
    with pytest.raises(ApiError, match="500: r m"):
        stream.line(line("ERROR", status | {"code": 500}), arrived=NOW, live=True)
    with pytest.raises(ApiError, match="without a Status"):
        stream.line(b'{"type":"ERROR","object":"broken"}', arrived=NOW, live=True)
    assert stream.malformed == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"type":"ADDED"}', b'{"type":"ADDED","object":null}',
        b'{"type":"BOOKMARK","object":7}', b'{"type":"SOMETHING","object":7}', b'{"type":7,"object":{}}',
        b'{"type":"ADDED","object":{"metadata":{"uid":"\xff"}}}', b"[" * 100_000,
        b'{"type":"ADDED","object":{"metadata":{"uid":"x"},"other":' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_garbage_is_counted_and_nothing_else(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The first of each kind is logged."""
    intake = RecordingIntake()
    for feed in feeds(Indexes(), intake):
        assert feed.line(garbage, arrived=NOW, live=True) == ""
        feed.item(garbage, arrived=NOW)
        logged = len(caplog.records)
        feed.item(garbage, arrived=NOW)
        assert feed.malformed == feed.quarantine.counts[Step.DECODE] == 3
        assert 0 < logged == len(caplog.records)
    assert intake.taken == []


def test_keys_may_come_in_any_order() -> None:
    """Servers write type first; nothing depends on it."""
    intake = RecordingIntake()
    swapped = json.dumps({"object": pod("web-1"), "type": "ADDED"}).encode()
    assert PodFeed(intake).line(swapped, arrived=NOW, live=True) == "1"
    assert list(intake.timelines) == ["uid-web-1"]


@pytest.mark.parametrize(
    "odd",
    [
        b"{", b'{"type":"ADDED","object":null}',
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}',
        line("MODIFIED", pod("bad", metadata={"uid": "bad", "creationTimestamp": "yesterday"})),
    ],
)  # fmt: skip
def test_lines_taken_at_once_say_what_each_of_them_says(odd: bytes) -> None:
    """Where one is odd they are all asked for again, and what was taken twice is neither counted nor joined twice."""
    plain = [line("ADDED", pod("web-1")), line("MODIFIED", ready_pod("web-1")), line("DELETED", ready_pod("web-1"))]
    one, whole = RecordingIntake(), RecordingIntake()
    each, feed = PodFeed(one), PodFeed(whole)
    versions = [each.line(every, arrived=NOW, live=True) for every in plain]
    assert feed.lines(b"\n".join(plain) + b"\n", arrived=NOW) == versions[-1]
    assert (whole.taken, feed.events) == (one.taken, each.events)
    mixed = [line("ADDED", pod("web-2")), odd, line("ADDED", pod("web-3"))]
    assert feed.lines(b"\n".join(mixed) + b"\n", arrived=NOW) is None
    assert (feed.events, feed.malformed) == (each.events, 0)
    for every in mixed:
        each.line(every, arrived=NOW, live=True)
        feed.line(every, arrived=NOW, live=True)
    assert (whole.timelines, feed.malformed) == (one.timelines, each.malformed)


def test_labels_are_told_when_they_change() -> None:
    """Other changes say nothing of them; a listing shows those of now as well."""
    intake = RecordingIntake()
    feed = PodFeed(intake)
    for index, more in enumerate(({}, {}, {"role": "primary"}, {"role": "primary"})):
        body = pod(metadata={"labels": {"app": "web"} | more})
        feed.line(line("MODIFIED" if index else "ADDED", body), arrived=CREATED_NS + index, live=True)
    assert intake.of("uid-web-1", Labelled) == [
        Labelled("uid-web-1", (("app", "web"), ("role", "primary")), CREATED_NS + 2)
    ]
    listing(feed, pod(metadata={"labels": {}}))
    assert intake.labels("uid-web-1") == ()


def test_what_an_event_or_a_slice_cannot_mean_is_counted_and_not_told() -> None:
    """An Event of another namespace than its object's, a target of another namespace than its slice's."""
    intake = RecordingIntake()
    body = event("Started")
    body["metadata"]["namespace"] = "till"
    EventFeed(intake).line(line("ADDED", body), arrived=NOW, live=True)
    target = endpoint("web-1")
    target["targetRef"]["namespace"] = "till"
    SliceFeed(intake, SliceIndex()).line(
        line("ADDED", endpoint_slice(target, endpoint("web-2"))), arrived=NOW, live=True
    )
    assert list(intake.timelines) == ["uid-web-2"]
    assert intake.mismatches == {
        (Stream.EVENTS, Mismatch.NAMESPACE): 1,
        (Stream.ENDPOINTSLICES, Mismatch.NAMESPACE): 1,
    }


def test_events_about_what_is_not_read_are_not_looked_at() -> None:
    """Whatever they refer to: they are nobody's business here."""
    intake = RecordingIntake()
    about = {"kind": "Endpoints", "namespace": "till", "name": "web"}
    body = event("FailedToUpdateEndpoint", type="Warning", involvedObject=about)
    EventFeed(intake).line(line("ADDED", body), arrived=NOW, live=True)
    assert (intake.taken, intake.mismatches) == ([], {})
