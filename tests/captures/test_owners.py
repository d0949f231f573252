"""The requests of ``tests/e2e/test_owners.py`` told from captures of real clusters alone: v1.34 and v1.37."""

from typing import Any

import pytest
from tests.support.asking import CHECKS
from tests.support.captures import captured, documents

VERSIONS = tuple(captured("owners"))


@pytest.fixture(scope="module", params=VERSIONS)
def items(request: pytest.FixtureRequest) -> tuple[Any, ...]:
    """The timelines of one capture."""
    return documents(request.param)


def test_both_versions_were_captured() -> None:
    """What controllers say differs between them."""
    assert VERSIONS == ("owners-1.34", "owners-1.37")


@pytest.mark.parametrize("check", CHECKS)
def test_each_request_is_told(items: tuple[Any, ...], check: str) -> None:
    """Milestones, their order, exact sums and words: see ``tests.support.asking``."""
    CHECKS[check](items)
