"""The sequence in which the main containers of a pod are started, and what that says of starts known to the second.

The kubelet starts them one after the other in the order of the spec, each with its image, and waits for none to be
ready (pkg/kubelet/kuberuntime/kuberuntime_manager.go, SyncPod). One that cannot be started is passed over and tried
again later.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from podtimeline.model.instants import SECOND, Source, Window
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.pods import ContainerKind, PodFacts
from podtimeline.model.timeline import Timeline

Windows = Mapping[MilestoneKey, Window]
_STEPS = (Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED)
_AFTER_START = frozenset({"CrashLoopBackOff", "Killing", "ProbeWarning", "Unhealthy"})
"""Reasons that are said of a container that was started."""


def started_in_turn(timeline: Timeline, facts: PodFacts, windows: Windows) -> tuple[str, ...]:
    """The main containers of which each was started after the one before it, as far as is known.

    One of which a failure is told is left out, and one that was started after a later one of the spec.
    """
    failed = {note.subject for note in timeline.notes.values() if note.reason not in _AFTER_START}
    mains = (each.name for each in facts.containers if each.kind is ContainerKind.MAIN)
    tried = [name for name in mains if name not in failed and _known(timeline, name)]
    kept: list[str] = []
    ceiling: int | None = None
    for name in reversed(tried):
        earliest = windows[MilestoneKey(Milestone.STARTED, name)].earliest
        if ceiling is not None and earliest is not None and earliest > ceiling:
            continue
        kept.append(name)
        bounds = (windows[MilestoneKey(each, name)].latest for each in _STEPS)
        ceiling = min((each for each in (*bounds, ceiling) if each is not None), default=None)
    return tuple(reversed(kept))


def _known(timeline: Timeline, name: str) -> bool:
    failed = timeline.has(Milestone.LAST_PULL_FAILURE, name)
    return not failed and any(timeline.has(each, name) for each in _STEPS)


def spread(names: Iterable[str], windows: Windows) -> Iterator[tuple[MilestoneKey, int]]:
    """Estimates for starts known to the same second only: in their order, in the middle of equal parts of it."""
    marks = [MilestoneKey(Milestone.STARTED, name) for name in names]
    floor: int | None = None
    for second, group in itertools.groupby(marks, key=lambda mark: _second(windows[mark])):
        alike = list(group)
        if second is not None and len(marks) > 1:
            yield from _within(alike, second, floor, windows)
        floor = windows[alike[-1]].earliest


def _second(window: Window) -> int | None:
    """The whole second that a status tells of a start, unless an Event tells more."""
    sources = {each.source for each in window.points}
    if not sources <= {Source.FIELD, Source.WATCH, Source.LISTED}:
        return None
    stated = (each.at for each in window.points if each.source is Source.FIELD)
    return next((at - SECOND // 2 for at in stated if at is not None), None)


def _within(
    marks: Sequence[MilestoneKey], second: int, floor: int | None, windows: Windows
) -> Iterator[tuple[MilestoneKey, int]]:
    begin = max(each for each in (second, floor, windows[marks[0]].earliest) if each is not None)
    latest = windows[marks[-1]].latest
    end = second + SECOND - 1 if latest is None else min(latest, second + SECOND - 1)
    length = max(end - begin, 0)
    for number, mark in enumerate(marks):
        at, bound = begin + length * (2 * number + 1) // (2 * len(marks)), windows[mark].latest
        yield mark, at if bound is None else min(at, bound)
