"""When a start is over, what it counts, and what is told of it."""

from dataclasses import replace

from tests.support.lives import (
    INIT,
    WEB,
    Life,
    at,
    container_start,
    facts,
    in_second,
    ordinary,
    watched,
)
from tests.support.surveys import phases
from tests.tracking.worlds import World

from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.analysis.resolved import Outcome
from podtimeline.model.instants import Source, happened
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.observations import Ended, Flagged, ImagePulled, Observation, Partial, Witnessed
from podtimeline.model.pods import Owner
from podtimeline.ports import Metric


def unselected(life: Life) -> list[Observation]:
    """What the streams themselves say: which Services select a pod is the tracker's question to ask."""
    return [each for each in life.told if type(each).__name__ != "Selected"]


def until_ready(life: Life) -> list[Observation]:
    """Everything but the endpoint."""
    return [
        each
        for each in unselected(life)
        if not (isinstance(each, Witnessed) and each.mark.milestone is Milestone.ENDPOINT_READY)
    ]


def listed_life() -> Life:
    """A pod that was ready before anybody looked: all that is known comes from a listing."""
    life = Life().described(facts())
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), happened(at(900)))
    life.saw(Milestone.READY, in_second(6), happened(at(900)))
    return life


def test_an_ordinary_start_is_counted_and_told_once_after_it_lingered() -> None:
    """Startup, endpoint, each phase and the image pull; the phases add up to the time to the endpoint."""
    world = World()
    world.take(*unselected(ordinary()), seconds=6)
    assert world.commit(10.9) == ()
    assert world.told == []
    counted = world.commit(11)
    assert [each.view.uid for each in world.told] == ["uid-1"]
    by = {each.metric: each.value for each in counted if each.metric is not Metric.PHASE}
    seen = world.view()
    assert by == {
        Metric.STARTUP: seen.startup,
        Metric.ENDPOINT: seen.endpoint,
        Metric.IMAGE_PULL: 1_000_000_000,
    }
    assert sum(each.value for each in counted if each.metric is Metric.PHASE) == seen.endpoint == seen.total
    assert world.commit(500) == ()
    assert len(world.told) == 1


def test_a_pod_that_no_service_selects_settles_without_waiting_for_an_endpoint() -> None:
    """Only the linger for late events is waited for; no endpoint duration is counted."""
    world = World()
    world.owners.selecting = ()
    world.take(*until_ready(ordinary()), seconds=6)
    counted = world.commit(11)
    assert Metric.STARTUP in {each.metric for each in counted}
    assert Metric.ENDPOINT not in {each.metric for each in counted}
    assert len(world.told) == 1


def test_an_endpoint_that_never_comes_is_waited_for_until_the_deadline_and_stays_listed() -> None:
    """The open endpoint phase is no measurement and is not counted."""
    world = World()
    world.take(*until_ready(ordinary()), seconds=6)
    assert world.commit(70.9) == ()
    counted = world.commit(71)
    assert Metric.ENDPOINT not in {each.metric for each in counted}
    assert Phase.ENDPOINT not in {each.phase for each in counted}
    assert Metric.STARTUP in {each.metric for each in counted}
    assert world.told[0].view.awaited == ("shop/web",)


def test_services_that_are_not_listed_yet_are_asked_for_again() -> None:
    """The pod became ready before Services were read."""
    world = World()
    world.owners.selecting = None
    world.take(*until_ready(ordinary()), seconds=6)
    world.commit(20)
    assert world.told == []
    world.owners.selecting = ()
    world.tracker.services_changed(None)
    world.commit(21)
    world.commit(26)
    assert world.told[0].view.services == ()


def test_a_pod_that_is_deleted_before_it_is_ready_counts_no_phases_of_its_start() -> None:
    """It was called off; the way back counts as any other."""
    world = World()
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.1), detail="node-1")
    world.take(*life.told, seconds=1)
    gone = Life().saw(Milestone.DELETION_REQUESTED, watched(3)).saw(Milestone.OBJECT_REMOVED, watched(4))
    world.take(*gone.told, seconds=4)
    counted = world.commit(9)
    assert world.told[0].view.outcome is Outcome.DELETED
    assert [(each.metric, each.phase) for each in counted] == [
        (Metric.TERMINATION, None),
        (Metric.PHASE, Phase.TERMINATION_PENDING),
    ]
    assert world.store.records["uid-1"].closed


