"""The aiohttp application. History calls and rendering block, so they run in threads; nothing waits for a writer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from aiohttp import web

from podtimeline.core.refusals import Refusal
from podtimeline.core.requests import WorkloadHistory
from podtimeline.core.state import load
from podtimeline.core.view import View, view
from podtimeline.errors import QueryError, StoreError
from podtimeline.ports import Clock, History, Saved
from podtimeline.render.document import Document, document, documents
from podtimeline.render.workloads import workloads_document
from podtimeline.web import rollouts
from podtimeline.web.neighbours import neighbours
from podtimeline.web.parameters import read_query
from podtimeline.web.problems import BadParameter, problem

_LARGE = 64 << 10
Reasons = Callable[[], Sequence[str]]
"""Why the answer is no, in words; empty where it is yes."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What the pages are made of.

    ``live`` gives the tracker's own view of a pod, fresher than the history's, ``None`` where it is not tracked; it is
    called on the event loop. ``metrics`` renders an exposition for an ``Accept`` header: body and content type.
    ``ready`` tells why the operator is not ready, ``degraded`` what it cannot read though it is.
    ``refusals`` are the workloads whose pods are, or were, refused; ``asked`` is what a workload was asked for, by its
    namespace, kind and name, ``None`` where that is not known.
    """

    history: History
    live: Callable[[str], View | None]
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    health: Reasons
    ready: Reasons
    clock: Clock
    degraded: Reasons = list
    cluster: str | None = None
    refusals: Callable[[], Iterable[Refusal]] = tuple
    asked: Callable[[str, str, str], WorkloadHistory | None] = lambda *_: None


def make_app(sources: Sources) -> web.Application:
    """The application of one operator."""
    pages = _Pages(sources)
    app = web.Application(middlewares=[_refusals])
    app.router.add_get("/metrics", pages.metrics)
    app.router.add_get("/healthz", pages.health)
    app.router.add_get("/readyz", pages.ready)
    app.router.add_get("/api/v1/pods", pages.pods)
    app.router.add_get("/api/v1/pods/{namespace}/{name}", pages.pod)
    app.router.add_get("/api/v1/workloads", pages.workloads)
    app.router.add_get("/api/v1/rollouts/{namespace}/{kind}/{name}", pages.rollout)
    return app


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except BadParameter as error:
        return problem(400, "Bad parameter", str(error), parameter=error.parameter)
    except QueryError as error:
        return problem(400, "Bad query", str(error))
    except StoreError as error:
        return problem(503, "History unavailable", str(error))
    except web.HTTPNotFound:
        return problem(404, "Not found", f"{request.path} is not served; see /api/v1/pods, /metrics, /healthz, /readyz")
    except web.HTTPMethodNotAllowed as error:
        refusal = problem(
            405, "Method not allowed", f"{request.method} is not served: podtimeline only answers, by GET"
        )
        refusal.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        return refusal


class _Pages:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def metrics(self, request: web.Request) -> web.Response:
        body, kind = await self._sources.metrics(request.headers.get("Accept", ""))
        return _compressed(web.Response(body=body, headers={"Content-Type": kind}, zlib_executor_size=_LARGE))

    async def health(self, _: web.Request) -> web.Response:
        return _verdict(self._sources.health())

    async def ready(self, _: web.Request) -> web.Response:
        reasons = self._sources.ready()
        return _verdict(reasons) if reasons else _verdict(self._sources.degraded(), failing=False)

    async def pods(self, request: web.Request) -> web.Response:
        query = read_query(_once(request), now=self._sources.clock.now())
        page = await asyncio.to_thread(self._sources.history.search, query)
        items = await self._documents(page.records)
        return _json(documents(items, cursor=page.cursor))

    async def pod(self, request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        uid = _only(_once(request), "uid")
        found = await asyncio.to_thread(self._sources.history.find, namespace, name, uid=uid)
        item = None if found is None else await self._document(found)
        if item is None:
            which = f"pod {namespace}/{name}" + (f" with uid {uid}" if uid else "")
            advice = (
                "it is not in the history: see /api/v1/pods, and namespaces and retention_days of `podtimeline config`"
            )
            return problem(404, "Not found", f"{which}: {advice}")
        return _json(item)

    async def workloads(self, request: web.Request) -> web.Response:
        """The workloads whose pods are, or were, refused."""
        namespace = _only(_once(request), "namespace")
        found = [each for each in self._sources.refusals() if namespace in {None, each.namespace}]
        return _json(workloads_document(found))

    async def rollout(self, request: web.Request) -> web.Response:
        """One revision of one workload; the newest one unless ``revision`` says which."""
        namespace, kind, name = (request.match_info[part] for part in ("namespace", "kind", "name"))
        revision = _only(_once(request), "revision")
        found = await asyncio.to_thread(rollouts.records, self._sources.history, namespace, kind, name)
        now = self._sources.clock.now()
        pairs = [(record, self._sources.live(record.state.uid)) for record in found]
        asked, cluster = self._sources.asked(namespace, kind, name), self._sources.cluster
        body = await asyncio.to_thread(rollouts.answer, pairs, asked, revision=revision, now=now, cluster=cluster)
        if body is None:
            which = f"{kind} {namespace}/{name}" + (f" with revision {revision}" if revision else "")
            return problem(404, "Not found", f"{which}: no pod of it is in the history: see /api/v1/pods")
        return _json(body)

    async def _document(self, record: Saved) -> Document | None:
        """The document of one pod, compared with its neighbours."""
        now, fresh = self._sources.clock.now(), self._sources.live(record.state.uid)
        return await asyncio.to_thread(self._compared, fresh, record, now)

    def _compared(self, fresh: View | None, record: Saved, now: int) -> Document | None:
        seen = fresh or view(load(record.state), now=now)
        if seen is None:
            return None
        others = neighbours(self._sources.history, seen, now=now)
        return document(seen, cluster=self._sources.cluster, peers=others)

    async def _documents(self, records: Iterable[Saved]) -> list[Document]:
        now = self._sources.clock.now()
        pairs = [(record, self._sources.live(record.state.uid)) for record in records]
        return await asyncio.to_thread(self._render, pairs, now)

    def _render(self, pairs: Sequence[tuple[Saved, View | None]], now: int) -> list[Document]:
        views = (fresh or view(load(record.state), now=now) for record, fresh in pairs)
        return [document(each, cluster=self._sources.cluster) for each in views if each is not None]


def _once(request: web.Request) -> dict[str, str]:
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise BadParameter(name, ",".join(request.query.getall(name)), "it can be given once")
    return dict(request.query)


def _only(parameters: dict[str, str], name: str) -> str | None:
    for other, value in parameters.items():
        if other != name:
            raise BadParameter(other, value, f"the only parameter here is {name}")
    return parameters.get(name)


def _verdict(reasons: Sequence[str], *, failing: bool = True) -> web.Response:
    """A probe's answer: what only degrades the operator does not fail the probe."""
    status = "ok" if not reasons else "failing" if failing else "degraded"
    return _json({"status": status, "reasons": list(reasons)}, status=503 if status == "failing" else 200)


def _json(body: Document, *, status: int = 200) -> web.Response:
    answer = web.Response(
        status=status, text=json.dumps(body), content_type="application/json", zlib_executor_size=_LARGE
    )
    return _compressed(answer)


def _compressed(answer: web.Response) -> web.Response:
    """Compress for clients that ask for it; a large answer in a thread, so that the streams are read meanwhile."""
    answer.enable_compression()
    return answer
