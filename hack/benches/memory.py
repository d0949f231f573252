"""Bytes per tracked ready pod, and resident memory with 50,000 of them.

Each pod arrives as six watch events, the Events of its kubelet and one address in an EndpointSlice. It settles, is
committed (to a store that keeps nothing) and packed. The result is the memory of a pod that no longer changes.
"""

import argparse
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

from benches.podgen import Numbered, lines
from benches.settings import BEGIN, CREATED, FixedOwners
from benches.verdict import verdict
from podtimeline.codec import PackingCodec
from podtimeline.model.instants import SECOND, Source, just_after
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import ImagePulled, Observation, Witnessed
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.tracking.batches import evaluate
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker

GOAL = 2048
Renamed = Callable[[bytes], bytes]
"""Makes a line one of another workload."""
_CHUNK = 1000
_EVENTS = (Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    parser.add_argument("--pods", type=int, default=50_000, help="number of pods (default: 50000)")


def run(options: argparse.Namespace) -> str:
    """Measure twice: untraced, for the resident set; traced, for bytes per pod, with a tenth of the pods."""
    sample = max(options.pods // 10, 1)
    before = resident()
    tracker = _filled(options.pods)
    gc.collect()
    held, tracked = resident(), len(tracker)
    del tracker
    tracemalloc.start()
    per_pod = _traced(sample)
    tracemalloc.stop()
    print(f"{sample} pods traced: {per_pod:.0f} bytes per ready pod")
    each = (held - before) / options.pods
    print(f"{options.pods} pods: {held / 2**20:.1f} MiB resident, {each:.0f} bytes per pod")
    return verdict(
        "memory", per_pod, "bytes per ready pod", goal=GOAL, pods=tracked, rss_bytes=held,
        rss_bytes_per_pod=round(each),
    )  # fmt: skip


def _traced(pods: int) -> float:
    _filled(10)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    tracker = _filled(pods)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    return (after - before) / len(tracker)


def _filled(pods: int) -> Tracker:
    codec = PackingCodec()
    tracker = Tracker(owners=FixedOwners(), codec=codec, rules=Rules(), timers=Timers(), now=BEGIN - SECOND)
    feed = PodFeed(tracker)
    for first in range(0, pods, _CHUNK):
        clock = BEGIN + first * SECOND // 100
        for number in range(first, min(first + _CHUNK, pods)):
            start(feed, tracker, Numbered(number, CREATED + first // 100), clock + number * 1_237_411 % SECOND)
        settled = clock + 60 * SECOND
        tracker.tick(settled)
        tracker.committed(evaluate(tracker.drain(settled), codec, tracker.quarantine))
    return tracker


def start(feed: PodFeed, tracker: Tracker, pod: Numbered, clock: int, *, renamed: Renamed = bytes) -> None:
    """A pod starts, told by its watch events, the Events of its kubelet and an address."""
    for version, line in enumerate(lines(pod)):
        feed.line(renamed(line), arrived=clock + version * 611_903_117, live=True)
    tracker.take(pod.uid, list(_told(pod.uid, clock)), arrived=clock + 4 * SECOND)


def _told(uid: str, clock: int) -> Iterator[Observation]:
    for offset, milestone in enumerate(_EVENTS):
        at = clock + 700_000_003 + offset * 401_903_117
        stamp = just_after(Source.EVENT_NAME, at, observed=at + 9_120_331)
        yield Witnessed(uid, MilestoneKey(milestone, "storefront"), (stamp,))
    image, at = "registry.example.com/shop/storefront:2026.11.3", clock + 1_500_000_003
    yield ImagePulled(uid, "storefront", image, cached=False, at=at, pull=401_000_000)
    at = clock + 3 * SECOND + 71_903_117
    seen = just_after(Source.WATCH, at, observed=at)
    yield Witnessed(
        uid, MilestoneKey(Milestone.ENDPOINT_READY, "shop/storefront/storefront-x7k2p"), (seen,), "http:8080/TCP"
    )


def resident() -> int:
    """Bytes of this process in memory now; raises ``SystemExit`` where there is no /proc."""
    if not sys.platform.startswith("linux"):
        raise SystemExit("hack/bench memory: requires Linux, because it reads /proc")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
