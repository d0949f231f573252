"""Each pod is told the request that it was made for, and pods that replace others none."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.lives import Life, at, watched
from tests.support.workloads import replicaset, workload
from tests.tracking.owners import OwnedWorld, said, since

from podtimeline.model.instants import SECOND, Source, just_after
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import Launched, Scaled, WorkloadGone, WorkloadsListed, WorkloadState
from podtimeline.ports import Metric

RS = Owner("ReplicaSet", "web-abc", "rs-1")
STS = Owner("StatefulSet", "db", "sts-1")
DEPLOYMENT = Owner("Deployment", "web", "d-1")
DS = Owner("DaemonSet", "agent", "ds-1")
STARTED, OWNER = Milestone.ROLLOUT_STARTED, Milestone.OWNER_CREATED


def deployment(version: int, **more: Any) -> WorkloadState:
    """A version of the Deployment ``web``."""
    base: dict[str, Any] = {"wanted": 2, "template": "a", "revision": "1"}
    return workload("Deployment", "web", "d-1", version=version, **(base | more))


def rolled_out() -> OwnedWorld:
    """A Deployment of two pods, asked for at 0 s, complete at 2 s."""
    world = OwnedWorld()
    world.seen(deployment(98), 0.1)
    world.seen(replicaset(), 0.2)
    world.seen(deployment(105, observed=1), 0.3)
    for number, seconds in enumerate((0.4, 0.5)):
        world.born(f"uid-{number}", seconds, owner=RS)
    world.tick(1)
    world.seen(replicaset(version=110, observed=1, have=2), 2)
    return world


def test_the_pods_of_a_first_rollout_share_its_request() -> None:
    """Asked for, the ReplicaSet made, the pods made: in numbers that sum."""
    world = rolled_out()
    for uid in ("uid-0", "uid-1"):
        view = world.view(uid)
        assert (world.asked(uid), since(view, STARTED), since(view, OWNER)) == ("revision 1", 0.1, 0.2)
        assert sum(each.duration for each in view.request) == view.requested
        assert [each.phase for each in view.request] == [Phase.OWNER_CONTROLLER, Phase.POD_CREATION]


def test_the_answer_waits_until_the_deployment_is_known_beyond_its_replicaset() -> None:
    """Its own latest request may be behind: a new revision is not taken for the old one."""
    world = rolled_out()
    new = Owner("ReplicaSet", "web-def", "rs-2")
    world.seen(replace(replicaset(100, revision="2", version=203), uid="rs-2", name="web-def"), 100.2)
    world.born("new", 100.3, owner=new)
    world.tick(101)
    assert world.asked("new") is None
    world.seen(deployment(201, generation=2, observed=1, template="b", revision="1"), 101.1)
    world.tick(101.5)
    assert world.asked("new") is None
    world.seen(deployment(206, generation=2, observed=2, template="b", revision="2"), 101.6)
    world.tick(102)
    assert world.asked("new") == "revision 2"


def test_a_scale_up_is_asked_for_by_the_deployment() -> None:
    """Its ReplicaSet was made long before, by another request."""
    world = rolled_out()
    world.seen(deployment(300, generation=2, observed=1, wanted=3), 100)
    world.seen(replicaset(version=302, generation=2, observed=1, have=2, wanted=3), 100.1)
    world.seen(deployment(304, generation=2, observed=2, wanted=3), 100.2)
    world.born("third", 100.3, owner=RS)
    world.tick(101)
    assert world.asked("third") == "scaled from 2 to 3"
    assert said(world.view("third"), OWNER) is None


@pytest.mark.parametrize("days", [0.0001, 3])
def test_what_replaces_a_pod_was_asked_for_by_nobody(days: float) -> None:
    """However long after the rollout: there is no leg of three days."""
    world, seconds = rolled_out(), days * 86_400
    world.gone("uid-0", seconds)
    world.born("replacement", seconds + 1, owner=RS)
    world.tick(seconds + 2)
    view = world.view("replacement", seconds=seconds + 40)
    assert (view.request, view.requested) == ((), None)


def test_an_event_dates_a_scale_up_better_than_the_watch() -> None:
    """Both are upper bounds: the earlier one counts, whichever comes first."""
    world = OwnedWorld()
    early = just_after(Source.EVENT_NAME, at(0.15), observed=at(0.16))
    world.says(Scaled("shop", DEPLOYMENT, "web-abc", 0, 2, early), 0.16)
    world.seen(deployment(98), 0.3)
    world.seen(replicaset(), 0.3)
    world.seen(deployment(105, observed=1), 0.4)
    world.born("uid-0", 0.5, owner=RS)
    view = world.view("uid-0")
    assert (since(view, STARTED), since(view, OWNER)) == (0.15, 0.15)


def test_a_deployment_that_is_not_read_leaves_the_request_unknown() -> None:
    """As without the right to read it: nothing is guessed."""
    world = OwnedWorld()
    world.seen(replicaset(), 0.2)
    world.born("uid-0", 0.5, owner=RS)
    world.tick(10)
    world.tick(60)
    assert world.asked("uid-0") is None


def test_the_pod_of_a_custom_workload_is_not_of_the_kind_whose_name_that_has() -> None:
    """A StatefulSet of Kruise takes no place, and waits for none."""
    world, owner = OwnedWorld(), Owner("StatefulSet", "db", "kruise-1", "apps.kruise.io")
    for ordinal in range(2):
        world.born(f"db-{ordinal}", ordinal + 0.5, owner=owner, name=f"db-{ordinal}")
    world.gone("db-1", 20)
    world.born("again", 21, owner=owner, name="db-1")
    view = world.view("again")
    assert said(view, Milestone.PREDECESSOR_REMOVED) is None
    assert said(view, Milestone.ROLLOUT_STARTED) is None


def test_a_deployment_of_another_group_is_not_waited_for() -> None:
    """What controls a ReplicaSet may be anything: the ReplicaSet is all that is known."""
    world, above = OwnedWorld(), Owner("Deployment", "web", "x-1", "apps.example.com")
    world.seen(replicaset(0.2, owner=above), 0.2)
    world.born("a", 0.5, owner=Owner("ReplicaSet", "web-abc", "rs-1"))
    assert said(world.view("a"), Milestone.OWNER_CREATED) is not None


def test_the_replicaset_of_a_custom_workload_is_all_that_is_known() -> None:
    """When it was made, and not when that was asked for."""
    world = OwnedWorld()
    world.seen(replicaset(owner=Owner("Rollout", "web", "r-1")), 0.2)
    world.born("uid-0", 0.5, owner=RS)
    assert world.asked("uid-0") is None
    assert since(world.view("uid-0"), OWNER) == 0.2


def test_a_bare_replicaset_is_the_workload() -> None:
    """Its own creation is the request."""
    world = OwnedWorld()
    world.seen(replicaset(owner=None), 0.2)
    world.born("uid-0", 0.5, owner=RS)
    assert world.asked("uid-0") == "created"
    assert since(world.view("uid-0"), STARTED) == since(world.view("uid-0"), OWNER) == 0.2


def test_a_bare_pod_is_its_own_request() -> None:
    """Of length 0."""
    world = OwnedWorld()
    world.born("alone", 0.5, owner=None)
    view = world.view("alone")
    assert (world.asked("alone"), view.requested, view.request) == ("bare pod", 0, ())


@pytest.mark.parametrize("kind", ["Widget", "Node", "ReplicationController"])
def test_what_is_not_read_asks_for_nothing_that_is_known(kind: str) -> None:
    """Nobody waits for an answer either."""
    world = OwnedWorld()
    world.born("uid-0", 0.5, owner=Owner(kind, "x", "x-1"))
    assert world.asked("uid-0") is None


def job(**more: Any) -> WorkloadState:
    """A Job of one pod at a time."""
    base: dict[str, Any] = {"wanted": 1}
    return workload("Job", "tick-1", "j-1", 0.2, **(base | more))


def test_the_first_pod_of_a_job_was_asked_for_by_its_creation_and_a_retry_by_nobody() -> None:
    """The retry follows the failure of the first."""
    world, owner = OwnedWorld(), Owner("Job", "tick-1", "j-1")
    world.seen(job(), 0.2)
    world.born("first", 0.5, owner=owner)
    world.seen(job(version=101, have=1), 0.7)
    world.born("retry", 9, owner=owner)
    world.tick(40)
    assert (world.asked("first"), world.asked("retry")) == ("created", None)


def test_a_cronjob_asks_by_its_schedule() -> None:
    """To the nanosecond of the second that it names; its event dates the Job."""
    world, owner = OwnedWorld(), Owner("CronJob", "tick", "c-1")
    world.seen(workload("CronJob", "tick", "c-1", -500, schedule="*/5 * * * *"), -90, live=False)
    created = just_after(Source.EVENT_NAME, at(0.15), observed=at(0.16))
    world.says(Launched("shop", owner, "tick-1", created), 0.16)
    world.seen(job(owner=owner, scheduled=at(0)), 0.2)
    world.born("first", 0.5, owner=Owner("Job", "tick-1", "j-1"))
    view = world.view("first")
    assert (world.asked("first"), since(view, STARTED), since(view, OWNER)) == ("schedule */5 * * * *", 0, 0.15)


def test_a_job_that_is_resumed_asks_by_that() -> None:
    """It was made long before."""
    world = OwnedWorld()
    world.seen(job(paused=True), 0.2)
    world.seen(job(version=101, generation=2), 50)
    world.born("first", 50.5, owner=Owner("Job", "tick-1", "j-1"))
    assert world.asked("first") == "resumed"


def database(**more: Any) -> WorkloadState:
    """A StatefulSet of three."""
    base: dict[str, Any] = {
        "wanted": 3,
        "ordered": True,
        "template": "a",
        "observed": 1,
        "revision": "db-1",
        "current": "db-1",
    }
    return workload("StatefulSet", "db", "sts-1", **(base | more))


def started() -> OwnedWorld:
    """The pods of a StatefulSet come one after the other, four seconds each."""
    world = OwnedWorld()
    world.seen(database(observed=0, revision="", current=""), 0.1)
    world.seen(database(version=101), 0.2)
    for ordinal in range(3):
        pod(world, ordinal, 0.5 + 4 * ordinal)
        world.ready(f"db-{ordinal}-1", 4.4 + 4 * ordinal)
    world.seen(database(version=120, have=3, updated=3), 13)
    return world


def pod(world: OwnedWorld, ordinal: int, seconds: float, *, revision: int = 1, uid: str = "") -> None:
    """A pod of the StatefulSet is created."""
    labels = (("controller-revision-hash", f"db-{revision}"),)
    world.born(uid or f"db-{ordinal}-{revision}", seconds, owner=STS, name=f"db-{ordinal}", labels=labels)
    world.tick(seconds + 0.2)


def test_an_ordered_start_waits_for_the_pod_before() -> None:
    """That wait is a phase of its own, of the request."""
    view = started().view("db-2-1")
    assert said(view, Milestone.PREDECESSOR_READY) == "db-1"
    assert [(each.phase, each.duration / 1e9) for each in view.request] == [
        (Phase.PREDECESSOR, 8.3), (Phase.POD_CREATION, 0.1),
    ]  # fmt: skip


@pytest.mark.parametrize(("seconds", "waits"), [(30, 34.3), (90, 4.3)])
def test_an_ordered_start_waits_until_the_pod_before_is_available(seconds: int, waits: float) -> None:
    """Ready for minReadySeconds, unless the next one came before: then the StatefulSet asked for less."""
    world = OwnedWorld()
    world.seen(database(min_ready=seconds * SECOND), 0.1)
    pod(world, 0, 0.5)
    world.ready("db-0-1", 4.4)
    pod(world, 1, 60)
    waited = next(each for each in world.view("db-1-1").request if each.phase is Phase.PREDECESSOR)
    assert waited.duration / 1e9 == waits
    detail = "db-0, available after 30 s" if waits > seconds else "db-0"
    assert said(world.view("db-1-1"), Milestone.PREDECESSOR_READY) == detail


def test_a_parallel_start_waits_for_none() -> None:
    """``podManagementPolicy: Parallel``."""
    world = OwnedWorld()
    world.seen(database(ordered=False), 0.1)
    pod(world, 0, 0.5)
    world.ready("db-0-1", 0.6)
    pod(world, 1, 0.7)
    assert said(world.view("db-1-1"), Milestone.PREDECESSOR_READY) is None
    assert world.asked("db-1-1") == "revision 1"


def updated() -> OwnedWorld:
    """The second revision goes downwards: the last pod is replaced at 103 s, the one before it at 110 s."""
    world = started()
    world.seen(database(version=200, generation=2, template="b", have=3, updated=3), 100)
    world.seen(database(version=201, generation=2, observed=2, template="b", revision="db-2", have=3), 100.1)
    world.gone("db-2-1", 103)
    pod(world, 2, 103.1, revision=2)
    world.ready("db-2-2", 107)
    world.gone("db-1-1", 110)
    pod(world, 1, 110.1, revision=2)
    return world


def test_an_update_waits_for_the_pod_after_and_for_the_one_whose_name_it_takes() -> None:
    """Downwards, one after the other."""
    world = updated()
    last, middle = world.view("db-2-2"), world.view("db-1-2")
    assert world.asked("db-1-2") == world.asked("db-2-2") == "revision 2"
    assert said(last, Milestone.PREDECESSOR_READY) is None
    assert [each.phase for each in last.request] == [Phase.REPLACEMENT, Phase.POD_CREATION]
    assert said(middle, Milestone.PREDECESSOR_READY) == "db-2"
    assert [each.phase for each in middle.request] == [Phase.PREDECESSOR, Phase.REPLACEMENT, Phase.POD_CREATION]


def test_a_pod_that_was_updated_and_is_killed_was_asked_for_by_nobody() -> None:
    """Also while the update goes on: its name has had its pod of the new revision."""
    world = updated()
    world.gone("db-2-2", 120)
    pod(world, 2, 120.1, revision=2, uid="db-2-3")
    world.tick(160)
    assert world.asked("db-2-3") is None
    assert said(world.view("db-2-3"), Milestone.PREDECESSOR_REMOVED) == "db-2"


def test_a_pod_of_the_old_revision_is_not_of_the_update() -> None:
    """It is killed before its turn, and comes back as it was."""
    world = updated()
    world.seen(database(version=203, generation=2, observed=2, template="b", revision="db-2", have=3, updated=2), 111)
    world.gone("db-0-1", 112)
    pod(world, 0, 112.1, uid="db-0-again")
    world.tick(150)
    assert world.asked("db-0-again") is None


def agent(**more: Any) -> WorkloadState:
    """A DaemonSet."""
    base: dict[str, Any] = {"template": "a", "revision": "1", "observed": 1}
    return workload("DaemonSet", "agent", "ds-1", **(base | more))


def daemon(world: OwnedWorld, uid: str, seconds: float, node: str, *, template: str = "1") -> None:
    """A pod of the DaemonSet is created on a node."""
    world.born(uid, seconds, owner=DS, node=node, labels=(("pod-template-generation", template),))
    world.tick(seconds + 0.2)


def daemons() -> OwnedWorld:
    """A DaemonSet of two nodes, which are older, complete at 2 s."""
    world = OwnedWorld()
    for node in ("n1", "n2"):
        world.nodes.joined(node, -90)
    world.seen(agent(observed=0), 0.1)
    for number, node in enumerate(("n1", "n2")):
        daemon(world, f"first-{node}", 0.5 + number, node)
    world.seen(agent(version=110, wanted=2, have=2, updated=2), 2)
    return world


def test_the_first_pods_of_a_daemonset_and_those_of_an_update() -> None:
    """The update of a node waits for the pod that is there to end."""
    world = daemons()
    assert {world.asked(f"first-{node}") for node in ("n1", "n2")} == {"revision 1"}
    world.seen(agent(version=200, generation=2, template="b", revision="2", wanted=2, have=2, updated=2), 100)
    ended = Life("first-n1").saw(Milestone.FINISHED, watched(103), subject="web")
    world.take(*ended.told, seconds=103)
    daemon(world, "second-n1", 103.1, "n1", template="2")
    view = world.view("second-n1")
    assert world.asked("second-n1") == "revision 2"
    assert said(view, Milestone.PREDECESSOR_REMOVED) == "first-n1"
    assert [each.phase for each in view.request] == [Phase.REPLACEMENT, Phase.POD_CREATION]


def test_an_update_with_a_surge_waits_for_nothing_to_leave() -> None:
    """The pod that is there goes later."""
    world = daemons()
    world.seen(agent(version=200, generation=2, template="b", revision="2", wanted=2, have=2), 100)
    daemon(world, "second-n1", 101, "n1", template="2")
    world.gone("first-n1", 105)
    assert said(world.view("second-n1"), Milestone.PREDECESSOR_REMOVED) is None
    assert world.asked("second-n1") == "revision 2"


def test_a_daemon_that_is_killed_during_an_update_was_asked_for_by_nobody() -> None:
    """Its node has had its pod of the new template, however long the update hangs on another node."""
    world = daemons()
    world.seen(agent(version=200, generation=2, template="b", revision="2", wanted=2, have=2), 100)
    daemon(world, "second-n1", 103.1, "n1", template="2")
    world.gone("second-n1", 90_000)
    daemon(world, "third-n1", 90_001, "n1", template="2")
    world.tick(90_050)
    assert world.view("third-n1", seconds=90_060).request == ()


def test_a_node_that_joins_asks_for_its_daemons() -> None:
    """Nobody else did; and only once."""
    world = daemons()
    world.nodes.joined("n3", 500)
    daemon(world, "first-n3", 500.6, "n3")
    assert world.asked("first-n3") == "node n3"
    world.gone("first-n3", 600)
    daemon(world, "second-n3", 601, "n3")
    world.tick(650)
    assert world.asked("second-n3") is None


def test_a_pod_that_is_not_bound_yet_has_no_answer_yet() -> None:
    """Its node decides."""
    world = daemons()
    world.seen(agent(version=200, generation=2, template="b", revision="2", wanted=2, have=2), 100)
    world.born("late", 101, owner=DS, labels=(("pod-template-generation", "2"),))
    world.tick(102)
    assert world.asked("late") is None
    world.take(*Life("late").saw(Milestone.SCHEDULED, watched(103), detail="n1").told, seconds=103)
    assert world.asked("late") == "revision 2"


def test_a_request_survives_a_restart_while_pods_are_to_come() -> None:
    """Its time too; once it is met nothing of it is kept."""
    world = OwnedWorld()
    world.seen(deployment(98), 0.1)
    world.seen(replicaset(), 0.2)
    world.seen(deployment(105, observed=1), 0.3)
    world.born("uid-0", 0.4, owner=RS)
    world.commit(1)
    world.killed(10)
    world.seen(replicaset(version=110, observed=1, have=1), 10.1, live=False)
    world.born("uid-1", 11, owner=RS)
    assert since(world.view("uid-1"), STARTED) == 0.1
    world.seen(replicaset(version=112, observed=1, have=2), 12)
    world.seen(deployment(113, observed=1, have=2, updated=2), 12)
    world.commit(13)
    assert [each for each in world.store.memories.values() if each.history is not None] == []


def test_a_commit_that_fails_owes_what_it_remembered() -> None:
    """It is in the next one."""
    world = OwnedWorld()
    world.seen(replicaset(), 0.2)
    batch = world.drain(1)
    assert len(batch.memories) == 1
    world.tracker.failed(batch)
    assert world.drain(2).memories == batch.memories


def test_workloads_that_are_gone_are_forgotten() -> None:
    """By a watch, or by a listing that does not show them."""
    world = OwnedWorld()
    for number in range(3):
        world.seen(replace(replicaset(), uid=f"rs-{number}", name=f"web-{number}"), 0.2)
    world.says(WorkloadGone("rs-0"), 1)
    world.says(WorkloadsListed("ReplicaSet", frozenset({"rs-2"})), 2)
    assert len(world.requests.histories) == 1


def test_old_replicasets_are_not_kept() -> None:
    """A Deployment keeps ten of them without a pod."""
    world = OwnedWorld()
    world.seen(replicaset(observed=1, wanted=0), 0.2)
    assert len(world.requests.histories) == 0


def test_the_phases_of_a_request_are_counted_once() -> None:
    """With those of the start, however often the pod is committed."""
    world = rolled_out()
    world.owners.selecting = ()
    world.ready("uid-0", 5)
    for seconds in (20, 30):
        world.commit(seconds)
    counted = [key for uid, metric, key in world.store.counted if uid == "uid-0" and metric is Metric.PHASE]
    assert counted.count(Phase.POD_CREATION) == counted.count(Phase.OWNER_CONTROLLER) == 1


def test_nobody_waits_for_ever() -> None:
    """What has no answer within half a minute has none."""
    world = OwnedWorld()
    world.born("uid-0", 0.5, owner=RS)
    world.tick(40)
    world.seen(replicaset(owner=None), 41)
    world.tick(42)
    assert world.asked("uid-0") is None
