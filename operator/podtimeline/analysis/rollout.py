"""A rollout: every pod that one revision of a workload brought up or took down, and what it was held up by. Pure.

A rollout begins with the workload's request and is complete when every pod that it asked for is ready (a Job's: has
ended) and no pod of another revision is wanted any more, as ``kubectl rollout status`` counts: pods that are being
deleted count neither as surge nor as available (pkg/controller/deployment/util, ``FilterActivePods``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from podtimeline.analysis.attribution.scaling import Why, WorkloadHistory
from podtimeline.analysis.phases.spans import PhaseSpan
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.pods import Owner

_TO_COMPLETION = frozenset({"Job", "CronJob"})
REVISION_LABELS = ("pod-template-hash", "controller-revision-hash", "batch.kubernetes.io/controller-uid")
"""The label that tells a pod's revision: of a ReplicaSet, of a StatefulSet or DaemonSet, and the uid of a Job."""

_LATE = SECOND // 5
"""By how much a cause may be told later than the pod that it led to: each is timed by a delivery of its own."""


@dataclass(frozen=True, slots=True)
class Member:
    """One pod on the rollout's axis; moments are nanoseconds since the epoch, ``None`` where not reached or unknown.

    ``current`` is whether it is of the revision that is rolled out. ``up`` is when it was ready, of a pod that runs to
    completion when it ended; ``leaving`` when its deletion was asked for; ``removed`` when it was gone.
    """

    view: ResolvedTimeline
    revision: str
    current: bool
    requested: int | None
    created: int | None
    up: int | None
    leaving: int | None
    removed: int | None

    @property
    def name(self) -> str:
        """The pod's name."""
        return self.view.facts.name


@dataclass(frozen=True, slots=True)
class Level:
    """How many pods there were from ``at`` on: wanted (not being deleted) and of those ready, by revision."""

    at: int
    current: int
    current_up: int
    other: int
    other_up: int
    leaving: int

    @property
    def wanted(self) -> int:
        """Pods of any revision that are not being deleted."""
        return self.current + self.other

    @property
    def up(self) -> int:
        """Pods of any revision that are ready and not being deleted."""
        return self.current_up + self.other_up


class LinkKind(StrEnum):
    """What a stretch of the chain that held the rollout is about."""

    CONTROLLER = "controller"
    """The workload's controller, between one pod's step and the next pod's: minReadySeconds, work queue, quota."""
    STARTUP = "startup"
    """A new pod on its way to readiness."""
    TERMINATION = "termination"
    """An old pod on its way out, where the controller waited for it."""


