"""One sentence says what a start spent its time on, and why, from evidence alone."""

import pytest
from tests.support.lives import Life, at, container_start, facts, in_second, named, ordinary, watched

from podtimeline.analysis.findings.explain import explain
from podtimeline.analysis.resolved import view
from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Ran
from podtimeline.model.texts import bytes_text, duration_text
from podtimeline.model.timeline import Timeline


def said(timeline: Timeline) -> str:
    """The sentence, a minute after creation."""
    told = view(timeline, now=at(60))
    assert told is not None
    return explain(told)


def test_a_failing_probe_is_quoted() -> None:
    """The kubelet's own words say what the probe saw."""
    life = ordinary().noted("Unhealthy", 5, "Readiness probe failed: statuscode: 503", subject="web", count=3)
    assert said(life.timeline()) == (
        "It spent 2.70s (45 % of 5.90s) in readiness probe of web: "
        "Unhealthy (3 times): Readiness probe failed: statuscode: 503."
    )


def test_words_about_another_container_are_not_a_reason() -> None:
    """No finding without evidence."""
    life = ordinary().noted("Unhealthy", 5, "Readiness probe failed: other", subject="sidecar")
    assert "other" not in said(life.timeline())


def test_words_from_another_time_are_not_a_reason() -> None:
    """A probe that fails a day later did not slow the start."""
    life = ordinary().noted("Unhealthy", 86_400, "Readiness probe failed: later", subject="web")
    assert "later" not in said(life.timeline())


def test_words_said_just_before_the_estimate_of_the_start_count() -> None:
    """The scheduler may speak before the watch has shown the pod's creation to a busy observer."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.4))
    life.noted("FailedScheduling", 0.1, "0/2 nodes are available: 2 Insufficient cpu.")
    assert "Insufficient cpu" in said(life.timeline())


def test_a_pod_that_cannot_be_scheduled_says_what_the_scheduler_said() -> None:
    """The scheduler's text, while the pod still waits."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0))
    life.noted("FailedScheduling", 1, "0/2 nodes are available: 2 Insufficient cpu.")
    assert said(life.timeline()) == (
        "It has been in scheduling for 1m00s (100 % of 1m00s): "
        "FailedScheduling: 0/2 nodes are available: 2 Insufficient cpu."
    )


def test_a_slow_pull_names_image_size_and_rate() -> None:
    """Whether the image or the way to it is the trouble shows in the rate."""
    life = ordinary()
    life.saw(Milestone.PULLED, subject="web")
    told = view(life.timeline(), now=at(60))
    assert told is not None
    pull = next(each for each in told.phases if each.phase == "image_pull")
    slow = explain(type(told)(**{f: getattr(told, f) for f in told.__slots__} | {"phases": (pull,)}))
    assert slow.endswith("in image pull of web: registry.test/web:1, 30.0 MiB at 30.0 MiB/s.")


def stuck(*steps: Milestone) -> Life:
    """A pod bound and given its address, whose container has come as far as the steps, one each second."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0))
    for milestone in (Milestone.SCHEDULED, Milestone.KUBELET_ADMITTED, Milestone.IP_ASSIGNED):
        life.saw(milestone, watched(0.5))
    for second, milestone in enumerate(steps, start=1):
        life.saw(milestone, named(second), subject="web")
    return life


def test_an_image_that_cannot_be_pulled_is_quoted_with_its_cause() -> None:
    """The waiting container's reason holds the cause; the events after it only repeat that it failed."""
    life = stuck(Milestone.PULL_STARTED)
    life.noted("ImagePullBackOff", 5, 'Back-off pulling image "x": ErrImagePull: no such host', subject="web")
    life.noted("Failed", 6, "Error: ImagePullBackOff", subject="web", count=9)
    life.noted("BackOff", 7, 'Back-off pulling image "x"', subject="web", count=9)
    assert said(life.timeline()).endswith(': ImagePullBackOff: Back-off pulling image "x": ErrImagePull: no such host.')


def test_a_missing_config_map_is_named_by_its_reason() -> None:
    """CreateContainerConfigError is what one searches for."""
    life = stuck(Milestone.PULL_STARTED, Milestone.PULLED)
    life.noted("CreateContainerConfigError", 3, 'configmap "settings" not found', subject="web")
    life.noted("Failed", 9, 'Error: configmap "settings" not found', subject="web", count=4)
    sentence = said(life.timeline())
    assert sentence.endswith(': CreateContainerConfigError: configmap "settings" not found.')
    assert "container create of web" in sentence


