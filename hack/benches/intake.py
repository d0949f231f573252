"""CPU per pod watch event, from the socket to the updated timeline, also relative to only reading and splitting it.

Both read from the same kind of socket with the same client. Rounds are interleaved, and the result is the median of
the ratios of each round, so that other load on the machine affects both.
"""

import argparse
import asyncio
import cProfile
import gc
import io
import pstats
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benches.apiserver import interleaved, serving
from benches.podgen import VERSIONS
from benches.settings import BEGIN, FixedOwners
from benches.verdict import verdict
from podtimeline.app.clock import SystemClock
from podtimeline.app.memory import tune_collector
from podtimeline.codec import PackingCodec
from podtimeline.kube.connection import Connection
from podtimeline.kube.reflector import Pace, Reflector
from podtimeline.model.instants import SECOND
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker

AIM, LIMIT = 2.5, 3.5


@dataclass(frozen=True, slots=True)
class Round:
    """CPU seconds of both sides, one after the other."""

    bare: float
    intake: float

    @property
    def ratio(self) -> float:
        """How much the intake costs of reading and splitting alone."""
        return self.intake / self.bare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    parser.add_argument("--pods", type=int, default=1500, help=f"pods of {VERSIONS} versions per round (default: 1500)")
    parser.add_argument("--rounds", type=int, default=7, help="number of interleaved rounds, 5 or more (default: 7)")
    parser.add_argument("--profile", action="store_true", help="print the functions that take most time")


def run(options: argparse.Namespace) -> str:
    """Measure bursts and a steady stream, show where the time goes, and judge bursts, the harder case, by the limit."""
    tune_collector()
    events, rounds = options.pods * VERSIONS, max(options.rounds, 5)
    with serving(options.pods, burst=True) as server:
        bursts = _rounds(server, events, rounds, "burst")
        if options.profile:
            print(_profiled(server, events))
    with serving(options.pods, burst=False) as server:
        steady = _rounds(server, events, rounds, "steady")
    print(_shares(options.pods))
    ratio, cost, bare = _medians(bursts, events)
    return verdict(
        "intake", cost, "us of CPU per pod event", goal=LIMIT, ratio=ratio, aim=AIM, aim_met=ratio <= AIM,
        bare=round(bare, 3), steady_ratio=round(_medians(steady, events)[0], 3), events=events,
    )  # fmt: skip


def _medians(rounds: list[Round], events: int) -> tuple[float, float, float]:
    """Of the ratios, and of the microseconds per event of the intake and of reading alone."""
    middle = statistics.median
    cost, bare = middle(each.intake for each in rounds), middle(each.bare for each in rounds)
    return middle(each.ratio for each in rounds), cost / events * 1e6, bare / events * 1e6


def _rounds(server: str, events: int, count: int, shape: str) -> list[Round]:
    _round(server, events)
    rounds = []
    for number in range(1, count + 1):
        each = _round(server, events)
        rounds.append(each)
        bare, intake = each.bare / events * 1e6, each.intake / events * 1e6
        print(f"{shape:6} round {number}: bare {bare:5.1f} us  intake {intake:5.1f} us  ratio {each.ratio:.2f}")
    return rounds


def _round(server: str, events: int) -> Round:
    return Round(bare=_measured(lambda: _bare(server, events)), intake=_measured(lambda: _intake(server, events)))


def _measured(work: Callable[[], None]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def _bare(server: str, events: int) -> None:
    counted = asyncio.run(_read_and_split(server))
    if counted != events:
        raise SystemExit(f"hack/bench intake: read {counted} of {events} events")


async def _read_and_split(server: str) -> int:
    connection, counted, tail = Connection(server), 0, b""
    async with connection.session() as session, session.get(connection.url("/api/v1/pods?watch=1")) as response:
        async for chunk in response.content.iter_any():
            lines = (tail + chunk).split(b"\n") if tail else chunk.split(b"\n")
            tail = lines.pop()
            counted += len(lines)
    return counted


def _tracker() -> Tracker:
    return Tracker(owners=FixedOwners(), codec=PackingCodec(), rules=Rules(), timers=Timers(), now=BEGIN - SECOND)


def _intake(server: str, events: int) -> None:
    tracker = _tracker()
    feed = PodFeed(tracker)
    asyncio.run(_reflect(server, feed, tracker))
    if feed.events != events or len(tracker) * VERSIONS != events:
        raise SystemExit(f"hack/bench intake: took {feed.events} of {events} events")


async def _reflect(server: str, feed: PodFeed, tracker: Tracker) -> None:
    connection, over = Connection(server), asyncio.Event()

    async def ended(_seconds: float) -> None:
        over.set()
        await asyncio.Future()

    async with connection.session() as session:
        reflector = Reflector(
            connection=connection, session=session, feed=feed, clock=SystemClock(),
            versions=tracker.versions, pace=Pace(), sleep=ended,
        )  # fmt: skip
        task = asyncio.create_task(reflector.run())
        await asyncio.wait([task, asyncio.create_task(over.wait())], return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _profiled(server: str, events: int) -> str:
    profile, told = cProfile.Profile(), io.StringIO()
    profile.runcall(_intake, server, events)
    pstats.Stats(profile, stream=told).sort_stats("tottime").print_stats(25)
    return "\n".join(line for line in told.getvalue().splitlines() if line.strip())


def _shares(pods: int) -> str:
    """Where the time goes without the socket: each step's cost is what it adds to the steps before it."""
    lines = [line[:-1] for line in interleaved(pods)]
    tracker = _tracker()
    whole = PodFeed(tracker)
    decode = whole._decode_line
    steps = {"decode": _timed(decode, lines)}
    steps["decode, observe, join"] = _timed(lambda line: whole.line(line, arrived=BEGIN, live=True), lines)
    again = PodFeed(tracker)
    steps["decode, nothing new"] = _timed(lambda line: again.line(line, arrived=BEGIN, live=True), lines)
    return "\n".join(f"{name:24}{seconds / len(lines) * 1e6:6.1f} us an event" for name, seconds in steps.items())


def _timed(step: Callable[[bytes], object], lines: list[bytes]) -> float:
    began = time.process_time()
    for line in lines:
        step(line)
    return time.process_time() - began
