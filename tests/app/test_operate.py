"""The whole operator in this process, against an API server on loopback."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
import pytest
from tests.support.fake_api import FakeApi
from tests.support.fault_proxy import Fault, FaultKind, FaultProxy, Target
from tests.support.memory_store import MemoryStore
from tests.support.objects import CREATED, CREATED_NS, endpoint, endpoint_slice, event, pod, ready_pod
from tests.support.waiting import Changes

from podtimeline.app.commits import Committer
from podtimeline.app.operator import Listening, World, operate
from podtimeline.bounded import Kept
from podtimeline.config import Access, Settings
from podtimeline.errors import SettingsError
from podtimeline.kube.connection import Connection
from podtimeline.model.instants import SECOND
from podtimeline.ports import Finished
from podtimeline.sinks import registry as sinks
from podtimeline.sinks.registry import SinkKind
from podtimeline.sources.events import reboots
from podtimeline.sources.registry import BY_NAME, KINDS
from podtimeline.store.registry import STORES
from podtimeline.tracking import histories, pending_creates

STREAMS = len(KINDS)
"""Watches of a whole operator."""


class Lines(io.StringIO):
    """Stands for stdout; tells the event loop of each write."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = Changes()
        self._loop = asyncio.get_running_loop()

    def write(self, text: str, /) -> int:
        """Write, and say so."""
        written = super().write(text)
        self._loop.call_soon_threadsafe(self.changes.notify)
        return written

    @property
    def pods(self) -> list[str]:
        """The pods that were told of, in order."""
        lines = [json.loads(line) for line in self.getvalue().splitlines() if line.endswith("}")]
        return [line["k8s.pod.name"] for line in lines]


class OffsetClock:
    """Runs as real time does, from the second before the pods of ``objects`` are created; can jump, and fail a task."""

    def __init__(self) -> None:
        self.broken = False
        self._offset = CREATED_NS - SECOND - time.time_ns()

    def forward(self, seconds: int) -> None:
        """Jump ahead."""
        self._offset += seconds * SECOND

    def now(self) -> int:
        """See ``ports.Clock``."""
        if self.broken and _in_task("ticks"):
            self.broken = False
            raise RuntimeError("the clock is broken")
        return time.time_ns() + self._offset


def _in_task(name: str) -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # another thread, without a loop
        return False
    return task is not None and task.get_name() == name


