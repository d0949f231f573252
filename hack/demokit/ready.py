"""What has to be there before the demo can begin, made beside each other; and something to look at until then."""

import json
import os
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

from clusterkit import build, lifecycle
from clusterkit.errors import ClusterError
from clusterkit.model import Kubernetes, Spec
from clusterkit.say import say
from clusterkit.together import together
from clusterkit.toolbox import toolbox
from demokit import cluster
from demokit.cluster import HACK, NAME, Made

Job = Callable[[], object]
_SPEC = Spec(name=NAME, nodes=2, kubernetes=Kubernetes.V1_37)


def bring_up(made: Made, *, extra: dict[str, Job]) -> None:
    """Have the demo's own cluster run, and ``extra`` done by then: beside each other, as far as that can be.

    Raises `ClusterError` with the reason of the first part that cannot be made.
    """
    match made:
        case Made.HACK_CLUSTER:
            lifecycle.check_machine()
            parts = lifecycle.Cluster.of(_SPEC).jobs()
            if not build.built(build.kubernetes(_SPEC.kubernetes)):
                _preview()
                _forecast()
            together({**parts, "helm": partial(build.ensure, build.HELM), **extra})
            cluster.start(made)
        case Made.KIND:
            if cluster.own() is not made:
                _preview()
            tools = partial(toolbox, ("kubectl", "helm"), release=_SPEC.kubernetes, own_first=True)
            together({"the cluster": partial(cluster.start, made), "kubectl and helm": tools, **extra})
        case Made.ELSEWHERE:
            raise AssertionError(made)


def _preview() -> None:
    """Show the slowest start of the capture that ships with the package, which needs no cluster and no compiler."""
    say("while the cluster starts, the slowest pod start of a recorded cluster (`hack/podtimeline replay` shows all)")
    document = json.loads(_podtimeline("replay", "-o", "json"))
    slowest = max(document["items"], key=_startup)
    print(_podtimeline("replay", "-n", slowest["namespace"], "--pod", slowest["name"]), flush=True)


def _startup(item: dict[str, Any]) -> float:
    return float(item["startupSeconds"] or 0)


def _podtimeline(*words: str) -> str:
    done = subprocess.run([str(HACK / "podtimeline"), *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"podtimeline {words[0]} failed; see the output above")
    return done.stdout


def _forecast() -> None:
    """Say how long it will take: a first-time visitor decides then whether to wait."""
    targets = (build.kubernetes(_SPEC.kubernetes), build.CONTAINERD, build.COREDNS, build.TOOLS, build.HELM)
    minutes = sum(each.minutes for each in targets if not build.built(each))
    cores = os.cpu_count() or 1
    say(f"building a cluster from source, only the first time: about {minutes / cores + 1:.0f} min on {cores} cores")
