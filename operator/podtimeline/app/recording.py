"""Records what a cluster's streams say, by the reflectors that the operator runs."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp

from podtimeline.app.capture import FORMAT, CaptureWriter, Header, LineType
from podtimeline.app.clock import SystemClock
from podtimeline.app.memory import allow_depth
from podtimeline.config import Settings
from podtimeline.errors import ClusterError
from podtimeline.kube.connection import Connection, connect
from podtimeline.kube.feed import HeadFeed
from podtimeline.kube.lister import Collection
from podtimeline.kube.reflector import Pace, Reflector
from podtimeline.ports import Clock, Stream
from podtimeline.sources.registry import KINDS

Seen = Callable[[str, LineType], None]
"""Told the stream and the kind of each line that was written."""


async def record_streams(
    settings: Settings, path: Path, *, stop: asyncio.Event, clock: Clock | None = None, seen: Seen | None = None
) -> str:
    """Write a capture until ``stop`` is set; returns one line about what is in it.

    Raises ``ClusterError`` where the cluster cannot be reached at all, and ``CaptureError``.
    """
    allow_depth()
    clock = clock if clock is not None else SystemClock()
    connection = connect(kubeconfig=settings.kubeconfig, context=settings.context, api_url=settings.api_url)
    feeds = [HeadFeed(each) for kind in KINDS for each in kind.resource.collections(settings.namespaces)]
    async with connection.session() as session:
        version = await _kubernetes_version(connection, session)
        header = Header(format=FORMAT, cluster=settings.cluster_name, kubernetes=version, started=clock.now())
        with CaptureWriter(path, header) as writer:

            def tap(arrived: int, collection: Collection, kind: str, raw: bytes, /) -> None:
                writer.tap(arrived, collection.resource.name, kind, raw, namespace=collection.namespace or "")
                if seen is not None:
                    seen(collection.resource.name, LineType(kind))

            pace = Pace(page_size=settings.page_size)
            reflectors = [
                Reflector(connection=connection, session=session, feed=feed, clock=clock, pace=pace, tap=tap)
                for feed in feeds
            ]
            await _until(stop, reflectors)
            pods = {uid for feed in feeds if feed.stream == Stream.PODS for uid in feed.uids}
            seconds = (clock.now() - header.started) / 1e9
            return f"{len(pods)} pods, {writer.lines - 1} lines in {seconds:.0f} s, Kubernetes {version}"


async def _until(stop: asyncio.Event, reflectors: Sequence[Reflector]) -> None:
    """Run until told to stop, or until one reflector fails by a defect, whose error is raised."""
    waiting = asyncio.create_task(stop.wait())
    tasks = [asyncio.create_task(each.run()) for each in reflectors]
    try:
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in (waiting, *tasks):
            each.cancel()
        for each in (waiting, *tasks):
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await each


async def _kubernetes_version(connection: Connection, session: aiohttp.ClientSession) -> str:
    timeout = aiohttp.ClientTimeout(total=20)
    try:
        url, headers = connection.url("/version"), connection.headers()
        async with session.get(url, headers=headers, timeout=timeout) as response:
            answer = await response.text()
            if response.status != 200:
                raise ClusterError(f"{connection.server} answers {response.status}: {answer[:200]}")
            return str(json.loads(answer)["gitVersion"])
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ClusterError(f"cannot reach {connection.server}: {str(error) or type(error).__name__}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(f"{connection.server} is not a Kubernetes API server: /version: {error}") from error
