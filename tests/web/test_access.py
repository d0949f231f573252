"""With a reviewer the API answers whom the API server grants ``get pods``, and nobody else."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientResponse
from tests.support.saved import checkpoint, saved
from tests.web.worlds import Client, World, api_of, metrics_of, three_pods

from podtimeline.errors import ClusterError
from podtimeline.ports import Grant
from podtimeline.web.access import KEPT_SECONDS, Gate

READER, ADMIN = "token-of-reader", "token-of-admin"


@dataclass
class Rights:
    """An API server: the reader may read ``shop``, the admin everything."""

    away: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    revoked: bool = False
    now: float = 0.0

    async def review(self, token: str, namespace: str | None) -> Grant:
        """See ``ports.Reviewer``."""
        self.asked.append((token, namespace))
        if self.away:
            raise ClusterError("the API server does not answer a review: refused")
        match token:
            case "token-of-reader":
                return Grant("reader", allowed=namespace == "shop" and not self.revoked)
            case "token-of-admin":
                return Grant("admin", allowed=True)
            case _:
                return Grant(None)


@pytest.fixture
def rights() -> Rights:
    """Who may what."""
    return Rights()


@pytest.fixture
def world(rights: Rights) -> World:
    """Three pods in ``shop`` and one in ``till``."""
    made = three_pods()
    made.store.commit(checkpoint(saved("uid-9", name="till-1", namespace="till")))
    made.gate = Gate(rights, lambda: rights.now)
    return made


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    """A client of the API."""
    async with api_of(world) as made:
        yield made


async def asked(client: Client, path: str, token: str | None = None) -> ClientResponse:
    """The answer to who has that token."""
    return await client.get(f"/api/v1/{path}", headers={} if token is None else {"Authorization": f"Bearer {token}"})


WITHIN = ("pods?namespace=shop", "pods/shop/web-1", "workloads?namespace=shop", "rollouts/shop/Deployment/web")
BEYOND = (
    "pods", "pods?namespace=till", "pods/till/till-1", "pods/till/nobody", "workloads", "workloads?namespace=till",
    "rollouts/till/Deployment/web", "faults",
)  # fmt: skip


@pytest.mark.parametrize("path", WITHIN)
async def test_who_may_get_pods_in_a_namespace_may_read_it(client: Client, path: str) -> None:
    """Whatever the path, the namespace in it is the one that is asked about."""
    assert (await asked(client, path, READER)).status in {200, 404}


@pytest.mark.parametrize("path", BEYOND)
async def test_who_may_not_is_refused_whether_or_not_there_is_such_a_pod(client: Client, path: str) -> None:
    """403, never 404: who may not look must not learn by asking. Without a namespace it is about all of them."""
    answer = await asked(client, path, READER)
    body = await answer.json()
    assert (answer.status, answer.content_type) == (403, "application/problem+json")
    assert body["detail"].startswith("reader may not `get pods` in ")
    assert (await asked(client, path, ADMIN)).status in {200, 404}


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic cmVhZGVyOng=", "token-of-reader"])
async def test_without_a_bearer_token_it_is_said_how_to_send_one(
    client: Client, rights: Rights, authorization: str | None
) -> None:
    """And the API server is not asked."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await client.get("/api/v1/pods?namespace=shop", headers=headers)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="podtimeline"')
    assert "port-forward" in (await answer.json())["detail"]
    assert rights.asked == []


async def test_a_token_that_is_not_known_is_refused(client: Client) -> None:
    """401, as by the API server itself."""
    assert (await asked(client, "pods?namespace=shop", "made-up")).status == 401


async def test_without_an_answer_of_the_api_server_nobody_is_let_in(client: Client, rights: Rights) -> None:
    """503 with the reason; that is not kept: the next request asks again."""
    rights.away = True
    answer = await asked(client, "pods?namespace=shop", ADMIN)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "does not answer a review" in (await answer.json())["detail"]
    rights.away = False
    assert (await asked(client, "pods?namespace=shop", ADMIN)).status == 200


async def test_an_answer_is_kept_briefly(client: Client, rights: Rights) -> None:
    """`show --follow` asks each second; a right that is taken away ends a few seconds later."""
    for _ in range(3):
        assert (await asked(client, "pods?namespace=shop", READER)).status == 200
    assert rights.asked == [(READER, "shop")]
    rights.revoked, rights.now = True, KEPT_SECONDS - 0.1
    assert (await asked(client, "pods?namespace=shop", READER)).status == 200
    rights.now = KEPT_SECONDS
    assert (await asked(client, "pods?namespace=shop", READER)).status == 403


async def test_a_pod_is_compared_with_those_that_its_reader_may_see(client: Client, world: World) -> None:
    """Neighbours on its node are of any namespace: their names and images are not told to everybody."""
    told = await (await asked(client, "pods/shop/web-2", ADMIN)).json()
    assert "peers" in [each["source"] for finding in told["findings"] for each in finding["evidence"]]
    world.store.records = {
        uid: record if uid == "uid-2" else saved(uid, name=record.name, namespace="till")
        for uid, record in world.store.records.items()
    }
    everything = await (await asked(client, "pods/shop/web-2", ADMIN)).json()
    narrowed = await (await asked(client, "pods/shop/web-2", READER)).json()
    sources = [
        [each["source"] for finding in document["findings"] for each in finding["evidence"]]
        for document in (everything, narrowed)
    ]
    assert ["peers" in each for each in sources] == [True, False]


async def test_metrics_probes_and_documents_ask_for_no_token(client: Client, world: World, rights: Rights) -> None:
    """The kubelet and Prometheus have none for it."""
    assert (await client.get("/openapi.json")).status == 200
    async with metrics_of(world) as pages:
        assert {(await pages.get(path)).status for path in ("/metrics", "/healthz", "/readyz")} == {200}
    assert rights.asked == []
