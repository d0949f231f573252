"""A process that dies at any moment loses no pod and counts none twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import Life, at, facts, in_second, ordinary, watched
from tests.tracking.worlds import World

from podtimeline.model.instants import Source
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Selected
from podtimeline.model.pods import Owner
from podtimeline.ports import Metric, Stream
from podtimeline.tracking.dirty_set import StreamVersions

OWNER = Owner("ReplicaSet", "web-abc", "rs-1")
TOLD = [each for each in ordinary().told if not isinstance(each, Selected)]
MOMENTS = st.sampled_from(["before drain", "before commit", "before committed", "after"])


@given(st.lists(st.tuples(st.integers(0, len(TOLD)), MOMENTS), max_size=5))
def test_killed_at_any_moment_each_pod_is_counted_exactly_once(kills: list[tuple[int, str]]) -> None:
    """The streams are read again from what was committed; the store has the last word on what counts."""
    world = World()
    clock = 6.0
    for upto, moment in kills:
        world.take(*TOLD[:upto], seconds=clock)
        clock += 70
        world.tick(clock)
        if moment != "before drain":
            result = world.evaluated(clock)
            if moment != "before commit":
                world.store.commit(result.checkpoint)
            if moment == "after":
                world.tracker.committed(result)
        world.killed(clock)
    world.take(*TOLD, seconds=clock)
    world.commit(clock + 100)
    world.commit(clock + 200)
    assert world.store.count(Metric.STARTUP) == 1
    assert world.store.count(Metric.ENDPOINT) <= 1
    assert world.store.records["uid-1"].settled


def test_what_was_told_before_a_restart_is_not_told_again() -> None:
    """One line a pod in its life."""
    world = World()
    world.take(*TOLD, seconds=6)
    world.commit(11)
    world.killed(12)
    world.take(*TOLD, seconds=13)
    world.commit(100)
    assert len(world.told) == 1


def test_a_commit_that_fails_loses_nothing() -> None:
    """Everything is owed again, together with what has come meanwhile."""
    world = World()
    world.take(*TOLD[:6], seconds=1)
    first = world.drain(2)
    world.take(*TOLD[6:], seconds=6)
    assert world.tracker.situation().owed == 2
    world.tracker.failed(first)
    world.commit(11)
    assert world.store.count(Metric.STARTUP) == 1
    assert len(world.told) == 1


def test_a_pod_that_settles_while_its_commit_is_under_way_is_told_with_the_next() -> None:
    """The batch that is out says that the start is not over."""
    world = World()
    world.take(*TOLD, seconds=6)
    result = world.evaluated(7)
    world.tick(11)
    world.store.commit(result.checkpoint)
    world.tracker.committed(result)
    assert not world.store.records["uid-1"].settled
    world.commit(12)
    assert world.store.records["uid-1"].settled
    assert len(world.told) == 1


def test_a_pod_that_is_gone_is_kept_until_that_is_committed() -> None:
    """Its tombstone may expire while the store refuses to write."""
    world = World()
    world.take(*TOLD, *Life().saw(Milestone.OBJECT_REMOVED, watched(6)).told, seconds=6)
    world.tick(11)
    batch = world.drain(11)
    world.tick(500)
    world.tracker.failed(batch)
    world.tick(501)
    world.commit(502)
    assert world.store.records["uid-1"].closed
    assert world.store.count(Metric.STARTUP) == 1
    world.commit(600)
    assert len(world.tracker) == 0


def test_open_pods_survive_a_restart_and_resting_ones_stay_packed() -> None:
    """The open one goes on where it was; deletions while we were away are found by the next listing."""
    world = World()
    world.owners.selecting = ()
    world.take(*TOLD, seconds=6)
    half = Life("half").described(facts(uid="half", name="half"))
    half.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    world.take(*half.told, seconds=6)
    world.commit(11)
    world.killed(20)
    resting = world.tracker._records["uid-1"]
    assert (resting.timeline, resting.blob) == (None, world.store.records["uid-1"].packed)
    assert resting.blob
    world.take(*Life("half").saw(Milestone.READY, watched(30)).told, seconds=30)
    world.tracker.listed({"half"}, version="9", arrived=at(31))
    counted = world.commit(36)
    assert {each.trace_id for each in counted if each.metric is Metric.STARTUP} == {"half"}
    assert world.store.records["uid-1"].closed


def test_versions_are_those_of_the_moment_of_the_drain() -> None:
    """What comes during the commit is read again if the process dies."""
    world = World()
    world.tracker.versions.reached(Stream.PODS, "10")
    result = world.evaluated(1)
    world.tracker.versions.reached(Stream.PODS, "11")
    world.store.commit(result.checkpoint)
    world.tracker.committed(result)
    world.killed(2)
    assert world.tracker.versions.version(Stream.PODS) == "10"


@pytest.mark.parametrize("stream", [Stream.EVENTS, Stream.ENDPOINTSLICES])
def test_events_that_wait_for_their_pod_are_read_again_after_a_restart(stream: Stream) -> None:
    """They are in no checkpoint, so their stream is not committed beyond them, for a while."""
    world = World()
    versions = world.tracker.versions
    versions.reached(Stream.PODS, "10")
    versions.reached(stream, "20")
    world.commit(1)
    world.take(*Life("early").saw(Milestone.STARTED, watched(2), subject="web").told, seconds=2)
    versions.reached(stream, "21")
    versions.reached(Stream.PODS, "11")
    world.commit(3)
    assert world.store.versions == {Stream.PODS: "11", stream: "20"}
    world.tracker.created_by_event("shop", "db-0", OWNER, at=at(20), observed=at(20))
    world.commit(33)
    assert world.store.versions[stream] == "21"
    world.take(*Life("early").described(facts(uid="early", name="early")).told, seconds=34)
    world.commit(60)
    assert world.store.versions == {Stream.PODS: "11", stream: "21"}


def test_versions_alone_are_committed_only_when_they_moved() -> None:
    """An idle cluster costs no writes."""
    world = World()
    versions: StreamVersions = world.tracker.versions
    versions.reached(Stream.PODS, "10")
    batch = world.drain(1)
    assert not versions.is_committed(batch.versions)
    world.commit(2)
    assert versions.is_committed(world.drain(3).versions)
