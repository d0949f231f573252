"""What the tests of the command line share."""

import os
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from podtimeline.cli.main import main

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``podtimeline`` with these arguments, 100 columns wide, whatever the environment of who runs the tests."""
    for name in [*os.environ]:
        if name.startswith("PODTIMELINE_") or name in ("KUBECONFIG", "NO_COLOR", "TERM"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *arguments: CliRunner().invoke(main, arguments, prog_name="podtimeline")
