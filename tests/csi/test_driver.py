"""The whole driver in a cluster without nodes: what it makes at its start, and that nothing is left at its end."""

import io
from pathlib import Path

import pytest
from tests.csi.driver import DRIVERS, Driver, LeftoverError, Setting
from tests.csi.fakes import MemoryObjects
from tests.csi.provisioner import ATTACHMENTS, CLASSES, VOLUMES
from tests.csi.storage import Journal, Storage

NAME = "csi.test"
STUCK = f"{ATTACHMENTS}/stuck"


def driver(home: Path, objects: MemoryObjects) -> Driver:
    """A driver that does not wait long at its end."""
    storage = Storage(home / "disks", Journal(io.StringIO()))
    return Driver(Setting(NAME, home, (), objects, patience=0.0), storage)


async def run(one: Driver) -> None:
    """Let a driver start and end."""
    async with one.running():
        pass


async def test_it_takes_its_own_objects_away_and_no_others(tmp_path: Path) -> None:
    """Its CSIDriver and its StorageClasses go with it; another driver's objects stay."""
    objects = MemoryObjects()
    for name in (NAME, "other"):
        objects.put(f"{CLASSES}/{name}", {"metadata": {"name": name}, "provisioner": name})
    others = {"metadata": {"name": "others"}, "spec": {"attacher": "other"}}
    objects.put(f"{ATTACHMENTS}/others", others)
    async with driver(tmp_path, objects).running():
        assert objects.bodies[f"{DRIVERS}/{NAME}"]["spec"]["attachRequired"] is True
        assert (tmp_path / "csi.sock").is_socket()
    assert objects.bodies.keys() == {f"{CLASSES}/other", f"{ATTACHMENTS}/others"}
    assert not (tmp_path / "csi.sock").exists()


async def test_what_is_not_given_back_is_named_and_removed(tmp_path: Path) -> None:
    """A volume that is still there at the end is a failure that names it; the cluster is clean for others anyway."""
    objects = MemoryObjects()
    spec = {"attacher": NAME, "nodeName": "node-1", "source": {"persistentVolumeName": "none"}}
    objects.put(STUCK, {"metadata": {"name": "stuck", "finalizers": ["held"]}, "spec": spec})
    meta = {"name": "kept", "annotations": {"pv.kubernetes.io/provisioned-by": NAME}, "finalizers": ["held"]}
    policy = {"persistentVolumeReclaimPolicy": "Retain"}
    objects.put(f"{VOLUMES}/kept", {"metadata": meta, "spec": policy, "status": {"phase": "Bound"}})
    with pytest.raises(ExceptionGroup) as caught:
        await run(driver(tmp_path, objects))
    (error,) = caught.value.exceptions
    assert isinstance(error, LeftoverError)
    assert STUCK in str(error)
    assert f"{VOLUMES}/kept" in str(error)
    assert objects.bodies == {}
