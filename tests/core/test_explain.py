"""One sentence says what a start spent its time on, and why, from evidence alone."""

import pytest
from tests.support.lives import Life, at, facts, in_second, ordinary, watched

from podtimeline.core.explain import bytes_text, duration_text, explain
from podtimeline.core.instants import SECOND, Source
from podtimeline.core.milestones import Milestone
from podtimeline.core.timeline import Timeline
from podtimeline.core.view import view


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
