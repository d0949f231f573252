"""An operator, and an API server with an operator behind its service proxy, on loopback."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

from podtimeline.render.structs import API_VERSION

TOKEN = "token-of-a-test"


class Reply(NamedTuple):
    """A status and what is sent with it."""

    status: int
    content: object
    headers: Mapping[str, str] = {}


def page(items: Sequence[dict[str, Any]], *, cursor: str | None = None) -> dict[str, Any]:
    """A page of documents that came as JSON."""
    return {"apiVersion": API_VERSION, "kind": "PodTimelineList", "items": list(items), "cursor": cursor}


@dataclass
class FakeOperator:
    """Serves the looks one after the other, the last one for ever; each look is what is known at that time."""

    looks: Sequence[Sequence[dict[str, Any]]]
    page: int = 100
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    """The Authorization header of each request."""

    def reply(self, path: str, query: Mapping[str, str]) -> Reply:
        """The answer as the operator gives it."""
        self.asked.append((path, query))
        pods = self.looks[min(len(self.asked), len(self.looks)) - 1]
        parts = path.removeprefix("/api/v1/pods").strip("/").split("/")
        if parts == [""]:
            return self._search([each for each in pods if _matches(each, query)], query)
        named = [each for each in pods if [each["namespace"], each["name"]] == parts]
        found = [each for each in named if query.get("uid") in (None, each["uid"])]
        return Reply(200, found[-1]) if found else Reply(404, {"error": "no such pod"})

    def _search(self, found: list[dict[str, Any]], query: Mapping[str, str]) -> Reply:
        newest = found[::-1]
        first = int(query.get("cursor", "0"))
        after = first + min(self.page, int(query["limit"]))
        return Reply(200, page(newest[first:after], cursor=str(after) if after < len(newest) else None))


def _matches(each: dict[str, Any], query: Mapping[str, str]) -> bool:
    workload = each["workload"]
    assert isinstance(workload, dict)
    facts = {
        "namespace": each["namespace"],
        "name": each["name"],
        "workload_kind": workload["kind"],
        "workload": workload["name"],
    }
    return all(query.get(key) in (None, value) for key, value in facts.items())


@dataclass
class FakeCluster:
    """An API server: Services by label, and one operator behind the proxy of each."""

    operator: FakeOperator
    services: Sequence[tuple[str, str, str]] = (("observability", "podtimeline", "http"),)
    refusal: Reply | None = None
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def reply(self, path: str, query: Mapping[str, str]) -> Reply:
        """The answer as an API server gives it."""
        self.asked.append((path, query))
        if path.endswith("/services"):
            return Reply(200, self._listed(path))
        if self.refusal is not None:
            return self.refusal
        for namespace, name, port in self.services:
            base = f"/api/v1/namespaces/{namespace}/services/{name}:{port or 8080}/proxy"
            if path.startswith(base + "/"):
                return self.operator.reply(path.removeprefix(base), query)
        return status(404, f"the server could not find {path}")

    def _listed(self, path: str) -> object:
        kept = [each for each in self.services if "/namespaces/" not in path or f"/namespaces/{each[0]}/" in path]
        items = [
            {"metadata": {"namespace": namespace, "name": name}, "spec": {"ports": [{"name": port, "port": 8080}]}}
            for namespace, name, port in kept
        ]
        return {"kind": "ServiceList", "items": items}


def status(code: int, message: str) -> Reply:
    """The API server's way to say no."""
    return Reply(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code})


class Replies(Protocol):
    """Whatever answers requests."""

    def reply(self, path: str, query: Mapping[str, str]) -> Reply:
        """The answer to a GET."""
        ...


@contextmanager
def serving(fake: Replies) -> Iterator[str]:
    """The address that the fake answers at; an unauthorised request to a cluster is refused."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if isinstance(fake, FakeOperator):
                fake.tokens.append(self.headers["Authorization"])
            reply = fake.reply(parts.path, dict(parse_qsl(parts.query)))
            if isinstance(fake, FakeCluster) and self.headers["Authorization"] != f"Bearer {TOKEN}":
                reply = status(401, "Unauthorized")
            body = reply.content if isinstance(reply.content, bytes) else json.dumps(reply.content).encode()
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_kubeconfig(path: Path, server: str, *, token: str = TOKEN, namespace: str = "shop") -> Path:
    """A kubeconfig of one context with that namespace."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {"token": token}}],
    }
    path.write_text(json.dumps(content))
    return path
