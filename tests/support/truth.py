"""What really happened, from recorders that the operator does not read: audit log, containerd, CNI.

Each truth is an interval in nanoseconds: a write in the API lies between the receipt of its request and its response,
a deed of the node is stamped by who did it. Of what only the kubelet knows (``REPORTED``) the truth is somewhere before
the first trace that it left elsewhere.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from podtimeline.model.milestones import Milestone, MilestoneKey

SECOND = 1_000_000_000
Json = Mapping[str, Any]


class Span(NamedTuple):
    """The fact happened in [start, end], nanoseconds since the epoch."""

    start: int
    end: int


REPORTED = frozenset(
    {
        Milestone.FIRST_UNSCHEDULABLE,
        Milestone.KUBELET_ADMITTED,
        Milestone.PULL_STARTED,
        Milestone.INITIALIZED,
        Milestone.STARTUP_PROBE_PASSED,
        Milestone.CONTAINER_READY,
        Milestone.CONTAINERS_READY,
        Milestone.READY,
        Milestone.KILLING,
    }
)
"""Milestones whose recorder comes after the fact: the write of the scheduler or the kubelet to the API, or the runtime
that the kubelet then asks."""
ANSWER = 250_000_000
"""Nanoseconds that the runtime's answer may take to a kubelet on a busy machine: it has the image only then."""


def holds(said: Json, true: Span, milestone: Milestone) -> bool:
    """Whether a document's bounds hold the truth; of a reported fact the truth is anywhere before its report."""
    earliest, latest = (None if said[key] is None else nanoseconds(said[key]) for key in ("earliest", "latest"))
    answered = ANSWER if milestone is Milestone.PULLED else 0
    not_too_late = earliest is None or earliest <= true.end + answered
    return not_too_late and (latest is None or latest >= true.start or milestone in REPORTED)


@dataclass
class PodTruth:
    """The recorded deeds of one pod, by milestone."""

    uid: str
    namespace: str = ""
    name: str = ""
    node: str = ""
    marks: dict[MilestoneKey, Span] = field(default_factory=dict)
    fields: dict[MilestoneKey, int] = field(default_factory=dict)
    """What the API's one-second fields said of the same facts when they first did, nanoseconds since the epoch."""
    ids: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    gates: frozenset[str] = frozenset()
    """The conditions that it has as readiness gates."""
    own: tuple[str, ...] = ()
    """The names of its ephemeral volumes, each with a claim of its own."""

    def said(self, milestone: Milestone, stamp: str | None, *, subject: str = "", earlier: int = 0) -> None:
        """Keep what a one-second field said first, ``earlier`` nanoseconds before it."""
        if stamp:
            self.fields.setdefault(MilestoneKey(milestone, subject), nanoseconds(stamp) - earlier)

    def first(self, milestone: Milestone, span: Span, *, subject: str = "") -> None:
        """Keep the first occurrence: recorders are read in the order of time."""
        self.marks.setdefault(MilestoneKey(milestone, subject), span)


class Pods(dict[str, PodTruth]):
    """The truth of all pods by uid."""

    def of(self, meta: Json) -> PodTruth:
        """The pod that an object's metadata, or a reference to it, names."""
        pod = self.setdefault(meta["uid"], PodTruth(meta["uid"]))
        pod.namespace, pod.name = meta.get("namespace", pod.namespace), meta.get("name", pod.name)
        return pod


def nanoseconds(text: str) -> int:
    """Nanoseconds of an RFC 3339 stamp, or of containerd's own form of one, with up to nine fractional digits."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?", text)
    if match is None:
        raise ValueError(f"not a time stamp: {text!r}")
    day, clock, fraction = match.groups()
    whole = int(datetime.fromisoformat(f"{day}T{clock}+00:00").timestamp())
    return whole * SECOND + int((fraction or "0").ljust(9, "0"))
