"""Instants with bounds, and the evidence they are made of.

An event name tells the nanosecond just after a fact, a status field the second it fell into, a watch delivery only
"not after". Several pieces of evidence for one fact intersect; where they contradict each other the contradiction is
kept as ``skew`` and shown, never clamped away.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

SECOND = 1_000_000_000


class Source(StrEnum):
    """Where a piece of evidence comes from, best point estimate first."""

    EVENT_TIME = "event_time"
    """``eventTime`` of an Event, microseconds, set by users of the events.k8s.io API such as the scheduler."""
    EVENT_NAME = "event_name"
    """The hexadecimal nanoseconds that client-go puts behind the last dot of an Event's name."""
    EVENT_SECOND = "event_second"
    """``firstTimestamp`` of an Event whose name carries no time: one second, stamped just after the fact."""
    WATCH = "watch"
    """The arrival, on the observer's clock, of the first watch delivery that showed the fact: an upper bound."""
    FIELD = "field"
    """A one-second field of the object: ``creationTimestamp``, ``startTime``, ``startedAt``, ``finishedAt``…"""
    CONDITION = "condition"
    """``lastTransitionTime`` of a condition: one second, and it moves when the condition flaps."""
    TRIGGER = "trigger"
    """``endpoints.kubernetes.io/last-change-trigger-time`` of an EndpointSlice: a lower bound of the slice's write."""
    LISTED = "listed"
    """A listing showed it: it happened, and nothing is known of when."""
    ORDER = "order"
    """No stamp of its own: what must come before and after it bounds it."""


_RANK = {source: rank for rank, source in enumerate(Source)}


class Evidence(NamedTuple):
    """One statement about when a fact happened; a tuple, as it is made several times for each change of each pod.

    ``at`` is the statement's own point estimate or ``None``; ``earliest`` and ``latest`` are inclusive bounds or
    ``None`` where the statement gives none; ``observed`` is the arrival of the bytes that carried it.
    """

    source: Source
    at: int | None
    earliest: int | None
    latest: int | None
    observed: int

    @property
    def claim(self) -> int:
        """The moment by which two statements of one source are compared: the earlier claim is the first occurrence."""
        for moment in (self.at, self.earliest, self.latest):
            if moment is not None:
                return moment
        return self.observed


def just_after(source: Source, moment: int, *, observed: int) -> Evidence:
    """Evidence stamped by its reporter immediately after the fact: best estimate and upper bound in one."""
    return Evidence(source, moment, None, moment, observed)


def exactly(source: Source, moment: int, *, observed: int) -> Evidence:
    """Evidence whose stamp is the fact: the reporter announces what it sets out to do."""
    return Evidence(source, moment, moment, moment, observed)


def within_second(source: Source, second: int, *, observed: int) -> Evidence:
    """Evidence truncated to a whole second: the fact lies in [second, second + 1 s)."""
    return Evidence(source, None, second, second + SECOND - 1, observed)


def not_before(source: Source, moment: int, *, observed: int) -> Evidence:
    """Evidence that only bounds the fact from below."""
    return Evidence(source, None, moment, None, observed)


def happened(observed: int) -> Evidence:
    """Evidence that a listing showed the fact: it bounds nothing."""
    return Evidence(Source.LISTED, None, None, None, observed)


def later(evidence: Evidence, by: int) -> Evidence:
    """What the evidence says of a fact that comes ``by`` nanoseconds after the one that it is of."""
    at, earliest, latest = (None if each is None else each + by for each in evidence[1:4])
    return Evidence(evidence.source, at, earliest, latest, evidence.observed) if by else evidence


@dataclass(frozen=True, slots=True)
class Instant:
    """When a milestone happened: best estimate ``at`` and inclusive bounds, all in nanoseconds since the epoch.

    ``None`` for a bound means that nothing bounds it. ``skew`` is by how many nanoseconds the pieces of evidence
    contradict each other; 0 where they agree. ``observed`` is the arrival of the evidence that ``at`` rests on.
    """

    at: int
    earliest: int | None
    latest: int | None
    source: Source
    observed: int
    skew: int = 0


