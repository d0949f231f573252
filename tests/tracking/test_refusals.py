"""What is refused is kept by workload, until a pod comes after all, which says so."""

from dataclasses import replace

from tests.support.lives import at
from tests.support.workloads import DEPLOYMENT, replicaset, workload
from tests.tracking.owners import OwnedWorld

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.model.pods import Owner
from podtimeline.model.series import OTHER
from podtimeline.model.workloads import CreateRefused

RS = Owner("ReplicaSet", "web-abc", "rs-1")
CRON = Owner("CronJob", "tick", "c-1")


def refused(seconds: float, *, maker: Owner = RS, event: str = "e-1", count: int = 1) -> CreateRefused:
    """A controller was refused a pod."""
    return CreateRefused("shop", maker, event, f"exceeded quota {count}", at(seconds), at(seconds), count)


def known(world: OwnedWorld) -> list[Refusal]:
    """Everything that is known of refusals."""
    return list(world.refusals.known)


def stuck() -> OwnedWorld:
    """A Deployment is refused its pods three times, from 1 s to 9 s."""
    world = OwnedWorld()
    world.owners.chains["web-abc"] = (RS, DEPLOYMENT)
    for count, seconds in enumerate((1, 4, 9), start=1):
        world.says(refused(seconds, event=f"e-{count}"), seconds)
        world.tick(seconds + 0.5)
    return world


def test_refusals_are_kept_by_the_outermost_controller() -> None:
    """The ReplicaSet is whose pods they are, the Deployment is what people look for."""
    (refusal,) = known(stuck())
    assert (refusal.workload, refusal.maker) == (DEPLOYMENT, RS)
    assert (refusal.first, refusal.last, refusal.count, refusal.ended) == (at(1), at(9), 3, None)


def test_the_controller_of_a_replicaset_is_waited_for() -> None:
    """It is seen after the first Event; after five seconds there is none."""
    world = OwnedWorld()
    world.says(refused(1), 1)
    world.tick(2)
    assert known(world) == []
    world.owners.chains["web-abc"] = (RS, DEPLOYMENT)
    world.tick(3)
    assert [each.workload for each in known(world)] == [DEPLOYMENT]
    alone = OwnedWorld()
    alone.says(refused(1), 1)
    alone.tick(7)
    assert [each.workload for each in known(alone)] == [RS]


def test_the_pod_that_comes_after_all_carries_the_words() -> None:
    """So do those that come with it, and none that comes later or is another's."""
    world = stuck()
    for uid, seconds in (("first", 20), ("second", 20.1), ("later", 90)):
        world.born(uid, seconds, owner=RS)
    world.born("other", 20.2, owner=Owner("ReplicaSet", "api-abc", "rs-9"))
    noted = {uid: world.view(uid).notes for uid in ("first", "second", "later", "other")}
    for uid in ("first", "second"):
        (note,) = noted[uid]
        assert (note.reason, note.text, note.count) == ("FailedCreate", "exceeded quota 1", 3)
        assert (note.first, note.last) == (at(1), at(9))
    assert noted["later"] == noted["other"] == ()
    assert known(world)[0].ended == at(20)


def test_a_pod_that_is_listed_and_older_than_the_refusals_carries_none() -> None:
    """They are about its siblings."""
    world = stuck()
    world.born("old", -5, owner=RS)
    assert world.view("old").notes == ()
    assert known(world)[0].ended is None


def test_a_spell_ends_with_what_was_wanted() -> None:
    """Also where nobody sees the pods, or fewer are wanted now."""
    world = stuck()
    world.seen(replicaset(observed=1, wanted=2, have=1), 10)
    assert known(world)[0].ended is None
    world.seen(replicaset(version=200, generation=2, observed=2, wanted=1, have=1), 11)
    assert known(world)[0].ended == at(11)


def test_an_event_that_a_listing_tells_again_opens_no_spell() -> None:
    """The pods that it is about have come long since."""
    world = OwnedWorld()
    world.owners.chains["web-abc"] = (RS, DEPLOYMENT)
    world.seen(replicaset(observed=1, have=2), 1000, live=False)
    world.says(refused(1), 1000.5)
    world.tick(1001)
    assert [(each.total, each.ended) for each in known(world)] == [(1, at(1000.5))]


def test_what_a_cronjob_was_refused_ends_with_its_next_job() -> None:
    """It makes no pods itself, and never has as many Jobs as it wants."""
    world = OwnedWorld()
    world.says(refused(1, maker=CRON), 1)
    world.tick(2)
    world.seen(workload("CronJob", "tick", "c-1", version=200), 3)
    assert known(world)[0].ended is None
    world.seen(workload("Job", "tick-2", "j-2", 60, owner=CRON, wanted=1), 60.1)
    assert known(world)[0].ended == at(60.1)


