"""Makes a real kubelet's clock wrong: a proxy between it and the API server, in whose frame time runs ahead.

A static Go binary reads the machine's clock past every preload, so that its words are shifted instead. All that the
kubelet sends says a later time by ``ahead`` seconds (stamps of objects, and the nanoseconds in the names of its
Events), and all that it is sent an earlier one: as if its own clock, by which it judges both, were ahead. It has to
speak JSON (``hack/cluster node-server`` sees to that); a message that cannot be read is counted in ``opaque``.

As a program it takes seconds on standard input, one number a line, and says each on standard output once it counts.
"""

import argparse
import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from tests.support.proxy import Proxy

from podtimeline.kube.connection import Connection, from_kubeconfig

SECOND = 1_000_000_000
STAMPS = frozenset(
    {
        "acquireTime",
        "creationTimestamp",
        "deletionTimestamp",
        "eventTime",
        "expirationTimestamp",
        "finishedAt",
        "firstTimestamp",
        "lastHeartbeatTime",
        "lastObservedTime",
        "lastProbeTime",
        "lastTimestamp",
        "lastTransitionTime",
        "renewTime",
        "startTime",
        "startedAt",
        "time",
    }
)
"""The fields of Kubernetes' objects that hold a moment; other texts that look like one belong to somebody else."""
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z")
_NAME = re.compile(r"(.+\.)([0-9a-f]{16})")
_EVENT_PATH = re.compile(r"(.*/events/)([^/]+)")


def shifted(document: Any, ahead: int) -> Any:
    """The same JSON document with every stamp, and every Event's name, later by ``ahead`` seconds."""
    match document:
        case dict():
            moved = {key: _value(key, value, ahead) for key, value in document.items()}
            if "involvedObject" in document and "metadata" in document:
                moved["metadata"] = _renamed(moved["metadata"], ahead)
            return moved
        case list():
            return [shifted(each, ahead) for each in document]
        case _:
            return document


def _value(key: str, value: Any, ahead: int) -> Any:
    if key in STAMPS and isinstance(value, str):
        return moved_moment(value, ahead)
    return shifted(value, ahead)


def _renamed(metadata: dict[str, Any], ahead: int) -> dict[str, Any]:
    name = metadata.get("name")
    return metadata | {"name": moved_name(name, ahead)} if isinstance(name, str) else metadata


def moved_moment(text: str, ahead: int) -> str:
    """An RFC 3339 stamp, later by ``ahead`` seconds; any other text as it is."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return text
    moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) + timedelta(seconds=ahead)
    return f"{moment:%Y-%m-%dT%H:%M:%S}{match[2] or ''}Z"


def moved_name(name: str, ahead: int) -> str:
    """An Event's name with the nanoseconds at its end later by ``ahead`` seconds; any other name as it is."""
    match = _NAME.fullmatch(name)
    return name if match is None else f"{match[1]}{int(match[2], 16) + ahead * SECOND:016x}"


def moved_path(path: str, ahead: int) -> str:
    """The path of a request; that of an Event ends in its name."""
    match = _EVENT_PATH.fullmatch(path)
    return path if match is None else match[1] + moved_name(match[2], ahead)


class SkewProxy(Proxy):
    """Plain HTTP for the kubelet; upstream with the kubelet's own certificate."""

    def __init__(self, upstream: Connection, *, ahead: int = 0, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(upstream, host=host, port=port)
        self.ahead = ahead
        """By how many seconds the kubelet's clock seems to be ahead, from the next message on."""
        self.requests: Counter[str] = Counter()
        """How often each method was used."""
        self.opaque = 0
        """Messages that hold no JSON, and so pass as they are."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """See ``Proxy.serve``."""
        self.requests[request.method] += 1
        path = moved_path(request.rel_url.raw_path, self.ahead)
        body = self._moved(await request.read(), request.content_type, self.ahead)
        async with self.asked(request, path=path, body=body) as (answer, response):
            watching = request.query.get("watch") in {"1", "true"}
            async for part in _lines(answer.content) if watching else _whole(answer):
                await response.write(self._moved(part, answer.content_type, -self.ahead))
            return response

    def _moved(self, content: bytes, kind: str, ahead: int) -> bytes:
        if not content or "json" not in kind:
            self.opaque += bool(content) and not kind.startswith("text/")
            return content
        moved = json.dumps(shifted(json.loads(content), ahead), separators=(",", ":"), ensure_ascii=False)
        return moved.encode() + (b"\n" if content.endswith(b"\n") else b"")


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


async def _whole(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    yield await answer.read()


async def _main(options: argparse.Namespace) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with SkewProxy(from_kubeconfig(options.kubeconfig, None), host=options.host, port=options.port) as proxy:
        print(proxy.url, flush=True)
        while line := await reader.readline():
            proxy.ahead = int(line)
            print(f"{proxy.ahead} {proxy.opaque}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A proxy in whose frame time runs ahead.")
    parser.add_argument("kubeconfig", help="whose server and certificate are used upstream")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_main(parser.parse_args()))
