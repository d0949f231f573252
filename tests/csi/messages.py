"""The messages of csi.v1 and of the kubelet's plugin registration that the driver needs, and the calls they belong to.

Field numbers: csi.proto of the Container Storage Interface 1.9, and the kubelet's pluginregistration/v1/api.proto.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Generic, TypeVar

from tests.csi.protobuf import Message

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


@dataclass(frozen=True, slots=True)
class Empty(Message):
    """A message without fields: requests that ask for what does not vary, answers that only say yes."""


@dataclass(frozen=True, slots=True)
class PluginInfo(Message):
    """Who registers with the kubelet, and on which socket it serves."""

    type: Annotated[str, 1] = ""
    name: Annotated[str, 2] = ""
    endpoint: Annotated[str, 3] = ""
    supported_versions: Annotated[tuple[str, ...], 4] = ()


@dataclass(frozen=True, slots=True)
class RegistrationStatus(Message):
    """What the kubelet made of the registration."""

    plugin_registered: Annotated[bool, 1] = False
    error: Annotated[str, 2] = ""


@dataclass(frozen=True, slots=True)
class GetPluginInfoResponse(Message):
    """The driver's name and version."""

    name: Annotated[str, 1] = ""
    vendor_version: Annotated[str, 2] = ""


class PluginService(IntEnum):
    """What a driver has beside its node service."""

    UNKNOWN = 0
    CONTROLLER_SERVICE = 1
    VOLUME_ACCESSIBILITY_CONSTRAINTS = 2


class ControllerRpc(IntEnum):
    """What a controller service can do."""

    UNKNOWN = 0
    CREATE_DELETE_VOLUME = 1
    PUBLISH_UNPUBLISH_VOLUME = 2


class NodeRpc(IntEnum):
    """What a node service can do beside mounting."""

    UNKNOWN = 0
    STAGE_UNSTAGE_VOLUME = 1


@dataclass(frozen=True, slots=True)
class _PluginServiceBox(Message):
    type: Annotated[PluginService, 1] = PluginService.UNKNOWN


@dataclass(frozen=True, slots=True)
class PluginCapability(Message):
    """One capability of the plugin."""

    service: Annotated[_PluginServiceBox | None, 1] = None


@dataclass(frozen=True, slots=True)
class GetPluginCapabilitiesResponse(Message):
    """The capabilities of the plugin."""

    capabilities: Annotated[tuple[PluginCapability, ...], 1] = ()

    @classmethod
    def of(cls, *services: PluginService) -> "GetPluginCapabilitiesResponse":
        """The answer that names these services."""
        return cls(tuple(PluginCapability(_PluginServiceBox(each)) for each in services))


@dataclass(frozen=True, slots=True)
class _ControllerRpcBox(Message):
    type: Annotated[ControllerRpc, 1] = ControllerRpc.UNKNOWN


@dataclass(frozen=True, slots=True)
class ControllerCapability(Message):
    """One capability of the controller service."""

    rpc: Annotated[_ControllerRpcBox | None, 1] = None


@dataclass(frozen=True, slots=True)
class ControllerGetCapabilitiesResponse(Message):
    """The capabilities of the controller service."""

    capabilities: Annotated[tuple[ControllerCapability, ...], 1] = ()

    @classmethod
    def of(cls, *rpcs: ControllerRpc) -> "ControllerGetCapabilitiesResponse":
        """The answer that names these calls."""
        return cls(tuple(ControllerCapability(_ControllerRpcBox(each)) for each in rpcs))


@dataclass(frozen=True, slots=True)
class _NodeRpcBox(Message):
    type: Annotated[NodeRpc, 1] = NodeRpc.UNKNOWN


@dataclass(frozen=True, slots=True)
class NodeCapability(Message):
    """One capability of the node service."""

    rpc: Annotated[_NodeRpcBox | None, 1] = None


