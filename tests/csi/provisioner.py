"""What Kubernetes' external-provisioner does: makes a volume for each claim of the driver, and deletes what is let go.

The rules and texts are those of sig-storage-lib-external-provisioner, which the external-provisioner is made of.
"""

from tests.csi.kube import Body, Objects
from tests.csi.protos import csi_pb2 as csi
from tests.csi.recorder import Recorder
from tests.csi.rpc import Client, RefusedError
from tests.csi.services import CLAIM_NAME, CLAIM_NAMESPACE, HOSTNAME, mounted

CLAIMS = "/api/v1/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_PROTECTION = "external-provisioner.volume.kubernetes.io/finalizer"
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


class Provisioner:
    """Serves the claims whose StorageClass names the driver."""

    def __init__(self, driver: str, objects: Objects, client: Client, recorder: Recorder) -> None:
        self._driver = driver
        self._objects = objects
        self._client = client
        self._recorder = recorder

    async def claim(self, claim: Body) -> None:
        """Provision the claim's volume if its time has come. Raises ``RefusedError`` where the driver does."""
        notes = claim["metadata"].get("annotations", {})
        if notes.get(PROVISIONER) != self._driver or claim["spec"].get("volumeName"):
            return
        kind = await self._objects.get(f"{CLASSES}/{claim['spec']['storageClassName']}")
        if kind is None or claim["metadata"].get("deletionTimestamp"):
            return
        node = notes.get(SELECTED_NODE, "")
        if kind.get("volumeBindingMode") == "WaitForFirstConsumer" and not node:
            return
        if await self._objects.get(f"{VOLUMES}/{_volume_name(claim)}") is None:
            await self._provision(claim, kind, node)

    async def _provision(self, claim: Body, kind: Body, node: str) -> None:
        meta = claim["metadata"]
        name = f"{meta['namespace']}/{meta['name']}"
        text = f'External provisioner is provisioning volume for claim "{name}"'
        await self._recorder.normal(claim, "Provisioning", text)
        try:
            answer = await self._client.call(self._client.controller.CreateVolume, _request(claim, kind, node))
        except RefusedError as error:
            text = f'failed to provision volume with StorageClass "{kind["metadata"]["name"]}": {error}'
            await self._recorder.warning(claim, "ProvisioningFailed", text)
            raise
        volume = _persistent_volume(self._driver, claim, kind, answer.volume)
        await self._objects.create(VOLUMES, volume)
        text = f"Successfully provisioned volume {volume['metadata']['name']}"
        await self._recorder.normal(claim, "ProvisioningSucceeded", text)

    async def volume(self, volume: Body) -> None:
        """Delete a volume that its claim has let go of. Raises ``RefusedError`` while it is attached."""
        meta, spec = volume["metadata"], volume["spec"]
        if meta.get("annotations", {}).get(PROVISIONED_BY) != self._driver:
            return
        if volume["status"]["phase"] != "Released" or spec["persistentVolumeReclaimPolicy"] != "Delete":
            return
        path = f"{VOLUMES}/{meta['name']}"
        if not meta.get("deletionTimestamp"):
            request = csi.DeleteVolumeRequest(volume_id=spec["csi"]["volumeHandle"])
            await self._client.call(self._client.controller.DeleteVolume, request)
            await self._objects.delete(path)
        elif _PROTECTION in meta.get("finalizers", ()):
            kept = [each for each in meta["finalizers"] if each != _PROTECTION]
            await self._objects.patch(path, _finalizers(volume, kept))


def _finalizers(body: Body, kept: list[str]) -> Body:
    return {"metadata": {"finalizers": kept, "resourceVersion": body["metadata"]["resourceVersion"]}}


def _volume_name(claim: Body) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def _request(claim: Body, kind: Body, node: str) -> csi.CreateVolumeRequest:
    meta = claim["metadata"]
    told = {CLAIM_NAMESPACE: meta["namespace"], CLAIM_NAME: meta["name"]}
    chosen = (csi.Topology(segments={HOSTNAME: node}),)
    return csi.CreateVolumeRequest(
        name=_volume_name(claim),
        capacity_range=csi.CapacityRange(required_bytes=_bytes(claim["spec"]["resources"]["requests"]["storage"])),
        volume_capabilities=(mounted(),),
        parameters=kind.get("parameters", {}) | told,
        accessibility_requirements=csi.TopologyRequirement(requisite=chosen, preferred=chosen) if node else None,
    )


def _bytes(quantity: str) -> int:
    for unit, factor in _UNITS.items():
        if quantity.endswith(unit):
            return int(quantity.removesuffix(unit)) * factor
    return int(quantity)


def _persistent_volume(driver: str, claim: Body, kind: Body, made: csi.Volume) -> Body:
    meta = claim["metadata"]
    spec = {
        "accessModes": claim["spec"]["accessModes"],
        "capacity": {"storage": str(made.capacity_bytes)},
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        },
        "csi": {
            "driver": driver,
            "volumeHandle": made.volume_id,
            "volumeAttributes": {"storage.kubernetes.io/csiProvisionerIdentity": driver, **made.volume_context},
        },
        "persistentVolumeReclaimPolicy": kind.get("reclaimPolicy", "Delete"),
        "storageClassName": kind["metadata"]["name"],
        "volumeMode": "Filesystem",
    }
    if made.accessible_topology:
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [_term(each) for each in made.accessible_topology]}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": _volume_name(claim),
            "annotations": {PROVISIONED_BY: driver},
            "finalizers": [_PROTECTION],
        },
        "spec": spec,
    }


def _term(topology: csi.Topology) -> Body:
    labels = topology.segments.items()
    return {"matchExpressions": [{"key": key, "operator": "In", "values": [value]} for key, value in labels]}
