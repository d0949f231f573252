"""One version of a pod while it is read: what it says so far, and what the read of it is worth as evidence. Pure."""

from collections.abc import Set as AbstractSet
from functools import lru_cache

from podtimeline.model.instants import Evidence, Source, happened, just_after
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Noted, Observation, Witnessed
from podtimeline.sources.pods.specs import binding, pod_spec
from podtimeline.sources.pods.wire import Pod, PodSpec

_FROM_STATUS = True
_READY = Mark(Milestone.READY)
TERMINAL = frozenset({"Succeeded", "Failed"})
"""The values of ``status.phase`` that a pod never leaves."""


class Reading:
    """One version of a pod being read; ``said`` is what it says beyond ``known``, in the order of reading."""

    __slots__ = ("_parsed", "_seen", "arrived", "known", "live", "pod", "said", "starting", "uid")

    def __init__(self, pod: Pod, *, arrived: int, live: bool, known: AbstractSet[Mark]) -> None:
        self.said: list[Observation] = []
        self.pod = pod
        self.uid = pod.metadata.uid
        self.arrived = arrived
        self.live = live
        self.known = known
        self.starting = _READY not in known
        """Whether the pod was not ready before this version, as far as is known."""
        self._parsed: PodSpec | None = None
        self._seen: Evidence | None = None
        """What the arrival says of everything that is new in a live version."""

    @property
    def spec(self) -> PodSpec:
        """The pod's spec, parsed once it is asked for."""
        if self._parsed is None:
            self._parsed = pod_spec(self.pod)
        return self._parsed

    @property
    def node_name(self) -> str | None:
        """The node that the pod is bound to."""
        parsed = self._parsed
        return (binding(self.pod) if parsed is None else parsed).node_name

    def note(self, reason: str, subject: str, text: str) -> None:
        """Say the words of a condition or of a waiting container."""
        self.said.append(Noted(self.uid, reason, subject, text, self.arrived))

    def witness(self, mark: Mark, stated: Evidence | None, detail: str = "") -> None:
        """Say that a milestone was reached, by what its field states and, of a live version, by its arrival."""
        evidence: tuple[Evidence, ...]
        if self.live:
            seen = self._seen
            if seen is None:
                seen = self._seen = _arrival(self.arrived)
            evidence = (seen,) if stated is None else (stated, seen)
        else:
            evidence = (happened(self.arrived) if stated is None else stated,)
        self.said.append(Witnessed(self.uid, mark, evidence, detail, _FROM_STATUS))


@lru_cache(maxsize=1)
def _arrival(arrived: int) -> Evidence:
    """What one read brought has one arrival, and shares the evidence of it."""
    return just_after(Source.WATCH, arrived, observed=arrived)
