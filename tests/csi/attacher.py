"""What Kubernetes' external-attacher does: attaches and detaches what the attach-detach controller asks for.

The controller creates a VolumeAttachment, and deletes it when the volume is to be detached; a finalizer keeps the
object until it is.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from tests.csi.kube import ApiError, Body, Objects
from tests.csi.protos import csi_pb2 as csi
from tests.csi.provisioner import ATTACHMENTS, VOLUMES
from tests.csi.rpc import Client, RefusedError
from tests.csi.services import mounted

CSI_NODES = "/apis/storage.k8s.io/v1/csinodes"
_NODE_ID = "csi.alpha.kubernetes.io/node-id"


class Attacher:
    """Serves the VolumeAttachments that name the driver."""

    def __init__(self, driver: str, objects: Objects, client: Client) -> None:
        self._driver = driver
        self._objects = objects
        self._client = client
        self._finalizer = f"external-attacher/{re.sub('[^a-zA-Z0-9-]', '-', driver)}"

    async def attachment(self, attachment: Body) -> None:
        """Attach or detach. Raises ``RefusedError`` where the driver does, once that is written into the object."""
        if attachment["spec"]["attacher"] != self._driver:
            return
        if attachment["metadata"].get("deletionTimestamp"):
            if self._finalizer in attachment["metadata"].get("finalizers", ()):
                await self._guarded(self._detach, attachment, "detachError")
        elif not attachment.get("status", {}).get("attached"):
            await self._guarded(self._attach, attachment, "attachError")

    async def _guarded(self, act: Callable[[Body], Awaitable[None]], attachment: Body, field: str) -> None:
        try:
            await act(attachment)
        except RefusedError as error:
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            await self._status(attachment, {field: {"message": str(error), "time": stamp}})
            raise

    async def _attach(self, attachment: Body) -> None:
        meta = attachment["metadata"]
        volume = await self._volume(attachment)
        node = await self._node_id(attachment["spec"]["nodeName"])
        if self._finalizer not in meta.get("finalizers", ()):
            mine = {"finalizers": [*meta.get("finalizers", ()), self._finalizer], "annotations": {_NODE_ID: node}}
            await self._objects.patch(f"{ATTACHMENTS}/{meta['name']}", {"metadata": mine})
        request = csi.ControllerPublishVolumeRequest(
            volume_id=volume["volumeHandle"],
            node_id=node,
            volume_capability=mounted(),
            volume_context=volume["volumeAttributes"],
        )
        answer = await self._client.call(self._client.controller.ControllerPublishVolume, request)
        told = {"attached": True, "attachmentMetadata": dict(answer.publish_context), "attachError": None}
        await self._status(attachment, told)

    async def _detach(self, attachment: Body) -> None:
        meta = attachment["metadata"]
        volume = await self._volume(attachment)
        request = csi.ControllerUnpublishVolumeRequest(
            volume_id=volume["volumeHandle"], node_id=meta["annotations"][_NODE_ID]
        )
        await self._client.call(self._client.controller.ControllerUnpublishVolume, request)
        await self._status(attachment, {"attached": False, "detachError": None, "attachmentMetadata": None})
        kept = [each for each in meta["finalizers"] if each != self._finalizer]
        await self._objects.patch(f"{ATTACHMENTS}/{meta['name']}", {"metadata": {"finalizers": kept}})

    async def _status(self, attachment: Body, status: Body) -> None:
        await self._objects.patch(f"{ATTACHMENTS}/{attachment['metadata']['name']}/status", {"status": status})

    async def _volume(self, attachment: Body) -> Body:
        name = attachment["spec"]["source"]["persistentVolumeName"]
        volume = await self._objects.get(f"{VOLUMES}/{name}")
        if volume is None:
            raise ApiError(404, f"persistent volume {name} is gone")
        found: Body = volume["spec"]["csi"]
        return found

    async def _node_id(self, node: str) -> str:
        body = await self._objects.get(f"{CSI_NODES}/{node}") or {"spec": {}}
        ids = {each["name"]: each["nodeID"] for each in body["spec"].get("drivers") or ()}
        if self._driver not in ids:
            raise ApiError(404, f"CSINode {node} does not contain driver {self._driver}")
        found: str = ids[self._driver]
        return found
