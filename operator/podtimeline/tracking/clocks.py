"""The clocks of the nodes, heard from what the tracker takes anyway, and told to the pods whose node's clock is off."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from podtimeline.analysis.evidence.clocks import LATE, MARGIN, WINDOW, NodeClock, Offset
from podtimeline.bounded import Kept, Losses
from podtimeline.model.instants import Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Observation, Skewed, Witnessed
from podtimeline.model.timeline import Timeline, apply
from podtimeline.tracking.timers import Expiring, Timers

_SCHEDULED = MilestoneKey(Milestone.SCHEDULED)
_BY_KUBELET = frozenset(
    {
        Milestone.PULL_STARTED,
        Milestone.PULLED,
        Milestone.CONTAINER_CREATED,
        Milestone.STARTED,
        Milestone.KILLING,
    }
)
"""Milestones whose Event none but the kubelet of the pod's node writes."""
_NAMED = Source.EVENT_NAME


@dataclass(frozen=True, slots=True)
class ClockNumbers:
    """One node's clock as of the last statement about it: nanoseconds that it is ahead, and how often it was set."""

    node: str
    offset: Offset
    steps: int


MAX_CLOCKS = 50_000
"""Nodes, each with one namespace, of whose clocks something is known: a pod can name a node that never was."""
K = TypeVar("K", bound=Hashable)
_Place = tuple[str, str]
"""A node, and a namespace whose Events tell of its clock."""


class NodeClocks:
    """One estimator for each node and namespace of which a live Event was read in the last ten minutes.

    Whoever may create Events in a namespace can stamp them as they like: what those say of a node's clock counts for
    the pods of that namespace alone.
    """

    def __init__(self, losses: Losses, timers: Timers, *, since: int) -> None:
        """``since`` is when the observer began to look: what was observed before is not judged."""
        self._since = since
        kept = Kept.NODE_CLOCKS
        self._clocks = Expiring[_Place, NodeClock](kept, losses, timers, limit=MAX_CLOCKS, lifetime=WINDOW)
        self._nodes = Expiring[str, NodeClock](kept, losses, timers, limit=MAX_CLOCKS, lifetime=WINDOW)
        """By node, of all namespaces together: what metrics show, and nothing is corrected by."""

    def heard(self, timeline: Timeline, said: Observation, arrived: int) -> None:
        """Learn from what was told to a timeline, where it is the first stamp of one step by the pod's kubelet."""
        if type(said) is not Witnessed or said.mark.milestone not in _BY_KUBELET:
            return
        told = said.evidence[0]
        if told.source is not _NAMED or told.at is None or told not in timeline.evidence[said.mark]:
            return
        place = _place(timeline)
        if place is None:
            return
        cause = _cause(timeline)
        self._clock(self._nodes, "", place[0], arrived).heard(told.at, arrived=arrived, cause=cause)
        self._clock(self._clocks, place[1], place, arrived).heard(told.at, arrived=arrived, cause=cause)

    def _clock(self, clocks: Expiring[K, NodeClock], namespace: str, key: K, arrived: int) -> NodeClock:
        clock = clocks.get(key) or NodeClock(since=self._since)
        clocks.put(namespace, key, clock, at=arrived)
        return clock

    def correct(self, timeline: Timeline, *, at: int) -> bool:
        """Tell a timeline what is known of its node's clock, if that is off; returns whether it changed."""
        place = _place(timeline) if len(self._clocks) else None
        clock = None if place is None else self._clocks.get(place)
        said = None if clock is None else clock.offset.skewed(timeline.uid, at=at)
        if said is None:
            return False
        joined = _joined(timeline, said)
        return joined is not None and apply(timeline, joined)

    def numbers(self) -> Iterator[ClockNumbers]:
        """Every node's clock, by the Events of all namespaces: whoever may create Events there can mislead it."""
        for node, clock in self._nodes.items():
            yield ClockNumbers(node, clock.offset, clock.steps)


def _place(timeline: Timeline) -> _Place | None:
    node, facts = timeline.details.get(_SCHEDULED), timeline.facts
    return None if node is None or facts is None else (node, facts.namespace)


def _cause(timeline: Timeline) -> int | None:
    """What the kubelet's first word of a pod follows: its binding, as the scheduler says; else its creation.

    A watch alone may have been slow, and a kubelet may itself have stamped the condition of a pod that nobody bound.
    """
    told = timeline.evidence.get(_SCHEDULED, ())
    if any(each.source in _SCHEDULERS for each in told):
        return min(each.at for each in told if each.at is not None)
    return None if timeline.facts is None or timeline.facts.mirror else timeline.facts.created_second


_SCHEDULERS = frozenset({Source.EVENT_TIME, Source.EVENT_NAME})


def _joined(timeline: Timeline, said: Skewed) -> Skewed | None:
    """What a timeline is told, given what it was told before; ``None`` where that must not be taken back."""
    held = timeline.clock
    if held is None or held.since == said.since:
        return said
    if _agree(held, said.low, said.high):
        return Skewed(said.uid, said.low, said.high, min(held.since, said.since), said.at)
    # It was set in between. Of a pod that was bound later the old offset was believed only until the first Event told
    # better. One that was bound before keeps what held for its start, unless its own Events show that it had been set:
    # the Event that told so can be of a pod that was bound a moment later.
    bound = _cause(timeline)
    if bound is None or bound >= said.since:
        return said if bound is not None else None
    low, high = _shown(timeline, bound)
    if low is None or _agree(held, low, high) or not _agree(said, low, high):
        return None
    return Skewed(said.uid, said.low, said.high, bound, said.at)


def _shown(timeline: Timeline, bound: int) -> tuple[int | None, int]:
    """The least and the most that the clock was ahead at the first Event of the pod's kubelet; ``None`` before that."""
    stamps = (
        each
        for mark, told in timeline.evidence.items()
        if mark.milestone in _BY_KUBELET
        for each in told
        if each.source is _NAMED and each.at is not None
    )
    first = min(stamps, key=lambda each: each.observed, default=None)
    if first is None or first.at is None:
        return None, 0
    return first.at - first.observed, first.at - bound + LATE


def _agree(one: Skewed, low: int, high: int) -> bool:
    """Whether one offset explains both estimates, as when the observer was started anew in between."""
    return one.low <= high + MARGIN and low <= one.high + MARGIN