@dataclass(frozen=True, slots=True)
class Link:
    """One stretch of the chain from the rollout's start to its completion; the links lie end to end."""

    kind: LinkKind
    start: int
    end: int
    pod: str = ""
    stretches: tuple[PhaseSpan, ...] = ()

    @property
    def duration(self) -> int:
        """Length in nanoseconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class HeldUp:
    """What held the rollout: a phase of its pods (``None`` for the controller), how long, and in which pods."""

    phase: Phase | None
    duration: int
    pods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rollout:
    """One revision of one workload. ``complete`` is ``None`` while it is not; durations are nanoseconds.

    ``superseded`` is when the next revision made its first pod before this one was complete.

    ``desired`` is how many pods the workload wants, ``None`` where unknown; then ``surge`` (most pods above it) and
    ``unavailable`` (most pods below it) are unknown too. ``chain`` sums exactly from ``started`` to ``complete``.
    """

    namespace: str
    workload: Owner
    revision: str
    started: int
    complete: int | None
    superseded: int | None
    desired: int | None
    surge: int | None
    unavailable: int | None
    members: tuple[Member, ...]
    levels: tuple[Level, ...]
    chain: tuple[Link, ...]
    held: tuple[HeldUp, ...]


def revision_of(view: ResolvedTimeline) -> str:
    """The revision of the pod by its labels; empty where no label tells."""
    labels = dict(view.facts.labels)
    return next((labels[label] for label in REVISION_LABELS if label in labels), "")


def revisions(views: Iterable[ResolvedTimeline]) -> tuple[str, ...]:
    """The revisions of these pods, the one with the newest first pod first."""
    first: dict[str, int] = {}
    for view in views:
        created = _at(view, Milestone.CREATED)
        if created is not None:
            revision = revision_of(view)
            first[revision] = min(created, first.get(revision, created))
    return tuple(sorted(first, key=lambda revision: first[revision], reverse=True))


def of_one(views: Sequence[ResolvedTimeline], *, revision: str | None) -> tuple[ResolvedTimeline, ...]:
    """The pods of the latest workload of the name; where a ``revision`` is given, of the latest that had it.

    A workload that was deleted and made again has the same name, and often the same revisions, but not the same uid.
    """
    fitting = [each for each in views if revision in {None, revision_of(each)}]
    newest = max(fitting, key=lambda each: _at(each, Milestone.CREATED) or 0, default=None)
    return () if newest is None else tuple(each for each in views if each.workload.uid == newest.workload.uid)


def rollout(
    views: Sequence[ResolvedTimeline], *, revision: str, now: int, desired: int | None = None
) -> Rollout | None:
    """The rollout of ``revision`` among the pods of one workload; ``None`` where no pod of it has a known creation.

    ``desired`` is the number of replicas that the workload's spec asks for, where that is known. Without it the number
    of pods that the rollout brought up counts, once it is complete.
    """
    everyone = [_member(view, revision) for view in views]
    mine = [each for each in everyone if each.current and each.created is not None]
    started = _started(mine, [each for each in everyone if not each.current])
    if started is None:
        return None
    asked = _asked(mine)
    older, superseded = _before(everyone, started), _superseded(everyone, started)
    others = [each for each in everyone if each.revision in older and not each.current and _there(each, started)]
    complete = _complete(asked, others, desired, superseded)
    if complete is not None and superseded is not None and superseded < complete:
        # What ended it was the next revision, not its own completion.
        complete = None
    until = complete or superseded or now
    members = (*others, *(each for each in mine if (each.created or 0) <= until))
    wanted = desired if desired is not None else (len(asked) if complete is not None else None)
    levels = _levels(members, started, until)
    chain = () if complete is None else _chain(asked, others, started, complete)
    return Rollout(
        namespace=mine[0].view.facts.namespace,
        workload=mine[0].view.workload,
        revision=revision,
        started=started,
        complete=complete,
        superseded=None if complete is not None else superseded,
        desired=wanted,
        surge=_surge(levels, wanted),
        unavailable=_unavailable(levels, wanted),
        members=tuple(sorted(members, key=lambda each: (each.current, each.created or 0, each.name))),
        levels=levels,
        chain=chain,
        held=_held(chain),
    )


_STEADY = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
"""Kinds that want a number of pods; a Job wants so many at a time."""


def rollout_for(
    views: Sequence[ResolvedTimeline], asked: WorkloadHistory | None, *, revision: str, now: int
) -> Rollout | None:
    """The rollout of the workload's newest ``revision``, by how many pods the workload was ``asked`` for.

    One that is going on is measured by what the workload wants now. One whose pods are all ready is complete only once
    its controller says that there are enough; what was asked for after it, by scaling, is no part of it.
    """
    found = rollout(views, revision=revision, now=now)
    if found is None or asked is None or found.superseded is not None or asked.state.kind not in _STEADY:
        return found
    last = asked.requests[-1] if asked.requests else None
    if found.complete is not None and (last is None or last.met is not None or last.why is Why.SCALED):
        return found
    return rollout(views, revision=revision, now=now, desired=asked.state.wanted)


def _at(view: ResolvedTimeline, milestone: Milestone) -> int | None:
    instant = view.instant(milestone)
    return None if instant is None else instant.at


def _member(view: ResolvedTimeline, revision: str) -> Member:
    mine = revision_of(view)
    return Member(
        view=view,
        revision=mine,
        current=mine == revision,
        requested=_at(view, Milestone.ROLLOUT_STARTED),
        created=_at(view, Milestone.CREATED),
        up=_up(view),
        leaving=_at(view, Milestone.DELETION_REQUESTED),
        removed=_at(view, Milestone.OBJECT_REMOVED),
    )


def _kind_in(view: ResolvedTimeline, kinds: frozenset[str]) -> bool:
    """Whether the workload is of one of Kubernetes' own kinds: a custom resource of that name does as it likes."""
    return view.workload.kind in kinds and not view.workload.group


