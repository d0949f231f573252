"""What the answers are made of."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.analysis.attribution.scaling import WorkloadHistory
from podtimeline.ports import Clock, History
from podtimeline.quarantine import Quarantine
from podtimeline.web.access import Gate
from podtimeline.web.evaluating import Live, OpenPods
from podtimeline.web.lane import Worker
from podtimeline.web.numbers import HttpNumbers

Reasons = Callable[[], Sequence[str]]
"""Why the answer is no, in words; empty where it is yes."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The parts of the operator that answer.

    ``live`` gives a copy of what the tracker knows of a pod, ``None`` where the history has all of it; it is called on
    the event loop. ``open_pods`` begins a look at how far each pod is that starts or leaves, which the history does not
    know. ``ready`` says why the operator is not ready, ``degraded`` what it cannot read although it is.
    ``metrics`` renders an exposition for an ``Accept`` header: body and content type. ``refusals`` are
    the workloads whose pods are, or were, refused; ``asked`` is what a workload was asked for, by its namespace, kind
    and name, ``None`` where that is not known. ``gate`` says who may read, ``None`` that everybody may.
    """

    history: History
    live: Live
    open_pods: Callable[[], OpenPods]
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    health: Reasons
    ready: Reasons
    clock: Clock
    degraded: Reasons = list
    cluster: str | None = None
    refusals: Callable[[], Iterable[Refusal]] = tuple
    asked: Callable[[str, str, str], WorkloadHistory | None] = lambda *_: None
    numbers: HttpNumbers = field(default_factory=HttpNumbers)
    gate: Gate | None = None
    quarantine: Quarantine = field(default_factory=Quarantine)
    worker: Worker = field(default_factory=Worker)
