"""What containers do between their start and traffic: each finding quotes its evidence, and needs it."""

import pytest
from tests.support.findings import created, every, found, networked, only, proofs, ready, started
from tests.support.lives import ANSWER, INIT, WEB, Life, at, container_start, facts, in_second, named, ordinary, watched
from tests.support.many import many

from podtimeline.analysis.findings.rules import FindingKind as Kind
from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.observations import ALL_RESTARTING, Ended, Ran
from podtimeline.model.pods import ContainerKind, ContainerSpec, Probe

GATE = "lb.test/attached"


def crashed(*codes: tuple[int, str]) -> Life:
    """A pod whose container ended so often, a second a run, and waits to be started again."""
    life = started(WEB)
    for run, (code, reason) in enumerate(codes):
        begun = 3 + 2 * run
        life.told.append(Ran("uid-1", "web", run, at(begun), at(begun + 1), code, reason))
    return life


def test_a_crash_loop_lists_the_exit_codes() -> None:
    """Each run's end, not only the last one's."""
    finding = only(crashed((1, "Error"), (1, "Error"), (2, "Error")), Kind.CRASH_LOOP)
    assert finding.text == "web restarted 2 times, with exit code 1 (Error), exit code 1 (Error), exit code 2 (Error)"
    assert "run 0 of web ended with exit code 1 (Error), after about 1.00s" in proofs(finding)
    assert finding.open
    assert found(started(WEB), Kind.CRASH_LOOP) is None


def test_a_container_that_ended_once_is_no_series_of_runs() -> None:
    """Where it is not started again there is no last one of several; stamps of one second tell no length."""
    life = started(WEB)
    life.told.append(Ran("uid-1", "web", 0, at(3), at(3), 4, "Error"))
    finding = only(life, Kind.CRASH_LOOP)
    assert finding.text == "web ended with exit code 4 (Error)"
    assert "run 0 of web ended with exit code 4 (Error), within a second or so" in proofs(finding)


@pytest.mark.parametrize(
    ("code", "reason", "advice"),
    [(137, "OOMKilled", "limits.memory"), (127, "Error", "not found in the image"), (1, "Error", "kubectl logs")],
)
def test_what_a_container_ended_with_leads_to_the_advice(code: int, reason: str, advice: str) -> None:
    """Out of memory is another trouble than a typing error in the command."""
    assert advice in only(crashed((code, reason)), Kind.CRASH_LOOP).advice


def test_a_container_that_the_kubelet_kills_for_its_probe_is_told_of() -> None:
    """The exit code alone would mislead: it did as it was told."""
    life = crashed((137, "Error")).noted("Unhealthy", 4, "Liveness probe failed: HTTP 500", subject="web", count=3)
    finding = only(life, Kind.CRASH_LOOP)
    assert finding.text.endswith("after Liveness probe failed: HTTP 500")
    assert "startupProbe" in finding.advice


@pytest.mark.parametrize(
    ("reason", "subject", "words", "advice"),
    [
        ("FailedPostStartHook", "web", "PostStartHook failed", "postStart hook"),
        ("SandboxChanged", "", "Pod sandbox changed, it will be killed and re-created.", "pause process"),
    ],
)
def test_what_else_ends_a_run_is_told_of(reason: str, subject: str, words: str, advice: str) -> None:
    """An exit code of 0 would be no reason to start a container again."""
    life = crashed((0, "Completed")).noted(reason, 4, words, subject=subject)
    finding = only(life, Kind.CRASH_LOOP)
    assert finding.text.endswith(f"after {reason}: {words.rstrip('.')}")
    assert advice in finding.advice


def test_a_kill_for_a_probe_is_told_of_where_another_probe_had_the_last_word() -> None:
    """All probes of a container speak under one reason: the kubelet's own words for the kill remain."""
    life = crashed((137, "Error")).noted("Unhealthy", 4, "Readiness probe failed: 503", subject="web", count=30)
    life.noted("Killing", 4, "Container web failed liveness probe, will be restarted", subject="web")
    finding = only(life, Kind.CRASH_LOOP)
    assert finding.text.endswith("after Container web failed liveness probe, will be restarted")
    life.noted("Killing", 4.5, "Stopping container web", subject="web")
    assert "startupProbe" not in only(life, Kind.CRASH_LOOP).advice


