"""What the audit log says of the claims that pods have, of their volumes, and of what nodes report of these."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.support.truth import Json, Pods, PodTruth, Span

from podtimeline.model.milestones import Milestone, MilestoneKey

SELECTED = "volume.kubernetes.io/selected-node"


class Use(NamedTuple):
    """A pod and the name that its spec has for the claim's volume."""

    pod: PodTruth
    volume: str


class VolumeWrites:
    """Claims, PersistentVolumes, VolumeAttachments and the volumes in use of nodes."""

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._uses: dict[tuple[str, str], list[Use]] = {}
        self._claims: dict[str, tuple[str, str]] = {}
        """The claim of each PersistentVolume."""
        self._named: dict[str, str] = {}
        """The PersistentVolume by the name under which nodes report it."""
        self._using: dict[str, frozenset[str]] = {}

    def read(self, entry: Json, span: Span) -> None:
        """Take one write."""
        now = entry.get("responseObject") or {}
        match entry["objectRef"].get("resource"), entry["objectRef"].get("subresource"), entry["verb"]:
            case "pods", None, "create":
                self._pod(now)
            case "persistentvolumeclaims", _, "create" | "update" | "patch":
                self._claim(now, span)
            case "persistentvolumes", None, "create":
                self._volume(now)
            case "volumeattachments", _, "create" | "update" | "patch" | "delete":
                self._attachment(now, span)
            case "nodes", "status", "update" | "patch":
                self._node(now, span)
            case _:
                return

    def _pod(self, made: Json) -> None:
        pod = self._pods.of(made["metadata"])
        pod.own = tuple(each["name"] for each in made["spec"].get("volumes") or () if "ephemeral" in each)
        for each in made["spec"].get("volumes") or ():
            # The claim of an ephemeral volume is named after both (KEP-1698).
            own = f"{pod.name}-{each['name']}" if each["name"] in pod.own else None
            claim = each.get("persistentVolumeClaim", {}).get("claimName", own)
            if claim is not None:
                self._uses.setdefault((pod.namespace, claim), []).append(Use(pod, each["name"]))

    def _claim(self, now: Json, span: Span) -> None:
        meta = now["metadata"]
        key = (meta["namespace"], meta["name"])
        if now["spec"].get("volumeName"):
            self._claims[now["spec"]["volumeName"]] = key
        for pod, volume in self._uses.get(key, ()):
            if SELECTED in (meta.get("annotations") or {}):
                pod.first(Milestone.PROVISIONING_STARTED, span, subject=volume)
            if now.get("status", {}).get("phase") == "Bound":
                pod.first(Milestone.CLAIM_BOUND, span, subject=volume)

    def _volume(self, made: Json) -> None:
        source = made["spec"].get("csi")
        if source is not None:
            self._named[f"kubernetes.io/csi/{source['driver']}^{source['volumeHandle']}"] = made["metadata"]["name"]

    def _attachment(self, now: Json, span: Span) -> None:
        if "spec" not in now:  # a deletion that is answered with a Status
            return
        meta, spec = now["metadata"], now["spec"]
        for pod, volume in self._users(spec["source"].get("persistentVolumeName"), spec["nodeName"]):
            pod.first(Milestone.ATTACH_STARTED, span, subject=volume)
            pod.said(Milestone.ATTACH_STARTED, meta["creationTimestamp"], subject=volume)
            if now.get("status", {}).get("attached"):
                pod.first(Milestone.ATTACHED, span, subject=volume)
            if meta.get("deletionTimestamp") and not meta.get("finalizers"):
                pod.first(Milestone.DETACHED, span, subject=volume)

    def _node(self, now: Json, span: Span) -> None:
        name = now["metadata"]["name"]
        using = frozenset(now["status"].get("volumesInUse") or ())
        before, self._using[name] = self._using.get(name, frozenset()), using
        for begun in using - before:
            for pod, volume in self._users(self._named.get(begun), name):
                pod.first(Milestone.IN_USE, span, subject=volume)
        for ended in before - using:
            for pod, volume in self._users(self._named.get(ended), name):
                if MilestoneKey(Milestone.IN_USE, volume) in pod.marks:
                    pod.first(Milestone.UNUSED, span, subject=volume)

    def _users(self, volume: str | None, node: str) -> Iterator[Use]:
        """The pods of a node that use a PersistentVolume."""
        claim = None if volume is None else self._claims.get(volume)
        if claim is not None:
            yield from (each for each in self._uses.get(claim, ()) if each.pod.node == node)
