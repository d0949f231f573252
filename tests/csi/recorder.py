"""Events as client-go's recorder writes them: named after the object and the nanosecond, counted when they repeat."""

import time
from datetime import UTC, datetime

from tests.csi.kube import Body, Objects


class Recorder:
    """Records events of one component; what it says again becomes a count at the first event."""

    def __init__(self, objects: Objects, component: str) -> None:
        self._objects = objects
        self._component = component
        self._said: dict[tuple[str, ...], tuple[str, int]] = {}

    async def normal(self, about: Body, reason: str, message: str) -> None:
        """Something went its way."""
        await self._record("Normal", about, reason, message)

    async def warning(self, about: Body, reason: str, message: str) -> None:
        """Something did not."""
        await self._record("Warning", about, reason, message)

    async def _record(self, kind: str, about: Body, reason: str, message: str) -> None:
        meta = about["metadata"]
        key = (kind, meta["uid"], reason, message)
        now = time.time_ns()
        stamp = datetime.fromtimestamp(now // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        path = f"/api/v1/namespaces/{meta['namespace']}/events"
        if key in self._said:
            name, count = self._said[key]
            self._said[key] = (name, count + 1)
            await self._objects.patch(f"{path}/{name}", {"count": count + 1, "lastTimestamp": stamp})
            return
        name = f"{meta['name']}.{now:x}"
        self._said[key] = (name, 1)
        await self._objects.create(path, self._body(name, about, kind, reason, message) | _times(stamp))

    def _body(self, name: str, about: Body, kind: str, reason: str, message: str) -> Body:
        meta = about["metadata"]
        involved = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": meta["namespace"]},
            "involvedObject": involved,
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": "",
        }


def _times(stamp: str) -> Body:
    return {"firstTimestamp": stamp, "lastTimestamp": stamp, "eventTime": None, "count": 1}
