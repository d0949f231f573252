"""kopf's frame: it begins and ends everything in order, and nothing that the API server does ends it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from tests.kube.harness import Naps
from tests.support.fake_api import FakeApi
from tests.support.fault_proxy import Fault, FaultKind, FaultProxy, Target
from tests.support.recording import SteppingClock

from podtimeline.app.frame import Frame, frame_settings
from podtimeline.errors import SettingsError
from podtimeline.kube.connection import Connection


@dataclass(slots=True)
class Stage:
    """A running frame, before the fake API server behind the fault proxy."""

    proxy: FaultProxy
    stop: asyncio.Event
    naps: Naps
    steps: list[str]
    task: "asyncio.Task[bool]"

    async def until(self, true: Callable[[], bool]) -> None:
        """Give everybody a turn until something holds."""
        async with asyncio.timeout(20):
            for _ in itertools.takewhile(lambda _: not true(), itertools.repeat(None)):
                await asyncio.sleep(0)

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(count for (_, _, each), count in self.proxy.requests.items() if each == path)

    async def discovered(self) -> None:
        """Wait until kopf has asked for all that it asks for at its start."""
        await self.until(lambda: self.asked("/api/v1") > 0 and self.asked("/apis") > 0)


@asynccontextmanager
async def stage(
    prepare: Callable[[FaultProxy], object] = lambda _: None, *, refused: Exception | None = None,
    namespaces: tuple[str, ...] = (), token: Callable[[], str | None] = lambda: None,
) -> AsyncIterator[Stage]:  # fmt: skip
    """A frame that runs until its test has it stop."""
    steps: list[str] = []

    async def start() -> None:
        await asyncio.sleep(0)
        if refused is not None:
            raise refused
        steps.append("start")

    async def end() -> None:
        await asyncio.sleep(0)
        steps.append("end")

    async with FakeApi() as api, FaultProxy(Connection(api.url)) as proxy:
        prepare(proxy)
        stop, naps = asyncio.Event(), Naps()
        frame = Frame(
            connection=Connection(proxy.url, token=token), clock=SteppingClock(), start=start, end=end,
            namespaces=namespaces, sleep=naps,
        )  # fmt: skip
        task = asyncio.create_task(frame.run(stop))
        try:
            yield Stage(proxy, stop, naps, steps, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("namespaces", [(), ("shop", "till")])
async def test_it_starts_then_ends_and_asks_for_the_discovery_alone(namespaces: tuple[str, ...]) -> None:
    """Nothing is listed, watched or written by kopf itself, and its end does not wait for its own tasks."""
    async with stage(namespaces=namespaces) as at:
        await at.discovered()
        assert at.steps == ["start"]
        at.stop.set()
        async with asyncio.timeout(4):
            assert await at.task is True
        assert at.steps == ["start", "end"]
        assert at.proxy.methods == {"GET"}
        assert {path.split("/")[1] for _, _, path in at.proxy.requests} <= {"api", "apis"}
        assert {kind for _, kind, _ in at.proxy.requests} == {Target.LIST}


async def test_what_refuses_the_start_is_raised_and_nothing_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    """As it was raised, not as kopf wraps it, and at once: kopf would try again."""
    async with stage(refused=SettingsError("listen: taken")) as at:
        with pytest.raises(SettingsError, match="listen: taken"):
            await at.task
        assert at.steps == []
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, Target.ANY, code=401, times=8),
        Fault(FaultKind.STATUS, Target.ANY, code=403, times=8),
        Fault(FaultKind.STATUS, Target.ANY, code=404, times=8),
        Fault(FaultKind.STATUS, Target.ANY, code=410, times=8),
        Fault(FaultKind.STATUS, Target.ANY, code=503, times=8),
        Fault(FaultKind.STATUS, Target.ANY, code=200, times=8),
        Fault(FaultKind.GARBAGE, Target.ANY, times=8),
    ],
    ids=lambda fault: f"{fault.kind.name} {fault.code}",
)
async def test_no_answer_of_the_api_server_ends_it(fault: Fault) -> None:
    """It is asked again with growing delays; an answer that is no discovery is none either."""
    async with stage(lambda proxy: proxy.add(fault)) as at:
        await at.until(lambda: fault.hits == 8)
        await at.discovered()
        assert at.steps == ["start"]
        assert not at.task.done()
        assert sum(at.naps.asked) > 3
        at.stop.set()
        assert await at.task is True


class OddApi(FakeApi):
    """Answers its first six requests with something else."""

    def __init__(self, odd: Any) -> None:
        super().__init__()
        self.asked = 0
        self._odd = odd

    def application(self) -> web.Application:
        """See ``Server.application``."""
        app = super().application()

        @web.middleware
        async def oddly(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
            self.asked += 1
            answer: web.StreamResponse = await handler(request)
            return web.json_response(self._odd) if self.asked <= 6 else answer

        app.middlewares.append(oddly)
        return app


@pytest.mark.parametrize(
    "odd",
    [
        [], {}, {"versions": "v1"}, {"groups": [{"name": "apps"}]}, {"resources": [{"name": "pods"}]},
        {"resources": [{"name": "pods", "singularName": "", "kind": "Pod", "namespaced": True, "shortNames": None}]},
    ],
)  # fmt: skip
async def test_an_answer_in_which_something_is_missing_ends_nothing(odd: Any) -> None:
    """What kopf takes for granted is made sure of."""

    async def step() -> None:
        await asyncio.sleep(0)

    async with OddApi(odd) as api:
        stop = asyncio.Event()
        connection = Connection(api.url)
        frame = Frame(connection=connection, clock=SteppingClock(), start=step, end=step, sleep=Naps())
        task = asyncio.create_task(frame.run(stop))
        async with asyncio.timeout(20):
            for _ in itertools.takewhile(lambda _: api.asked < 9 and not task.done(), itertools.repeat(None)):
                await asyncio.sleep(0)
        assert not task.done()
        stop.set()
        assert await task is True


async def test_an_api_server_that_is_away_at_the_start_ends_nothing() -> None:
    """Everything is begun without it, and a stop is a stop."""
    naps, steps, stop = Naps(), list[str](), asyncio.Event()

    async def step() -> None:
        steps.append("step")
        await asyncio.sleep(0)

    away = Connection("http://127.0.0.1:9")
    frame = Frame(connection=away, clock=SteppingClock(), start=step, end=step, sleep=naps)
    task = asyncio.create_task(frame.run(stop))
    async with asyncio.timeout(20):
        for _ in itertools.takewhile(lambda _: len(naps.asked) < 20, itertools.repeat(None)):
            await asyncio.sleep(0)
    assert steps == ["step"]
    stop.set()
    assert await task is True
    assert steps == ["step", "step"]


async def test_each_request_carries_the_token_of_its_moment() -> None:
    """Tokens are rotated while kopf keeps its session."""
    tokens = (f"token-{number}" for number in itertools.count())
    async with stage(token=lambda: next(tokens)) as at:
        await at.discovered()
        used = at.proxy.authorizations
        assert len(used) > 2
        assert len(set(used)) == len(used)
        assert all(str(each).startswith("Bearer token-") for each in used)


def test_kopf_writes_nothing_and_kills_nobody() -> None:
    """No Events of its own, a finalizer that no other operator has, and no SIGKILL in the midst of a commit."""
    settings = frame_settings()
    assert not settings.posting.enabled
    assert settings.scanning.disabled
    assert settings.peering.standalone
    assert settings.persistence.finalizer == "podtimeline/none"
    assert settings.process.ultimate_exiting_timeout is None
