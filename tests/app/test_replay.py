"""A recorded cluster comes back as the same timelines, through the pipeline that the operator runs."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.fake_api import FakeApi
from tests.support.objects import CREATED, CREATED_NS, endpoint, endpoint_slice, line, pod, raw, ready_pod
from tests.support.waiting import Changes

from podtimeline.analysis.resolved import Outcome
from podtimeline.app import replay
from podtimeline.app.capture import FORMAT, CaptureWriter, Header, Kind
from podtimeline.app.recording import record_streams
from podtimeline.config import Settings
from podtimeline.errors import ClusterError
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Partial
from podtimeline.sources.registry import BY_NAME, KINDS

SECOND = 1_000_000_000


class VersionedApi(FakeApi):
    """Says which version it is."""

    def application(self) -> web.Application:
        """See ``Server.application``."""
        app = super().application()
        app.router.add_get("/version", self._json(lambda: {"gitVersion": "v1.37.2"}))
        return app


def replicaset() -> dict[str, Any]:
    """The ReplicaSet of the pods, of the Deployment ``web``."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d-1", "controller": True}
    meta = {"namespace": "shop", "name": "web-abc", "uid": "rs-1", "resourceVersion": "7", "creationTimestamp": CREATED}
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta | {"ownerReferences": [owner]}}


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A pod that was there, one that starts under the recorder's eyes, and one that a relist no longer shows."""
    path = tmp_path / "capture.jsonl.gz"
    start = CREATED_NS - SECOND
    old = ready_pod("old", metadata={"creationTimestamp": "2026-11-22T10:00:00Z"})
    with CaptureWriter(path, Header(format=FORMAT, started=start)) as writer:
        for stream in ("jobs", "services", "endpointslices", "events"):
            writer.tap(start, stream, "LISTED", b"100")
        writer.tap(start, "pods", "LIST", raw(old))
        writer.tap(start, "pods", "LISTED", b"100")
        writer.tap(CREATED_NS + SECOND // 2, "pods", "WATCH", line("ADDED", pod("web-1")))
        writer.tap(CREATED_NS + SECOND // 2, "replicasets", "WATCH", line("ADDED", replicaset()))
        writer.tap(CREATED_NS + 5 * SECOND, "pods", "WATCH", line("MODIFIED", ready_pod("web-1")))
        writer.tap(CREATED_NS + 6 * SECOND, "endpointslices", "WATCH", line("ADDED", endpoint_slice(endpoint("web-1"))))
        writer.tap(CREATED_NS + 7 * SECOND, "pods", "WATCH", b'{"type":"ERROR","object":{"code":410,"kind":"Status"}}')
        writer.tap(CREATED_NS + 8 * SECOND, "pods", "LIST", raw(ready_pod("web-1")))
        writer.tap(CREATED_NS + 8 * SECOND, "pods", "LISTED", b"200")
        writer.tap(CREATED_NS + 20 * SECOND, "gizmos", "LISTED", b"1")
    return path


def test_a_replay_runs_on_the_capture_s_own_clock(capture: Path) -> None:
    """What was there is partial, what started is whole, what vanished is gone; unknown streams are passed over."""
    old, new = replay(capture)
    assert (old.facts.name, new.facts.name) == ("old", "web-1")
    assert old.partial == (Partial.GAP, Partial.LISTED)
    removed = next(each.instant for each in old.milestones if each.mark.milestone is Milestone.OBJECT_REMOVED)
    assert removed is not None
    assert removed.latest == CREATED_NS + 8 * SECOND
    assert new.outcome is Outcome.READY
    assert (new.workload.kind, new.workload.name) == ("Deployment", "web")
    assert new.partial == ()
    assert sum(each.duration for each in new.phases) == new.total


def test_the_same_capture_gives_the_same_timelines_each_time(capture: Path) -> None:
    """Nothing in the pipeline depends on when it is run."""
    assert replay(capture) == replay(capture)


@pytest.fixture
async def api() -> AsyncIterator[VersionedApi]:
    """A cluster with a ReplicaSet, a Service without selector and a pod."""
    async with VersionedApi() as server:
        server.put("replicasets", replicaset())
        server.put("pods", pod("web-0"))
        yield server


@pytest.mark.parametrize("namespaces", [(), ("shop", "other")])
async def test_what_is_recorded_can_be_replayed(api: VersionedApi, tmp_path: Path, namespaces: tuple[str, ...]) -> None:
    """All streams with their listings, for the whole cluster or for some namespaces."""
    path, stop = tmp_path / "capture.jsonl.gz", asyncio.Event()
    settings = Settings(api_url=api.url, namespaces=namespaces, cluster_name="test")
    lines, changes = Counter[tuple[str, Kind]](), Changes()

    def seen(stream: str, kind: Kind) -> None:
        lines[stream, kind] += 1
        changes.notify()

    task = asyncio.create_task(record_streams(settings, path, stop=stop, seen=seen))
    watches = sum(len(list(kind.resource.collections(namespaces))) for kind in KINDS)
    await api.changes.until(lambda: api.watches >= watches)
    api.put("pods", pod("web-1"))
    api.put("pods", ready_pod("web-1"))
    api.put("endpointslices", endpoint_slice(endpoint("web-1")))
    await changes.until(lambda: lines["endpointslices", Kind.WATCH] == 1 and lines["pods", Kind.WATCH] == 2)
    stop.set()
    told = await task
    assert "2 pods" in told
    assert "v1.37.2" in told
    written = [json.loads(each) for each in gzip.decompress(path.read_bytes()).splitlines()]
    assert written[0]["cluster"] == "test"
    assert {each["stream"] for each in written if each.get("type") == "LISTED"} == set(BY_NAME)
    views = {each.facts.name: each for each in replay(path)}
    assert views["web-1"].outcome is Outcome.READY
    assert views["web-1"].workload.name == "web"
    assert Milestone.OBJECT_REMOVED not in {each.mark.milestone for each in views["web-0"].milestones}


async def test_a_cluster_that_cannot_be_reached_is_said_so_at_once(tmp_path: Path) -> None:
    """A recording of nothing for an hour would help nobody."""
    with pytest.raises(ClusterError, match="cannot reach"):
        await record_streams(Settings(api_url="http://127.0.0.1:9"), tmp_path / "c.gz", stop=asyncio.Event())
    async with FakeApi() as other:
        with pytest.raises(ClusterError, match="answers 404"):
            await record_streams(Settings(api_url=other.url), tmp_path / "c.gz", stop=asyncio.Event())