def test_a_pod_that_is_deleted_while_its_endpoint_is_awaited_waits_no_longer() -> None:
    """An address that is going away will not become ready."""
    world = World()
    world.take(*until_ready(ordinary()), seconds=6)
    world.take(*Life().saw(Milestone.DELETION_REQUESTED, watched(8)).told, seconds=8)
    counted = world.commit(13)
    assert Metric.STARTUP in {each.metric for each in counted}
    assert len(world.told) == 1


def test_a_pod_that_never_becomes_ready_stays_open_and_is_told_of_nobody() -> None:
    """It is shown in the phase that it is stuck in, for as long as it is."""
    world = World()
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    world.take(*life.told, seconds=1)
    assert world.commit(100_000) == ()
    assert world.told == []
    situation = phases(world.tracker, now=at(3600.05))
    assert situation.in_phase[Phase.SCHEDULING] == 1
    assert situation.oldest[Phase.SCHEDULING] == 3600


def test_a_pod_that_no_node_takes_counts_under_each_reason_until_it_is_bound() -> None:
    """The latest words count, and none of them once it has a node."""
    world = World()
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.FIRST_UNSCHEDULABLE, watched(0.1))
    life.noted("FailedScheduling", 0.1, "0/3 nodes are available: 2 Insufficient cpu, 1 node(s) were unschedulable.")
    world.take(*life.told, seconds=1)
    counts = phases(world.tracker, now=at(5)).unschedulable
    assert {reason for reason, count in counts.items() if count} == {Obstacle.CPU, Obstacle.CORDONED}
    world.take(*Life().saw(Milestone.SCHEDULED, watched(8), detail="node-1").told, seconds=8)
    assert sum(phases(world.tracker, now=at(9)).unschedulable.values()) == 0


def test_a_job_that_completes_without_readiness_counts_its_phases_but_no_startup() -> None:
    """Ready is not what a Job's pod is for."""
    world = World()
    life = Life().described(facts(replace(WEB, readiness_probe=None), run_to_completion=True))
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.09)).saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD))
    life.saw(Milestone.IP_ASSIGNED, watched(3.4))
    container_start(life, "web", 1.0)
    life.saw(Milestone.FINISHED, in_second(9, Source.FIELD), watched(9.5), subject="web")
    world.take(*life.told, Ended("uid-1", succeeded=True), seconds=9.5)
    counted = world.commit(14.5)
    assert world.told[0].view.outcome is Outcome.COMPLETED
    assert {each.metric for each in counted} == {Metric.PHASE, Metric.IMAGE_PULL}


def test_a_pod_that_was_there_before_is_kept_and_neither_counted_nor_told() -> None:
    """A first installation does not flood the log with starts of last month."""
    world = World(look=at(900))
    world.take(*listed_life().told, seconds=900)
    assert world.commit(970) == ()
    assert world.told == []
    assert world.view().partial == (Partial.LISTED,)
    assert world.store.records["uid-1"].settled


def test_a_pod_that_was_starting_when_we_came_is_told_but_not_counted() -> None:
    """Its readiness is news, its duration is not known from beginning to end."""
    world = World(look=at(3))
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), happened(at(3)))
    world.take(*life.told, seconds=3)
    world.owners.selecting = ()
    world.take(*Life().saw(Milestone.READY, watched(6)).told, seconds=6)
    assert world.commit(11) == ()
    assert [each.view.partial for each in world.told] == [(Partial.LISTED,)]


def test_a_pod_created_while_we_were_away_counts_although_it_was_only_listed() -> None:
    """The history had begun before it; one-second fields bound its start well enough."""
    world = World(look=at(-500))
    world.take(*listed_life().told, Flagged("uid-1", Partial.LISTED), seconds=900)
    counted = world.commit(970)
    assert Metric.STARTUP in {each.metric for each in counted}
    assert world.view().partial == (Partial.GAP,)
    assert len(world.told) == 1


