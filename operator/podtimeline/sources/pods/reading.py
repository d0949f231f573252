"""One version of a pod while it is read: what it says so far, and what the read of it is worth as evidence. Pure."""

from collections.abc import Set as AbstractSet
from functools import lru_cache

from podtimeline.model.instants import Evidence, Source, happened, just_after
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Noted, Observation, Witnessed
from podtimeline.sources.pods.specs import binding
from podtimeline.sources.pods.templates import Template, pod_template
from podtimeline.sources.pods.wire import Pod, PodSpec

_FROM_STATUS = True
_made = tuple.__new__
"""Measured: half of what the constructor of a ``NamedTuple`` takes; of each change of each pod several are made."""
_READY = MilestoneKey(Milestone.READY)
TERMINAL = frozenset({"Succeeded", "Failed"})
"""The values of ``status.phase`` that a pod never leaves."""


class Reading:
    """One version of a pod being read; ``said`` is what it says beyond ``known``, in the order of reading."""

    __slots__ = ("_seen", "_template", "arrived", "known", "live", "pod", "said", "starting", "uid")

    def __init__(self, pod: Pod, *, arrived: int, live: bool, known: AbstractSet[MilestoneKey]) -> None:
        self.said: list[Observation] = []
        self.pod = pod
        self.uid = pod.metadata.uid
        self.arrived = arrived
        self.live = live
        self.known = known
        self.starting = _READY not in known
        """Whether the pod was not ready before this version, as far as is known."""
        self._template: Template | None = None
        self._seen: Evidence | None = None
        """What the arrival says of everything that is new in a live version."""

    @property
    def template(self) -> Template:
        """The template that the pod is made of, looked up once it is asked for. Raises ``MalformedObject``."""
        if self._template is None:
            self._template = pod_template(self.pod)
        return self._template

    @property
    def spec(self) -> PodSpec:
        """What of the pod's spec is its template's."""
        return self.template.spec

    @property
    def node_name(self) -> str | None:
        """The node that the pod is bound to."""
        node = "" if self._template is None else self._template.spec.node_name
        return binding(self.pod).node_name if node == "" else node

    def note(self, reason: str, subject: str, text: str) -> None:
        """Say the words of a condition or of a waiting container."""
        self.said.append(Noted(self.uid, reason, subject, text, self.arrived))

    def witness(self, mark: MilestoneKey, stated: Evidence | None, detail: str = "") -> None:
        """Say that a milestone was reached, by what its field states and, of a live version, by its arrival."""
        evidence: tuple[Evidence, ...]
        if self.live:
            seen = self._seen
            if seen is None:
                seen = self._seen = _arrival(self.arrived)
            evidence = (seen,) if stated is None else (stated, seen)
        else:
            evidence = (happened(self.arrived) if stated is None else stated,)
        self.said.append(_made(Witnessed, (self.uid, mark, evidence, detail, _FROM_STATUS)))


@lru_cache(maxsize=1)
def _arrival(arrived: int) -> Evidence:
    """What one read brought has one arrival, and shares the evidence of it."""
    return just_after(Source.WATCH, arrived, observed=arrived)
