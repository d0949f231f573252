"""Asks the API server whose token it is and what its user may: TokenReview and SubjectAccessReview.

Kubernetes API reference, authentication.k8s.io/v1 and authorization.k8s.io/v1.
"""

from http import HTTPStatus
from typing import TypeVar

import aiohttp
import msgspec

from podtimeline.errors import ClusterError
from podtimeline.kube.connection import Connection
from podtimeline.ports import Grant

_TOKENS = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_T = TypeVar("_T")
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class _User(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}


class _TokenStatus(msgspec.Struct):
    authenticated: bool = False
    user: _User = msgspec.field(default_factory=_User)


class _TokenReview(msgspec.Struct):
    status: _TokenStatus


class _AccessStatus(msgspec.Struct):
    allowed: bool
    denied: bool = False


class _AccessReview(msgspec.Struct):
    status: _AccessStatus


class Reviews:
    """Implements ``ports.Reviewer`` with the operator's own credentials, which have to be allowed to create both."""

    def __init__(self, connection: Connection, session: aiohttp.ClientSession) -> None:
        self._connection = connection
        self._session = session

    async def review(self, token: str, namespace: str | None) -> Grant:
        """See ``ports.Reviewer``."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        found = await self._create(_TOKENS, body, _TokenReview)
        user = found.status.user
        if not found.status.authenticated or not user.username:
            return Grant(None)
        wanted = {"verb": "get", "resource": "pods"} | ({"namespace": namespace} if namespace is not None else {})
        spec = {"user": user.username, "uid": user.uid, "groups": user.groups, "extra": user.extra}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        body |= {"spec": spec | {"resourceAttributes": wanted}}
        answer = await self._create(_ACCESS, body, _AccessReview)
        return Grant(user.username, allowed=answer.status.allowed and not answer.status.denied)

    async def _create(self, path: str, body: object, kind: type[_T]) -> _T:
        url = self._connection.url(path)
        try:
            async with self._session.post(
                url, json=body, headers=self._connection.headers(), timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                return _read(answer.status, await answer.read(), path, kind)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClusterError(f"the API server does not answer a review: {str(error) or 'timed out'}") from error


def _read(status: int, body: bytes, path: str, kind: type[_T]) -> _T:
    what = path.rpartition("/")[2]
    if status == HTTPStatus.FORBIDDEN:
        raise ClusterError(f"the operator may not create {what}: install the chart with config.access=review")
    if status not in (HTTPStatus.OK, HTTPStatus.CREATED):
        raise ClusterError(f"the API server answered {status} to a review ({what})")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise ClusterError(f"the API server's answer to a review ({what}) cannot be read: {error}") from error