def test_mirrors_of_static_pods_are_told_and_never_counted() -> None:
    """The mirror is created after the pod that it mirrors already runs."""
    world = World()
    world.owners.selecting = ()
    life = Life().described(facts(mirror="static-1")).saw(Milestone.CREATED, in_second(9, Source.FIELD), watched(9.1))
    life.saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD)).saw(Milestone.READY, watched(9.2))
    world.take(*life.told, seconds=9.2)
    assert world.commit(15) == ()
    assert len(world.told) == 1


def test_each_container_with_a_real_pull_counts_once_and_cached_ones_do_not() -> None:
    """A pull is a network transfer; an image that was there is none."""
    world = World()
    world.owners.selecting = ()
    life = ordinary(facts(INIT, WEB))
    life.told.append(ImagePulled("uid-1", "migrate", "registry.test/migrate:1", cached=True, at=at(1)))
    world.take(*until_ready(life), seconds=6)
    pulls = [each.key for each in world.commit(11) if each.metric is Metric.IMAGE_PULL]
    assert pulls == ["web"]


def test_a_pull_whose_message_says_nothing_is_timed_by_its_events() -> None:
    """Messages change between versions; the names of Pulling and Pulled do not."""
    world = World()
    world.owners.selecting = ()
    life = ordinary()
    told = [each for each in until_ready(life) if not isinstance(each, ImagePulled)]
    world.take(*told, ImagePulled("uid-1", "web", "registry.test/web:1", cached=False, at=at(3)), seconds=6)
    pulls = [each.value for each in world.commit(11) if each.metric is Metric.IMAGE_PULL]
    assert pulls == [2_000_000_000]


def test_the_owner_is_asked_for_again_when_the_start_settles() -> None:
    """The ReplicaSet is often seen after its first pod."""
    world = World()
    world.take(*unselected(ordinary()), seconds=6)
    world.owners.chains["web-abc"] = (Owner("ReplicaSet", "web-abc", "rs-1"), Owner("Deployment", "web"))
    counted = world.commit(11)
    assert {(each.workload_kind, each.workload) for each in counted} == {("Deployment", "web")}


def test_the_owner_of_a_pod_that_is_stuck_is_found_as_well() -> None:
    """It never settles, and is shown under its Deployment all the same."""
    world = World()
    world.take(*Life().described(facts()).saw(Milestone.CREATED, watched(0.05)).told, seconds=1)
    world.commit(1)
    world.owners.chains["web-abc"] = (Owner("ReplicaSet", "web-abc", "rs-1"), Owner("Deployment", "web"))
    world.commit(2)
    assert world.store.records["uid-1"].workload == "web"


def test_termination_is_counted_when_the_object_is_gone() -> None:
    """From the request to the removal; a settled pod is unpacked for it and packed again."""
    world = World()
    world.take(*unselected(ordinary()), seconds=6)
    world.commit(11)
    world.take(*Life().saw(Milestone.DELETION_REQUESTED, watched(100)).told, seconds=100)
    world.commit(101)
    assert phases(world.tracker, now=at(110)).in_phase[Phase.TERMINATION_PENDING] == 1
    world.take(*Life().saw(Milestone.OBJECT_REMOVED, watched(130)).told, seconds=130)
    counted = world.commit(135)
    assert [(each.metric, each.value) for each in counted] == [
        (Metric.TERMINATION, 30_000_000_000),
        (Metric.PHASE, 30_000_000_000),
    ]
    assert len(world.told) == 1


def test_words_that_come_after_the_cut_refine_the_record_and_not_the_histograms() -> None:
    """What was unexplained when it was counted stays counted as unexplained."""
    world = World()
    world.owners.selecting = ()
    late = [
        each for each in ordinary().told if getattr(each, "mark", None) == MilestoneKey(Milestone.PULL_STARTED, "web")
    ]
    world.take(*[each for each in until_ready(ordinary()) if each not in late], seconds=6)
    counted = world.commit(11)
    assert Phase.UNEXPLAINED in {each.phase for each in counted}
    world.take(*late, seconds=12)
    assert world.commit(30) == ()
    assert MilestoneKey(Milestone.PULL_STARTED, "web") in {each.mark for each in world.view().milestones}
    stored = world.store.records["uid-1"].state
    assert MilestoneKey(Milestone.PULL_STARTED, "web") in dict(stored.evidence)
