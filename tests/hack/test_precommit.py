"""The hooks of pre-commit, run by pre-commit: each gets the files that concern it, and what fails stops the commit."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mirroring import mirrored

ROOT = Path(__file__).parents[2]
TOOLS = ("ruff", "mypy", "lint-imports", "pytest")
TESTS = {
    "operator/podtimeline/model/milestones.py": ["tests/model"],
    "operator/podtimeline/model/deep/down.py": ["tests/model"],
    "operator/podtimeline/config.py": ["tests/config"],
    "operator/podtimeline/ports.py": ["tests/test_ports.py"],
    "operator/podtimeline/untested.py": [],
    "tests/model/test_milestones.py": ["tests/model/test_milestones.py"],
    "tests/model/texts.txt": ["tests/model"],
    "tests/conftest.py": [],
    "tests/e2e/test_kill.py": [],
    "hack/clusterkit/run.py": ["tests/hack"],
    "hack/benches/lag.py": ["tests/benches"],
    "README.md": ["tests/test_docs.py"],
    "LICENSE": [],
}
"""A tree's files, and the tests that mirror each."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The hooks in a git repository, with tools that write down how they were called."""
    root = tmp_path / "tree"
    for name in (*TESTS, "tests/config/test_config.py", "tests/test_ports.py", "tests/hack/test_run.py"):
        touch(root / name)
    for name in ("tests/benches/test_lag.py", "tests/test_docs.py"):
        touch(root / name)
    for name in (".pre-commit-config.yaml", "hack/precommit", "hack/mirroring.py"):
        shutil.copy(ROOT / name, root / name)
    script(root / "hack/venv", f"echo {tmp_path}")
    for tool in TOOLS:
        script(tmp_path / "bin" / tool, f'echo "{tool} $*" >> {tmp_path}/calls')
    (tmp_path / "bin/python").symlink_to(sys.executable)
    run(root, "git", "init", "-q")
    run(root, "git", "add", "-A")
    return root


def touch(path: Path) -> None:
    """An empty file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def script(path: Path, line: str) -> None:
    """An executable of one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{line}\n")
    path.chmod(0o755)


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody without settings."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root.parent), "PRE_COMMIT_HOME": str(root.parent / "cache")}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def commit(root: Path, *files: str) -> tuple[int, list[str]]:
    """What pre-commit makes of these files: its exit code, and what the hooks called."""
    done = run(root, sys.executable, "-m", "pre_commit", "run", "--files", *files)
    calls = root.parent / "calls"
    assert calls.exists(), done.stdout + done.stderr
    return done.returncode, calls.read_text().splitlines()


def test_a_module_is_checked_and_its_package_tested(tree: Path) -> None:
    """What hack/test fast does, for one file."""
    name = "operator/podtimeline/model/milestones.py"
    code, calls = commit(tree, name)
    assert code == 0
    assert calls == [
        f"ruff format --force-exclude {name}",
        f"ruff check --force-exclude {name}",
        "mypy ",
        "lint-imports ",
        "pytest -q -m not e2e and not chart and not package tests/model",
    ]


def test_a_text_is_only_held_to_its_tests(tree: Path) -> None:
    """Nothing is formatted, and no type is in it."""
    assert commit(tree, "README.md", "LICENSE") == (
        0,
        ["pytest -q -m not e2e and not chart and not package tests/test_docs.py"],
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_what_fails_stops_the_commit(tree: Path, tool: str) -> None:
    """And nothing slower runs after it."""
    script(tree.parent / "bin" / tool, f'echo "{tool}" >> {tree.parent}/calls; exit 3')
    code, calls = commit(tree, "operator/podtimeline/model/milestones.py")
    assert code == 1
    assert calls[-1] == tool


@pytest.mark.parametrize(("file", "tests"), TESTS.items())
def test_each_file_has_its_tests(tree: Path, file: str, tests: list[str]) -> None:
    """The nearest directory or module of the same name."""
    assert mirrored([file], root=tree) == tests


def test_a_directory_holds_its_files(tree: Path) -> None:
    """No test runs twice."""
    files = ["operator/podtimeline/model/milestones.py", "tests/model/test_milestones.py", "README.md"]
    assert mirrored(files, root=tree) == ["tests/model", "tests/test_docs.py"]


def test_a_hook_says_what_it_can_do() -> None:
    """A name that is no check is wrong usage."""
    done = subprocess.run(
        [ROOT / "hack/precommit", "nothing"], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 2
    assert "format|lint|types|imports|tests" in done.stderr
