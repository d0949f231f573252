"""Phases are disjoint, named, never negative, and sum exactly."""

from tests.support.lives import INIT, PROXY, WEB, Life, at, container_start, facts, in_second, ordinary, watched

from podtimeline.analysis.phases.spans import PhaseSpan
from podtimeline.analysis.resolved import Outcome, ResolvedTimeline, view
from podtimeline.model.instants import Source
from podtimeline.model.milestones import PHASES, Milestone, MilestoneKey, Phase
from podtimeline.model.observations import Ended, ImagePulled
from podtimeline.model.pods import ContainerKind, ContainerSpec
from podtimeline.model.timeline import Timeline

NOW = at(60)


def seen(timeline: Timeline, *, now: int = NOW) -> ResolvedTimeline:
    """The view of a described timeline."""
    resolved = view(timeline, now=now)
    assert resolved is not None
    return resolved


def lengths(phases: tuple[PhaseSpan, ...]) -> list[tuple[Phase, float]]:
    """Phases with their length in seconds, rounded to a millisecond."""
    return [(each.phase, round(each.duration / 1e9, 3)) for each in phases]


def test_an_ordinary_start_is_told_phase_by_phase() -> None:
    """Every stretch between two milestones has its name, and the queue is told apart from the pull."""
    assert lengths(seen(ordinary().timeline()).phases) == [
        (Phase.SCHEDULING, 0.04),
        (Phase.KUBELET_ADMISSION, 0.11),
        (Phase.SANDBOX, 0.8),
        (Phase.IMAGE_QUEUE, 1.0),
        (Phase.IMAGE_PULL, 1.0),
        (Phase.CONTAINER_CREATE, 0.1),
        (Phase.CONTAINER_START, 0.098),
        (Phase.READINESS_PROBE, 2.703),
        (Phase.ENDPOINT, 0.05),
    ]


def test_phases_sum_to_the_total_and_the_total_to_the_endpoint() -> None:
    """No nanosecond is lost between creation and the first ready address."""
    told = seen(ordinary().timeline())
    assert sum(each.duration for each in told.phases) == told.total == told.endpoint
    assert told.startup is not None
    assert told.total is not None
    assert told.startup < told.total


def test_a_gap_in_the_evidence_is_called_unexplained() -> None:
    """Without its events a container's pull cannot be told from its creation: that stretch is not guessed at."""
    life = ordinary()
    lost = {Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED}
    life.told = [each for each in life.told if not (hasattr(each, "mark") and each.mark.milestone in lost)]
    told = seen(life.timeline())
    assert Phase.UNEXPLAINED in told.by_phase()
    assert MilestoneKey(Milestone.PULLED, "web") in told.missing
    assert sum(each.duration for each in told.phases) == told.total


def test_a_cached_image_needs_no_pull_to_be_complete() -> None:
    """There is no Pulling event for an image that is on the node: nothing is missing then."""
    life = ordinary()
    life.told = [
        each
        for each in life.told
        if not isinstance(each, ImagePulled)
        and not (hasattr(each, "mark") and each.mark.milestone is Milestone.PULL_STARTED)
    ]
    life.told.append(ImagePulled("uid-1", "web", "registry.test/web:1", cached=True, at=at(3)))
    told = seen(life.timeline())
    assert told.missing == ()
    assert Phase.IMAGE_PULL not in told.by_phase()


def test_a_pod_that_waits_has_an_open_phase_that_grows() -> None:
    """What is slow now is visible while it lasts."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    told = seen(life.timeline(), now=at(30.05))
    assert lengths(told.phases) == [(Phase.SCHEDULING, 30.0)]
    assert told.phases[0].open
    assert told.outcome is Outcome.STARTING


def test_a_pod_deleted_before_it_was_ready_ends_where_it_was() -> None:
    """The phase that was not over is charged up to the deletion request."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.DELETION_REQUESTED, watched(8.05))
    told = seen(life.timeline())
    assert told.outcome is Outcome.DELETED
    assert lengths(told.phases) == [(Phase.SCHEDULING, 8.0)]
    assert not told.phases[0].open


