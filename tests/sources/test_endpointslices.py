"""EndpointSlices: a change costs what changed, and tells of when only what a live watch can know."""

from collections.abc import Iterable
from typing import Any

import pytest
from tests.support.objects import CREATED_NS, endpoint, endpoint_slice, line, raw, stamp
from tests.support.recording import RecordingIntake

from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Witnessed
from podtimeline.ports import Mismatch, PodReference, Stream
from podtimeline.sources.endpointslices import SliceFeed, SliceIndex

ARRIVED = CREATED_NS + 9 * SECOND
SUBJECT = "shop/web/web-x1"
READY, OUT, GONE = (
    Mark(each, SUBJECT)
    for each in (Milestone.ENDPOINT_READY, Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED)
)


class Watched:
    """An index that is told bodies of slices."""

    def __init__(self) -> None:
        self.index = SliceIndex()
        self.intake = RecordingIntake()
        self._feed = SliceFeed(self.intake, self.index)

    def read(self, body: dict[str, Any], *, live: bool = True) -> list[Witnessed]:
        """What is new in a version."""
        return said(self.pairs(body, live=live))

    def pairs(
        self, body: dict[str, Any], *, kind: str = "MODIFIED", live: bool = True
    ) -> list[tuple[PodReference, Witnessed]]:
        """What is new in a version, with the pods that it names."""
        before = len(self.intake.taken)
        self._feed.line(line(kind, body), arrived=ARRIVED, live=live)
        return self._since(before)

    def drop(self, body: dict[str, Any], *, live: bool = True) -> list[Witnessed]:
        """What a deletion says."""
        return said(self.pairs(body, kind="DELETED", live=live))

    def listing(self, *bodies: dict[str, Any], namespace: str | None = None) -> list[Witnessed]:
        """What a listing of all namespaces, or of one, says."""
        before = len(self.intake.taken)
        feed = SliceFeed(self.intake, self.index, namespace=namespace)
        feed.begin()
        for body in bodies:
            feed.item(raw(body), arrived=ARRIVED)
        feed.end("9", arrived=ARRIVED)
        return said(self._since(before))

    def _since(self, before: int) -> list[tuple[PodReference, Witnessed]]:
        told = [each for _, each in self.intake.taken[before:]]
        pods = self.intake.referred[before:]
        return [(pod, each) for pod, each in zip(pods, told, strict=True) if isinstance(each, Witnessed)]


def named(name: str) -> PodReference:
    """The pod of a name."""
    return PodReference(f"uid-{name}", "shop", name)


def said(pairs: Iterable[tuple[PodReference, Witnessed]]) -> list[Witnessed]:
    """What was said, where it names the pods as the tests do."""
    found = list(pairs)
    assert all(pod == named(pod.name) and each.uid == pod.uid for pod, each in found)
    return [each for _, each in found]


def terminating(pod_name: str, *, ready: bool = False) -> dict[str, Any]:
    """The address of a pod that is to be deleted; it stays ready where not-ready addresses are published."""
    body = endpoint(pod_name)
    body["conditions"] = {"ready": ready, "serving": True, "terminating": True}
    return body


def told(said: Iterable[Witnessed]) -> list[tuple[str, Mark]]:
    """Of whom, and what."""
    return [(each.uid, each.mark) for each in said]


def written(body: dict[str, Any], *seconds: int) -> dict[str, Any]:
    """The slice as the API server notes its writes."""
    body["metadata"]["managedFields"] = [
        {"manager": "m", "operation": "Update", "time": stamp(each), "fieldsV1": {"f:endpoints": {}}}
        for each in seconds
    ]
    return body


def test_a_new_ready_address_is_timed_by_the_watch_its_trigger_and_the_write() -> None:
    """Not after the arrival, not before the change that caused it nor the second in which it was written."""
    (new,) = Watched().read(written(endpoint_slice(endpoint("web-1"), trigger=stamp(4)), 3, 5))
    assert new.mark == READY
    assert new.detail == "http:8080/TCP,9090/UDP"
    assert not new.from_status
    found = {each.source: each for each in new.evidence}
    assert (found[Source.WATCH].at, found[Source.WATCH].latest) == (ARRIVED, ARRIVED)
    assert (found[Source.TRIGGER].earliest, found[Source.TRIGGER].latest) == (CREATED_NS + 4 * SECOND, None)
    assert (found[Source.FIELD].earliest, found[Source.FIELD].latest) == (CREATED_NS + 5 * SECOND, None)


