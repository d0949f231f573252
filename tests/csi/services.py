"""The driver's gRPC services: identity, controller, node, and the registration with a kubelet."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import grpc
from grpc import aio
from tests.csi.protos import csi_pb2 as csi
from tests.csi.protos import csi_pb2_grpc as csi_grpc
from tests.csi.protos import pluginregistration_pb2 as registration
from tests.csi.protos import pluginregistration_pb2_grpc as registration_grpc
from tests.csi.rpc import RefusedError
from tests.csi.storage import Disk, Step, Storage

HOSTNAME = "kubernetes.io/hostname"
"""Nodes are told apart by the label that they have anyway: the kubelet leaves the driver's own labels behind."""
LOCAL = "local"
"""The StorageClass parameter that makes a disk reachable from the chosen node only."""
CLAIM_NAME, CLAIM_NAMESPACE = "csi.storage.k8s.io/pvc/name", "csi.storage.k8s.io/pvc/namespace"
_DEVICE = "device"
Context: TypeAlias = aio.ServicerContext[Any, Any]


class Mounter(Protocol):
    """Mounts directories in a node's own mount namespace."""

    @property
    def name(self) -> str:
        """The node's name."""
        ...

    async def mount(self, source: str, target: str) -> None:
        """Show the directory ``source`` at ``target``, which is made. Raises ``OSError``."""
        ...

    async def unmount(self, target: str) -> None:
        """Take a mount and its directory away; neither need be there. Raises ``OSError``."""
        ...


def mounted() -> csi.VolumeCapability:
    """A file system for one node at a time, which is all that the driver offers."""
    mode = csi.VolumeCapability.AccessMode(mode=csi.VolumeCapability.AccessMode.SINGLE_NODE_WRITER)
    return csi.VolumeCapability(mount=csi.VolumeCapability.MountVolume(), access_mode=mode)


class Identity(csi_grpc.IdentityServicer):
    """Who the driver is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def add_to(self, server: aio.Server) -> None:
        """Answer the calls of the identity service."""
        csi_grpc.add_IdentityServicer_to_server(self, server)

    async def GetPluginInfo(self, request: csi.GetPluginInfoRequest, context: Context) -> csi.GetPluginInfoResponse:
        """The driver's name."""
        return csi.GetPluginInfoResponse(name=self._name, vendor_version="1")

    async def GetPluginCapabilities(
        self, request: csi.GetPluginCapabilitiesRequest, context: Context
    ) -> csi.GetPluginCapabilitiesResponse:
        """There is a controller, and not every node reaches every volume."""
        kinds = (
            csi.PluginCapability.Service.CONTROLLER_SERVICE,
            csi.PluginCapability.Service.VOLUME_ACCESSIBILITY_CONSTRAINTS,
        )
        return csi.GetPluginCapabilitiesResponse(
            capabilities=[csi.PluginCapability(service=csi.PluginCapability.Service(type=each)) for each in kinds]
        )

    async def Probe(self, request: csi.ProbeRequest, context: Context) -> csi.ProbeResponse:
        """Ready, as an answer without a word means."""
        return csi.ProbeResponse()