def test_runs_after_the_start_are_not_its_own() -> None:
    """A pod that was ready and crashes a day later started well."""
    life = ready(started(WEB), 6, "web")
    life.told.append(Ran("uid-1", "web", 0, at(3), at(86_400), 1, "Error"))
    life.noted("BackOff", 86_401, "Back-off restarting failed container", subject="web")
    assert found(life, Kind.CRASH_LOOP, now=90_000) is None


def inits(*seconds: float) -> Life:
    """A pod whose init containers run for so long, one after the other, and whose main container is then ready."""
    names = [ContainerSpec(f"init-{number}", ContainerKind.INIT, "i") for number in range(len(seconds))]
    life, now = networked(facts(*names, WEB)), 1.0
    for spec, took in zip(names, seconds, strict=True):
        container_start(life, spec.name, now)
        now += 2.2 + took
        life.saw(Milestone.FINISHED, watched(now), subject=spec.name)
    container_start(life, "web", now)
    return ready(life, now + 2.5, "web")


def test_init_containers_that_dominate_are_told_of_together() -> None:
    """Several of middling length cost more than any one phase shows."""
    finding = only(inits(4, 5), Kind.INIT_DOMINATES)
    assert finding.phase is None
    texts = [f"{name} (image queue 1.00s, image pull 1.00s, init run" for name in ("init-0 6.20s", "init-1 7.20s")]
    assert finding.text == f"{texts[0]} 4.00s), {texts[1]} 5.00s)"
    assert "finished of init-1" in proofs(finding)
    assert finding.duration == round(13.4 * SECOND)


def test_one_init_container_that_dominates_is_told_of_alone() -> None:
    """It is the phase of that container that is long."""
    finding = only(inits(30), Kind.INIT_DOMINATES)
    assert (finding.phase, finding.subject) == (Phase.INIT_RUN, "init-0")
    assert "no other container starts before it ends" in finding.text


def test_init_containers_that_cost_little_are_not_told_of() -> None:
    """A quick migration is no trouble."""
    life = networked(facts(INIT, WEB))
    container_start(life, "migrate", 1)
    life.saw(Milestone.FINISHED, watched(3.3), subject="migrate")
    container_start(life, "web", 3.4)
    assert found(ready(life, 40, "web"), Kind.INIT_DOMINATES) is None


def test_a_post_start_hook_is_told_of() -> None:
    """With the kubelet's words where it failed."""
    hooked = ContainerSpec("web", ContainerKind.MAIN, "i", post_start=True)
    life = started(hooked)
    life.noted("FailedPostStartHook", 9, "PostStartHook failed: exit 1", subject="web")
    finding = only(life, Kind.POST_START)
    assert "the kubelet waited for the postStart hook of web: FailedPostStartHook: PostStartHook failed" in finding.text
    assert "spec: lifecycle.postStart is set" in proofs(finding)
    assert found(started(WEB), Kind.POST_START) is None


def test_a_late_report_gives_the_figure_of_the_watch() -> None:
    """What was done on the node, and when it was seen."""
    plain = ContainerSpec("web", ContainerKind.MAIN, "i")
    life = started(plain).saw(Milestone.STARTED, watched(9), subject="web")
    ready(life, 9, "web")
    finding = only(life, Kind.REPORT_LAG)
    assert "reported late" in finding.text
    assert "started of web was reported 5.80s after it happened" in proofs(finding)
    assert found(ready(started(WEB), 9, "web"), Kind.REPORT_LAG) is None


def test_a_readiness_gate_names_who_set_it() -> None:
    """Where that is known."""
    life = started(ContainerSpec("web", ContainerKind.MAIN, "i"), pod=facts(readiness_gates=(GATE,)))
    life.saw(Milestone.CONTAINER_READY, watched(4), subject="web").saw(Milestone.CONTAINERS_READY, watched(4))
    assert only(life, Kind.READINESS_GATE).text == f"not True yet: {GATE}"
    life.saw(Milestone.READINESS_GATE, watched(30), subject=GATE, detail="lb-controller").saw(
        Milestone.READY, watched(30)
    )
    finding = only(life, Kind.READINESS_GATE)
    assert finding.text == f"the last one to become True was {GATE}, set by lb-controller"
    assert finding.duration == 26 * SECOND
    assert found(ordinary(), Kind.READINESS_GATE) is None


