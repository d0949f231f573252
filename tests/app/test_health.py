"""Alive and ready: what probes are answered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.support.lives import at

from podtimeline.app.health import Watcher
from podtimeline.intake.operator import FrameHealth
from podtimeline.intake.streams import StreamHealth

LISTED = StreamHealth("pods", None, at(0), True, True, {}, 0, 0, 0)  # noqa: FBT003 - as the class has them
FRAME = FrameHealth(running=True, complete=True, restarts={}, listings=3, failed_listings=0, malformed=0, left_out={})


@dataclass
class Parts:
    """What the watcher looks at."""

    seconds: float = 0
    streams: Sequence[StreamHealth] = (LISTED,)
    frame: FrameHealth | None = FRAME
    ended: Sequence[str] = ()

    def now(self) -> int:
        """See ``ports.Clock``."""
        return at(self.seconds)

    def watcher(self) -> Watcher:
        """A watcher of these parts that calls 120 s of silence stale."""
        return Watcher(
            clock=self, stale_after=120, streams=lambda: self.streams, frame=lambda: self.frame,
            ended=lambda: self.ended,
        )  # fmt: skip


def test_it_is_ready_once_everything_was_listed() -> None:
    """Not before the last stream, and not before the low-rate kinds."""
    parts = Parts()
    watcher = parts.watcher()
    assert watcher.unready() == []
    parts.streams = (LISTED, replace(LISTED, stream="events", listed=False, last_progress=None))
    assert watcher.unready() == ["stream events is not listed yet"]
    assert watcher.dead() == []
    parts.streams, parts.frame = (LISTED,), replace(FRAME, complete=False)
    assert watcher.unready() == ["owners and Services are not listed yet"]


def test_it_is_not_ready_before_anything_was_started() -> None:
    """A probe may come before the first request is sent."""
    assert Parts(streams=(), frame=None).watcher().unready() != []


def test_a_silent_stream_is_stale() -> None:
    """One that never said anything counts from the start; the namespace is named."""
    parts = Parts(streams=(replace(LISTED, namespace="shop", last_progress=None),))
    watcher = parts.watcher()
    parts.seconds = 120
    assert watcher.dead() == []
    parts.seconds = 121
    assert watcher.dead() == ["stream pods of shop is silent for 121 s"]


def test_a_task_that_ended_is_fatal() -> None:
    """It is never started again: the process has to be."""
    watcher = Parts(ended=("pods",)).watcher()
    assert watcher.dead() == watcher.unready() == ["task pods ended"]
