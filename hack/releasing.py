"""What ``hack/release`` does: see there."""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.version import InvalidVersion, Version

from clusterkit.build import HELM, ensure
from clusterkit.errors import ClusterError

ROOT = Path(__file__).parents[1]
CHART = "charts/podtimeline"
PROGRAMS = ("twine", "helm", "skopeo", "docker")
"""What uploads, each with credentials of its own, and docker: without it the image stands on a base for tests."""


@dataclass(frozen=True, slots=True)
class State:
    """What a tree says of its release. ``tags`` are git's, ``changes`` the files that are not committed."""

    version: str
    chart: str
    app: str
    changelog: str
    tags: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The files of a release."""

    wheel: Path
    sdist: Path
    chart: Path
    image: Path


def faults(state: State) -> Iterator[str]:
    """A line for each thing that stands between a tree and its release."""
    for name, version in (("version", state.chart), ("appVersion", state.app)):
        if version != state.version:
            yield f"{CHART}/Chart.yaml: {name} is {version}, the package's version is {state.version}"
    if not re.search(rf"^## \[{re.escape(state.version)}\] - \d{{4}}-\d\d-\d\d$", state.changelog, re.M):
        yield f"CHANGELOG.md: no heading '## [{state.version}] - YYYY-MM-DD'"
    released = max(_versions(state.tags), default=None)
    if released is not None and Version(state.version) <= released:
        yield f"operator/podtimeline/__init__.py: version {state.version} is not above {released}, which is tagged"
    if state.changes:
        yield f"not committed: {', '.join(state.changes)}"


def _versions(tags: Sequence[str]) -> Iterator[Version]:
    for tag in tags:
        try:
            yield Version(tag.removeprefix("v"))
        except InvalidVersion:
            continue


def read_state(root: Path) -> State:
    """The state of a git work tree."""
    (version,) = re.findall(r'^__version__ = "(.+)"$', (root / "operator/podtimeline/__init__.py").read_text(), re.M)
    chart = yaml.safe_load((root / CHART / "Chart.yaml").read_text())
    return State(
        version=version,
        chart=chart["version"],
        app=chart["appVersion"],
        changelog=(root / "CHANGELOG.md").read_text(),
        tags=tuple(_lines("git", "tag", "--list", "v*", cwd=root)),
        changes=tuple(line[3:] for line in _lines("git", "status", "--porcelain", cwd=root)),
    )


def _lines(*command: str, cwd: Path) -> list[str]:
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def build(root: Path, *, version: str) -> Artifacts:
    """Build everything into ``dist/``, which is emptied. Raises ``CalledProcessError`` where a tool fails."""
    dist = root / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), ".", cwd=root)
    _run(helm(), "package", CHART, "--destination", str(dist), cwd=root)
    image = dist / f"podtimeline-{version}-image.tar"
    _run("hack/image", "--tag", f"podtimeline:{version}", "-o", str(image), cwd=root)
    made = Artifacts(
        wheel=dist / f"podtimeline-{version}-py3-none-any.whl",
        sdist=dist / f"podtimeline-{version}.tar.gz",
        chart=dist / f"podtimeline-{version}.tgz",
        image=image,
    )
    lines = [f"{_digest(each)}  {each.name}\n" for each in sorted(dist.iterdir())]
    (dist / "SHA256SUMS").write_text("".join(lines))
    return made


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def helm() -> str:
    """The helm of PATH, else the one that hack/cluster builds. Raises ``ClusterError`` without Go."""
    return os.environ.get("HELM") or shutil.which("helm") or str(ensure(HELM) / "helm")


def publish(root: Path, artifacts: Artifacts, *, version: str, registry: str) -> None:
    """Upload the files, then tag the commit; the tag stays local. Raises ``CalledProcessError`` where a tool fails."""
    _run("twine", "upload", "--non-interactive", str(artifacts.sdist), str(artifacts.wheel), cwd=root)
    _run(helm(), "push", str(artifacts.chart), f"oci://{registry}/charts", cwd=root)
    target = f"docker://{registry}/podtimeline:{version}"
    _run("skopeo", "copy", f"docker-archive:{artifacts.image}", target, cwd=root)
    _run("git", "tag", "--annotate", f"v{version}", "--message", f"podtimeline {version}", cwd=root)


def _run(*command: str, cwd: Path) -> None:
    print(f"+ {' '.join(command)}", file=sys.stderr, flush=True)
    subprocess.run(command, cwd=cwd, check=True, stdout=sys.stderr)


def main() -> int:
    """Run the command line; 1 where something is missing or fails."""
    parser = argparse.ArgumentParser(prog="hack/release", description="Check and build a release; a dry run.")
    parser.add_argument(
        "--publish", metavar="OCI", help="then tag, and upload to PyPI and to this registry (host/path)"
    )
    registry: str | None = parser.parse_args().publish
    state = read_state(ROOT)
    missing = list(faults(state))
    if registry is not None:
        missing += [f"{name} is not on PATH" for name in PROGRAMS if shutil.which(name) is None]
    for fault in missing:
        print(f"hack/release: {fault}", file=sys.stderr)
    # A dry run goes on: it says at once all that is to be mended.
    if missing and registry is not None:
        return 1
    try:
        artifacts = build(ROOT, version=state.version)
        if registry is not None:
            publish(ROOT, artifacts, version=state.version, registry=registry)
    except (ClusterError, subprocess.CalledProcessError) as error:
        print(f"hack/release: {error}", file=sys.stderr)
        return 1
    print(ROOT / "dist")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