def test_an_endpoint_that_does_not_come_names_the_service() -> None:
    """Ready, and no traffic."""
    life = ready(started(WEB), 5, "web").selected("shop/web", "shop/api")
    finding = only(life, Kind.ENDPOINT_AWAITED)
    assert "shop/api, shop/web" in finding.text
    assert finding.open
    assert "milestone: ready, by watch" in proofs(finding)


def test_an_endpoint_that_came_late_names_the_slice() -> None:
    """The controller was slow."""
    life = ready(started(WEB), 5, "web").selected("shop/web")
    life.saw(Milestone.ENDPOINT_READY, watched(25), subject="shop/web/web-x1")
    finding = only(life, Kind.ENDPOINT_AWAITED)
    assert "EndpointSlice web-x1 was written late after the pod became Ready" in finding.text
    assert finding.duration == 20 * SECOND
    assert found(ordinary(), Kind.ENDPOINT_AWAITED) is None


def test_a_pod_that_failed_says_how() -> None:
    """By its status, and the exit codes."""
    life = started(ContainerSpec("web", ContainerKind.MAIN, "i"), pod=facts(run_to_completion=True))
    life.saw(Milestone.FINISHED, in_second(9, Source.FIELD), watched(9.9), subject="web")
    assert found(life, Kind.FAILED) is None
    life.told.append(Ran("uid-1", "web", 0, at(3), at(9), 3, "Error"))
    life.told.append(Ended("uid-1", succeeded=False, reason="DeadlineExceeded", text="active longer than allowed"))
    finding = only(life, Kind.FAILED)
    assert finding.text == "it failed: DeadlineExceeded: active longer than allowed"
    assert "exit code 3" in proofs(finding)


def test_what_was_not_observed_is_listed() -> None:
    """Lost events are named in the words of the milestones."""
    life = created().saw(Milestone.SCHEDULED, watched(0.1)).saw(Milestone.KUBELET_ADMITTED, watched(0.2))
    life.saw(Milestone.STARTED, named(5), subject="web")
    finding = only(ready(life, 6, "web"), Kind.UNEXPLAINED)
    assert finding.text == "ip assigned; pull started, pulled and container created of web"
    assert found(ordinary(), Kind.UNEXPLAINED) is None


def test_many_containers_that_start_one_after_the_other_are_one_finding() -> None:
    """None of forty starts is worth a word by itself; which took longest is told where Events tell it."""
    finding = only(many(), Kind.SEQUENTIAL_STARTS)
    assert finding.text == "40 containers were started one after the other, 173ms each on average"
    assert [each.text for each in finding.evidence] == ["started of c01, by event name", "started of c40, by field"]
    told = only(many(8, written=24), Kind.SEQUENTIAL_STARTS)
    assert told.text.startswith("8 containers were started one after the other, 1")
    assert ", c0" in told.text
    assert found(many(3, written=9), Kind.SEQUENTIAL_STARTS) is None


def test_one_slow_container_among_many_is_not_their_number() -> None:
    """The kubelet came to the eighth of them ten seconds later."""
    assert found(many(8, written=24), Kind.SEQUENTIAL_STARTS) is not None
    assert found(many(8, written=24, last=10), Kind.SEQUENTIAL_STARTS) is None


def test_a_phase_that_no_rule_speaks_of_is_told_of_by_its_bounds() -> None:
    """No finding is better than a guess, but the time is named."""
    finding = found(created().saw(Milestone.SCHEDULED, watched(9), detail="node-1"), Kind.LONG_PHASE, now=9.5)
    assert finding is not None
    assert finding.phase is Phase.SCHEDULING
    assert [each.text for each in finding.evidence] == ["created, by watch", "scheduled (node-1), by watch"]


def probed(*, delay: int = 0, period: int = 10, startup: bool = False) -> ContainerSpec:
    """A container with one probe."""
    probe = Probe(delay, period)
    if startup:
        return ContainerSpec("web", ContainerKind.MAIN, "i", startup_probe=probe)
    return ContainerSpec("web", ContainerKind.MAIN, "i", readiness_probe=probe)


def test_a_failing_probe_is_quoted_with_its_schedule() -> None:
    """What it saw, and how often it looks."""
    life = ready(started(probed()), 20, "web")
    assert found(life, Kind.FAILING_PROBE) is None
    life.noted("Unhealthy", 12, "Readiness probe failed: 503", subject="web", count=2)
    finding = only(life, Kind.FAILING_PROBE)
    assert finding.text == "Unhealthy (2 times): Readiness probe failed: 503"
    assert "periodSeconds 10" in proofs(finding)