class Controller(csi_grpc.ControllerServicer):
    """Makes, attaches, detaches and deletes disks."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def add_to(self, server: aio.Server) -> None:
        """Answer the calls of the controller service."""
        csi_grpc.add_ControllerServicer_to_server(self, server)

    async def ControllerGetCapabilities(
        self, request: csi.ControllerGetCapabilitiesRequest, context: Context
    ) -> csi.ControllerGetCapabilitiesResponse:
        """It makes volumes, and attaches them."""
        rpc = csi.ControllerServiceCapability.RPC
        kinds = (rpc.CREATE_DELETE_VOLUME, rpc.PUBLISH_UNPUBLISH_VOLUME)
        return csi.ControllerGetCapabilitiesResponse(
            capabilities=[csi.ControllerServiceCapability(rpc=rpc(type=each)) for each in kinds]
        )

    async def CreateVolume(self, request: csi.CreateVolumeRequest, context: Context) -> csi.CreateVolumeResponse:
        """Make a disk, unless it is there."""
        if any(each.HasField("block") for each in request.volume_capabilities):
            raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, "block volumes are not supported")
        given = dict(request.parameters)
        claim = "/".join((given.pop(CLAIM_NAMESPACE, ""), given.pop(CLAIM_NAME, "")))
        disk = self._storage.draft(request.name, given, claim)
        volume = csi.Volume(
            capacity_bytes=request.capacity_range.required_bytes,
            volume_id=disk.name,
            volume_context=given,
            accessible_topology=_topology(request),
        )
        if self._storage.find(disk.name) is None:
            async with self._storage.performing(Step.PROVISION, disk):
                self._storage.make(disk)
        return csi.CreateVolumeResponse(volume=volume)

    async def DeleteVolume(self, request: csi.DeleteVolumeRequest, context: Context) -> csi.DeleteVolumeResponse:
        """Delete a disk that is attached to no node; it need not be there."""
        disk = self._storage.find(request.volume_id)
        if disk is not None:
            if disk.node:
                raise _attached(disk)
            async with self._storage.performing(Step.DELETE, disk):
                self._storage.destroy(disk)
        return csi.DeleteVolumeResponse()

    async def ControllerPublishVolume(
        self, request: csi.ControllerPublishVolumeRequest, context: Context
    ) -> csi.ControllerPublishVolumeResponse:
        """Attach a disk to a node, unless it is."""
        disk = self._storage.get(request.volume_id)
        if disk.node not in ("", request.node_id):
            raise _attached(disk)
        if not disk.node:
            async with self._storage.performing(Step.ATTACH, disk, node=request.node_id):
                disk.node = request.node_id
        return csi.ControllerPublishVolumeResponse(publish_context={_DEVICE: f"/dev/{disk.name}"})

    async def ControllerUnpublishVolume(
        self, request: csi.ControllerUnpublishVolumeRequest, context: Context
    ) -> csi.ControllerUnpublishVolumeResponse:
        """Detach a disk from a node, unless it is attached to another or to none."""
        disk = self._storage.find(request.volume_id)
        if disk is not None and disk.node == request.node_id:
            _refuse_mounted(disk)
            async with self._storage.performing(Step.DETACH, disk, node=request.node_id):
                disk.node = ""
        return csi.ControllerUnpublishVolumeResponse()


def _attached(disk: Disk) -> RefusedError:
    return RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f"volume {disk.name} is attached to {disk.node}")


def _refuse_mounted(disk: Disk) -> None:
    if disk.targets:
        raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f"volume {disk.name} is mounted: {list(disk.targets)}")


def _topology(request: csi.CreateVolumeRequest) -> Sequence[csi.Topology]:
    wanted = request.accessibility_requirements
    if request.parameters.get(LOCAL) != "true":
        return ()
    if not (chosen := (*wanted.preferred, *wanted.requisite)):
        raise RefusedError(grpc.StatusCode.RESOURCE_EXHAUSTED, "a local volume needs a node to lie on")
    return chosen[:1]


class Node(csi_grpc.NodeServicer):
    """Mounts and unmounts attached disks on one node."""

    def __init__(self, storage: Storage, mounter: Mounter) -> None:
        self._storage = storage
        self._mounter = mounter

    def add_to(self, server: aio.Server) -> None:
        """Answer the calls of the node service."""
        csi_grpc.add_NodeServicer_to_server(self, server)

    async def NodeGetInfo(self, request: csi.NodeGetInfoRequest, context: Context) -> csi.NodeGetInfoResponse:
        """The node's name, and the label by which its disks are reached."""
        name = self._mounter.name
        return csi.NodeGetInfoResponse(node_id=name, accessible_topology=csi.Topology(segments={HOSTNAME: name}))

    async def NodeGetCapabilities(
        self, request: csi.NodeGetCapabilitiesRequest, context: Context
    ) -> csi.NodeGetCapabilitiesResponse:
        """None: mounting alone needs none."""
        return csi.NodeGetCapabilitiesResponse()

    async def NodePublishVolume(
        self, request: csi.NodePublishVolumeRequest, context: Context
    ) -> csi.NodePublishVolumeResponse:
        """Mount an attached disk where a pod will find it, unless it is."""
        disk, node, target = self._storage.get(request.volume_id), self._mounter.name, request.target_path
        if disk.node != node or not request.publish_context.get(_DEVICE):
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f"volume {disk.name} is not attached to {node}")
        if target not in disk.targets:
            async with self._storage.performing(Step.MOUNT, disk, node=node):
                await self._mounter.mount(str(self._storage.path(disk)), target)
                disk.targets[target] = node
        return csi.NodePublishVolumeResponse()

    async def NodeUnpublishVolume(
        self, request: csi.NodeUnpublishVolumeRequest, context: Context
    ) -> csi.NodeUnpublishVolumeResponse:
        """Take a pod's mount away; neither disk nor mount need be there."""
        disk, target = self._storage.find(request.volume_id), request.target_path
        if disk is None or target not in disk.targets:
            await self._mounter.unmount(target)
        else:
            async with self._storage.performing(Step.UNMOUNT, disk, node=self._mounter.name):
                await self._mounter.unmount(target)
                del disk.targets[target]
        return csi.NodeUnpublishVolumeResponse()


class Registration(registration_grpc.RegistrationServicer):
    """What the kubelet asks whoever puts a socket into its directory of plugins."""

    def __init__(self, name: str, endpoint: str) -> None:
        self._name = name
        self._endpoint = endpoint
        self.status: registration.RegistrationStatus | None = None

    def add_to(self, server: aio.Server) -> None:
        """Answer the kubelet."""
        registration_grpc.add_RegistrationServicer_to_server(self, server)

    async def GetInfo(self, request: registration.InfoRequest, context: Context) -> registration.PluginInfo:
        """Who registers, and on which socket it serves."""
        return registration.PluginInfo(
            type="CSIPlugin", name=self._name, endpoint=self._endpoint, supported_versions=("1.0.0",)
        )

    async def NotifyRegistrationStatus(
        self, request: registration.RegistrationStatus, context: Context
    ) -> registration.RegistrationStatusResponse:
        """Keep what the kubelet made of it."""
        self.status = request
        return registration.RegistrationStatusResponse()
