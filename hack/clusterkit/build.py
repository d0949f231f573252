"""The binaries: built from the Go module proxy once, and kept outside the tree under a key of what went into them."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.model import Kubernetes
from clusterkit.run import describe_failure, run
from clusterkit.say import say

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
_REPORT_EVERY = 15.0


@dataclass(frozen=True, slots=True)
class Target:
    """What one build makes: a module of this tree under several names, or commands of a released module.

    ``commands`` are the import paths below ``module`` that a released one has, at ``version``.
    """

    name: str
    source: Path | None = None
    module: str = ""
    version: str = ""
    commands: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    cost: str = "under a minute"
    flags: tuple[str, ...] = field(default=("-trimpath", "-buildvcs=false"))

    @property
    def ldflags(self) -> str:
        """Return the linker's flags: no symbol table, and the version that the program shall tell."""
        return " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in self.stamps)])

    @property
    def packages(self) -> list[str]:
        """Return a released module's commands as `go install` takes them."""
        return [f"{self.module}/{command}@{self.version}".replace("/@", "@") for command in self.commands]


def kubernetes(release: Kubernetes) -> Target:
    """Return the one binary that is all of Kubernetes and etcd."""
    minor = release.minor.partition(".")[2]
    values = {"gitVersion": f"v{release.value}", "gitMajor": "1", "gitMinor": minor, "gitTreeState": "clean"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    stamps = tuple(f"{package}.{key}={value}" for package in packages for key, value in values.items())
    name = f"kubernetes-{release.minor}"
    cost = "15 minutes of CPU time when nothing is cached"
    return Target(name=name, source=SOURCES / name, names=KUBERNETES_NAMES, stamps=stamps, cost=cost)


COREDNS = Target(name="coredns", source=SOURCES / "coredns", names=("coredns",), cost="2 minutes of CPU time")
TOOLS = Target(name="tools", source=SOURCES / "tools", names=TOOL_NAMES)
CONTAINERD = Target(
    name="containerd",
    module="github.com/containerd/containerd/v2",
    version="v2.3.7",
    commands=tuple(f"cmd/{name}" for name in RUNTIME_NAMES),
    names=RUNTIME_NAMES,
    stamps=("github.com/containerd/containerd/v2/version.Version=v2.3.7",),
    cost="2 minutes of CPU time",
)
HELM = Target(
    name="helm",
    module="helm.sh/helm/v3",
    version="v3.22.0",
    commands=("cmd/helm",),
    names=("helm",),
    stamps=("helm.sh/helm/v3/internal/version.version=v3.22.0",),
    cost="2 minutes of CPU time",
)
KWOK = Target(
    name="kwok",
    module="sigs.k8s.io/kwok",
    version="v0.8.0",
    commands=("cmd/kwok",),
    names=("kwok",),
    cost="2 minutes of CPU time",
)
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


def ensure(target: Target) -> Path:
    """Return the directory with the binary under each of its names; build it if no one has yet."""
    root = cache_root()
    directory = root / f"{target.name}-{key(target, go=go_version())}"
    if not (directory / "ready").exists():
        with _locked(root, name=directory.name):
            if not (directory / "ready").exists():
                _build(target, directory=directory)
    return directory


@contextmanager
def _locked(root: Path, *, name: str) -> Iterator[None]:
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(target: Target, *, directory: Path) -> None:
    if shutil.disk_usage(directory.parent).free < _DISK_NEEDED:
        raise ClusterError(f"{directory.parent}: less than {_DISK_NEEDED >> 30} GiB free; make room, then run it again")
    say(f"building {target.name} ({target.cost}; kept in {directory.parent})")
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
    return ["go", "build", *words, "-mod=readonly", "-o", str(directory / target.name), "."]


def _compile(target: Target, *, directory: Path) -> None:
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOBIN": str(directory), "GOWORK": "off"}
    command = compile_command(target, directory=directory)
    where = target.source or directory
    process = subprocess.Popen(command, cwd=where, env=environment, stderr=subprocess.PIPE, text=True)
    lines: list[str] = []
    reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    _report(process, name=target.name, lines=lines)
    reader.join()
    if process.returncode != 0:
        raise ClusterError(describe_failure(command, "\n".join(lines)))


def _collect(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    for line in process.stderr or ():
        lines.append(line.rstrip())  # noqa: PERF401 - read while it is written


def _report(process: "subprocess.Popen[str]", *, name: str, lines: Sequence[str]) -> None:
    """Show that something happens: minutes of silence look like a hang."""
    while True:
        try:
            process.wait(timeout=_REPORT_EVERY)
        except subprocess.TimeoutExpired:
            downloads = sum(line.startswith("go: downloading") for line in lines)
            say(f"  still building {name}" + (f" ({downloads} modules fetched)" if downloads else ""))
        else:
            return


def toolbox(targets: Sequence[Target], *, release: Kubernetes) -> Path:
    """Return one directory that holds kubectl and the named tools, for use on PATH."""
    directories = [ensure(kubernetes(release)), *(ensure(target) for target in targets)]
    names = "-".join(directory.name for directory in directories)
    box = cache_root() / f"toolbox-{hashlib.sha256(names.encode()).hexdigest()[:16]}"
    box.mkdir(parents=True, exist_ok=True)
    _link(box / "kubectl", to=directories[0] / "kubectl")
    for target, directory in zip(targets, directories[1:], strict=True):
        _link(box / target.name, to=directory / target.name)
    return box


def _link(path: Path, *, to: Path) -> None:
    """Point a name at a file without a moment in which it is missing: another command may be about to run it."""
    if path.is_symlink() and path.readlink() == to:
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(to)
    fresh.replace(path)
