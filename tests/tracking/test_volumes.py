"""Pods learn of their claims and attachments, whichever of the streams is faster, and after they are gone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import EPOCH, Life, at, facts, in_second, watched
from tests.tracking.worlds import World

from podtimeline.bounded import Kept
from podtimeline.model.instants import SECOND, Instant, Source, happened, just_after
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.observations import Limit
from podtimeline.model.pods import PodFacts, VolumeSpec
from podtimeline.model.storage import AttachmentNews, ClaimNews, Fact, StorageNews, UsageNews, Words
from podtimeline.model.texts import MAX_TEXT
from podtimeline.tracking import volumes
from podtimeline.tracking.enrichers import Enricher
from podtimeline.tracking.storage import MAX_WORDS_TEXT, Told
from podtimeline.tracking.volumes import Volumes

DATA = VolumeSpec("data", "persistentVolumeClaim", "data-web-0")
PV = "pvc-1"
Act = Callable[[World], None]


def pod(uid: str = "uid-1", *, created: int = 0) -> PodFacts:
    """A pod with one claim, created in that second."""
    return facts(uid=uid, name=uid, volumes=(DATA,), created_second=EPOCH + created * SECOND)


def life(uid: str = "uid-1", *, created: int = 0) -> Life:
    """The pod is described and bound to ``node-1``."""
    told = Life(uid).described(pod(uid, created=created))
    told.saw(Milestone.CREATED, in_second(created, Source.FIELD), watched(created + 0.05))
    return told.saw(Milestone.SCHEDULED, watched(created + 4), detail="node-1")


def claim_bound(seconds: float | None = 3, *, uid: str = "c-1") -> ClaimNews:
    """The claim is bound; ``None`` where it was so before anybody looked."""
    fact = happened(at(0)) if seconds is None else watched(seconds)
    bound = at(-1000) if seconds is None else at(seconds)
    return ClaimNews("shop", "data-web-0", uid, PV, bound, (Fact(Milestone.CLAIM_BOUND, (fact,)),), seen=True)


def said(reason: str, seconds: float, *, first: float | None = None, count: int = 1) -> ClaimNews:
    """An Event of the claim, said ``count`` times since ``first``."""
    words = Words(reason, reason, at(seconds), count, at(seconds if first is None else first))
    return ClaimNews("shop", "data-web-0", "c-1", words=(words,))


def attaching(milestone: Milestone, seconds: float, *, uid: str = "va-1", node: str = "node-1") -> AttachmentNews:
    """The volume's attachment comes one step further."""
    gone = milestone is Milestone.DETACHED
    leaving = at(seconds - 1) // SECOND * SECOND if gone else None
    return AttachmentNews(uid, f"csi-{node}", PV, node, leaving, (Fact(milestone, (watched(seconds),)),), gone=gone)


def using(milestone: Milestone, seconds: float, *, uid: str = "use-1", node: str = "node-1") -> UsageNews:
    """The kubelet reports that it needs the volume, or that it does no longer."""
    leaving = at(seconds) if milestone is Milestone.UNUSED else None
    return UsageNews(uid, f"csi-{node}", leaving, (Fact(milestone, (watched(seconds),)),))


def take(told: Life, seconds: float) -> Act:
    """The observations of a pod arrive."""
    return lambda world: world.take(*told.told, seconds=seconds, name=told.uid)


def tell(news: StorageNews, seconds: float) -> Act:
    """News arrive."""
    return lambda world: world.tracker.storage(news, arrived=at(seconds))


def volumes_of(world: World) -> tuple[Enricher, ...]:
    """The companion that knows volumes."""
    return (Volumes(world.losses, world.timers),)


def world_of(*acts: Act) -> World:
    """A world in which this happened."""
    world = World(enrichers=volumes_of)
    for act in acts:
        act(world)
    return world


def reached(world: World, milestone: Milestone, *, uid: str = "uid-1") -> Instant | None:
    """When the pod's volume came to a milestone."""
    return world.view(uid).instant(milestone, "data")


EVERYTHING: tuple[Act, ...] = (
    take(life(), 4),
    take(Life().saw(Milestone.KUBELET_ADMITTED, watched(4.1)), 4.1),
    tell(ClaimNews("shop", "data-web-0", "c-1", seen=True), 0.01),
    tell(said("WaitForFirstConsumer", -1), 0.1),
    tell(said("WaitForFirstConsumer", 0.5, first=-1, count=2), 0.5),
    tell(said("WaitForFirstConsumer", 1), 1),
    tell(claim_bound(), 3),
    tell(attaching(Milestone.ATTACH_STARTED, 4.2), 4.2),
    tell(attaching(Milestone.ATTACHED, 6), 6),
    take(Life().saw(Milestone.ATTACHED, just_after(Source.EVENT_NAME, at(5.9), observed=at(6)), subject=PV), 6),
    tell(using(Milestone.IN_USE, 7), 7),
    take(Life().saw(Milestone.IP_ASSIGNED, watched(8)), 8),
)


