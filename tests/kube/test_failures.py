"""Requests that fail: known while they do, and logged seldom."""

import logging

import pytest
from tests.support.recording import SteppingClock

from podtimeline.kube.failures import Failure, Failures
from podtimeline.model.instants import SECOND


def test_a_failure_is_known_from_its_first_attempt_to_its_end() -> None:
    """With its begin, its attempts and its latest error; others beside it are not touched."""
    clock = SteppingClock(at=0)
    failures = Failures(clock)
    failures.failed("pods", "refused")
    began = clock.at
    clock.at += 10 * SECOND
    failures.failed("pods", "timed out")
    failures.failed("events", "refused")
    assert failures.current["pods"] == Failure(began, 2, "timed out")
    failures.recovered("pods")
    assert set(failures.current) == {"events"}
    failures.forget()
    assert failures.current == {}


def test_an_outage_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """A quarter of an hour of an attempt each ten seconds: its begin, a line a minute, its end."""
    caplog.set_level(logging.INFO)
    clock = SteppingClock()
    failures = Failures(clock)
    for _ in range(90):
        failures.failed("pods", "unreachable")
        clock.at += 10 * SECOND
    failures.recovered("pods")
    lines = [record.message for record in caplog.records]
    assert lines[0] == "pods: unreachable; retrying"
    assert lines[-1] == "pods: recovered after 900 s (90 failed attempts)"
    assert len(lines) == 2 + 14
    assert "failing for 60 s (7 attempts)" in lines[1]


def test_a_single_failed_attempt_says_nothing_of_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """What never failed has not recovered, and a watch that was cut once is no outage."""
    caplog.set_level(logging.INFO)
    failures = Failures(SteppingClock())
    failures.recovered("pods")
    failures.failed("pods", "cut", level=logging.INFO)
    failures.recovered("pods")
    assert [(record.levelname, record.message) for record in caplog.records] == [("INFO", "pods: cut; retrying")]


def test_a_refusal_is_one_line_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing but somebody's doing ends it; another error that follows is told for itself."""
    caplog.set_level(logging.INFO)
    clock = SteppingClock()
    failures = Failures(clock)
    for _ in range(90):
        failures.failed("pods of till", "403", refused=403)
        clock.at += 60 * SECOND
    assert failures.current["pods of till"].refused == 403
    failures.failed("pods of till", "unreachable")
    assert failures.current["pods of till"].refused is None
    failures.recovered("pods of till")
    lines = [record.message for record in caplog.records]
    assert lines[:2] == ["pods of till: 403; retrying", "pods of till: unreachable; retrying"]
    assert len(lines) == 3
