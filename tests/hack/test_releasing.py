"""hack/release lets nothing out that is not ready, and uploads nothing unless told to."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import releasing
from releasing import State, faults

READY = State("1.2.0", "1.2.0", "1.2.0", "## [Unreleased]\n\n## [1.2.0] - 2026-12-01\n", ("v1.1.9", "v1.1.10", "vnext"))
TOOLS = {
    "python": "touch dist/podtimeline-1.2.0.tar.gz dist/podtimeline-1.2.0-py3-none-any.whl",
    "helm": "[ $1 != package ] || touch dist/podtimeline-1.2.0.tgz",
    "twine": "true",
    "skopeo": "true",
    "docker": "true",
}
CHART = f'version: {READY.chart}\nappVersion: "{READY.app}"\n'


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        (replace(READY, chart="1.1.10"), "Chart.yaml: version is 1.1.10"),
        (replace(READY, app="1.1.10"), "Chart.yaml: appVersion is 1.1.10"),
        (replace(READY, changelog="## [Unreleased]\n"), "no heading"),
        (replace(READY, changelog="## [1.2.0]\n"), "no heading"),
        (replace(READY, changelog="## [1x2.0] - 2026-12-01\n"), "no heading"),
        (replace(READY, tags=("v1.2.0",)), "not above 1.2.0"),
        (replace(READY, tags=("v1.10.0",)), "not above 1.10.0"),
        (replace(READY, changes=("README.md",)), "not committed: README.md"),
    ],
)
def test_each_thing_that_is_missing_is_named(state: State, fault: str) -> None:
    """One line says what to mend."""
    (found,) = faults(state)
    assert fault in found


def test_a_tree_that_is_ready_has_no_fault() -> None:
    """Versions are numbers: 1.2.0 is above 1.1.10."""
    assert list(faults(READY)) == []


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed tree whose tools write down that they were called."""
    root, tools = tmp_path / "tree", tmp_path / "bin"
    tools.mkdir()
    files = {
        "operator/podtimeline/__init__.py": f'__version__ = "{READY.version}"\n',
        "charts/podtimeline/Chart.yaml": CHART,
        "CHANGELOG.md": READY.changelog,
        ".gitignore": "dist/\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for tool, line in TOOLS.items():
        script(tools / tool, tmp_path, line)
    script(root / "hack/image", tmp_path, 'echo image > "$4"')
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.delenv("HELM", raising=False)
    for key in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(key, "somebody@example.test")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(releasing, "ROOT", root)
    monkeypatch.setattr(sys, "executable", str(tools / "python"))
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Release")
    return root


def script(path: Path, home: Path, line: str) -> None:
    """A program that notes its name and first argument, then does a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/usr/bin/env bash\necho "{path.name} $1" >> {home}/calls\n{line}\n')
    path.chmod(0o755)


def git(root: Path, *words: str) -> str:
    """What git prints."""
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


def release(root: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, list[str]]:
    """The exit code of hack/release, and what it called."""
    monkeypatch.setattr(sys, "argv", ["hack/release", *words])
    code, calls = releasing.main(), root.parent / "calls"
    return code, calls.read_text().splitlines() if calls.exists() else []


def test_a_dry_run_builds_all_and_uploads_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheel, sdist, chart and image with their checksums; no tag."""
    assert release(tree, monkeypatch) == (0, ["python -m", "helm package", "image --tag"])
    sums = [line.split("  ") for line in (tree / "dist/SHA256SUMS").read_text().splitlines()]
    assert len(sums) == 4
    for digest, name in sums:
        assert digest == hashlib.sha256((tree / "dist" / name).read_bytes()).hexdigest()
    assert git(tree, "tag") == ""


def test_publishing_uploads_all_and_tags_last(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tagged has been uploaded."""
    code, calls = release(tree, monkeypatch, "--publish", "registry.test/somebody")
    assert (code, calls[3:]) == (0, ["twine upload", "helm push", "skopeo copy"])
    assert git(tree, "tag") == "v1.2.0\n"


def test_a_dry_run_of_a_tree_that_is_not_ready_builds_and_fails(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is missing is seen at once."""
    (tree / "CHANGELOG.md").write_text("")
    code, calls = release(tree, monkeypatch)
    assert (code, len(calls)) == (1, 3)


def test_nothing_of_a_tree_that_is_not_ready_is_published(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor built."""
    (tree / "CHANGELOG.md").write_text("")
    assert release(tree, monkeypatch, "--publish", "registry.test/somebody") == (1, [])


@pytest.mark.parametrize("tool", ["twine", "skopeo"])
def test_an_upload_that_fails_leaves_no_tag(tree: Path, monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    """It can be tried again."""
    script(tree.parent / "bin" / tool, tree.parent, "exit 1")
    code, calls = release(tree, monkeypatch, "--publish", "registry.test/somebody")
    assert code == 1
    assert calls[-1].startswith(tool)
    assert git(tree, "tag") == ""
