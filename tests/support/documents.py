"""Documents as the other end of a connection receives them."""

import json
from typing import Any

import msgspec
from tests.support.lives import at

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.analysis.rollout import Rollout, revisions
from podtimeline.quarantine import Quarantine
from podtimeline.render.revision import member_document, rollout_document
from podtimeline.render.structs import (
    FaultListDocument,
    MemberDocument,
    PodTimelineDocument,
    PodTimelineListDocument,
    RolloutDocument,
    Struct,
    WorkloadListDocument,
)

TIMELINE = msgspec.json.schema(PodTimelineDocument)
PAGE = msgspec.json.schema(PodTimelineListDocument[PodTimelineDocument])
ROLLOUT = msgspec.json.schema(RolloutDocument[MemberDocument])
WORKLOADS = msgspec.json.schema(WorkloadListDocument)
FAULTS = msgspec.json.schema(FaultListDocument)


def received(made: Struct) -> dict[str, Any]:
    """The document after its way through JSON."""
    read: dict[str, Any] = json.loads(msgspec.json.encode(made))
    return read


def received_rollout(rollout: Rollout, views: list[ResolvedTimeline], *, now: float) -> dict[str, Any]:
    """The document of a rollout of these pods, so many seconds after the epoch of the tests."""
    members = [member_document(each, Quarantine()) for each in rollout.members]
    return received(rollout_document(rollout, members=members, revisions=revisions(views), now=at(now)))