@given(st.permutations(EVERYTHING), st.lists(st.sampled_from(EVERYTHING)))
def test_streams_may_race_each_other_and_repeat_themselves(mixed: list[Act], again: list[Act]) -> None:
    """Claims, attachments, events and versions of the pod: any order gives the same timeline."""
    assert world_of(*mixed, *again).view("uid-1") == world_of(*EVERYTHING).view("uid-1")


def test_a_pod_knows_its_claim_s_way_and_its_volume_s() -> None:
    """Milestones under the volume's name, the claim's words among its notes, phases in between."""
    seen = world_of(*EVERYTHING).view("uid-1")
    steps = (Milestone.CLAIM_BOUND, Milestone.ATTACHED, Milestone.IN_USE)
    instants = [instant for each in steps if (instant := seen.instant(each, "data")) is not None]
    assert [each.at for each in instants] == [at(3), at(5.9), at(7)]
    assert [(each.reason, each.subject, each.first, each.count) for each in seen.notes] == [
        ("WaitForFirstConsumer", "data", at(-1), 3)
    ]
    assert (Phase.VOLUME_ATTACH, "data") in [(each.phase, each.subject) for each in seen.phases]


def test_a_claim_that_was_bound_long_ago_is_known_and_says_nothing() -> None:
    """What was said of it then is no reason why this pod takes long; what is said now may be."""
    world = world_of(tell(said("ProvisioningFailed", -2000), 0), tell(claim_bound(None), 0), take(life(), 4))
    tell(said("VolumeResizeFailed", 5), 5)(world)
    seen = world.view("uid-1")
    assert [mark.mark.milestone for mark in seen.milestones if mark.mark.subject == "data"] == [Milestone.CLAIM_BOUND]
    assert seen.instant(Milestone.CLAIM_BOUND, "data") is None
    assert [each.reason for each in seen.notes] == ["VolumeResizeFailed"]
    assert not [phase for phase in seen.by_phase() if phase.value.startswith("volume")]


def test_words_of_a_claim_wait_until_it_is_known_whether_they_matter() -> None:
    """After a start Events can be listed before claims: what was said of an old claim says nothing of a new pod."""
    old, new = said("ProvisioningFailed", -2000), said("ProvisioningFailed", 2)
    bound = world_of(take(life(), 4), tell(old, 5), tell(new, 5), tell(claim_bound(None), 6)).view("uid-1")
    assert [(each.first, each.count) for each in bound.notes] == [(at(2), 1)]
    unbound = ClaimNews("shop", "data-web-0", "c-1", seen=True)
    waiting = world_of(take(life(), 4), tell(old, 5), tell(new, 5), tell(unbound, 6)).view("uid-1")
    assert [(each.first, each.count) for each in waiting.notes] == [(at(-2000), 2)]


def test_other_nodes_attachments_are_none_of_a_pod_s_business() -> None:
    """A volume can be attached to several nodes, or still to the one that it leaves."""
    world = world_of(take(life(), 4), tell(claim_bound(), 3), tell(attaching(Milestone.ATTACHED, 1, node="node-2"), 5))
    assert reached(world, Milestone.ATTACHED) is None


def gone(uid: str = "uid-1", *, seconds: float = 20) -> Life:
    """The pod is deleted and its object removed."""
    told = Life(uid).saw(Milestone.DELETION_REQUESTED, watched(seconds - 2))
    told.saw(Milestone.FINISHED, watched(seconds - 1), subject="web")
    return told.saw(Milestone.OBJECT_REMOVED, watched(seconds))


def test_the_detachment_finds_its_pod_among_the_tombs() -> None:
    """The kubelet reports the volume as unused up to ten seconds after the object is gone, and the claim goes too."""
    world = world_of(*EVERYTHING, take(gone(), 20))
    world.commit(26)
    tell(replace(claim_bound(), facts=(), gone=True), 26.5)(world)
    tell(using(Milestone.UNUSED, 28), 28)(world)
    tell(attaching(Milestone.DETACHED, 29), 29)(world)
    world.commit(30)
    assert world.store.records["uid-1"].closed
    unused = reached(world, Milestone.UNUSED)
    assert unused is not None
    assert unused.at == at(28)
    (stretch,) = [each for each in world.view("uid-1").parallel if each.phase is Phase.VOLUME_DETACH]
    assert (stretch.subject, stretch.duration) == ("data", at(29) - at(19))