@dataclass(frozen=True, slots=True)
class NodeGetCapabilitiesResponse(Message):
    """The capabilities of the node service; none of them is needed for mounting alone."""

    capabilities: Annotated[tuple[NodeCapability, ...], 1] = ()


@dataclass(frozen=True, slots=True)
class _Ready(Message):
    value: Annotated[bool, 1] = False


@dataclass(frozen=True, slots=True)
class ProbeResponse(Message):
    """Whether the driver is ready; without the field it is."""

    ready: Annotated[_Ready | None, 1] = None


@dataclass(frozen=True, slots=True)
class Topology(Message):
    """A set of nodes, by labels."""

    segments: Annotated[Mapping[str, str], 1] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopologyRequirement(Message):
    """From where a volume has to be reachable; the first preferred one is the node that the scheduler chose."""

    requisite: Annotated[tuple[Topology, ...], 1] = ()
    preferred: Annotated[tuple[Topology, ...], 2] = ()


@dataclass(frozen=True, slots=True)
class CapacityRange(Message):
    """How large a volume has to be, in bytes."""

    required_bytes: Annotated[int, 1] = 0


@dataclass(frozen=True, slots=True)
class MountVolume(Message):
    """A volume with a file system."""

    fs_type: Annotated[str, 1] = ""


class AccessMode(IntEnum):
    """Who may use a volume at a time."""

    UNKNOWN = 0
    SINGLE_NODE_WRITER = 1
    SINGLE_NODE_READER_ONLY = 2
    MULTI_NODE_READER_ONLY = 3
    MULTI_NODE_SINGLE_WRITER = 4
    MULTI_NODE_MULTI_WRITER = 5
    SINGLE_NODE_SINGLE_WRITER = 6
    SINGLE_NODE_MULTI_WRITER = 7


@dataclass(frozen=True, slots=True)
class _AccessModeBox(Message):
    mode: Annotated[AccessMode, 1] = AccessMode.UNKNOWN


@dataclass(frozen=True, slots=True)
class VolumeCapability(Message):
    """How a volume is to be used: as a block device, or with a file system."""

    block: Annotated[Empty | None, 1] = None
    mount: Annotated[MountVolume | None, 2] = None
    access_mode: Annotated[_AccessModeBox | None, 3] = None

    @classmethod
    def mounted(cls) -> "VolumeCapability":
        """A file system for one node at a time, which is all that the driver offers."""
        return cls(mount=MountVolume(), access_mode=_AccessModeBox(AccessMode.SINGLE_NODE_WRITER))


@dataclass(frozen=True, slots=True)
class CreateVolumeRequest(Message):
    """Asks for a volume; ``parameters`` are those of the StorageClass."""

    name: Annotated[str, 1] = ""
    capacity_range: Annotated[CapacityRange | None, 2] = None
    volume_capabilities: Annotated[tuple[VolumeCapability, ...], 3] = ()
    parameters: Annotated[Mapping[str, str], 4] = field(default_factory=dict)
    accessibility_requirements: Annotated[TopologyRequirement | None, 7] = None


@dataclass(frozen=True, slots=True)
class Volume(Message):
    """A volume that was made; without a topology every node reaches it."""

    capacity_bytes: Annotated[int, 1] = 0
    volume_id: Annotated[str, 2] = ""
    volume_context: Annotated[Mapping[str, str], 3] = field(default_factory=dict)
    accessible_topology: Annotated[tuple[Topology, ...], 5] = ()


@dataclass(frozen=True, slots=True)
class CreateVolumeResponse(Message):
    """The volume that was made."""

    volume: Annotated[Volume | None, 1] = None


@dataclass(frozen=True, slots=True)
class DeleteVolumeRequest(Message):
    """Asks for a volume to be destroyed."""

    volume_id: Annotated[str, 1] = ""


