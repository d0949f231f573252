"""A rollout's document, and what is drawn of it."""

from typing import Any

import jsonschema
from hypothesis import given
from tests.analysis.test_rollout import fleets
from tests.support.documents import ROLLOUT, received_rollout
from tests.support.fleets import NEW, Seconds, pod, rolling_update
from tests.support.lives import at

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.analysis.rollout import revisions, rollout
from podtimeline.cli.client import read
from podtimeline.render.revision_drawing import revision
from podtimeline.render.screen import Screen
from podtimeline.render.structs import MemberDocument, RolloutDocument
from podtimeline.render.text import cells

ROLLOUTS = jsonschema.Draft202012Validator(ROLLOUT)


def told(views: list[ResolvedTimeline], *, now: float = 600, desired: int | None = None) -> dict[str, Any]:
    """The document of the newest revision, as the other end of a connection receives it."""
    found = rollout(views, revision=NEW, now=at(now), desired=desired)
    assert found is not None
    return received_rollout(found, views, now=now)


@given(fleets())
def test_the_document_of_any_rollout_follows_the_schema(views: list[ResolvedTimeline]) -> None:
    """And whatever follows it can be drawn within the width."""
    if NEW not in revisions(views):
        return
    found = told(views)
    ROLLOUTS.validate(found)
    for screen in (Screen(60), Screen(100, unicode=False)):
        text = screen.draw(revision(read(found, RolloutDocument[MemberDocument]), screen))
        assert max(cells(line) for line in text.splitlines()) <= screen.width


def test_a_complete_rollout_says_what_held_it() -> None:
    """The sentence names the longest part of the chain and its pods."""
    said = told(rolling_update())["explanation"]
    assert said == "It took 14.6s, 8.40s of it (57 %) in readiness probe in web-new-a, web-new-b."


def test_a_rollout_that_goes_on_names_the_pods_it_waits_for() -> None:
    """Those that are not ready, and those that are still to go."""
    views = [*rolling_update()[1:3], pod("web-new-b", NEW, Seconds(110.3, requested=99.8))]
    views[0] = pod("web-old-b", "59d9c5b6f4", Seconds(-500, -489))
    said = told(views, now=130)
    assert said["complete"] is None
    assert said["explanation"] == (
        "It has been in progress for 30.2s: web-new-b not ready yet; web-old-b of older revisions still wanted."
    )


def test_pods_that_were_never_created_are_named_as_such() -> None:
    """Everything that is there is ready, and still it is not what the workload wants."""
    said = told([pod("web-a", NEW, Seconds(100, 104, requested=99.8))], now=130, desired=2)
    assert said["explanation"] == "It has been in progress for 30.2s: some pods have not been created yet."
