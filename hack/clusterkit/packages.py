"""Debian's packages: what the nodes are made of, and tools; none of their services is ever started."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clusterkit.build import cache_root, locked
from clusterkit.errors import ClusterError
from clusterkit.run import run
from clusterkit.say import in_progress, say

APT = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
"""The environment of apt: it asks nothing."""
_POLICY = Path("/usr/sbin/policy-rc.d")
# A program or a file that each package brings: looking is faster than asking dpkg, and it finds other vendors' builds,
# such as the runc that comes with Docker and that Debian's package would push off the machine.
NEEDED = {
    "busybox-static": "/bin/busybox",
    "conntrack": "conntrack",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "docker-registry": "docker-registry",
    "iproute2": "tc",
    "iptables": "iptables",
    "nftables": "nft",
    "openssl": "openssl",
    "procps": "sysctl",
    "runc": "runc",
    "skopeo": "skopeo",
    "util-linux": "nsenter",
}
_PATH = ":".join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def missing() -> list[str]:
    """Return the packages that are not there yet."""
    return [package for package, proof in NEEDED.items() if shutil.which(proof, path=_PATH) is None]


def ensure() -> None:
    """Install what is missing."""
    install(missing())


def install(wanted: Sequence[str]) -> None:
    """Install packages. Raises `ClusterError` on a machine without apt."""
    if not wanted:
        return
    if shutil.which("apt-get") is None:
        raise ClusterError(f"missing: {', '.join(wanted)}; install them manually, as apt-get is not available")
    say(f"installing Debian packages: {', '.join(wanted)}")
    with in_progress("installing Debian packages"), locked(cache_root(), name="apt"), _no_service_starts():
        run(["apt-get", "-q", "update"], env=APT)
        run(["apt-get", "-q", "-y", "install", "--no-install-recommends", *wanted], env=APT)


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Forbid packages to start their services while they are installed, by the file that Debian has for that."""
    if _POLICY.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w", dir=_POLICY.parent, delete=False) as policy:
        policy.write("#!/bin/sh\nexit 101\n")
    written = Path(policy.name)
    written.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    written.replace(_POLICY)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
