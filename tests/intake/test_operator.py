"""The kopf frame: low-rate kinds through kopf, supervised, and never a write."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import kopf
import pytest
from tests.intake.harness import Naps
from tests.intake.test_owners import DEPLOYMENT, REPLICASET, replicaset, service
from tests.support.fake_api import FakeApi
from tests.support.fault_proxy import Fault, FaultKind, FaultProxy, Target
from tests.support.recording import RecordingIntake, SteppingClock

from podtimeline.core.pods import Owner
from podtimeline.intake import operator
from podtimeline.intake.credentials import Connection
from podtimeline.intake.kinds import KINDS, LowRate
from podtimeline.intake.lowrate import HeadFeed, Listeners, low_rate_feeds
from podtimeline.intake.operator import Frame, FrameEnd
from podtimeline.intake.owners import OwnerIndex
from podtimeline.intake.streams import Tap


@dataclass(slots=True)
class Stage:
    """A running frame."""

    api: FakeApi
    proxy: FaultProxy
    index: OwnerIndex
    frame: Frame
    kinds: frozenset[LowRate]

    async def until(self, true: Callable[[], bool]) -> None:
        """Give everybody a turn until something holds."""
        async with asyncio.timeout(30):
            for _ in itertools.takewhile(lambda _: not true(), itertools.repeat(None)):
                await asyncio.sleep(0)

    def selecting(self) -> tuple[str, ...] | None:
        """The Services that select the pods of the tests."""
        return self.index.services("shop", {"app": "web"})

    async def watching(self) -> None:
        """Wait until kopf watches each kind."""
        await self.until(lambda: self.api.watches == len(self.kinds))


@asynccontextmanager
async def stage(
    prepare: Callable[[FakeApi, FaultProxy], object] = lambda *_: None, *, namespaces: tuple[str, ...] = (),
    tap: Tap | None = None, more: Sequence[LowRate] = (),
) -> AsyncIterator[Stage]:  # fmt: skip
    """A frame before the fake API server behind the fault proxy."""
    async with FakeApi() as api, FaultProxy(Connection(api.url)) as proxy:
        api.put("services", service("web", {"app": "web"}))
        api.put("replicasets", replicaset())
        prepare(api, proxy)
        connection, index = Connection(proxy.url), OwnerIndex()
        feeds = {kind: HeadFeed(kind) for kind in more} | dict(
            low_rate_feeds(Listeners(owners=index), RecordingIntake())
        )
        async with connection.session() as session:
            frame = Frame(
                connection=connection,
                session=session,
                feeds=feeds,
                clock=SteppingClock(),
                namespaces=namespaces,
                sleep=Naps(),
                tap=tap,
            )
            task = asyncio.create_task(frame.run())
            try:
                yield Stage(api, proxy, index, frame, frozenset(feeds))
                assert not task.done()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert not frame.health.running


@pytest.mark.parametrize("namespaces", [(), ("shop",), ("shop", "till")])
async def test_owners_and_services_are_listed_and_followed_with_get_alone(namespaces: tuple[str, ...]) -> None:
    """All namespaces or some: complete at first, changed by each watch, and nothing is ever written."""
    async with stage(namespaces=namespaces) as at:
        await at.until(lambda: at.frame.health.complete)
        assert at.selecting() == ("shop/web",)
        assert at.index.chain("shop", REPLICASET) == (REPLICASET, DEPLOYMENT)
        each = max(len(namespaces), 1)
        watches = sum(each if KINDS[kind].namespaced else 1 for kind in at.kinds)
        await at.until(lambda: at.api.watches == watches)
        at.api.put("services", service("late", {"app": "web"}))
        at.api.delete("services", "shop", "web")
        at.api.put("replicasets", replicaset("web-def", "rs-2"))
        await at.until(lambda: at.selecting() == ("shop/late",))
        await at.until(lambda: len(at.index.chain("shop", Owner("ReplicaSet", "web-def", "rs-2"))) == 2)
        assert at.proxy.methods == {"GET"}
        assert at.frame.health.malformed == 0


async def test_what_ends_kopf_is_survived_and_what_vanished_meanwhile_goes() -> None:
    """An ERROR event that is not 410 ends kopf 1.45: it is started anew, and the index is complete again."""
    async with stage() as at:
        await at.watching()
        fault = at.proxy.add(Fault(FaultKind.ERROR_EVENT, resource="services", code=500))
        at.api.end_watches()
        await at.until(lambda: fault.hits == 1)
        at.api.delete("services", "shop", "web")
        at.api.put("services", service("new", {"app": "web"}))
        await at.until(lambda: sum(at.frame.health.restarts.values()) >= 1)
        await at.until(lambda: at.selecting() == ("shop/new",))
        assert at.frame.health.restarts == {FrameEnd.FAILED: 1}
        assert at.proxy.methods == {"GET"}


async def test_a_kopf_that_does_not_come_to_its_end_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its thread is left alone after a while, and what it still says is not heard any more."""
    tidy, released = kopf.run_tasks, threading.Event()

    async def dawdle(*words: Any, **more: Any) -> None:
        await asyncio.to_thread(released.wait)
        await tidy(*words, **more)

    monkeypatch.setattr(kopf, "run_tasks", dawdle)
    monkeypatch.setattr(operator, "_STOP_SECONDS", 0.0)
    try:
        async with stage() as at:
            await at.watching()
    finally:
        released.set()
    assert [record.message for record in caplog.records if "left alone" in record.message] != []
    assert [each for each in threading.enumerate() if each.name == "kopf" and not each.daemon] == []


