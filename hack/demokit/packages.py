"""Debian's packages, as an installed tool or unpacked into a directory; no service of theirs is ever started."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterkit.build import cache_root, locked
from clusterkit.errors import ClusterError
from clusterkit.packages import APT, install
from clusterkit.run import describe_failure, run

# With merged /usr these are links; packages that still ship files below them follow the links.
_MERGED = ("bin", "sbin", "lib", "lib64")


@dataclass(frozen=True, slots=True)
class Package:
    """One archive as apt would fetch it: its file name holds name and version, the digest its content."""

    file: str
    digest: str


def parse_uris(text: str) -> tuple[Package, ...]:
    """Return the packages that `apt-get --print-uris` names, one a line: 'address' file size digest."""
    fields = [line.split() for line in text.splitlines() if line.startswith("'")]
    return tuple(
        sorted((Package(file=words[1], digest=words[3]) for words in fields), key=lambda package: package.file)
    )


def closure(wanted: Sequence[str]) -> tuple[Package, ...]:
    """Return the packages and all that they depend on, as if nothing were installed yet."""
    if shutil.which("apt-get") is None:
        raise ClusterError("cannot build the image: neither Docker with access to a registry nor apt-get is available")
    with tempfile.TemporaryDirectory() as name:
        # apt leaves out what it finds downloaded already: an empty directory of its own makes the answer whole.
        (Path(name) / "partial").mkdir()
        words = _apt(["-qq", "--print-uris", "-o", f"Dir::Cache::archives={name}"], wanted)
        try:
            return parse_uris(run(words, env=APT))
        except ClusterError:
            # A fresh machine has no package lists yet.
            with locked(cache_root(), name="apt"):
                run(["apt-get", "-q", "update"], env=APT)
            return parse_uris(run(words, env=APT))


def unpack(wanted: Sequence[str], *, root: Path, scratch: Path) -> None:
    """Fetch the packages of `closure` and unpack them into a root; apt checks each against the archive's signature.

    No script of a package runs: there is nothing yet in the root that could run one.
    """
    (scratch / "partial").mkdir(parents=True, exist_ok=True)
    run(_apt(["-q", "--download-only", "-o", f"Dir::Cache::archives={scratch}"], wanted), env=APT)
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in sorted(scratch.glob("*.deb")):
        _unpack(package, root=root)


def _unpack(package: Path, *, root: Path) -> None:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as source:
        words = ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(root)]
        done = subprocess.run(words, stdin=source.stdout, capture_output=True, check=False)
    if source.returncode or done.returncode:
        raise ClusterError(describe_failure(words, done.stderr.decode(errors="replace")))


def _apt(options: Sequence[str], wanted: Sequence[str]) -> list[str]:
    # An empty status file: apt then resolves for an empty root instead of for this machine.
    nothing = ["-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=1", "-o", "Acquire::ForceHash=SHA256"]
    return ["apt-get", *nothing, *options, "-y", "--no-install-recommends", "install", *wanted]


def ensure(program: str, *, package: str) -> str:
    """Return the path of a program, installing its package when it is missing."""
    found = shutil.which(program)
    if found is not None:
        return found
    install([package])
    found = shutil.which(program)
    if found is None:
        raise ClusterError(f"{package} is installed, but {program} is not on PATH")
    return found
