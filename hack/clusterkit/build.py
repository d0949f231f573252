"""The binaries: built from the Go module proxy once, and kept outside the tree under a key of what went into them."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.model import Kubernetes
from clusterkit.run import describe_failure, run
from clusterkit.say import in_progress, say

SOURCES = Path(__file__).parent / "go"
KUBERNETES_NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
RUNTIME_NAMES = ("containerd", "containerd-shim-runc-v2", "ctr")
TOOL_NAMES = ("bridge", "fetch", "forward", "lookup", "pause")
_GO_NEEDED = (1, 26)
_DISK_NEEDED = 8 << 30


@dataclass(frozen=True, slots=True)
class Target:
    """What one build makes: one binary of a module of this tree, or commands of a released module.

    With ``source`` it goes by all of ``names``, and ``commands`` is the import path of its main package if that is not
    the module's own. Without, ``commands`` are the paths below ``module``, at ``version``.
    """

    name: str
    source: Path | None = None
    module: str = ""
    version: str = ""
    commands: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    minutes: float = 0.5
    """Of CPU time, where nothing is cached."""
    flags: tuple[str, ...] = field(default=("-trimpath", "-buildvcs=false"))

    @property
    def ldflags(self) -> str:
        """Return the linker's flags: no symbol table, and the version that the program shall tell."""
        return " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in self.stamps)])

    @property
    def packages(self) -> list[str]:
        """Return the main packages as the go command takes them; none for a module's own."""
        if self.source is not None:
            return list(self.commands)
        return [f"{self.module}/{command}@{self.version}".replace("/@", "@") for command in self.commands]


def kubernetes(release: Kubernetes) -> Target:
    """Return the one binary that is all of Kubernetes and etcd."""
    name = f"kubernetes-{release.minor}"
    return Target(name=name, source=SOURCES / name, names=KUBERNETES_NAMES, stamps=_stamps(release), minutes=12)


def kubectl(release: Kubernetes) -> Target:
    """Return kubectl alone, for a cluster that is there: locked by the same file as all of Kubernetes."""
    return Target(
        name=f"kubectl-{release.minor}",
        source=SOURCES / f"kubernetes-{release.minor}",
        commands=("k8s.io/kubernetes/cmd/kubectl",),
        names=("kubectl",),
        stamps=_stamps(release),
        minutes=2,
    )


def _stamps(release: Kubernetes) -> tuple[str, ...]:
    minor = release.minor.partition(".")[2]
    values = {"gitVersion": f"v{release.value}", "gitMajor": "1", "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple(f"{package}.{key}={value}" for package in packages for key, value in values.items())


COREDNS = Target(name="coredns", source=SOURCES / "coredns", names=("coredns",), minutes=2)
TOOLS = Target(name="tools", source=SOURCES / "tools", names=TOOL_NAMES)
CONTAINERD = Target(
    name="containerd",
    module="github.com/containerd/containerd/v2",
    version="v2.3.7",
    commands=tuple(f"cmd/{name}" for name in RUNTIME_NAMES),
    names=RUNTIME_NAMES,
    stamps=("github.com/containerd/containerd/v2/version.Version=v2.3.7",),
    minutes=2,
)
HELM = Target(
    name="helm",
    module="helm.sh/helm/v3",
    version="v3.22.0",
    commands=("cmd/helm",),
    names=("helm",),
    stamps=("helm.sh/helm/v3/internal/version.version=v3.22.0",),
    minutes=2,
)
KWOK = Target(
    name="kwok",
    module="sigs.k8s.io/kwok",
    version="v0.8.0",
    commands=("cmd/kwok",),
    names=("kwok",),
    minutes=2,
)
KUBE_STATE_METRICS = Target(
    name="kube-state-metrics",
    source=SOURCES / "kube-state-metrics",
    commands=("k8s.io/kube-state-metrics/v2",),
    names=("kube-state-metrics",),
    minutes=3,
)
"""What the operator's cost is compared with (``hack/bench cluster``)."""
KIND = Target(name="kind", module="sigs.k8s.io/kind", version="v0.33.0", commands=("",), names=("kind",))


def cache_root() -> Path:
    """Return the directory for what is worth keeping between runs."""
    chosen = os.environ.get("PODTIMELINE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podtimeline"


def key(target: Target, *, go: str) -> str:
    """Return the key of a binary's inputs: compiler, flags, sources and the lock file of what they import."""
    digest = hashlib.sha256()
    parts = [target.name, " ".join(target.packages), go, target.ldflags, *target.flags, *target.names]
    for path in sorted(target.source.iterdir()) if target.source else []:
        parts += [path.name, path.read_text()]
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def parse_go_version(text: str) -> tuple[int, int]:
    """Return the compiler's release from what `go version` prints."""
    found = re.search(r"go(\d+)\.(\d+)", text)
    if found is None:
        raise ClusterError(f"`go version` printed {text!r}: install Go {_GO_NEEDED[0]}.{_GO_NEEDED[1]} or newer")
    return int(found[1]), int(found[2])


@cache
def go_version() -> str:
    """Return what `go version` prints, or say that a newer Go is needed."""
    if shutil.which("go") is None:
        raise ClusterError(f"go is not on PATH: install Go {_GO_NEEDED[0]}.{_GO_NEEDED[1]} or newer")
    text = run(["go", "version"]).strip()
    if parse_go_version(text) < _GO_NEEDED:
        raise ClusterError(f"{text} is too old: install Go {_GO_NEEDED[0]}.{_GO_NEEDED[1]} or newer")
    return text


def place(target: Target) -> Path:
    """Return the directory that a target is built into."""
    return cache_root() / f"{target.name}-{key(target, go=go_version())}"


def built(target: Target) -> bool:
    """Whether somebody has built it already."""
    return (place(target) / "ready").exists()


def ensure(target: Target) -> Path:
    """Return the directory with the binary under each of its names; build it if no one has yet."""
    directory = place(target)
    if not built(target):
        with locked(directory.parent, name=directory.name):
            if not built(target):
                _build(target, directory=directory)
    return directory


@contextmanager
def locked(root: Path, *, name: str) -> Iterator[None]:
    """Let one process at a time, and one thread of it, make what lies in the cache under a name."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(target: Target, *, directory: Path) -> None:
    if shutil.disk_usage(directory.parent).free < _DISK_NEEDED:
        raise ClusterError(f"{directory.parent}: less than {_DISK_NEEDED >> 30} GiB left; free disk space, try again")
    say(f"building {target.name} ({target.minutes:g} min of CPU time; cached in {directory.parent})")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    _compile(target, directory=directory)
    program = directory / target.name
    for name in target.names:
        if target.source is not None and name != target.name:
            (directory / name).symlink_to(program.name)
    (directory / "ready").touch()


def compile_command(target: Target, *, directory: Path) -> list[str]:
    """Return the words that compile a target into a directory."""
    words = [*target.flags, "-ldflags", target.ldflags]
    if target.source is None:
        return ["go", "install", *words, *target.packages]
    return ["go", "build", *words, "-mod=readonly", "-o", str(directory / target.name), *(target.packages or ["."])]


def _compile(target: Target, *, directory: Path) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOBIN": str(directory), "GOWORK": "off"}
    command = compile_command(target, directory=directory)
    where = target.source or directory
    with in_progress(target.name):
        done = subprocess.run(command, cwd=where, env=environment, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(describe_failure(command, done.stderr))
