"""The feed of one kind, as the registry makes it."""

from typing import Any

from tests.support.recording import RecordingIntake

from podtimeline.kube.feed import Feed
from podtimeline.ports import Intake
from podtimeline.sources.registry import BY_NAME, Indexes


def feed_of(
    name: str, intake: Intake | None = None, known: Indexes | None = None, *, namespace: str | None = None
) -> Feed[Any]:
    """A feed by the plural name of its kind; what a test does not look at is made up."""
    return BY_NAME[name].make(known or Indexes(), intake or RecordingIntake(), namespace)
