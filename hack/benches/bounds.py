"""Memory under attack: 100 Events per second for one pod, and pods that never become ready.

The attacker writes for ten simulated minutes. Each Event has a different reason and container, and 10 KB of text. The
waiting pods have three Events each, and are not packed while they wait.
"""

import argparse
import gc
import json

from benches.memory import resident
from benches.podgen import Numbered, lines
from benches.settings import BEGIN, CREATED, FixedOwners
from benches.verdict import verdict
from podtimeline.codec import PackingCodec
from podtimeline.model.bounds import MAX_NOTES, MAX_NOTES_TEXT, MAX_SUBJECTS
from podtimeline.model.instants import SECOND
from podtimeline.model.notes import characters
from podtimeline.model.state import weight
from podtimeline.model.timeline import Timeline
from podtimeline.sources.events.feed import EventFeed
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.tracking.batches import evaluate
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker

GOAL = 32 << 20
"""Bytes by which the resident set may grow for one pod, whatever is written about it."""
_RATE = 100
_PER_POD = 3
_WORDS = "x" * 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    parser.add_argument("--pods", type=int, default=100_000, help="pods that never become ready (default: 100000)")
    parser.add_argument("--minutes", type=int, default=10, help="simulated minutes of the attack (default: 10)")


def run(options: argparse.Namespace) -> str:
    """Measure the attack, then the waiting pods; the verdict is on the attack."""
    grown, kept = _attack(options.minutes)
    within = len(kept.notes) <= MAX_NOTES and sum(map(characters, kept.notes.values())) <= MAX_NOTES_TEXT
    within = within and len(kept.evidence) <= 8 * MAX_SUBJECTS
    events = options.minutes * 60 * _RATE
    limits = ", ".join(sorted(kept.limits))
    print(f"{events} Events for one pod: resident memory grew by {grown / 2**20:.1f} MiB, limits reached: {limits}")
    each = _waiting(options.pods) / options.pods
    print(f"{options.pods} pods that never become ready, {_PER_POD} Events each: {each:.0f} resident bytes per pod")
    return verdict(
        "bounds", grown if within else float("inf"), "bytes grown under attack", goal=GOAL, events=events,
        notes=len(kept.notes), weight=weight(kept), within=within, limits=sorted(kept.limits), pods=options.pods,
        rss_bytes_per_waiting_pod=round(each),
    )  # fmt: skip


def _tracker() -> Tracker:
    return Tracker(owners=FixedOwners(), codec=PackingCodec(), rules=Rules(), timers=Timers(), now=BEGIN - SECOND)


def _attack(minutes: int) -> tuple[int, Timeline]:
    tracker = _tracker()
    pods, events, pod = PodFeed(tracker), EventFeed(tracker), Numbered(0, CREATED)
    pods.line(next(iter(lines(pod))), arrived=BEGIN, live=True)
    gc.collect()
    before = resident()
    for number in range(minutes * 60 * _RATE):
        at = BEGIN + number * SECOND // _RATE
        events.line(_event(pod, number, f"c{number}", _WORDS), arrived=at, live=True)
        if number % _RATE == 0:
            _commit(tracker, at)
    gc.collect()
    kept = tracker.timeline(pod.uid)
    if kept is None:
        raise SystemExit("hack/bench bounds: the attacked pod is not tracked")
    return resident() - before, kept


def _waiting(pods: int) -> int:
    tracker = _tracker()
    feed, events = PodFeed(tracker), EventFeed(tracker)
    before = resident()
    for number in range(pods):
        pod = Numbered(number, CREATED + number // 1000)
        at = BEGIN + number * SECOND // 1000
        feed.line(next(iter(lines(pod))), arrived=at, live=True)
        for more in range(_PER_POD):
            events.line(_event(pod, number * _PER_POD + more, "storefront", "Back-off"), arrived=at, live=True)
        if number % 1000 == 0:
            _commit(tracker, at)
    gc.collect()
    return resident() - before


def _commit(tracker: Tracker, at: int) -> None:
    tracker.tick(at)
    tracker.committed(evaluate(tracker.drain(at), PackingCodec(), tracker.quarantine))


def _event(pod: Numbered, number: int, container: str, text: str) -> bytes:
    stamp, reason = "2026-11-18T13:46:40Z", f"Reason{number}" if number % 2 else "Pulling"
    about = {"kind": "Pod", "namespace": "shop", "name": pod.name, "uid": pod.uid}
    about["fieldPath"] = f"spec.containers{{{container}}}"
    event = {
        "metadata": {"name": f"e.{number}", "namespace": "shop", "uid": f"e-{number}", "resourceVersion": str(number)},
        "involvedObject": about, "reason": reason, "message": text, "count": 1, "firstTimestamp": stamp,
        "lastTimestamp": stamp, "type": "Normal" if reason == "Pulling" else "Warning",
    }  # fmt: skip
    return json.dumps({"type": "ADDED", "object": event}).encode()
