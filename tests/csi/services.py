"""The driver's gRPC services: identity, controller, node, and the registration with a kubelet."""

from typing import Protocol

import grpc
from tests.csi import messages as csi
from tests.csi.rpc import RefusedError, Routes
from tests.csi.storage import Disk, Step, Storage

HOSTNAME = "kubernetes.io/hostname"
"""Nodes are told apart by the label that they have anyway: the kubelet leaves the driver's own labels behind."""
LOCAL = "local"
"""The StorageClass parameter that makes a disk reachable from the chosen node only."""
CLAIM_NAME, CLAIM_NAMESPACE = "csi.storage.k8s.io/pvc/name", "csi.storage.k8s.io/pvc/namespace"
_DEVICE = "device"
_EMPTY = csi.Empty()


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


class Identity:
    """Who the driver is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def routes(self, routes: Routes) -> None:
        """Answer the calls of the identity service."""
        routes.add(csi.GET_PLUGIN_INFO, self._info)
        routes.add(csi.GET_PLUGIN_CAPABILITIES, self._capabilities)
        routes.add(csi.PROBE, self._probe)

    async def _info(self, _: csi.Empty) -> csi.GetPluginInfoResponse:
        return csi.GetPluginInfoResponse(name=self._name, vendor_version="1")

    async def _capabilities(self, _: csi.Empty) -> csi.GetPluginCapabilitiesResponse:
        return csi.GetPluginCapabilitiesResponse.of(
            csi.PluginService.CONTROLLER_SERVICE, csi.PluginService.VOLUME_ACCESSIBILITY_CONSTRAINTS
        )

    async def _probe(self, _: csi.Empty) -> csi.ProbeResponse:
        return csi.ProbeResponse()


class Controller:
    """Makes, attaches, detaches and deletes disks."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def routes(self, routes: Routes) -> None:
        """Answer the calls of the controller service."""
        routes.add(csi.CONTROLLER_GET_CAPABILITIES, self._capabilities)
        routes.add(csi.CREATE_VOLUME, self._create)
        routes.add(csi.DELETE_VOLUME, self._delete)
        routes.add(csi.CONTROLLER_PUBLISH, self._attach)
        routes.add(csi.CONTROLLER_UNPUBLISH, self._detach)

    async def _capabilities(self, _: csi.Empty) -> csi.ControllerGetCapabilitiesResponse:
        return csi.ControllerGetCapabilitiesResponse.of(
            csi.ControllerRpc.CREATE_DELETE_VOLUME, csi.ControllerRpc.PUBLISH_UNPUBLISH_VOLUME
        )

    async def _create(self, request: csi.CreateVolumeRequest) -> csi.CreateVolumeResponse:
        if any(each.block is not None for each in request.volume_capabilities):
            raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, "block volumes are not supported")
        given = dict(request.parameters)
        claim = "/".join((given.pop(CLAIM_NAMESPACE, ""), given.pop(CLAIM_NAME, "")))
        disk = self._storage.draft(request.name, given, claim)
        topology = _topology(request)
        if self._storage.find(disk.name) is None:
            async with self._storage.performing(Step.PROVISION, disk):
                self._storage.make(disk)
        size = request.capacity_range.required_bytes if request.capacity_range is not None else 0
        return csi.CreateVolumeResponse(csi.Volume(size, disk.name, given, topology))

    async def _delete(self, request: csi.DeleteVolumeRequest) -> csi.Empty:
        disk = self._storage.find(request.volume_id)
        if disk is None:
            return _EMPTY
        if disk.node:
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f"volume {disk.name} is attached to {disk.node}")
        async with self._storage.performing(Step.DELETE, disk):
            self._storage.destroy(disk)
        return _EMPTY

    async def _attach(self, request: csi.ControllerPublishVolumeRequest) -> csi.ControllerPublishVolumeResponse:
        disk = self._storage.get(request.volume_id)
        if disk.node not in ("", request.node_id):
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f"volume {disk.name} is attached to {disk.node}")
        if not disk.node:
            async with self._storage.performing(Step.ATTACH, disk, node=request.node_id):
                disk.node = request.node_id
        return csi.ControllerPublishVolumeResponse({_DEVICE: f"/dev/{disk.name}"})

    async def _detach(self, request: csi.ControllerUnpublishVolumeRequest) -> csi.Empty:
        disk = self._storage.find(request.volume_id)
        if disk is None or disk.node != request.node_id:
            return _EMPTY
        _refuse_mounted(disk)
        async with self._storage.performing(Step.DETACH, disk, node=request.node_id):
            disk.node = ""
        return _EMPTY


