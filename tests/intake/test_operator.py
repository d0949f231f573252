"""The kopf frame: low-rate kinds through kopf, supervised, and never a write."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import kopf
import pytest
from tests.intake.harness import Naps
from tests.intake.test_owners import DEPLOYMENT, REPLICASET, replicaset, service
from tests.support.fake_api import FakeApi
from tests.support.fault_proxy import Fault, FaultKind, FaultProxy, Target
from tests.support.recording import RecordingIntake, SteppingClock

from podtimeline.intake import operator
from podtimeline.intake.credentials import Connection
from podtimeline.intake.kinds import KINDS, Collection, LowRate
from podtimeline.intake.kopf_requests import ErrorBackoffs
from podtimeline.intake.lowrate import HeadFeed, Listeners, low_rate_feeds
from podtimeline.intake.operator import Frame, FrameEnd, Share, shares
from podtimeline.intake.owners import OwnerIndex
from podtimeline.intake.streams import Tap
from podtimeline.model.pods import Owner


@dataclass(slots=True)
class Stage:
    """A running frame."""

    api: FakeApi
    proxy: FaultProxy
    index: OwnerIndex
    frame: Frame
    kinds: frozenset[LowRate]
    naps: Naps
    clock: "BlockingClock"
    task: "asyncio.Task[None]"

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


@dataclass(slots=True)
class BlockingClock(SteppingClock):
    """Can hold up or fail whoever reads it on kopf's thread."""

    gate: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    def now(self) -> int:
        """See ``ports.Clock``."""
        if threading.current_thread().name == "kopf":
            self.gate.wait()
            if self.error is not None:
                raise self.error
        return super(BlockingClock, self).now()


@asynccontextmanager
async def stage(
    prepare: Callable[[FakeApi, FaultProxy], object] = lambda *_: None, *, namespaces: tuple[str, ...] = (),
    tap: Tap | None = None, more: Sequence[LowRate] = (), ends: bool = False,
) -> AsyncIterator[Stage]:  # fmt: skip
    """A frame before the fake API server behind the fault proxy; it ``ends`` only where a test has it end."""
    async with FakeApi() as api, FaultProxy(Connection(api.url)) as proxy:
        api.put("services", service("web", {"app": "web"}))
        api.put("replicasets", replicaset())
        prepare(api, proxy)
        connection, index = Connection(proxy.url), OwnerIndex()
        feeds = {kind: HeadFeed(kind) for kind in more} | dict(
            low_rate_feeds(Listeners(owners=index), RecordingIntake())
        )
        naps, clock = Naps(), BlockingClock()
        async with connection.session() as session:
            frame = Frame(
                connection=connection,
                session=session,
                feeds=feeds,
                clock=clock,
                namespaces=namespaces,
                sleep=naps,
                tap=tap,
            )
            task = asyncio.create_task(frame.run())
            try:
                yield Stage(api, proxy, index, frame, frozenset(feeds), naps, clock, task)
                assert task.done() == ends
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


async def test_watches_of_kopf_that_are_closed_at_once_are_no_hot_loop() -> None:
    """By itself kopf 1.45 begins them again at once: they are delayed, more each time."""
    async with stage() as at:
        await at.watching()
        closing = at.proxy.add(Fault(FaultKind.CLOSE, resource="services", times=15))
        at.api.end_watches()
        await at.until(lambda: closing.hits == 15)
        await at.watching()
        # The listings wait for exactly a second of quiet.
        assert sum(nap for nap in at.naps.asked if nap != 1.0) > 35
        assert at.frame.health.restarts == {}


async def test_a_refused_token_is_no_hot_loop() -> None:
    """After each 401 kopf logs in again: the logins are delayed, more each time."""

    def prepare(_: FakeApi, proxy: FaultProxy) -> None:
        proxy.add(Fault(FaultKind.STATUS, Target.WATCH, code=401, times=30))

    async with stage(prepare) as at:
        await at.watching()
        assert sum(nap for nap in at.naps.asked if nap != 1.0) > 5
        assert at.proxy.count(Target.WATCH, "services") < 30


