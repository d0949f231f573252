"""Workloads with metric series, and size of /metrics, with a flood of invented owners and with short-lived owners.

The flood: 2,100 pods of one namespace, each with a controller that does not exist, besides 50 lasting workloads of ten
namespaces and 25 that are created later; then the pods are deleted. The short-lived owners: runs of one pod each, two
minutes long, one every two seconds, in the namespace of 50 lasting workloads that are restarted every ten minutes. Pods
pass through decoding, tracking, a SQLite history in memory, and the exposition.
"""

import argparse
from collections import Counter

from benches.memory import start
from benches.podgen import Numbered, lines
from benches.settings import BEGIN, CREATED, FixedOwners
from benches.verdict import verdict
from podtimeline.codec import PackingCodec
from podtimeline.model.instants import SECOND
from podtimeline.model.pods import Owner
from podtimeline.model.series import OTHER
from podtimeline.sinks.prometheus import Exposition
from podtimeline.sinks.telemetry import Telemetry
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import open_store
from podtimeline.tracking.batches import evaluate
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker

_OWNER = b'"kind":"ReplicaSet","name":"storefront-7c9d5f6b84","uid":"2a2f3a1e-6a8e-4f3a-8a77-0c0d1f7f1b11"'
_SETTLED = 15
Workload = tuple[str, str, str]
"""Namespace, kind and name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this bench."""
    parser.add_argument("--flood", type=int, default=2_100, help="number of invented controllers (default: 2100)")
    parser.add_argument("--runs", type=int, default=10_000, help="number of short-lived owners (default: 10000)")


def run(options: argparse.Namespace) -> str:
    """Run both, each in a cluster of its own."""
    flooded = _flood(options.flood)
    lost = _one_off(options.runs)
    return verdict("series", flooded + lost, "lasting workloads without series", goal=0)


class _Owners(FixedOwners):
    """Every pod's controller is its workload."""

    def chain(self, namespace: str, owner: Owner) -> tuple[Owner, ...]:
        """See ``ports.Owners``."""
        return (owner,)


class Cluster:
    """The operator without its streams, on a clock that is moved by hand (seconds)."""

    def __init__(self) -> None:
        self.second = 0
        self.tracker = Tracker(
            owners=_Owners(), codec=PackingCodec(), rules=Rules(), timers=Timers(), now=BEGIN - SECOND
        )
        self._feed = PodFeed(self.tracker)
        self._store = open_store("sqlite::memory:", StoreOptions(clock=self))
        self._exposition = Exposition(version="bench", process=False)
        self._pods: dict[int, Workload] = {}

    def now(self) -> int:
        """See ``ports.Clock``."""
        return BEGIN + self.second * SECOND

    def start(self, workload: Workload) -> int:
        """A pod of a workload starts; returns its number."""
        number = len(self._pods) + 1
        self._pods[number] = workload
        start(self._feed, self.tracker, self._pod(number), self.now(), renamed=lambda line: _renamed(line, workload))
        return number

    def end(self, number: int) -> None:
        """A pod is deleted."""
        *_, last = lines(self._pod(number))
        leaving = b'"generation":2,"deletionGracePeriodSeconds":0,"deletionTimestamp":"2030-01-01T00:00:00Z"'
        line = _renamed(last.replace(b'"generation":1', leaving, 1), self._pods[number])
        self._feed.line(line, arrived=self.now(), live=True)
        self._feed.line(line.replace(b'"MODIFIED"', b'"DELETED"', 1), arrived=self.now() + SECOND, live=True)

    def wait(self, seconds: int) -> None:
        """Time passes; what changed is committed."""
        self.second += seconds
        self.tracker.tick(self.now())
        result = evaluate(self.tracker.drain(self.now()), PackingCodec(), self.tracker.quarantine)
        self._exposition.count(self._store.commit(result.checkpoint), at=self.now())
        self.tracker.committed(result)

    def scrape(self) -> int:
        """Bytes of /metrics."""
        return len(self._exposition.render(Telemetry())[1])

    def own(self) -> Counter[Workload]:
        """Series by workload, of all histograms together."""
        return Counter(each.labels[:3] for each in self._store.restore().histograms)  # type: ignore[misc]

    def _pod(self, number: int) -> Numbered:
        return Numbered(number, CREATED + self.second)


def _renamed(line: bytes, workload: Workload) -> bytes:
    namespace, kind, name = workload
    owner = f'"kind":"{kind}","name":"{name}","uid":"{namespace}/{name}"'
    line = line.replace(_OWNER, owner.encode(), 1)
    return line.replace(b'"namespace":"shop"', f'"namespace":"{namespace}"'.encode(), 1)


def _flood(size: int) -> int:
    cluster = Cluster()
    lasting = [(f"team-{space}", "StatefulSet", f"db-{name}") for space in range(10) for name in range(5)]
    late = [(f"late-{space}", "StatefulSet", f"db-{name}") for space in range(5) for name in range(5)]
    for each in lasting:
        cluster.start(each)
    cluster.wait(_SETTLED)
    before = cluster.scrape()
    flood = [cluster.start(("attacker", "Invented", f"x-{number}")) for number in range(size)]
    cluster.wait(_SETTLED)
    for each in late:
        cluster.start(each)
    cluster.wait(_SETTLED)
    _say("flood", cluster, lasting + late, before)
    lost = _without(cluster, lasting + late)
    for number in flood:
        cluster.end(number)
    cluster.wait(_SETTLED)
    cluster.wait(900)
    _say("flood, 900 s after its pods were deleted", cluster, lasting + late, before)
    return lost + _without(cluster, lasting + late)


def _one_off(runs: int) -> int:
    cluster = Cluster()
    lasting = [("ci", "StatefulSet", f"db-{name}") for name in range(50)]
    pods = {each: cluster.start(each) for each in lasting}
    cluster.wait(_SETTLED)
    before, going, most, lost = cluster.scrape(), list[int](), 0, 0
    for number in range(runs):
        going.append(cluster.start(("ci", "EphemeralRunner", f"run-{number}")))
        if len(going) > 60:
            cluster.end(going.pop(0))
        cluster.wait(2)
        if number % 300 == 299:
            most = max(most, cluster.scrape())
            for each in lasting:
                cluster.end(pods[each])
                pods[each] = cluster.start(each)
            cluster.wait(_SETTLED)
            lost = max(lost, _without(cluster, lasting))
    _say(f"{runs} short-lived owners (at most {most / 2**20:.1f} MiB)", cluster, lasting, before)
    for number in going:
        cluster.end(number)
    cluster.wait(_SETTLED)
    cluster.wait(900)
    _say("short-lived owners, 900 s after the last", cluster, lasting, before)
    return lost


def _without(cluster: Cluster, lasting: list[Workload]) -> int:
    """How many lasting workloads lack series that the others have."""
    own = cluster.own()
    full = max((own[each] for each in lasting), default=0)
    return sum(own[each] < full for each in lasting)


def _say(what: str, cluster: Cluster, lasting: list[Workload], before: int) -> None:
    own = cluster.own()
    others = own[OTHER, OTHER, OTHER]
    mine = sum(own[each] for each in lasting)
    lacking, rest = _without(cluster, lasting), sum(own.values()) - mine - others
    size = cluster.scrape()
    print(f"{what}: /metrics {size / 2**20:.2f} MiB (before: {before / 2**20:.2f}), {sum(own.values())} series:")
    print(f"  {mine} of {len(lasting)} lasting workloads ({lacking} lack some), {others} other, {rest} of the rest")
