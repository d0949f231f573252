"""What the streams say, one fact each; a timeline is the join of its observations in any order.

Every observation names the pod by uid. Joining is commutative, associative and idempotent (see ``timeline.apply``).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from podtimeline.core.instants import Evidence
from podtimeline.core.milestones import Mark
from podtimeline.core.pods import Owner, PodFacts


class Partial(StrEnum):
    """Why part of a pod's life was not observed."""

    LISTED = "listed"
    """The pod was there before the operator looked."""
    GAP = "gap"
    """The pod, or a change of it, came or went while the stream was cut."""


@dataclass(frozen=True, slots=True)
class Described:
    """A pod's identity and spec."""

    uid: str
    facts: PodFacts


class Witnessed(NamedTuple):
    """Evidence for one milestone; ``detail`` is the node, the IPs or the target ports that go with it."""

    uid: str
    mark: Mark
    evidence: tuple[Evidence, ...]
    detail: str = ""
    from_status: bool = False
    """True where the evidence is the pod's own status, so that the decoder need not say it again."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Words of an Event or of a waiting container: why something takes long or failed."""

    uid: str
    reason: str
    subject: str
    text: str
    at: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class ImagePulled:
    """What the kubelet's Pulled message says: durations in nanoseconds, ``None`` where the message does not say."""

    uid: str
    container: str
    image: str
    cached: bool
    pull: int | None = None
    waiting: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Restarted:
    """The container's restart count and how its latest ended run ended."""

    uid: str
    container: str
    restarts: int
    exit_code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The pod reached phase Succeeded or Failed."""

    uid: str
    succeeded: bool
    reason: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Selected:
    """The Services (``namespace/name``) known to select the pod when it became ready."""

    uid: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Owned:
    """The pod's controllers nearest first: (ReplicaSet, Deployment), (Job, CronJob), (StatefulSet)."""

    uid: str
    chain: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Flagged:
    """Part of the pod's life was not observed."""

    uid: str
    partial: Partial


Observation = Described | Witnessed | Noted | ImagePulled | Restarted | Ended | Selected | Owned | Flagged
