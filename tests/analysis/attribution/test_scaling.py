"""What a workload was asked for, and which of its requests a pod was made for."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import at
from tests.support.workloads import Watched, made, replicaset, workload

from podtimeline.analysis.attribution.scaling import (
    Request,
    Why,
    WorkloadHistory,
    launched,
    of_node,
    of_ordinal,
    origin,
    scaled,
    told,
    took,
    with_room,
)
from podtimeline.model.instants import SECOND, Source, just_after


def whys(history: WorkloadHistory) -> list[Why]:
    """What was asked for, in order."""
    return [each.why for each in history.requests]


def grown() -> Watched:
    """A ReplicaSet of two pods, met after a second, then asked for four at 100 s."""
    watched = Watched(replicaset()).at(0.1)
    watched.at(0.2, observed=1, have=0).at(1, have=2)
    return watched.at(100, generation=2, wanted=4)


def test_a_creation_that_is_watched_is_a_request_with_both_its_stamps() -> None:
    """The second that the API server wrote, and the arrival as an upper bound."""
    history = Watched(replicaset()).at(0.1).known
    (request,) = history.requests
    assert (request.why, request.low, request.high, request.met) == (Why.CREATED, 0, 2, None)
    assert (request.window.earliest, request.window.latest) == (at(0), at(0.1))
    assert history.born == 100


def test_a_request_is_met_once_its_controller_counts_enough_pods() -> None:
    """Of the generation that asked for them."""
    watched = Watched(replicaset()).at(0.1).at(0.3, have=2)
    assert watched.known.unmet
    watched.at(0.5, observed=1)
    assert [each.met for each in watched.known.requests] == [at(0.5)]


def test_only_so_many_pods_belong_to_a_request() -> None:
    """The third pod of two replaces one of them."""
    history = Watched(replicaset()).at(0.1).known
    for _ in range(2):
        request = with_room(history, made(0.4))
        assert request is not None
        history = took(history, request)
    assert with_room(history, made(0.5)) is None


def test_a_pod_made_after_its_request_was_met_belongs_to_none() -> None:
    """However much room there is: what was there may have come before anybody looked."""
    watched = Watched(replicaset()).at(0.1).at(1, observed=1, have=2)
    assert with_room(watched.known, made(200)) is None


def test_a_scale_up_is_a_request_of_its_own() -> None:
    """From as many as were asked for to as many as are asked for now."""
    history = grown().known
    request = with_room(history, made(100.2))
    assert request is not None
    assert (request.why, request.low, request.high) == (Why.SCALED, 2, 4)
    assert request.window.latest == at(100)


def test_a_pod_is_not_of_a_request_that_was_surely_made_after_it() -> None:
    """The write that asked is stamped to the second."""
    watched = Watched(replicaset()).at(0.1).at(1, observed=1, have=2)
    watched.at(100, generation=2, wanted=4, changed=at(99))
    assert with_room(watched.known, made(98.5)) is None
    assert with_room(watched.known, made(99.9)) is not None


def test_the_oldest_request_that_has_room_comes_first() -> None:
    """A quota let half of the first in; what comes after a second request fills the first one up."""
    watched = Watched(replicaset()).at(0.1)
    first = with_room(watched.known, made(0.4))
    assert first is not None
    watched.history = took(watched.known, first)
    watched.at(10, generation=2, wanted=4)
    found = [with_room(watched.known, made(11))]
    for _ in range(3):
        assert found[-1] is not None
        watched.history = took(watched.known, found[-1])
        found.append(with_room(watched.known, made(11)))
    assert [each and each.why for each in found] == [Why.CREATED, Why.SCALED, Why.SCALED, None]


def test_a_request_that_is_taken_back_is_met() -> None:
    """Asked for two, then for one, and one is there: nothing is to come."""
    watched = Watched(replicaset()).at(0.1).at(1, observed=1, have=1)
    watched.at(2, generation=2, wanted=1).at(3, observed=2)
    assert not watched.known.unmet


def test_what_is_listed_was_asked_for_before_anybody_looked() -> None:
    """Pods made before that are nobody's; of a workload that was never changed the missing ones are its creation's."""
    history = told(None, replicaset(have=1, observed=1), arrived=at(500), live=False)
    assert with_room(history, made(0.5)) is None
    request = with_room(history, made(501))
    assert request is not None
    assert request.window.earliest == at(0)
    assert with_room(took(history, request), made(502)) is None


def test_a_listed_workload_that_has_all_its_pods_asks_for_none() -> None:
    """A pod that comes now replaces another: no leg of three days."""
    history = told(None, replicaset(have=2, observed=1), arrived=at(259_200), live=False)
    assert with_room(history, made(259_300)) is None


def test_a_listed_workload_that_was_changed_says_nothing_of_when() -> None:
    """Its latest generation may be from any time."""
    history = told(None, replicaset(generation=3, observed=3, have=1), arrived=at(500), live=False)
    assert history.requests == ()


def test_a_workload_first_seen_as_it_is_scaled_up_is_asked_right_then() -> None:
    """As an old ReplicaSet that had no pods, and of which nothing was kept."""
    history = told(None, replicaset(generation=5, observed=4), arrived=at(500), live=True)
    request = with_room(history, made(500.1))
    assert request is not None
    assert (request.why, request.low, request.high) == (Why.SCALED, 0, 2)


def test_an_older_version_changes_nothing() -> None:
    """A listing's page may be older than the watch."""
    watched = grown()
    before = watched.known
    assert told(before, replicaset(), arrived=at(200), live=False) == before


