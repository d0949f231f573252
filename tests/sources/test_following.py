"""Every observed kind before an API server that fails: nothing is lost, nothing that is gone stays, GET is enough."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.kube.harness import Naps
from tests.sources.test_owners import DEPLOYMENT, REPLICASET, replicaset
from tests.sources.test_services import service
from tests.support.fake_api import FakeApi
from tests.support.fault_proxy import Fault, FaultKind, FaultProxy, Target
from tests.support.objects import CREATED, endpoint, endpoint_slice, event, pod
from tests.support.recording import RecordingIntake, SteppingClock
from tests.support.storage import attachment, claim

from podtimeline.kube.connection import Connection
from podtimeline.kube.feed import Feed
from podtimeline.kube.indexer import IndexedFeed
from podtimeline.kube.reflector import Reflector, StreamHealth
from podtimeline.model.pods import Owner
from podtimeline.sources.registry import BY_NAME, KINDS, Indexes, feeds

TILL = Fault(FaultKind.STATUS, Target.ANY, namespace="till", code=403, times=None)
OF_TILL = {name for name, kind in BY_NAME.items() if kind.resource.namespaced}


@dataclass(slots=True)
class Stage:
    """Reflectors of every kind, running."""

    api: FakeApi
    proxy: FaultProxy
    known: Indexes
    intake: RecordingIntake
    feeds: list[Feed[Any]]
    reflectors: list[Reflector]
    naps: Naps
    tasks: "list[asyncio.Task[None]]" = field(default_factory=list)

    async def until(self, true: Callable[[], bool]) -> None:
        """Give everybody a turn until something holds."""
        async with asyncio.timeout(30):
            for _ in itertools.takewhile(lambda _: not true(), itertools.repeat(None)):
                await asyncio.sleep(0)

    @property
    def health(self) -> list[StreamHealth]:
        """Of each collection."""
        return [each.health for each in self.reflectors]

    @property
    def refused(self) -> set[tuple[str, str | None]]:
        """The collections that cannot be read."""
        return {(each.stream, each.namespace) for each in self.health if each.refused is not None}

    async def following(self) -> None:
        """Wait until every collection that can be read is listed and watched."""
        await self.until(lambda: all(each.connected and each.listed for each in self.health if each.refused is None))

    def selecting(self, namespace: str = "shop") -> tuple[str, ...] | None:
        """The Services that select the pods of the tests."""
        return self.known.services.selecting(namespace, {"app": "web"})

    def kept(self) -> set[str]:
        """The kinds of which an object is kept."""
        indexed = [each for each in self.feeds if isinstance(each, IndexedFeed)]
        return {each.stream for each in indexed if each._index.entries(each.namespace)}


def objects(name: str) -> dict[str, Any]:
    """One object of each kind."""
    meta = {"namespace": "shop", "name": name, "uid": f"uid-{name}", "creationTimestamp": CREATED}
    of_cluster = {key: value for key, value in meta.items() if key != "namespace"}
    told = event("Started")
    told["metadata"] |= {"name": f"{name}.1", "uid": f"uid-{name}"}
    volume = attachment()
    volume["metadata"] |= of_cluster
    asked = claim()
    asked["metadata"] |= meta
    going = of_cluster | {"deletionTimestamp": CREATED}
    bare = {kind: {"metadata": meta if row.resource.namespaced else of_cluster} for kind, row in BY_NAME.items()}
    return bare | {
        "pods": pod(name),
        "events": told,
        "endpointslices": endpoint_slice(endpoint(name), name=name),
        "replicasets": replicaset(name, f"uid-{name}"),
        "services": service(name, {"app": "web"}),
        "namespaces": {"metadata": going},
        "persistentvolumeclaims": asked,
        "volumeattachments": volume,
    }


@asynccontextmanager
async def stage(
    prepare: Callable[[FakeApi, FaultProxy], object] = lambda *_: None, *, namespaces: tuple[str, ...] = ()
) -> AsyncIterator[Stage]:
    """Every kind, before the fake API server behind the fault proxy."""
    known, intake, naps, clock = Indexes(), RecordingIntake(), Naps(), SteppingClock()
    async with FakeApi() as api, FaultProxy(Connection(api.url)) as proxy:
        for kind, body in objects("web").items():
            api.put(kind, body)
        prepare(api, proxy)
        connection = Connection(proxy.url)
        async with connection.session() as session:
            followed = list(feeds(known, intake, namespaces=namespaces))
            reflectors = [
                Reflector(connection=connection, session=session, feed=each, clock=clock, sleep=naps)
                for each in followed
            ]
            tasks = [asyncio.create_task(each.run()) for each in reflectors]
            try:
                yield Stage(api, proxy, known, intake, followed, reflectors, naps)
                assert not [each for each in tasks if each.done()], "a reflector ends by cancellation only"
            finally:
                for each in tasks:
                    each.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                assert proxy.methods == {"GET"}


INDEXED = {feed.stream for feed in feeds(Indexes(), RecordingIntake()) if isinstance(feed, IndexedFeed)}
"""The kinds whose objects are kept."""


@pytest.mark.parametrize("namespaces", [(), ("shop",), ("shop", "till")])
async def test_every_kind_is_listed_and_followed(namespaces: tuple[str, ...]) -> None:
    """All namespaces or some; a kind of the cluster is followed once, whatever namespaces are."""
    async with stage(namespaces=namespaces) as at:
        await at.following()
        each = max(len(namespaces), 1)
        assert at.api.watches == sum(each if kind.resource.namespaced else 1 for kind in KINDS)
        assert at.kept() == INDEXED
        assert at.selecting() == ("shop/web",)
        for kind, body in objects("late").items():
            at.api.put(kind, body)
        at.api.delete("services", "shop", "web")
        await at.until(lambda: at.selecting() == ("shop/late",))
        await at.until(lambda: at.known.nodes.node("late") is not None and "uid-late" in at.intake.timelines)
        at.api.put("replicasets", replicaset("web-abc", "rs-1"))
        await at.until(lambda: at.known.owners.chain("shop", REPLICASET) == (REPLICASET, DEPLOYMENT))
        assert all(health.malformed == 0 for health in at.health)


@pytest.mark.parametrize("kind", BY_NAME)
async def test_after_a_gap_what_vanished_is_gone_and_what_came_is_there(kind: str) -> None:
    """A 410 leads to a listing, which shows neither what was deleted nor only what a watch has told."""
    async with stage() as at:
        await at.following()
        namespace = "shop" if BY_NAME[kind].resource.namespaced else ""
        gap = at.proxy.add(Fault(FaultKind.STATUS, resource=kind, code=410))
        at.naps.gate = asyncio.Event()
        at.api.end_watches()
        await at.until(lambda: not any(each.connected for each in at.health))
        name = "web.1" if kind == "events" else "web"
        at.api.delete(kind, namespace, name)
        at.api.put(kind, objects("late")[kind])
        at.naps.gate.set()
        await at.until(lambda: gap.hits == 1)
        await at.following()
        (health,) = [each for each in at.health if each.stream == kind]
        assert health.relists == 1
        if kind in INDEXED:
            (feed,) = [each for each in at.feeds if each.stream == kind]
            assert isinstance(feed, IndexedFeed)
            assert [key.name for key, _ in feed._index.entries(None)] == ["late"]
        if kind == "pods":
            assert at.intake.listings[-1].uids == {"uid-late"}


@pytest.mark.parametrize("kind", BY_NAME)
@pytest.mark.parametrize("fault", [FaultKind.CUT, FaultKind.ABORT, FaultKind.CLOSE, FaultKind.GARBAGE])
async def test_a_watch_that_breaks_is_resumed_without_a_listing(kind: str, fault: FaultKind) -> None:
    """Of whatever kind, and however it breaks."""
    async with stage() as at:
        await at.following()
        broken = at.proxy.add(Fault(fault, resource=kind))
        at.api.put(kind, objects("late")[kind])
        at.api.end_watches()
        await at.until(lambda: at.api.watches == 0 or broken.hits == 1)
        at.api.put(kind, objects("later")[kind])
        await at.until(lambda: broken.hits == 1)
        await at.following()
        await at.until(lambda: next(each for each in at.health if each.stream == kind).events >= 2)
        assert all(each.relists == 0 for each in at.health)


@pytest.mark.parametrize("code", [403, 404])
@pytest.mark.parametrize("kind", BY_NAME)
async def test_a_kind_that_is_refused_is_left_out_and_taken_up_once_it_is_granted(
    kind: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are complete without it; the log says once what is unknown."""
    fault = Fault(FaultKind.STATUS, Target.ANY, resource=kind, code=code, times=None)
    async with stage(lambda _, proxy: proxy.add(fault)) as at:
        await at.following()
        await at.until(lambda: fault.hits > 5)
        assert at.refused == {(kind, None)}
        assert at.kept() == INDEXED - {kind}
        at.proxy.lift(fault)
        await at.until(lambda: not at.refused)
        await at.following()
        assert at.kept() == INDEXED
    told = [record.message for record in caplog.records if f"{kind}: cannot be read" in record.message]
    assert len(told) == 1
    assert BY_NAME[kind].resource.without in told[0]


