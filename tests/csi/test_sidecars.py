"""Provisioner, attacher, recorder and the loop that drives them, on objects in memory and a driver on a real socket."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.csi.attacher import CSI_NODES, Attacher
from tests.csi.controllers import Controller
from tests.csi.fakes import MemoryObjects, Waits, merged
from tests.csi.kube import Body
from tests.csi.provisioner import ATTACHMENTS, CLAIMS, CLASSES, VOLUMES, Provisioner
from tests.csi.recorder import Recorder
from tests.csi.rpc import Client
from tests.csi.test_services import Served, serve

DRIVER = "csi.test"
EVENTS = "/api/v1/namespaces/shop/events"
CLAIM: Body = {
    "metadata": {
        "namespace": "shop",
        "name": "data",
        "annotations": {"volume.kubernetes.io/storage-provisioner": DRIVER},
    },
    "spec": {
        "storageClassName": "slow",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Mi"}},
    },
}
CHOSEN = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "node-1"}}}
VOLUME = f"{VOLUMES}/pvc-uid-data"
ATTACHMENT = f"{ATTACHMENTS}/one"


@dataclass(frozen=True, slots=True)
class World:
    """A cluster's objects with the sidecars at work on them."""

    objects: MemoryObjects
    driver: Served
    waits: Waits

    def storage_class(self, *, mode: str = "Immediate", **parameters: str) -> None:
        """Define the StorageClass ``slow``."""
        given = {key.replace("_", "."): value for key, value in parameters.items()}
        self.objects.put(
            f"{CLASSES}/slow", {"metadata": {"name": "slow"}, "volumeBindingMode": mode, "parameters": given}
        )

    def claim(self, patch: Body | None = None) -> None:
        """Ask for a volume."""
        self.objects.put(f"{CLAIMS}/data", merged(CLAIM, patch or {}))

    def attachment(self) -> None:
        """Ask for the volume to be attached, as the attach-detach controller does."""
        nodes = {"drivers": [{"name": DRIVER, "nodeID": "node-1"}]}
        self.objects.put(f"{CSI_NODES}/node-1", {"metadata": {"name": "node-1"}, "spec": nodes})
        source = {"persistentVolumeName": "pvc-uid-data"}
        spec = {"attacher": DRIVER, "nodeName": "node-1", "source": source}
        self.objects.put(ATTACHMENT, {"metadata": {"name": "one"}, "spec": spec})

    def released(self) -> None:
        """Let go of the volume, as the controller of volumes does when its claim is deleted."""
        self.objects.put(VOLUME, merged(self.objects.bodies[VOLUME], {"status": {"phase": "Released"}}))

    async def until(self, look: Callable[[], Any]) -> Any:
        """What ``look`` finds, once it finds something."""
        async with asyncio.timeout(10):
            while not (found := look()):
                self.objects.changed.clear()
                await self.objects.changed.wait()
        return found

    async def volume(self) -> Body:
        """The volume, once it is there."""
        found: Body = await self.until(lambda: self.objects.bodies.get(VOLUME))
        return found

    def attached(self) -> Body | None:
        """The status of the attachment, once it is attached."""
        status: Body = self.objects.bodies[ATTACHMENT].get("status", {})
        return status if status.get("attached") else None

    def reasons(self) -> list[str]:
        """Why events were written, in order."""
        return [each["reason"] for each in self.objects.below(EVENTS)]


@asynccontextmanager
async def at_work(objects: MemoryObjects, driver: Served, client: Client) -> AsyncIterator[World]:
    """The sidecars at work; an error that they do not expect fails the test."""
    waits = Waits(objects.changed)
    provisioner = Provisioner(DRIVER, objects, client, Recorder(objects, "csi.test_0"))
    loops = (
        Controller(objects, CLAIMS, provisioner.claim, sleep=waits),
        Controller(objects, VOLUMES, provisioner.volume, sleep=waits),
        Controller(objects, ATTACHMENTS, Attacher(DRIVER, objects, client).attachment, sleep=waits),
    )
    # No task group: a fixture's end runs in another task than its beginning.
    tasks = [asyncio.create_task(each.run()) for each in loops]
    yield World(objects, driver, waits)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, asyncio.CancelledError), outcome


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Sidecars and a driver at work."""
    async with serve(tmp_path) as driver, at_work(MemoryObjects(), driver, driver.client) as found:
        yield found


async def test_a_claim_gets_its_volume_and_the_events_say_so(world: World) -> None:
    """An immediate claim is provisioned at once; the volume names the claim and carries what the driver said."""
    world.storage_class(attach_delay="2")
    world.claim()
    volume = await world.volume()
    assert volume["spec"]["claimRef"]["uid"] == "uid-data"
    assert volume["spec"]["capacity"] == {"storage": str(2 << 20)}
    assert volume["spec"]["csi"]["volumeAttributes"]["attach.delay"] == "2"
    assert "nodeAffinity" not in volume["spec"]
    await world.until(lambda: world.reasons() == ["Provisioning", "ProvisioningSucceeded"])
    assert world.driver.deeds()[0].claim == "shop/data"


async def test_a_claim_that_waits_for_its_consumer_is_provisioned_when_the_node_is_chosen(world: World) -> None:
    """Nothing happens before the scheduler wrote the node's name; a local volume then lies on that node."""
    world.storage_class(mode="WaitForFirstConsumer", local="true")
    world.claim()
    # A claim of its own that needs no node shows that the first one was looked at.
    world.objects.put(f"{CLASSES}/now", {"metadata": {"name": "now"}, "parameters": {}})
    world.objects.put(
        f"{CLAIMS}/other", merged(CLAIM, {"metadata": {"name": "other"}, "spec": {"storageClassName": "now"}})
    )
    await world.until(lambda: world.objects.bodies.get(f"{VOLUMES}/pvc-uid-other"))
    assert VOLUME not in world.objects.bodies
    world.claim(CHOSEN)
    volume = await world.volume()
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    wanted = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-1"]}
    assert term == {"matchExpressions": [wanted]}


