"""The command line of hack/cluster: data on stdout, progress on stderr; exit code 1 for failures, 2 for usage."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from clusterkit import commands
from clusterkit.errors import ClusterError
from clusterkit.model import DEFAULT_NAME, Kubernetes
from clusterkit.run import describe_os_error
from clusterkit.toolbox import NAMES

Handler = Callable[[argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(prog="hack/cluster", description="Run a real Kubernetes cluster on this machine.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name, handler, text in _VERBS:
        one = verbs.add_parser(name, help=text, description=text)
        one.add_argument("--name", default=DEFAULT_NAME, help="name of the cluster (default: %(default)s)")
        one.set_defaults(handler=handler)
        for flags, settings in _ARGUMENTS.get(name, ()):
            one.add_argument(*flags, **settings)  # type: ignore[arg-type]
    return top


_VERBS: tuple[tuple[str, Handler, str], ...] = (
    ("up", commands.up, "start a cluster, or the missing parts of one"),
    ("prepare", commands.prepare, "build and install the components of a cluster, without starting it"),
    ("down", commands.down, "remove a cluster and all its files"),
    ("status", commands.status, "print the state of processes and nodes; exit code 1 if one is not running"),
    ("kubeconfig", commands.kubeconfig, "print the path of the administrator's kubeconfig"),
    ("load", commands.load, "import an image archive into every node, and print the names of its images"),
    ("push", commands.push, "copy an image archive into the cluster's registry, and print the image name for pods"),
    ("image", commands.image, "write the archive of a small busybox image"),
    ("logs", commands.logs, "print the log of a component; without a name, list the components"),
    ("kwok", commands.kwok, "set the number of simulated nodes; 0 removes them"),
    ("version", commands.version, "print the versions of the components"),
    ("pull-rate", commands.pull_rate, "limit each node's bandwidth from the registry, such as 5mbit; off removes it"),
    ("node-server", commands.node_server, "connect a node's kubelet to another server, with JSON; off reverts it"),
    ("tools", commands.tools, "print a directory with kubectl and helm, or with the given programs"),
    ("truth", commands.truth, "print the paths of the audit, containerd and CNI logs"),
    ("exec", commands.execute, "run a command in the network of the control plane, or on a node"),
)
_RELEASES = ", ".join(release.minor for release in Kubernetes)
_KUBERNETES: tuple[tuple[str, ...], dict[str, object]] = (
    ("--kubernetes",),
    {"default": Kubernetes.V1_37.minor, "help": f"one of {_RELEASES} (default: %(default)s)"},
)
_ARGUMENTS: dict[str, tuple[tuple[tuple[str, ...], dict[str, object]], ...]] = {
    "up": (
        (("--nodes",), {"type": int, "default": 2, "help": "number of nodes (default: %(default)s)"}),
        _KUBERNETES,
    ),
    "prepare": (_KUBERNETES,),
    "load": ((("archive",), {"type": Path}),),
    "push": ((("archive",), {"type": Path}), (("reference",), {"metavar": "NAME:TAG"})),
    "image": (
        (("reference",), {"metavar": "NAME:TAG"}),
        (("archive",), {"type": Path}),
        (("--random-mb",), {"type": int, "default": 0, "help": "size of an additional layer of random bytes, in MB"}),
        (
            ("--command",),
            {"nargs": argparse.REMAINDER, "default": [], "help": "command of the image; must be the last flag"},
        ),
    ),
    "logs": ((("component",), {"nargs": "?"}),),
    "kwok": ((("count",), {"type": int, "metavar": "N"}),),
    "pull-rate": ((("rate",), {}),),
    "node-server": ((("node",), {"type": int}), (("server",), {"metavar": "URL|off"})),
    "tools": (
        _KUBERNETES,
        (
            ("--own-first",),
            {"action": "store_true", "help": "use the programs on PATH, and build only the missing ones"},
        ),
        (("programs",), {"nargs": "*", "metavar": "PROGRAM", "help": f"any of {', '.join(NAMES)}"}),
    ),
    "exec": (
        (("--node",), {"type": int, "help": "number of the node; the control plane if not set"}),
        (("command",), {"nargs": argparse.REMAINDER}),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and print errors in one line."""
    chosen = parser().parse_args(arguments)
    handler: Handler = chosen.handler
    try:
        return handler(chosen)
    except ClusterError as error:
        print(f"hack/cluster: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"hack/cluster: {describe_os_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack/cluster: interrupted; run `hack/cluster down` to clean up", file=sys.stderr)
        return 1
