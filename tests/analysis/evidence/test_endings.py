"""A start is over once the pod is, and what has ended for good is not what it waits for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.phases.test_spans import lengths, seen
from tests.support.departures import asked, exited
from tests.support.findings import accepted, created, every, found, networked, only, proofs, ready, started
from tests.support.lives import INIT, PROXY, WEB, Life, at, container_start, facts, named, watched

from podtimeline.analysis.findings.explain import explain
from podtimeline.analysis.findings.peers import Peers, PeerStart
from podtimeline.analysis.findings.rules import FindingKind
from podtimeline.analysis.resolved import Outcome
from podtimeline.model.instants import happened
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.observations import Described, Ended, Observation, Ran
from podtimeline.model.pods import ContainerKind, ContainerSpec, PodFacts, Probe

M, P = Milestone, Phase
UID = "uid-1"
WHY = "Node didn't have enough resource: cpu"
SIDE = ContainerSpec("side", ContainerKind.MAIN, "registry.test/side:1")
SLOW_PROXY = ContainerSpec("proxy", ContainerKind.SIDECAR, "registry.test/proxy:1", readiness_probe=Probe())


def bound() -> Life:
    """A pod that was bound after 0.1 s."""
    return created().saw(M.SCHEDULED, watched(0.1), detail="node-1")


def ended(
    life: Life,
    seconds: float | None,
    *,
    reason: str = "",
    text: str = "",
    succeeded: bool = False,
    leaving: bool = False,
) -> Life:
    """The pod's phase is terminal; ``None`` where a listing showed that."""
    life.told.append(Ended(UID, succeeded=succeeded, reason=reason, text=text, leaving=leaving))
    return life.saw(M.TERMINAL_PHASE, happened(at(50)) if seconds is None else watched(seconds), detail=reason)


def rejected(life: Life, seconds: float | None = 0.4) -> Life:
    """The kubelet did not admit it."""
    return ended(life, seconds, reason="OutOfcpu", text=f"Pod was rejected: {WHY}")


def job(*containers: ContainerSpec, policy: str = "Never") -> PodFacts:
    """A pod whose containers end."""
    return facts(*containers, restart_policy=policy, run_to_completion=True)


def last(life: Life, *, now: float = 60) -> tuple[Phase, str, bool]:
    """The last phase of the start, its subject, and whether it is open."""
    phase = seen(life.timeline(), now=at(now)).phases[-1]
    return phase.phase, phase.subject, phase.open


def test_a_rejection_ends_the_start_at_its_event() -> None:
    """The kubelet records it before it sets the status; however long the object stays, it is over."""
    told = seen(rejected(bound()).noted("OutOfcpu", 0.3, WHY).timeline(), now=at(5000))
    assert lengths(told.phases) == [(P.SCHEDULING, 0.1), (P.KUBELET_ADMISSION, 0.2)]
    assert not told.phases[-1].open
    assert told.outcome is Outcome.FAILED
    instant = told.instant(M.TERMINAL_PHASE)
    assert instant is not None
    assert (instant.at, instant.latest, instant.skew) == (at(0.3), at(0.3), 0)


def test_an_event_of_a_whole_second_bounds_a_rejection() -> None:
    """An Event without a time in its name: the watch tells better within its second."""
    told = seen(rejected(bound(), 0.4).noted("OutOfcpu", 0, WHY).timeline())
    instant = told.instant(M.TERMINAL_PHASE)
    assert instant is not None
    assert (instant.at, instant.latest) == (at(0.4), at(0.4))


def test_a_rejection_that_was_listed_without_its_event_has_no_moment() -> None:
    """It is over all the same: nothing grows, and nothing is made up."""
    told = seen(rejected(bound(), None).timeline(), now=at(5000))
    assert lengths(told.phases) == [(P.SCHEDULING, 0.1)]
    assert told.phase is None
    assert told.instant(M.TERMINAL_PHASE) is None


def test_a_rejection_is_told_first_and_without_logs_to_read() -> None:
    """Whatever took longer before it; others that started on the node are not to blame."""
    life = rejected(created().saw(M.SCHEDULED, watched(20), detail="node-1"), 20.5).noted("OutOfcpu", 20.4, WHY)
    crowd = Peers(starts=tuple(PeerStart(f"shop/web-{number}", at(15), at(40)) for number in range(9)))
    told = every(life, peers=crowd)
    assert told[0].kind is FindingKind.REJECTED
    assert told[0].text == f"rejected by the kubelet: OutOfcpu: {WHY}"
    assert f"event OutOfcpu: {WHY}" in proofs(told[0])
    assert {FindingKind.FAILED, FindingKind.BUSY_NODE}.isdisjoint(each.kind for each in told)
    assert not any("kubectl logs" in each.advice for each in told)