def test_an_unset_ready_is_true() -> None:
    """As the API defines it; without conditions at all, too."""
    bare = endpoint("web-2", ready=None)
    del bare["conditions"]
    new = Watched().read(endpoint_slice(endpoint("web-1", ready=None), bare, endpoint("web-3", ready=False)))
    assert told(new) == [("uid-web-1", READY), ("uid-web-2", READY)]


def test_an_update_of_a_hundred_addresses_tells_the_ones_that_changed() -> None:
    """The rest was told before."""
    watched, addresses = Watched(), [endpoint(f"web-{number}") for number in range(100)]
    assert len(watched.read(endpoint_slice(*addresses))) == 100
    new = watched.read(endpoint_slice(*addresses[1:], terminating("web-0"), endpoint("web-new")))
    assert told(new) == [("uid-web-new", READY), ("uid-web-0", OUT)]


def test_an_address_that_is_not_ready_for_a_while_has_not_stopped() -> None:
    """Readiness flaps: only what is marked as terminating, or leaves, is told; what comes back is told as ready."""
    watched = Watched()
    watched.read(endpoint_slice(endpoint("web-1")))
    assert watched.read(endpoint_slice(endpoint("web-1", ready=False))) == []
    assert watched.index.standing(SUBJECT, named("web-1")) is False
    assert watched.index.present(SUBJECT, named("web-1")) is True
    assert told(watched.read(endpoint_slice(endpoint("web-1")))) == [("uid-web-1", READY)]
    assert watched.index.standing(SUBJECT, named("web-1")) is True


def test_an_address_that_terminates_stops_once_and_leaves_once() -> None:
    """First its condition, then the address."""
    watched = Watched()
    watched.read(endpoint_slice(endpoint("web-1")))
    (new,) = watched.read(written(endpoint_slice(terminating("web-1")), 8))
    assert (new.uid, new.mark) == ("uid-web-1", OUT)
    assert {each.source: each.earliest for each in new.evidence} == {
        Source.WATCH: None,
        Source.FIELD: CREATED_NS + 8 * SECOND,
    }
    assert watched.read(endpoint_slice(terminating("web-1"))) == []
    assert told(watched.read(endpoint_slice())) == [("uid-web-1", GONE)]
    assert watched.read(endpoint_slice()) == []


def test_an_address_that_leaves_while_it_stands_as_ready_does_both_at_once() -> None:
    """As when the pod is gone before the slice's controller gets to it."""
    watched = Watched()
    watched.read(endpoint_slice(endpoint("web-1")))
    assert told(watched.read(endpoint_slice())) == [("uid-web-1", OUT), ("uid-web-1", GONE)]


def test_an_address_that_was_not_ready_when_its_pod_was_deleted_only_leaves() -> None:
    """It had no traffic to lose."""
    watched = Watched()
    watched.read(endpoint_slice(endpoint("web-1")))
    watched.read(endpoint_slice(endpoint("web-1", ready=False)))
    assert watched.read(endpoint_slice(terminating("web-1"))) == []
    assert told(watched.read(endpoint_slice())) == [("uid-web-1", GONE)]


def test_where_not_ready_addresses_are_published_it_stands_until_it_leaves() -> None:
    """publishNotReadyAddresses: ready stays True in a terminating pod, and traffic goes on."""
    watched = Watched()
    watched.read(endpoint_slice(endpoint("db-0")))
    assert watched.read(endpoint_slice(terminating("db-0", ready=True))) == []
    assert watched.index.standing(SUBJECT, named("db-0")) is True
    assert told(watched.read(endpoint_slice())) == [("uid-db-0", OUT), ("uid-db-0", GONE)]


def test_of_a_listed_slice_nothing_says_when() -> None:
    """The trigger is of the latest change of the slice, not of this address; what is over was over by then."""
    watched = Watched()
    (new,) = watched.read(written(endpoint_slice(endpoint("web-1"), trigger=stamp(4)), 4), live=False)
    assert [each.source for each in new.evidence] == [Source.LISTED]
    (out,) = watched.read(written(endpoint_slice(terminating("web-1")), 8), live=False)
    ((source, at, earliest, latest, _),) = out.evidence
    assert (source, at, earliest, latest) == (Source.LISTED, None, None, ARRIVED)