async def test_a_namespace_that_cannot_be_read_leaves_the_others_alone() -> None:
    """Its RoleBinding is gone at the start: the other is complete and followed."""
    async with stage(lambda _, proxy: proxy.add(replace(TILL)), namespaces=("shop", "till")) as at:
        await at.following()
        await at.until(lambda: at.refused == {(name, "till") for name in OF_TILL})
        assert at.selecting() == ("shop/web",)
        assert at.selecting("till") is None
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(lambda: at.selecting() == ("shop/late", "shop/web"))


async def test_a_namespace_that_is_taken_away_and_given_back_is_taken_up_again() -> None:
    """What is known of it stays meanwhile, as nothing says that it is gone; its Services are not known any more."""
    other = service("till", {"app": "web"})
    other["metadata"]["namespace"] = "till"
    async with stage(lambda api, _: api.put("services", other), namespaces=("shop", "till")) as at:
        await at.following()
        assert at.selecting("till") == ("till/till",)
        at.intake.selectors.clear()
        fault = at.proxy.add(replace(TILL))
        at.api.end_watches()
        await at.until(lambda: at.refused == {(name, "till") for name in OF_TILL})
        assert at.selecting("till") is None
        assert at.intake.selectors == ["till"]
        assert at.known.services.get("till", "till") is not None
        assert at.selecting() == ("shop/web",)
        at.proxy.lift(fault)
        await at.until(lambda: at.selecting("till") == ("till/till",))
        await at.until(lambda: at.intake.selectors == ["till", "till"])
        await at.until(lambda: not at.refused)


async def test_an_api_server_that_is_away_is_told_for_each_kind_until_it_is_back() -> None:
    """What went on meanwhile is read afterwards."""
    async with stage() as at:
        await at.following()
        outage = at.proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=503, times=None))
        at.api.end_watches()
        await at.until(lambda: all(each.failure is not None for each in at.health))
        at.api.put("replicasets", replicaset("web-def", "rs-2"))
        at.proxy.lift(outage)
        await at.until(lambda: len(at.known.owners.chain("shop", Owner("ReplicaSet", "web-def", "rs-2"))) == 2)
        await at.following()
        assert all((each.failure, each.relists) == (None, 0) for each in at.health)