async def test_a_gap_that_kopf_lists_over_loses_no_deletion() -> None:
    """After a 410 kopf lists again and says nothing of what vanished: the frame's own listing does."""
    async with stage() as at:
        await at.watching()
        at.proxy.add(Fault(FaultKind.ERROR_EVENT, resource="services", code=410))
        at.api.put("services", service("other", {"app": "web"}))
        await at.until(lambda: at.selecting() == ("shop/other", "shop/web"))
        at.api.delete("services", "shop", "web")
        await at.until(lambda: at.selecting() == ("shop/other",))
        at.api.end_watches()
        await at.watching()
        assert at.selecting() == ("shop/other",)


async def test_a_needed_kind_that_is_refused_is_waited_for() -> None:
    """403 for a while: not ready until it is granted, and kopf is started anew to follow it."""

    def prepare(_: FakeApi, proxy: FaultProxy) -> None:
        proxy.add(Fault(FaultKind.STATUS, Target.LIST, resource="jobs", code=403, times=4))

    async with stage(prepare) as at:
        await at.until(lambda: at.frame.health.left_out == {LowRate.JOBS: 403})
        assert not at.frame.health.complete
        await at.until(lambda: at.frame.health.complete)
        await at.watching()
        assert at.frame.health.restarts == {FrameEnd.WIDENED: 1}
        assert at.frame.health.left_out == {}


@pytest.mark.parametrize("code", [403, 404])
async def test_a_kind_of_the_cluster_that_is_refused_is_left_out(code: int, caplog: pytest.LogCaptureFixture) -> None:
    """As where the operator may read some namespaces only: the others are followed, the log says what is unknown."""

    def prepare(_: FakeApi, proxy: FaultProxy) -> None:
        proxy.add(Fault(FaultKind.STATUS, Target.ANY, resource="nodes", code=code, times=None))

    async with stage(prepare, namespaces=("shop",), more=(LowRate.NODES,)) as at:
        await at.until(lambda: at.frame.health.complete)
        await at.until(lambda: at.api.watches == len(at.kinds) - 1)
        assert at.frame.health.left_out == {LowRate.NODES: code}
        assert at.frame.health.restarts == {}
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(lambda: at.selecting() == ("shop/late", "shop/web"))
    told = [record.message for record in caplog.records if "nodes: left out" in record.message]
    assert len(told) == 1
    assert KINDS[LowRate.NODES].without in told[0]


async def test_a_kind_of_the_cluster_is_followed_beside_namespaces() -> None:
    """Nodes have no namespace: one watch, whatever namespaces are followed."""
    async with stage(namespaces=("shop", "till"), more=(LowRate.NODES,)) as at:
        await at.until(lambda: at.frame.health.complete)
        watches = sum(2 if KINDS[kind].namespaced else 1 for kind in at.kinds)
        await at.until(lambda: at.api.watches == watches)
        assert at.frame.health.left_out == {}


async def test_a_tap_sees_listings_with_their_end_and_changes() -> None:
    """What ``record`` writes of the low-rate kinds."""
    seen: list[tuple[str, str]] = []
    async with stage(tap=lambda _, stream, kind, __: seen.append((stream, kind))) as at:
        await at.until(lambda: at.frame.health.complete)
        await at.watching()
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(lambda: ("services", "WATCH") in seen)
        for kind in ("replicasets", "jobs", "services"):
            assert (kind, "LISTED") in seen
        assert ("services", "LIST") in seen
