"""What is said of a pod before it is known is joined once it is, if it was said of that pod."""

from tests.support.lives import Life, at, facts, named, ordinary, watched
from tests.support.surveys import phases
from tests.tracking.worlds import World

from podtimeline.bounded import Kept, Losses
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Cause, DeletionCause, Noted, Observation
from podtimeline.model.pods import Owner
from podtimeline.ports import Mismatch, PodReference, Stream
from podtimeline.tracking.orphans import Orphans
from podtimeline.tracking.pending_creates import MAX_SAID, PendingCreates, Said
from podtimeline.tracking.records import Numbers, Rules, Stage, Tracked
from podtimeline.tracking.timers import Timers

M = Milestone
MISMATCHED = Life().saw(M.KILLING, named(1), subject="web").told
TRUE = [
    *Life().saw(M.STARTED, named(3.1), subject="web").told,
    DeletionCause("uid-1", Cause.PREEMPTION, "by a bigger one"),
]


def said(world: World, told: list[Observation], *, namespace: str = "shop", name: str = "web-1") -> None:
    """An Event says it."""
    world.refer(*told, seconds=4, namespace=namespace, name=name)


def test_what_was_said_by_the_pods_own_reference_is_joined_and_the_rest_counted() -> None:
    """In whatever order it came; who is to blame for its deletion too."""
    world = World()
    said(world, MISMATCHED, namespace="evil")
    said(world, TRUE)
    said(world, MISMATCHED, name="web-2")
    said(world, MISMATCHED, name="web-2")
    assert len(world.tracker) == 3
    world.take(*Life().described(facts()).told, seconds=5)
    timeline = world.timeline("uid-1")
    assert (timeline.has(M.STARTED, "web"), timeline.has(M.KILLING, "web")) == (True, False)
    assert timeline.deletion_cause == TRUE[-1]
    assert world.tracker.numbers.mismatched == {
        (Stream.EVENTS, Mismatch.NAMESPACE): 1,
        (Stream.EVENTS, Mismatch.NAME): 2,
    }
    assert (len(world.tracker), world.tracker.situation().tracked[Stage.ORPHAN]) == (1, 0)


def test_a_flood_of_references_takes_no_room_of_another_namespace() -> None:
    """Orphans have a budget of bytes together; the namespace that has most loses its oldest."""
    rules = Rules(max_orphan_bytes=64 << 10)
    losses = Losses()
    orphans = Orphans(rules, losses, Timers(), Numbers())
    mine = PodReference("uid-1", "shop", "web-1")
    orphans.keep(mine, TRUE, stream=Stream.EVENTS, arrived=at(0))
    for number in range(500):
        flood = [Noted(f"evil-{number}", "Failed", "", "x" * 2000, at(number))]
        orphans.keep(PodReference(f"evil-{number}", "evil", "p"), flood, stream=Stream.EVENTS, arrived=at(number))
    assert (len(orphans) < 40, losses.counts[Kept.UNKNOWN_PODS] + len(orphans)) == (True, 501)
    assert [each.timeline.deletion_cause for each in orphans.claim(mine)] == [TRUE[-1]]


def test_events_by_name_are_bounded_for_each_name_and_fair_among_namespaces() -> None:
    """An Event of another namespace than the flood's still finds its pod; the rest is counted."""
    losses, numbers, owner = Losses(), Numbers(), Owner("ReplicaSet", "web-abc", "rs-1")
    names = PendingCreates(Rules(max_names=50), losses, Timers(), numbers)
    names.keep(("shop", "web-1"), Said(owner, at(0), at(0)))
    for number in range(100):
        names.keep(("evil", "one"), Said(owner, at(number), at(number)))
    assert (len(names), losses.counts[Kept.POD_NAMES]) == (1 + MAX_SAID, 100 - MAX_SAID)
    for number in range(100):
        names.keep(("evil", f"p-{number}"), Said(owner, at(number), at(number)))
    assert (len(names), names.oldest(0), numbers.unclaimed) == (50, at(0), 0)
    assert losses.counts[Kept.POD_NAMES] == 201 - 50
    record = Tracked("uid-1", None, created_second=at(0))
    assert names.appeared(record, ("shop", "web-1")) == [Said(owner, at(0), at(0))]


def test_a_known_pod_is_told_only_what_is_said_by_its_own_reference() -> None:
    """The counter says of which stream the rest was."""
    world = World()
    world.take(*ordinary().told, seconds=6)
    said(world, MISMATCHED, namespace="evil")
    pod = PodReference("uid-1", "evil", "web-1")
    address = Life().saw(M.ENDPOINT_READY, watched(7), subject="evil/web/web-x1").told
    world.tracker.refer(pod, address, stream=Stream.ENDPOINTSLICES, arrived=at(7))
    timeline = world.timeline("uid-1")
    assert not timeline.has(M.KILLING, "web")
    assert not timeline.has(M.ENDPOINT_READY, "evil/web/web-x1")
    assert world.tracker.numbers.mismatched == {
        (Stream.EVENTS, Mismatch.NAMESPACE): 1,
        (Stream.ENDPOINTSLICES, Mismatch.NAMESPACE): 1,
    }


