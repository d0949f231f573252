"""Lists as people read them."""

import pytest

from podtimeline.model.texts import names_text, steps_text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d"], "a, b and 2 more"),
    ],
)
def test_of_many_names_the_first_are_told(names: list[str], text: str) -> None:
    """Nobody reads forty."""
    assert names_text(names) == text


def test_milestones_of_the_same_subjects_are_told_together() -> None:
    """All of the milestones by name; of the pod itself without a subject."""
    steps = [("ip_assigned", ""), ("pulled", "b")]
    steps += [(step, name) for name in "acdef" for step in ("pull_started", "pulled", "created", "started")]
    assert steps_text(steps) == (
        "ip assigned; pulled of b; pull started, pulled, created and started of a, c and 3 more"
    )