def test_another_object_of_the_same_name_starts_anew() -> None:
    """The uid decides."""
    history = told(grown().known, replace(replicaset(300, version=200), uid="rs-2"), arrived=at(300), live=True)
    assert whys(history) == [Why.CREATED]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"template": "b"}, Why.REVISION),
        ({"template": "b", "wanted": 5}, Why.REVISION),
        ({"wanted": 5}, Why.SCALED),
        ({"paused": False}, Why.RESUMED),
        ({"wanted": 1}, None),
        ({"paused": True}, None),
        ({"observed": 9}, None),
    ],
)
def test_what_of_a_deployment_is_a_request(changes: dict[str, Any], why: Why | None) -> None:
    """A new template, more pods, or to go on; nothing else asks for pods."""
    paused = why is Why.RESUMED
    watched = Watched(workload("Deployment", "web", "d-1", wanted=2, template="a", paused=paused)).at(0.1)
    watched.at(50, generation=2, **changes)
    assert whys(watched.known)[1:] == ([] if why is None else [why])


def test_more_nodes_are_no_request_of_a_daemonset() -> None:
    """Nobody changed the DaemonSet."""
    watched = Watched(workload("DaemonSet", "agent", "ds-1", template="a")).at(0.1).at(1, observed=1, wanted=3)
    assert whys(watched.known) == [Why.CREATED]


def test_a_change_that_a_listing_shows_is_bounded_by_the_listing() -> None:
    """It was made before that; a stamp of a later write bounds it from above only."""
    watched = Watched(replicaset()).at(0.1)
    watched.at(60, live=False, generation=2, wanted=4, changed=at(40))
    window = watched.known.requests[-1].window
    assert (window.earliest, window.latest) == (None, at(41) - 1)


def test_a_write_without_a_stamp_of_its_own_is_not_dated_by_an_earlier_one() -> None:
    """``kubectl scale`` leaves no time in managedFields."""
    watched = Watched(replicaset(changed=at(0))).at(0.1).at(1, observed=1, have=2)
    watched.at(100, generation=2, wanted=4)
    window = watched.known.requests[-1].window
    assert (window.earliest, window.latest) == (None, at(100))


def test_an_event_is_evidence_for_the_request_that_it_tells_of() -> None:
    """Whichever comes first, the Event or the version; a ReplicaSet scaled from 0 was made just before it."""
    said = just_after(Source.EVENT_NAME, at(0.08), observed=at(0.09))
    history = scaled(Watched(replicaset()).at(0.1).known, 0, 2, said)
    (request,) = history.requests
    assert (request.why, request.window.latest) == (Why.CREATED, at(0.08))
    assert said in history.birth
    assert scaled(history, 0, 2, said) == history


def test_an_event_may_be_ahead_of_the_version_that_it_tells_of() -> None:
    """Both are one request, dated by the Event, and it is not met by the pods that were there before."""
    watched = Watched(replicaset()).at(0.1).at(1, observed=1, have=2)
    said = just_after(Source.EVENT_NAME, at(100), observed=at(100.01))
    watched.history = scaled(watched.known, 2, 4, said)
    watched.at(100.1, generation=2, wanted=4)
    assert [(each.why, each.version, each.met) for each in watched.known.requests[1:]] == [(Why.SCALED, 102, None)]
    assert watched.known.requests[-1].window.latest == at(100)


def test_an_event_that_is_listed_an_hour_later_explains_no_pod() -> None:
    """All the pods that it told of are there."""
    history = told(None, replicaset(generation=3, observed=3, have=2), arrived=at(3600), live=False)
    history = scaled(history, 0, 2, just_after(Source.EVENT_NAME, at(5), observed=at(3600.5)))
    assert with_room(history, made(3700)) is None


