"""Stores beside pods are shared: a namespace that floods one takes nothing from another, and all that goes counts."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.lives import at, in_second
from tests.support.workloads import replicaset, workload
from tests.tracking.owners import OwnedWorld, said, since

from podtimeline.bounded import Kept, Losses
from podtimeline.model.milestones import Milestone
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import (
    CreateRefused,
    Dropped,
    Launched,
    WorkloadGone,
    WorkloadNews,
    WorkloadSeen,
    WorkloadState,
)
from podtimeline.tracking import controllers, histories, predecessors, refusals, scale_attribution
from podtimeline.tracking.controllers import SAID, Controllers
from podtimeline.tracking.histories import EARLY, Histories
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.unclaimed import BURIED, Tombstones

LIMIT, FLOOD = 10, 100
SURPLUS = FLOOD + 1 - LIMIT
RS, CRON = Owner("ReplicaSet", "web-abc", "rs-1"), Owner("CronJob", "tick", "c-1")
STS, DS = Owner("StatefulSet", "db", "sts-1"), Owner("DaemonSet", "agent", "ds-1")


def flooded(news: Callable[[str, int], WorkloadNews]) -> list[WorkloadNews]:
    """One piece of news of the namespace ``shop``, and then many of another one."""
    return [news("shop", 1), *(news("evil", number) for number in range(2, FLOOD + 2))]


def passed(timers: Timers, now: int) -> None:
    """Time passes, and what is due is done."""
    for due in timers.due(now):
        due.act(now)


def job() -> WorkloadState:
    """The Job that the CronJob launched, as it is created."""
    return workload("Job", "tick-1", "j-1", owner=CRON)


def launched(namespace: str, number: int) -> WorkloadNews:
    """A CronJob says that it launched a Job."""
    return Launched(namespace, CRON, f"tick-{number}", in_second(5))


def test_an_event_of_a_workload_waits_for_it_whoever_floods_other_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has seen after ten minutes was gone before, and is forgotten uncounted."""
    monkeypatch.setattr(histories, "MAX_EARLY", LIMIT)
    losses = Losses()
    timers = Timers()
    known = Histories(losses, timers)
    for news in flooded(launched):
        known.learn(news, at(5))
    assert losses.counts[Kept.WORKLOAD_EVENTS] == SURPLUS
    known.learn(WorkloadSeen(job(), live=True), at(6))
    history = known.named("shop", "Job", "tick-1")
    assert history is not None
    assert in_second(5) in history.birth
    known.learn(launched("shop", 1), at(7))
    known.learn(launched("shop", 2), at(7))
    passed(timers, at(7) + EARLY)
    assert known.learn(WorkloadSeen(workload("Job", "tick-2", "j-2", owner=STS), live=True), at(8)) == 0
    assert losses.counts[Kept.WORKLOAD_EVENTS] == SURPLUS


def test_requests_that_pods_are_still_to_come_of_are_missed() -> None:
    """The latest eight of a workload are kept; of those that were met nobody is to come."""
    losses = Losses()
    known = Histories(losses, Timers())
    for number in range(1, 21):
        state = workload("Deployment", "web", "d-1", version=number, generation=number, wanted=number, observed=1)
        known.learn(WorkloadSeen(state, live=True), at(number))
    assert losses.counts[Kept.WORKLOAD_REQUESTS] == 20 - 8
    met = workload("Deployment", "web", "d-1", version=30, generation=30, wanted=20, have=20, updated=20, observed=30)
    known.learn(WorkloadSeen(met, live=True), at(30))
    for number in range(31, 36):
        state = workload("Deployment", "web", "d-1", version=number, generation=number, wanted=number, have=20)
        known.learn(WorkloadSeen(state, live=True), at(number))
    assert losses.counts[Kept.WORKLOAD_REQUESTS] == 20 - 8


def dropped(namespace: str, number: int) -> WorkloadNews:
    """A controller says that it deleted a pod."""
    return Dropped(namespace, RS, f"web-{number}", "Deleted pod", at(5))


def test_the_words_of_a_controller_are_kept_for_its_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes long."""
    monkeypatch.setattr(controllers, "MAX_SAID", LIMIT)
    losses = Losses()
    timers = Timers()
    known = Controllers(losses, timers)
    for news in flooded(dropped):
        list(known.learn(news, at(6)))
    assert losses.counts[Kept.CONTROLLER_MESSAGES] == SURPLUS
    assert known.maker(RS, "shop", "web-1", since=at(4)).said == "Deleted pod"
    passed(timers, at(6) + SAID)
    assert known.maker(RS, "shop", "web-1", since=at(4)).said == ""
    assert losses.counts[Kept.CONTROLLER_MESSAGES] == SURPLUS


def test_revisions_and_ends_of_controllers_are_kept_for_their_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """ReplicaSets of invented Deployments, created and deleted in another namespace."""
    monkeypatch.setattr(controllers, "MAX_NEWEST", LIMIT)
    monkeypatch.setattr(controllers, "MAX_GONE", LIMIT)
    losses = Losses()
    known = Controllers(losses, Timers())
    list(known.learn(WorkloadSeen(replicaset(), live=True), at(1)))
    list(known.learn(WorkloadGone("rs-1"), at(2)))
    for number in range(2, FLOOD + 2):
        deployment = Owner("Deployment", f"d-{number}", f"d-{number}")
        state = replace(replicaset(), uid=f"rs-{number}", namespace="evil", owner=deployment)
        list(known.learn(WorkloadSeen(state, live=True), at(3)))
        list(known.learn(WorkloadGone(f"rs-{number}"), at(4)))
    mine = known.maker(RS, "shop", "web-1", since=0)
    assert (mine.gone, mine.newest) == (at(2), 1)
    assert losses.counts[Kept.DEPLOYMENT_REVISIONS] == SURPLUS
    assert losses.counts[Kept.DELETED_CONTROLLERS] == 2 * SURPLUS


def refused(namespace: str, number: int) -> WorkloadNews:
    """A ReplicaSet was refused a pod."""
    return CreateRefused(namespace, RS, f"e-{number}", "exceeded quota", at(5), at(5), 1)


def test_what_is_refused_waits_for_its_workload_in_its_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is counted then."""
    monkeypatch.setattr(refusals, "MAX_PENDING", LIMIT)
    world = OwnedWorld()
    for news in flooded(refused):
        world.says(news, 5)
    world.tick(11)
    assert world.losses.counts[Kept.REFUSED_CREATES] == SURPLUS
    assert {each.namespace: each.count for each in world.refusals.known} == {"shop": 1, "evil": LIMIT - 1}


