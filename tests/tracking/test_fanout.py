"""Sinks are told from threads of their own: none can hold up another or the streams."""

import logging
import threading
from dataclasses import dataclass, field

import pytest
from tests.support.lives import at, ordinary

from podtimeline.analysis.resolved import view
from podtimeline.ports import Finished
from podtimeline.tracking.fanout import Fanout, Outlet


class StandingClock:
    """Says what it was set to."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds

    def now(self) -> int:
        """See ``ports.Clock``."""
        return at(self.seconds)


@dataclass
class SlowSink:
    """Takes nothing until it is let."""

    name: str = "slow"
    let: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    taken: list[Finished] = field(default_factory=list)
    closed: bool = False

    def take(self, finished: Finished) -> None:
        """See ``ports.Sink``."""
        self.began.set()
        assert self.let.wait(10)
        self.taken.append(finished)

    def close(self) -> None:
        """See ``ports.Sink``."""
        self.closed = True


class FailingSink(SlowSink):
    """Refuses everything."""

    def take(self, finished: Finished) -> None:
        """See ``ports.Sink``."""
        raise OSError("no space left on device")


def finished(seconds: float) -> Finished:
    """An ordinary pod that finished."""
    seen = view(ordinary().timeline(), now=at(seconds))
    assert seen is not None
    return Finished(seen, at(seconds))


def test_a_slow_sink_drops_and_counts_above_its_bound_and_tells_the_rest_at_the_end() -> None:
    """Memory is bounded; what was dropped is known; stopping drains."""
    sink, clock = SlowSink(), StandingClock()
    outlet = Outlet(sink, size=2, clock=clock)
    outlet.offer(finished(0))
    assert sink.began.wait(10)
    clock.seconds = 7
    assert outlet.lag == 7
    for second in range(1, 5):
        outlet.offer(finished(second))
    assert (outlet.waiting, outlet.dropped) == (2, 2)
    sink.let.set()
    assert outlet.stop(timeout=10)
    assert [each.at for each in sink.taken] == [at(0), at(1), at(2)]
    assert sink.closed
    assert outlet.lag == 0


def test_a_sink_that_fails_is_counted_and_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Others are told all the same."""
    sink, bad = SlowSink(), FailingSink("failing")
    sink.let.set()
    clock = StandingClock()
    fanout = Fanout((Outlet(bad, size=5, clock=clock), Outlet(sink, size=5, clock=clock)))
    with caplog.at_level(logging.ERROR):
        fanout.offer((finished(0), finished(1)))
        assert fanout.stop(timeout=10)
    assert [outlet.failed for outlet in fanout.outlets] == [2, 0]
    assert len(sink.taken) == 2
    assert "no space left" in caplog.text


def test_a_sink_that_hangs_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """The process has only so long until it is killed."""
    sink = SlowSink()
    fanout = Fanout((Outlet(sink, size=5, clock=StandingClock()),))
    fanout.offer((finished(0),))
    assert sink.began.wait(10)
    assert not fanout.stop(timeout=0.01)
    assert "did not finish in time" in caplog.text
    sink.let.set()
