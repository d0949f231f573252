"""The cluster that the demo runs on: the one in KUBECONFIG, else one of hack/cluster."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.model import STATE_ROOT, Files
from demokit.tools import run_told

HACK = Path(__file__).resolve().parents[1]
NAME = "podtimeline-demo"
"""The cluster that the demo starts where KUBECONFIG names none."""
_MARK = Files.of(NAME).base / "made-by-hack-demo"
"""Says that the demo made that cluster, so that it may take it down again."""


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
                "this cluster was made elsewhere: push the image to a registry of yours, then --image NAME:TAG"
            )


def tool(name: str, *words: str) -> str:
    """Run one of hack/'s commands, its progress shown, and return what it printed."""
    done = subprocess.run([str(HACK / name), *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"hack/{name} {words[0]} failed, see above")
    return done.stdout.strip()


def find(*, start: bool = True) -> Cluster | None:
    """Return the cluster in KUBECONFIG, else the demo's own one: started if need be, or None with `start` off."""
    given = os.environ.get("KUBECONFIG")
    if given:
        made, name = _maker(given)
        kubectl, helm = _tools(made)
        own = made is Made.HACK_CLUSTER and name == NAME and _MARK.exists()
        return Cluster(made=made, name=name, kubeconfig=given, kubectl_path=kubectl, helm_path=helm, own=own)
    if not start and not _MARK.exists():
        return None
    if start:
        _start()
    kubectl, helm = _tools(Made.HACK_CLUSTER)
    path = tool("cluster", "kubeconfig", "--name", NAME)
    return Cluster(
        made=Made.HACK_CLUSTER, name=NAME, kubeconfig=path, kubectl_path=kubectl, helm_path=helm, own=_MARK.exists()
    )


def _start() -> None:
    there = Files.of(NAME).base.exists()
    tool("cluster", "up", "--name", NAME)
    if not there:
        _MARK.touch()


def _maker(kubeconfig: str) -> tuple[Made, str]:
    path = Path(kubeconfig).absolute()
    if path.parent.parent == STATE_ROOT:
        return Made.HACK_CLUSTER, path.parent.name
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        return Made.ELSEWHERE, ""
    context = subprocess.run(
        [kubectl, "config", "current-context"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return (Made.KIND, context.removeprefix("kind-")) if context.startswith("kind-") else (Made.ELSEWHERE, "")


def _tools(made: Made) -> tuple[str, str]:
    """Return kubectl and helm: people's own on a cluster of theirs, else the ones built here."""
    kubectl, helm = shutil.which("kubectl"), shutil.which("helm")
    if made is not Made.HACK_CLUSTER and kubectl and helm:
        return kubectl, helm
    directory = Path(tool("cluster", "tools"))
    return str(directory / "kubectl"), str(directory / "helm")
