"""What each command of hack/cluster does."""

import os
import re
import shutil
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from clusterkit import build, images, lifecycle, network, toolbox
from clusterkit import kwok as simulated
from clusterkit.api import Api
from clusterkit.errors import UsageError
from clusterkit.lifecycle import Cluster, opened
from clusterkit.model import Addresses, Kubernetes, Spec
from clusterkit.say import say
from clusterkit.together import together

_RATE = re.compile(r"[1-9][0-9]*(\.[0-9]+)?(k|m|g)?bit")
_SERVER = re.compile(r"https?://[a-z0-9.-]+:[0-9]+")
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9._/-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*")


def up(options: Namespace) -> int:
    """Start a cluster."""
    spec = Spec(name=options.name, nodes=options.nodes, kubernetes=Kubernetes.named(options.kubernetes))
    cluster = lifecycle.up(spec)
    print(cluster.files.kubeconfig)
    return 0


def prepare(options: Namespace) -> int:
    """Have everything there that a cluster is made of."""
    spec = Spec(name=options.name, nodes=1, kubernetes=Kubernetes.named(options.kubernetes))
    lifecycle.check_machine()
    together(Cluster.of(spec).jobs())
    return 0


def down(options: Namespace) -> int:
    """Remove a cluster."""
    lifecycle.down(Spec(name=options.name, nodes=1, kubernetes=Kubernetes.V1_37).name)
    say(f"removed cluster {options.name}")
    return 0


def status(options: Namespace) -> int:
    """Print each program and each node."""
    cluster = opened(options.name)
    records = cluster.processes.recorded()
    for name, record in sorted(records.items()):
        print(f"{name:28} {'running' if record.alive() else 'exited':8} pid {record.pid}")
    api = Api.from_kubeconfig(cluster.files.kubeconfig)
    ready = lifecycle.ready_nodes(api) if api.ready() else set()
    for place in cluster.nodes:
        print(f"{place.name:28} {'Ready' if place.name in ready else 'NotReady':8} {Addresses.node(place.index)}")
    healthy = all(record.alive() for record in records.values()) and len(ready) >= len(cluster.nodes)
    return 0 if healthy else 1


def kubeconfig(options: Namespace) -> int:
    """Print where the kubeconfig is."""
    print(opened(options.name).files.kubeconfig)
    return 0


def load(options: Namespace) -> int:
    """Give every node an image."""
    cluster = opened(options.name)
    images.kind_of(options.archive)
    archive = options.archive.read_bytes()
    with ThreadPoolExecutor() as pool:
        talks = pool.map(partial(lifecycle.import_image, cluster, archive=archive), cluster.nodes)
        lines = [line for talk in talks for line in talk.splitlines()]
    print("\n".join(dict.fromkeys(line.split()[1] for line in lines if line.startswith("unpacking "))))
    return 0


def push(options: Namespace) -> int:
    """Put an image into the registry."""
    if not _REFERENCE.fullmatch(options.reference):
        raise UsageError(f"push {options.reference}: must be NAME:TAG")
    cluster = opened(options.name)
    source = f"{images.kind_of(options.archive)}:{options.archive.resolve()}"
    registry = f"{Addresses.CONTROL_PLANE}:{Addresses.REGISTRY_PORT}"
    command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", source]
    target = f"docker://{registry}/{options.reference}"
    network.inside(cluster.files, place=network.CONTROL_PLANE, command=[*command, target])
    print(f"{Addresses.REGISTRY}/{options.reference}")
    return 0


def image(options: Namespace) -> int:
    """Write an image archive."""
    if options.random_mb < 0:
        raise UsageError(f"--random-mb {options.random_mb}: must be 0 or more")
    made = images.busybox(
        options.reference, tools=build.ensure(build.TOOLS), megabytes=options.random_mb, command=options.command
    )
    options.archive.write_bytes(images.archive(made))
    print(options.archive)
    return 0


