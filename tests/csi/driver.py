"""The driver with its sidecars: serves on every node of a cluster, and takes everything away again when it ends."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.csi.attacher import CSI_NODES, Attacher
from tests.csi.controllers import Controller
from tests.csi.kube import Body, Objects
from tests.csi.nodes import KUBELET, NodePlace
from tests.csi.provisioner import ATTACHMENTS, CLAIMS, CLASSES, PROVISIONED_BY, VOLUMES, Provisioner
from tests.csi.recorder import Recorder
from tests.csi.rpc import Client, serving
from tests.csi.services import Controller as ControllerService
from tests.csi.services import Identity, Node, Registration
from tests.csi.storage import Storage

log = logging.getLogger(__name__)

DRIVERS = "/apis/storage.k8s.io/v1/csidrivers"
START_SECONDS = 30.0
END_SECONDS = 60.0
_LOOK_SECONDS = 0.2


class LeftoverError(Exception):
    """Something of the driver is still there at its end."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a driver serves: ``home`` is a directory of its own on this machine.

    ``patience`` is for how many seconds its end waits until pods that are being deleted have given their volumes back.
    """

    name: str
    home: Path
    nodes: tuple[NodePlace, ...]
    objects: Objects
    patience: float = END_SECONDS


async def until(look: Callable[[], Awaitable[list[str]]], *, seconds: float, what: str) -> None:
    """Return once ``look`` finds nothing any more. Raises ``LeftoverError`` with what it found last."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while found := await look():
        if loop.time() > deadline:
            raise LeftoverError(f"{what}, not within {seconds:.0f} s: {', '.join(found)}")
        await asyncio.sleep(_LOOK_SECONDS)


class Driver:
    """One CSI driver in one cluster."""

    def __init__(self, setting: Setting, storage: Storage) -> None:
        self._setting = setting
        self._storage = storage

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve, registered with every kubelet, sidecars at work; at the end nothing of it is left.

        Raises ``LeftoverError`` where a kubelet does not take it, or where volumes are not given back.
        """
        setting = self._setting
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._controller())
            for node in setting.nodes:
                await stack.enter_async_context(self._node(node))
            stack.push_async_callback(self._remove_objects)
            await setting.objects.create(DRIVERS, _csi_driver(setting.name))
            async with self._registered(), self._sidecars():
                await until(self._unregistered, seconds=START_SECONDS, what="registered with every kubelet")
                try:
                    yield
                finally:
                    await until(self._in_use, seconds=setting.patience, what="all volumes given back")
        await until(self._known, seconds=START_SECONDS, what="forgotten by every kubelet")

    @property
    def _socket(self) -> Path:
        return self._setting.home / "csi.sock"

    @asynccontextmanager
    async def _controller(self) -> AsyncIterator[None]:
        async with serving(self._socket, Identity(self._setting.name), ControllerService(self._storage)):
            yield

    @asynccontextmanager
    async def _node(self, node: NodePlace) -> AsyncIterator[None]:
        directory = node.outside(self._endpoint.parent)
        directory.mkdir(parents=True, exist_ok=True)
        services = Identity(self._setting.name), Node(self._storage, node)
        try:
            async with serving(node.outside(self._endpoint), *services):
                yield
        finally:
            await self._unmount_all(node)
            directory.rmdir()

    @property
    def _endpoint(self) -> Path:
        return KUBELET / "plugins" / self._setting.name / "csi.sock"

    @asynccontextmanager
    async def _registered(self) -> AsyncIterator[None]:
        path = KUBELET / "plugins_registry" / f"{self._setting.name}-reg.sock"
        async with AsyncExitStack() as stack:
            for node in self._setting.nodes:
                registration = Registration(self._setting.name, str(self._endpoint))
                await stack.enter_async_context(serving(node.outside(path), registration))
            yield

    @asynccontextmanager
    async def _sidecars(self) -> AsyncIterator[None]:
        name, objects, client = self._setting.name, self._setting.objects, Client(self._socket)
        provisioner = Provisioner(name, objects, client, Recorder(objects, f"{name}_csi-provisioner-0_{uuid4()}"))
        controllers = (
            Controller(objects, CLAIMS, provisioner.claim),
            Controller(objects, VOLUMES, provisioner.volume),
            Controller(objects, ATTACHMENTS, Attacher(name, objects, client).attachment),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each.run()) for each in controllers]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
        await client.close()

    async def _csi_nodes(self) -> dict[str, bool]:
        bodies = {
            each.name: await self._setting.objects.get(f"{CSI_NODES}/{each.name}") for each in self._setting.nodes
        }
        return {name: body is not None and self._named(body) for name, body in bodies.items()}

    def _named(self, body: Body) -> bool:
        return any(each["name"] == self._setting.name for each in body["spec"].get("drivers") or ())

    async def _unregistered(self) -> list[str]:
        return [name for name, there in (await self._csi_nodes()).items() if not there]

    async def _known(self) -> list[str]:
        return [name for name, there in (await self._csi_nodes()).items() if there]

    async def _in_use(self) -> list[str]:
        name = self._setting.name
        attachments = [each for each in await self._items(ATTACHMENTS) if each["spec"]["attacher"] == name]
        volumes = [each for each in await self._items(VOLUMES) if _notes(each).get(PROVISIONED_BY) == name]
        paths = ((ATTACHMENTS, attachments), (VOLUMES, volumes))
        return [f"{path}/{each['metadata']['name']}" for path, bodies in paths for each in bodies]

    async def _items(self, path: str) -> list[Body]:
        found: list[Body] = (await self._setting.objects.get(path) or {})["items"]
        return found

    async def _remove_objects(self) -> None:
        objects = self._setting.objects
        for path in await self._in_use():
            # The driver is not there any more to do what the finalizers wait for.
            await objects.patch(path, {"metadata": {"finalizers": None}})
            await objects.delete(path)
        for each in await self._items(CLASSES):
            if each["provisioner"] == self._setting.name:
                await objects.delete(f"{CLASSES}/{each['metadata']['name']}")
        await objects.delete(f"{DRIVERS}/{self._setting.name}")

    async def _unmount_all(self, node: NodePlace) -> None:
        for disk in self._storage.made():
            for target in [path for path, name in disk.targets.items() if name == node.name]:
                await node.unmount(target)


def _notes(body: Body) -> dict[str, str]:
    found: dict[str, str] = body["metadata"].get("annotations", {})
    return found


def _csi_driver(name: str) -> Body:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": name},
        "spec": {
            "attachRequired": True,
            "podInfoOnMount": False,
            "fsGroupPolicy": "None",
            "volumeLifecycleModes": ["Persistent"],
        },
    }
