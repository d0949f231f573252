"""Pods of one workload over several revisions, for tests of rollouts."""

from dataclasses import dataclass
from typing import Any

from tests.support.lives import WEB, Life, at, container_start, facts, watched

from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Owned
from podtimeline.model.pods import Owner

OLD, NEW = "59d9c5b6f4", "7d9c5b6f4"


@dataclass(frozen=True)
class Seconds:
    """When a pod's steps happened, in seconds after the epoch of the tests; ``None`` for what did not."""

    created: float
    ready: float | None = None
    leaving: float | None = None
    removed: float | None = None
    requested: float | None = None


def pod(
    name: str, revision: str, when: Seconds, *, kind: str = "Deployment", now: float = 600, **more: Any
) -> ResolvedTimeline:
    """A pod of the workload ``web`` of that revision."""
    found = view(life_of(name, revision, when, kind=kind, **more).timeline(), now=at(now))
    assert found is not None
    return found


def life_of(name: str, revision: str, when: Seconds, *, kind: str = "Deployment", **more: Any) -> Life:
    """What is told of such a pod."""
    label = "pod-template-hash" if kind == "Deployment" else "controller-revision-hash"
    owner = Owner("ReplicaSet", f"web-{revision}", "rs") if kind == "Deployment" else Owner(kind, "web", "w")
    spec = facts(WEB, uid=f"uid-{name}", name=name, owner=owner, labels=((label, revision),), **more)
    life = Life(f"uid-{name}").described(spec)
    chain = (owner, Owner("Deployment", "web", "d")) if kind == "Deployment" else (owner,)
    life.told.append(Owned(life.uid, chain))
    if when.requested is not None:
        life.saw(Milestone.ROLLOUT_STARTED, watched(when.requested))
    life.saw(Milestone.CREATED, watched(when.created))
    life.saw(Milestone.SCHEDULED, watched(when.created + 0.1), detail="node-1")
    life.saw(Milestone.KUBELET_ADMITTED, watched(when.created + 0.2))
    if when.ready is not None:
        life.saw(Milestone.IP_ASSIGNED, watched(when.created + 0.5))
        container_start(life, "web", when.created + 0.6)
        life.saw(Milestone.CONTAINER_READY, watched(when.ready), subject="web")
        life.saw(Milestone.CONTAINERS_READY, watched(when.ready)).saw(Milestone.READY, watched(when.ready))
    if when.leaving is not None:
        life.saw(Milestone.DELETION_REQUESTED, watched(when.leaving))
    if when.removed is not None:
        life.saw(Milestone.OBJECT_REMOVED, watched(when.removed))
    return life


_UPDATE = (
    ("web-old-a", OLD, Seconds(-500, -490, 110.2, 113, requested=-500.1)),
    ("web-old-b", OLD, Seconds(-500, -489, 114.4, 117, requested=-500.1)),
    ("web-new-a", NEW, Seconds(100, 110, requested=99.8)),
    ("web-new-b", NEW, Seconds(110.3, 114.3, requested=99.8)),
)


def rolling_update() -> list[ResolvedTimeline]:
    """Two old pods replaced one by one: the surge of one, the first new pod slow (ready 10 s after it was made)."""
    return [pod(*each) for each in _UPDATE]


def rolling_lives() -> list[Life]:
    """What is told of the pods of ``rolling_update``."""
    return [life_of(*each) for each in _UPDATE]
