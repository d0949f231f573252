"""The fake API server is held to the real one: the same expectations of listings and watches run against both."""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from tests.support.fake_api import FakeApi
from tests.support.fault_proxy import FaultProxy
from tests.support.objects import pod
from tests.support.recording import RecordingIntake, SteppingClock

from podtimeline.kube.connection import Connection, connect
from podtimeline.kube.failures import VersionGoneError
from podtimeline.kube.feed import glance
from podtimeline.kube.lister import Collection, Lister, check
from podtimeline.kube.reflector import Pace, Reflector
from podtimeline.model.instants import Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.sources.pods.feed import PODS, PodFeed

NAMES = ("web-1", "web-2", "web-3")


@dataclass(slots=True)
class Subject:
    """An API server and a namespace in it that belongs to the test."""

    connection: Connection
    session: aiohttp.ClientSession
    namespace: str
    fake: FakeApi | None
    uids: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The pods of the namespace."""
        return Collection(PODS, self.namespace).path

    def lister(self, page_size: int) -> Lister:
        """Reads them in pages."""
        return Lister(self.connection, self.session, self.path, page_size=page_size, sock_read=20)

    async def create(self, name: str) -> None:
        """A pod that nobody schedules."""
        if self.fake is not None:
            made = self.fake.put("pods", pod(name, namespace=self.namespace))
        else:
            container = {"name": "web", "image": "registry.test/web:1"}
            body = {"metadata": {"name": name}, "spec": {"schedulerName": "nobody", "containers": [container]}}
            made = await self._send("POST", self.path, body)
        self.uids[name] = made["metadata"]["uid"]

    async def delete(self, name: str) -> None:
        """The pod is gone at once."""
        if self.fake is not None:
            self.fake.delete("pods", self.namespace, name)
        else:
            await self._send("DELETE", f"{self.path}/{name}", {"gracePeriodSeconds": 0})

    async def _send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        url, headers = self.connection.url(path), self.connection.headers()
        async with self.session.request(method, url, json=body, headers=headers) as response:
            response.raise_for_status()
            answer: dict[str, Any] = await response.json()
            return answer

    async def open_namespace(self) -> None:
        """Real servers want it to exist, and its service account too before it takes pods."""
        await self._send("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        account = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/default"
        async with asyncio.timeout(30):
            await self._exists(account)

    async def close_namespace(self) -> None:
        """Leave nothing behind."""
        await self._send("DELETE", f"/api/v1/namespaces/{self.namespace}", {})

    async def _exists(self, path: str) -> None:
        query = {"watch": "1", "fieldSelector": f"metadata.name={path.rpartition('/')[2]}"}
        url, headers = self.connection.url(path.rpartition("/")[0]), self.connection.headers()
        async with self.session.get(url, params=query, headers=headers) as response:
            await check(response)
            await response.content.readline()

    async def watch(self, version: str, *, seconds: int = 30) -> AsyncGenerator[bytes, None]:
        """The lines of a watch."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        url, headers = self.connection.url(self.path), self.connection.headers()
        async with self.session.get(url, params=query, headers=headers) as response:
            await check(response)
            async for line in response.content:
                yield line.rstrip(b"\n")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.e2e), "fake behind the proxy"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Both servers; the fake one also through the fault proxy, which must change nothing while there is no fault."""
    async with AsyncExitStack() as stack:
        fake: FakeApi | None = None
        if request.param == "real":
            connection = connect(kubeconfig=os.environ.get("KUBECONFIG"))
        else:
            fake = await stack.enter_async_context(FakeApi())
            connection = Connection(fake.url)
        if request.param == "fake behind the proxy":
            proxy = await stack.enter_async_context(FaultProxy(connection))
            connection = Connection(proxy.url)
        session = await stack.enter_async_context(connection.session())
        made = Subject(connection, session, f"contract-{secrets.token_hex(4)}", fake)
        if fake is None:
            await made.open_namespace()
        try:
            for name in NAMES:
                await made.create(name)
            yield made
        finally:
            if fake is None:
                await made.close_namespace()


async def test_a_listing_in_pages_is_one_snapshot(subject: Subject) -> None:
    """Every page has the first one's version, an integer; together they have every object once."""
    pages = [page async for page, _ in subject.lister(2).pages(SteppingClock())]
    assert [len(page.items or ()) for page in pages] == [2, 1]
    assert len({page.metadata.resource_version for page in pages}) == 1
    assert pages[0].metadata.resource_version.isdecimal()
    intake = RecordingIntake()
    feed = PodFeed(intake)
    for page in pages:
        for raw in page.items or ():
            feed.item(raw, arrived=1)
    assert set(intake.timelines) == set(subject.uids.values())
    assert feed.malformed == 0