def test_delays_of_kopf_grow_to_ten_seconds_and_never_end() -> None:
    """An API server that is away ends nothing, and is asked again soon after its return."""
    delays = list(itertools.islice(ErrorBackoffs(), 1000))
    assert delays[:6] == [1, 2, 4, 8, 10, 10]
    assert set(delays[4:]) == {10}


async def test_an_api_server_that_is_away_is_told_by_request_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is named with its error; once the server is back nothing fails, and kopf was not started anew."""
    monkeypatch.setattr(operator, "ErrorBackoffs", lambda: [0.2] * 1000)
    async with stage() as at:
        await at.watching()
        outage = at.proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=503, times=None))
        at.api.end_watches()
        watches = {f"watch of {Collection(kind).path}" for kind in at.kinds}
        await at.until(lambda: watches <= at.frame.health.failing.keys())
        failure = at.frame.health.failing["watch of /api/v1/services"]
        assert failure.text == "the API server answers 503"
        at.proxy.lift(outage)
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(lambda: at.selecting() == ("shop/late", "shop/web"))
        await at.until(lambda: at.frame.health.failing == {})
        assert at.frame.health.restarts == {}


@pytest.mark.parametrize("where", ["on the thread of kopf", "in the feed"])
async def test_a_defect_in_what_kopf_delivers_ends_the_task(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no fault of one object: kopf would log it and go on, and so would the event loop."""
    defect = RuntimeError("a defect")
    async with stage(ends=True) as at:
        await at.watching()
        if where == "in the feed":

            def line(*_: object, **__: object) -> str:
                raise defect

            monkeypatch.setattr(at.frame._feeds[LowRate.SERVICES], "line", line)
        else:
            at.clock.error = defect
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(at.task.done)
        error = at.task.exception()
        assert isinstance(error, ExceptionGroup)
        assert error.exceptions == (defect,)


async def test_an_object_that_cannot_be_encoded_again_is_malformed_and_no_defect() -> None:
    """A lone surrogate, which Python reads and UTF-8 does not know: counted by the feed, the others are followed."""
    async with stage() as at:
        await at.watching()
        await at.until(lambda: at.frame.health.complete)
        at.api.put("services", service("odd\ud800", {"app": "web"}))
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(lambda: at.selecting() == ("shop/late", "shop/web"))
        assert at.frame.health.kinds[LowRate.SERVICES].malformed == 1


async def test_a_loop_of_kopf_that_is_stuck_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """While this loop turns and answers probes."""
    monkeypatch.setattr(operator, "_BEAT_SECONDS", 0.01)
    async with stage() as at:
        await at.watching()
        await at.until(lambda: at.frame.health.unresponsive == 0)
        at.clock.gate.clear()
        try:
            at.api.put("services", service("late", {"app": "web"}))
            await at.until(lambda: at.frame.health.unresponsive > 0.5)
        finally:
            at.clock.gate.set()
        await at.until(lambda: at.frame.health.unresponsive < 0.5)


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


async def test_a_kind_that_is_refused_is_taken_up_once_it_is_granted() -> None:
    """403 for a while: the others are complete without it, and kopf is started anew to follow it."""

    def prepare(_: FakeApi, proxy: FaultProxy) -> None:
        proxy.add(Fault(FaultKind.STATUS, Target.LIST, resource="jobs", code=403, times=4))

    async with stage(prepare) as at:
        await at.until(lambda: at.frame.health.left_out == {Collection(LowRate.JOBS): 403})
        await at.until(lambda: at.frame.health.complete)
        await at.watching()
        assert at.frame.health.restarts == {FrameEnd.CHANGED: 1}
        assert at.frame.health.left_out == {}


