"""Debian's packages that the nodes are made of; none of their services is ever started."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.run import run
from clusterkit.say import say

_POLICY = Path("/usr/sbin/policy-rc.d")
# A file that only the package brings, for each package: asking dpkg for all of them takes longer than looking.
NEEDED = {
    "busybox-static": Path("/bin/busybox"),
    "conntrack": Path("/usr/sbin/conntrack"),
    "containerd": Path("/usr/bin/containerd"),
    "containernetworking-plugins": Path("/usr/lib/cni/bridge"),
    "docker-registry": Path("/usr/bin/docker-registry"),
    "iproute2": Path("/sbin/tc"),
    "iptables": Path("/usr/sbin/iptables"),
    "nftables": Path("/usr/sbin/nft"),
    "openssl": Path("/usr/bin/openssl"),
    "procps": Path("/sbin/sysctl"),
    "runc": Path("/usr/sbin/runc"),
    "skopeo": Path("/usr/bin/skopeo"),
    "util-linux": Path("/usr/bin/nsenter"),
}


def missing() -> list[str]:
    """Return the packages that are not there yet."""
    return [package for package, proof in NEEDED.items() if not proof.exists()]


def ensure() -> None:
    """Install what is missing."""
    wanted = missing()
    if not wanted:
        return
    if shutil.which("apt-get") is None:
        raise ClusterError(f"missing: {', '.join(wanted)}; this machine has no apt-get, install them by hand")
    say(f"installing Debian's {', '.join(wanted)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with _no_service_starts():
        run(["apt-get", "-q", "update"], env=environment)
        run(["apt-get", "-q", "-y", "install", "--no-install-recommends", *wanted], env=environment)


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
