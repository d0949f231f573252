"""A small API server on loopback: discovery, paged lists, watches with bookmarks and a compacted past.

It is held to the real one by ``tests/kube/test_api_contract.py``. Faults are the business of ``fault_proxy``.
"""

import asyncio
import base64
import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from tests.support.waiting import Changes

from podtimeline.kube.lister import Collection
from podtimeline.sources.registry import KINDS

Body = dict[str, Any]
_TITLES = {
    "endpointslices": "EndpointSlice",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "cronjobs": "CronJob",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "volumeattachments": "VolumeAttachment",
}
"""Names of kinds that are more than one word."""
_KINDS = {
    each.resource.name: (
        Collection(each.resource).path.removesuffix(f"/{each.resource.name}"),
        _TITLES.get(each.resource.name, each.resource.name.removesuffix("s").capitalize()),
    )
    for each in KINDS
}
"""Where each observed kind is in the API, and what it is called."""
_OF_CLUSTER = frozenset(each.resource.name for each in KINDS if not each.resource.namespaced)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object; ``line`` is what a watch tells."""

    version: int
    resource: str
    namespace: str
    line: bytes


@dataclass(slots=True)
class _Watcher:
    resource: str
    namespace: str | None
    queue: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)


class Server:
    """An aiohttp application, on a free port of loopback unless told otherwise, as an async context manager."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._listen = (host, port)
        self.url = ""
        self.changes = Changes()
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        """What is served."""
        raise AssertionError("a subclass says what it serves")

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.application(), handler_cancellation=True, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, *self._listen)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


