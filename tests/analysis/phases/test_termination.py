"""The way back: its phases lie end to end and sum exactly, whatever ended the pod and whatever held it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.departures import asked, exited, killed, removed
from tests.support.findings import accepted, created, ready, started
from tests.support.lives import INIT, PROXY, WEB, Life, at, facts, in_second, named, ordinary, watched

from podtimeline.analysis.phases.termination import Stop
from podtimeline.analysis.resolved import Outcome, ResolvedTimeline, view
from podtimeline.model.instants import SECOND, Evidence, Source, exactly
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.observations import Cause, DeletionCause, Ended, Flagged, Partial, Ran
from podtimeline.model.pods import ContainerKind, ContainerSpec

SLOW = ContainerSpec("slow", ContainerKind.MAIN, "registry.test/slow:1")


def seen(life: Life, *, now: float = 60) -> ResolvedTimeline:
    """The life as of so many seconds."""
    told = view(life.timeline(), now=at(now))
    assert told is not None
    return told


def phases(told: ResolvedTimeline) -> list[tuple[Phase, str, float]]:
    """Phase, subject and seconds of each stretch of the way back; they must lie end to end and sum to its length."""
    ends = [each.end for each in told.leaving[:-1]]
    assert [each.start for each in told.leaving[1:]] == ends
    assert min((each.duration for each in told.leaving), default=0) >= 0
    if told.termination is not None:
        assert sum(each.duration for each in told.leaving) == told.termination
    return [(each.phase, each.subject, each.duration / SECOND) for each in told.leaving]


def test_an_ordinary_end_is_told_phase_by_phase() -> None:
    """The kubelet's notice, the container's own way to end, and what the kubelet does after it."""
    told = seen(removed(exited(killed(asked(ordinary()), 20.5), 23.5), 25))
    notice, stop, cleanup = phases(told)
    assert notice == (Phase.TERMINATION_PENDING, "", 0.5)
    assert stop[:2] == (Phase.CONTAINER_STOP, "web")
    assert stop[2] == pytest.approx(3, abs=0.5)
    assert cleanup[:2] == (Phase.CLEANUP, "")
    assert told.termination == 5 * SECOND


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        (asked(ordinary()), (Phase.TERMINATION_PENDING, "web", 40)),
        (killed(asked(ordinary()), 21), (Phase.CONTAINER_STOP, "web", 39)),
        (exited(killed(asked(ordinary()), 21), 30), (Phase.CLEANUP, "", None)),
        (exited(killed(asked(ordinary()), 21), 30).saw(Milestone.RELEASED, watched(35)), (Phase.FINALIZERS, "", 25)),
    ],
)
def test_a_pod_that_leaves_is_in_an_open_phase(life: Life, expected: tuple[Phase, str, float | None]) -> None:
    """What it waits for now, since when."""
    told = seen(life)
    last = phases(told)[-1]
    assert told.leaving[-1].open
    assert last[:2] == expected[:2]
    assert expected[2] is None or last[2] == expected[2]


def test_the_last_container_to_end_is_charged() -> None:
    """Of several the slowest; one that had ended before the request has no part in it."""
    early = ContainerSpec("early", ContainerKind.MAIN, "registry.test/early:1")
    life = ready(started(early, WEB, SLOW), 15, "web", "slow")
    exited(life, 16, 4, "early")
    killed(killed(asked(life), 20.2), 20.2, "slow")
    told = seen(removed(exited(exited(life, 21, container="web"), 27.5, 5, "slow"), 29))
    assert [each[:2] for each in phases(told)] == [
        (Phase.TERMINATION_PENDING, ""),
        (Phase.CONTAINER_STOP, "slow"),
        (Phase.CLEANUP, ""),
    ]
    assert [each.container for each in told.stops] == ["web", "slow"]


def test_while_one_container_runs_nothing_is_cleaned_up() -> None:
    """The open phase belongs to it."""
    life = ready(started(WEB, SLOW), 15, "web", "slow")
    told = seen(exited(killed(killed(asked(life), 20.2), 20.2, "slow"), 21))
    assert phases(told)[-1][:2] == (Phase.CONTAINER_STOP, "slow")


def test_a_sidecar_ends_last() -> None:
    """The kubelet stops it once the main containers are gone (KEP-753)."""
    life = ready(started(PROXY, WEB), 15, "proxy", "web")
    killed(killed(asked(life), 20.2), 20.2, "proxy")
    still = seen(exited(life, 22.5))
    assert [each[:2] for each in phases(still)][1:] == [(Phase.CONTAINER_STOP, "web"), (Phase.CONTAINER_STOP, "proxy")]
    told = seen(removed(exited(life, 24.5, container="proxy"), 26))
    stops = [(subject, took) for phase, subject, took in phases(told) if phase is Phase.CONTAINER_STOP]
    assert [subject for subject, _ in stops] == ["web", "proxy"]
    assert stops[1][1] == pytest.approx(2, abs=0.1)


def test_a_sidecar_that_ends_in_the_same_second_costs_nothing() -> None:
    """The main container was what it waited for."""
    life = ready(started(PROXY, WEB), 15, "proxy", "web")
    killed(killed(asked(life), 20.2), 20.2, "proxy")
    told = seen(removed(exited(exited(life, 22.4), 22.6, container="proxy"), 26))
    assert [subject for phase, subject, _ in phases(told) if phase is Phase.CONTAINER_STOP] == ["web"]


def test_what_ends_because_of_a_deletion_did_not_fail() -> None:
    """A pod that nobody had started yet, or whose init container was stopped; one that was evicted before did."""
    young = asked(created().saw(Milestone.SCHEDULED, watched(0.1), detail="node-1"))
    young.told.append(Ended(young.uid, succeeded=False, leaving=True))
    assert seen(removed(young, 22)).outcome is Outcome.DELETED
    initial = exited(killed(asked(started(INIT, pod=facts(INIT, WEB))), 20.2, "migrate"), 22.5, 1, "migrate")
    initial.told.append(Ended(initial.uid, succeeded=False, reason="Error", leaving=True))
    assert seen(removed(initial, 24)).outcome is Outcome.DELETED
    evicted = asked(created())
    evicted.told += [
        Ended(evicted.uid, succeeded=False, reason="Evicted", leaving=True),
        Ended(evicted.uid, succeeded=False, reason="Evicted"),
    ]
    assert seen(removed(evicted, 22)).outcome is Outcome.FAILED


def test_an_init_container_at_work_is_stopped_as_any_other() -> None:
    """And the start, which was called off, ends with the request."""
    life = exited(
        killed(asked(started(INIT, pod=facts(INIT, WEB))), 20.2, "migrate"), 22.5, 1, "migrate", reason="Error"
    )
    told = seen(removed(life, 24))
    assert (Phase.CONTAINER_STOP, "migrate") in [each[:2] for each in phases(told)]
    assert told.stops[0].exit_code == 1
    assert told.phases[-1].phase is Phase.INIT_RUN
    assert told.phases[-1].end == at(20)


def test_a_job_that_is_over_only_has_to_be_cleaned_up() -> None:
    """Its containers had ended long before."""
    life = removed(asked(exited(ordinary(facts(run_to_completion=True)), 10), grace=0), 20.5)
    assert phases(seen(life)) == [(Phase.CLEANUP, "", 0.5)]
    assert seen(life).stops == ()


def test_a_pod_that_no_node_took_is_gone_at_once() -> None:
    """The API server itself removes it: the way back has no length."""
    told = seen(removed(asked(created(), grace=0), 20))
    assert phases(told) == []
    assert told.termination == 0


def test_what_no_kubelet_takes_up_waits_for_it() -> None:
    """A node that is gone: the pod's object stays until somebody removes it by force."""
    life = asked(created().saw(Milestone.SCHEDULED, watched(0.1), detail="node-1"))
    assert phases(seen(life))[-1][0] is Phase.TERMINATION_PENDING
    life.told.append(DeletionCause(life.uid, Cause.POD_GC, "PodGC: node no longer exists"))
    assert phases(seen(removed(life, 50))) == [(Phase.TERMINATION_PENDING, "", 30)]


