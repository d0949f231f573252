"""The clock of a node against the observer's: told by the stream itself, and taken out of the stamps that it made.

``offset`` is the node's clock minus the observer's, in nanoseconds: positive where the node is ahead. Two facts bound
it. A stamp is delivered after it was made, so that ``offset >= stamp - arrival``. What a kubelet says of a pod follows
the binding that caused it, so that ``offset <= stamp - binding``. The first bound is the tight one: a delivery takes
milliseconds, a sandbox hundreds of them.
"""

from dataclasses import dataclass, replace

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import MILESTONES, MilestoneKey, Place
from podtimeline.model.notes import Note
from podtimeline.model.observations import Incident, Ran, Skewed
from podtimeline.model.timeline import Timeline

WINDOW = 600 * SECOND
"""How long a statement about a clock counts."""
MARGIN = SECOND // 10
"""How far 0 must be outside the bounds before a clock is called off: what synchronised clocks differ by is far less."""
LATE = SECOND // 20
"""By how much the moment of a cause can be off: it is stamped by another machine, just after the fact."""
DRIFT = 10_000
"""A clock that nothing disciplines is off by 1 part in 10,000 at most (100 ppm): bounds widen as they age."""
_SPAN = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Offset:
    """A clock's offset lies in [``low``, ``high``] nanoseconds, ``None`` where nothing bounds it.

    It holds for what was observed from ``since`` on, a moment of the observer's clock.
    """

    low: int | None
    high: int | None
    since: int

    @property
    def off(self) -> bool:
        """Whether the clock is off for sure: both bounds are known, and not even with the margin is 0 inside."""
        return self.low is not None and self.high is not None and (self.low > MARGIN or self.high < -MARGIN)

    def skewed(self, uid: str, *, at: int) -> Skewed | None:
        """What is to be told at ``at`` to a pod of the node; ``None`` where the clock is not known to be off."""
        if self.low is None or self.high is None or not self.off:
            return None
        return Skewed(uid, self.low, self.high, self.since, at)


@dataclass(slots=True)
class _Span:
    """The tightest bounds of the statements of one stretch of time, and when each of the two was stated."""

    begun: int
    low: int
    low_at: int
    high: int | None
    high_at: int

    def covers(self, low: int, high: int | None, arrived: int) -> bool:
        """Whether the statement belongs to the stretch and says nothing new."""
        new = high is not None and (self.high is None or high < self.high)
        return low <= self.low and not new and arrived - self.begun < _SPAN

    def join(self, low: int, high: int | None, arrived: int) -> None:
        """Take a statement in."""
        if low > self.low:
            self.low, self.low_at = low, arrived
        if high is not None and (self.high is None or high < self.high):
            self.high, self.high_at = high, arrived


class NodeClock:
    """Estimates one node's offset from the statements of the last ten minutes, in a bounded number of spans.

    Statements that no single offset can explain mean that the clock was set: the estimate then begins anew, and the
    step is counted.
    """

    __slots__ = ("_spans", "last", "offset", "steps")

    def __init__(self, *, since: int) -> None:
        self.steps = 0
        """How often the clock was set while it was observed."""
        self.last = since
        """The arrival of the last statement."""
        self.offset = Offset(None, None, since)
        """As of the last statement that changed it."""
        self._spans: list[_Span] = []

    def heard(self, stamp: int, *, arrived: int, cause: int | None) -> bool:
        """Take a stamp of the node's clock that was delivered at ``arrived``, of what followed ``cause``.

        Returns whether it is news.
        """
        low = stamp - arrived
        high = None if cause is None else stamp - cause + LATE
        news = not self._spans or not self._spans[-1].covers(low, high, arrived)
        if news:
            if self._contradicted(low, high, arrived):
                self.steps += 1
                self._spans = []
                # It was set at some time since the last statement, most likely before this pod was bound.
                since = arrived if cause is None else min(cause, arrived)
                self.offset = Offset(None, None, max(self.last + 1, since))
            self._join(low, self._plausible(low, high), arrived)
        self.last = max(self.last, arrived)
        return news

    def _plausible(self, low: int, high: int | None) -> int | None:
        """The upper bound unless a delivery contradicts it: the cause was then stamped too late to bound anything."""
        lowest = low if self.offset.low is None else max(low, self.offset.low)
        return None if high is None or high < lowest else high

    def _contradicted(self, low: int, high: int | None, arrived: int) -> bool:
        held, slack = self.offset, MARGIN + _drift(arrived - self.last)
        above = held.high is not None and low > held.high + slack
        below = held.low is not None and high is not None and low <= high < held.low - slack
        return above or below

    def _join(self, low: int, high: int | None, arrived: int) -> None:
        if self._spans and arrived - self._spans[-1].begun < _SPAN:
            self._spans[-1].join(low, high, arrived)
        else:
            self._spans.append(_Span(arrived, low, arrived, high, arrived))
            self._spans = [each for each in self._spans if arrived - each.begun < WINDOW]
        lowest = max(each.low - _drift(arrived - each.low_at) for each in self._spans)
        highs = [each.high + _drift(arrived - each.high_at) for each in self._spans if each.high is not None]
        # A delivery that contradicts an earlier cause is of the observer's own clock, and counts more.
        highest = min((each for each in highs if each >= lowest), default=None)
        self.offset = Offset(lowest, highest, self.offset.since)