class FakeApi(Server):
    """Objects by resource; every change has a version of its own, as with etcd."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 100
        self.compacted = 0
        self._objects: dict[str, dict[tuple[str, str], Body]] = {resource: {} for resource in _KINDS}
        self._history: list[Change] = []
        self._watchers: list[_Watcher] = []
        self._pages: dict[str, tuple[int, list[Body]]] = {}

    # --- what tests do ----------------------------------------------------------------------------------------------

    def put(self, resource: str, body: Mapping[str, Any]) -> Body:
        """Create or replace an object, as the server would; returns it with its version."""
        stored = copy.deepcopy(dict(body))
        metadata = stored["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        kind = "MODIFIED" if key in self._objects[resource] else "ADDED"
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        self._objects[resource][key] = stored
        self._tell(kind, resource, stored)
        return stored

    def delete(self, resource: str, namespace: str, name: str) -> None:
        """Delete an object."""
        gone = copy.deepcopy(self._objects[resource].pop((namespace, name)))
        self.version += 1
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._tell("DELETED", resource, gone)

    def compact(self) -> None:
        """Forget the past: versions and pages of before are too old from now on."""
        self.version += 1
        self.compacted = self.version
        self._history.clear()
        self._pages.clear()

    def bookmark(self) -> None:
        """Send a bookmark to every watch."""
        for watcher in self._watchers:
            watcher.queue.put_nowait(self._bookmark(watcher.resource))

    def end_watches(self) -> None:
        """End every watch in good order."""
        for watcher in self._watchers:
            watcher.queue.put_nowait(None)

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self._watchers)

    # --- what clients see -------------------------------------------------------------------------------------------

    def application(self) -> web.Application:
        """See ``Server.application``."""
        app = web.Application()
        app.router.add_get("/api", self._json(lambda: {"kind": "APIVersions", "versions": ["v1"]}))
        app.router.add_get("/apis", self._json(_groups))
        for root in {root for root, _ in _KINDS.values()}:
            app.router.add_get(root, self._json(lambda root=root: _resources(root)))  # type: ignore[misc]
        for resource, (root, _) in _KINDS.items():
            app.router.add_get(f"{root}/{resource}", self._collection(resource))
            if resource not in _OF_CLUSTER:
                app.router.add_get(f"{root}/namespaces/{{namespace}}/{resource}", self._collection(resource))
        return app

    def _json(self, body: Callable[[], Body]) -> Callable[[web.Request], Any]:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response(body())

        return answer

    def _collection(self, resource: str) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.StreamResponse:
            namespace = request.match_info.get("namespace")
            if request.query.get("watch") in {"1", "true"}:
                return await self._watch(request, resource, namespace)
            return self._list(request, resource, namespace)

        return answer

    def _list(self, request: web.Request, resource: str, namespace: str | None) -> web.Response:
        limit, token = int(request.query.get("limit", "0")), request.query.get("continue", "")
        if token:
            kept = self._pages.pop(token, None)
            if kept is None:
                return web.json_response(_gone("The provided continue parameter is too old"), status=410)
            version, rest = kept
        else:
            version = self.version
            objects = self._objects[resource]
            rest = [objects[key] for key in sorted(objects) if namespace in {None, key[0]}]
        page, rest = (rest[:limit], rest[limit:]) if limit else (rest, [])
        metadata: Body = {"resourceVersion": str(version)}
        if rest:
            metadata["continue"] = base64.urlsafe_b64encode(f"{version}:{len(rest)}:{id(rest)}".encode()).decode()
            metadata["remainingItemCount"] = len(rest)
            self._pages[metadata["continue"]] = (version, rest)
        kind = _KINDS[resource][1]
        return web.json_response({"kind": f"{kind}List", "apiVersion": "v1", "metadata": metadata, "items": page})

    async def _watch(self, request: web.Request, resource: str, namespace: str | None) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        since = int(request.query.get("resourceVersion") or self.version)
        watcher = _Watcher(resource, namespace)
        if since < self.compacted:
            await response.write(_line("ERROR", _gone(f"too old resource version: {since} ({self.compacted})")))
            return response
        for change in self._history:
            if change.version > since and change.resource == resource and namespace in {None, change.namespace}:
                watcher.queue.put_nowait(change.line)
        self._watchers.append(watcher)
        self.changes.notify()
        try:
            async with asyncio.timeout(float(request.query.get("timeoutSeconds", "600"))):
                while (line := await watcher.queue.get()) is not None:
                    await response.write(line)
        except TimeoutError:
            return response
        finally:
            self._watchers.remove(watcher)
            self.changes.notify()
        return response

    def _bookmark(self, resource: str) -> bytes:
        kind = _KINDS[resource][1]
        metadata = {"resourceVersion": str(self.version), "creationTimestamp": None}
        empty: dict[str, Body] = {
            "Pod": {"spec": {"containers": None}, "status": {}},
            "EndpointSlice": {"endpoints": None},
        }
        body: Body = {"kind": kind, "apiVersion": "v1", "metadata": metadata}
        return _line("BOOKMARK", body | empty.get(kind, {}))

    def _tell(self, kind: str, resource: str, body: Body) -> None:
        namespace = body["metadata"].get("namespace", "")
        change = Change(self.version, resource, namespace, _line(kind, body))
        self._history.append(change)
        for watcher in self._watchers:
            if watcher.resource == resource and watcher.namespace in {None, namespace}:
                watcher.queue.put_nowait(change.line)


def _line(kind: str, body: Body) -> bytes:
    return json.dumps({"type": kind, "object": body}, separators=(",", ":")).encode() + b"\n"


def _gone(message: str) -> Body:
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return status | {"message": message, "reason": "Expired", "code": 410}


def _groups() -> Body:
    names = sorted({root.split("/")[2] for root, _ in _KINDS.values() if root.startswith("/apis/")})
    groups = []
    for name in names:
        version = {"groupVersion": f"{name}/v1", "version": "v1"}
        groups.append({"name": name, "versions": [version], "preferredVersion": version})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _resources(root: str) -> Body:
    verbs = ["get", "list", "watch"]
    # kopf asks for it once, whether or not it reads any of them.
    namespaces = {
        "name": "namespaces",
        "singularName": "namespace",
        "namespaced": False,
        "kind": "Namespace",
        "verbs": [],
    }
    return {
        "kind": "APIResourceList",
        "groupVersion": root.removeprefix("/apis/").removeprefix("/api/"),
        "resources": [
            {
                "name": name,
                "singularName": kind.lower(),
                "namespaced": name not in _OF_CLUSTER,
                "kind": kind,
                "verbs": verbs,
            }
            for name, (at, kind) in _KINDS.items()
            if at == root
        ]
        + ([namespaces] if root == "/api/v1" else []),
    }
