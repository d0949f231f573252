"""A pod's timeline as people and sinks read it: resolved instants, phases that sum, totals, outcome."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from podtimeline.analysis.evidence.attempts import of_first_start
from podtimeline.analysis.evidence.clocks import righted
from podtimeline.analysis.evidence.critical_path import Step, last_endpoint, service_of, startup_path
from podtimeline.analysis.evidence.endings import called_off
from podtimeline.analysis.evidence.event_limit import EventLimit, event_limits
from podtimeline.analysis.evidence.order import resolve
from podtimeline.analysis.phases.endpoint_drain import Drain, drains
from podtimeline.analysis.phases.scheduling import NodesRefused, refused
from podtimeline.analysis.phases.spans import PhaseSpan, beginning, measure, measure_request
from podtimeline.analysis.phases.termination import Stop, measure_leaving, stops
from podtimeline.analysis.phases.volumes import detaching, named
from podtimeline.model.instants import Instant, Source
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.notes import Note
from podtimeline.model.observations import (
    DeletionCause,
    Ended,
    ImagePulled,
    Incident,
    IncidentKind,
    Leaves,
    Limit,
    Partial,
    Ran,
    Skewed,
)
from podtimeline.model.pods import ContainerKind, ContainerSpec, Owner, PodFacts
from podtimeline.model.timeline import Timeline


class Outcome(StrEnum):
    """How the pod's start ended."""

    STARTING = "starting"
    READY = "ready"
    COMPLETED = "completed"
    """Succeeded without ever having been Ready, as short Jobs do."""
    FAILED = "failed"
    DELETED = "deleted"
    """Deleted before it was Ready."""
    UNKNOWN = "unknown"
    """Its timeline could not be evaluated."""


