"""Alive and ready: what probes are answered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.support.lives import at

from podtimeline.app.health import Watcher
from podtimeline.kube.failures import Failure
from podtimeline.kube.reflector import StreamHealth

LISTED = StreamHealth("pods", None, at(0), True, True, {}, 0, 0, 0)  # noqa: FBT003 - as the class has them


@dataclass
class Parts:
    """What the watcher looks at."""

    seconds: float = 0
    streams: Sequence[StreamHealth] = (LISTED,)
    ended: Sequence[str] = ()

    def now(self) -> int:
        """See ``ports.Clock``."""
        return at(self.seconds)

    def watcher(self) -> Watcher:
        """A watcher of these parts that calls 120 s of silence stale."""
        return Watcher(clock=self, stale_after=120, streams=lambda: self.streams, ended=lambda: self.ended)


def test_it_is_ready_once_everything_was_listed() -> None:
    """Not before the last stream."""
    parts = Parts()
    watcher = parts.watcher()
    assert watcher.unready() == []
    parts.streams = (LISTED, replace(LISTED, stream="events", listed=False, last_progress=None))
    assert watcher.unready() == ["stream events has not been listed yet"]
    assert watcher.dead() == []


def test_it_is_not_ready_before_anything_was_started() -> None:
    """A probe may come before the first request is sent."""
    assert Parts(streams=()).watcher().unready() != []


def test_a_stale_stream_makes_unready_but_not_dead() -> None:
    """One that was never read counts from the start; the namespace is named, and why where that is known."""
    parts = Parts(streams=(replace(LISTED, namespace="shop", last_progress=None),))
    watcher = parts.watcher()
    parts.seconds = 120
    assert watcher.unready() == []
    parts.seconds = 121
    assert watcher.unready() == ["stream pods of shop has not been read for 121 s"]
    parts.streams = (replace(LISTED, failure=Failure(at(1), 9, "unreachable: refused")),)
    parts.seconds = 900
    assert watcher.unready() == ["stream pods has not been read for 900 s: unreachable: refused"]
    assert watcher.dead() == []


def test_a_task_that_ended_is_fatal() -> None:
    """It is never started again: the process has to be."""
    watcher = Parts(ended=("pods",)).watcher()
    assert watcher.dead() == watcher.unready() == ["task pods ended"]


def test_what_is_refused_degrades_and_does_not_hold_up() -> None:
    """A namespace or a kind that cannot be read is told; all else is ready."""
    refused = replace(LISTED, namespace="till", listed=False, failure=Failure(at(0), 1, "refused: 403", 403))
    jobs = replace(refused, stream="jobs")
    nodes = replace(refused, stream="nodes", namespace=None, failure=Failure(at(0), 1, "refused: 404", 404))
    shop = replace(LISTED, namespace="shop", last_progress=at(500))
    parts = Parts(streams=(shop, refused, jobs, nodes))
    watcher = parts.watcher()
    parts.seconds = 500
    assert (watcher.dead(), watcher.unready()) == ([], [])
    assert watcher.degraded() == [
        "pods, jobs of till cannot be read: the operator is not allowed to read them",
        "nodes cannot be read: the API server does not serve them",
    ]


def test_where_no_pod_can_be_read_it_is_not_ready() -> None:
    """There is nothing that it could answer."""
    refused = replace(LISTED, listed=False, failure=Failure(at(0), 1, "refused: 403", 403))
    parts = Parts(streams=(refused, replace(LISTED, stream="events")))
    assert parts.watcher().unready() == ["no pods can be read"]
    assert parts.watcher().dead() == []
