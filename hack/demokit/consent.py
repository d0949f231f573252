"""What the demo may touch: namespaces that carry its label, on a cluster that it made or was allowed to use."""

import json
import sys
from collections.abc import Sequence

from clusterkit.errors import ClusterError, UsageError
from clusterkit.say import say
from demokit.cluster import Cluster

LABEL, VALUE = "podtimeline/made-by", "hack-demo"
"""On everything that the demo makes; what does not carry it is never changed or removed."""
SELECTOR = f"{LABEL}={VALUE}"
SYSTEM, SHOP = "podtimeline-demo", "podtimeline-demo-shop"
"""The namespaces of the operator and of the workloads."""


def ask(cluster: Cluster, *, plan: Sequence[str], yes: bool) -> None:
    """Say what is about to happen; on a cluster that the demo did not make, only with consent.

    Raises `ClusterError` where nobody can be asked and `yes` is not set, or where the answer is not yes.
    """
    if cluster.own:
        _say(plan)
        return
    server = cluster.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    say(f"the demo did not create this cluster: {server} ({cluster.kubeconfig})")
    _say(plan)
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("cancelled, nothing was changed; pass --yes to skip the question")
    print("Continue? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ClusterError("cancelled, nothing was changed")


def _say(plan: Sequence[str]) -> None:
    for line in plan:
        say(line)


def owned(cluster: Cluster, namespace: str) -> bool:
    """Whether the demo's namespace is there. Raises `ClusterError` for one of that name that is somebody else's."""
    found = cluster.kubectl("get", "namespace", namespace, "--ignore-not-found", "-o", "json")
    if not found.strip():
        return False
    labels = json.loads(found)["metadata"].get("labels", {})
    if labels.get(LABEL) != VALUE:
        raise ClusterError(f"namespace {namespace} does not belong to the demo (no label {SELECTOR}): not changed")
    return True


def make(cluster: Cluster, namespace: str) -> None:
    """Make one of the demo's namespaces, of which pods have to meet the restricted standard."""
    labels = {LABEL: VALUE, "pod-security.kubernetes.io/enforce": "restricted"}
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(document))


def remove(cluster: Cluster, namespace: str) -> None:
    """Remove one of the demo's namespaces, if it is there and the demo's."""
    if owned(cluster, namespace):
        say(f"removing namespace {namespace}")
        cluster.kubectl("delete", "namespace", namespace, "--wait", "--timeout=120s")
