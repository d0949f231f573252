"""The chart, rendered by the real helm."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/podtimeline"
# A client of a development build takes itself for an old cluster: the oldest release that the tests cover.
KUBERNETES = "1.34.0"
CI_VALUES = sorted((CHART / "ci").glob("*-values.yaml"))

_NOTES = """
kind: Notes
metadata: {name: notes}
text: |
  {{- tpl (.Files.Get "NOTES.txt") . | nindent 2 }}
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How helm ended, and what it said."""

    code: int
    output: str
    talk: str


@cache
def helm_path() -> str:
    """The helm binary: HELM, or the one that hack/cluster keeps."""
    given = os.environ.get("HELM")
    if given:
        return given
    command = [str(ROOT / "hack/cluster"), "tools", "helm"]
    tools = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return str(Path(tools.strip()) / "helm")


def helm(*words: str, stdin: str | None = None, timeout: float = 300) -> Done:
    """Run helm to its end."""
    done = subprocess.run(
        [helm_path(), *words], input=stdin, capture_output=True, text=True, check=False, timeout=timeout
    )
    return Done(done.returncode, done.stdout, done.stderr)


def template(values: Mapping[str, Any] | Path, *, chart: Path = CHART) -> Done:
    """Render the chart with values from a file or from a mapping."""
    given = values.read_text() if isinstance(values, Path) else json.dumps(values)
    words = ["--namespace", "system", "--kube-version", KUBERNETES, "--values", "-"]
    return helm("template", "release", str(chart), *words, stdin=given)


def notes(values: Mapping[str, Any], *, scratch: Path) -> str:
    """What a user reads after the installation; without a cluster helm renders it only as part of an object."""
    chart = Path(shutil.copytree(CHART, scratch / "podtimeline"))
    shutil.move(chart / "templates/NOTES.txt", chart / "NOTES.txt")
    (chart / "templates/notes.yaml").write_text(_NOTES)
    done = template(values, chart=chart)
    assert done.code == 0, done.talk
    objects = [each for each in yaml.safe_load_all(done.output) if each is not None]
    return str(next(each for each in objects if each["kind"] == "Notes")["text"])


def render(values: Mapping[str, Any] | Path) -> list[dict[str, Any]]:
    """The objects that the chart makes."""
    done = template(values)
    assert done.code == 0, done.talk
    return [each for each in yaml.safe_load_all(done.output) if each is not None]


def of_kind(objects: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    """The objects of these kinds."""
    return [each for each in objects if each["kind"] in kinds]


def only(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The one object of that kind."""
    found = of_kind(objects, kind)
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The specification of each pod that the chart makes, the test's own included."""
    return [
        *(each["spec"]["template"]["spec"] for each in of_kind(objects, "Deployment")),
        *(each["spec"] for each in of_kind(objects, "Pod")),
    ]


def settings(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """What the operator's file says."""
    files = [each["data"] for each in of_kind(objects, "ConfigMap") if "config.yaml" in each["data"]]
    assert len(files) == 1
    loaded = yaml.safe_load(files[0]["config.yaml"])
    assert isinstance(loaded, dict)
    return loaded