def test_what_the_kubelet_kills_after_a_deletion_did_not_fail() -> None:
    """The exit code that the deletion itself brings about (137) leaves the outcome and the last phase as they were."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0))
    for milestone in (Milestone.SCHEDULED, Milestone.KUBELET_ADMITTED, Milestone.IP_ASSIGNED):
        life.saw(milestone, watched(0.5))
    container_start(life, "web", 1.0).saw(Milestone.DELETION_REQUESTED, watched(9))
    life.saw(Milestone.FINISHED, watched(11), subject="web")
    life.told.append(Ended("uid-1", succeeded=False, reason="Error", text="web exited with code 137"))
    told = seen(life.timeline())
    assert told.outcome is Outcome.DELETED
    assert (told.phases[-1].phase, told.phases[-1].end) == (Phase.READINESS_PROBE, at(9))


def test_what_failed_by_itself_stays_failed_when_it_is_deleted_later() -> None:
    """A failed pod that is cleaned up has failed, whether its containers say when (a Job's) or not (an evicted one)."""
    for finished in (True, False):
        life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0))
        if finished:
            life.saw(Milestone.FINISHED, watched(4), subject="web")
        life.told.append(Ended("uid-1", succeeded=False, reason="Evicted"))
        life.saw(Milestone.DELETION_REQUESTED, watched(9))
        assert seen(life.timeline()).outcome is Outcome.FAILED


def test_a_sidecars_startup_probe_is_not_called_a_readiness_probe() -> None:
    """What ran beside is named after the probes that the container has."""
    life = Life().described(facts(PROXY, WEB)).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0))
    container_start(life, "proxy", 1.0).saw(Milestone.STARTUP_PROBE_PASSED, watched(6), subject="proxy")
    life.saw(Milestone.CONTAINER_READY, watched(6.1), subject="proxy")
    parallel = [each.phase for each in seen(life.timeline()).parallel if each.subject == "proxy"]
    assert Phase.READINESS_PROBE not in parallel


def test_a_job_that_never_was_ready_ran() -> None:
    """A pod that finished without readiness has a run phase instead of a readiness it never had."""
    life = Life().described(facts(run_to_completion=True))
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.09), detail="node-1")
    life.saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD), watched(0.2))
    life.saw(Milestone.IP_ASSIGNED, watched(3.4))
    container_start(life, "web", 1.0)
    life.saw(Milestone.FINISHED, in_second(7, Source.FIELD), watched(7.3), subject="web")
    life.told.append(Ended("uid-1", succeeded=True))
    told = seen(life.timeline())
    assert told.outcome is Outcome.COMPLETED
    assert told.phases[-1].phase is Phase.RUN
    assert told.phases[-1].end == at(7.3)


def test_what_an_init_container_took_is_its_own_phase() -> None:
    """Init containers run before the main ones and are on the critical path."""
    life = Life().described(facts(INIT, WEB)).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.09), detail="node-1")
    life.saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD), watched(0.2))
    life.saw(Milestone.IP_ASSIGNED, watched(3.4))
    container_start(life, "migrate", 1.0)
    life.saw(Milestone.FINISHED, in_second(9, Source.FIELD), watched(9.5), subject="migrate")
    container_start(life, "web", 10.0)
    told = seen(life.timeline())
    assert (Phase.INIT_RUN, 6.303) in lengths(told.phases)
    assert told.phases[-1].phase is Phase.READINESS_PROBE


def test_parallel_work_is_charged_to_the_container_that_was_ready_last() -> None:
    """The quick container's readiness is listed beside the critical path, not added to it."""
    quick = ContainerSpec("quick", ContainerKind.MAIN, "registry.test/quick:1")
    life = ordinary(facts(WEB, quick))
    container_start(life, "quick", 3.3)
    life.saw(Milestone.CONTAINER_READY, watched(5.7), subject="quick")
    told = seen(life.timeline())
    assert "quick" not in {each.subject for each in told.phases}
    assert "quick" in {each.subject for each in told.parallel}
    assert sum(each.duration for each in told.phases) == told.total


def test_a_service_that_awaits_the_pod_keeps_its_endpoint_phase_open() -> None:
    """A pod that is ready but in no slice gets no traffic: the way is not over."""
    life = ordinary()
    life.told = [
        each for each in life.told if not (hasattr(each, "mark") and each.mark.milestone is Milestone.ENDPOINT_READY)
    ]
    told = seen(life.timeline())
    assert told.awaited == ("shop/web",)
    assert told.phases[-1].phase is Phase.ENDPOINT
    assert told.phases[-1].open
    assert told.endpoint is None


def test_every_phase_has_a_row_with_words_for_people() -> None:
    """Metrics, legend and docs derive from the table."""
    assert set(PHASES) == set(Phase)
    assert all(row.summary and row.advice and row.title for row in PHASES.values())


def test_estimates_in_the_wrong_order_are_no_contradiction() -> None:
    """What is known to the second is put in its middle, and the report that follows it is of an earlier moment."""
    life = Life().described(facts()).saw(Milestone.CREATED, watched(0.1)).saw(Milestone.SCHEDULED, watched(0.2))
    life.saw(Milestone.KUBELET_ADMITTED, in_second(3.2), subject="").saw(Milestone.IP_ASSIGNED, watched(3.3))
    told = seen(life.timeline(), now=at(4))
    assert told.skew == 0
    assert {each.skew for each in told.phases} == {0}