def test_without_containers_there_is_only_the_cleanup() -> None:
    """The kubelet had it, and nothing ran yet."""
    assert phases(seen(removed(asked(accepted()), 22))) == [(Phase.CLEANUP, "", 2)]


def test_a_removal_by_force_ends_the_phase_it_comes_in() -> None:
    """No end of the container was told, and nothing was missed: it still ran as far as its kubelet had said."""
    assert phases(seen(removed(killed(asked(ordinary()), 21), 26))) == [
        (Phase.TERMINATION_PENDING, "", 1),
        (Phase.CONTAINER_STOP, "web", 5),
    ]
    assert phases(seen(removed(asked(ordinary()), 26))) == [(Phase.TERMINATION_PENDING, "web", 6)]


def test_what_was_missed_is_unexplained() -> None:
    """The stream was cut: the container's end may have been told meanwhile."""
    life = killed(asked(ordinary()), 21)
    life.told.append(Flagged(life.uid, Partial.GAP))
    gone = Evidence(Source.LISTED, None, None, at(40), at(40))
    told = seen(life.saw(Milestone.OBJECT_REMOVED, gone))
    assert [each[0] for each in phases(told)] == [Phase.TERMINATION_PENDING, Phase.UNEXPLAINED]


def test_finalizers_hold_what_the_kubelet_is_done_with() -> None:
    """Their phase begins where nothing else holds the object."""
    life = exited(killed(asked(ordinary()), 20.5), 21.5).saw(Milestone.RELEASED, watched(24))
    told = seen(removed(life, 33))
    assert phases(told)[-1] == (Phase.FINALIZERS, "", 9)


