"""The commit loop: nothing is told before it is in the store, and nothing is lost when the store refuses."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from tests.support.lives import EPOCH, at, ordinary
from tests.support.memory_store import MemoryStore
from tests.support.saved import fresh
from tests.tracking.worlds import RULES, PlainCodec, StandingOwners

from podtimeline.app.commits import Committer
from podtimeline.model.instants import SECOND
from podtimeline.model.observations import Selected
from podtimeline.ports import Finished, Increment, Metric, Stream
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker


@dataclass
class Bench:
    """A committer with everything around it."""

    thread: ThreadPoolExecutor
    seconds: float = 6
    store: MemoryStore = field(default_factory=lambda: MemoryStore(first_look=EPOCH - 100 * SECOND))
    counted: list[Increment] = field(default_factory=list)
    told: list[Finished] = field(default_factory=list)

    on_told: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        """Wire it."""
        self.tracker = Tracker(
            owners=StandingOwners(),
            codec=PlainCodec(),
            rules=RULES,
            timers=Timers(),
            now=EPOCH,
            restored=self.store.restore(),
        )
        self.committer = Committer(
            tracker=self.tracker, store=self.store, codec=PlainCodec(), clock=self, thread=self.thread,
            counted=lambda each: self.counted.extend(fresh(each)), finished=self._finished, interval=0.01,
        )  # fmt: skip

    def _finished(self, told: tuple[Finished, ...]) -> None:
        self.told.extend(told)
        if told:
            self.on_told()

    def now(self) -> int:
        """See ``ports.Clock``."""
        return at(self.seconds)

    def settle(self) -> None:
        """An ordinary pod starts, and its start is over."""
        told = [each for each in ordinary().told if not isinstance(each, Selected)]
        self.tracker.take("uid-1", told, arrived=at(6))
        self.seconds = 20
        self.tracker.tick(at(20))


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A committer, and the thread of its store."""
    with ThreadPoolExecutor(1) as thread:
        yield Bench(thread)


async def test_metrics_and_sinks_hear_of_a_pod_after_it_is_committed(bench: Bench) -> None:
    """And only once."""
    bench.settle()
    assert await bench.committer.commit()
    assert await bench.committer.commit()
    assert [each.view.uid for each in bench.told] == ["uid-1"]
    assert [each.metric for each in bench.counted].count(Metric.STARTUP) == 1
    assert bench.committer.numbers.commits == 1


async def test_a_store_that_refuses_is_tried_again_and_nobody_hears_anything_meanwhile(bench: Bench) -> None:
    """A full disk loses no pod."""
    bench.settle()
    bench.store.failing = True
    assert not await bench.committer.commit()
    assert bench.told == []
    assert bench.committer.numbers.in_a_row == 1
    bench.store.failing = False
    assert await bench.committer.commit()
    assert len(bench.told) == 1
    assert bench.committer.numbers.in_a_row == 0


async def test_an_idle_cluster_costs_no_commits(bench: Bench) -> None:
    """A version that moved is worth one, standing still is not."""
    bench.tracker.versions.reached(Stream.PODS, "5")
    for _ in range(3):
        assert await bench.committer.commit()
    assert bench.committer.numbers.commits == 1
    assert bench.store.versions == {Stream.PODS: "5"}


async def test_the_loop_ends_when_it_is_told_to(bench: Bench) -> None:
    """Not before, and without being cancelled."""
    stopping = asyncio.Event()
    told = asyncio.Event()
    bench.on_told = told.set
    task = asyncio.create_task(bench.committer.run(stopping))
    bench.settle()
    async with asyncio.timeout(10):
        await told.wait()
        assert not task.done()
        stopping.set()
        await task


async def test_a_store_that_refuses_to_the_end_is_said_so(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The process ends all the same: the streams are read again from the last commit."""
    bench.settle()
    bench.store.failing = True
    assert not await bench.committer.last(tries=1)
    assert "could not commit" in caplog.text
