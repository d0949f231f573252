"""The shop: small workloads, each slow in its own way (deploy/demo)."""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from clusterkit.run import wait_until
from clusterkit.say import say
from demokit import consent
from demokit.cluster import Cluster, Made, tool

MANIFESTS = Path(__file__).resolve().parents[2] / "deploy/demo"
NAMESPACE = consent.SHOP
SMALL, LARGE = "docker.io/library/busybox:1.36", "docker.io/library/python:3.13"
"""The images that the manifests name; where no registry is reached, others take their place."""
LOCAL = "podtimeline.demo/shop:1"
MEGABYTES, RATE = 24, "40mbit"
_READY_WITHIN = 180


@dataclass(frozen=True, slots=True)
class Item:
    """One workload, as `podtimeline show` takes it, and what is to be seen in it."""

    target: str
    lesson: str
    starts: bool = True


ITEMS = (
    Item("deploy/catalog", "a quick start"),
    Item("deploy/recommendations", "a slow image pull"),
    Item("deploy/checkout", "a slow init container"),
    Item("deploy/payments", "a readiness probe that fails for a while"),
    Item("deploy/storefront", "a native sidecar that the main container waits for"),
    Item("deploy/mailer", "no Service, so the start ends with Ready"),
    Item("job/nightly-report", "a Job that completes"),
    Item("deploy/warehouse", "a pod that cannot be scheduled", starts=False),
)


def manifests(images: dict[str, str]) -> str:
    """Return all of deploy/demo with some images replaced."""
    text = "---\n".join(path.read_text() for path in sorted(MANIFESTS.glob("*.yaml")))
    for name, other in images.items():
        text = text.replace(f"image: {name}\n", f"image: {other}\n")
    return text


def open_up(cluster: Cluster) -> None:
    """Start the shop afresh and wait until all that can start has started."""
    consent.remove(cluster, NAMESPACE)
    consent.make(cluster, NAMESPACE)
    images = _stock(cluster)
    limited = cluster.made is Made.HACK_CLUSTER
    if limited:
        tool("cluster", "pull-rate", "--name", cluster.name, RATE)
    else:
        say("image pulls are not slowed down on this cluster")
    try:
        say(f"starting the shop: {len(ITEMS)} workloads in namespace {NAMESPACE}")
        cluster.kubectl("apply", "-n", NAMESPACE, "-f", "-", stdin=manifests(images))
        _await_starts(cluster)
    finally:
        if limited:
            tool("cluster", "pull-rate", "--name", cluster.name, "off")


def _stock(cluster: Cluster) -> dict[str, str]:
    """Make the shop's images where no registry is reached: one on every node, one in the cluster's own registry."""
    if cluster.made is not Made.HACK_CLUSTER:
        return {}
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small.tar", Path(name) / "large.tar"
        tool("cluster", "image", "--name", cluster.name, LOCAL, str(small))
        cluster.load(small)
        # Fresh random bytes and a fresh name: no node has seen this image, so that it really is pulled.
        fresh = f"shop/recommendations:{int(time.time())}"
        tool("cluster", "image", "--name", cluster.name, "--random-mb", str(MEGABYTES), fresh, str(large))
        return {SMALL: LOCAL, LARGE: tool("cluster", "push", "--name", cluster.name, str(large), fresh)}


def _await_starts(cluster: Cluster) -> None:
    for item in ITEMS:
        if item.starts:
            wait_until(
                lambda target=item.target: _started(cluster, target=target),  # type: ignore[misc]
                seconds=_READY_WITHIN,
                what=f"waiting for {item.target}",
                interval=0.5,
            )


def _started(cluster: Cluster, *, target: str) -> bool:
    status = json.loads(cluster.kubectl("get", target, "-n", NAMESPACE, "-o", "json"))
    if target.startswith("job/"):
        return bool(status["status"].get("succeeded"))
    return bool(status["status"].get("availableReplicas", 0) >= status["spec"]["replicas"])
