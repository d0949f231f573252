"""hack/test ends where a step fails: a check whose failure nobody sees is none."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKS = ("ruff", "mypy", "lint-imports", "coverage", "python")
TOOLS = (*CHECKS, "pytest")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """hack/test in a tree of its own, with tools that write down that they were called."""
    (tmp_path / "hack").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "hack/test", tmp_path / "hack/test")
    script(tmp_path / "hack/venv", f"echo {tmp_path}")
    script(tmp_path / "hack/cluster", f"echo cluster $1 >> {tmp_path}/calls; echo {tmp_path}/bin")
    for tool in TOOLS:
        script(tmp_path / "bin" / tool, f"echo {tool} >> {tmp_path}/calls")
    return tmp_path


def script(path: Path, line: str) -> None:
    """An executable of one line."""
    path.write_text(f"#!/usr/bin/env bash\n{line}\n")
    path.chmod(0o755)


def run(checkout: Path, *words: str) -> tuple[int, list[str]]:
    """The exit code of hack/test, and what it called."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(checkout)}
    done = subprocess.run(
        [checkout / "hack/test", *words], env=environment, capture_output=True, check=False, cwd=checkout
    )
    return done.returncode, (checkout / "calls").read_text().splitlines()


def test_every_step_runs_on_both_versions(checkout: Path) -> None:
    """Code, packages, chart, a cluster of each Kubernetes, and each of them removed again."""
    code, calls = run(checkout)
    assert code == 0
    assert calls[:6] == ["ruff", "ruff", "mypy", "lint-imports", "coverage", "python"]
    assert [each for each in calls if each in {"cluster up", "cluster down"}] == [
        "cluster up",
        "cluster down",
        "cluster up",
        "cluster down",
        "cluster down",
    ]
    assert calls.count("pytest") == 4


@pytest.mark.parametrize("tool", CHECKS)
@pytest.mark.parametrize("what", ["all", "fast"])
def test_a_step_that_fails_ends_it(checkout: Path, tool: str, what: str) -> None:
    """With its exit code, and nothing runs after it."""
    script(checkout / "bin" / tool, f"echo {tool} >> {checkout}/calls; exit 3")
    code, calls = run(checkout, what)
    assert code == 3
    assert calls[-1] == tool


def test_a_part_of_the_tests_is_not_measured(checkout: Path) -> None:
    """It reaches little; arguments go to pytest."""
    code, calls = run(checkout, "fast", "tests/core")
    assert (code, calls[-1]) == (0, "pytest")
    assert "coverage" not in calls


def test_a_scenario_that_fails_ends_it_and_its_cluster(checkout: Path) -> None:
    """The older version is not tried; the cluster does not stay behind."""
    script(checkout / "bin/pytest", f'echo pytest >> {checkout}/calls; [[ "$*" != *"-m e2e "* ]]')
    code, calls = run(checkout)
    assert code == 1
    assert calls.count("cluster up") == 1
    assert calls[-1] == "cluster down"


def test_files_without_a_scenario_are_no_failure_of_the_older_version(checkout: Path) -> None:
    """Where it selected nothing pytest says 5."""
    script(checkout / "bin/pytest", '[[ "$*" != *scenario* ]] || exit 5')
    assert run(checkout, "e2e", "tests/e2e/test_kill.py")[0] == 0
    assert run(checkout, "e2e")[0] == 5
