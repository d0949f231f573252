"""The starts of ``tests/e2e/test_containers.py`` told from captures of real clusters alone: v1.34 and v1.37."""

from typing import Any

import pytest
from tests.support.captures import captured, played
from tests.support.starts import CHECKS

VERSIONS = tuple(captured("containers"))


@pytest.fixture(scope="module", params=VERSIONS)
def items(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The timelines of one capture."""
    return played(request.param)


def test_both_versions_were_captured() -> None:
    """What the kubelet says of a container, and when it starts one again, differs between them."""
    assert VERSIONS == ("containers-1.34", "containers-1.37")


@pytest.mark.parametrize("check", CHECKS)
def test_each_start_is_told(items: dict[str, Any], check: str) -> None:
    """Milestones, their order, the exact sum, words and incidents: see ``tests.support.starts``."""
    CHECKS[check](items)
