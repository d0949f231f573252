"""The waits of ``tests/e2e/test_waiting.py`` told from captures of real clusters alone: v1.34 and v1.37."""

from typing import Any

import pytest
from tests.support.captures import captured, played
from tests.support.waits import CHECKS

VERSIONS = tuple(captured("waiting"))


@pytest.fixture(scope="module", params=VERSIONS)
def items(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The timelines of one capture."""
    return played(request.param)


def test_both_versions_were_captured() -> None:
    """What the scheduler says differs between them."""
    assert VERSIONS == ("waiting-1.34", "waiting-1.37")


@pytest.mark.parametrize("check", CHECKS)
def test_each_wait_is_told(items: dict[str, Any], check: str) -> None:
    """Milestones, their order, the exact sum, groups and words: see ``tests.support.waits``."""
    CHECKS[check](items)
