"""The pods of ``tests/e2e/test_limits.py`` told from a capture of a real cluster alone."""

from typing import Any

import pytest
from tests.support.captures import captured, played
from tests.support.limits import CHECKS

VERSIONS = tuple(captured("limits"))


@pytest.fixture(scope="module", params=VERSIONS)
def items(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The timelines of one capture."""
    return played(request.param)


def test_a_real_cluster_was_captured() -> None:
    """Without a capture nothing below would run."""
    assert VERSIONS == ("limits-1.37",)


@pytest.mark.parametrize("check", CHECKS)
def test_what_no_event_tells_is_not_made_up(items: dict[str, Any], check: str) -> None:
    """Starts and their bounds, the limit itself, and no talk of clocks: see ``tests.support.limits``."""
    CHECKS[check](items)
