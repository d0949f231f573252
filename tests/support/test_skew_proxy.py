"""The proxy shifts a kubelet's frame of time, and nothing else."""

import copy
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fake_api import FakeApi, Server
from tests.support.objects import pod
from tests.support.skew_proxy import STAMPS, SkewProxy, moved_moment, moved_name, moved_path, shifted

from podtimeline.kube.connection import Connection

EVENT: dict[str, Any] = {
    "kind": "Event",
    "metadata": {"name": "web-1.187b0e0f5b2c3d4e", "namespace": "shop", "creationTimestamp": None},
    "involvedObject": {"kind": "Pod", "name": "web-1.187b0e0f5b2c3d4e", "uid": "uid-1"},
    "firstTimestamp": "2026-11-25T03:00:59Z",
    "lastTimestamp": "2026-11-25T03:00:59Z",
    "eventTime": None,
    "message": "Pulled at 2026-11-25T03:00:59Z",
}
LEASE: dict[str, Any] = {
    "kind": "Lease",
    "spec": {"holderIdentity": "node-2", "renewTime": "2026-11-25T03:00:59.123456Z"},
}
POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {
        "name": "web-1.187b0e0f5b2c3d4e",
        "creationTimestamp": "2026-11-25T03:00:58Z",
        "annotations": {"kubernetes.io/config.seen": "2026-11-25T03:00:57.5Z"},
    },
    "spec": {"containers": [{"name": "web", "env": [{"name": "T", "value": "2026-11-25T03:00:00Z"}]}]},
    "status": {
        "startTime": "2026-11-25T03:00:59Z",
        "conditions": [{"type": "Ready", "lastProbeTime": None, "lastTransitionTime": "2026-11-25T23:59:59Z"}],
        "containerStatuses": [
            {"name": "web", "restartCount": 0, "state": {"running": {"startedAt": "2026-11-25T03:01:00Z"}}}
        ],
    },
}


def test_a_moment_is_moved_by_whole_seconds_and_keeps_its_fraction() -> None:
    """Minutes and days carry over; a fraction stays to the digit."""
    assert moved_moment("2026-12-31T23:59:59.123456Z", 30) == "2027-01-01T00:00:29.123456Z"
    assert moved_moment("2026-11-25T03:00:10Z", -30) == "2026-11-25T02:59:40Z"


def test_a_text_that_is_no_moment_stays() -> None:
    """An empty stamp, or another notation."""
    assert moved_moment("", 30) == ""
    assert moved_moment("2026-11-25", 30) == "2026-11-25"


def test_the_name_of_an_event_moves_by_its_nanoseconds() -> None:
    """30 s are 30,000,000,000 of them; a name without them stays."""
    moved = moved_name("web-1.187b0e0f5b2c3d4e", 30)
    assert int(moved.rpartition(".")[2], 16) - 0x187B0E0F5B2C3D4E == 30_000_000_000
    assert moved_name("web-1", 30) == "web-1"


def test_the_path_of_an_event_moves_with_its_name() -> None:
    """A kubelet patches an Event by the name that it gave it; no other path is touched."""
    path = "/api/v1/namespaces/shop/events/web-1.187b0e0f5b2c3d4e"
    assert moved_path(path, 30) == path.replace("web-1.187b0e0f5b2c3d4e", moved_name("web-1.187b0e0f5b2c3d4e", 30))
    assert moved_path("/api/v1/namespaces/shop/pods/web-1.187b0e0f5b2c3d4e", 30).endswith("187b0e0f5b2c3d4e")


def test_an_event_is_shifted_and_what_it_is_about_is_not() -> None:
    """Its own name and stamps move; the pod's name and the words stay."""
    moved = shifted(EVENT, -30)
    assert moved["metadata"]["name"] == moved_name(EVENT["metadata"]["name"], -30)
    assert moved["firstTimestamp"] == "2026-11-25T03:00:29Z"
    assert moved["involvedObject"] == EVENT["involvedObject"]
    assert (moved["message"], moved["eventTime"]) == (EVENT["message"], None)