def _drift(age: int) -> int:
    return max(age, 0) // DRIFT


_STAMPED = frozenset({Source.EVENT_TIME, Source.EVENT_NAME, Source.EVENT_SECOND, Source.FIELD, Source.CONDITION})


def corrected(mark: MilestoneKey, evidence: tuple[Evidence, ...], clock: Skewed | None) -> tuple[Evidence, ...]:
    """The evidence as the observer's clock would have stamped it, its bounds widened by how well the offset is known.

    What was observed while the clock was not known to be off, or stamped long before, stays as it is.
    """
    if clock is None:
        return evidence
    return tuple(_shifted(each, clock) if _of_node(mark, each, clock) else each for each in evidence)


def _of_node(mark: MilestoneKey, evidence: Evidence, clock: Skewed) -> bool:
    if evidence.source is not Source.TRIGGER and (
        evidence.source not in _STAMPED or MILESTONES[mark.milestone].place is not Place.NODE
    ):
        return False
    fresh = evidence.claim - clock.low >= clock.since - WINDOW
    return fresh and clock.since <= evidence.observed <= clock.at


def _shifted(evidence: Evidence, clock: Skewed) -> Evidence:
    source, at, earliest, latest, observed = evidence
    if source is Source.TRIGGER:
        # Copied from a pod's Ready condition, perhaps of a pod elsewhere: it may be ahead, and is no less a bound.
        return Evidence(source, at, None if earliest is None else earliest - max(clock.high, 0), latest, observed)
    return Evidence(
        source,
        None if at is None else at - clock.low,
        None if earliest is None else earliest - clock.high,
        None if latest is None else latest - clock.low,
        observed,
    )


SAID_BY_KUBELET = frozenset(
    {
        "BackOff",
        "ErrImageNeverPull",
        "ExceededGracePeriod",
        "Failed",
        "FailedCreatePodContainer",
        "FailedCreatePodSandBox",
        "FailedKillPod",
        "FailedMapVolume",
        "FailedMount",
        "FailedPodSandBoxStatus",
        "FailedPostStartHook",
        "FailedPreStopHook",
        "FailedPrepareDynamicResources",
        "FailedSync",
        "InspectFailed",
        "Killing",
        "NetworkNotReady",
        "Preempting",
        "ProbeWarning",
        "SandboxChanged",
        "Unhealthy",
    }
)
"""Reasons of a pod's Events that none but the kubelet writes (pkg/kubelet/events/event.go)."""


def righted(timeline: Timeline) -> Timeline:
    """The timeline whose notes, runs and incidents are as the observer's clock would have stamped them.

    Its evidence stays: ``corrected`` also says by how much its bounds are to be widened.
    """
    clock = timeline.clock
    if clock is None:
        return timeline
    incidents = [_befell(each, clock) for each in timeline.incidents.values()]
    return replace(
        timeline,
        notes={key: _note(note, clock) for key, note in timeline.notes.items()},
        runs={key: _ran(ran, clock) for key, ran in timeline.runs.items()},
        incidents={(each.incident, each.at): each for each in incidents},
    )


def _note(note: Note, clock: Skewed) -> Note:
    if note.reason not in SAID_BY_KUBELET:
        return note
    return replace(note, first=_right(note.first, clock), last=_right(note.last, clock))


def _ran(ran: Ran, clock: Skewed) -> Ran:
    started, finished = (None if each is None else _right(each, clock) for each in (ran.started, ran.finished))
    return replace(ran, started=started, finished=finished)


def _befell(befell: Incident, clock: Skewed) -> Incident:
    return replace(befell, at=_right(befell.at, clock))


def _right(stamp: int, clock: Skewed) -> int:
    """The stamp by the observer's clock, if it was made while the node's was known to be off."""
    moment = stamp - clock.low
    return moment if clock.since - WINDOW <= moment <= clock.at else stamp
