"""The limit on the Events of one object: what a kubelet does after it has none.

client-go lets one source write 25 Events about one object, then one in five minutes; what is above that is dropped
before it is sent (tools/record/events_cache.go, EventSourceObjectSpamFilter). Since 1.32 Events of type Normal and
Warning are counted apart (getSpamKey): older kubelets reach the limit earlier than this module says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from podtimeline.analysis.evidence.clocks import SAID_BY_KUBELET, corrected
from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.notes import Note
from podtimeline.model.timeline import Timeline

BURST = 25
"""Events of one type that one source may write about one object at once (defaultSpamBurst)."""
REFILL = 300 * SECOND
"""After how long it may write one more (defaultSpamQPS)."""
_STEPS = (Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED)
"""What the kubelet records of each start of a container (kuberuntime_container.go, startContainer)."""
_RECORDED = frozenset({*_STEPS, Milestone.PULL_STARTED, Milestone.KILLING})
_EVENTS = frozenset({Source.EVENT_NAME, Source.EVENT_SECOND})
_NORMAL = frozenset({"Killing", "SandboxChanged"})
_FROM_STATUS = frozenset({"ErrImageNeverPull"})
"""A reason of an Event and of a waiting container alike: a note of it need not be of an Event."""
_PULL_BACKOFF = "Back-off pulling"


class EventType(StrEnum):
    """``type`` of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class EventLimit:
    """The kubelet had used up its Events of one type about the pod at ``reached`` (ns since the epoch) or before.

    ``containers`` are those that were started later, in the order of the spec, and have no Event of it.
    """

    type: EventType
    reached: int
    containers: tuple[str, ...] = ()


def event_limits(timeline: Timeline) -> tuple[EventLimit, ...]:
    """The limits that the kubelet is known to have reached: of what it recorded, or has to have, no more is counted.

    Stamps are as the observer's clock would have made them where the timeline's notes are (see ``clocks.righted``).
    """
    if _few(timeline):
        return ()
    found = []
    normal = _reached([*_starts(timeline), *_said(timeline, EventType.NORMAL)])
    if normal is not None:
        found.append(EventLimit(EventType.NORMAL, normal, _silent(timeline, normal)))
    warning = _reached(_said(timeline, EventType.WARNING))
    if warning is not None:
        found.append(EventLimit(EventType.WARNING, warning))
    return tuple(found)


def _few(timeline: Timeline) -> bool:
    """Whether all that the kubelet can have recorded is below the limit: so it is of nearly every pod."""
    marks = [mark for mark in timeline.evidence if mark.milestone in _RECORDED]
    started = sum(mark.milestone is Milestone.STARTED for mark in marks)
    starts = len(marks) + len(_STEPS) * (started + len(timeline.runs))
    return starts + sum(note.count for note in timeline.notes.values()) < BURST


def unreported(timeline: Timeline) -> frozenset[str]:
    """The containers that were started when the kubelet had no Event left to say so."""
    if not any(_silent(timeline, None)):
        return frozenset()
    return frozenset(name for limit in event_limits(timeline) for name in limit.containers)


def _reached(told: Iterable[tuple[int, int]]) -> int | None:
    """By when so many Events were recorded that the next one is dropped, of moments with counts; ``None`` for never."""
    count, begin = 0, None
    for moment, more in sorted(told):
        begin = moment if begin is None else begin
        count += more
        if (count - BURST + 1) * REFILL > moment - begin:
            return moment
    return None


def _starts(timeline: Timeline) -> Iterator[tuple[int, int]]:
    """The Events that belong to the starts of containers, written or not: the latest moment of each, and how many."""
    for mark, evidence in timeline.evidence.items():
        if mark.milestone not in _RECORDED:
            continue
        event = _event(timeline, mark)
        if event is not None:
            yield event, 1
        if mark.milestone is Milestone.STARTED:
            began = _latest(timeline, mark, evidence)
            missing = sum(_event(timeline, MilestoneKey(each, mark.subject)) is None for each in _STEPS)
            if began is not None and missing:
                yield began, missing
    for ran in timeline.runs.values():
        if ran.run and ran.started is not None:
            yield ran.started + SECOND - 1, len(_STEPS)


def _said(timeline: Timeline, type_: EventType) -> Iterator[tuple[int, int]]:
    for note in timeline.notes.values():
        if note.reason in SAID_BY_KUBELET - _FROM_STATUS and _type(note) is type_:
            yield note.first, 1
            if note.count > 1:
                yield note.last, note.count - 1


def _type(note: Note) -> EventType:
    # The kubelet waits to pull an image again without a warning, and to start a container again with one.
    normal = note.reason in _NORMAL or (note.reason == "BackOff" and note.first_text.startswith(_PULL_BACKOFF))
    return EventType.NORMAL if normal else EventType.WARNING


def _silent(timeline: Timeline, reached: int | None) -> tuple[str, ...]:
    """The containers whose start no Event tells and that can have been started at ``reached`` or later."""
    names = [] if timeline.facts is None else [each.name for each in timeline.facts.containers]
    return tuple(name for name in names if _started_silently(timeline, MilestoneKey(Milestone.STARTED, name), reached))


def _started_silently(timeline: Timeline, mark: MilestoneKey, reached: int | None) -> bool:
    evidence = timeline.evidence.get(mark)
    if evidence is None or _event(timeline, mark) is not None:
        return False
    began = _latest(timeline, mark, evidence)
    return began is not None and (reached is None or began >= reached)


def _event(timeline: Timeline, mark: MilestoneKey) -> int | None:
    """When the Event of a mark was made; ``None`` where none is known."""
    evidence = timeline.evidence.get(mark, ())
    events = tuple(each for each in evidence if each.source in _EVENTS)
    return next((each.claim for each in corrected(mark, events, timeline.clock)), None) if events else None


def _latest(timeline: Timeline, mark: MilestoneKey, evidence: tuple[Evidence, ...]) -> int | None:
    bounds = (each.latest for each in corrected(mark, evidence, timeline.clock))
    return min((each for each in bounds if each is not None), default=None)
