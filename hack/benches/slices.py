"""CPU of a change of one endpoint of a large Service, per byte of the EndpointSlice that is sent.

All pods of the Service are tracked and do not change. One address of one slice becomes not ready and ready again; the
API server sends that slice only, as a whole. The CPU must depend on the size of the slice, and not on the number of
slices of the Service. The result is the best of several rounds, because other processes only add to the time.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benches.growth import add_size, sizes, table
from benches.podgen import Numbered, settled
from benches.settings import BEGIN, CREATED, FixedOwners
from benches.slicegen import slice_object, slices
from benches.verdict import verdict
from podtimeline.app.memory import tune_collector
from podtimeline.codec import PackingCodec
from podtimeline.model.instants import SECOND
from podtimeline.sources.endpointslices import SliceFeed, SliceIndex
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.tracking.batches import evaluate
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker

GOAL = 1.25
"""How much more a byte may cost in the large Service, or in the large slice, than in the smallest one."""
_PER_SLICE = 100
"""The controller's default, ``--max-endpoints-per-slice``; its highest value is 1,000."""
_SLICES = (10, 100, 1000)
_EVENTS = 40
_ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Cost:
    """What one event costs: ``cpu`` in seconds."""

    pods: int
    addresses: int
    size: int
    cpu: float

    @property
    def each(self) -> float:
        """Nanoseconds per byte."""
        return self.cpu * 1e9 / self.size


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    add_size(parser, "--pods", default=5_000, of="pods of the Service")


def run(options: argparse.Namespace) -> str:
    """Measure Services of several sizes with slices of one size, then one Service with slices of several sizes."""
    tune_collector()
    services = [_measured(pods, _PER_SLICE) for pods in dict.fromkeys(max(each, _PER_SLICE) for each in sizes(options))]
    cuts = [_measured(options.size, addresses) for addresses in _SLICES if addresses <= options.size]
    print(_table(services))
    print(_table(cuts))
    worst = max(_growth(services), _growth(cuts))
    return verdict(
        "slices", services[-1].each, "ns of CPU per byte of the slice", goal=GOAL, ratio=worst,
        pods=options.size, us_per_event=round(services[-1].cpu * 1e6, 1),
    )  # fmt: skip


def _table(costs: Sequence[Cost]) -> str:
    rows = [(each.pods, each.addresses, each.size, each.cpu * 1e6, each.each) for each in costs]
    return table(("pods", "addresses of the slice", "bytes", "us per event", "ns per byte"), rows)


def _growth(costs: Sequence[Cost]) -> float:
    """How much more a byte costs in the largest than in the smallest; what is fixed makes a small one dearer."""
    return costs[-1].each / costs[0].each


def _measured(pods: int, addresses: int) -> Cost:
    numbered = [Numbered(each, CREATED) for each in range(pods)]
    feed = _resting(numbered, addresses)
    chosen = numbered[: min(addresses, pods)]
    changed = {chosen[len(chosen) // 2].number}
    lines = [
        _event(slice_object(0, chosen, version=version, unready=changed if version % 2 else ()))
        for version in range(3, 3 + _EVENTS)
    ]
    rounds = [_round(feed, lines) for _ in range(_ROUNDS)]
    return Cost(pods, len(chosen), len(lines[0]), min(rounds))


def _round(feed: SliceFeed, lines: Sequence[bytes]) -> float:
    began = time.process_time()
    for line in lines:
        feed.lines(line, arrived=BEGIN + 100 * SECOND)
    return (time.process_time() - began) / len(lines)


def _event(content: bytes) -> bytes:
    return b'{"type":"MODIFIED","object":%b}\n' % content


def _resting(pods: Sequence[Numbered], addresses: int) -> SliceFeed:
    """The feed of the slices, after all pods and slices were listed and the pods have settled."""
    codec = PackingCodec()
    tracker = Tracker(owners=FixedOwners(), codec=codec, rules=Rules(), timers=Timers(), now=BEGIN - SECOND)
    watched, feed = PodFeed(tracker), SliceFeed(tracker, SliceIndex())
    for pod in pods:
        watched.item(settled(pod), arrived=BEGIN)
    for each in slices(pods, each=addresses):
        feed.item(each, arrived=BEGIN)
    later = BEGIN + 60 * SECOND
    tracker.tick(later)
    tracker.committed(evaluate(tracker.drain(later), codec, tracker.quarantine))
    return feed
