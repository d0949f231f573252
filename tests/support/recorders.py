"""Reads what the recorders of a cluster of hack/cluster wrote."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support.audit import read_audit
from tests.support.node_logs import read_cni, read_containerd, read_runtime
from tests.support.truth import Json, Pods


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


def _json_lines(path: Path) -> Iterator[Json]:
    with path.open() as lines:
        for line in lines:
            if line.startswith("{") and line.endswith("}\n"):
                yield json.loads(line)