def _refuse_mounted(disk: Disk) -> None:
    if disk.targets:
        raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f"volume {disk.name} is mounted: {list(disk.targets)}")


def _topology(request: csi.CreateVolumeRequest) -> tuple[csi.Topology, ...]:
    wanted = request.accessibility_requirements
    if request.parameters.get(LOCAL) != "true":
        return ()
    if wanted is None or not (*wanted.preferred, *wanted.requisite):
        raise RefusedError(grpc.StatusCode.RESOURCE_EXHAUSTED, "a local volume needs a node to lie on")
    return ((*wanted.preferred, *wanted.requisite)[0],)


class Node:
    """Mounts and unmounts attached disks on one node."""

    def __init__(self, storage: Storage, mounter: Mounter) -> None:
        self._storage = storage
        self._mounter = mounter

    def routes(self, routes: Routes) -> None:
        """Answer the calls of the node service."""
        routes.add(csi.NODE_GET_INFO, self._info)
        routes.add(csi.NODE_GET_CAPABILITIES, self._capabilities)
        routes.add(csi.NODE_PUBLISH, self._mount)
        routes.add(csi.NODE_UNPUBLISH, self._unmount)

    async def _info(self, _: csi.Empty) -> csi.NodeGetInfoResponse:
        return csi.NodeGetInfoResponse(
            node_id=self._mounter.name, accessible_topology=csi.Topology({HOSTNAME: self._mounter.name})
        )

    async def _capabilities(self, _: csi.Empty) -> csi.NodeGetCapabilitiesResponse:
        return csi.NodeGetCapabilitiesResponse()

    async def _mount(self, request: csi.NodePublishVolumeRequest) -> csi.Empty:
        disk, node, target = self._storage.get(request.volume_id), self._mounter.name, request.target_path
        if disk.node != node or not request.publish_context.get(_DEVICE):
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, f"volume {disk.name} is not attached to {node}")
        if target not in disk.targets:
            async with self._storage.performing(Step.MOUNT, disk, node=node):
                await self._mounter.mount(str(self._storage.path(disk)), target)
                disk.targets[target] = node
        return _EMPTY

    async def _unmount(self, request: csi.NodeUnpublishVolumeRequest) -> csi.Empty:
        disk = self._storage.find(request.volume_id)
        if disk is None or request.target_path not in disk.targets:
            await self._mounter.unmount(request.target_path)
            return _EMPTY
        async with self._storage.performing(Step.UNMOUNT, disk, node=self._mounter.name):
            await self._mounter.unmount(request.target_path)
            del disk.targets[request.target_path]
        return _EMPTY


class Registration:
    """What the kubelet asks whoever puts a socket into its directory of plugins."""

    def __init__(self, name: str, endpoint: str) -> None:
        self._name = name
        self._endpoint = endpoint
        self.status: csi.RegistrationStatus | None = None

    def routes(self, routes: Routes) -> None:
        """Answer the kubelet."""
        routes.add(csi.GET_INFO, self._info)
        routes.add(csi.NOTIFY_REGISTRATION, self._told)

    async def _info(self, _: csi.Empty) -> csi.PluginInfo:
        return csi.PluginInfo("CSIPlugin", self._name, self._endpoint, ("1.0.0",))

    async def _told(self, status: csi.RegistrationStatus) -> csi.Empty:
        self.status = status
        return _EMPTY