def test_a_slice_that_goes_takes_its_addresses_with_it() -> None:
    """By its deletion, or as it is missing from a listing of its namespace."""
    watched = Watched()
    watched.read(endpoint_slice(endpoint("web-1"), endpoint("web-2", ready=False)))
    expected = [("uid-web-1", OUT), ("uid-web-1", GONE), ("uid-web-2", GONE)]
    assert told(watched.drop(endpoint_slice())) == expected
    assert watched.drop(endpoint_slice()) == []
    watched.read(endpoint_slice(endpoint("web-1"), endpoint("web-2", ready=False)))
    assert watched.listing(namespace="other") == []
    assert watched.listing(endpoint_slice(endpoint("web-1"), endpoint("web-2", ready=False)), namespace="shop") == []
    assert told(watched.listing(namespace="shop")) == expected
    assert watched.listing() == []


def test_a_slice_that_went_while_nobody_looked_was_gone_by_then() -> None:
    """The backlog of a watch tells its deletion, but not when it was."""
    watched = Watched()
    watched.read(endpoint_slice(endpoint("web-1")))
    gone = watched.drop(endpoint_slice(), live=False)
    assert {each.source for new in gone for each in new.evidence} == {Source.LISTED}


@pytest.mark.parametrize("namespace", [None, "shop"])
def test_what_is_not_listed_yet_is_not_known(namespace: str | None) -> None:
    """Afterwards a slice that nobody knows holds nobody."""
    watched = Watched()
    index = watched.index
    assert (index.standing(SUBJECT, named("web-1")), index.present(SUBJECT, named("web-1"))) == (None, None)
    watched.listing(namespace=namespace)
    assert (index.standing(SUBJECT, named("web-1")), index.present(SUBJECT, named("web-1"))) == (False, False)
    assert (index.standing("else/web/web-x1", named("web-1")) is None) == (namespace is not None)


def test_slices_of_no_service_and_addresses_of_no_pod_are_nobodys() -> None:
    """Custom slices, and addresses of nodes."""
    watched = Watched()
    assert watched.read(endpoint_slice(endpoint("web-1"), service="")) == []
    assert watched.drop(endpoint_slice(service="")) == []
    node = endpoint("x") | {"targetRef": {"kind": "Node", "name": "node-1", "uid": "n"}}
    nobody = endpoint("y") | {"targetRef": None}
    assert watched.read(endpoint_slice(node, nobody)) == []
    assert watched.read(endpoint_slice() | {"ports": None}) == []


def test_a_target_of_another_namespace_than_the_slice_is_nobody() -> None:
    """Whoever may write slices in one namespace can name any pod; what is not used is counted once a slice."""
    watched, foreign = Watched(), endpoint("web-1")
    foreign["targetRef"]["namespace"] = "till"
    assert watched.read(endpoint_slice(foreign)) == []
    assert watched.read(endpoint_slice(foreign, endpoint("web-2"))) != []
    assert not watched.index.present(SUBJECT, named("web-1"))
    assert watched.intake.mismatches == {(Stream.ENDPOINTSLICES, Mismatch.NAMESPACE): 1}
    assert told(watched.drop(endpoint_slice())) == [("uid-web-2", OUT), ("uid-web-2", GONE)]


def test_an_address_is_that_of_the_pod_that_is_named() -> None:
    """Not of another one with its uid."""
    watched, other = Watched(), endpoint("web-1")
    other["targetRef"]["name"] = "web-2"
    ((pod, _),) = watched.pairs(endpoint_slice(other))
    assert pod == PodReference("uid-web-1", "shop", "web-2")
    assert watched.index.standing(SUBJECT, named("web-1")) is False


@pytest.mark.parametrize("live", [True, False])
def test_a_slice_that_is_given_to_another_service_has_left_its_own(*, live: bool) -> None:
    """By its label; one without a Service is nobody's any more."""
    watched = Watched()
    watched.read(endpoint_slice(endpoint("web-1")))
    other = Mark(Milestone.ENDPOINT_READY, "shop/db/web-x1")
    new = watched.read(endpoint_slice(endpoint("web-1"), service="db"), live=live)
    assert told(new) == [("uid-web-1", OUT), ("uid-web-1", GONE), ("uid-web-1", other)]
    assert not watched.index.standing(SUBJECT, named("web-1"))
    assert watched.index.standing("shop/db/web-x1", named("web-1")) is True
    left = watched.read(endpoint_slice(endpoint("web-1"), service=""))
    assert [each.mark.milestone for each in left] == [OUT.milestone, GONE.milestone]
