"""A local base image from Debian's packages, for machines that reach a package mirror and no image registry.

It stands in for python:3.13-slim-bookworm with the Python of this machine's Debian (3.11 on bookworm). The Dockerfile
is the same; what it is built on is not.
"""

import hashlib
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.run import run, write
from clusterkit.say import say
from demokit.packages import Package, closure, unpack

WANTED = ("python3", "python3-pip-whl", "ca-certificates", "dash", "libsqlite3-0", "netbase", "tzdata")
_USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n"
_GROUPS = "root:x:0:\nnogroup:x:65534:\n"
_NAMES = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n"


def key(packages: Sequence[Package]) -> str:
    """Return the key of a base: its packages by content, and this recipe."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for package in packages:
        digest.update(f"{package.file} {package.digest}\0".encode())
    return digest.hexdigest()[:16]


def ensure(cache: Path) -> tuple[str, Path]:
    """Return the base's key, and a tar of its root; make it if it is not there yet."""
    packages = closure(WANTED)
    name = key(packages)
    tar = cache / f"base-{name}.tar"
    if not tar.exists():
        say(f"making a local base image from {len(packages)} Debian packages")
        work = cache / f"base-{name}.work"
        shutil.rmtree(work, ignore_errors=True)
        unpack(WANTED, root=work / "root", scratch=work / "packages")
        _configure(work / "root")
        _pack(work / "root", tar=tar)
        shutil.rmtree(work)
    return name, tar


def _configure(root: Path) -> None:
    """Do by hand what the packages' scripts would have done."""
    write(root / "etc/passwd", _USERS)
    write(root / "etc/group", _GROUPS)
    write(root / "etc/nsswitch.conf", _NAMES)
    (root / "tmp").mkdir(mode=0o1777, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    if not (root / "usr/bin/sh").exists():
        (root / "usr/bin/sh").symlink_to("dash")
    certificates = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    write(root / "etc/ssl/certs/ca-certificates.crt", "".join(path.read_text() for path in certificates))
    _install_pip(root)


def _install_pip(root: Path) -> None:
    wheels = sorted((root / "usr/share/python-wheels").glob("pip-*.whl"))
    if not wheels:
        raise ClusterError("python3-pip-whl brought no pip wheel: this Debian release is not known here")
    # Debian asks pip to keep out of its packages; in the official image, as here, pip is a package of its own.
    for marker in (root / "usr/lib").glob("python3.*/EXTERNALLY-MANAGED"):
        marker.unlink()
    shutil.unpack_archive(wheels[-1], root / "usr/lib/python3/dist-packages", "zip")


def _pack(root: Path, *, tar: Path) -> None:
    temporary = tar.with_suffix(".part")
    # Documentation and translations are a third of it, and nothing reads them.
    for name in ("doc", "man", "locale", "info", "lintian"):
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    with tarfile.open(temporary, "w") as archive:
        archive.add(root, arcname=".")
    temporary.replace(tar)


def python_version(root_tar: Path) -> str:
    """Return the Python release inside, for the line that says what the base stands in for."""
    with tarfile.open(root_tar) as archive:
        names = [name for name in archive.getnames() if name.startswith("./usr/bin/python3.")]
    return min(names, key=len).rpartition("python")[2] if names else "of an unknown release"


def import_into(builder: Sequence[str], *, tar: Path, reference: str) -> None:
    """Make an image of the root's tar in a builder's store."""
    container = run([*builder, "from", "--pull-never", "scratch"]).strip()
    try:
        run([*builder, "add", "-q", container, str(tar), "/"])
        run([*builder, "config", "--cmd", '["python3"]', container])
        run([*builder, "commit", "-q", "--rm", container, reference])
    except ClusterError:
        run([*builder, "rm", container])
        raise