def test_a_rejection_in_the_moment_of_the_creation_is_told() -> None:
    """A pod that names its node itself can be rejected before the watch has shown it: its start took no time."""
    life = rejected(Life().described(facts(WEB)).saw(M.CREATED, watched(0.4)), 0.4).noted("OutOfcpu", 0.4, WHY)
    view = seen(life.timeline(), now=at(50))
    assert [(each.phase, each.duration, each.open) for each in view.phases] == [(P.SCHEDULING, 0, False)]
    assert (view.total, every(life)[0].kind) == (0, FindingKind.REJECTED)
    assert "rejected by the kubelet: OutOfcpu" in explain(view)


def test_a_running_pod_that_a_restarted_kubelet_rejects_had_been_admitted() -> None:
    """Its containers ran: it is told what has changed, not that it never started."""
    finding = only(rejected(started(WEB), 30), FindingKind.REJECTED)
    assert "restarted" in finding.advice
    assert finding.spell is not None
    assert (finding.spell.phase, finding.spell.end) == (P.RUN, at(30))


@pytest.mark.parametrize("seconds", [30, None])
def test_a_pod_that_failed_without_a_container_s_end_is_over(seconds: float | None) -> None:
    """Evicted while it pulled its image: the pull does not go on."""
    life = networked().saw(M.PULL_STARTED, named(1.5), subject="web")
    life = ended(life, seconds, reason="Evicted", text="The node was low on resource: ephemeral-storage.")
    told = seen(life.timeline(), now=at(5000))
    assert told.phase is None
    assert [each.end for each in told.phases if each.phase is P.IMAGE_PULL] == ([] if seconds is None else [at(30)])
    finding = only(life, FindingKind.FAILED)
    assert "low on resource" in finding.text
    assert "no logs" in finding.advice


def test_a_failure_that_nothing_explains_says_so() -> None:
    """A restarted kubelet may drop reason and message."""
    finding = only(ended(bound(), 9), FindingKind.FAILED)
    assert finding.text == "it failed: the reason is unknown"


def test_a_failed_pod_that_is_deleted_later_ended_when_it_failed() -> None:
    """What is done with the object afterwards is no part of its start."""
    told = seen(asked(rejected(bound()), 40).timeline())
    assert told.outcome is Outcome.FAILED
    assert told.phases[-1].end == at(0.4)


def test_an_init_container_that_failed_for_good_ends_the_start() -> None:
    """With restartPolicy Never nothing comes after it."""
    life = container_start(networked(job(INIT, WEB)), "migrate", 1)
    life = ended(exited(life, 9, 3, "migrate", reason="Error"), 11, reason="Error", text="migrate exited with code 3")
    told = seen(life.timeline(), now=at(5000))
    assert (told.phases[-1].phase, told.phases[-1].subject) == (P.INIT_RUN, "migrate")
    assert found(life, FindingKind.CRASH_LOOP) is None
    assert found(life, FindingKind.FAILED) is not None


@pytest.mark.parametrize(("code", "policy"), [(0, "Never"), (3, "Never"), (0, "OnFailure")])
def test_what_ended_for_good_is_no_crash_loop(code: int, policy: str) -> None:
    """Its pod completes, or fails, when the others have ended: until then it runs."""
    life = exited(started(WEB, SIDE, pod=job(WEB, SIDE, policy=policy)), 12, code)
    assert last(life) == (P.RUN, "side", True)
    life.saw(M.CONTAINER_READY, watched(13), subject="side")
    assert last(life) == (P.RUN, "side", True)
    assert found(life, FindingKind.CRASH_LOOP) is None


def test_a_job_whose_only_container_ended_runs_until_its_phase_says_so() -> None:
    """Nothing restarts it."""
    assert last(exited(started(WEB, pod=job(WEB)), 12, 3)) == (P.RUN, "web", True)