@dataclass(frozen=True, slots=True)
class ControllerPublishVolumeRequest(Message):
    """Asks for a volume to be attached to a node."""

    volume_id: Annotated[str, 1] = ""
    node_id: Annotated[str, 2] = ""
    volume_capability: Annotated[VolumeCapability | None, 3] = None
    volume_context: Annotated[Mapping[str, str], 6] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ControllerPublishVolumeResponse(Message):
    """What the node has to know of the attachment; it travels in the VolumeAttachment's status."""

    publish_context: Annotated[Mapping[str, str], 1] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ControllerUnpublishVolumeRequest(Message):
    """Asks for a volume to be detached from a node."""

    volume_id: Annotated[str, 1] = ""
    node_id: Annotated[str, 2] = ""


@dataclass(frozen=True, slots=True)
class NodePublishVolumeRequest(Message):
    """Asks for a volume to be mounted where a pod will find it."""

    volume_id: Annotated[str, 1] = ""
    publish_context: Annotated[Mapping[str, str], 2] = field(default_factory=dict)
    staging_target_path: Annotated[str, 3] = ""
    target_path: Annotated[str, 4] = ""
    volume_capability: Annotated[VolumeCapability | None, 5] = None
    readonly: Annotated[bool, 6] = False
    volume_context: Annotated[Mapping[str, str], 8] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeUnpublishVolumeRequest(Message):
    """Asks for a pod's mount to be taken away."""

    volume_id: Annotated[str, 1] = ""
    target_path: Annotated[str, 2] = ""


@dataclass(frozen=True, slots=True)
class NodeGetInfoResponse(Message):
    """What the driver calls the node, and the labels by which volumes are reached from it."""

    node_id: Annotated[str, 1] = ""
    max_volumes_per_node: Annotated[int, 2] = 0
    accessible_topology: Annotated[Topology | None, 3] = None


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, A]):
    """A call: its path on the wire, and what it takes and answers."""

    path: str
    request: type[Q]
    answer: type[A]


_CSI = "/csi.v1"
GET_INFO = Method("/pluginregistration.Registration/GetInfo", Empty, PluginInfo)
NOTIFY_REGISTRATION = Method("/pluginregistration.Registration/NotifyRegistrationStatus", RegistrationStatus, Empty)
GET_PLUGIN_INFO = Method(f"{_CSI}.Identity/GetPluginInfo", Empty, GetPluginInfoResponse)
GET_PLUGIN_CAPABILITIES = Method(f"{_CSI}.Identity/GetPluginCapabilities", Empty, GetPluginCapabilitiesResponse)
PROBE = Method(f"{_CSI}.Identity/Probe", Empty, ProbeResponse)
CREATE_VOLUME = Method(f"{_CSI}.Controller/CreateVolume", CreateVolumeRequest, CreateVolumeResponse)
DELETE_VOLUME = Method(f"{_CSI}.Controller/DeleteVolume", DeleteVolumeRequest, Empty)
CONTROLLER_PUBLISH = Method(
    f"{_CSI}.Controller/ControllerPublishVolume", ControllerPublishVolumeRequest, ControllerPublishVolumeResponse
)
CONTROLLER_UNPUBLISH = Method(f"{_CSI}.Controller/ControllerUnpublishVolume", ControllerUnpublishVolumeRequest, Empty)
CONTROLLER_GET_CAPABILITIES = Method(
    f"{_CSI}.Controller/ControllerGetCapabilities", Empty, ControllerGetCapabilitiesResponse
)
NODE_PUBLISH = Method(f"{_CSI}.Node/NodePublishVolume", NodePublishVolumeRequest, Empty)
NODE_UNPUBLISH = Method(f"{_CSI}.Node/NodeUnpublishVolume", NodeUnpublishVolumeRequest, Empty)
NODE_GET_CAPABILITIES = Method(f"{_CSI}.Node/NodeGetCapabilities", Empty, NodeGetCapabilitiesResponse)
NODE_GET_INFO = Method(f"{_CSI}.Node/NodeGetInfo", Empty, NodeGetInfoResponse)
