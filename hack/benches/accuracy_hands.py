"""Does for the pods of the accuracy bench what controllers of their own would do: each look helps whoever waits."""

import http.client
from collections.abc import Iterable
from typing import Any

from clusterkit.api import Api
from clusterkit.errors import ClusterError

Json = dict[str, Any]
GATE = "podtimeline.bench/registered"
"""The readiness gate of pods that have one."""
ROOM = "podtimeline.bench/room"
"""The label of a node that pods without a place wait for."""


class Hands:
    """Opens gates, makes room on ``node`` and takes finalizers away, in one namespace."""

    def __init__(self, api: Api, space: str, *, node: str) -> None:
        self._api = api
        self._space = space
        self._node = node

    def help(self, pods: Iterable[Json]) -> None:
        """Do what these pods wait for now; what another writer was faster with is left to the next look."""
        for pod in pods:
            if pod["spec"].get("schedulingGates"):
                self._patch(pod, "", {"spec": {"schedulingGates": []}})
            elif _homeless(pod):
                self._room(pod["spec"]["nodeSelector"][ROOM])
            elif _unregistered(pod):
                self._register(pod)
            elif _released(pod):
                self._patch(pod, "", {"metadata": {"finalizers": None}})

    def tidy(self) -> None:
        """Take the label off the node."""
        self._room(None)

    def _room(self, label: str | None) -> None:
        self._send(f"/api/v1/nodes/{self._node}", {"metadata": {"labels": {ROOM: label}}})

    def _register(self, pod: Json) -> None:
        conditions = [*pod["status"]["conditions"], {"type": GATE, "status": "True"}]
        self._patch(pod, "/status", {"status": {"conditions": conditions}})

    def _patch(self, pod: Json, part: str, change: Json) -> None:
        # Lists are written whole: with the version that they were read at, or not at all.
        meta = change.get("metadata", {}) | {"resourceVersion": pod["metadata"]["resourceVersion"]}
        path = f"/api/v1/namespaces/{self._space}/pods/{pod['metadata']['name']}{part}"
        self._send(path, change | {"metadata": meta})

    def _send(self, path: str, change: Json) -> None:
        status, answer = self._api.call("PATCH", path=path, body=change)
        if status not in {http.client.OK, http.client.CONFLICT, http.client.NOT_FOUND}:
            raise ClusterError(f"PATCH {path}: {status} {answer}")


def _conditions(pod: Json) -> dict[str, Json]:
    return {each["type"]: each for each in pod["status"].get("conditions", ())}


def _homeless(pod: Json) -> bool:
    waits = _conditions(pod).get("PodScheduled", {}).get("reason") == "Unschedulable"
    return waits and ROOM in (pod["spec"].get("nodeSelector") or {})


def _unregistered(pod: Json) -> bool:
    gates = {each["conditionType"] for each in pod["spec"].get("readinessGates") or ()}
    conditions = _conditions(pod)
    return GATE in gates - conditions.keys() and conditions.get("ContainersReady", {}).get("status") == "True"


def _released(pod: Json) -> bool:
    meta = pod["metadata"]
    return bool(meta.get("finalizers")) and meta.get("deletionGracePeriodSeconds") == 0
