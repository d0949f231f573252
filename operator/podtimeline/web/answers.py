"""Around every handler: whatever it raises becomes an answer, and each answer is counted."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from podtimeline.errors import QueryError, StoreError
from podtimeline.web.numbers import HttpNumbers, Sparing
from podtimeline.web.responses import BadParameter, RequestRefused, problem, shown
from podtimeline.web.routes import Port, served

log = logging.getLogger(__name__)

_UNROUTED = "other"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answers:
    """The middleware of one server."""

    def __init__(self, port: Port, numbers: HttpNumbers) -> None:
        self._port = port
        self._numbers = numbers
        self._sparing = Sparing()

    def middleware(self) -> Middleware:
        """What aiohttp puts around each handler."""

        @web.middleware
        async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._around(request, handler)

        return around

    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = _UNROUTED if resource is None else resource.canonical
        try:
            answer = await handler(request)
        except (BadParameter, QueryError, StoreError, RequestRefused) as error:
            answer = _refusal(error)
        except web.HTTPException as error:
            answer = self._unserved(request, error)
        except Exception as error:  # noqa: BLE001 - the one place where a fault of a handler ends
            answer = self._fault(route, error)
        self._numbers.requests[route, answer.status] += 1
        return answer

    def _unserved(self, request: web.Request, error: web.HTTPException) -> web.Response:
        paths = ", ".join(each.path for each in served(self._port))
        match error:
            case web.HTTPNotFound():
                detail = f"{shown(request.path)} is not served at this port, which serves {paths}"
                return problem(404, "Not found", detail)
            case web.HTTPMethodNotAllowed():
                detail = f"{shown(request.method)} is not served: podtimeline only answers, by GET"
                allow = {"Allow": ", ".join(sorted(error.allowed_methods))}
                return problem(405, "Method not allowed", detail, headers=allow)
            case _:
                return problem(error.status, "RequestRefused", f"{error.reason}; this port serves {paths}")

    def _fault(self, route: str, error: Exception) -> web.Response:
        held = self._sparing.due((route, type(error).__qualname__))
        if held is not None:
            log.error(
                "request to %s failed (%d similar failures since the last such line)", route, held, exc_info=error
            )
        return problem(
            500, "Internal error", "This is a bug in podtimeline; see the log of the operator, and please report it."
        )


def _refusal(error: Exception) -> web.Response:
    match error:
        case BadParameter():
            return problem(400, "Bad parameter", str(error), parameter=error.parameter)
        case QueryError():
            return problem(400, "Bad query", str(error))
        case RequestRefused():
            return problem(error.status, error.title, str(error), headers=error.headers)
        case _:
            return problem(503, "History unavailable", str(error))
