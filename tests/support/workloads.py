"""Versions of workloads, one after the other, for tests that need them."""

from dataclasses import dataclass, replace
from typing import Any

from tests.support.lives import at

from podtimeline.analysis.attribution.scaling import WorkloadHistory, told
from podtimeline.model.instants import SECOND, Source, Window, intersect, just_after, within_second
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import WorkloadState

DEPLOYMENT = Owner("Deployment", "web", "d-1")


def replicaset(seconds: float = 0, **more: Any) -> WorkloadState:
    """A ReplicaSet of the Deployment ``web``, as it is created to have two pods."""
    base: dict[str, Any] = {"owner": DEPLOYMENT, "revision": "1", "wanted": 2}
    return workload("ReplicaSet", "web-abc", "rs-1", seconds, **(base | more))


def workload(kind: str, name: str, uid: str, seconds: float = 0, **more: Any) -> WorkloadState:
    """A workload created then."""
    base: dict[str, Any] = {"kind": kind, "namespace": "shop", "name": name, "uid": uid, "version": 100}
    return WorkloadState(**(base | {"created": at(seconds) // SECOND * SECOND} | more))


def made(seconds: float, *, by: float | None = None) -> Window:
    """When a pod was created: its second, and the arrival of its first delivery."""
    stated = within_second(Source.FIELD, at(seconds) // SECOND * SECOND, observed=at(seconds))
    seen = at(seconds if by is None else by)
    return intersect((stated, just_after(Source.WATCH, seen, observed=seen)))


@dataclass
class Watched:
    """A workload that is watched from its first version on, one version after the other."""

    state: WorkloadState
    history: WorkloadHistory | None = None

    def at(self, seconds: float, *, live: bool = True, **changes: Any) -> "Watched":
        """A new version is delivered."""
        if self.history is not None:
            changes.setdefault("version", self.state.version + 1)
        self.state = replace(self.state, **changes)
        self.history = told(self.history, self.state, arrived=at(seconds), live=live)
        return self

    @property
    def known(self) -> WorkloadHistory:
        """What is known of it."""
        assert self.history is not None
        return self.history