@dataclass(frozen=True, slots=True)
class Reached:
    """One milestone with its instant; ``instant`` is ``None`` where it happened and nothing says when.

    ``lag`` is how many nanoseconds after the best estimate the watch showed it: what a node reports comes late.
    ``None`` where no watch showed it, or where nothing but the watch says when it was.
    """

    mark: MilestoneKey
    instant: Instant | None
    detail: str = ""
    lag: int | None = None


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a container was started again, and how the latest of its runs that is over ended.

    An ``exit_code`` of ``None`` beside a ``reason``: nobody knows how.
    """

    container: str
    restarts: int
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class ResolvedTimeline:
    """One pod's timeline, resolved. Durations are nanoseconds; ``None`` is unknown or not reached.

    ``request``, ``phases`` and ``leaving`` are the three legs of its way: their stretches sum exactly to ``requested``
    (from the owner's request to the creation), ``total`` and ``termination`` (from the deletion request to the object's
    removal). ``startup`` runs from creation to the first Ready, ``endpoint`` from creation to the last Service's first
    ready address. ``missing`` lists required milestones of the critical path that were passed without being observed.
    ``error`` says why the timeline could not be evaluated; everything that had to be resolved is then unknown.
    """

    uid: str
    facts: PodFacts
    workload: Owner
    node: str | None
    outcome: Outcome
    milestones: tuple[Reached, ...]
    request: tuple[PhaseSpan, ...]
    phases: tuple[PhaseSpan, ...]
    leaving: tuple[PhaseSpan, ...]
    parallel: tuple[PhaseSpan, ...]
    drains: tuple[Drain, ...]
    stops: tuple[Stop, ...]
    requested: int | None
    total: int | None
    startup: int | None
    endpoint: int | None
    termination: int | None
    missing: tuple[MilestoneKey, ...]
    awaited: tuple[str, ...]
    services: tuple[str, ...] | None
    partial: tuple[Partial, ...]
    limits: tuple[Limit, ...]
    skew: int
    notes: tuple[Note, ...]
    pulls: tuple[ImagePulled, ...]
    runs: tuple[Ran, ...]
    restarts: tuple[Restarts, ...]
    incidents: tuple[Incident, ...]
    deletion_cause: DeletionCause | None
    leaves: Leaves | None
    clock: Skewed | None
    event_limits: tuple[EventLimit, ...]
    ended: Ended | None
    error: str | None = None

    def instant(self, milestone: Milestone, subject: str = "") -> Instant | None:
        """The instant of a milestone, ``None`` where it was not reached or its time is unknown."""
        wanted = MilestoneKey(milestone, subject)
        return next((each.instant for each in self.milestones if each.mark == wanted), None)

    @property
    def refused(self) -> NodesRefused | None:
        """What the scheduler says of why no node takes it; ``None`` where no attempt is known to have failed."""
        first, last = (self.instant(each) for each in (Milestone.FIRST_UNSCHEDULABLE, Milestone.LAST_UNSCHEDULABLE))
        return refused(self.notes, first=None if first is None else first.at, last=None if last is None else last.at)

    @property
    def dominant(self) -> PhaseSpan | None:
        """The longest stretch of the critical path."""
        return max(self.phases, key=lambda each: each.duration, default=None)

    @property
    def phase(self) -> Phase | None:
        """The phase that the pod is in, on its way up or back; ``None`` while it is on neither."""
        way = self.leaving or self.phases
        return way[-1].phase if way and way[-1].open else None

    def by_phase(self) -> dict[Phase, int]:
        """Nanoseconds of the critical path charged to each phase that occurred."""
        sums: dict[Phase, int] = {}
        for each in self.phases:
            sums[each.phase] = sums.get(each.phase, 0) + each.duration
        return sums


def view(timeline: Timeline, *, now: int) -> ResolvedTimeline | None:
    """Resolve a timeline as of ``now``; ``None`` while only events or slices have named the pod's uid."""
    timeline = named(timeline)
    facts = timeline.facts
    if facts is None:
        return None
    timeline = righted(timeline)
    pulls, limits = timeline.pulls, event_limits(timeline)
    timeline = of_first_start(timeline)
    instants = resolve(timeline)
    path = tuple(startup_path(timeline, facts, instants))
    request, phases = measure_request(timeline, instants), measure(timeline, instants, now=now, path=path)
    begin = beginning(timeline, instants)
    started = None if begin is None else begin.at
    ready, endpoint = instants.get(MilestoneKey(Milestone.READY)), _endpoint(timeline, instants)
    return ResolvedTimeline(
        uid=timeline.uid,
        facts=facts if timeline.labelled is None else replace(facts, labels=timeline.labelled.labels),
        workload=workload(timeline.chain, facts),
        node=timeline.details.get(MilestoneKey(Milestone.SCHEDULED)),
        outcome=outcome(timeline, facts, instants),
        milestones=_milestones(timeline, instants),
        request=request,
        phases=phases,
        leaving=measure_leaving(timeline, instants, now=now),
        drains=drains(timeline, instants, now=now),
        stops=stops(timeline, instants),
        requested=_between(_at(instants, Milestone.ROLLOUT_STARTED), instants.get(MilestoneKey(Milestone.CREATED))),
        parallel=_parallel(path, facts, instants),
        total=phases[-1].end - phases[0].start if phases else None,
        startup=_between(started, ready),
        endpoint=_between(started, endpoint),
        termination=_between(
            _at(instants, Milestone.DELETION_REQUESTED), instants.get(MilestoneKey(Milestone.OBJECT_REMOVED))
        ),
        missing=_missing(path, instants),
        awaited=awaited(timeline),
        services=_services(timeline),
        partial=tuple(sorted(timeline.partial)),
        limits=tuple(sorted(timeline.limits)),
        skew=max((each.skew for each in instants.values()), default=0),
        notes=tuple(sorted(timeline.notes.values(), key=lambda note: (note.first, note.reason, note.subject))),
        pulls=tuple(pulls[name] for name in sorted(pulls)),
        runs=tuple(timeline.runs[key] for key in sorted(timeline.runs)),
        restarts=_restarts(timeline),
        incidents=tuple(_incidents(timeline, instants)),
        deletion_cause=timeline.deletion_cause,
        leaves=timeline.leaves,
        clock=timeline.clock,
        event_limits=limits,
        ended=timeline.ended,
    )


