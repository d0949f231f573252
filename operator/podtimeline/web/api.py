"""The API: timelines of pods, of rollouts and of workloads. What computes is done by the worker, in short jobs."""

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.analysis.attribution.scaling import WorkloadHistory
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.render.document import contained_document
from podtimeline.render.lists import faults_document, timelines_document, workloads_document
from podtimeline.web.access import Gate
from podtimeline.web.evaluating import Latest, known, latest, members, neighbours, rollout_answer
from podtimeline.web.lane import Lane
from podtimeline.web.openapi import openapi
from podtimeline.web.parameters import read_query
from podtimeline.web.requests import given, once
from podtimeline.web.responses import RequestRefused, encode, json_response, shown
from podtimeline.web.routes import Port
from podtimeline.web.sources import Sources


class Api:
    """The handlers. A request waits for its turn before it holds anything, and computes in a thread."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._worker = sources.worker
        self._gate = sources.gate or Gate(None)
        self._lane = Lane(width=2, waiting=100)
        self._quarantine = sources.quarantine
        self._document = msgspec.json.encode(openapi(Port.API, review=sources.gate is not None))

    async def document(self, request: web.Request) -> web.Response:
        """What is served here."""
        given(request)
        return json_response(self._document)

    async def pods(self, request: web.Request) -> web.Response:
        """One page of a search."""
        query = read_query(once(request), now=self._sources.clock.now())
        await self._gate.enter(request, query.namespace)
        async with self._lane.turn():
            now = self._sources.clock.now()
            query = await known(query, self._sources.open_pods, self._worker, now=now)
            page = await asyncio.to_thread(self._sources.history.search, query)
            found = await latest(page.records, self._sources.live)
            now = self._sources.clock.now()
            items = await self._worker.each(found, lambda each: self._item(each, now))
            raw = [msgspec.Raw(each) for each in items if each is not None]
            made = timelines_document(raw, cursor=page.cursor)
            return json_response(await self._worker.run(lambda: encode(made)))

    async def pod(self, request: web.Request) -> web.Response:
        """The latest pod of a name, or the one of a uid."""
        texts = given(request)
        namespace, name, uid = texts["namespace"], texts["name"], texts.get("uid")
        await self._gate.enter(request, namespace)
        within = None if await self._gate.everywhere(request) else namespace
        async with self._lane.turn():
            record = await asyncio.to_thread(self._sources.history.find, namespace, name, uid=uid)
            found = () if record is None else await latest([record], self._sources.live)
            now = self._sources.clock.now()
            body = await self._worker.run(lambda: self._one(found[0], now, within)) if found else None
        if body is None:
            which = f"pod {shown(f'{namespace}/{name}')}" + (f" with uid {shown(uid)}" if uid else "")
            advice = (
                "it is not in the history: see /api/v1/pods, and namespaces and retention_days in `podtimeline config`"
            )
            raise RequestRefused(404, "Not found", f"{which}: {advice}")
        return json_response(body)

    async def workloads(self, request: web.Request) -> web.Response:
        """The workloads whose pods are, or were, refused."""
        namespace = given(request).get("namespace")
        await self._gate.enter(request, namespace)
        found = tuple(self._sources.refusals())
        async with self._lane.turn():
            return json_response(await self._worker.run(lambda: _workloads(found, namespace)))

    async def faults(self, request: web.Request) -> web.Response:
        """What could not be read or evaluated: of any namespace, so that who asks may read all of them."""
        given(request)
        await self._gate.enter(request, None)
        found = self._quarantine.faults
        async with self._lane.turn():
            return json_response(await self._worker.run(lambda: encode(faults_document(found))))

    async def rollout(self, request: web.Request) -> web.Response:
        """One revision of one workload; the newest one unless ``revision`` says which."""
        texts = given(request)
        namespace, kind, name, revision = texts["namespace"], texts["kind"], texts["name"], texts.get("revision")
        await self._gate.enter(request, namespace)
        async with self._lane.turn():
            records = await asyncio.to_thread(members, self._sources.history, namespace, kind, name)
            found = await latest(records, self._sources.live)
            asked, now = self._sources.asked(namespace, kind, name), self._sources.clock.now()
            pods = await self._worker.each(found, lambda each: each.view(self._quarantine, now=now))
            body = await self._worker.run(lambda: self._rollout(pods, asked, revision, now))
        if body is None:
            which = f"{shown(f'{kind} {namespace}/{name}')}" + (f" with revision {shown(revision)}" if revision else "")
            raise RequestRefused(404, "Not found", f"{which}: no pod of it is in the history: see /api/v1/pods")
        return json_response(body)

    def _item(self, found: Latest, now: int) -> bytes | None:
        seen = found.view(self._quarantine, now=now)
        if seen is None:
            return None
        return contained_document(seen, self._quarantine, msgspec.json.encode, cluster=self._sources.cluster)

    def _one(self, found: Latest, now: int, within: str | None) -> bytes | None:
        """The document of one pod, compared with its neighbours, those of one namespace where ``within`` is set."""
        seen = found.view(self._quarantine, now=now)
        if seen is None:
            return None
        others = neighbours(self._sources.history, seen, self._quarantine, now=now, namespace=within)
        cluster = self._sources.cluster
        return contained_document(seen, self._quarantine, msgspec.json.encode, cluster=cluster, peers=others)

    def _rollout(
        self, pods: Sequence[ResolvedTimeline | None], asked: WorkloadHistory | None, revision: str | None, now: int
    ) -> bytes | None:
        made = rollout_answer(
            pods, asked, revision=revision, now=now, cluster=self._sources.cluster, quarantine=self._quarantine
        )
        return None if made is None else encode(made)


def _workloads(found: Sequence[Refusal], namespace: str | None) -> bytes:
    return encode(workloads_document(each for each in found if namespace in {None, each.namespace}))
