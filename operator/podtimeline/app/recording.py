"""Records what a cluster's streams say, by the reflectors that the operator runs."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import aiohttp

from podtimeline.app.capture import FORMAT, CaptureWriter, Header, Kind
from podtimeline.app.clock import SystemClock
from podtimeline.app.memory import allow_depth
from podtimeline.config import Settings
from podtimeline.errors import ClusterError
from podtimeline.intake.credentials import Connection, connect
from podtimeline.intake.hot import reflectors
from podtimeline.intake.kinds import KINDS, Collection
from podtimeline.intake.listings import Listings
from podtimeline.intake.lowrate import HeadFeed
from podtimeline.intake.streams import Pace, Reflector
from podtimeline.model.milestones import Mark
from podtimeline.model.observations import Observation
from podtimeline.model.pods import Owner
from podtimeline.model.storage import StorageNews
from podtimeline.model.workloads import WorkloadNews
from podtimeline.ports import Clock, Mismatch, PodReference, Stream

Seen = Callable[[str, Kind], None]
"""Told the stream and the kind of each line that was written."""


class _Counting:
    """An intake that keeps nothing but the uids of the pods it hears of."""

    def __init__(self) -> None:
        self.pods: set[str] = set()

    def known(self, uid: str) -> AbstractSet[Mark] | None:
        self.pods.add(uid)
        return frozenset()

    def take(self, uid: str, observations: Sequence[Observation], *, arrived: int) -> None: ...

    def labels(self, uid: str) -> tuple[tuple[str, str], ...] | None:
        """See ``ports.Intake``."""
        return None

    def refer(
        self, pod: PodReference, observations: Sequence[Observation], *, stream: Stream, arrived: int
    ) -> None: ...

    def mismatched(self, stream: Stream, mismatch: Mismatch, count: int = 1) -> None: ...

    def name_of(self, uid: str) -> str | None:
        return None

    def created_by_event(self, namespace: str, name: str, owner: Owner, *, at: int, observed: int) -> None: ...

    def storage(self, news: StorageNews, *, arrived: int) -> None: ...

    def workload(self, news: WorkloadNews, *, arrived: int) -> None: ...

    def listed(self, uids: AbstractSet[str], *, version: str, arrived: int, namespace: str | None = None) -> None: ...


class _Tap:
    """Writes what reflectors see. Listings of several namespaces count as one: it is complete with the last of them."""

    def __init__(self, writer: CaptureWriter, parts: Mapping[str, int], seen: Seen | None) -> None:
        self._writer = writer
        self._parts = parts
        self._missing = dict(parts)
        self._seen = seen

    def __call__(self, arrived: int, stream: str, kind: str, raw: bytes) -> None:
        if kind == Kind.LISTED and self._parts[stream] > 1:
            self._missing[stream] -= 1
            if self._missing[stream] != 0:
                return
        self._writer.tap(arrived, stream, kind, raw)
        if self._seen is not None:
            self._seen(stream, Kind(kind))


async def record_streams(
    settings: Settings, path: Path, *, stop: asyncio.Event, clock: Clock | None = None, seen: Seen | None = None
) -> str:
    """Write a capture until ``stop`` is set; returns one line about what is in it.

    Raises ``ClusterError`` where the cluster cannot be reached at all, and ``CaptureError``.
    """
    allow_depth()
    clock = clock if clock is not None else SystemClock()
    connection = connect(kubeconfig=settings.kubeconfig, context=settings.context, api_url=settings.api_url)
    counting = _Counting()
    async with connection.session() as session:
        version = await _kubernetes_version(connection, session)
        header = Header(format=FORMAT, cluster=settings.cluster_name, kubernetes=version, started=clock.now())
        admitted = await _low_rate(connection, session, clock, settings.namespaces)
        parts: dict[str, int] = {stream: max(len(settings.namespaces), 1) for stream in Stream}
        parts |= Counter(each.kind for each in admitted)
        with CaptureWriter(path, header) as writer:
            tap = _Tap(writer, parts, seen)
            pace = Pace(page_size=settings.page_size)
            hot = reflectors(
                connection=connection, session=session, intake=counting, versions=None, clock=clock,
                namespaces=settings.namespaces, pace=pace, tap=tap,
            )  # fmt: skip
            low = [
                Reflector(
                    connection=connection,
                    session=session,
                    path=each.path,
                    feed=HeadFeed(each.kind),
                    clock=clock,
                    pace=pace,
                    tap=tap,
                )
                for each in admitted
            ]
            await _until(stop, (*low, *hot))
            seconds = (clock.now() - header.started) / 1e9
            return f"{len(counting.pods)} pods, {writer.lines - 1} lines in {seconds:.0f} s, Kubernetes {version}"


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


async def _low_rate(
    connection: Connection, session: aiohttp.ClientSession, clock: Clock, namespaces: Sequence[str]
) -> Sequence[Collection]:
    feeds = {kind: HeadFeed(kind) for kind in KINDS}
    readable = Listings(connection=connection, session=session, feeds=feeds, clock=clock, namespaces=namespaces)
    return await readable.admitted()


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
        raise ClusterError(f"{connection.server} is no Kubernetes API server: its /version says {error}") from error
