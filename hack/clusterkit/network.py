"""The cluster's network: a namespace for the control plane with a bridge, one per node, and nothing outside them.

Namespaces are entered with nsenter; `ip netns exec` would remount /sys and hide the control groups.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from clusterkit.errors import ClusterError
from clusterkit.model import Addresses, Files, NodeFiles
from clusterkit.run import run

CONTROL_PLANE = "control-plane"
_BRIDGE = "nodes"


def entering(files: Files, *, place: str) -> list[str]:
    """Return the words that run a command in a network namespace of the cluster."""
    return ["nsenter", f"--net={files.netns(place)}", "--"]


def inside(files: Files, *, place: str, command: Sequence[str]) -> str:
    """Run a command in a network namespace of the cluster."""
    return run([*entering(files, place=place), *command])


def is_mounted(path: Path) -> bool:
    """Return whether something is mounted at exactly this path."""
    return any(line.split()[4] == str(path) for line in Path("/proc/self/mountinfo").read_text().splitlines())


def create_namespace(files: Files, *, place: str) -> None:
    """Make a network namespace, pinned to a file of the cluster, that forwards packets."""
    pin = files.netns(place)
    pin.parent.mkdir(parents=True, exist_ok=True)
    pin.touch()
    try:
        run(["unshare", f"--net={pin}", "true"])
    except ClusterError as error:
        advice = "use a machine where they are allowed, or hack/kind"
        raise ClusterError(f"cannot create a network namespace ({error}): {advice}") from error
    _ip(files, place, "link set lo up")
    settings = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.disable_ipv6=1"]
    inside(files, place=place, command=["sysctl", "-q", "-w", *settings])


def _ip(files: Files, place: str, words: str) -> None:
    inside(files, place=place, command=["ip", *words.split()])


def create_control_plane(files: Files) -> None:
    """Make the control plane's namespace, with the bridge that the nodes are plugged into."""
    create_namespace(files, place=CONTROL_PLANE)
    _ip(files, CONTROL_PLANE, f"link add {_BRIDGE} type bridge")
    _ip(files, CONTROL_PLANE, f"addr add {Addresses.CONTROL_PLANE}/24 dev {_BRIDGE}")
    _ip(files, CONTROL_PLANE, f"link set {_BRIDGE} up")


def port(node: NodeFiles) -> str:
    """Return the name of a node's port on the bridge."""
    return f"to-{node.name}"


def create_node(files: Files, node: NodeFiles) -> None:
    """Make a node's namespace and plug it in; the control plane reaches its pods through it."""
    create_namespace(files, place=node.name)
    _ip(files, CONTROL_PLANE, f"link add {port(node)} type veth peer name eth0 netns {files.netns(node.name)}")
    _ip(files, CONTROL_PLANE, f"link set {port(node)} master {_BRIDGE} up")
    _ip(files, node.name, f"addr add {Addresses.node(node.index)}/24 dev eth0")
    _ip(files, node.name, "link set eth0 up")
    _ip(files, node.name, f"route add default via {Addresses.CONTROL_PLANE}")
    inside(files, place=node.name, command=["sysctl", "-q", "-w", "-e", "net.bridge.bridge-nf-call-iptables=1"])


def connect_pods(files: Files, nodes: Sequence[NodeFiles]) -> None:
    """Route each node's pod network to it, from the control plane and from the other nodes."""
    for node in nodes:
        route = f"route add {Addresses.pods(node.index)} via {Addresses.node(node.index)}"
        for place in [CONTROL_PLANE, *(other.name for other in nodes if other is not node)]:
            _ip(files, place, route)


def shaping(device: str, *, rate: str) -> list[list[str]]:
    """Return the commands that limit what the registry sends through a port, and nothing else.

    Unclassified packets pass an HTB without default untouched: shaping everything would delay the API as well.
    """
    tcp, port_5000 = (
        ["match", "ip", "protocol", "6", "0xff"],
        ["match", "ip", "sport", str(Addresses.REGISTRY_PORT), "0xffff"],
    )
    into = ["parent", "1:", "protocol", "ip", "prio", "1", "u32"]
    return [
        ["tc", "qdisc", "replace", "dev", device, "root", "handle", "1:", "htb"],
        ["tc", "class", "replace", "dev", device, "parent", "1:", "classid", "1:10", "htb", "rate", rate, "ceil", rate],
        ["tc", "filter", "add", "dev", device, *into, *tcp, *port_5000, "flowid", "1:10"],
    ]


def limit_pulls(files: Files, nodes: Sequence[NodeFiles], *, rate: str | None) -> None:
    """Set the rate at which each node gets images from the registry; None takes the limit away."""
    for node in nodes:
        removal = ["tc", "qdisc", "del", "dev", port(node), "root"]
        # Without a limit there is nothing to remove, which tc calls an error.
        subprocess.run([*entering(files, place=CONTROL_PLANE), *removal], capture_output=True, check=False)
        for command in shaping(port(node), rate=rate) if rate else []:
            inside(files, place=CONTROL_PLANE, command=command)


def remove(files: Files) -> None:
    """Unpin every network namespace of the cluster; the kernel frees it with its last process."""
    for pin in sorted((files.base / "netns").glob("*")):
        while is_mounted(pin):
            run(["umount", str(pin)])
        pin.unlink()
