"""What stands behind the servers in tests, and clients of both."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from tests.support.memory_store import MemoryStore
from tests.support.saved import StandingClock, checkpoint, saved

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.analysis.attribution.scaling import WorkloadHistory
from podtimeline.codec import PackingCodec
from podtimeline.model.timeline import Timeline
from podtimeline.ports import History
from podtimeline.quarantine import Quarantine
from podtimeline.tracking.compaction import Compaction
from podtimeline.tracking.survey import Survey
from podtimeline.web.access import Gate
from podtimeline.web.evaluating import Live
from podtimeline.web.numbers import HttpNumbers
from podtimeline.web.server import make_api_app, make_metrics_app
from podtimeline.web.sources import Sources

Client = TestClient[web.Request, web.Application]


@dataclass
class World:
    """What stands behind the pages."""

    store: MemoryStore = field(default_factory=MemoryStore)
    tracked: dict[str, Timeline] = field(default_factory=dict)
    unhealthy: list[str] = field(default_factory=list)
    unready: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    asked: dict[tuple[str, str, str], WorkloadHistory] = field(default_factory=dict)
    numbers: HttpNumbers = field(default_factory=HttpNumbers)
    gate: Gate | None = None
    broken: bool = False
    live: Live | None = None

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """An exposition that tells what it was asked for."""
        if self.broken:
            raise RuntimeError("a secret of the inside")
        return f"# {accept}\n".encode(), "text/plain; version=0.0.4"

    def health(self) -> Sequence[str]:
        """Why the operator is not healthy."""
        return self.unhealthy

    def ready(self) -> Sequence[str]:
        """Why the operator is not ready."""
        return self.unready

    def sources(self, history: History | None = None) -> Sources:
        """What the applications are made of; another history than the one in memory can be put in."""
        return Sources(
            history=self.store if history is None else history,
            live=self.tracked.get if self.live is None else self.live,
            open_pods=lambda: Survey((), (), Compaction(PackingCodec()), Quarantine(), failing=set()),
            metrics=self.metrics,
            health=self.health,
            ready=self.ready,
            degraded=lambda: self.unreadable,
            clock=StandingClock(),
            cluster="test",
            refusals=lambda: self.refusals,
            asked=lambda *name: self.asked.get(name),
            numbers=self.numbers,
            gate=self.gate,
        )


def three_pods() -> World:
    """Three pods in the history, two of them of one name."""
    made = World()
    made.store.commit(
        checkpoint(saved("uid-1", name="web-1"), saved("uid-2", name="web-2"), saved("uid-3", name="web-1"))
    )
    return made


@asynccontextmanager
async def api_of(world: World, history: History | None = None) -> AsyncIterator[Client]:
    """A client of the API."""
    sources = world.sources(history)
    async with TestClient(TestServer(make_api_app(sources))) as made:
        yield made
    sources.worker.close()


@asynccontextmanager
async def metrics_of(world: World) -> AsyncIterator[Client]:
    """A client of metrics and probes."""
    sources = world.sources()
    async with TestClient(TestServer(make_metrics_app(sources))) as made:
        yield made
    sources.worker.close()
