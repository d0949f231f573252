"""The demo from its first line to its last."""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clusterkit.build import cache_root
from clusterkit.errors import ClusterError
from clusterkit.model import Files
from clusterkit.run import describe_os_error
from clusterkit.say import say
from demokit import image, shop
from demokit.cluster import HACK, NAME, Cluster, Made, find, tool
from demokit.prometheus import Prometheus, Target

NAMESPACE, RELEASE = "podtimeline-system", "podtimeline"
CHART = HACK.parent / "charts/podtimeline"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="hack/demo",
        description="The operator and a small shop of workloads on a real cluster, and their waterfalls.",
    )
    top.add_argument("--prometheus", action="store_true", help="leave a Prometheus running that scrapes the operator")
    top.add_argument(
        "--image", metavar="NAME:TAG", help="the operator's image in a registry that the cluster pulls from"
    )
    ending = top.add_mutually_exclusive_group()
    ending.add_argument("--keep", action="store_true", help="leave all of it running; so it is without --down")
    ending.add_argument(
        "--down", action="store_true", help="remove what an earlier demo has left, its cluster included"
    )
    return top


def prometheus() -> Prometheus:
    """Return this cluster's Prometheus, running or not: a demo on another cluster has one of its own."""
    which = os.environ.get("KUBECONFIG") or str(Files.of(NAME).kubeconfig)
    return Prometheus(cache_root() / "demo" / hashlib.sha256(which.encode()).hexdigest()[:8])


def install(cluster: Cluster, *, reference: str | None) -> None:
    """Install or upgrade the operator, and wait until its first listings are complete."""
    if reference is None:
        reference = f"podtimeline:{image.source_key()}"
        archive = image.build(tag=reference)
        say(f"loading {reference} into the cluster")
        cluster.load(archive)
    repository, _, tag = reference.rpartition(":")
    say(f"installing the chart into namespace {NAMESPACE}")
    _ensure_namespace(cluster)
    values = [f"image.repository={repository}", f"config.cluster_name={cluster.name or 'demo'}"]
    words = [word for value in values for word in ("--set", value)]
    # A tag of digits alone must stay a text.
    words += ["--set-string", f"image.tag={tag}", "--wait", "--timeout", "3m"]
    cluster.helm("upgrade", "--install", RELEASE, str(CHART), "-n", NAMESPACE, *words)


def _ensure_namespace(cluster: Cluster) -> None:
    if not cluster.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"):
        cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("label", "namespace", NAMESPACE, "--overwrite", "pod-security.kubernetes.io/enforce=restricted")


def show(cluster: Cluster) -> None:
    """Print each workload's waterfall."""
    for item in shop.ITEMS:
        print(f"\n=== {item.target}: {item.lesson}", flush=True)
        words = [str(HACK / "podtimeline"), "show", item.target, "-n", shop.NAMESPACE]
        if subprocess.run(words, env=cluster.environment(), check=False).returncode != 0:
            raise ClusterError(f"podtimeline show {item.target} failed, see above")


def next_steps(cluster: Cluster, *, url: str | None) -> str:
    """Return where to look next."""
    service = f"/api/v1/namespaces/{NAMESPACE}/services/{RELEASE}"
    steps = [
        "hack/podtimeline show deploy/payments -n shop -o wide      # with bounds and sources",
        "kubectl -n shop rollout restart deploy/payments && hack/podtimeline show deploy/payments -n shop --follow",
        f"kubectl get --raw '{service}:http/proxy/api/v1/pods?namespace=shop&order=slowest&limit=3'",
        f"kubectl get --raw {service}:metrics/proxy/metrics",
        f"kubectl -n {NAMESPACE} logs deploy/{RELEASE}              # one JSON line a finished pod",
        "hack/demo --down                                           # removes all of it",
    ]
    path = f"{Path(cluster.kubectl_path).parent}:$PATH"
    lines = [
        "",
        "Where to look next:",
        f"  export KUBECONFIG={cluster.kubeconfig} PATH={path}",
        *(f"  {step}" for step in steps),
    ]
    if url is not None:
        graph = "graph?g0.expr=sum%20by%20(phase)(podtimeline_pods_in_phase)&g0.tab=1"
        lines.append(f"  Prometheus: {url}   e.g. {url}/{graph}")
        dashboard = CHART.relative_to(HACK.parent) / "dashboards/podtimeline.json"
        lines.append(f"  Grafana: add {url} as a data source and import {dashboard}")
    return "\n".join(lines)


def up(options: argparse.Namespace) -> int:
    """Run the demo."""
    cluster = find()
    if cluster is None:
        raise ClusterError("no cluster")
    install(cluster, reference=options.image)
    url = None
    if options.prometheus:
        target = Target(namespace=NAMESPACE, service=RELEASE)
        url = prometheus().start(target, kubectl=cluster.kubectl_command, cache=cache_root())
    shop.open_up(cluster)
    show(cluster)
    print(next_steps(cluster, url=url))
    return 0


def down() -> int:
    """Remove what an earlier demo left: on a cluster of somebody else's only the demo's own objects."""
    prometheus().stop()
    cluster = find(start=False)
    if cluster is None:
        say("nothing is left of a demo")
    elif cluster.made is Made.HACK_CLUSTER and not os.environ.get("KUBECONFIG"):
        tool("cluster", "down", "--name", NAME)
    else:
        shop.close(cluster)
        cluster.helm("uninstall", RELEASE, "-n", NAMESPACE, "--ignore-not-found", "--wait")
        cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", "--timeout=120s")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and turn what can go wrong into a clear line."""
    options = parser().parse_args(arguments)
    try:
        return down() if options.down else up(options)
    except ClusterError as error:
        print(f"hack/demo: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"hack/demo: {describe_os_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack/demo: interrupted; hack/demo --down removes what is there so far", file=sys.stderr)
        return 130
