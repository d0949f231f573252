"""Streams race each other: whatever comes first, late, twice or never, the record is the same or says what it lacks."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import WEB, Life, at, facts, in_second, ordinary, watched
from tests.tracking.worlds import RULES, World

from podtimeline.bounded import Kept
from podtimeline.model.instants import SECOND, Source, just_after
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Described, Observation, Partial, Selected, Witnessed
from podtimeline.model.pods import Owner
from podtimeline.model.state import State, dump
from podtimeline.ports import Metric
from podtimeline.tracking.records import Stage

OWNER = Owner("ReplicaSet", "web-abc", "rs-1")
TOLD = [each for each in ordinary().told if not isinstance(each, Selected)]


def state(world: World) -> State:
    """The whole record, packed or not."""
    return dump(world.timeline("uid-1"))


def born(world: World, uid: str, *, seconds: float, name: str = "db-0", until: float | None = None) -> None:
    """A pod of that name is created, and deleted again at ``until``."""
    pod = facts(uid=uid, name=name, created_second=at(seconds) // SECOND * SECOND)
    life = Life(uid).described(pod).saw(Milestone.CREATED, in_second(seconds, Source.FIELD), watched(seconds + 0.01))
    world.take(*life.told, seconds=seconds + 0.01)
    if until is not None:
        gone = Life(uid).saw(Milestone.DELETION_REQUESTED, watched(until)).saw(Milestone.OBJECT_REMOVED, watched(until))
        world.take(*gone.told, seconds=until)


def created_names(world: World, uid: str) -> list[int | None]:
    """What events by name have said of the pod's creation."""
    evidence = world.timeline(uid).evidence
    return [each.at for each in evidence[MilestoneKey(Milestone.CREATED)] if each.source is Source.EVENT_NAME]


@given(st.permutations(TOLD), st.lists(st.sampled_from(TOLD), max_size=8), st.lists(st.integers(1, 4), max_size=8))
def test_any_order_any_duplicates_and_any_grouping_give_the_same_record(
    order: list[Observation], again: list[Observation], cuts: list[int]
) -> None:
    """As long as it all comes before the start is over and told."""
    world, straight = World(), World()
    straight.take(*TOLD, seconds=6)
    pending = [*order, *again]
    for cut in cuts:
        world.take(*pending[:cut], seconds=6)
        pending = pending[cut:]
    world.take(*pending, seconds=6)
    assert state(world) == state(straight)
    assert {each.value for each in world.commit(90)} == {each.value for each in straight.commit(90)}


@given(st.sets(st.sampled_from(range(len(TOLD)))))
def test_whatever_is_lost_phases_are_never_negative_and_always_sum(lost: set[int]) -> None:
    """Missing observations make the record partial or missing, never wrong."""
    world = World()
    world.take(*[each for index, each in enumerate(TOLD) if index not in lost], seconds=6)
    for increment in world.commit(90):
        assert increment.value >= 0
    for seen in world.tracker.views(now=at(90)):
        assert all(each.duration >= 0 for each in seen.phases)
        assert sum(each.duration for each in seen.phases) == (seen.total or 0)


@given(st.permutations(TOLD), st.integers(0, len(TOLD)))
def test_late_observations_join_a_packed_record_like_an_open_one(order: list[Observation], cut: int) -> None:
    """The record may settle, be committed and packed between any two of them."""
    world, straight = World(), World()
    straight.take(*TOLD, seconds=6)
    world.take(*order[:cut], seconds=6)
    world.commit(99)
    world.take(*order[cut:], seconds=99)
    world.commit(250)
    assert state(world) == state(straight)


def test_events_before_the_pod_open_a_timeline_that_the_pod_joins() -> None:
    """Until then the decoder is told that the pod was not described."""
    world = World()
    events = [each for each in TOLD if not isinstance(each, Described)]
    world.take(*events, seconds=1)
    assert world.tracker.known("uid-1") is None
    assert list(world.tracker.views(now=at(2))) == []
    world.take(*[each for each in TOLD if isinstance(each, Described)], seconds=2)
    assert world.tracker.known("uid-1") is not None
    assert world.view().startup is not None


def test_a_uid_that_never_becomes_a_pod_is_dropped_and_counted() -> None:
    """Events outlive their pods by an hour; a relist of them must not stay in memory."""
    world = World()
    world.take(*Life("ghost").saw(Milestone.STARTED, watched(1), subject="web").told, seconds=1)
    world.commit(100.9)
    assert len(world.tracker) == 1
    world.commit(101)
    assert len(world.tracker) == 0
    assert world.tracker.numbers.orphans_dropped == 1
    assert world.store.records == {}


def test_orphans_are_bounded_and_the_oldest_goes_first() -> None:
    """A cluster can name more uids than anybody has memory for."""
    world = World(rules=replace(RULES, max_orphans=10))
    for number in range(15):
        world.take(*Life(f"ghost-{number}").saw(Milestone.READY, watched(number)).told, seconds=number)
    assert len(world.tracker) == 10
    assert world.losses.counts[Kept.UNKNOWN_PODS] == 5
    assert world.tracker.situation().tracked[Stage.ORPHAN] == 10


def test_an_event_by_name_that_comes_first_waits_for_its_pod() -> None:
    """SuccessfulCreate races the pod's own first delivery."""
    world = World()
    world.tracker.created_by_event("shop", "db-0", OWNER, at=at(10.004), observed=at(10.006))
    born(world, "one", seconds=10.003)
    assert created_names(world, "one") == [at(10.004)]
    assert world.tracker.situation().names_pending == 0