def test_each_probe_speaks_of_its_own_phase() -> None:
    """A busy kubelet reports late that the startup probe has passed: the next probe may have failed before that."""
    both = ContainerSpec("web", ContainerKind.MAIN, "i", startup_probe=Probe(0, 1), readiness_probe=Probe(0, 1))
    life = started(both).saw(Milestone.STARTUP_PROBE_PASSED, watched(9), subject="web")
    life = ready(life, 10, "web")
    life.noted("Unhealthy", 8.9, "Readiness probe failed: the cache is cold", subject="web")
    assert _spoken(life) == {Phase.READINESS_PROBE: "Unhealthy: Readiness probe failed: the cache is cold"}
    life.noted("Unhealthy", 5, "Startup probe failed: warming up", subject="web")
    assert _spoken(life)[Phase.STARTUP_PROBE] == "Unhealthy: Startup probe failed: warming up"


def _spoken(life: Life) -> dict[Phase, str]:
    """What failing probes are quoted with, by the phase."""
    told = every(life)
    return {each.spell.phase: each.text for each in told if each.kind is Kind.FAILING_PROBE and each.spell}


def test_words_from_after_the_start_are_not_quoted_for_it() -> None:
    """A probe that fails for another reason a day later has the same note: its first words are the start's."""
    life = ready(started(probed()), 20, "web")
    life.noted("Unhealthy", 12, "Readiness probe failed: warming up", subject="web")
    life.noted("Unhealthy", 86_400, "Readiness probe failed: disk full", subject="web", count=40)
    assert only(life, Kind.FAILING_PROBE, now=90_000).text == "Unhealthy: Readiness probe failed: warming up"


def test_an_initial_delay_that_was_waited_out_is_a_range() -> None:
    """Nobody looked before: the first success could have come any time earlier."""
    life = ready(started(probed(delay=15, period=5)), 20, "web")
    finding = only(life, Kind.PROBE_DELAY)
    assert "initialDelaySeconds is 15, and no probe is known to have failed" in finding.text
    assert "0 to 16.8s earlier" in finding.text
    assert found(life, Kind.PROBE_PERIOD) is None


def test_looks_of_which_the_kubelet_had_no_event_left_count_as_neither_failed_nor_passed() -> None:
    """Another container's probe used up the Warnings: that none is known to have failed says nothing."""
    delayed, life = (ready(started(probed(delay=delay, period=5)), 20, "web") for delay in (15, 0))
    assert found(delayed, Kind.PROBE_DELAY) is not None
    for each in (delayed, life):
        each.noted("Unhealthy", 14, "Readiness probe failed: no", subject="other", count=25)
    assert found(delayed, Kind.PROBE_DELAY) is None
    assert "no probe is known to have failed" in only(life, Kind.PROBE_PERIOD).text
    life.noted("Unhealthy", 15, "Readiness probe failed: 503", subject="web")
    assert "the last probe known to have failed was 5.00s before" in only(life, Kind.PROBE_PERIOD).text


def test_an_initial_delay_that_was_needed_is_no_finding() -> None:
    """Where a look failed after the delay, the container was not up before."""
    life = ready(started(probed(delay=5, period=5)), 20, "web")
    life.noted("Unhealthy", 12, "Readiness probe failed: 503", subject="web")
    assert found(life, Kind.PROBE_DELAY) is None
    assert found(ready(started(probed()), 20, "web"), Kind.PROBE_DELAY) is None


def test_a_delay_that_still_runs_says_for_how_long() -> None:
    """Whoever watches the start knows that nothing can happen yet."""
    finding = only(started(probed(delay=60)), Kind.PROBE_DELAY, now=20)
    assert finding.text == "initialDelaySeconds is 60: the kubelet waits another 43.2s before the first probe"
    assert found(started(probed(delay=5)), Kind.PROBE_DELAY, now=20) is None


def test_the_last_failed_look_bounds_what_a_shorter_period_would_win() -> None:
    """The container was not up then; it may have been right after."""
    life = ready(started(probed(period=30)), 42, "web")
    life.noted("Unhealthy", 14, "Readiness probe failed: 503", subject="web")
    finding = only(life, Kind.PROBE_PERIOD)
    assert "the last probe failed 28.0s before: it could have succeeded 0 to 28.0s earlier" in finding.text
    assert finding.duration == 28 * SECOND


