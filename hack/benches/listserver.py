"""A process that lists a cluster of ready pods of one Deployment in pages, and watches in which nothing happens.

Beside the pods there are their node, their Service with its EndpointSlices, their ReplicaSet and Deployment; every
other collection is empty. A watch gets a bookmark every two seconds.
"""

import json
import socketserver
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

from benches.podgen import Numbered, settled
from benches.serverprocess import serve, server_process
from benches.settings import CREATED
from benches.slicegen import SERVICE, slice_object

PER_SLICE = 100
VERSION = "90000000"
"""The resourceVersion of everything; watches go on from it."""
_KINDS = {
    "pods": "PodList", "services": "ServiceList", "replicasets": "ReplicaSetList", "deployments": "DeploymentList",
    "endpointslices": "EndpointSliceList", "nodes": "NodeList",
}  # fmt: skip
_OBJECT = b'{"metadata":{"resourceVersion":"%b"}}' % VERSION.encode()
_BOOKMARK = b'{"type":"BOOKMARK","object":%b}\n' % _OBJECT
_STAMP = "2026-11-18T13:46:40Z"


def listing(pods: int) -> AbstractContextManager[str]:
    """The URL of a server of that many pods; it ends with the block."""
    return server_process(_main, pods)


def pod(number: int) -> Numbered:
    """The pod of that number."""
    return Numbered(number, CREATED + number // 100)


Page = Callable[[range], Sequence[bytes]]


def _pages(pods: int) -> dict[str, tuple[int, Page]]:
    """How many objects each collection has, and some of them."""

    def piece(number: int) -> bytes:
        first = number * PER_SLICE
        return slice_object(number, map(pod, range(first, min(first + PER_SLICE, pods))), version=1)

    return {
        "pods": (pods, lambda numbers: [settled(pod(each)) for each in numbers]),
        "endpointslices": (-(-pods // PER_SLICE), lambda numbers: [piece(each) for each in numbers]),
        "services": (1, lambda _: [_service()]),
        "replicasets": (1, lambda _: [_replica_set()]),
        "deployments": (1, lambda _: [_deployment()]),
        "nodes": (1, lambda _: [_node()]),
    }


def _main(parent: Connection, pods: int) -> None:
    pages = _pages(pods)

    class Answer(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            while asked := self.rfile.readline():
                while self.rfile.readline().strip():
                    pass
                url = urlsplit(asked.split()[1].decode())
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                if "watch" in query:
                    self._watch()
                else:
                    self._list(url.path.rpartition("/")[2], int(query.get("limit", 0)), int(query.get("continue", 0)))

        def _list(self, collection: str, limit: int, first: int) -> None:
            count, page = pages.get(collection, (0, lambda _: ()))
            end = min(first + (limit or count), count)
            token = str(end) if end < count else ""
            items = b",".join(page(range(first, end)))
            head = json.dumps({"resourceVersion": VERSION, "continue": token}).encode()
            kind = _KINDS.get(collection, "List").encode()
            body = b'{"kind":"%b","apiVersion":"v1","metadata":%b,"items":[%b]}' % (kind, head, items)
            size = str(len(body)).encode()
            front = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + size + b"\r\n\r\n"
            self.wfile.write(front + body)

        def _watch(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(_BOOKMARK), _BOOKMARK))
                    time.sleep(2)
            except OSError:
                # The reader has gone.
                return

    serve(parent, Answer)


def _metadata(name: str, uid: str, **more: object) -> dict[str, object]:
    return {
        "name": name, "namespace": "shop", "uid": uid, "resourceVersion": "1", "generation": 1,
        "creationTimestamp": _STAMP, **more,
    }  # fmt: skip


def _service() -> bytes:
    spec = {"selector": {"app.kubernetes.io/name": SERVICE}, "ports": [{"name": "http", "port": 80}]}
    return json.dumps({"metadata": _metadata(SERVICE, "0d5c3c1e-9a7c-4a55-8f0e-0c0d1f7f1b22"), "spec": spec}).encode()


def _replica_set() -> bytes:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": SERVICE, "uid": "deploy", "controller": True}
    metadata = _metadata(f"{SERVICE}-7c9d5f6b84", "2a2f3a1e-6a8e-4f3a-8a77-0c0d1f7f1b11", ownerReferences=[owner])
    return json.dumps({"metadata": metadata, "spec": {}, "status": {}}).encode()


def _deployment() -> bytes:
    return json.dumps({"metadata": _metadata(SERVICE, "deploy"), "spec": {}, "status": {}}).encode()


def _node() -> bytes:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": _STAMP, "lastHeartbeatTime": _STAMP}
    metadata = {"name": "node-17", "uid": "node-17", "resourceVersion": "1", "creationTimestamp": _STAMP}
    return json.dumps({"metadata": metadata, "spec": {}, "status": {"conditions": [ready]}}).encode()