def test_a_volume_left_to_another_pod_of_the_node_is_not_detached_from_the_first() -> None:
    """It stays attached for the second one, for days perhaps: that is not the first one's way back."""
    world = world_of(*EVERYTHING, take(life("uid-2", created=10), 14), take(gone(), 20))
    world.commit(30)
    take(gone("uid-2", seconds=40), 40)(world)
    world.commit(46)
    tell(attaching(Milestone.DETACHED, 47), 47)(world)
    assert reached(world, Milestone.DETACHED) is None
    detached = reached(world, Milestone.DETACHED, uid="uid-2")
    assert detached is not None
    assert detached.at == at(47)


def test_a_volume_that_a_later_pod_of_the_node_finds_attached_is_that_one_s() -> None:
    """A StatefulSet's next pod of the same name comes to the same node before anything is detached."""
    world = world_of(*EVERYTHING, take(gone(), 20), take(life("uid-2", created=21), 25))
    assert reached(world, Milestone.ATTACHED, uid="uid-2") is not None
    world.commit(30)
    take(gone("uid-2", seconds=50), 50)(world)
    tell(attaching(Milestone.DETACHED, 60), 60)(world)
    assert reached(world, Milestone.DETACHED) is None


def test_a_pod_that_comes_after_the_end_was_asked_for_has_an_attachment_of_its_own() -> None:
    """The name of the object returns, its uid does not."""
    world = world_of(*EVERYTHING, take(gone(), 20), tell(using(Milestone.UNUSED, 22), 22))
    tell(attaching(Milestone.DETACHED, 23), 23)(world)
    take(life("uid-2", created=24), 28)(world)
    assert reached(world, Milestone.ATTACHED, uid="uid-2") is None
    tell(using(Milestone.IN_USE, 30, uid="use-2"), 30)(world)
    tell(attaching(Milestone.ATTACHED, 31, uid="va-2"), 31)(world)
    again = reached(world, Milestone.ATTACHED, uid="uid-2")
    assert again is not None
    assert again.at == at(31)
    used = reached(world, Milestone.IN_USE, uid="uid-2")
    assert used is not None
    assert used.at == at(30)
    assert reached(world, Milestone.DETACHED, uid="uid-2") is None


