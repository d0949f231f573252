"""Delay of the event loop while it answers scrapes and requests with limit=500, with thousands of starting pods.

Runs both servers of the operator, with its tracker, history and exposition. Pods change all the time, so that each
scrape evaluates 500 of them. The requests come from another process. The total delay includes the time taken by other
processes on the machine; the part that the operator can have caused is reported separately. Both are also measured
without requests.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from aiohttp import web

from benches.loopwatch import LoopWatch, quantile
from benches.podgen import Numbered, lines
from benches.settings import BEGIN, CREATED, FixedOwners
from benches.verdict import verdict
from podtimeline.app.clock import SystemClock
from podtimeline.app.memory import tune_collector, tune_switching
from podtimeline.app.scraping import Scraper
from podtimeline.codec import PackingCodec
from podtimeline.model.instants import SECOND
from podtimeline.model.observations import Noted
from podtimeline.ports import Store
from podtimeline.sinks.prometheus import Exposition
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import open_store
from podtimeline.tracking.batches import evaluate
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker
from podtimeline.web.lane import Worker
from podtimeline.web.numbers import HttpNumbers
from podtimeline.web.server import make_api_app, make_metrics_app
from podtimeline.web.sources import Sources

T = TypeVar("T")
GOAL = 10.0
_CHUNK = 500
_ASKING = """
import sys, threading, time, urllib.request
api, metrics, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
until, done = time.monotonic() + seconds, [0] * 5
urls = [metrics + "/metrics", api + "/api/v1/pods?limit=500", api + "/api/v1/pods?limit=500&order=slowest",
        api + "/api/v1/rollouts/shop/Deployment/storefront", api + "/api/v1/pods?limit=500"]
def ask(number):
    while time.monotonic() < until:
        with urllib.request.urlopen(urls[number], timeout=120) as answer:
            assert len(answer.read()) > 10_000
        done[number] += 1
threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(urls))]
for each in threads: each.start()
for each in threads: each.join()
print(*done)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    parser.add_argument("--pods", type=int, default=5000, help="number of starting pods (default: 5000)")
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds to send requests (default: 20)")


def run(options: argparse.Namespace) -> str:
    """Measure without requests, then with them."""
    with tempfile.TemporaryDirectory(prefix="podtimeline-lag-") as home:
        store = open_store(f"sqlite:{home}/history.sqlite3", StoreOptions(clock=SystemClock()))
        try:
            return asyncio.run(_measured(options, store))
        finally:
            store.close()


async def _measured(options: argparse.Namespace, store: Store) -> str:
    tracker = _filled(options.pods, store)
    tune_collector()
    tune_switching()
    async with AsyncExitStack() as stack:
        api, metrics = [await _served(stack, each) for each in _apps(tracker, store)]
        idle, _ = await _watched(tracker, options.pods, asyncio.sleep(min(options.seconds, 10)))
        loaded, answered = await _watched(tracker, options.pods, _asked(api, metrics, options.seconds))
    for name, watch in (("without requests", idle), ("with requests", loaded)):
        print(f"{name}: delay {_words(watch.late)}")
        print(f"  of which caused by the operator {_words(watch.own)}")
        print(f"  CPU time of one callback {_words(watch.busy)}")
    print(f"answers: {answered} (metrics, pods, pods, rollout, pods)")
    return verdict(
        "lag", quantile(loaded.busy, 1), "ms of CPU time of the longest callback of the event loop",
        goal=GOAL, pods=options.pods, own_late_ms=_figures(loaded.own), idle_own_late_ms=_figures(idle.own),
        late_ms=_figures(loaded.late), idle_late_ms=_figures(idle.late), busy_ms=_figures(loaded.busy),
        answers=answered, load_average=round(os.getloadavg()[0], 1),
    )  # fmt: skip


def _words(values: list[float]) -> str:
    return ", ".join(f"{name} {value:.2f} ms" for name, value in _figures(values).items())


def _figures(values: list[float]) -> dict[str, float]:
    shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
    return {name: round(quantile(values, share), 3) for name, share in shares.items()}


def _filled(pods: int, store: Store) -> Tracker:
    """Pods that wait for their image, all in the history."""
    codec = PackingCodec()
    tracker = Tracker(owners=FixedOwners(), codec=codec, rules=Rules(), timers=Timers(), now=BEGIN - SECOND)
    feed = PodFeed(tracker)
    for first in range(0, pods, _CHUNK):
        for number in range(first, min(first + _CHUNK, pods)):
            pod = Numbered(number, CREATED + first // 100)
            for version, line in list(enumerate(lines(pod)))[:3]:
                feed.line(line, arrived=BEGIN + first * SECOND // 100 + version * 611_903_117, live=True)
        result = evaluate(tracker.drain(BEGIN + first * SECOND // 100 + 3 * SECOND), codec, tracker.quarantine)
        store.commit(result.checkpoint)
        tracker.committed(result)
    return tracker


def _apps(tracker: Tracker, store: Store) -> Iterator[web.Application]:
    clock, http, worker = SystemClock(), HttpNumbers(), Worker()
    scraper = Scraper(
        clock=clock, tracker=tracker, exposition=Exposition(version="bench"), streams=tuple,
        outlets=(), store=lambda: store.numbers, contradictions=int, refusals=tuple, http=http,
        worker=worker,
    )  # fmt: skip
    sources = Sources(
        history=store,
        live=tracker.snapshot,
        open_pods=tracker.open_pods,
        metrics=scraper.render,
        health=tuple,
        ready=tuple,
        clock=clock,
        numbers=http,
        worker=worker,
    )
    yield make_api_app(sources)
    yield make_metrics_app(sources)


async def _served(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


async def _asked(api: str, metrics: str, seconds: float) -> list[int]:
    """How many answers of each kind came."""
    words = (sys.executable, "-c", _ASKING, api, metrics, str(seconds))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("hack/bench lag: a request failed; see the output above")
    return [int(each) for each in out.split()]


async def _watched(tracker: Tracker, pods: int, work: Coroutine[Any, Any, T]) -> tuple[LoopWatch, T]:
    watch, stop = LoopWatch(), asyncio.Event()
    with watch.timing():
        others = [asyncio.create_task(watch.run(stop)), asyncio.create_task(_change(tracker, pods, stop))]
        done = await work
        stop.set()
        await asyncio.gather(*others)
    return watch, done


async def _change(tracker: Tracker, pods: int, stop: asyncio.Event) -> None:
    """An Event of another pod every 2 ms, as a rollout brings them."""
    number = 0
    while not stop.is_set():
        pod, now = Numbered(number % pods, CREATED + number % pods // _CHUNK * _CHUNK // 100), time.time_ns()
        tracker.take(pod.uid, [Noted(pod.uid, "Unhealthy", "storefront", f"probe {number}", now, 1, now)], arrived=now)
        number += 1
        await asyncio.sleep(0.002)
