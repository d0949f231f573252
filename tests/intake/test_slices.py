"""EndpointSlices: a change costs what changed, and tells of when only what a live watch can know."""

from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
from tests.support.objects import CREATED_NS, endpoint, endpoint_slice, raw, stamp

from podtimeline.core.instants import SECOND, Source
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import Witnessed
from podtimeline.intake.slices import slice_observations
from podtimeline.intake.wire import EndpointSlice

ARRIVED = CREATED_NS + 9 * SECOND


def read(
    body: dict[str, Any], *, live: bool = True, told: AbstractSet[str] = frozenset()
) -> tuple[list[Witnessed], AbstractSet[str]]:
    """The observations of one version, and what to remember."""
    return slice_observations(msgspec.json.decode(raw(body), type=EndpointSlice), arrived=ARRIVED, live=live, told=told)


def test_a_new_ready_address_is_timed_by_the_watch_and_its_trigger() -> None:
    """Not after the arrival, not before the change that caused it; with the ports that traffic can reach."""
    (said,), told = read(endpoint_slice(endpoint("web-1"), trigger=stamp(4)))
    assert said.mark == Mark(Milestone.ENDPOINT_READY, "shop/web/web-x1")
    assert said.detail == "http:8080/TCP,9090/UDP"
    assert not said.from_status
    found = {each.source: each for each in said.evidence}
    assert (found[Source.WATCH].at, found[Source.WATCH].latest) == (ARRIVED, ARRIVED)
    assert (found[Source.TRIGGER].earliest, found[Source.TRIGGER].latest) == (CREATED_NS + 4 * SECOND, None)
    assert told == {"uid-web-1"}


def test_an_unset_ready_is_true() -> None:
    """As the API defines it; without conditions at all, too."""
    bare = endpoint("web-2", ready=None)
    del bare["conditions"]
    said, _ = read(endpoint_slice(endpoint("web-1", ready=None), bare, endpoint("web-3", ready=False)))
    assert [each.uid for each in said] == ["uid-web-1", "uid-web-2"]


def test_an_update_of_a_hundred_addresses_tells_the_one_that_is_new() -> None:
    """The rest was told before."""
    addresses = [endpoint(f"web-{number}") for number in range(100)]
    _, told = read(endpoint_slice(*addresses))
    said, told = read(endpoint_slice(*addresses, endpoint("web-new")), told=told)
    assert [each.uid for each in said] == ["uid-web-new"]
    assert len(told) == 101


def test_an_address_that_becomes_ready_again_is_not_told_again() -> None:
    """Only while it is in the slice: one that left and came back is told, and the earlier evidence wins."""
    _, told = read(endpoint_slice(endpoint("web-1")))
    said, told = read(endpoint_slice(endpoint("web-1", ready=False)), told=told)
    assert (said, told) == ([], {"uid-web-1"})
    said, told = read(endpoint_slice(endpoint("web-1")), told=told)
    assert said == []
    _, told = read(endpoint_slice(), told=told)
    assert told == frozenset()


def test_of_a_listed_slice_nothing_says_when() -> None:
    """The trigger is of the latest change of the slice, not of this address."""
    (said,), _ = read(endpoint_slice(endpoint("web-1"), trigger=stamp(4)), live=False)
    assert [each.source for each in said.evidence] == [Source.LISTED]


def test_slices_of_no_service_and_addresses_of_no_pod_are_nobodys() -> None:
    """Custom slices, and addresses of nodes."""
    assert read(endpoint_slice(endpoint("web-1"), service=""))[0] == []
    node = endpoint("x") | {"targetRef": {"kind": "Node", "name": "node-1", "uid": "n"}}
    nobody = endpoint("y") | {"targetRef": None}
    assert read(endpoint_slice(node, nobody))[0] == []
    assert read(endpoint_slice() | {"ports": None})[0] == []