def test_an_hour_of_silence_ends_a_spell() -> None:
    """Its controller tries again at least every 17 minutes while it wants a pod."""
    world = stuck()
    world.tick(3600)
    assert known(world)[0].ended is None
    world.tick(3610)
    assert known(world)[0].ended == at(3610)


def test_more_workloads_than_are_kept_count_as_others() -> None:
    """The metric stays bounded, and nothing is lost of its sum."""
    world = OwnedWorld(limit=2)
    for number in range(5):
        maker = Owner("StatefulSet", f"db-{number}", f"sts-{number}")
        world.says(refused(1, maker=maker, event=f"e-{number}"), 1)
        world.tick(2)
    assert [each.workload.name for each in known(world)] == ["db-0", "db-1", OTHER]
    assert sum(each.total for each in known(world)) == 5


def test_no_namespace_crowds_out_the_refusals_of_another() -> None:
    """Each has room for as many as the others; what is over goes first, and nothing of a sum is lost meanwhile."""
    world = OwnedWorld(limit=4)
    for number in range(6):
        maker = Owner("Invented", f"x-{number}", f"x-{number}")
        world.says(refused(1, maker=maker, event=f"e-{number}"), 1)
        world.tick(2)
    for number in range(3):
        maker = Owner("StatefulSet", f"db-{number}", f"sts-{number}")
        world.says(replace(refused(3, maker=maker, event=f"s-{number}"), namespace="till"), 3)
        world.tick(4)
    kept = [(each.namespace, each.workload.name) for each in known(world)]
    assert kept == [("shop", "x-2"), ("shop", "x-3"), (OTHER, OTHER), ("till", "db-0"), ("till", "db-1")]
    assert [each.total for each in known(world) if each.namespace == OTHER] == [3]


def test_a_day_after_its_spell_a_workload_is_forgotten() -> None:
    """In memory and in the history, for good."""
    world = stuck()
    world.seen(replicaset(observed=1, wanted=2, have=2), 11)
    world.commit(12)
    world.tick(11 + 86_399)
    assert len(known(world)) == 1
    world.commit(11 + 86_400)
    assert known(world) == []
    world.killed(11 + 86_500)
    assert known(world) == []


def test_refusals_survive_a_restart_and_are_counted_once() -> None:
    """The Events that were read are told again."""
    world = stuck()
    world.commit(10)
    world.killed(20)
    world.says(refused(9, event="e-3"), 21)
    world.says(refused(22, event="e-4"), 22)
    world.tick(23)
    (refusal,) = known(world)
    assert (refusal.total, refusal.first, refusal.last) == (4, at(1), at(22))
    world.born("first", 30, owner=RS)
    assert [note.count for note in world.view("first").notes] == [4]


def test_what_waits_for_its_workload_is_committed_with_the_stream_that_told_it() -> None:
    """As soon as it is known whose it is; a commit that fails owes it."""
    world = OwnedWorld()
    world.owners.chains["web-abc"] = (RS, DEPLOYMENT)
    world.says(refused(1), 1)
    batch = world.drain(1.1)
    assert [memory.refusal.total for memory in batch.memories if memory.refusal is not None] == [1]
    world.tracker.failed(batch)
    assert world.drain(2).memories == batch.memories


def test_the_pod_of_a_custom_workload_was_asked_for_when_the_first_was_refused() -> None:
    """Nothing else tells when; of a kind that is watched its own request does."""
    world, clone = OwnedWorld(), Owner("CloneSet", "clone", "k-1", "apps.kruise.io")
    world.says(refused(10, maker=clone), 10)
    world.born("a", 130, owner=clone)
    view = world.view("a")
    assert [note.reason for note in view.notes] == ["FailedCreate"]
    assert view.requested is not None
    assert view.requested / 1e9 == 120
    mine = stuck()
    mine.born("b", 20, owner=RS)
    assert mine.view("b").requested is None


def test_workloads_of_one_name_in_two_groups_are_two() -> None:
    """A Job of Volcano and one of Kubernetes."""
    world = OwnedWorld()
    for group in ("", "batch.volcano.sh"):
        world.says(refused(1, maker=Owner("Job", "train", f"uid-{group}", group), event=f"e-{group}"), 1)
    world.tick(9)
    assert [(each.workload.group, each.count) for each in known(world)] == [("", 1), ("batch.volcano.sh", 1)]
