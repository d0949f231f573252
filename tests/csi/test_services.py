"""The driver's services over real sockets, on a storage whose delays are only noted."""

import io
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from tests.csi.fakes import NotedMounts, Waits
from tests.csi.protos import csi_pb2 as csi
from tests.csi.protos import pluginregistration_pb2 as registration
from tests.csi.rpc import Client, RefusedError, serving
from tests.csi.services import HOSTNAME, Controller, Identity, Node, Registration
from tests.csi.storage import Deed, Journal, Step, Storage, read_journal, script

LOCAL_TOPOLOGY = csi.Topology(segments={HOSTNAME: "node-1"})
TARGET = "/var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/disk/mount"


@dataclass(frozen=True, slots=True)
class Served:
    """A driver on a socket, and what it does behind it."""

    client: Client
    storage: Storage
    mounts: NotedMounts
    waits: Waits
    written: io.StringIO

    async def create(self, **parameters: str) -> csi.Volume:
        """Make the volume ``disk``."""
        wanted = csi.TopologyRequirement(preferred=(LOCAL_TOPOLOGY,))
        request = csi.CreateVolumeRequest(
            name="disk",
            capacity_range=csi.CapacityRange(required_bytes=5),
            parameters={key.replace("_", "."): value for key, value in parameters.items()},
            accessibility_requirements=wanted,
        )
        answer = await self.client.call(self.client.controller.CreateVolume, request)
        return answer.volume

    async def attach(self, node: str = "node-1") -> dict[str, str]:
        """Attach it."""
        request = csi.ControllerPublishVolumeRequest(volume_id="disk", node_id=node)
        answer = await self.client.call(self.client.controller.ControllerPublishVolume, request)
        return dict(answer.publish_context)

    async def mount(self, context: dict[str, str]) -> None:
        """Mount it."""
        request = csi.NodePublishVolumeRequest(volume_id="disk", publish_context=context, target_path=TARGET)
        await self.client.call(self.client.node.NodePublishVolume, request)

    async def unmount(self) -> None:
        """Unmount it."""
        request = csi.NodeUnpublishVolumeRequest(volume_id="disk", target_path=TARGET)
        await self.client.call(self.client.node.NodeUnpublishVolume, request)

    async def detach(self, node: str = "node-1") -> None:
        """Detach it."""
        request = csi.ControllerUnpublishVolumeRequest(volume_id="disk", node_id=node)
        await self.client.call(self.client.controller.ControllerUnpublishVolume, request)

    async def delete(self) -> None:
        """Delete it."""
        await self.client.call(self.client.controller.DeleteVolume, csi.DeleteVolumeRequest(volume_id="disk"))

    def deeds(self) -> tuple[Deed, ...]:
        """What the journal says."""
        return read_journal(self.written.getvalue())


@asynccontextmanager
async def serve(home: Path) -> AsyncIterator[Served]:
    """All services of a driver on one socket."""
    written, waits, mounts = io.StringIO(), Waits(), NotedMounts()
    storage = Storage(home / "disks", Journal(written), sleep=waits)
    services = Identity("csi.test"), Controller(storage), Node(storage, mounts)
    async with serving(home / "csi.sock", *services):
        client = Client(home / "csi.sock", timeout=10)
        yield Served(client, storage, mounts, waits, written)
        await client.close()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """A driver that serves."""
    async with serve(tmp_path) as driver:
        yield driver


async def refusal(call: Awaitable[object]) -> RefusedError:
    """The error that a call is answered with."""
    with pytest.raises(RefusedError) as caught:
        await call
    return caught.value


async def test_a_volume_goes_its_way_and_leaves_nothing(served: Served) -> None:
    """Made, attached, mounted, and back: each step is noted once with its claim and its node."""
    await served.create(csi_storage_k8s_io="")
    context = await served.attach()
    await served.mount(context)
    assert served.mounts.mounts == {TARGET: str(served.storage.path(served.storage.get("disk")))}
    await served.unmount()
    await served.detach()
    await served.delete()
    assert [deed.step for deed in served.deeds()] == list(Step)
    assert [deed.node for deed in served.deeds()] == ["", "node-1", "node-1", "node-1", "node-1", ""]
    assert served.mounts.mounts == {}
    assert served.storage.made() == []


async def test_every_step_can_be_asked_for_again(served: Served) -> None:
    """A kubelet or a sidecar that missed the answer asks again: nothing happens twice."""
    await served.create()
    await served.create()
    context = await served.attach()
    assert await served.attach() == context
    await served.mount(context)
    await served.mount(context)
    for again in (served.unmount, served.detach, served.delete):
        await again()
        await again()
    assert [deed.step for deed in served.deeds()] == list(Step)


async def test_a_step_fails_as_often_as_its_script_says(served: Served) -> None:
    """The first attempts fail with their text, at once; the one that succeeds takes its time."""
    await served.create(attach_failures="2", attach_error="no free slot", attach_delay="3.5")
    for _ in range(2):
        error = await refusal(served.attach())
        assert (error.code, error.text) == (grpc.StatusCode.INTERNAL, "no free slot")
    assert await served.attach() != {}
    assert served.waits.seconds == [0.0, 3.5]
    errors = [deed.error for deed in served.deeds() if deed.step is Step.ATTACH]
    assert errors == ["rpc error: code = Internal desc = no free slot"] * 2 + [""]


