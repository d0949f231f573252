"""Who may read the API: everybody, or whom the API server grants ``get pods``.

A bearer token is given to the API server's TokenReview, its user to a SubjectAccessReview; see "Webhook token
authentication" and "Checking API access" in the Kubernetes documentation. Whatever fails, the answer is no.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict

from aiohttp import web

from podtimeline.errors import ClusterError
from podtimeline.ports import Grant, Reviewer
from podtimeline.web.numbers import Seconds
from podtimeline.web.responses import RequestRefused

KEPT_SECONDS = 10.0
"""How long an answer is kept: as long a grant outlives its end."""
_MOST_KEPT = 10_000
_AT_ONCE = 10
_WAITING = 100
_HOW = (
    "Send the token of a user who may `get pods`. The API server's service proxy does not forward tokens: use"
    " `kubectl port-forward` to the Service's port http, --server http://127.0.0.1:PORT and, in PODTIMELINE_TOKEN, what"
    " `kubectl create token ACCOUNT` prints."
)


class Gate:
    """Reviews each request; answers, yes and no, are kept for ``KEPT_SECONDS``. Without a reviewer all may read."""

    def __init__(self, reviewer: Reviewer | None, clock: Seconds = time.monotonic) -> None:
        self._reviewer = reviewer
        self._clock = clock
        self._kept: OrderedDict[tuple[bytes, str | None], tuple[float, Grant]] = OrderedDict()
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def enter(self, request: web.Request, namespace: str | None) -> None:
        """Let the request pass. Raises ``RequestRefused``: 401 without a known token, 403, or 503 without an answer."""
        if self._reviewer is None:
            return
        grant = await self._grant(self._reviewer, _token(request), namespace)
        if grant.user is None:
            raise _unknown("The API server does not know this token.")
        if not grant.allowed:
            where = f"in namespace {namespace}" if namespace is not None else "in all namespaces; name one"
            detail = f"{grant.user} may not `get pods` {where}. Granting it is up to the cluster's administrator."
            raise RequestRefused(403, "Forbidden", detail)

    async def everywhere(self, request: web.Request) -> bool:
        """Whether a request that was let in for one namespace may learn of others too."""
        if self._reviewer is None:
            return True
        try:
            return (await self._grant(self._reviewer, _token(request), None)).allowed
        except RequestRefused:
            return False

    async def _grant(self, reviewer: Reviewer, token: str, namespace: str | None) -> Grant:
        key = (hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest(), namespace)
        found = self._kept.get(key)
        if found is not None and self._clock() < found[0]:
            return found[1]
        grant = await self._asked(reviewer, token, namespace)
        self._kept[key] = (self._clock() + KEPT_SECONDS, grant)
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return grant

    async def _asked(self, reviewer: Reviewer, token: str, namespace: str | None) -> Grant:
        if self._waiting >= _WAITING:
            raise _unanswered("too many tokens are waiting for review")
        self._waiting += 1
        try:
            async with self._free:
                return await reviewer.review(token, namespace)
        except ClusterError as error:
            raise _unanswered(str(error)) from error
        finally:
            self._waiting -= 1


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unknown("The API of this operator requires a bearer token.")
    return token.strip()


def _unknown(why: str) -> RequestRefused:
    return RequestRefused(401, "Unauthorized", f"{why} {_HOW}", {"WWW-Authenticate": 'Bearer realm="podtimeline"'})


def _unanswered(why: str) -> RequestRefused:
    detail = f"Whether you may read could not be checked, so access is denied: {why}"
    return RequestRefused(503, "No review", detail, {"Retry-After": "5"})