def _up(view: ResolvedTimeline) -> int | None:
    if not _kind_in(view, _TO_COMPLETION):
        return _at(view, Milestone.READY)
    if view.ended is None:
        return None
    finished = [
        each.instant.at for each in view.milestones if each.mark.milestone is Milestone.FINISHED and each.instant
    ]
    return max(finished, default=None)


def _started(mine: Sequence[Member], others: Sequence[Member]) -> int | None:
    """When the rollout was asked for; not after the first old pod that had to go for it, which may be told earlier."""
    requested = [each for each in mine if each.requested is not None]
    if not requested:
        return min((each.created for each in mine if each.created is not None), default=None)
    first = min(requested, key=lambda each: each.requested or 0)
    asked = first.view.instant(Milestone.ROLLOUT_STARTED)
    started = first.requested or 0
    earliest = started if asked is None or asked.earliest is None else asked.earliest
    gone = [each.leaving for each in others if each.leaving is not None and earliest <= each.leaving < started]
    return min([started, *gone])


def _asked(mine: Sequence[Member]) -> list[Member]:
    """The pods of the rollout itself: not those of a later scale-up, and not the replacement of one that went."""
    if any(_kind_in(each.view, _TO_COMPLETION) for each in mine):
        # A Job makes its pods as others end: all of them are what it was asked for.
        return list(mine)
    requests = [each.requested for each in mine if each.requested is not None]
    first = min(requests, default=0)
    told = [each for each in mine if each.requested is not None and each.requested - first <= SECOND]
    return told or list(mine)


def _firsts(members: Sequence[Member]) -> dict[str, int]:
    """When the first pod of each revision was created."""
    firsts: dict[str, int] = {}
    for each in members:
        if each.created is not None:
            firsts[each.revision] = min(each.created, firsts.get(each.revision, each.created))
    return firsts


def _before(members: Sequence[Member], started: int) -> frozenset[str]:
    return frozenset(revision for revision, first in _firsts(members).items() if first < started)


def _superseded(members: Sequence[Member], started: int) -> int | None:
    """When the next revision made its first pod; ``None`` where there is none."""
    mine = {each.revision for each in members if each.current}
    later = [first for revision, first in _firsts(members).items() if first > started and revision not in mine]
    return min(later, default=None)


def _there(member: Member, started: int) -> bool:
    gone = member.removed if member.leaving is None else member.leaving
    return member.created is not None and (gone is None or gone >= started)


def _complete(
    asked: Sequence[Member], others: Sequence[Member], desired: int | None, superseded: int | None
) -> int | None:
    # A pod that went before it was ready was replaced, unless it was the next revision that took it away.
    standing = [each for each in asked if each.up is not None or not _passed(each.leaving, superseded)]
    if any(each.up is None for each in standing) or (desired is not None and len(standing) < desired):
        return None
    gone = [each.removed if each.leaving is None else each.leaving for each in others]
    ups = [each.up for each in standing if each.up is not None]
    if not ups or None in gone:
        return None
    return max([*ups, *(each for each in gone if each is not None)])


def _levels(members: Sequence[Member], started: int, until: int) -> tuple[Level, ...]:
    moments = {started}
    for each in members:
        moments |= {at for at in (each.created, each.up, each.leaving, each.removed) if at is not None}
    return tuple(_level(members, at) for at in sorted(moments) if started <= at <= until)


def _level(members: Sequence[Member], at: int) -> Level:
    wanted = [each for each in members if _passed(each.created, at) and not _passed(each.leaving or each.removed, at)]
    leaving = [each for each in members if _passed(each.leaving, at) and not _passed(each.removed, at)]
    current = [each for each in wanted if each.current]
    others = [each for each in wanted if not each.current]
    ups = [sum(_passed(each.up, at) for each in group) for group in (current, others)]
    return Level(at, len(current), ups[0], len(others), ups[1], len(leaving))


def _passed(moment: int | None, at: int | None) -> bool:
    return moment is not None and (at is None or moment <= at)


