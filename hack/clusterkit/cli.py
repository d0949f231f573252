"""The command line of hack/cluster: stdout is data, stderr is talk; 0 went well, 1 failed, 2 was called wrongly."""

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
        one.add_argument("--name", default=DEFAULT_NAME, help="the cluster's name (default: %(default)s)")
        one.set_defaults(handler=handler)
        for flags, settings in _ARGUMENTS.get(name, ()):
            one.add_argument(*flags, **settings)  # type: ignore[arg-type]
    return top


_VERBS: tuple[tuple[str, Handler, str], ...] = (
    ("up", commands.up, "start a cluster, or what is missing of it"),
    ("prepare", commands.prepare, "build and install what a cluster is made of, without starting one"),
    ("down", commands.down, "remove a cluster and everything it made"),
    ("status", commands.status, "print what runs; exit code 1 if something does not"),
    ("kubeconfig", commands.kubeconfig, "print the path of the administrator's kubeconfig"),
    ("load", commands.load, "import an image archive into every node and print the names it brought"),
    ("push", commands.push, "copy an image archive into the cluster's registry and print the reference for pods"),
    ("image", commands.image, "write an archive of a small busybox image"),
    ("logs", commands.logs, "print the log of a component; without a name, list the components"),
    ("kwok", commands.kwok, "have N simulated nodes; 0 takes them away"),
    ("version", commands.version, "print the versions a cluster is made of"),
    ("pull-rate", commands.pull_rate, "limit what each node gets from the registry, for example 5mbit; or off"),
    ("node-server", commands.node_server, "have a node's kubelet talk to the API through a server, in JSON; or `off`"),
    ("tools", commands.tools, "print a directory with kubectl and helm, or with the programs that are named"),
    ("truth", commands.truth, "print the paths of the audit, containerd and CNI logs"),
    ("exec", commands.execute, "run a command in the control plane's network, or on a node"),
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
        (("--random-mb",), {"type": int, "default": 0, "help": "size of an added layer of random bytes, in MB"}),
        (
            ("--command",),
            {"nargs": argparse.REMAINDER, "default": [], "help": "command that the image runs; must be the last flag"},
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
            {"action": "store_true", "help": "use programs on PATH, and build only those that are missing"},
        ),
        (("programs",), {"nargs": "*", "metavar": "PROGRAM", "help": f"of {', '.join(NAMES)}"}),
    ),
    "exec": (
        (("--node",), {"type": int, "help": "the node's number; without it, the control plane"}),
        (("command",), {"nargs": argparse.REMAINDER}),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and turn what can go wrong into one line."""
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
        print("hack/cluster: interrupted; `hack/cluster down` removes what was made", file=sys.stderr)
        return 1