@pytest.mark.parametrize(
    "patch",
    [
        {"metadata": {"annotations": {"volume.kubernetes.io/storage-provisioner": "other.test"}}},
        {"spec": {"volumeName": "bound"}},
        {"metadata": {"deletionTimestamp": "2026-11-25T03:00:00Z", "finalizers": ["kubernetes.io/pvc-protection"]}},
        {"spec": {"storageClassName": "unknown"}},
    ],
)
async def test_a_claim_of_somebody_else_is_left_alone(world: World, patch: Body) -> None:
    """Another provisioner's, a bound one, one that is being deleted, and one whose class is not there."""
    world.storage_class()
    world.claim(patch)
    world.objects.put(f"{CLAIMS}/last", merged(CLAIM, {"metadata": {"name": "last"}}))
    await world.until(lambda: world.objects.bodies.get(f"{VOLUMES}/pvc-uid-last"))
    assert VOLUME not in world.objects.bodies


async def test_a_failing_provisioner_says_so_and_tries_again(world: World) -> None:
    """The same failure is one event with a count; waits double; the volume comes in the end."""
    world.storage_class(provision_failures="3", provision_error="pool is full")
    world.claim()
    await world.volume()
    await world.until(lambda: "ProvisioningSucceeded" in world.reasons())
    assert world.waits.seconds == [1.0, 2.0, 4.0]
    events = {each["reason"]: each for each in world.objects.below(EVENTS)}
    assert (events["Provisioning"]["count"], events["ProvisioningFailed"]["count"]) == (4, 3)
    text = 'failed to provision volume with StorageClass "slow": rpc error: code = Internal desc = pool is full'
    assert (events["ProvisioningFailed"]["message"], events["ProvisioningFailed"]["type"]) == (text, "Warning")


async def test_an_event_is_named_after_its_object_and_its_nanosecond(world: World) -> None:
    """As client-go names them: timelines read the instant out of the name."""
    world.storage_class()
    world.claim()
    await world.until(lambda: "ProvisioningSucceeded" in world.reasons())
    (deed,) = world.driver.deeds()
    before, after = world.objects.below(EVENTS)
    stamps = []
    for event in (before, after):
        match = re.fullmatch(r"data\.([0-9a-f]{16})", event["metadata"]["name"])
        assert match is not None
        stamps.append(int(match[1], 16))
        assert event["involvedObject"]["uid"] == "uid-data"
    assert stamps[0] <= deed.began <= deed.ended <= stamps[1]


async def test_a_volume_is_attached_and_detached_with_its_attachment(world: World) -> None:
    """Attached: the status tells the node's part. Deleted: detached first, then the finalizer lets the object go."""
    world.storage_class()
    world.claim()
    await world.volume()
    world.attachment()
    status = await world.until(world.attached)
    assert status["attachmentMetadata"] == {"device": "/dev/pvc-uid-data"}
    meta = world.objects.bodies[ATTACHMENT]["metadata"]
    assert meta["finalizers"] == ["external-attacher/csi-test"]
    assert meta["annotations"] == {"csi.alpha.kubernetes.io/node-id": "node-1"}
    await world.objects.delete(ATTACHMENT)
    assert ATTACHMENT in world.objects.bodies
    await world.until(lambda: ATTACHMENT not in world.objects.bodies)
    assert [str(deed.step) for deed in world.driver.deeds()] == ["provision", "attach", "detach"]


async def test_a_failing_attachment_carries_the_error_until_it_succeeds(world: World) -> None:
    """The attach-detach controller reads the error from the status and makes its event of it."""
    world.storage_class(attach_failures="1", attach_error="no free slot")
    world.claim()
    await world.volume()
    seen: list[str] = []

    def failed() -> bool:
        error = world.objects.bodies[ATTACHMENT].get("status", {}).get("attachError", {})
        seen.extend([error["message"]] if error else [])
        return bool(world.attached())

    world.attachment()
    await world.until(failed)
    assert set(seen) == {"rpc error: code = Internal desc = no free slot"}
    assert "attachError" not in world.objects.bodies[ATTACHMENT]["status"]
    assert world.waits.seconds == [1.0]


async def test_a_released_volume_is_deleted_once_it_is_detached(world: World) -> None:
    """While it is attached the driver refuses, and it is tried again; then object and disk go."""
    world.storage_class()
    world.claim()
    await world.volume()
    world.attachment()
    await world.until(world.attached)
    world.released()
    await world.until(lambda: world.waits.seconds)
    assert VOLUME in world.objects.bodies
    await world.objects.delete(ATTACHMENT)
    await world.until(lambda: VOLUME not in world.objects.bodies)
    assert world.driver.storage.made() == []


async def test_a_node_without_the_driver_is_tried_again(world: World) -> None:
    """A CSINode that does not name the driver yet is no reason to give up."""
    world.storage_class()
    world.claim()
    await world.volume()
    world.attachment()
    world.objects.bodies[f"{CSI_NODES}/node-1"]["spec"] = {"drivers": None}
    await world.until(lambda: world.waits.seconds)
    assert not world.attached()
    world.attachment()
    await world.until(world.attached)
