"""Reviews as the API server takes and answers them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from tests.support.fake_api import Server

from podtimeline.errors import ClusterError
from podtimeline.kube.connection import Connection
from podtimeline.kube.reviews import Reviews
from podtimeline.ports import Grant

USER = {"username": "system:serviceaccount:shop:reader", "uid": "u-1", "groups": ["system:serviceaccounts"],
        "extra": {"authentication.kubernetes.io/pod-name": ["reader-1"]}}  # fmt: skip


class ReviewApi(Server):
    """Answers reviews with what it is given, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []
        self.tokens: tuple[int, Any] = (201, {"status": {"authenticated": True, "user": USER}})
        self.access: tuple[int, Any] = (201, {"status": {"allowed": True}})

    def application(self) -> web.Application:
        """See ``Server.application``."""
        app = web.Application()
        app.router.add_post("/apis/authentication.k8s.io/v1/tokenreviews", self._token)
        app.router.add_post("/apis/authorization.k8s.io/v1/subjectaccessreviews", self._access)
        return app

    async def _token(self, request: web.Request) -> web.Response:
        return await self._answer(request, self.tokens)

    async def _access(self, request: web.Request) -> web.Response:
        return await self._answer(request, self.access)

    async def _answer(self, request: web.Request, reply: tuple[int, Any]) -> web.Response:
        self.asked.append(await request.json())
        body = reply[1] if isinstance(reply[1], str) else json.dumps(reply[1])
        return web.Response(status=reply[0], text=body, headers={"Location": "/elsewhere"})


@pytest.fixture
async def api() -> AsyncIterator[ReviewApi]:
    """An API server that grants everything."""
    async with ReviewApi() as server:
        yield server


async def reviewed(api: ReviewApi, namespace: str | None = "shop") -> Grant:
    """What a review gives."""
    connection = Connection(api.url)
    async with connection.session() as session:
        return await Reviews(connection, session).review("the-token", namespace)


async def test_the_user_of_the_token_is_asked_about_with_all_that_is_known_of_it(api: ReviewApi) -> None:
    """Groups and extra decide as much as the name does."""
    assert await reviewed(api) == Grant(USER["username"], allowed=True)  # type: ignore[arg-type]
    token, access = api.asked
    assert (token["kind"], token["spec"]) == ("TokenReview", {"token": "the-token"})
    attributes = {"verb": "get", "resource": "pods", "namespace": "shop"}
    user = {"user": USER["username"], "uid": "u-1", "groups": USER["groups"], "extra": USER["extra"]}
    assert (access["kind"], access["spec"]) == ("SubjectAccessReview", user | {"resourceAttributes": attributes})


async def test_all_namespaces_are_asked_about_without_one(api: ReviewApi) -> None:
    """An empty namespace means all of them (SubjectAccessReview, ResourceAttributes)."""
    await reviewed(api, None)
    assert "namespace" not in api.asked[1]["spec"]["resourceAttributes"]


@pytest.mark.parametrize(
    "status",
    [{"authenticated": False}, {}, {"error": "token expired"}, {"authenticated": True, "user": {}}],
)
async def test_a_token_of_nobody_grants_nothing(api: ReviewApi, status: dict[str, Any]) -> None:
    """And no access is reviewed for it."""
    api.tokens = (201, {"status": status})
    assert await reviewed(api) == Grant(None)
    assert len(api.asked) == 1


@pytest.mark.parametrize("status", [{"allowed": False}, {"allowed": True, "denied": True}])
async def test_a_user_who_may_not_is_named_and_refused(api: ReviewApi, status: dict[str, Any]) -> None:
    """``denied`` overrules whatever else allows."""
    api.access = (201, {"status": status})
    assert await reviewed(api) == Grant(USER["username"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((403, {"kind": "Status"}), "may not create"),
        ((500, "oops"), "answered 500"),
        ((302, "elsewhere"), "answered 302"),
        ((201, "<html>"), "cannot be read"),
        ((201, {"status": None}), "cannot be read"),
        ((201, {"status": {"allowed": "yes", "authenticated": "yes"}}), "cannot be read"),
    ],
)
@pytest.mark.parametrize("which", ["tokens", "access"])
async def test_whatever_else_is_answered_is_no_answer(
    api: ReviewApi, which: str, reply: tuple[int, Any], said: str
) -> None:
    """It raises, so that nobody is let in."""
    setattr(api, which, reply)
    with pytest.raises(ClusterError, match=said):
        await reviewed(api)


async def test_an_api_server_that_is_away_is_no_answer(api: ReviewApi) -> None:
    """The port is closed by then."""
    connection = Connection("http://127.0.0.1:1")
    async with connection.session() as session:
        with pytest.raises(ClusterError, match="does not answer"):
            await Reviews(connection, session).review("the-token", "shop")