def test_a_name_that_returns_keeps_its_events_apart() -> None:
    """A StatefulSet replaces db-0: the new one's creation says nothing of the old one's, in any order."""
    world = World()
    born(world, "old", seconds=10, until=400)
    world.tracker.created_by_event("shop", "db-0", OWNER, at=at(402.5), observed=at(402.6))
    world.tracker.created_by_event("shop", "db-0", OWNER, at=at(10.004), observed=at(402.7))
    born(world, "new", seconds=402.4)
    assert created_names(world, "old") == []
    assert created_names(world, "new") == [at(402.5)]
    world.tracker.created_by_event("shop", "db-0", OWNER, at=at(402.45), observed=at(403))
    assert created_names(world, "new") == [at(402.45)]


def test_a_name_that_returns_within_a_second_is_not_given_to_the_pod_that_leaves() -> None:
    """The event for the replacement comes while the old object is still there."""
    world = World()
    born(world, "old", seconds=10, until=12)
    world.tracker.created_by_event("shop", "db-0", OWNER, at=at(12.2), observed=at(12.3))
    born(world, "new", seconds=12.1)
    assert created_names(world, "old") == []
    assert created_names(world, "new") == [at(12.2)]


def test_an_event_by_name_that_finds_no_pod_is_dropped_and_counted() -> None:
    """Said again by a relist it still counts once."""
    world = World()
    for _ in range(2):
        world.tracker.created_by_event("shop", "gone-0", OWNER, at=at(-3000), observed=at(1))
    world.commit(101)
    assert world.tracker.numbers.unclaimed == 1
    assert world.tracker.situation().names_pending == 0


def test_pods_absent_from_a_complete_listing_vanished_while_nobody_looked() -> None:
    """Removed not after the listing arrived, flagged, and no termination is made up for them."""
    world = World()
    born(world, "stays", seconds=1, name="a")
    born(world, "gone", seconds=1, name="b")
    world.take(*Life("ghost").saw(Milestone.READY, watched(1)).told, seconds=1)
    world.tracker.listed({"stays"}, version="7", arrived=at(50))
    counted = world.commit(55)
    assert world.tracker.numbers.vanished == 1
    seen = world.view("gone")
    removed = next(each for each in seen.milestones if each.mark.milestone is Milestone.OBJECT_REMOVED)
    assert removed.instant is not None
    assert removed.instant.latest == at(50)
    assert seen.partial == (Partial.GAP,)
    assert world.store.records["gone"].closed
    assert not world.store.records["stays"].closed
    assert Metric.TERMINATION not in {each.metric for each in counted}
    world.tracker.listed({"stays"}, version="8", arrived=at(60))
    assert world.tracker.numbers.vanished == 1


def test_late_words_join_a_pod_that_is_gone_until_its_tombstone_expires() -> None:
    """After that they are counted as late and open nothing."""
    world = World()
    world.take(*TOLD, seconds=6)
    world.take(*Life().saw(Milestone.OBJECT_REMOVED, watched(20)).told, seconds=20)
    world.commit(25)
    late = Witnessed(
        "uid-1", MilestoneKey(Milestone.STARTED, "web"), (just_after(Source.EVENT_TIME, at(3), observed=at(30)),)
    )
    world.take(late, seconds=30)
    world.commit(30)
    assert late.evidence[0] in dict(world.store.records["uid-1"].state.evidence)[late.mark]
    world.commit(60)
    assert len(world.tracker) == 0
    world.take(late, seconds=61)
    assert len(world.tracker) == 0
    assert world.tracker.numbers.late == 1


def test_tombstones_are_bounded() -> None:
    """A Job that makes a thousand pods a minute does not fill the memory with those that are gone."""
    world = World(rules=replace(RULES, max_tombstones=3))
    for number in range(8):
        born(world, f"uid-{number}", seconds=number, name=f"n-{number}", until=number + 0.5)
    world.commit(20)
    world.commit(21)
    born(world, "uid-8", seconds=21, name="n-8", until=21.5)
    world.commit(30)
    assert world.tracker.situation().tracked[Stage.CLOSED] <= 3


def test_a_pod_that_rests_keeps_its_decoder_and_its_slices_quiet() -> None:
    """It says what was said, and the same addresses again do not unpack it."""
    world = World()
    life = Life().described(facts(WEB)).saw(Milestone.CREATED, watched(0.1))
    ready = Witnessed("uid-1", MilestoneKey(Milestone.READY), (watched(2),), from_status=True)
    address = Life().saw(Milestone.ENDPOINT_READY, watched(2.1), subject="shop/web/web-x1").told[0]
    world.take(*life.told, ready, address, seconds=2)
    world.commit(10)
    known = world.tracker.known("uid-1")
    assert known is not None
    assert MilestoneKey(Milestone.READY) in known
    before = world.codec.unpacked
    world.take(address, address, seconds=11)
    assert world.codec.unpacked == before
    assert world.drain(12).snapshots == ()


def test_the_store_is_as_fresh_as_the_tracker_for_a_pod_that_rests() -> None:
    """Only what changes is worth looking at here rather than there."""
    world = World()
    world.take(*TOLD, seconds=6)
    assert world.tracker.snapshot("uid-1") is not None
    world.commit(11)
    assert world.tracker.snapshot("uid-1") is None
    assert world.tracker.snapshot("uid-2") is None


def test_pods_of_one_shape_share_what_is_known_of_them() -> None:
    """A thousand replicas differ in nothing that their decoders need to know."""
    world = World()
    world.owners.selecting = ()
    for number in range(2):
        uid = f"uid-{number}"
        life = Life(uid).described(facts(uid=uid, name=uid)).saw(Milestone.READY, watched(2))
        world.take(*[each._replace(from_status=True) if isinstance(each, Witnessed) else each for each in life.told],
                   seconds=2)  # fmt: skip
    world.commit(10)
    assert world.tracker.known("uid-0") is world.tracker.known("uid-1")