def logs(options: Namespace) -> int:
    """Print a component's log, or which components there are."""
    directory = opened(options.name).files.logs
    known = sorted(path.stem for path in directory.glob("*.log"))
    if options.component is None:
        print("\n".join(known))
        return 0
    if options.component not in known:
        raise UsageError(f"logs {options.component}: must be one of {', '.join(known)}")
    with (directory / f"{options.component}.log").open() as log:
        shutil.copyfileobj(log, sys.stdout)
    return 0


def kwok(options: Namespace) -> int:
    """Have a number of simulated nodes."""
    if not 0 <= options.count <= simulated.MOST:
        raise UsageError(f"kwok {options.count}: must be from 0 to {simulated.MOST}")
    simulated.scale(opened(options.name), count=options.count)
    return 0


def version(options: Namespace) -> int:
    """Print the versions."""
    spec = lifecycle.load_spec(options.name)
    release = spec.kubernetes if spec else Kubernetes.V1_37
    print(f"kubernetes v{release.value}{'' if spec else ' (the default; the cluster is not running)'}")
    print(f"supported  {', '.join(f'v{one.value}' for one in Kubernetes)}")
    for target in (build.CONTAINERD, build.HELM, build.KWOK, build.KIND):
        print(f"{target.name:10} {target.version}")
    return 0


def pull_rate(options: Namespace) -> int:
    """Limit the registry's bandwidth."""
    off = options.rate == "off"
    if not off and not _RATE.fullmatch(options.rate):
        raise UsageError(f"pull-rate {options.rate}: must be a rate such as 5mbit, or off")
    cluster = opened(options.name)
    network.limit_pulls(cluster.files, cluster.nodes, rate=None if off else options.rate)
    return 0


def node_server(options: Namespace) -> int:
    """Put a server between a kubelet and the API."""
    cluster = opened(options.name)
    if not 1 <= options.node <= cluster.spec.nodes:
        raise UsageError(f"node-server {options.node}: must be from 1 to {cluster.spec.nodes}")
    off = options.server == "off"
    if not off and not _SERVER.fullmatch(options.server):
        raise UsageError(f"node-server {options.server}: must be http://HOST:PORT that the node can reach, or off")
    lifecycle.point_kubelet(cluster, cluster.files.node(options.node), server=None if off else options.server)
    return 0


def tools(options: Namespace) -> int:
    """Print a directory of client programs."""
    release = Kubernetes.named(options.kubernetes)
    print(toolbox.toolbox(options.programs or ("kubectl", "helm"), release=release, own_first=options.own_first))
    return 0


def truth(options: Namespace) -> int:
    """Print what recorded the cluster's doings, and where: kind, node, path."""
    cluster = opened(options.name)
    rows = [("audit", "control-plane", cluster.files.audit)]
    for place in cluster.nodes:
        rows.append(("containerd", place.name, cluster.files.events(place.name)))
        rows.append(("cri", place.name, cluster.files.logs / f"{place.name}-containerd.log"))
        rows.append(("cni", place.name, place.cni_log))
    for kind, where, path in rows:
        print(f"{kind}\t{where}\t{path}")
    return 0


def execute(options: Namespace) -> int:
    """Become a command inside the cluster; it belongs to the cluster, so `down` ends it too."""
    words = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not words:
        raise UsageError("exec: missing command")
    cluster = opened(options.name)
    enter = _entrance(cluster, options.node)
    cluster.tree.join("system")
    os.execvp(enter[0], [*enter, *words])  # noqa: S606 - no shell is wanted


def _entrance(cluster: Cluster, index: int | None) -> list[str]:
    if index is None:
        return network.entering(cluster.files, place=network.CONTROL_PLANE)
    if not 1 <= index <= cluster.spec.nodes:
        raise UsageError(f"--node {index}: must be from 1 to {cluster.spec.nodes}")
    return cluster.entering(cluster.files.node(index))