async def test_a_failed_attempt_to_make_a_volume_is_counted_before_there_is_one(served: Served) -> None:
    """Provisioning fails first: no volume is left behind, and the next attempt makes it."""
    with pytest.raises(RefusedError, match="pool is full"):
        await served.create(provision_failures="1", provision_error="pool is full")
    assert served.storage.made() == []
    volume = await served.create(provision_failures="1", provision_error="pool is full")
    assert (volume.volume_id, volume.capacity_bytes) == ("disk", 5)
    assert [disk.name for disk in served.storage.made()] == ["disk"]


async def test_steps_out_of_order_are_refused(served: Served) -> None:
    """Not attached, not mounted; mounted, not detached; attached, not deleted nor attached elsewhere."""
    order = grpc.StatusCode.FAILED_PRECONDITION
    assert (await refusal(served.attach())).code is grpc.StatusCode.NOT_FOUND
    await served.create()
    early = await refusal(served.mount({"device": "/dev/disk"}))
    context = await served.attach()
    elsewhere = await refusal(served.attach("node-2"))
    await served.mount(context)
    mounted, attached = await refusal(served.detach()), await refusal(served.delete())
    assert [each.code for each in (early, elsewhere, mounted, attached)] == [order] * 4
    assert "is mounted" in mounted.text
    assert "is attached to node-1" in attached.text


async def test_a_mount_needs_what_the_attachment_told(served: Served) -> None:
    """The attachment's own words have to have come by way of the VolumeAttachment's status."""
    await served.create()
    await served.attach()
    with pytest.raises(RefusedError, match="not attached"):
        await served.mount({})


async def test_a_local_volume_lies_on_the_chosen_node(served: Served) -> None:
    """Only a StorageClass that wants it so gets a volume that other nodes do not reach."""
    volume = await served.create(local="true")
    assert list(volume.accessible_topology) == [LOCAL_TOPOLOGY]
    await served.delete()
    assert not (await served.create()).accessible_topology


@pytest.mark.parametrize(("name", "value"), [("mount.delay", "soon"), ("mount.failures", "1.5")])
def test_a_script_that_is_none_is_refused(name: str, value: str) -> None:
    """A wrong number in a StorageClass is an answer, not a crash."""
    with pytest.raises(RefusedError, match="parameters of mount"):
        script({name: value}, Step.MOUNT)


async def test_it_says_who_it_is_and_what_it_can(served: Served) -> None:
    """The kubelet and the sidecars ask for names, capabilities and the node's topology."""
    client = served.client
    assert (await client.call(client.identity.GetPluginInfo, csi.GetPluginInfoRequest())).name == "csi.test"
    plugin = await client.call(client.identity.GetPluginCapabilities, csi.GetPluginCapabilitiesRequest())
    service = csi.PluginCapability.Service
    kinds = [service.CONTROLLER_SERVICE, service.VOLUME_ACCESSIBILITY_CONSTRAINTS]
    assert [each.service.type for each in plugin.capabilities] == kinds
    node = await client.call(client.node.NodeGetInfo, csi.NodeGetInfoRequest())
    assert (node.node_id, node.accessible_topology) == ("node-1", LOCAL_TOPOLOGY)
    request = csi.ControllerGetCapabilitiesRequest()
    abilities = await client.call(client.controller.ControllerGetCapabilities, request)
    rpc = csi.ControllerServiceCapability.RPC
    assert [each.rpc.type for each in abilities.capabilities] == [
        rpc.CREATE_DELETE_VOLUME,
        rpc.PUBLISH_UNPUBLISH_VOLUME,
    ]


async def test_a_call_that_it_does_not_know_is_not_implemented(served: Served, tmp_path: Path) -> None:
    """Whoever asks for more gets the answer that gRPC has for it."""
    async with serving(tmp_path / "bare.sock"):
        client = Client(tmp_path / "bare.sock", timeout=10)
        error = await refusal(client.call(client.identity.Probe, csi.ProbeRequest()))
        await client.close()
    assert error.code is grpc.StatusCode.UNIMPLEMENTED


async def test_the_kubelet_is_told_where_to_find_it_and_tells_back(tmp_path: Path) -> None:
    """A registration names the driver's own socket, and keeps what the kubelet made of it."""
    service = Registration("csi.test", "/var/lib/kubelet/plugins/csi.test/csi.sock")
    registered = registration.RegistrationStatus(plugin_registered=True)
    async with serving(tmp_path / "reg.sock", service):
        client = Client(tmp_path / "reg.sock", timeout=10)
        info = await client.call(client.registration.GetInfo, registration.InfoRequest())
        await client.call(client.registration.NotifyRegistrationStatus, registered)
        await client.close()
    assert (info.type, info.name, list(info.supported_versions)) == ("CSIPlugin", "csi.test", ["1.0.0"])
    assert info.endpoint == "/var/lib/kubelet/plugins/csi.test/csi.sock"
    assert service.status == registered
    assert not (tmp_path / "reg.sock").exists()