NOT_EVALUATED = (
    "The timeline of this pod could not be evaluated. See /api/v1/faults of the operator, and please report it."
)
"""Why a view is empty."""


def unresolved(timeline: Timeline, facts: PodFacts) -> ResolvedTimeline:
    """The view of a timeline that could not be evaluated: its identity, and which milestones were reached at all."""
    return ResolvedTimeline(
        uid=timeline.uid,
        facts=facts,
        workload=workload(timeline.chain, facts),
        node=timeline.details.get(MilestoneKey(Milestone.SCHEDULED)),
        outcome=Outcome.UNKNOWN,
        milestones=tuple(Reached(mark, None, timeline.details.get(mark, "")) for mark in sorted(timeline.evidence)),
        request=(), phases=(), leaving=(), parallel=(), drains=(), stops=(),
        requested=None, total=None, startup=None, endpoint=None, termination=None,
        missing=(), awaited=(), services=None,
        partial=tuple(sorted(timeline.partial)),
        limits=tuple(sorted(timeline.limits)),
        skew=0,
        notes=(), pulls=(), runs=(), restarts=(), incidents=(),
        deletion_cause=None, leaves=None, clock=None, event_limits=(), ended=None,
        error=NOT_EVALUATED,
    )  # fmt: skip


def degraded(view: ResolvedTimeline) -> ResolvedTimeline:
    """What is left of a view that cannot be rendered: its identity, and how its start ended."""
    return replace(
        unresolved(Timeline(view.uid), view.facts), workload=view.workload, node=view.node, outcome=view.outcome
    )


def outcome(timeline: Timeline, facts: PodFacts, instants: Mapping[MilestoneKey, Instant]) -> Outcome:
    """How the start ended, from evidence alone; readiness once reached is never taken back."""
    if timeline.has(Milestone.READY):
        return Outcome.READY
    if called_off(timeline, facts, instants):
        return Outcome.DELETED
    if timeline.ended is not None:
        return Outcome.COMPLETED if timeline.ended.succeeded else Outcome.FAILED
    return Outcome.STARTING


def awaited(timeline: Timeline) -> tuple[str, ...]:
    """The selecting Services (``namespace/name``) whose slices do not hold the pod's ready address yet."""
    if not timeline.services:
        return ()
    have = {service_of(mark.subject) for mark in timeline.evidence if mark.milestone is Milestone.ENDPOINT_READY}
    return tuple(sorted(timeline.services - have))


def _services(timeline: Timeline) -> tuple[str, ...] | None:
    """The Services that selected it when it became ready, or were found to do so later; ``None`` if not known."""
    if timeline.services is None:
        return None
    later = () if timeline.reselected is None else timeline.reselected.services
    return tuple(sorted({*timeline.services, *later}))


def workload(chain: Sequence[Owner], facts: PodFacts) -> Owner:
    """The outermost known controller; a bare pod is its own workload, under the kind ``Pod``."""
    if chain:
        return chain[-1]
    return facts.owner or Owner("Pod", facts.name, facts.uid)


def _at(instants: Mapping[MilestoneKey, Instant], milestone: Milestone) -> int | None:
    instant = instants.get(MilestoneKey(milestone))
    return None if instant is None else instant.at


def _between(start: int | None, end: Instant | None) -> int | None:
    return None if start is None or end is None else max(end.at, start) - start


def _endpoint(timeline: Timeline, instants: Mapping[MilestoneKey, Instant]) -> Instant | None:
    mark = last_endpoint(timeline, instants)
    endpoint = None if mark is None else instants.get(mark)
    ready = instants.get(MilestoneKey(Milestone.READY))
    # publishNotReadyAddresses puts the address in before the pod is ready: traffic can come, but not be served.
    if endpoint is not None and ready is not None and ready.at > endpoint.at:
        return ready
    return endpoint


def _restarts(timeline: Timeline) -> tuple[Restarts, ...]:
    found: dict[str, Restarts] = {}
    for (name, run), ran in sorted(timeline.runs.items()):
        held = found.get(name)
        code, reason = (ran.exit_code, ran.reason) if ran.over or held is None else (held.exit_code, held.reason)
        found[name] = Restarts(name, run, code, reason)
    return tuple(each for each in found.values() if each.restarts)


