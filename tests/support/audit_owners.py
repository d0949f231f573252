"""What the audit log says of the workloads that pods were made for."""

from dataclasses import dataclass, field

from tests.support.truth import Json, Pods, PodTruth, Span

from podtimeline.model.milestones import Milestone

_WORKLOADS = frozenset({"deployments", "replicasets", "statefulsets", "daemonsets", "jobs"})
_CHANGES = frozenset({"create", "update", "patch"})


@dataclass
class Workload:
    """Its creation, each write that changed what it asks for, and the controller above it."""

    above: str | None = None
    made: Span | None = None
    stamp: str | None = None
    generation: int = 0
    asked: list[Span] = field(default_factory=list)


class OwnerWrites:
    """The write of a workload that a pod was made for is the last one before the pod that changed its spec.

    That holds where a workload is changed once its pods are as it asked before, as in the benches and scenarios.
    """

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._workloads: dict[str, Workload] = {}

    def read(self, entry: Json, span: Span) -> None:
        """Take one write."""
        reference, verb = entry["objectRef"], entry["verb"]
        if verb not in _CHANGES or reference.get("subresource") not in {None, "scale"}:
            return
        if reference.get("resource") in _WORKLOADS:
            self._workload(entry["responseObject"], span, made=verb == "create")
        elif reference.get("resource") == "pods" and verb == "create":
            self._pod(entry["responseObject"], span)

    def _workload(self, now: Json, span: Span, *, made: bool) -> None:
        meta = now["metadata"]
        known = self._workloads.setdefault(meta["uid"], Workload(above=controller(meta)))
        if made:
            known.made, known.stamp = span, meta["creationTimestamp"]
        # A Scale, which has no generation, is written only to change one.
        generation = meta.get("generation", known.generation + 1)
        if generation > known.generation:
            known.generation = generation
            known.asked.append(span)

    def _pod(self, made: Json, span: Span) -> None:
        pod, owner = self._pods.of(made["metadata"]), controller(made["metadata"])
        if owner is None:
            pod.first(Milestone.ROLLOUT_STARTED, span)
        elif (maker := self._workloads.get(owner)) is not None:
            self._made_for(pod, maker, span)

    def _made_for(self, pod: PodTruth, maker: Workload, span: Span) -> None:
        if maker.made is not None:
            pod.first(Milestone.OWNER_CREATED, maker.made)
            pod.said(Milestone.OWNER_CREATED, maker.stamp)
        workload = maker if maker.above is None else self._workloads.get(maker.above)
        asked = [] if workload is None else [each for each in workload.asked if each.start < span.start]
        if asked:
            pod.first(Milestone.ROLLOUT_STARTED, asked[-1])


def controller(meta: Json) -> str | None:
    """The uid of an object's controller."""
    references = meta.get("ownerReferences") or ()
    return next((each["uid"] for each in references if each.get("controller")), None)