@dataclass
class Running:
    """One operator."""

    task: "asyncio.Task[int]"
    stop: asyncio.Event
    listening: Listening
    stdout: Lines
    clock: OffsetClock

    async def get(self, path: str, *, token: str | None = None) -> tuple[int, Any]:
        """Status and JSON, or text, of a page."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        host, port = self.listening.api if path.startswith("/api/") else self.listening.metrics
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{host}:{port}{path}", headers=headers) as response,
        ):
            if "json" in response.content_type:
                return response.status, await response.json()
            return response.status, await response.text()

    async def until_metric(self, line: str, *, gone: bool = False) -> None:
        """Wait for a line of the exposition, or until it is there no more."""
        async with asyncio.timeout(20):
            while (line in (await self.get("/metrics"))[1]) is gone:
                continue

    async def stopped(self) -> int:
        """Stop in order; the exit code."""
        self.stop.set()
        return await self.task


@asynccontextmanager
async def operator(
    api: FakeApi, path: Path, *, clock: OffsetClock | None = None, proxy: FaultProxy | None = None, **more: Any
) -> AsyncIterator[Running]:
    """An operator that follows ``api``, through a proxy if one is given; killed at the end if not stopped."""
    quick = {"linger_seconds": 0.0, "commit_interval_seconds": 0.01, "watch_timeout_seconds": 30}
    anywhere = {"listen": "127.0.0.1:0", "api_listen": "127.0.0.1:0", "history": f"sqlite:{path}"}
    settings = Settings(**(anywhere | quick | more))
    stop, stdout, clock = asyncio.Event(), Lines(), clock or OffsetClock()
    address: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
    world = World(connection=Connection((proxy or api).url), clock=clock, stdout=stdout)
    task = asyncio.create_task(operate(settings, stop=stop, world=world, started=address.set_result))
    task.add_done_callback(lambda _: address.done() or address.cancel())
    try:
        listening = await address
    except asyncio.CancelledError:
        await task
        raise
    await api.changes.until(lambda: api.watches >= STREAMS)
    try:
        yield Running(task, stop, listening, stdout, clock)
    finally:
        # As SIGKILL does: kopf would otherwise have everything end in order.
        with mock.patch.object(Committer, "last", _killed):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _killed(_: Committer, *, tries: int) -> bool:
    return tries > 0


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    """A cluster with one Deployment and one Service."""
    async with FakeApi() as server:
        meta: dict[str, Any] = {"namespace": "shop", "creationTimestamp": CREATED}
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1", "controller": True}
        replicas = meta | {"name": "web-abc", "uid": "rs-1", "ownerReferences": [owner]}
        server.put("replicasets", {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": replicas})
        service = {"apiVersion": "v1", "kind": "Service", "metadata": meta | {"name": "web", "uid": "s-1"}}
        server.put("services", service | {"spec": {"selector": {"app": "web"}, "type": "ClusterIP"}})
        yield server


def start(api: FakeApi, name: str) -> None:
    """A pod is created, an event tells of it, it becomes ready and its address gets into the slice."""
    api.put("pods", pod(name))
    about = {
        "kind": "Pod",
        "namespace": "shop",
        "name": name,
        "uid": f"uid-{name}",
        "fieldPath": "spec.containers{web}",
    }
    told = event("Started", involvedObject=about)
    told["metadata"]["name"] = told["metadata"]["name"].replace("web-1", name)
    api.put("events", told)
    ready = ready_pod(name)
    api.put("pods", ready)
    api.put("endpointslices", endpoint_slice(endpoint(name), name=f"slice-{name}"))


def counted(metrics: str) -> float:
    """How many startups the exposition counts for the Deployment."""
    labels = 'namespace="shop",workload="web",workload_kind="Deployment"'
    wanted = f"podtimeline_pod_startup_duration_seconds_count{{{labels}}} "
    return sum(float(line.removeprefix(wanted)) for line in metrics.splitlines() if line.startswith(wanted))


async def test_a_pod_is_followed_from_its_first_delivery_to_every_surface(api: FakeApi, tmp_path: Path) -> None:
    """Probes, log, metrics and API agree; a stop in order ends with 0."""
    async with operator(api, tmp_path / "history.sqlite3") as running:
        assert (await running.get("/readyz"))[0] == 200
        running.clock.forward(10)
        start(api, "web-1")
        await running.stdout.changes.until(lambda: running.stdout.pods == ["web-1"])
        assert (await running.get("/healthz"))[0] == 200
        assert counted((await running.get("/metrics"))[1]) == 1
        status, told = await running.get("/api/v1/pods/shop/web-1")
        assert status == 200
        assert told["outcome"] == "ready"
        assert told["workload"] == {"kind": "Deployment", "name": "web"}
        assert told["awaited"] == []
        assert told["services"] == ["shop/web"]
        assert sum(each["durationNanoseconds"] for each in told["phases"]) == told["totalNanoseconds"]
        assert await running.stopped() == 0


@dataclass
class Recorder:
    """Implements ``ports.Sink``; keeps the names of the pods in ``told``."""

    told: list[str]
    name: str = "recorder"

    def take(self, finished: Finished) -> None:
        """See ``ports.Sink``."""
        self.told.append(finished.view.facts.name)

    def close(self) -> None:
        """See ``ports.Sink``."""
        self.told.append("closed")


async def test_a_sink_and_a_store_of_one_row_each_are_all_that_an_operator_needs(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The composition root knows neither by name: CONTRIBUTING.md promises it to who adds one."""
    told, store = list[str](), MemoryStore()
    monkeypatch.setattr(sinks, "SINKS", (SinkKind("recorder", lambda _: Recorder(told)),))
    monkeypatch.setitem(STORES, "fake", lambda *_: store)
    async with operator(api, tmp_path, history="fake:x", sinks=("recorder",)) as running:
        running.clock.forward(10)
        start(api, "web-1")
        await running.until_metric('podtimeline_sink_exported_total{sink="recorder"} 1.0')
        assert await running.stopped() == 0
    assert told == ["web-1", "closed"]
    assert [each.name for each in store.records.values()] == ["web-1"]
    assert store.closed


