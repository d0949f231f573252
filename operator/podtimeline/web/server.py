"""The two aiohttp applications: metrics and probes at one port, the API at the other."""

import json
from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from podtimeline.web.answers import Answers, Handler
from podtimeline.web.api import Api
from podtimeline.web.lane import Lane
from podtimeline.web.openapi import openapi
from podtimeline.web.requests import given
from podtimeline.web.responses import LARGE, compressed, json_response
from podtimeline.web.routes import OperationId, Port, served
from podtimeline.web.sources import Sources


def make_metrics_app(sources: Sources) -> web.Application:
    """Metrics and probes."""
    pages = _Pages(sources)
    handlers = {
        OperationId.METRICS: pages.metrics,
        OperationId.HEALTH: pages.health,
        OperationId.READY: pages.ready,
        OperationId.DOCUMENT: pages.document,
    }
    return _application(Port.METRICS, handlers, sources)


def make_api_app(sources: Sources) -> web.Application:
    """The API, which tells of pods."""
    api = Api(sources)
    handlers = {
        OperationId.PODS: api.pods,
        OperationId.POD: api.pod,
        OperationId.WORKLOADS: api.workloads,
        OperationId.ROLLOUT: api.rollout,
        OperationId.FAULTS: api.faults,
        OperationId.DOCUMENT: api.document,
    }
    return _application(Port.API, handlers, sources)


def _application(port: Port, handlers: Mapping[OperationId, Handler], sources: Sources) -> web.Application:
    app = web.Application(middlewares=[Answers(port, sources.numbers).middleware()])
    for route in served(port):
        app.router.add_get(route.path, handlers[route.operation])
    return app


class _Pages:
    """Metrics and probes."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._lane = Lane(width=1, waiting=20)
        self._document = msgspec.json.encode(openapi(Port.METRICS, review=False))

    async def metrics(self, request: web.Request) -> web.Response:
        async with self._lane.turn():
            body, kind = await self._sources.metrics(request.headers.get("Accept", ""))
        return compressed(web.Response(body=body, headers={"Content-Type": kind}, zlib_executor_size=LARGE))

    async def health(self, request: web.Request) -> web.Response:
        return _verdict(self._sources.health())

    async def ready(self, request: web.Request) -> web.Response:
        reasons = self._sources.ready()
        return _verdict(reasons) if reasons else _verdict(self._sources.degraded(), failing=False)

    async def document(self, request: web.Request) -> web.Response:
        given(request)
        return json_response(self._document)


def _verdict(reasons: Sequence[str], *, failing: bool = True) -> web.Response:
    """A probe's answer: what only degrades the operator does not fail the probe."""
    status = "ok" if not reasons else "failing" if failing else "degraded"
    body = json.dumps({"status": status, "reasons": list(reasons)}).encode()
    return json_response(body, status=503 if status == "failing" else 200)
