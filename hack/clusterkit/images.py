"""Small container images, made here: Debian's static busybox, a few programs of our own, any number of random bytes."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.run import run

_BUSYBOX = Path("/bin/busybox")
_CHUNK = 1 << 20
_USERS = "root:x:0:0:root:/:/bin/sh\nnobody:x:65532:65532:nobody:/:/bin/sh\n"


@dataclass(frozen=True, slots=True)
class File:
    """A file, or a link, in an image."""

    path: str
    data: bytes = b""
    mode: int = 0o755
    link: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is made of; layers are ready tar files, so that what they hold need not be known here."""

    reference: str
    layers: tuple[bytes, ...]
    command: tuple[str, ...] = ("/bin/sh",)
    user: str = "65532:65532"


def layer(files: Iterable[File]) -> bytes:
    """Return a layer: a tar without time stamps, so that the same content has the same digest."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for file in files:
            _add(archive, path=file.path, data=file.data, mode=file.mode, link=file.link)
    return output.getvalue()


def _add(archive: tarfile.TarFile, *, path: str, data: bytes, mode: int = 0o644, link: str = "") -> None:
    entry = tarfile.TarInfo(path)
    entry.mode, entry.size = mode, len(data)
    if link:
        entry.type, entry.linkname = tarfile.SYMTYPE, link
    elif path.endswith("/"):
        entry.type = tarfile.DIRTYPE
    archive.addfile(entry, io.BytesIO(data))


def random_layer(megabytes: int) -> bytes:
    """Return a layer of bytes that no compression and no cache can make smaller."""
    return layer([File(path="random", data=os.urandom(megabytes * _CHUNK), mode=0o644)])


def busybox_layer(*, applets: Sequence[str], programs: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the base layer: busybox under each of its names, and programs of our own beside it."""
    own = {name for name, _ in programs}
    links = [File(path=f"bin/{name}", link="busybox") for name in applets if name not in own | {"busybox"}]
    extra = [File(path=f"bin/{name}", data=data) for name, data in programs]
    base = [File(path="bin/busybox", data=_BUSYBOX.read_bytes()), File(path="tmp/", mode=0o1777)]
    return layer([*base, File(path="etc/passwd", data=_USERS.encode(), mode=0o644), *links, *extra])


def config(image: Image) -> bytes:
    """Return the image's configuration document."""
    settings = {"Cmd": list(image.command), "User": image.user, "Env": ["PATH=/bin"], "WorkingDir": "/"}
    digests = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in image.layers]
    document = {
        "architecture": architecture(os.uname().machine),
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": digests},
        "history": [{"created_by": "hack/cluster image"} for _ in image.layers],
    }
    return json.dumps(document, sort_keys=True).encode()


def architecture(machine: str) -> str:
    """Return Go's name of a machine type, which is what images use."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def archive(image: Image) -> bytes:
    """Return the image as `docker save` would write it."""
    settings = config(image)
    name = f"{hashlib.sha256(settings).hexdigest()}.json"
    paths = [f"{hashlib.sha256(data).hexdigest()}/layer.tar" for data in image.layers]
    manifest = [{"Config": name, "RepoTags": [image.reference], "Layers": paths}]
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        _add(tar, path="manifest.json", data=json.dumps(manifest).encode())
        _add(tar, path=name, data=settings)
        # A layer that occurs twice is one file.
        for path, data in dict(zip(paths, image.layers, strict=True)).items():
            _add(tar, path=path, data=data)
    return output.getvalue()


def busybox(reference: str, *, tools: Path, megabytes: int = 0, command: Sequence[str] = ()) -> Image:
    """Return an image for test workloads: a shell, and `fetch` and `lookup`, which resolve names."""
    if not _BUSYBOX.exists():
        raise ClusterError(
            "busybox-static is not installed: run `hack/cluster up` once, or `apt-get install busybox-static`"
        )
    applets = run([str(_BUSYBOX), "--list"]).split()
    binary = (tools / "tools").read_bytes()
    base = busybox_layer(applets=applets, programs=[("fetch", binary)])
    layers = (base, random_layer(megabytes)) if megabytes else (base,)
    return Image(reference=reference, layers=layers, command=tuple(command) or ("/bin/sh",))


def pause(reference: str, *, tools: Path) -> Image:
    """Return the image that holds every pod's namespaces."""
    files = [File(path="pause", data=(tools / "tools").read_bytes())]
    return Image(reference=reference, layers=(layer(files),), command=("/pause",))


def kind_of(path: Path) -> str:
    """Return skopeo's name for an archive's format."""
    try:
        with tarfile.open(path) as archive:
            names = {name.removeprefix("./") for name in archive.getnames()}
    except (OSError, tarfile.TarError) as error:
        raise ClusterError(f"{path}: not an image archive ({error})") from error
    for marker, kind in (("manifest.json", "docker-archive"), ("oci-layout", "oci-archive")):
        if marker in names:
            return kind
    raise ClusterError(f"{path}: not a Docker or OCI archive")
