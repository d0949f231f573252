"""Simulated nodes, by the real kwok: for load that this machine could not carry as containers."""

from pathlib import Path

from clusterkit import build, network, pki
from clusterkit.api import Api
from clusterkit.lifecycle import Cluster, ready_nodes
from clusterkit.model import Addresses
from clusterkit.process import Program
from clusterkit.run import wait_until, write
from clusterkit.say import say

MOST = 5000
_STAGES = Path(__file__).parent / "kwok-stages.yaml"
_ANNOTATION = "kwok.x-k8s.io/node"
_LABEL = "type"
_VALUE = "kwok"
# Beside the real nodes' pods, so that a simulated address is never a real one.
_PODS = "10.248.0.1/13"


def node(number: int) -> dict[str, object]:
    """Return a simulated node; its taint keeps pods away that were not meant for it."""
    labels = {_LABEL: _VALUE, "kubernetes.io/hostname": name(number), "kubernetes.io/os": "linux"}
    taint = {"key": _ANNOTATION, "value": "fake", "effect": "NoSchedule"}
    metadata = {"name": name(number), "labels": labels, "annotations": {_ANNOTATION: "fake"}}
    return {"metadata": metadata, "spec": {"taints": [taint]}}


def name(number: int) -> str:
    """Return the name of a simulated node; they count from 0."""
    return f"kwok-{number}"


def simulator(cluster: Cluster) -> Program:
    """Return kwok, which minds only the nodes that carry its annotation."""
    server = f"https://{Addresses.CONTROL_PLANE}:{Addresses.API_PORT}"
    kubeconfig = cluster.files.config / "kwok.kubeconfig"
    text = pki.kubeconfig(cluster.files.pki, identity="admin", server=server, cluster=cluster.files.name)
    write(kubeconfig, text, mode=0o600)
    flags = [
        f"--kubeconfig={kubeconfig}",
        f"--config={_STAGES}",
        f"--manage-nodes-with-annotation-selector={_ANNOTATION}=fake",
        f"--cidr={_PODS}",
        "--node-ip=10.200.0.250",
        "--node-lease-duration-seconds=40",
    ]
    enter = network.entering(cluster.files, place=network.CONTROL_PLANE)
    return Program(name="kwok", command=[*enter, str(build.ensure(build.KWOK) / "kwok"), *flags])


def scale(cluster: Cluster, *, count: int) -> None:
    """Have this many simulated nodes, and wait until pods can be put on them."""
    api = Api.from_kubeconfig(cluster.files.kubeconfig)
    listed = api.get(f"/api/v1/nodes?labelSelector={_LABEL}%3D{_VALUE}")["items"]
    existing = {item["metadata"]["name"] for item in listed}
    wanted = {name(number) for number in range(count)}
    say(f"simulated nodes: scaling from {len(existing)} to {count}")
    for gone in sorted(existing - wanted):
        api.call("DELETE", path=f"/api/v1/nodes/{gone}")
    if count:
        cluster.processes.ensure(simulator(cluster))
    for number in range(count):
        if name(number) not in existing:
            api.create("/api/v1/nodes", body=node(number))
    what = "waiting for the simulated nodes"
    wait_until(lambda: ready_nodes(api, ignoring=_ANNOTATION) >= wanted, seconds=180, what=what)
    if not count:
        cluster.processes.stop("kwok")
