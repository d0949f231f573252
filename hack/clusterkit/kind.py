"""hack/kind: a cluster of the same shape as hack/cluster's, for machines that have Docker."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clusterkit import build
from clusterkit.errors import ClusterError
from clusterkit.model import DEFAULT_NAME, Kubernetes
from clusterkit.run import describe_os_error, run
from clusterkit.toolbox import program

CONFIG = Path(__file__).parent.parent / "kind-config.yaml"


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="hack/kind", description="Run a Kubernetes cluster in Docker, with kind.")
    top.add_argument("--name", default=DEFAULT_NAME, help="name of the cluster (default: %(default)s)")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    create = verbs.add_parser("create", help="start a cluster, and print the path of its kubeconfig")
    create.add_argument("--image", help="node image, which determines the Kubernetes version (default: that of kind)")
    verbs.add_parser("delete", help="remove the cluster")
    verbs.add_parser("kubeconfig", help="print the path of the kubeconfig")
    load = verbs.add_parser("load", help="import an image archive into every node")
    load.add_argument("archive", type=Path)
    return top


def kubeconfig(name: str) -> Path:
    """Return where the kubeconfig is kept: a file of its own, the user's is left alone."""
    return build.cache_root() / f"kind-{name}.kubeconfig"


def words(options: argparse.Namespace) -> list[str]:
    """Return kind's arguments for one of our commands."""
    target = ["--name", options.name]
    private = ["--kubeconfig", str(kubeconfig(options.name))]
    if options.verb == "create":
        image = ["--image", options.image] if options.image else []
        return ["create", "cluster", *target, *private, "--config", str(CONFIG), "--wait", "3m", *image]
    if options.verb == "delete":
        return ["delete", "cluster", *target, *private]
    return ["load", "image-archive", *target, str(options.archive)]


def require_docker() -> None:
    """Say clearly what is missing, before kind says it at length."""
    if shutil.which("docker") is None:
        raise ClusterError("docker is not on PATH: install Docker, or use hack/cluster, which requires root instead")
    try:
        run(["docker", "info"])
    except ClusterError as error:
        raise ClusterError(f"Docker does not respond ({error}): start it, or join the group docker") from error


def execute(options: argparse.Namespace) -> int:
    """Run one command."""
    if options.verb == "kubeconfig":
        print(kubeconfig(options.name))
        return 0
    require_docker()
    kind = program("kind", release=Kubernetes.V1_37, own_first=True)
    status = subprocess.run([str(kind), *words(options)], stdout=sys.stderr, check=False).returncode
    if status == 0 and options.verb == "create":
        print(kubeconfig(options.name))
    if status == 0 and options.verb == "delete":
        kubeconfig(options.name).unlink(missing_ok=True)
    return 1 if status else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and turn what can go wrong into one line."""
    options = parser().parse_args(arguments)
    try:
        return execute(options)
    except ClusterError as error:
        print(f"hack/kind: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"hack/kind: {describe_os_error(error)}", file=sys.stderr)
        return 1