def test_a_request_that_waits_for_nobody_leaves_the_object_to_its_finalizers() -> None:
    """By force: the container ends later than the object could have gone."""
    life = asked(ordinary(), grace=0).saw(Milestone.RELEASED, in_second(20, Source.FIELD), watched(20))
    told = seen(removed(exited(killed(life, 20.5), 23.5), 33))
    assert phases(told)[-1][0] is Phase.FINALIZERS


def test_a_crash_loop_is_not_waited_for() -> None:
    """Between two runs there is nothing to stop."""
    life = asked(ordinary())
    life.told.append(Ran(life.uid, "web", 3, None, at(15), 7, "Error"))
    assert phases(seen(removed(life, 22))) == [(Phase.CLEANUP, "", 2)]


def test_a_stop_for_another_reason_is_of_no_deletion() -> None:
    """A sandbox that changed long before: the last time that the kubelet began to stop the container counts."""
    told = seen(removed(exited(killed(killed(asked(ordinary()), 9), 21), 22.5), 24))
    assert phases(told)[0] == (Phase.TERMINATION_PENDING, "", 1)
    earlier = seen(removed(killed(asked(ordinary()), 9), 24))
    assert earlier.stops == ()
    assert earlier.instant(Milestone.KILLING, "web") is not None


def test_the_kubelet_can_be_faster_than_the_watch() -> None:
    """A request is not after its effects, even if its delivery is."""
    told = seen(removed(exited(killed(asked(ordinary(), 20.3), 20.1), 21.5), 23))
    request, kill = told.instant(Milestone.DELETION_REQUESTED), told.instant(Milestone.KILLING, "web")
    assert request is not None
    assert kill is not None
    assert request.at <= kill.at
    assert (request.skew, kill.skew) == (0, 0)
    assert phases(told)[0][0] is Phase.CONTAINER_STOP


def test_a_container_does_not_end_before_it_is_stopped() -> None:
    """Though its end is only known to the second."""
    told = seen(removed(exited(killed(asked(ordinary(), 20.7), 20.9), 20.95), 23))
    kill, end = told.instant(Milestone.KILLING, "web"), told.instant(Milestone.FINISHED, "web")
    assert kill is not None
    assert end is not None
    assert kill.at <= end.at
    assert end.earliest == kill.at


