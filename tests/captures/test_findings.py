"""What ``tests/e2e/test_findings.py`` finds out, found out from captures of real clusters alone: v1.34 and v1.37."""

from typing import Any

import pytest
from tests.support.captures import captured, played
from tests.support.reasons import REASONS, assert_earlier, assert_queued, assert_sound, assert_told

VERSIONS = tuple(captured("findings"))


@pytest.fixture(scope="module", params=VERSIONS)
def items(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The timelines of one capture."""
    return played(request.param)


def test_both_versions_were_captured() -> None:
    """What kubelets and runtimes say differs between them."""
    assert VERSIONS == ("findings-1.34", "findings-1.37")


@pytest.mark.parametrize("name", REASONS)
def test_each_reason_is_found_with_its_evidence_and_advice(items: dict[str, Any], name: str) -> None:
    """The texts of both versions lead to the same advice."""
    assert_told(items[name], REASONS[name])


def test_findings_are_ranked_and_rest_on_something(items: dict[str, Any]) -> None:
    """Whatever happened to the pod."""
    for item in items.values():
        assert_sound(item)


def test_a_pull_that_waits_names_the_pull_that_it_waits_for(items: dict[str, Any]) -> None:
    """The peers are in the capture."""
    assert_queued(items)


def test_how_much_earlier_a_probe_could_have_succeeded_is_a_range(items: dict[str, Any]) -> None:
    """From the last look that failed on, and no more than one period."""
    assert_earlier(items["probe-period"])