async def test_the_version_of_a_collection_is_not_before_its_latest_object(subject: Subject) -> None:
    """What the end of a backlog is known by."""
    before = int(await subject.lister(500).version())
    await subject.create("web-4")
    assert int(await subject.lister(500).version()) > before


async def test_a_watch_tells_each_change_after_its_version_in_order(subject: Subject) -> None:
    """From a listing's version on: what came, and what went, with growing versions."""
    version = await subject.lister(500).version()
    await subject.create("web-4")
    await subject.delete("web-1")
    told: list[tuple[str, str]] = []
    async for line in subject.watch(version):
        told.append(glance(line))
        if told[-1][0] == "DELETED":
            break
    assert [kind for kind, _ in told if kind != "MODIFIED"] == ["ADDED", "DELETED"]
    versions = [int(each) for _, each in told]
    assert versions == sorted(versions)
    assert versions[0] > int(version)


async def test_a_watch_ends_in_good_order_when_its_time_is_over(subject: Subject) -> None:
    """After timeoutSeconds, without a word."""
    version = await subject.lister(500).version()
    assert [line async for line in subject.watch(version, seconds=1)] == []


async def test_a_quiet_watch_gets_a_bookmark_within_the_read_timeout(subject: Subject) -> None:
    """About once a minute; it has the shape of no pod, and a version to go on from."""
    version = await subject.lister(500).version()
    feed, seconds = PodFeed(RecordingIntake()), Pace().read_seconds
    watch = subject.watch(version, seconds=600)
    if subject.fake is not None:
        first = asyncio.create_task(anext(watch))
        await subject.fake.changes.until(lambda: subject.fake is not None and subject.fake.watches == 1)
        subject.fake.bookmark()
        line = await first
    else:
        async with asyncio.timeout(seconds):
            line = await anext(watch)
    assert glance(line)[0] == "BOOKMARK"
    assert int(feed.line(line, arrived=1, live=True)) >= int(version)
    assert feed.malformed == 0
    await watch.aclose()


async def test_a_version_that_is_too_old_is_gone(subject: Subject) -> None:
    """As HTTP status or as the first line of the watch: both are 410."""
    if subject.fake is not None:
        subject.fake.compact()

    async def follow() -> None:
        feed = PodFeed(RecordingIntake())
        async for line in subject.watch("1"):
            feed.line(line, arrived=1, live=True)

    with pytest.raises(VersionGoneError):
        await follow()


async def test_a_reflector_sees_a_pods_life(subject: Subject) -> None:
    """Listed, created, removed: the whole way through the same code that runs in a cluster."""
    intake = RecordingIntake()
    reflector = Reflector(
        connection=subject.connection,
        session=subject.session,
        feed=PodFeed(intake, namespace=subject.namespace),
        clock=SteppingClock(),
    )
    task = asyncio.create_task(reflector.run())
    await intake.changes.until(lambda: bool(intake.listings))
    assert intake.listings[0].uids == set(subject.uids.values())
    await subject.create("web-4")
    await intake.changes.until(lambda: subject.uids["web-4"] in intake.timelines)
    await subject.delete("web-4")
    life = intake.timelines[subject.uids["web-4"]]
    await intake.changes.until(lambda: life.has(Milestone.OBJECT_REMOVED))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for milestone in (Milestone.CREATED, Milestone.DELETION_REQUESTED, Milestone.OBJECT_REMOVED):
        assert Source.WATCH in {each.source for each in life.evidence[Mark(milestone)]}
    assert reflector.health.restarts == {}
    assert reflector.health.events >= 2