@pytest.mark.parametrize("missed", ["", "its deletion"])
def test_a_claim_that_is_made_again_is_another_one(missed: str) -> None:
    """A pod that is not bound yet does not keep its claim from being deleted; late words of the first are not heard."""
    waiting = Life().described(pod()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    unbound = ClaimNews("shop", "data-web-0", "c-1", seen=True)
    world = world_of(take(waiting, 1), tell(unbound, 1), tell(said("FailedBinding", 1), 1))
    if not missed:
        tell(replace(claim_bound(2), facts=(), volume="", bound=None, gone=True), 2)(world)
    tell(claim_bound(5, uid="c-2"), 5)(world)
    tell(said("ProvisioningFailed", 6), 6)(world)
    bound = reached(world, Milestone.CLAIM_BOUND)
    assert bound is not None
    assert bound.at == at(5)
    assert [each.reason for each in world.view("uid-1").notes] == ["FailedBinding"]


def settled(uid: str) -> Life:
    """A pod whose start is over."""
    told = life(uid).saw(Milestone.READY, watched(5))
    return told.selected()


def test_after_a_restart_what_is_listed_is_told_again_and_what_rests_is_left_alone() -> None:
    """A pod that starts still learns of its volume; one whose start is over is not unpacked for old news."""
    world = world_of(take(life(), 4), take(settled("uid-2"), 6))
    world.commit(200)
    world.killed(210)
    unpacked = world.codec.unpacked
    tell(claim_bound(None), 211)(world)
    tell(attaching(Milestone.ATTACHED, 212), 212)(world)
    assert reached(world, Milestone.ATTACHED) is not None
    assert world.codec.unpacked == unpacked


def rumour(number: int, *, namespace: str = "shop") -> ClaimNews:
    """An Event of a claim that nobody has seen."""
    return replace(said("ProvisioningFailed", 1), namespace=namespace, name=f"c-{number}", uid=f"c-{number}")


def test_claims_that_only_events_have_named_take_no_room_of_another_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they say is kept for ten minutes, and told once the claim is seen."""
    monkeypatch.setattr(volumes, "MAX_RUMOURS", 10)
    world = World(enrichers=volumes_of)
    tell(said("ProvisioningFailed", 1), 1)(world)
    for number in range(100):
        tell(rumour(number, namespace="evil"), 1)(world)
    assert world.losses.counts[Kept.CLAIM_EVENTS] == 101 - 10
    tell(ClaimNews("shop", "data-web-0", "c-1", seen=True), 2)(world)
    take(life(), 4)(world)
    assert [each.reason for each in world.view("uid-1").notes] == ["ProvisioningFailed"]


def test_a_claim_that_was_seen_is_no_rumour_any_more() -> None:
    """Whatever Events name after it, pods that come later find it; it was named by an Event first."""
    world = world_of(tell(said("WaitForFirstConsumer", 1), 1), tell(claim_bound(2), 2))
    for number in range(1_100):
        tell(rumour(number), 3)(world)
    world.tick(700)
    take(life(created=701), 705)(world)
    assert reached(world, Milestone.CLAIM_BOUND) is not None


def test_a_claim_that_nobody_ever_saw_is_forgotten_with_the_pods_that_named_it() -> None:
    """Pods can be created that name claims which there are none of, and Events about those."""
    world = World(enrichers=lambda world: (Volumes(world.losses, world.timers, kept=60 * SECOND),))
    (kept,) = world.enrichers
    assert isinstance(kept, Volumes)
    for act in (take(life(), 4), tell(said("FailedBinding", 5), 5), take(gone(), 20)):
        act(world)
    for seconds in (30, 100):
        world.commit(seconds)
    assert len(kept) == 1
    world.commit(170)
    assert len(kept) == 0


def test_a_pod_says_where_more_was_said_of_its_claim_than_is_kept() -> None:
    """One that heard all of it as it came has notes of its own; one that comes later has the latest of the claim's."""
    world = World(enrichers=volumes_of)
    tell(ClaimNews("shop", "data-web-0", "c-1", seen=True), 1)(world)
    take(life(), 1)(world)
    for number in range(70):
        words = Words(f"Failed{number}", "x" * 100, at(number), 1, at(number))
        tell(ClaimNews("shop", "data-web-0", "c-1", words=(words,)), number)(world)
    take(life("uid-2", created=71), 75)(world)
    assert world.losses.counts[Kept.CLAIM_MESSAGES] == 70 - 64
    assert (len(world.view("uid-1").notes), world.view("uid-1").limits) == (70, ())
    assert (len(world.view("uid-2").notes), world.view("uid-2").limits) == (64, (Limit.NOTES,))


def test_long_words_of_a_claim_share_a_budget_of_characters() -> None:
    """So the claims that nobody has seen cannot fill the memory with a thousand messages each."""
    told = Told()
    for number in range(70):
        told.join((), (Words(f"Failed{number}", "x" * MAX_TEXT, at(number), 1, at(number)),))
    assert sum(len(each.text) for each in told.words.values()) == MAX_WORDS_TEXT
    assert (told.surplus + len(told.words), max(told.words)) == (70, ("Failed69", at(69)))


def test_what_is_over_takes_no_room_of_another_namespace_or_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods that are gone wait for their volumes to be detached, attachments that are over for pods seen late."""
    monkeypatch.setattr(volumes, "MAX_PARTED", 3)
    monkeypatch.setattr(volumes, "MAX_ENDED", 3)
    world = World(enrichers=volumes_of)
    for act in (*EVERYTHING, take(gone(), 20)):
        act(world)
    for number in range(10):
        evil = facts(uid=f"evil-{number}", name=f"evil-{number}", namespace="evil", volumes=(DATA,))
        world.take(*Life(evil.uid).described(evil).told, seconds=20)
        world.take(*gone(evil.uid).told, seconds=20)
        tell(using(Milestone.UNUSED, 20, uid=f"evil-{number}", node="evil"), 20)(world)
    world.commit(26)
    tell(using(Milestone.UNUSED, 28), 28)(world)
    tell(attaching(Milestone.DETACHED, 29), 29)(world)
    assert reached(world, Milestone.DETACHED) is not None
    assert (world.losses.counts[Kept.CLAIM_USERS], world.losses.counts[Kept.DETACHED_VOLUMES]) == (11 - 3, 12 - 3)


def test_memory_is_bounded_by_what_there_is() -> None:
    """Pods that are gone, attachments that ended and claims of which only events told are forgotten."""
    world = World(enrichers=lambda world: (Volumes(world.losses, world.timers, kept=60 * SECOND),))
    (kept,) = world.enrichers
    assert isinstance(kept, Volumes)
    for act in (*EVERYTHING, take(gone(), 20), tell(replace(claim_bound(), facts=(), gone=True), 22)):
        act(world)
    tell(using(Milestone.UNUSED, 22), 22)(world)
    tell(attaching(Milestone.DETACHED, 23), 23)(world)
    tell(using(Milestone.IN_USE, 22, node="node-7"), 22)(world)
    tell(using(Milestone.UNUSED, 24, node="node-7"), 24)(world)
    world.commit(30)
    world.commit(31)
    assert len(kept) > 0
    world.commit(100)
    assert len(kept) == 0
    for number in range(1_100):
        world.tracker.storage(replace(said("ProvisioningFailed", 1), name=f"c-{number}"), arrived=at(200))
    assert len(kept) == 1_000