def test_of_more_events_than_are_remembered_the_oldest_counts_are_missed() -> None:
    """Told again, such an Event would count twice."""
    world = OwnedWorld()
    for number in range(70):
        world.says(CreateRefused("shop", CRON, f"e-{number}", "exceeded quota", at(5), at(5), 1), 5)
        world.tick(5)
    (refusal,) = world.refusals.known
    assert (refusal.total, len(refusal.events), world.losses.counts[Kept.REFUSAL_EVENTS]) == (70, 64, 6)


def test_the_pods_of_statefulsets_are_remembered_for_their_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A StatefulSet's pods come and go under names that another namespace invents."""
    monkeypatch.setattr(predecessors, "MAX_GONE", LIMIT)
    world = OwnedWorld()
    world.born("old", 0.5, owner=STS, name="db-0")
    world.gone("old", 2)
    for number in range(FLOOD):
        world.born(f"evil-{number}", 3, owner=STS, namespace="evil")
        world.gone(f"evil-{number}", 4)
    world.tick(20)
    assert world.losses.counts[Kept.STATEFULSET_PODS] == SURPLUS
    world.born("new", 21, owner=STS, name="db-0")
    assert since(world.view("new"), Milestone.PREDECESSOR_REMOVED) == 2


def test_who_takes_a_name_days_later_did_not_wait_for_it() -> None:
    """What is gone is forgotten after a day, uncounted."""
    world = OwnedWorld()
    world.born("old", 0.5, owner=STS, name="db-0")
    world.gone("old", 2)
    world.tick(10)
    world.tick(90_000)
    world.born("new", 90_001, owner=STS, name="db-0")
    assert since(world.view("new", seconds=90_002), Milestone.PREDECESSOR_REMOVED) is None
    assert world.losses.counts[Kept.STATEFULSET_PODS] == 0


def test_the_places_of_daemonsets_are_remembered_for_their_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods that call themselves a DaemonSet's, bound to nodes that there may be none of."""
    monkeypatch.setattr(scale_attribution, "MAX_PLACES", LIMIT)
    world = OwnedWorld()
    world.born("old", 0.5, owner=DS, node="n-1")
    world.gone("old", 2)
    for number in range(FLOOD):
        world.born(f"evil-{number}", 3, owner=DS, node=f"n-{number}", namespace="evil")
        world.gone(f"evil-{number}", 4)
    world.tick(20)
    assert world.losses.counts[Kept.DAEMONSET_NODES] == SURPLUS
    world.born("new", 21, owner=DS, node="n-1")
    assert said(world.view("new"), Milestone.PREDECESSOR_REMOVED) == "old"


def test_places_with_a_pod_take_no_room_and_those_of_late_words_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Event that tells of the binding of a pod that is gone fills the store like any other."""
    monkeypatch.setattr(scale_attribution, "MAX_PLACES", 1)
    world = OwnedWorld()
    for number in range(5):
        world.born(f"there-{number}", 1, owner=DS, node=f"n-{number}")
    assert world.losses.counts[Kept.DAEMONSET_NODES] == 0
    for number in range(5):
        world.born(f"late-{number}", 1, owner=DS)
        world.gone(f"late-{number}", 2)
    world.tick(10)
    for number in range(5):
        world.bound(f"late-{number}", 11, node=f"m-{number}")
    assert world.losses.counts[Kept.DAEMONSET_NODES] == 4
    world.tick(90_100)
    world.born("again", 90_101, owner=DS, node="m-4")
    assert said(world.view("again", seconds=90_102), Milestone.PREDECESSOR_REMOVED) is None


def test_the_dead_of_one_namespace_disturb_no_tombs_of_another() -> None:
    """Neither records that wait for late words, nor uids that are over; those are forgotten after an hour."""
    losses, timers = Losses(), Timers()
    tombstones = Tombstones(Rules(max_tombstones=LIMIT, max_buried=LIMIT), losses, timers)
    tombstones.closed("shop", "mine")
    for number in range(FLOOD):
        tombstones.closed("evil", f"evil-{number}")
        while (oldest := tombstones.surplus) is not None:
            assert oldest != "mine"
            tombstones.bury(oldest, at(number))
    assert (len(tombstones), losses.counts[Kept.DELETED_PODS]) == (LIMIT, SURPLUS)
    assert losses.counts[Kept.DELETED_POD_UIDS] == SURPLUS - LIMIT
    tombstones.bury("mine", at(FLOOD))
    assert "mine" in tombstones
    assert losses.counts[Kept.DELETED_PODS] == SURPLUS
    passed(timers, at(FLOOD) + BURIED)
    assert "mine" not in tombstones
