"""The demo from its first line to its last."""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clusterkit.build import cache_root
from clusterkit.errors import ClusterError
from clusterkit.model import Files
from clusterkit.run import describe_os_error
from clusterkit.say import say
from demokit import consent, image, shop
from demokit.cluster import HACK, NAME, Cluster, Made, given, opened, own, preferred, remove, tool
from demokit.prometheus import Prometheus, Target
from demokit.ready import Job, bring_up

NAMESPACE, RELEASE = consent.SYSTEM, "podtimeline-demo"
_OPERATOR = ("--operator-namespace", NAMESPACE)
CHART = HACK.parent / "charts/podtimeline"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="hack/demo",
        description="Run the operator and a small shop of workloads on a real cluster, and show their waterfalls.",
    )
    top.add_argument("--prometheus", action="store_true", help="also run a Prometheus that scrapes the operator")
    top.add_argument(
        "--image", metavar="NAME:TAG", help="image of the operator in a registry that the cluster can pull from"
    )
    top.add_argument(
        "--yes", action="store_true", help="do not ask before using a cluster that the demo did not create"
    )
    ending = top.add_mutually_exclusive_group()
    ending.add_argument("--keep", action="store_true", help="keep everything running (the default)")
    ending.add_argument(
        "--down", action="store_true", help="remove everything that an earlier demo created, including its cluster"
    )
    return top


def prometheus() -> Prometheus:
    """Return this cluster's Prometheus, running or not: a demo on another cluster has one of its own."""
    which = os.environ.get("KUBECONFIG") or str(Files.of(NAME).kubeconfig)
    return Prometheus(cache_root() / "demo" / hashlib.sha256(which.encode()).hexdigest()[:8])


def own_reference() -> str:
    """Return the name of the image of this very source."""
    return f"podtimeline:{image.source_key()}"


def find(*, extra: dict[str, Job]) -> Cluster:
    """Return the cluster in KUBECONFIG, else the demo's own, started if need be with ``extra`` done beside."""
    cluster = given()
    if cluster is not None:
        return cluster
    made = own() or preferred()
    bring_up(made, extra=extra)
    return opened(made)


def install(cluster: Cluster, *, reference: str | None) -> None:
    """Install or upgrade the operator, and wait until its first listings are complete."""
    if reference is None:
        reference = own_reference()
        archive = image.build(tag=reference)
        say(f"loading {reference} into the cluster")
        cluster.load(archive)
    repository, _, tag = reference.rpartition(":")
    say(f"installing the chart into namespace {NAMESPACE}")
    if not consent.owned(cluster, NAMESPACE):
        consent.make(cluster, NAMESPACE)
    label = consent.LABEL.replace(".", "\\.")
    values = [
        f"image.repository={repository}",
        f"config.cluster_name={cluster.name or 'demo'}",
        f"commonLabels.{label}={consent.VALUE}",
    ]
    words = [word for value in values for word in ("--set", value)]
    # A tag of digits alone must stay a text.
    words += ["--set-string", f"image.tag={tag}", "--wait", "--timeout", "3m"]
    cluster.helm("upgrade", "--install", RELEASE, str(CHART), "-n", NAMESPACE, *words)


def show(cluster: Cluster) -> None:
    """Print each workload's waterfall."""
    for item in shop.ITEMS:
        print(f"\n=== {item.target}: {item.lesson}", flush=True)
        words = [str(HACK / "podtimeline"), "show", item.target, "-n", shop.NAMESPACE, *_OPERATOR]
        if subprocess.run(words, env=cluster.environment(), check=False).returncode != 0:
            raise ClusterError(f"podtimeline show {item.target} failed, see above")


