"""A reflector before a fake API server behind the fault proxy."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.fake_api import FakeApi
from tests.support.fault_proxy import FaultProxy
from tests.support.feeds import feed_of
from tests.support.recording import KeptVersions, RecordingIntake, SteppingClock

from podtimeline.kube.connection import Connection
from podtimeline.kube.failures import Restart
from podtimeline.kube.reflector import Pace, Reflector, Tap
from podtimeline.ports import Stream


@dataclass(slots=True)
class Naps:
    """The delays that were asked for; nobody waits for them, but everybody else gets a turn."""

    asked: list[float] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def __call__(self, seconds: float) -> None:
        """Take a nap without sleeping; behind a gate, wait for it."""
        self.asked.append(seconds)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()


@dataclass(slots=True)
class Scene:
    """Everything that a test of a reflector looks at."""

    api: FakeApi
    proxy: FaultProxy
    intake: RecordingIntake
    versions: KeptVersions
    clock: SteppingClock
    naps: Naps
    reflector: Reflector

    async def until(self, true: Callable[[], bool]) -> None:
        """Give everybody a turn until something holds; raises ``TimeoutError`` when that takes too long."""
        async with asyncio.timeout(20):
            for _ in itertools.takewhile(lambda _: not true(), itertools.repeat(None)):
                await asyncio.sleep(0)

    async def watching(self) -> None:
        """Wait until the server has an open watch of which the reflector knows."""
        await self.until(lambda: self.api.watches == 1 and self.reflector.health.connected)

    def restarts(self, reason: Restart) -> int:
        """How often the stream was taken up anew for a reason."""
        return self.reflector.health.restarts.get(reason, 0)


@asynccontextmanager
async def scene(
    *,
    stream: str = Stream.PODS,
    pace: Pace | None = None,
    prepare: Callable[[FakeApi, FaultProxy], object] | None = None,
    versions: KeptVersions | None = None,
    intake: RecordingIntake | None = None,
    tap: Tap | None = None,
    token: Callable[[], str | None] = lambda: None,
) -> AsyncIterator[Scene]:
    """A running reflector; ``prepare`` fills the server and adds faults before it starts."""
    intake = intake if intake is not None else RecordingIntake()
    versions = versions if versions is not None else KeptVersions()
    clock, naps = SteppingClock(), Naps()
    async with FakeApi() as api, FaultProxy(Connection(api.url)) as proxy:
        if prepare is not None:
            prepare(api, proxy)
        connection = Connection(proxy.url, token=token)
        async with connection.session() as session:
            reflector = Reflector(
                connection=connection,
                session=session,
                feed=feed_of(stream, intake),
                clock=clock,
                versions=versions,
                pace=pace or Pace(page_size=2),
                sleep=naps,
                tap=tap,
            )
            task = asyncio.create_task(reflector.run())
            try:
                yield Scene(api, proxy, intake, versions, clock, naps, reflector)
                assert not task.done(), "a reflector ends by cancellation only"
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