async def test_after_a_kill_each_pod_is_told_and_counted_once(api: FakeApi, tmp_path: Path) -> None:
    """One was told before, one is half-way, one starts and one goes while nobody looks."""
    history, clock = tmp_path / "history.sqlite3", OffsetClock()
    async with operator(api, history, clock=clock) as running:
        # The moment of the first look is in the history before the clock jumps.
        await running.until_metric("podtimeline_store_commits_total 0.0", gone=True)
        clock.forward(10)
        start(api, "web-1")
        start(api, "web-2")
        api.put("pods", pod("web-3"))
        await running.stdout.changes.until(lambda: sorted(running.stdout.pods) == ["web-1", "web-2"])
    start(api, "web-3")
    start(api, "web-4")
    api.delete("pods", "shop", "web-1")
    async with operator(api, history, clock=clock) as running:
        await running.stdout.changes.until(lambda: sorted(running.stdout.pods) == ["web-3", "web-4"])
        assert counted((await running.get("/metrics"))[1]) == 4
        assert await running.stopped() == 0


async def test_what_was_read_is_committed_before_a_stop_ends(api: FakeApi, tmp_path: Path) -> None:
    """However far away the next commit is."""
    history = tmp_path / "history.sqlite3"
    async with operator(api, history, commit_interval_seconds=60.0, sinks=()) as running:
        api.put("pods", pod("web-1"))
        await running.until_metric('podtimeline_tracked_pods{state="starting"} 1.0')
        assert await running.stopped() == 0
    async with operator(api, history) as running:
        status, told = await running.get("/api/v1/pods/shop/web-1")
        assert (status, told["outcome"]) == (200, "starting")


async def test_an_api_server_that_is_away_makes_unready_and_never_dead(api: FakeApi, tmp_path: Path) -> None:
    """A quarter of an hour without a byte: alive, unready with reasons; then it catches up what it did not see."""
    async with (
        FaultProxy(Connection(api.url)) as proxy,
        operator(api, tmp_path / "history.sqlite3", proxy=proxy) as running,
    ):
        running.clock.forward(10)
        start(api, "web-1")
        await running.stdout.changes.until(lambda: running.stdout.pods == ["web-1"])
        outage = proxy.add(Fault(FaultKind.STATUS, Target.ANY, code=503, times=None))
        proxy.drop_all()
        await api.changes.until(lambda: api.watches == 0)
        start(api, "web-2")
        running.clock.forward(900)
        assert (await running.get("/healthz"))[0] == 200
        status, verdict = await running.get("/readyz")
        assert status == 503
        assert {reason.split()[1] for reason in verdict["reasons"] if "has not been read" in reason} == set(BY_NAME)
        assert (await running.get("/metrics"))[0] == 200
        proxy.lift(outage)
        await running.stdout.changes.until(lambda: running.stdout.pods == ["web-1", "web-2"])
        told = (await running.get("/api/v1/pods/shop/web-2"))[1]
        assert (told["outcome"], told["partial"]) == ("ready", ["gap"])
        assert (await running.get("/readyz"))[0] == 200
        assert await running.stopped() == 0