def test_a_job_s_creation_is_dated_by_the_cronjob_s_event() -> None:
    """Once, however often it is told."""
    said = just_after(Source.EVENT_NAME, at(0.05), observed=at(0.06))
    history = Watched(workload("Job", "tick-1", "j-1", wanted=1)).at(0.1).known
    known = launched(launched(history, said), said)
    assert known.requests[0].window.latest == at(0.05)
    assert known.birth.count(said) == 1


def database() -> Watched:
    """A StatefulSet of three, complete at 20 s, of a second template at 100 s."""
    watched = Watched(workload("StatefulSet", "db", "sts-1", wanted=3, template="a", ordered=True)).at(0.1)
    watched.at(1, observed=1, revision="db-1", current="db-1").at(20, have=3, updated=3)
    return watched.at(100, generation=2, template="b").at(100.1, observed=2, revision="db-2", updated=0)


@pytest.mark.parametrize(
    ("ordinal", "revision", "seconds", "why"),
    [
        (0, "db-1", 5, Why.CREATED),
        (2, "db-2", 101, Why.REVISION),
        (2, "db-1", 101, None),
        (3, "db-1", 5, None),
    ],
)
def test_the_request_of_an_ordinal(ordinal: int, revision: str, seconds: float, why: Why | None) -> None:
    """A pod of the old template is none that the new one asked for; the first request was met long ago."""
    found = of_ordinal(database().known, ordinal, revision, made(seconds))
    assert (found and found.why) == why


def test_a_scale_up_asks_for_the_ordinals_that_it_adds() -> None:
    """Also where they do not begin at 0."""
    watched = Watched(workload("StatefulSet", "db", "sts-1", wanted=2, first=5)).at(0.1)
    watched.at(1, observed=1, have=2, updated=2, revision="db-1").at(50, generation=2, wanted=4)
    assert of_ordinal(watched.known, 6, "db-1", made(51)) is None
    found = of_ordinal(watched.known, 8, "db-1", made(51))
    assert found is not None
    assert (found.low, found.high) == (2, 4)


def test_a_daemonset_s_pods_belong_to_its_latest_request() -> None:
    """Until it has been met."""
    watched = Watched(workload("DaemonSet", "agent", "ds-1", template="a")).at(0.1)
    watched.at(1, observed=1, wanted=2, have=2, updated=2).at(50, generation=2, template="b")
    found = of_node(watched.known, made(51))
    assert found is not None
    assert found.why is Why.REVISION
    watched.at(60, observed=2)
    assert of_node(watched.known, made(70)) is None


def test_what_a_controller_wrote_comes_from_the_latest_request_before_it() -> None:
    """By resourceVersion: no clock is asked."""
    watched = Watched(workload("Deployment", "web", "d-1", wanted=2, template="a")).at(0.1)
    watched.at(50, version=200, generation=2, template="b").at(60, version=300, generation=3, wanted=5)
    assert [(origin(watched.known, version) or watched.known.requests[0]).why for version in (150, 250, 350)] == [
        Why.CREATED, Why.REVISION, Why.SCALED,
    ]  # fmt: skip
    assert origin(watched.known, 100) is None


VERSIONS = st.lists(
    st.fixed_dictionaries(
        {
            "wanted": st.integers(0, 4), "have": st.integers(0, 4), "observed": st.integers(0, 6),
            "generation": st.integers(1, 6), "paused": st.booleans(), "template": st.sampled_from("ab"),
        }
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@given(VERSIONS, st.sampled_from(["ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job"]), st.data())
def test_whatever_is_seen_no_request_is_met_before_it_was_made_nor_leads_to_more_than_it_asked_for(
    versions: list[dict[str, Any]], kind: str, data: st.DataObject
) -> None:
    """Delivered live or listed, in order, with pods between the versions."""
    watched = Watched(workload(kind, "any", "uid", **versions[0]))
    for number, version in enumerate(versions):
        watched.at(number + 0.5, live=data.draw(st.booleans()), **version)
        for _ in range(data.draw(st.integers(0, 3))):
            found = with_room(watched.known, made(number + 0.7))
            if found is not None:
                watched.history = took(watched.known, found)
    requests = watched.known.requests
    assert all(each.taken <= max(each.high - each.low, each.taken if _counted(each) else 0) for each in requests)
    assert all(each.met is None or each.window.earliest is None or each.met >= each.window.earliest - SECOND
               for each in requests)  # fmt: skip
    assert all(one.version <= other.version for one, other in pairwise(requests))


def _counted(request: Request) -> bool:
    # What was there when it was first seen is counted, however few were asked for.
    return request.why is Why.CREATED