class Window(NamedTuple):
    """The intersection of the evidence for one milestone; ``ordered`` once what must come after it has lowered it.

    A tuple, as an evaluation makes several for each milestone.
    """

    earliest: int | None
    latest: int | None
    points: tuple[Evidence, ...]
    skew: int = 0
    ordered: bool = False

    def raised(self, floor: int | None) -> "Window":
        """This window after learning that the fact is not before ``floor``; a contradiction becomes skew."""
        earliest, latest, points, skew, ordered = self
        if floor is None or (earliest is not None and earliest >= floor):
            return self
        if latest is not None and latest < floor:
            return Window(earliest, latest, points, max(skew, floor - latest), ordered)
        return Window(floor, latest, points, skew, ordered)

    def lowered(self, ceiling: int | None) -> "Window":
        """This window after learning that the fact is not after ``ceiling``; a contradiction becomes skew."""
        earliest, latest, points, skew, ordered = self
        if ceiling is None or (latest is not None and latest <= ceiling):
            return self
        if earliest is not None and earliest > ceiling:
            return Window(earliest, latest, points, max(skew, earliest - ceiling), ordered)
        return Window(earliest, ceiling, points, skew, ordered)

    def followed(self, ceiling: int | None) -> "Window":
        """``lowered`` by what must come after this fact."""
        window = self.lowered(ceiling)
        return window if window.latest == self.latest else window._replace(ordered=True)

    def instant(self, *, floor: int | None = None) -> Instant | None:
        """The best estimate inside the window, or ``None`` where nothing says when.

        The best-ranked point inside the window wins; then the upper bound that cut a nearby report off; then the
        middle of a window that both sides bound.
        ``floor`` is the estimate of what must come before: inside the window the estimate is not put before it.
        """
        chosen = self._point()
        if chosen is None:
            return None
        at, source, observed = chosen
        if floor is not None and at < floor and (self.latest is None or floor <= self.latest):
            at = floor
        return Instant(at, self.earliest, self.latest, source, observed, self.skew)

    def _point(self) -> tuple[int, Source, int] | None:
        for evidence in self.points:
            if evidence.at is not None and self._holds(evidence.at):
                return evidence.at, evidence.source, evidence.observed
        if self.latest is None:
            return None
        for evidence in self.points:
            if evidence.at is not None and evidence.at > self.latest and self._near(evidence.at - self.latest):
                return self.latest, evidence.source, evidence.observed
        if self.earliest is None:
            return None
        middle = (self.earliest + self.latest) // 2
        for evidence in self.points:
            if evidence.earliest is not None or evidence.latest is not None:
                return middle, evidence.source, evidence.observed
        return middle, Source.ORDER, max((each.observed for each in self.points), default=middle)

    def _near(self, overshoot: int) -> bool:
        # A step follows the one before it at once, so that a late report points at what followed. One that overshoots
        # its own second by little tells that the fact was near that second's end, one that is far off tells nothing.
        return self.ordered or self.earliest is None or (self.latest or 0) - self.earliest >= 10 * overshoot

    def _holds(self, moment: int) -> bool:
        return (self.earliest is None or moment >= self.earliest) and (self.latest is None or moment <= self.latest)


def intersect(evidence: Iterable[Evidence]) -> Window:
    """Intersect evidence, best source first; a statement that contradicts the better ones only adds to ``skew``."""
    points = tuple(evidence)
    if len(points) == 1:
        ((_, _, earliest, latest, _),) = points
        if earliest is None or latest is None or earliest <= latest:
            return Window(earliest, latest, points)
    elif points:
        points = tuple(sorted(points, key=_by_rank))
    window = Window(None, None, points)
    for each in points:
        window = window.lowered(each.latest).raised(each.earliest)
    return window


def _by_rank(evidence: Evidence) -> tuple[int, int, int]:
    return _RANK[evidence.source], evidence.claim, evidence.observed