def _surge(levels: Sequence[Level], desired: int | None) -> int | None:
    if desired is None:
        return None
    return max((max(each.wanted - desired, 0) for each in _lasting(levels)), default=0)


def _unavailable(levels: Sequence[Level], desired: int | None) -> int | None:
    """How many were missing at the worst moment; ``None`` for a first rollout, before which there were none."""
    if desired is None or not levels or not levels[0].other_up:
        return None
    return max((max(desired - each.up, 0) for each in _lasting(levels)), default=0)


def _lasting(levels: Sequence[Level]) -> list[Level]:
    """Levels that lasted: two steps of one moment, each with an error of its own, seem to leave a gap between them."""
    return [level for level, after in pairwise(levels) if after.at - level.at >= _LATE] + list(levels[-1:])


@dataclass(frozen=True, slots=True)
class _Cause:
    """Something that lets a controller go on: a new pod is up, an old one is asked to go or gone."""

    at: int
    member: Member
    gone: bool


def _causes(asked: Sequence[Member], others: Sequence[Member]) -> list[_Cause]:
    found = [_Cause(each.up, each, gone=False) for each in asked if each.up is not None]
    if _waits_for_removal(asked, others):
        found += [_Cause(each.removed, each, gone=True) for each in others if each.removed is not None]
    return sorted(found, key=lambda cause: cause.at)


_ONE_FOR_ONE = frozenset({"StatefulSet", "DaemonSet"})


def _waits_for_removal(asked: Sequence[Member], others: Sequence[Member]) -> bool:
    """Whether new pods are made only once old ones are gone; a Deployment does so with the strategy Recreate."""
    if any(_kind_in(each.view, _ONE_FOR_ONE) for each in asked):
        return True
    gone = [each.removed for each in others]
    last = max((each for each in gone if each is not None), default=None)
    return (
        last is not None
        and None not in gone
        and all(each.created is not None and each.created >= last for each in asked)
    )


def _chain(asked: Sequence[Member], others: Sequence[Member], started: int, complete: int) -> tuple[Link, ...]:
    """From the completion back to the start: what each step waited for is what had happened last before it."""
    links: list[Link] = []
    causes = _causes(asked, others)
    at = complete
    while at > started:
        cause = next((each for each in reversed(causes) if started < min(each.at, at) and _led_to(each, at)), None)
        if cause is None:
            links.append(Link(LinkKind.CONTROLLER, started, at))
            break
        causes = [each for each in causes if each.at <= cause.at and each is not cause]
        if cause.at < at:
            links.append(Link(LinkKind.CONTROLLER, cause.at, at))
        link = _link(cause, started, min(cause.at, at))
        links.append(link)
        at = link.start
    return tuple(reversed(links))


def _led_to(cause: _Cause, at: int) -> bool:
    return cause.at - _LATE <= at


def _link(cause: _Cause, started: int, end: int) -> Link:
    member = cause.member
    begun = member.leaving if cause.gone else member.created
    start = max(started, min(begun if begun is not None else end, end))
    kind = LinkKind.TERMINATION if cause.gone else LinkKind.STARTUP
    stretches = member.view.leaving if cause.gone else member.view.phases
    within = tuple(
        replace(each, end=min(each.end, end)) for each in stretches if each.start >= start and each.start < end
    )
    return Link(kind, start, end, member.name, within)


def _held(chain: Sequence[Link]) -> tuple[HeldUp, ...]:
    """The chain's time by phase, the longest first; what no phase covers is the controller's."""
    times: dict[Phase | None, int] = {}
    pods: dict[Phase | None, dict[str, None]] = {}
    for link in chain:
        rest = link.duration
        for stretch in link.stretches:
            rest -= stretch.duration
            times[stretch.phase] = times.get(stretch.phase, 0) + stretch.duration
            pods.setdefault(stretch.phase, {})[link.pod] = None
        times[None] = times.get(None, 0) + rest
        if link.pod and rest:
            pods.setdefault(None, {})[link.pod] = None
    found = [HeldUp(phase, time, tuple(pods.get(phase, ()))) for phase, time in times.items() if time]
    return tuple(sorted(found, key=lambda held: (-held.duration, held.phase or "")))
