"""Reads what the recorders of a cluster of hack/cluster wrote."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.csi.storage import Deed, Step
from tests.support.audit import read_audit
from tests.support.node_logs import read_cni, read_containerd, read_runtime
from tests.support.truth import Json, Pods, Span

from podtimeline.model.milestones import Milestone


def read_truth(rows: Iterable[tuple[str, str, Path]]) -> Pods:
    """The truth of all pods by uid, from the rows that ``hack/cluster truth`` prints (kind, node, path)."""
    rows = list(rows)
    pods = Pods()
    for kind, _, path in rows:
        if kind == "audit":
            read_audit(pods, _json_lines(path))
    for kind, node, path in rows:
        if kind == "containerd":
            read_containerd(pods, path.read_text().splitlines())
        elif kind == "cni":
            read_cni(pods, _json_lines(path))
        elif kind == "cri":
            read_runtime(pods, node, list(_json_lines(path)))
    return pods


def cluster_truth(name: str) -> Pods:
    """The truth as recorded by the cluster ``name`` of hack/cluster."""
    printed = subprocess.run(["hack/cluster", "truth", "--name", name], check=True, capture_output=True, text=True)
    rows = (line.split("\t") for line in printed.stdout.splitlines())
    return read_truth((kind, node, Path(path)) for kind, node, path in rows if Path(path).exists())


def mounts(pods: Pods, deeds: Iterable[Deed]) -> None:
    """Add when the volumes of pods were mounted, from the journal of the CSI driver; of several the last one counts.

    Only volumes whose claim is the pod's own are known by their claim's name: the pod's and the volume's (KEP-1698).
    """
    ended = {deed.claim: deed.ended for deed in deeds if deed.step is Step.MOUNT and not deed.error}
    for pod in pods.values():
        own = [ended[claim] for volume in pod.own if (claim := f"{pod.namespace}/{pod.name}-{volume}") in ended]
        if own:
            pod.first(Milestone.MOUNTED, Span(max(own), max(own)))


def _json_lines(path: Path) -> Iterator[Json]:
    with path.open() as lines:
        for line in lines:
            if line.startswith("{") and line.endswith("}\n"):
                yield json.loads(line)
