"""What the README says is what the code does."""

import re
import subprocess
from pathlib import Path

import pytest

from docskit.tables import README, renewed

ROOT = README.parent
TEXT = README.read_text()


def test_the_tables_and_the_waterfall_are_those_of_the_code() -> None:
    """``hack/docs`` has nothing to renew."""
    assert renewed(TEXT) == TEXT


def test_every_file_it_points_to_is_there() -> None:
    """Links into the tree and commands of the tree exist."""
    named = set(re.findall(r"\]\(((?!http)[^)#]+)\)", TEXT)) | set(
        re.findall(r"\b((?:hack|charts|deploy/Dockerfile)[/\w.-]*\w)", TEXT)
    )
    missing = [name for name in sorted(named) if not (ROOT / name).exists()]
    assert named
    assert missing == []


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"`?podtimeline (run|show|rollout|stuck|record|replay|config|version)\b", TEXT)))
)
def test_every_command_it_names_has_help(command: str) -> None:
    """A command of the README can be asked for help."""
    done = subprocess.run(
        [str(ROOT / "hack/podtimeline"), command, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_the_changelog_names_the_version() -> None:
    """A version that is not unreleased has its heading."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[Unreleased\]", changelog, re.M)
    assert Path(ROOT / "operator/podtimeline/__init__.py").read_text().count("__version__") == 1
