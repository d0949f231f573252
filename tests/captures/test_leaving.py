"""The ways to leave of ``tests/e2e/test_leaving.py`` told from captures of real clusters alone: v1.34 and v1.37."""

from typing import Any

import pytest
from tests.support.captures import captured, documents
from tests.support.departed import CHECKS

VERSIONS = tuple(captured("leaving"))


@pytest.fixture(scope="module", params=VERSIONS)
def items(request: pytest.FixtureRequest) -> tuple[Any, ...]:
    """The timelines of one capture."""
    return documents(request.param)


def test_both_versions_were_captured() -> None:
    """What controllers and kubelets say differs between them."""
    assert VERSIONS == ("leaving-1.34", "leaving-1.37")


@pytest.mark.parametrize("check", CHECKS)
def test_each_way_to_leave_is_told(items: tuple[Any, ...], check: str) -> None:
    """Milestones, their order, exact sums, causes and words: see ``tests.support.departed``."""
    CHECKS[check](items)
