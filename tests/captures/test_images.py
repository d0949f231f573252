"""The ways to an image of ``tests/e2e/test_images.py`` told from captures of real clusters alone: v1.34 and v1.37."""

from typing import Any

import pytest
from tests.support.captures import captured, played
from tests.support.pulls import CHECKS

VERSIONS = tuple(captured("images"))


@pytest.fixture(scope="module", params=VERSIONS)
def items(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The timelines of one capture."""
    return played(request.param)


def test_both_versions_were_captured() -> None:
    """The words about images are the same in both; which credentials a node verifies is not."""
    assert VERSIONS == ("images-1.34", "images-1.37")


@pytest.mark.parametrize("check", CHECKS)
def test_each_way_to_an_image_is_told(items: dict[str, Any], check: str) -> None:
    """Milestones, their order, the exact sum, figures and words: see ``tests.support.pulls``."""
    CHECKS[check](items)
