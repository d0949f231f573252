"""One scenario for everything that can happen to a volume: claims whose StorageClasses are scripts, and their pods.

Each claim of ``SCRIPTS`` has a StorageClass and a script of its own, and all but ``moving`` a pod of the same name; the
other pods are in ``tests/e2e/volumes.yaml``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tests.csi.process import NAME
from tests.csi.storage import Deed, Step

Manifest = dict[str, Any]
IMMEDIATE, WAITING = "Immediate", "WaitForFirstConsumer"
LONG = 12.0
"""Seconds; longer than the ten after which a kubelet reports a volume in use, without which it mounts nothing."""
OTHERS = Path(__file__).parents[1] / "e2e/volumes.yaml"


@dataclass(frozen=True)
class Script:
    """How each step of a claim's volume goes, as parameters of its StorageClass; ``node`` is where its pod must be."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    mode: str = WAITING
    node: str | None = None


SCRIPTS = {
    "slow": Script({"provision.delay": "2", "attach.delay": "2", "mount.delay": "2", "detach.delay": "2"}),
    "immediate": Script({"provision.delay": "2"}, mode=IMMEDIATE),
    "provision-slow": Script({"provision.delay": str(LONG)}),
    "attach-slow": Script({"attach.delay": str(LONG)}, mode=IMMEDIATE),
    "mount-slow": Script({"mount.delay": str(LONG)}, node="node-1"),
    "provision-fails": Script({"provision.failures": "2", "provision.error": "the pool is full"}),
    "attach-fails": Script({"attach.failures": "2", "attach.error": "the node has no free slot"}),
    "mount-fails": Script({"mount.failures": "2", "mount.error": "the superblock is broken"}),
    "moving": Script(),
}
OWN = tuple(each for each in SCRIPTS if each != "moving")
"""The claims with a pod of the same name, whose only volume is called ``data``."""
VOLUMES = dict.fromkeys(OWN, ("data",)) | {
    "both": ("quick", "late"),
    "first": ("data",),
    "second": ("data",),
    "passing": ("scratch",),
}
"""The volumes of each pod that has claims."""
WITHOUT = ("no-settings", "no-password")
"""The pods that wait for a ConfigMap or a Secret."""
PLAIN = ("plain-1", "plain-2", "plain-3")
"""Pods without claims on the node of ``mount-slow``."""
PODS = frozenset({*VOLUMES, *WITHOUT, *PLAIN})


def everything(image: str) -> dict[str, Manifest]:
    """All objects of the scenario; pods by their names."""
    own = [each for name, script in SCRIPTS.items() for each in _scripted(name, script, image)]
    found = {_key(each): each for each in (*own, *yaml.safe_load_all(OTHERS.read_text().replace("IMAGE", image)))}
    plain = found.pop("plain")
    return found | {name: {**plain, "metadata": {"name": name}} for name in PLAIN}


def _key(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["name"]
    return name if manifest["kind"] == "Pod" else f"{manifest['kind']}/{name}"


def _scripted(name: str, script: Script, image: str) -> Iterator[Manifest]:
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": f"volumes-{name}"},
        "provisioner": NAME,
        "volumeBindingMode": script.mode,
        "parameters": dict(script.parameters),
    }
    if name in OWN:
        requests = {"requests": {"storage": "1Mi"}}
        spec = {"storageClassName": f"volumes-{name}", "accessModes": ["ReadWriteOnce"], "resources": requests}
        yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
        yield _pod(name, image, script.node)


def _pod(name: str, image: str, node: str | None) -> Manifest:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # It ends at once where nothing can be written.
        "command": ["sh", "-c", "echo written > /data/here && exec sleep 3600"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spec: Manifest = {
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
    }
    if node is not None:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@dataclass(frozen=True)
class Lived:
    """What is told of each pod once all are gone and their volumes detached, and what the driver really did."""

    space: str
    items: Mapping[str, Any]
    deeds: tuple[Deed, ...]

    def truth(self, claim: str, step: Step) -> Deed:
        """The only time that the driver took the step for a claim with success."""
        (found,) = (deed for deed in self._of(claim, step) if not deed.error)
        return found

    def begun(self, claim: str, step: Step) -> int:
        """When the driver was first asked to take the step for a claim, whether it succeeded or not."""
        return min(deed.began for deed in self._of(claim, step))

    def failures(self, claim: str, step: Step) -> list[Deed]:
        """The times that the step failed for a claim."""
        return [deed for deed in self._of(claim, step) if deed.error]

    def _of(self, claim: str, step: Step) -> list[Deed]:
        return [deed for deed in self.deeds if deed.claim == f"{self.space}/{claim}" and deed.step is step]