def test_a_status_is_shifted_and_texts_that_only_look_like_moments_are_not() -> None:
    """Conditions, start times and states move; environment, annotations and the pod's name stay."""
    moved = shifted(POD, 30)
    assert moved["status"]["startTime"] == "2026-11-25T03:01:29Z"
    assert moved["status"]["conditions"][0]["lastTransitionTime"] == "2026-11-26T00:00:29Z"
    assert moved["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] == "2026-11-25T03:01:30Z"
    assert moved["spec"] == POD["spec"]
    assert moved["metadata"]["name"] == POD["metadata"]["name"]
    assert moved["metadata"]["annotations"] == POD["metadata"]["annotations"]


def test_a_lease_is_shifted_to_the_microsecond() -> None:
    """The heartbeat of a node."""
    assert shifted(LEASE, 30)["spec"]["renewTime"] == "2026-11-25T03:01:29.123456Z"


MOMENTS = (
    st.integers(946_684_800, 4_102_444_800).map(
        lambda second: f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}Z"
    )
    | st.none()
    | st.text(max_size=5)
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=9), inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted(STAMPS)), MOMENTS, max_size=3)
        | inner.map(lambda value: {"involvedObject": value, "metadata": {"name": "web.187b0e0f5b2c3d4e"}})
    ),
    max_leaves=12,
)


@given(DOCUMENTS, st.integers(-100, 100))
def test_what_is_shifted_there_and_back_is_what_it_was(document: Any, ahead: int) -> None:
    """The kubelet reads back what it wrote, else it would write it again and again; and the input is left alone."""
    before = copy.deepcopy(document)
    assert shifted(shifted(document, ahead), -ahead) == document
    assert document == before


@given(DOCUMENTS)
def test_with_a_shift_of_0_every_object_passes_unchanged(document: Any) -> None:
    """The same code, and nothing happens."""
    assert shifted(document, 0) == document


class Echo(Server):
    """Answers with what it was asked last, and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.bodies: list[Any] = []

    def application(self) -> web.Application:
        """See ``Server.application``."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        if request.content_type != "application/json":
            return web.Response(body=await request.read(), content_type=request.content_type)
        self.bodies.append(await request.json())
        return web.json_response(self.bodies[-1])


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    """An upstream that answers with what it was sent."""
    async with Echo() as server:
        yield server


async def answer_to(server: Server, method: str, path: str, body: Any) -> Any:
    """What is answered to one JSON request."""
    async with aiohttp.ClientSession() as session, session.request(method, server.url + path, json=body) as answer:
        return await answer.json()


@pytest.mark.parametrize("sent", [EVENT, LEASE, POD], ids=lambda sent: sent["kind"])
async def test_with_a_shift_of_0_messages_pass_unchanged(echo: Echo, sent: Any) -> None:
    """To the server and back to the kubelet."""
    async with SkewProxy(Connection(echo.url)) as proxy:
        assert await answer_to(proxy, "POST", "/api/v1/things", sent) == sent
    assert echo.bodies == [sent]


async def test_what_the_kubelet_sends_is_later_and_what_it_reads_back_is_its_own(echo: Echo) -> None:
    """An Event in the server is of a clock 30 s ahead; the kubelet knows it by the name that it gave it."""
    path = f"/api/v1/namespaces/shop/events/{EVENT['metadata']['name']}"
    async with SkewProxy(Connection(echo.url), ahead=30) as proxy:
        assert await answer_to(proxy, "PATCH", path, EVENT) == EVENT
    assert echo.bodies == [shifted(EVENT, 30)]
    assert echo.paths == [moved_path(path, 30)]


async def test_what_holds_no_json_passes_as_it_is_and_is_counted(echo: Echo) -> None:
    """A kubelet that speaks protobuf would not be shifted: the test that uses the proxy must know."""
    async with SkewProxy(Connection(echo.url), ahead=30) as proxy, aiohttp.ClientSession() as session:
        headers = {"Content-Type": "application/vnd.kubernetes.protobuf"}
        async with session.post(f"{proxy.url}/api/v1/pods", data=b"k8s\0...", headers=headers) as answer:
            assert await answer.read() == b"k8s\0..."
        assert proxy.opaque == 2


async def test_a_watch_passes_line_by_line() -> None:
    """Each change is handed on when it comes, stamped earlier by what the kubelet's clock is ahead."""
    async with FakeApi() as api, SkewProxy(Connection(api.url), ahead=30) as proxy, aiohttp.ClientSession() as session:
        made = api.put("pods", pod("web-1"))
        async with session.get(f"{proxy.url}/api/v1/pods?watch=1&resourceVersion=100") as answer:
            told = await answer.content.readline()
            assert b"\n" not in told[:-1]
            api.put("pods", pod("web-2"))
            assert b"web-2" in await answer.content.readline()
    stamp = made["metadata"]["creationTimestamp"]
    assert moved_moment(stamp, -30).encode() in told
    assert stamp.encode() not in told