def test_a_crash_loop_tells_the_exit_code() -> None:
    """That the kubelet backs off is no cause; what the process exited with leads to one."""
    life = stuck(Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED)
    life.noted("CrashLoopBackOff", 9, "back-off 10s restarting failed container=web", subject="web")
    life.told.append(Ran("uid-1", "web", 3, None, None, 137, "OOMKilled"))
    assert said(life.timeline()).endswith(": web restarted 3 times, last with exit code 137 (OOMKilled).")
    life.noted("Unhealthy", 8, "Liveness probe failed: HTTP 500", subject="web")
    assert said(life.timeline()).endswith("exit code 137 (OOMKilled), after Liveness probe failed: HTTP 500.")


def test_a_restart_long_after_the_start_is_not_its_reason() -> None:
    """Only what backs off during the start slows it."""
    life = ordinary().noted("CrashLoopBackOff", 86_400, "back-off", subject="web")
    life.told.append(Ran("uid-1", "web", 3, None, None, 1, "Error"))
    assert "exit code" not in said(life.timeline())


def test_a_probe_without_output_leaves_no_colon_behind() -> None:
    """A probe that only exits has nothing to say after its colon."""
    life = ordinary().noted("Unhealthy", 5, "Readiness probe failed: ", subject="web")
    assert said(life.timeline()).endswith(": Unhealthy: Readiness probe failed.")


def test_a_shut_readiness_gate_is_named() -> None:
    """The gate's name leads to the controller that has not opened it."""
    life = Life().described(facts(readiness_gates=("lb.test/attached",)))
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0))
    for milestone in (Milestone.SCHEDULED, Milestone.KUBELET_ADMITTED, Milestone.IP_ASSIGNED):
        life.saw(milestone, watched(0.5))
    container_start(life, "web", 1.0).saw(Milestone.CONTAINER_READY, watched(4), subject="web")
    life.saw(Milestone.CONTAINERS_READY, watched(4))
    sentence = said(life.timeline())
    assert "It has been in readiness gates for" in sentence
    assert sentence.endswith(": not True yet: lb.test/attached.")


def test_what_was_not_observed_reads_as_a_sentence() -> None:
    """Lost events are named in the words of the milestones."""
    life = Life().described(facts()).saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0))
    for milestone in (Milestone.SCHEDULED, Milestone.KUBELET_ADMITTED):
        life.saw(milestone, watched(0.1))
    life.saw(Milestone.STARTED, named(5), subject="web").saw(Milestone.CONTAINER_READY, watched(5.1), subject="web")
    life.saw(Milestone.READY, watched(5.2))
    sentence = said(life.timeline())
    assert "in steps that were not observed: " in sentence
    assert "pull started, pulled and container created of web" in sentence
    assert "_" not in sentence


def test_a_start_under_way_also_says_what_it_waits_for_now() -> None:
    """The longest phase may be long over: at 3 a.m. the current one is what counts."""
    life = stuck(Milestone.PULL_STARTED)
    life.saw(Milestone.PULLED, named(50), subject="web")
    life.saw(Milestone.CONTAINER_CREATED, named(50.1), subject="web")
    life.saw(Milestone.STARTED, named(50.2), subject="web")
    life.noted("Unhealthy", 55, "Readiness probe failed: 503", subject="web")
    sentence = said(life.timeline())
    assert "in image pull of web: registry.test/web:1. Now it has been in readiness probe of web for 9." in sentence
    assert sentence.endswith(": Unhealthy: Readiness probe failed: 503.")


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1_500_000, "1.5ms"),
        (850_000_000, "850ms"),
        (4 * SECOND, "4.00s"),
        (123 * SECOND, "2m03s"),
        (3720 * SECOND, "1h02m"),
    ],
)
def test_durations_are_written_for_people(nanoseconds: int, text: str) -> None:
    """Three digits are enough at 3 a.m."""
    assert duration_text(nanoseconds) == text


@pytest.mark.parametrize(("size", "text"), [(512, "512 B"), (30 << 20, "30.0 MiB"), (3 << 40, "3.0 TiB")])
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    """Binary units, as container tools print them."""
    assert bytes_text(size) == text