def test_a_container_that_ended_is_not_waited_for_while_another_starts() -> None:
    """The image of the other one is what the pod waits for."""
    life = exited(started(WEB, pod=job(WEB, SIDE)), 6)
    life.saw(M.PULL_STARTED, named(7), subject="side")
    assert last(life) == (P.IMAGE_PULL, "side", True)


def test_a_crash_loop_that_a_deletion_ends_stays_one() -> None:
    """The kubelet reports the end of the last run as one for good once the pod is to go."""
    life = exited(started(WEB), 9, 1, reason="Error")
    told = seen(asked(life, 20).timeline())
    assert (told.phases[-1].phase, told.phases[-1].end) == (P.CRASH_LOOP, at(20))
    assert told.outcome is Outcome.DELETED


def test_a_run_that_was_lost_is_over() -> None:
    """A container that the kubelet cannot find waits to be started again, as one that crashed does."""
    life = started(WEB)
    life.told.append(Ran(UID, "web", 0, at(3), None, None, "ContainerStatusUnknown"))
    assert last(life) == (P.CRASH_LOOP, "web", True)
    finding = only(life, FindingKind.CRASH_LOOP)
    assert "web ended with an unknown exit code (ContainerStatusUnknown)" in finding.text


def test_the_last_of_all_that_count_for_readiness_is_critical() -> None:
    """A native sidecar's readiness probe is charged to it, and what the main one did meanwhile is beside it."""
    life = container_start(networked(facts(SLOW_PROXY, WEB)), "proxy", 1)
    life.saw(M.STARTUP_PROBE_PASSED, watched(3.5), subject="proxy")
    container_start(life, "web", 4).saw(M.CONTAINER_READY, watched(8), subject="web")
    assert last(life) == (P.READINESS_PROBE, "proxy", True)
    told = seen(ready(life, 40, "proxy").timeline())
    assert lengths(told.phases)[-1] == (P.READINESS_PROBE, 36.5)
    assert {"web"} == {each.subject for each in told.parallel}
    assert told.missing == ()


def test_a_main_container_that_has_not_started_comes_before_a_sidecar_s_probe() -> None:
    """The kubelet does not wait for a sidecar's readiness before it starts the others."""
    life = container_start(networked(facts(SLOW_PROXY, WEB)), "proxy", 1)
    life.saw(M.STARTUP_PROBE_PASSED, watched(3.5), subject="proxy").saw(M.PULL_STARTED, named(4), subject="web")
    assert last(life) == (P.IMAGE_PULL, "web", True)


def test_a_sidecar_that_nobody_saw_ready_did_not_hold_a_ready_pod_up() -> None:
    """All were ready: that of this one it was not seen says nothing of when."""
    life = container_start(networked(facts(PROXY, WEB)), "proxy", 1)
    life.saw(M.STARTUP_PROBE_PASSED, watched(3.5), subject="proxy")
    told = seen(ready(container_start(life, "web", 4), 20, "web").timeline())
    assert (told.phases[-1].phase, told.phases[-1].subject) == (P.READINESS_PROBE, "web")


WAY = container_start(container_start(networked(facts(SLOW_PROXY, INIT, WEB)), "proxy", 1), "migrate", 4)
WAY = exited(exited(container_start(WAY, "web", 12), 10, container="migrate"), 20, 1)
END = Ended(UID, succeeded=False, reason="Evicted", text="The node was low on resource: memory.")


@given(st.permutations(WAY.told), st.integers(0, len(WAY.told)), st.sampled_from([None, 25.0]))
def test_once_a_pod_has_ended_nothing_of_its_start_is_open(
    told: list[Observation], kept: int, seconds: float | None
) -> None:
    """Whatever is known of it, in whatever order it came: it is over, and it sums."""
    life = Life(UID, [*told[:kept], *(each for each in WAY.told if isinstance(each, Described)), END])
    if seconds is not None:
        life.saw(M.TERMINAL_PHASE, watched(seconds))
    seen_of_it = seen(life.timeline(), now=at(5000))
    assert seen_of_it.phase is None
    assert sum(each.duration for each in seen_of_it.phases) == (seen_of_it.total or 0)
    assert all(each.end <= at(26) for each in seen_of_it.phases)


def test_a_pod_that_was_accepted_and_is_gone_from_the_api_is_no_rejection() -> None:
    """Only the kubelet's own words make one."""
    assert (
        found(
            ended(accepted(), 9, reason="Preempting", text="Preempted in order to admit critical pod"),
            FindingKind.REJECTED,
        )
        is None
    )