def _incidents(timeline: Timeline, instants: Mapping[MilestoneKey, Instant]) -> Iterator[Incident]:
    """What befell the pod, in order; what happens to its sandbox and readiness before it is ready is its start.

    A node's reboot can come before the pod to which another loss of its sandbox there makes it known.
    """
    ready, accepted = (instants.get(MilestoneKey(each)) for each in (Milestone.READY, Milestone.KUBELET_ADMITTED))
    for key in sorted(timeline.incidents, key=lambda key: (key[1], key)):
        each = timeline.incidents[key]
        since = ready if each.incident in _AFTER_READY else accepted
        if since is not None and each.at > since.at:
            yield each


_AFTER_READY = frozenset({IncidentKind.NOT_READY, IncidentKind.READY_AGAIN, IncidentKind.SANDBOX_CHANGED})


def _lag(timeline: Timeline, mark: MilestoneKey, instant: Instant | None) -> int | None:
    if instant is None or instant.source is Source.WATCH:
        return None
    shown = next((each.at for each in timeline.evidence.get(mark, ()) if each.source is Source.WATCH), None)
    return None if shown is None or shown < instant.at else shown - instant.at


_RANK = {milestone: index for index, milestone in enumerate(Milestone)}


def _milestones(timeline: Timeline, instants: Mapping[MilestoneKey, Instant]) -> tuple[Reached, ...]:
    marks = dict.fromkeys((*timeline.evidence, *instants))
    reached = [
        Reached(mark, instant := instants.get(mark), timeline.details.get(mark, ""), _lag(timeline, mark, instant))
        for mark in marks
    ]
    unknown = 1 << 63
    return tuple(
        sorted(
            reached,
            key=lambda each: (
                each.instant.at if each.instant else unknown,
                _RANK[each.mark.milestone],
                each.mark.subject,
            ),
        )
    )


def _missing(path: Iterable[Step], instants: Mapping[MilestoneKey, Instant]) -> tuple[MilestoneKey, ...]:
    skipped: list[MilestoneKey] = []
    missing: list[MilestoneKey] = []
    for step in path:
        if step.mark in instants:
            missing += skipped
            skipped = []
        elif step.required:
            skipped.append(step.mark)
    return tuple(missing)


_PARALLEL = (
    (Milestone.PULL_STARTED, Milestone.PULLED, Phase.IMAGE_PULL),
    (Milestone.PULLED, Milestone.CONTAINER_CREATED, Phase.CONTAINER_CREATE),
    (Milestone.CONTAINER_CREATED, Milestone.STARTED, Phase.CONTAINER_START),
)


def _probed(container: ContainerSpec) -> tuple[tuple[Milestone, Milestone, Phase], ...]:
    phase = Phase.READINESS_PROBE if container.readiness_probe else Phase.STATUS_REPORT
    if not container.startup_probe:
        return ((Milestone.STARTED, Milestone.CONTAINER_READY, phase),)
    passed = Milestone.STARTUP_PROBE_PASSED
    return ((Milestone.STARTED, passed, Phase.STARTUP_PROBE), (passed, Milestone.CONTAINER_READY, phase))


def _parallel(path: Iterable[Step], facts: PodFacts, instants: Mapping[MilestoneKey, Instant]) -> tuple[PhaseSpan, ...]:
    """What containers did that is not on the critical path, and volumes that stayed attached after them."""
    charged = {step.mark for step in path}
    found: list[PhaseSpan] = []
    for container in facts.containers:
        if container.kind is ContainerKind.INIT:
            continue
        for first, last, phase in (*_PARALLEL, *_probed(container)):
            end_mark = MilestoneKey(last, container.name)
            start, end = instants.get(MilestoneKey(first, container.name)), instants.get(end_mark)
            if end_mark not in charged and start is not None and end is not None and end.at >= start.at:
                found.append(PhaseSpan(phase, start.at, end.at, container.name))
    return (*found, *detaching(facts, instants))
