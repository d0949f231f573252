"""Records as the history keeps them: one pod is followed and evaluated, the others differ in who they are and when."""

from dataclasses import dataclass, replace
from functools import cache

from benches.memory import start
from benches.podgen import Numbered, lines
from benches.settings import BEGIN, CREATED, FixedOwners
from podtimeline.analysis.resolved import Outcome
from podtimeline.codec import PackingCodec, pack
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.ports import Saved
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.tracking.batches import evaluate
from podtimeline.tracking.records import Rules
from podtimeline.tracking.timers import Timers
from podtimeline.tracking.tracker import Tracker

WORKLOADS, NAMESPACES, NODES = 1000, 50, 500
_SETTLED, _GONE = BEGIN + 60 * SECOND, BEGIN + 200 * SECOND


@dataclass(frozen=True, slots=True)
class Place:
    """Which namespace, workload and node a pod belongs to; half of all pods are of one workload in ten."""

    number: int

    @property
    def workload(self) -> int:
        """The workload's number."""
        scattered = self.number * 2654435761 % (1 << 32)
        return scattered % (WORKLOADS // 10 if scattered & (1 << 20) else WORKLOADS)

    @property
    def namespace(self) -> str:
        """The workload's namespace."""
        return f"team-{self.workload % NAMESPACES}"

    @property
    def node(self) -> str:
        """The node."""
        return f"node-{self.number * 40503 % NODES}"


def finished(number: int, *, at: int) -> Saved:
    """A pod that was created at a moment (ns), became ready, and was removed some minutes later."""
    _, closed = _followed()
    outcome = Outcome.FAILED if number % 97 == 0 else closed.outcome
    return _placed(replace(closed, outcome=outcome), number, at=at)


def starting(number: int, *, at: int) -> Saved:
    """A pod that waits for its image since it was created."""
    settled, _ = _followed()
    waits = replace(settled, settled=False, changing=True, startup=None, total=None, increments=())
    return _placed(waits, number, at=at)


def ready(pod: Numbered, piece: str) -> Saved:
    """A pod that is ready and rests, as the API server lists it by the same ``Numbered``, in that EndpointSlice."""
    settled, _ = _followed()
    state = settled.state
    if state.facts is None:
        raise AssertionError("the pod that was followed is not described")
    evidence = tuple((_within(mark, piece), said) for mark, said in state.evidence)
    details = tuple((_within(mark, piece), said) for mark, said in state.details)
    facts = replace(state.facts, uid=pod.uid, name=pod.name)
    own = replace(state, uid=pod.uid, facts=facts, evidence=evidence, details=details)
    return replace(settled, state=own, name=pod.name, packed=pack(own), increments=())


def _within(mark: MilestoneKey, piece: str) -> MilestoneKey:
    return mark._replace(subject=f"shop/storefront/{piece}") if mark.milestone is Milestone.ENDPOINT_READY else mark


def _placed(record: Saved, number: int, *, at: int) -> Saved:
    """The record of another pod; what is packed is that of the first one, as only its size matters."""
    place, pod = Place(number), Numbered(number, CREATED)
    workload, trace = f"app-{place.workload}", pod.uid.replace("-", "")
    increments = tuple(
        replace(each, namespace=place.namespace, workload=workload, trace_id=trace) for each in record.increments
    )
    took = None if record.total is None else record.total + number * 2654435761 % 60_000_000_000
    return replace(
        record, state=replace(record.state, uid=pod.uid), namespace=place.namespace, name=pod.name, workload=workload,
        node=place.node, created=at, total=took, updated=at + _GONE - BEGIN, increments=increments,
    )  # fmt: skip


@cache
def _followed() -> tuple[Saved, Saved]:
    """One pod as it is saved once its start is over, and once it is gone with all that it counts."""
    pod, codec = Numbered(0, CREATED), PackingCodec()
    tracker = Tracker(owners=FixedOwners(), codec=codec, rules=Rules(), timers=Timers(), now=BEGIN - SECOND)
    feed = PodFeed(tracker)
    start(feed, tracker, pod, BEGIN)
    settled = _committed(tracker, codec, _SETTLED)
    *_, last = lines(pod)
    leaving = b'"generation":2,"deletionGracePeriodSeconds":0,"deletionTimestamp":"2026-11-18T13:48:40Z"'
    line = last.replace(b'"generation":1', leaving, 1)
    feed.line(line, arrived=BEGIN + 120 * SECOND, live=True)
    feed.line(line.replace(b'"MODIFIED"', b'"DELETED"', 1), arrived=BEGIN + 121 * SECOND, live=True)
    closed = _committed(tracker, codec, _GONE)
    return settled, replace(closed, increments=settled.increments + closed.increments)


def _committed(tracker: Tracker, codec: PackingCodec, now: int) -> Saved:
    tracker.tick(now)
    result = evaluate(tracker.drain(now), codec, tracker.quarantine)
    tracker.committed(result)
    (record,) = result.checkpoint.records
    return record