async def test_a_task_that_ends_ends_the_process_with_1(
    api: FakeApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A zombie that answers probes and follows nothing would be worse."""
    async with operator(api, tmp_path / "history.sqlite3") as running:
        running.clock.broken = True
        api.put("pods", pod("web-1"))
        assert await running.task == 1
    assert "ended, shutting down" in caplog.text


@pytest.mark.parametrize("setting", ["listen", "api_listen"])
async def test_an_address_that_is_taken_is_refused_by_the_setting_s_name(
    api: FakeApi, tmp_path: Path, setting: str
) -> None:
    """At the start, before anything is read."""
    port = api.url.rpartition(":")[2]
    given: dict[str, Any] = {setting: f"127.0.0.1:{port}"}
    with pytest.raises(SettingsError, match=rf"^{setting}: cannot listen on 127\.0\.0\.1"):
        async with operator(api, tmp_path / "history.sqlite3", **given):
            pass


async def test_a_scrape_counts_who_is_in_which_phase_and_which_requests_came(api: FakeApi, tmp_path: Path) -> None:
    """What the loop copied is evaluated elsewhere, and is in the exposition."""
    async with operator(api, tmp_path / "history.sqlite3") as running:
        api.put("pods", pod("web-1"))
        await running.until_metric('podtimeline_pods_in_phase{phase="scheduling"} 1.0')
        assert 'podtimeline_http_requests_total{code="200",route="/metrics"}' in (await running.get("/metrics"))[1]


async def test_with_access_review_the_api_wants_a_token_and_the_probes_do_not(api: FakeApi, tmp_path: Path) -> None:
    """The API server here knows no reviews: whatever the token is, the answer is no."""
    async with operator(api, tmp_path / "history.sqlite3", access=Access.REVIEW) as running:
        assert (await running.get("/api/v1/pods"))[0] == 401
        status, told = await running.get("/api/v1/pods", token="of-somebody")
        assert (status, (await running.get("/readyz"))[0]) == (503, 200)
        assert "could not be checked" in told["detail"]


async def test_what_every_part_drops_is_counted_in_one_metric(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream of Events, the companions and the tracker itself count what they have no room for, by store."""
    monkeypatch.setattr(reboots, "MAX_PODS", 0)
    monkeypatch.setattr(histories, "MAX_EARLY", 0)
    monkeypatch.setattr(pending_creates, "MAX_SAID", 0)
    async with operator(api, tmp_path / "history.db") as running:
        body = (await running.get("/metrics"))[1]
        lines = [line for line in body.splitlines() if line.startswith("podtimeline_dropped_total")]
        assert lines == [f'podtimeline_dropped_total{{store="{each}"}} 0.0' for each in Kept]
        cron = {"kind": "CronJob", "apiVersion": "batch/v1", "namespace": "shop", "name": "tick", "uid": "c-1"}
        own = {"kind": "ReplicaSet", "apiVersion": "apps/v1", "namespace": "shop", "name": "web-abc", "uid": "rs-1"}
        told = (
            event("SandboxChanged", container="", source={"component": "kubelet", "host": "node-1"}),
            event("SuccessfulCreate", container="", message="Created job tick-1", involvedObject=cron),
            event("SuccessfulCreate", container="", message="Created pod: web-abc-1", involvedObject=own),
        )
        for number, each in enumerate(told):
            each["metadata"]["name"] = f"{number}.{CREATED_NS:016x}"
            api.put("events", each)
        start(api, "web-2")
        await running.stdout.changes.until(lambda: running.stdout.pods == ["web-2"])
        body = (await running.get("/metrics"))[1]
        for store, count in ((Kept.SANDBOX_CHANGES, 1), (Kept.WORKLOAD_EVENTS, 1), (Kept.POD_NAMES, 1)):
            assert f'podtimeline_dropped_total{{store="{store}"}} {count}.0\n' in body
        assert await running.stopped() == 0
