"""The cluster that the demo runs on: the one in KUBECONFIG, else one of its own, by kind or by hack/cluster."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from clusterkit import kind
from clusterkit.build import cache_root
from clusterkit.errors import ClusterError
from clusterkit.lifecycle import load_spec
from clusterkit.model import STATE_ROOT, Files, Kubernetes
from clusterkit.toolbox import toolbox
from demokit.tools import answers, docker_answers, run_told

HACK = Path(__file__).resolve().parents[1]
NAME = "podtimeline-demo"
"""The cluster that the demo starts where KUBECONFIG names none."""


class Made(Enum):
    """Who made the cluster, which decides how images get onto its nodes."""

    HACK_CLUSTER = "hack/cluster"
    KIND = "kind"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster and the tools that talk to it; `name` is empty where it was made elsewhere.

    `own` is True for the cluster that the demo itself made.
    """

    made: Made
    name: str
    kubeconfig: str
    kubectl_path: str
    helm_path: str
    own: bool = False

    @property
    def kubectl_command(self) -> list[str]:
        """Return kubectl with the flag that names the cluster, for a process that outlives this one."""
        # KUBECONFIG may be a list of files, which the flag does not take.
        one = os.pathsep not in self.kubeconfig
        return [self.kubectl_path, *([f"--kubeconfig={Path(self.kubeconfig).absolute()}"] if one else [])]

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed."""
        return run_told([self.kubectl_path, *words], env=self.environment(), stdin=stdin)

    def helm(self, *words: str) -> str:
        """Run helm and return what it printed."""
        return run_told([self.helm_path, *words], env=self.environment())

    def environment(self) -> dict[str, str]:
        """Return the environment of tools that find the cluster by KUBECONFIG."""
        return {**os.environ, "KUBECONFIG": self.kubeconfig}

    def load(self, archive: Path) -> None:
        """Bring an image onto every node."""
        if self.made is Made.HACK_CLUSTER:
            tool("cluster", "load", "--name", self.name, str(archive))
        elif self.made is Made.KIND:
            tool("kind", "--name", self.name, "load", str(archive))
        else:
            raise ClusterError(
                "cannot load images into this cluster: push the image to a registry, and pass --image NAME:TAG"
            )


def tool(name: str, *words: str) -> str:
    """Run one of hack/'s commands, its progress shown, and return what it printed."""
    done = subprocess.run([str(HACK / name), *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"hack/{name} {words[0]} failed, see above")
    return done.stdout.strip()


def given() -> Cluster | None:
    """Return the cluster in KUBECONFIG."""
    path = os.environ.get("KUBECONFIG")
    if not path:
        return None
    made, name = maker(path)
    return _opened(made, name=name, kubeconfig=path)


def own() -> Made | None:
    """Return who made the cluster that an earlier demo has left; None if there is none."""
    return next((made for made in (Made.HACK_CLUSTER, Made.KIND) if mark(made).exists() and _there(made)), None)


def preferred() -> Made:
    """Return who is to make a cluster: a kind that is there with a Docker that answers, else hack/cluster."""
    return Made.KIND if shutil.which("kind") and docker_answers() else Made.HACK_CLUSTER


def start(made: Made) -> None:
    """Start the demo's own cluster, or what is missing of it."""
    there = _there(made)
    if made is Made.HACK_CLUSTER:
        tool("cluster", "up", "--name", NAME)
    elif not there:
        tool("kind", "--name", NAME, "create")
    if not there:
        mark(made).parent.mkdir(parents=True, exist_ok=True)
        mark(made).touch()


def remove(made: Made) -> None:
    """Remove the demo's own cluster."""
    if made is Made.KIND:
        tool("kind", "--name", NAME, "delete")
    else:
        tool("cluster", "down", "--name", NAME)
    mark(made).unlink(missing_ok=True)


def opened(made: Made) -> Cluster:
    """Return the demo's own cluster, which is up."""
    path = kind.kubeconfig(NAME) if made is Made.KIND else Files.of(NAME).kubeconfig
    return _opened(made, name=NAME, kubeconfig=str(path))


def mark(made: Made) -> Path:
    """Return the file which says that the demo made its cluster, so that it may take it down again."""
    if made is Made.KIND:
        return cache_root() / "demo" / "made-by-kind"
    return Files.of(NAME).base / "made-by-hack-demo"


def maker(kubeconfig: str) -> tuple[Made, str]:
    """Return who made the cluster of a kubeconfig, and its name: by where the file lies, or by its current context."""
    path = Path(kubeconfig).absolute()
    if path.parent.parent == STATE_ROOT:
        return Made.HACK_CLUSTER, path.parent.name
    context = _current_context(kubeconfig)
    return (Made.KIND, context.removeprefix("kind-")) if context.startswith("kind-") else (Made.ELSEWHERE, "")


def _current_context(kubeconfig: str) -> str:
    """Read it as kubectl does, the first of several files first, on machines that have no kubectl either."""
    for path in (Path(each) for each in kubeconfig.split(os.pathsep) if each):
        found = (
            re.search(r'^\W*current-context"?:\s*"?([^\s",]+)', path.read_text(), re.MULTILINE)
            if path.exists()
            else None
        )
        if found is not None:
            return found[1]
    return ""


def _there(made: Made) -> bool:
    if made is Made.KIND:
        return kind.kubeconfig(NAME).exists() and answers(["docker", "inspect", f"{NAME}-control-plane"])
    return Files.of(NAME).base.exists()


def _opened(made: Made, *, name: str, kubeconfig: str) -> Cluster:
    mine = made is not Made.ELSEWHERE and name == NAME and mark(made).exists()
    kubectl, helm = _tools(made, name=name)
    return Cluster(made=made, name=name, kubeconfig=kubeconfig, kubectl_path=kubectl, helm_path=helm, own=mine)


def _tools(made: Made, *, name: str) -> tuple[str, str]:
    """Return kubectl and helm: those of the cluster's own release, on other clusters first what PATH has."""
    spec = load_spec(name) if made is Made.HACK_CLUSTER else None
    release = spec.kubernetes if spec else Kubernetes.V1_37
    directory = toolbox(("kubectl", "helm"), release=release, own_first=made is not Made.HACK_CLUSTER)
    return str(directory / "kubectl"), str(directory / "helm")
