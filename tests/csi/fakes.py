"""What stands in for a cluster where the real one is not needed: objects in memory, and mounts that are noted."""

import asyncio
import copy
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

from tests.csi.kube import Body, Change

_COLLECTIONS = frozenset({"persistentvolumes", "storageclasses", "volumeattachments"})


def merged(body: Any, patch: Any) -> Any:
    """A JSON merge patch, by RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    found = dict(body) if isinstance(body, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


class MemoryObjects:
    """Objects by path, as the API server keeps them: finalizers hold what is deleted, status is written apart."""

    def __init__(self) -> None:
        self.bodies: dict[str, Body] = {}
        self._versions = count(1)
        self._watchers: list[tuple[str, asyncio.Queue[Change]]] = []
        self.changed = asyncio.Event()

    def put(self, path: str, body: Body) -> None:
        """Store an object at its path, with an uid of its own."""
        meta = {
            "uid": f"uid-{path.rpartition('/')[2]}",
            **body["metadata"],
            "resourceVersion": str(next(self._versions)),
        }
        self._store(path, {**copy.deepcopy(body), "metadata": meta})

    def _store(self, path: str, body: Body) -> None:
        gone = bool(body["metadata"].get("deletionTimestamp")) and not body["metadata"].get("finalizers")
        if gone:
            self.bodies.pop(path, None)
        else:
            self.bodies[path] = body
        for prefix, queue in self._watchers:
            if path.startswith(f"{prefix}/"):
                queue.put_nowait(Change(copy.deepcopy(body), gone))
        self.changed.set()

    async def get(self, path: str) -> Body | None:
        """An object or a list, or ``None``."""
        if path.rpartition("/")[2] in _COLLECTIONS:
            return {"items": copy.deepcopy(self.below(path))}
        return copy.deepcopy(self.bodies.get(path))

    async def create(self, path: str, body: Body) -> bool:
        """Create an object, in the phase that volumes begin in; False if there is one of that name."""
        place = f"{path}/{body['metadata']['name']}"
        if place in self.bodies:
            return False
        self.put(place, {"status": {"phase": "Pending"}} | body)
        return True

    async def patch(self, path: str, body: Body) -> None:
        """Merge into an object; its status only by way of the subresource."""
        place = path.removesuffix("/status")
        if place in self.bodies:
            allowed = {"status"} if place != path else body.keys() - {"status"}
            self.put(place, merged(self.bodies[place], {key: body[key] for key in allowed}))

    async def delete(self, path: str) -> None:
        """Delete an object; finalizers hold it."""
        if path in self.bodies:
            self.put(path, merged(self.bodies[path], {"metadata": {"deletionTimestamp": "2026-11-25T03:00:00Z"}}))

    async def changes(self, path: str) -> AsyncIterator[Change]:
        """Every object below the path, then every change."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._watchers.append((path, queue))
        for place, body in list(self.bodies.items()):
            if place.startswith(f"{path}/"):
                yield Change(copy.deepcopy(body))
        while True:
            yield await queue.get()

    def below(self, path: str) -> list[Body]:
        """The objects of a collection, in the order in which they came."""
        return [body for place, body in self.bodies.items() if place.startswith(f"{path}/")]


class NotedMounts:
    """A node's mounts, of which only a note is made."""

    def __init__(self, name: str = "node-1") -> None:
        self.name = name
        self.mounts: dict[str, str] = {}

    async def mount(self, source: str, target: str) -> None:
        """Note a mount."""
        self.mounts[target] = source

    async def unmount(self, target: str) -> None:
        """Strike a mount out."""
        self.mounts.pop(target, None)


class Waits:
    """Stands in for ``asyncio.sleep``: it does not wait, remembers for how long it should have, and tells ``noted``."""

    def __init__(self, noted: asyncio.Event | None = None) -> None:
        self.seconds: list[float] = []
        self._noted = asyncio.Event() if noted is None else noted

    async def __call__(self, seconds: float) -> None:
        """Note the wait."""
        self.seconds.append(seconds)
        self._noted.set()
        await asyncio.sleep(0)