@pytest.mark.parametrize(
    ("seconds", "code", "reason", "grace_exceeded"),
    [
        (30.6, 137, "Error", True),
        (25, 137, "Error", False),
        (30.6, 143, "Error", False),
        (30.6, 137, "OOMKilled", False),
    ],
)
def test_whether_the_grace_ran_out(*, seconds: float, code: int, reason: str, grace_exceeded: bool) -> None:
    """By the exit code of SIGKILL, as late as the grace period allows."""
    (stop,) = seen(exited(killed(asked(ordinary()), 20.5), seconds, code, reason=reason)).stops
    assert (stop.exit_code, stop.reason, stop.grace_exceeded) == (code, reason, grace_exceeded)


def test_of_an_unknown_grace_nothing_is_said() -> None:
    """Neither that it ran out nor that it did not; and what has not ended has no exit code."""
    life = ordinary().saw(Milestone.DELETION_REQUESTED, watched(20))
    (stop,) = seen(exited(killed(life, 20.5), 50, 137)).stops
    assert stop.grace_exceeded is None
    (running,) = seen(killed(asked(ordinary()), 20.5)).stops
    assert running == Stop("web", running.began, None)


def test_a_pod_that_stays_has_no_way_back() -> None:
    """However its containers ended."""
    told = seen(exited(killed(ordinary(), 20.5), 22, 137))
    assert (told.leaving, told.stops, told.drains, told.termination) == ((), (), (), None)


MOMENTS = st.none() | st.floats(min_value=0, max_value=20)


@given(kill=MOMENTS, end=MOMENTS, release=MOMENTS, gone=MOMENTS, grace=st.sampled_from((0, 1, 30)))
def test_the_phases_sum_whatever_was_observed(**when: Any) -> None:
    """In any order, with any of them missing; bounds hold the estimates."""
    life = asked(ordinary(), grace=when["grace"])
    if when["kill"] is not None:
        killed(life, 20 + when["kill"])
    if when["end"] is not None:
        exited(life, 20 + when["end"], 0)
    if when["release"] is not None:
        life.saw(Milestone.RELEASED, watched(20 + when["release"]))
    if when["gone"] is not None:
        removed(life, 20 + when["gone"])
    told = seen(life)
    phases(told)
    assert told.leaving == () or told.leaving[-1].open == (when["gone"] is None)
    for each in told.milestones:
        instant = each.instant
        if instant is not None and instant.skew == 0:
            assert instant.earliest is None or instant.earliest <= instant.at
            assert instant.latest is None or instant.at <= instant.latest


def test_a_name_s_stamp_counts_once_however_often_it_is_listed() -> None:
    """Every listing brings the kubelet's Event again."""
    once = killed(asked(ordinary()), 21)
    again = killed(asked(ordinary()), 21).saw(Milestone.KILLING, named(21), subject="web")
    again.saw(Milestone.KILLING, exactly(Source.EVENT_NAME, at(21), observed=at(50)), subject="web")
    first, second = (seen(each).instant(Milestone.KILLING, "web") for each in (once, again))
    assert first is not None
    assert second is not None
    assert (first.at, first.skew) == (second.at, second.skew)


def vanished(life: Life, container: str = "web") -> Life:
    """The kubelet could not find a container any more."""
    life.told.append(Ran(life.uid, container, 0, at(3), None, None, "ContainerStatusUnknown"))
    nothing = Evidence(Source.WATCH, None, None, None, at(30))
    return life.saw(Milestone.FINISHED, nothing, subject=container)


def test_an_end_that_nobody_saw_divides_nothing() -> None:
    """What the container and what the kubelet took is not known: neither is guessed at, and nobody was killed."""
    told = seen(removed(vanished(killed(asked(ordinary()), 20.5)), 40))
    assert phases(told) == [(Phase.TERMINATION_PENDING, "", 0.5), (Phase.UNEXPLAINED, "web", 19.5)]
    (stop,) = told.stops
    assert stop.unknown
    assert (stop.ended, stop.exit_code, stop.grace_exceeded, stop.reason) == (
        None,
        None,
        None,
        "ContainerStatusUnknown",
    )
    still = seen(vanished(asked(ordinary())))
    assert phases(still) == [(Phase.UNEXPLAINED, "web", 40.0)]
    assert still.restarts == ()