def next_steps(cluster: Cluster, *, url: str | None) -> str:
    """Return where to look next."""
    service = f"/api/v1/namespaces/{NAMESPACE}/services/{RELEASE}"
    pod = f"hack/podtimeline show deploy/payments -n {shop.NAMESPACE} {' '.join(_OPERATOR)}"
    steps = [
        f"{pod} -o wide      # with bounds and sources",
        f"kubectl -n {shop.NAMESPACE} rollout restart deploy/payments && {pod} --follow",
        f"kubectl get --raw '{service}:http/proxy/api/v1/pods?namespace={shop.NAMESPACE}&order=slowest&limit=3'",
        f"kubectl get --raw {service}:metrics/proxy/metrics",
        f"kubectl -n {NAMESPACE} logs deploy/{RELEASE}      # one JSON line for each finished pod",
        f"hack/demo --down      # removes {'the cluster' if cluster.own else 'only what the demo created'}",
    ]
    path = f"{Path(cluster.kubectl_path).parent}:$PATH"
    lines = [
        "",
        "Next steps:",
        f"  export KUBECONFIG={cluster.kubeconfig} PATH={path}",
        *(f"  {step}" for step in steps),
    ]
    if url is not None:
        graph = "graph?g0.expr=sum%20by%20(phase)(podtimeline_pods_in_phase)&g0.tab=1"
        lines.append(f"  Prometheus: {url}   e.g. {url}/{graph}")
        dashboard = CHART.relative_to(HACK.parent) / "dashboards/podtimeline.json"
        lines.append(f"  Grafana: add {url} as a data source and import {dashboard}")
    return "\n".join(lines)


def plan(cluster: Cluster) -> list[str]:
    """Return what the demo is about to do to a cluster, line by line."""
    lines = [
        f"it creates the namespaces {NAMESPACE} and {shop.NAMESPACE}, with a Helm release and workloads",
        f"it creates a read-only ClusterRole and a ClusterRoleBinding {NAMESPACE}-{RELEASE}",
        f"all created objects have the label {consent.SELECTOR}",
    ]
    if cluster.made is Made.HACK_CLUSTER:
        lines.append("it loads images onto the nodes and limits the registry's speed while the workloads start")
    return lines


def up(options: argparse.Namespace) -> int:
    """Run the demo."""
    wanted = {} if options.image else {"the operator's image": partial(image.build, tag=own_reference())}
    cluster = find(extra={**wanted, "podtimeline": partial(tool, "venv")})
    consent.ask(cluster, plan=plan(cluster), yes=options.yes)
    for namespace in (NAMESPACE, shop.NAMESPACE):
        consent.owned(cluster, namespace)
    install(cluster, reference=options.image)
    url = None
    if options.prometheus:
        target = Target(namespace=NAMESPACE, service=RELEASE)
        url = prometheus().start(target, kubectl=cluster.kubectl_command, cache=cache_root())
    shop.open_up(cluster)
    show(cluster)
    print(next_steps(cluster, url=url))
    return 0


def down(options: argparse.Namespace) -> int:
    """Remove what an earlier demo left: its cluster, or on any other one only what carries its label."""
    prometheus().stop()
    cluster = given()
    made = cluster.made if cluster is not None and cluster.own else own()
    if cluster is not None and not cluster.own:
        clear(cluster, yes=options.yes)
    elif made is not None:
        say(f"removing the cluster {NAME}, which the demo created")
        remove(made)
    else:
        say("there is nothing to remove")
    return 0


def clear(cluster: Cluster, *, yes: bool) -> None:
    """Remove the demo's own objects from a cluster that it did not make."""
    namespaces = [each for each in (shop.NAMESPACE, NAMESPACE) if consent.owned(cluster, each)]
    roles = cluster.kubectl("get", "clusterrole,clusterrolebinding", "-l", consent.SELECTOR, "-o", "name").split()
    if not namespaces and not roles:
        say("there is nothing to remove")
        return
    removed = [*(f"namespace {each}, with everything in it" for each in namespaces), *roles]
    consent.ask(cluster, plan=["it removes:", *(f"  {each}" for each in removed)], yes=yes)
    if NAMESPACE in namespaces:
        cluster.helm("uninstall", RELEASE, "-n", NAMESPACE, "--ignore-not-found", "--wait")
    for namespace in namespaces:
        consent.remove(cluster, namespace)
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", "-l", consent.SELECTOR)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and turn what can go wrong into a clear line."""
    options = parser().parse_args(arguments)
    try:
        return down(options) if options.down else up(options)
    except ClusterError as error:
        print(f"hack/demo: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"hack/demo: {describe_os_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("hack/demo: interrupted; run hack/demo --down to clean up", file=sys.stderr)
        return 130