def test_a_reference_without_a_name_is_that_of_its_namespace() -> None:
    """A preemption in v1.37 names the preemptor by its uid alone."""
    for first in (True, False):
        world = World()
        acts = [lambda w: said(w, TRUE, name=""), lambda w: w.take(*Life().described(facts()).told, seconds=5)]
        for act in acts if first else reversed(acts):
            act(world)
        said(world, MISMATCHED, namespace="evil", name="")
        assert world.timeline("uid-1").has(M.STARTED, "web")
        assert not world.timeline("uid-1").has(M.KILLING, "web")


def test_a_pod_that_calls_itself_the_mirror_of_another_gets_nothing_of_it() -> None:
    """Whoever creates a pod can write the annotation, and any uid into it; the real one loses nothing."""
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        world = World()
        real, claimed = facts(), facts(uid="uid-2", mirror="uid-1", namespace="evil")
        acts = (
            lambda w: said(w, TRUE),
            lambda w, pod=claimed: w.take(*Life("uid-2").described(pod).told, seconds=5),
            lambda w, pod=real: w.take(*Life().described(pod).told, seconds=5),
        )
        for index in order:
            acts[index](world)
        assert world.timeline("uid-1").has(M.STARTED, "web"), order
        assert not world.timeline("uid-2").has(M.STARTED, "web"), order


def test_two_mirrors_of_one_uid_are_told_apart_by_name_and_namespace() -> None:
    """The static pod's kubelet names both, whoever came last."""
    world = World()
    world.take(*Life().described(facts(mirror="static")).told, seconds=5)
    world.take(*Life("uid-2").described(facts(uid="uid-2", mirror="static", namespace="evil")).told, seconds=5)
    world.refer(*Life("static").saw(M.STARTED, named(3), subject="web").told, seconds=6)
    assert world.timeline("uid-1").has(M.STARTED, "web")
    assert not world.timeline("uid-2").has(M.STARTED, "web")


def test_only_its_controller_has_created_a_pod() -> None:
    """By name alone anybody could have: before the pod is known, or after."""
    world = World()
    life = Life().described(facts()).saw(M.CREATED, watched(0.05))
    other = Owner("ReplicaSet", "web-abc", "rs-9")
    world.tracker.created_by_event("shop", "web-1", other, at=at(0.01), observed=at(0.02))
    world.take(*life.told, seconds=0.05)
    world.tracker.created_by_event("shop", "web-1", other, at=at(0.02), observed=at(0.06))
    world.tracker.created_by_event("shop", "web-1", Owner("ReplicaSet", "web-abc", "rs-1"), at=at(0.03), observed=at(1))
    evidence = world.timeline("uid-1").evidence[MilestoneKey(M.CREATED)]
    assert {each.at for each in evidence} == {at(0.03), at(0.05)}
    assert world.tracker.numbers.mismatched == {(Stream.EVENTS, Mismatch.OWNER): 2}


def test_a_listing_of_one_namespace_says_nothing_of_another() -> None:
    """A namespace that cannot be read has nothing to say of its own pods either."""
    world = World()
    world.take(*Life("a").described(facts(uid="a", name="a")).told, seconds=1)
    world.take(*Life("b").described(facts(uid="b", name="b", namespace="till")).told, seconds=1)
    world.tracker.listed(set(), version="7", arrived=at(50), namespace="shop")
    assert world.timeline("a").has(M.OBJECT_REMOVED)
    assert not world.timeline("b").has(M.OBJECT_REMOVED)
    world.tracker.listed(set(), version="8", arrived=at(60))
    assert world.timeline("b").has(M.OBJECT_REMOVED)


def test_the_pods_of_a_namespace_that_cannot_be_read_are_in_no_phase_now() -> None:
    """Nobody knows what became of them: the longest of a phase would grow for ever."""
    world = World()
    world.take(*Life("a").described(facts(uid="a", name="a")).saw(M.CREATED, watched(1)).told, seconds=1)
    lost = facts(uid="b", name="b", namespace="till")
    world.take(*Life("b").described(lost).saw(M.CREATED, watched(1)).told, seconds=1)
    assert sum(phases(world.tracker, now=at(50)).in_phase.values()) == 2
    assert sum(phases(world.tracker, now=at(50), unread=frozenset({"till"})).in_phase.values()) == 1
