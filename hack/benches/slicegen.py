"""EndpointSlices as the EndpointSlice controller writes them: some 360 bytes of JSON an address.

The shape was taken from a Service of a Deployment on a real cluster (v1.34); names, uids and stamps are made up.
"""

import json
from collections.abc import Container, Iterable, Iterator

from benches.podgen import Numbered

SERVICE = "storefront"


def slice_name(number: int) -> str:
    """The name of a slice."""
    return f"{SERVICE}-{number:05}"


def slice_object(number: int, pods: Iterable[Numbered], *, version: int, unready: Container[int] = ()) -> bytes:
    """One slice of these pods; those of the numbers in ``unready`` stand as not ready."""
    stamp = "2026-11-18T13:46:40Z"
    written: dict[str, object] = {
        "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "discovery.k8s.io/v1", "time": stamp,
        "fieldsType": "FieldsV1", "fieldsV1": {"f:addressType": {}, "f:endpoints": {}, "f:metadata": {}, "f:ports": {}},
    }  # fmt: skip
    metadata: dict[str, object] = {
        "name": slice_name(number), "generateName": f"{SERVICE}-", "namespace": "shop",
        "uid": f"5c1f2e70-0000-4000-8000-{number:012x}", "resourceVersion": str(version), "generation": version,
        "creationTimestamp": stamp,
        "labels": {
            "app.kubernetes.io/name": SERVICE, "kubernetes.io/service-name": SERVICE,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        },
        "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": stamp},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Service", "name": SERVICE, "uid": "0d5c3c1e-9a7c-4a55-8f0e-0c0d1f7f1b22",
             "controller": True, "blockOwnerDeletion": True}
        ],
        "managedFields": [written],
    }  # fmt: skip
    body = {
        "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "metadata": metadata, "addressType": "IPv4",
        "endpoints": [_endpoint(each, ready=each.number not in unready) for each in pods],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode()


def slices(pods: Iterable[Numbered], *, each: int) -> Iterator[bytes]:
    """The slices of one Service, of so many addresses each."""
    held: list[Numbered] = []
    number = 0
    for pod in pods:
        held.append(pod)
        if len(held) == each:
            yield slice_object(number, held, version=1)
            held, number = [], number + 1
    if held:
        yield slice_object(number, held, version=1)


def _endpoint(pod: Numbered, *, ready: bool) -> dict[str, object]:
    number = pod.number
    return {
        "addresses": [f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": "shop", "name": pod.name, "uid": pod.uid},
        "nodeName": "node-17", "zone": "eu-central-1a",
    }  # fmt: skip
