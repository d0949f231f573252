"""The operator wakes when something is due, and for nothing else."""

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.support.lives import Life, at, facts, ordinary, watched
from tests.tracking.worlds import World

from podtimeline.app import clock
from podtimeline.app.clock import Ticker
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone


@dataclass
class Sleeper:
    """Stands for time: a sleep ends at once, and the clock is as much later. To sleep for ever ends the test's run."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    seconds: float = 0
    sleeps: list[float | None] = field(default_factory=list)

    def now(self) -> int:
        """See ``ports.Clock``."""
        return at(0) + round(self.seconds * SECOND)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """See ``supervision.wait``."""
        self.sleeps.append(seconds)
        if seconds is None:
            self.stopping.set()
        elif not event.is_set():
            self.seconds += seconds


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> Sleeper:
    """In the place of the event loop's own time."""
    made = Sleeper()
    monkeypatch.setattr(clock, "wait", made.wait)
    return made


async def test_who_has_nothing_to_do_sleeps_for_ever(sleeper: Sleeper) -> None:
    """A cluster in which nothing happens costs nothing."""
    ticker = Ticker(World().tracker, sleeper)
    await ticker.run(sleeper.stopping)
    assert (ticker.wakes, sleeper.sleeps) == (1, [None])


async def test_a_pod_that_rests_is_not_looked_at(sleeper: Sleeper) -> None:
    """Its start is over five seconds after it is ready; until then its controller's own controller is asked for."""
    world = World()
    world.take(*ordinary().told, seconds=6)
    sleeper.seconds = 6
    await Ticker(world.tracker, sleeper).run(sleeper.stopping)
    assert world.tracker.numbers.settled == 1
    assert (sleeper.seconds, sleeper.sleeps[-2:]) == (11.5, [0.5, None])


async def test_the_memory_of_a_pod_that_is_gone_ends_by_itself(sleeper: Sleeper) -> None:
    """Its record after half a minute, its uid after another hour."""
    world = World()
    gone = (
        Life()
        .described(facts())
        .saw(Milestone.DELETION_REQUESTED, watched(1))
        .saw(Milestone.OBJECT_REMOVED, watched(2))
    )
    world.take(*gone.told, seconds=2)
    world.commit(10)
    sleeper.seconds = 10
    await Ticker(world.tracker, sleeper).run(sleeper.stopping)
    assert len(world.tracker) == 0
    assert [each for each in sleeper.sleeps if each != 0.5] == [29, 3599.5, None]


async def test_a_deadline_that_comes_earlier_ends_the_sleep() -> None:
    """And a stop ends it at once."""
    world, stopping = World(), asyncio.Event()
    sleeper = Sleeper(seconds=2)
    ticker = Ticker(world.tracker, sleeper)
    running = asyncio.create_task(ticker.run(stopping))
    await asyncio.sleep(0)
    assert ticker.wakes == 1
    world.take(*ordinary().told, seconds=2)
    sleeper.seconds = 20
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.tracker.numbers.settled == 1
    stopping.set()
    ticker.wake()
    await running
    assert ticker.wakes == 2
