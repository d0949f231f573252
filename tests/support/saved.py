"""Records as the tracker hands them to a store, for tests that need some."""

from dataclasses import dataclass

from tests.support.lives import at, facts, ordinary

from podtimeline.analysis.resolved import Outcome
from podtimeline.codec import pack
from podtimeline.model.milestones import Phase
from podtimeline.model.pods import Owner
from podtimeline.model.state import State, dump
from podtimeline.ports import Checkpoint, Counted, Increment, Metric, Saved, Stream

SECOND = 1_000_000_000


@dataclass
class StandingClock:
    """A clock that stands where it is put; nanoseconds since the epoch."""

    moment: int = at(100)

    def now(self) -> int:
        """See ``ports.Clock``."""
        return self.moment


def state(uid: str, *, name: str = "web-1") -> State:
    """An ordinary pod's state under another uid."""
    life = ordinary(facts(uid=uid, name=name, owner=Owner("ReplicaSet", "web-abc", "rs-1")))
    timeline = life.timeline()
    timeline.uid = uid
    return dump(timeline)


def increment(
    metric: Metric = Metric.STARTUP,
    seconds: float = 5.9,
    *,
    workload: str = "web",
    namespace: str = "shop",
    key: str = "",
    phase: Phase | None = None,
) -> Increment:
    """One observation of a Deployment."""
    return Increment(
        metric=metric,
        namespace=namespace,
        workload_kind="Deployment",
        workload=workload,
        value=round(seconds * SECOND),
        trace_id="0af7651916cd43dd8448eb211c80319c",
        key=key or (phase.value if phase else ""),
        phase=phase,
    )


def saved(uid: str = "uid-1", *increments: Increment, **more: object) -> Saved:
    """An ordinary pod that is ready after 5.9 s, of the workload that it counts for; ``more`` replaces fields."""
    name = str(more.get("name", "web-1"))
    counts = increments[0] if increments else increment()
    base: dict[str, object] = {
        "state": state(uid, name=name),
        "namespace": counts.namespace,
        "name": name,
        "workload_kind": counts.workload_kind,
        "workload": counts.workload,
        "node": "node-1",
        "outcome": Outcome.READY,
        "phase": None,
        "created": at(0),
        "startup": round(5.9 * SECOND),
        "total": round(5.95 * SECOND),
        "settled": True,
        "closed": False,
        "updated": at(12),
        "increments": increments,
    }
    made = base | more
    return Saved(**{"packed": pack(made["state"])} | made)  # type: ignore[arg-type]


def checkpoint(*records: Saved, when: float = 12, versions: dict[Stream, str | None] | None = None) -> Checkpoint:
    """What is committed so many seconds after ``EPOCH``."""
    return Checkpoint(records, versions if versions is not None else {Stream.PODS: "100"}, at(when))


def fresh(counted: Counted) -> tuple[Increment, ...]:
    """The increments that a commit counted."""
    return tuple(each.increment for each in counted.increments)