def test_a_period_never_costs_more_than_itself() -> None:
    """Events of later failures may be lost: looks come once a period all the same."""
    life = ready(started(probed(period=5)), 42, "web").noted("Unhealthy", 14, "Readiness probe failed", subject="web")
    assert only(life, Kind.PROBE_PERIOD).duration == 5 * SECOND


def test_a_short_period_is_no_finding() -> None:
    """There is nothing to win."""
    life = ready(started(probed(period=1)), 42, "web").noted("Unhealthy", 41, "Readiness probe failed", subject="web")
    assert found(life, Kind.PROBE_PERIOD) is None


def test_a_startup_probe_has_a_schedule_too() -> None:
    """The field that is named is the one to change."""
    life = started(probed(period=10, startup=True)).saw(Milestone.STARTUP_PROBE_PASSED, watched(11), subject="web")
    finding = only(ready(life, 11.1, "web"), Kind.PROBE_PERIOD)
    assert "startupProbe of web" in proofs(finding)
    assert finding.duration == round((7.8 + ANSWER) * SECOND)


def counted(threshold: int, *, period: int = 10) -> ContainerSpec:
    """A container whose readiness probe has to succeed so often in a row."""
    return ContainerSpec("web", ContainerKind.MAIN, "i", readiness_probe=Probe(0, period, success_threshold=threshold))


def test_a_success_threshold_has_its_own_time() -> None:
    """What the spec asks for is not what a shorter period alone, or the application, could have spared."""
    life = ready(started(counted(3)), 26, "web").noted("Unhealthy", 4, "Readiness probe failed: 503", subject="web")
    threshold = only(life, Kind.PROBE_THRESHOLD)
    assert threshold.duration == 20 * SECOND
    assert "2 more successes after the first one took up to 20.0s" in threshold.text
    assert "successThreshold 3" in proofs(threshold)
    assert only(life, Kind.PROBE_PERIOD).duration == 2 * SECOND
    assert "1 more success after" in only(ready(started(counted(2)), 26, "web"), Kind.PROBE_THRESHOLD).text


def test_a_threshold_of_one_is_no_finding() -> None:
    """While the pod waits nobody knows how many successes there were."""
    assert found(ready(started(counted(1)), 26, "web"), Kind.PROBE_THRESHOLD) is None
    assert "ready up to 20.0s after the first success" in only(started(counted(3)), Kind.PROBE_THRESHOLD).text


def test_a_threshold_takes_no_more_than_there_was() -> None:
    """The kubelet looks at once, too, whenever it syncs a pod that is not ready."""
    threshold = only(ready(started(counted(4)), 26, "web"), Kind.PROBE_THRESHOLD)
    assert threshold.spell is not None
    assert threshold.duration == threshold.spell.duration < 30 * SECOND


def test_a_restart_of_the_whole_pod_by_rule_is_told_of() -> None:
    """The condition says that no back-off and no probe was the reason."""
    life = crashed((88, "Error")).noted(ALL_RESTARTING, 6, "")
    finding = only(life, Kind.CRASH_LOOP)
    assert finding.text.endswith(
        "exit code 88 (Error), and a rule restarted all containers of the pod (RestartAllContainers)"
    )
    assert f"condition {ALL_RESTARTING}" in proofs(finding)
    assert "restartPolicyRules" in finding.advice


def test_a_back_off_of_an_image_is_no_crash_loop() -> None:
    """The kubelet has one reason for both: a run that ended once does not make a loop of a failing pull."""
    life = crashed((1, "Error")).saw(Milestone.LAST_STARTED, watched(9), subject="web")
    life.noted("BackOff", 20, 'Back-off pulling image "registry.test/web:1"', subject="web", count=4)
    loops = [each for each in every(life) if each.kind is Kind.CRASH_LOOP]
    assert {each.phase for each in loops} == {Phase.CRASH_LOOP}
    assert "pulling image" not in "".join(proofs(each) for each in loops)
    life.noted("CrashLoopBackOff", 20, "back-off 20s restarting failed container", subject="web")
    assert any("restarting failed" in proofs(each) for each in every(life) if each.kind is Kind.CRASH_LOOP)