@pytest.mark.parametrize("code", [403, 404])
async def test_a_kind_of_the_cluster_that_is_refused_is_left_out(code: int, caplog: pytest.LogCaptureFixture) -> None:
    """As where the operator may read some namespaces only: the others are followed, the log says what is unknown."""

    def prepare(_: FakeApi, proxy: FaultProxy) -> None:
        proxy.add(Fault(FaultKind.STATUS, Target.ANY, resource="nodes", code=code, times=None))

    async with stage(prepare, namespaces=("shop",), more=(LowRate.NODES,)) as at:
        await at.until(lambda: at.frame.health.complete)
        await at.until(lambda: at.api.watches == len(at.kinds) - 1)
        assert at.frame.health.left_out == {Collection(LowRate.NODES): code}
        assert at.frame.health.restarts == {}
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(lambda: at.selecting() == ("shop/late", "shop/web"))
    told = [record.message for record in caplog.records if "nodes: left out" in record.message]
    assert len(told) == 1
    assert KINDS[LowRate.NODES].without in told[0]


REFUSED = Fault(FaultKind.STATUS, Target.ANY, namespace="till", code=403, times=None)
_TILL = {Collection(kind, "till") for kind, row in KINDS.items() if row.namespaced}


async def test_a_namespace_that_cannot_be_read_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Its RoleBinding is gone at the start: the other is complete and followed, and what is refused is told once."""
    async with stage(lambda _, proxy: proxy.add(replace(REFUSED)), namespaces=("shop", "till")) as at:
        await at.until(lambda: at.frame.health.complete)
        assert at.frame.health.left_out.keys() == _TILL
        assert at.selecting() == ("shop/web",)
        assert at.index.services("till", {"app": "web"}) is None
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(lambda: at.selecting() == ("shop/late", "shop/web"))
    told = [record.message for record in caplog.records if "services of till: left out" in record.message]
    assert len(told) == 1


async def test_a_namespace_that_is_taken_away_and_given_back_is_taken_up_again() -> None:
    """What is known of it stays meanwhile, as nothing says that it is gone; its Services are not known any more."""
    other = service("till", {"app": "till"})
    other["metadata"]["namespace"] = "till"
    async with stage(lambda api, _: api.put("services", other), namespaces=("shop", "till")) as at:
        await at.until(lambda: at.index.services("till", {"app": "till"}) == ("till/till",))
        fault = at.proxy.add(replace(REFUSED))
        at.api.end_watches()
        await at.until(lambda: at.frame.health.left_out.keys() == _TILL)
        at.api.put("services", service("late", {"app": "web"}))
        await at.until(lambda: at.selecting() == ("shop/late", "shop/web"))
        await at.until(lambda: at.index.services("till", {"app": "till"}) is None)
        assert "till" in at.index.services_changed()
        assert at.index.selectors.objects["till", "till"] == {("app", "till")}
        at.proxy.lift(fault)
        await at.until(lambda: at.index.services("till", {"app": "till"}) == ("till/till",))
        assert at.frame.health.left_out == {}


def test_namespaces_in_which_the_same_can_be_read_share_one_kopf() -> None:
    """One that is refused would end the kopf of all; the kinds of the cluster are followed once."""
    jobs, services, nodes = LowRate.JOBS, LowRate.SERVICES, LowRate.NODES
    everything = [Collection(kind, each) for kind in (jobs, services) for each in ("a", "b", "c")]
    without = [each for each in everything if each != Collection(jobs, "b")]
    assert shares([*everything, Collection(nodes)], "abc") == (Share((jobs, services, nodes), ("a", "b", "c")),)
    assert shares([*without, Collection(nodes)], "abc") == (
        Share((jobs, services, nodes), ("a", "c")),
        Share((services,), ("b",)),
    )
    assert shares([Collection(nodes)], "abc") == (Share((nodes,), ("a", "b", "c")),)
    assert shares([Collection(jobs), Collection(nodes)], ()) == (Share((jobs, nodes)),)
    assert shares([], "abc") == shares([], ()) == ()


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
