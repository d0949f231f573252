"""Claims and attachments as a server sends them, and Events about them."""

from typing import Any

from tests.support.objects import CREATED, CREATED_NS, Body, event, stamp

VOLUME = "pvc-1"


def claim(
    phase: str = "Pending", *, name: str = "data-web-0", uid: str = "c-1", node: str = "", volume: str = VOLUME
) -> Body:
    """A claim of the namespace ``shop``; a node is chosen for it where one is given."""
    notes = {"volume.kubernetes.io/selected-node": node} if node else {}
    meta = {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": "1", "creationTimestamp": CREATED}
    spec = {"accessModes": ["ReadWriteOnce"]} | ({"volumeName": volume} if phase == "Bound" else {})
    return {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "metadata": meta | {"annotations": notes},
        "spec": spec,
        "status": {"phase": phase},
    }


def attachment(
    *, attached: bool = False, error: str = "", deleted: int | None = None, uid: str = "va-1", node: str = "node-1"
) -> Body:
    """The attachment of ``VOLUME``; its deletion was asked for so many seconds after its creation."""
    meta: Body = {"name": f"csi-{node}", "uid": uid, "resourceVersion": "1", "creationTimestamp": CREATED}
    if deleted is not None:
        meta["deletionTimestamp"] = stamp(deleted)
    status: Body = {"attached": attached}
    if error:
        status["attachError"] = {"time": stamp(1), "message": error}
    return {
        "kind": "VolumeAttachment",
        "apiVersion": "storage.k8s.io/v1",
        "metadata": meta,
        "spec": {"attacher": "csi.test", "nodeName": node, "source": {"persistentVolumeName": VOLUME}},
        "status": status,
    }


def claim_event(reason: str, *, at: int = CREATED_NS + 123_456_789, uid: str = "c-1", **more: Any) -> Body:
    """An Event about the claim ``data-web-0``."""
    about = {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data-web-0", "uid": uid}
    return event(reason, at=at, container="", involvedObject=about, **more)
