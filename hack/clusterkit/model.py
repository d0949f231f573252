"""What a cluster is made of: versions, addresses, and where each of its files lies."""

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from clusterkit.errors import UsageError

DEFAULT_NAME = "podtimeline"
STATE_ROOT = Path("/var/lib/podtimeline/clusters")
MEMORY_ROOT = Path("/dev/shm")
MAX_NODES = 20
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")


class Kubernetes(Enum):
    """The releases the tool builds; each has its own Go module, whose lock file is the proof of what is in it."""

    V1_37 = "1.37.2"
    V1_34 = "1.34.4"

    @property
    def minor(self) -> str:
        """Return the release line, as a user names it."""
        return self.value.rpartition(".")[0]

    @classmethod
    def named(cls, text: str) -> "Kubernetes":
        """Return the release a user means by 1.37, v1.37 or 1.37.2."""
        for release in cls:
            if text.removeprefix("v") in {release.minor, release.value}:
                return release
        known = ", ".join(release.minor for release in cls)
        raise UsageError(f"--kubernetes {text}: known are {known}")


class Addresses:
    """The addresses inside a cluster.

    Every cluster has network namespaces of its own that nothing joins to the machine's network, so all clusters use
    the same ones: only the ports on 127.0.0.1 have to differ.
    """

    CONTROL_PLANE = "10.200.0.1"
    NODES = "10.200.0.0/24"
    PODS = "10.244.0.0/16"
    SERVICES = "10.96.0.0/16"
    KUBERNETES = "10.96.0.1"
    DNS = "10.96.0.10"
    API_PORT = 6443
    REGISTRY_PORT = 5000
    REGISTRY = "registry.local:5000"

    @staticmethod
    def node(index: int) -> str:
        """Return the address of a node on the cluster's bridge; nodes count from 1."""
        return f"10.200.0.{10 + index}"

    @staticmethod
    def pods(index: int) -> str:
        """Return the range that a node's pods get their addresses from."""
        return f"10.244.{index}.0/24"


@dataclass(frozen=True, slots=True)
class Spec:
    """What a user asked for."""

    name: str
    nodes: int
    kubernetes: Kubernetes

    def __post_init__(self) -> None:
        """Refuse what would only fail later, and less clearly."""
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"--name {self.name!r}: lower-case letters, digits and dashes, 32 at most")
        if not 1 <= self.nodes <= MAX_NODES:
            raise UsageError(f"--nodes {self.nodes}: 1 to {MAX_NODES}; `kwok N` adds any number of simulated ones")


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """One node's files. `run`, `lib` and `log` are what the node itself sees as /run, /var/lib and /var/log."""

    base: Path
    name: str
    index: int

    @property
    def run(self) -> Path:
        """Return the directory behind the node's /run."""
        return self.base / "run"

    @property
    def lib(self) -> Path:
        """Return the directory behind the node's /var/lib."""
        return self.base / "lib"

    @property
    def log(self) -> Path:
        """Return the directory behind the node's /var/log."""
        return self.base / "log"

    @property
    def config(self) -> Path:
        """Return where the node's configuration is written; the node sees it as /run/kubernetes."""
        return self.run / "kubernetes"

    @property
    def cni_log(self) -> Path:
        """Return the log of every call of the network plugin."""
        return self.run / "truth" / "cni.jsonl"


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything of one cluster lies: below `base`, and etcd's data in memory."""

    base: Path
    name: str

    @classmethod
    def of(cls, name: str) -> "Files":
        """Return the files of the cluster of that name."""
        return cls(base=STATE_ROOT / name, name=name)

    @property
    def memory(self) -> Path:
        """Return etcd's directory; on an ordinary disk its fsyncs time out under load."""
        return MEMORY_ROOT / f"podtimeline-{self.name}"

    @property
    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig, for use on the machine."""
        return self.base / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Return the directory of keys and certificates."""
        return self.base / "pki"

    @property
    def config(self) -> Path:
        """Return the control plane's configuration directory."""
        return self.base / "config"

    @property
    def logs(self) -> Path:
        """Return the directory of the components' logs."""
        return self.base / "logs"

    @property
    def processes(self) -> Path:
        """Return the directory with a record of each process that was started."""
        return self.base / "processes"

    @property
    def audit(self) -> Path:
        """Return the API server's audit log."""
        return self.base / "truth" / "audit.jsonl"

    def events(self, node: str) -> Path:
        """Return the log of a node's containerd events."""
        return self.base / "truth" / f"containerd-{node}.log"

    def netns(self, place: str) -> Path:
        """Return the file that a network namespace is pinned to."""
        return self.base / "netns" / place

    def node(self, index: int) -> NodeFiles:
        """Return the files of a node; nodes count from 1."""
        return NodeFiles(base=self.base / "nodes" / str(index), name=f"node-{index}", index=index)
