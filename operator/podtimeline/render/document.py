"""The versioned document of one timeline: what the API serves, ``-o json`` prints and a terminal draws."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from podtimeline.analysis.evidence.event_limit import EventLimit
from podtimeline.analysis.findings.explain import explain, findings
from podtimeline.analysis.findings.peers import NOBODY, Peers
from podtimeline.analysis.findings.rules import Finding
from podtimeline.analysis.phases.endpoint_drain import Drain
from podtimeline.analysis.phases.scheduling import GATE_REMOVED, NodesRefused
from podtimeline.analysis.phases.spans import PhaseSpan
from podtimeline.analysis.phases.termination import Stop
from podtimeline.analysis.resolved import Reached, ResolvedTimeline, Restarts, degraded
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import MILESTONES, MilestoneKey
from podtimeline.model.notes import Note
from podtimeline.model.observations import Ended, ImagePulled, Incident, Ran, Skewed
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.render.moments import moment, rfc3339, seconds
from podtimeline.render.structs import (
    API_VERSION,
    ContainerDocument,
    DeletionDocument,
    DrainDocument,
    EndedDocument,
    EventLimitDocument,
    EvidenceDocument,
    FindingDocument,
    IncidentDocument,
    MissingMilestoneDocument,
    NodeClockDocument,
    NodeObstacleDocument,
    NoteDocument,
    ObjectNameDocument,
    PhaseSpanDocument,
    PodTimelineDocument,
    PullDocument,
    ReachedMilestoneDocument,
    RestartDocument,
    RunDocument,
    SchedulingGateDocument,
    StopDocument,
    UnschedulableDocument,
)

T = TypeVar("T")


def document(view: ResolvedTimeline, *, cluster: str | None = None, peers: Peers = NOBODY) -> PodTimelineDocument:
    """The document of one pod's timeline, its findings compared with ``peers``."""
    facts, found = view.facts, findings(view, peers) if view.error is None else ()
    return PodTimelineDocument(
        api_version=API_VERSION,
        kind="PodTimeline",
        uid=view.uid,
        cluster=cluster,
        namespace=facts.namespace,
        name=facts.name,
        workload=ObjectNameDocument(kind=view.workload.kind, name=view.workload.name),
        node=view.node,
        outcome=view.outcome,
        phase=view.phase,
        containers=[ContainerDocument(name=each.name, kind=each.kind, image=each.image) for each in facts.containers],
        milestones=[_reached(each) for each in view.milestones],
        request=[_stretch(each) for each in view.request],
        phases=[_stretch(each) for each in view.phases],
        leaving=[_stretch(each) for each in view.leaving],
        drains=[_drain(each) for each in view.drains],
        stops=[_stop(each) for each in view.stops],
        parallel=[_stretch(each) for each in view.parallel],
        requested_seconds=seconds(view.requested),
        requested_nanoseconds=view.requested,
        total_seconds=seconds(view.total),
        total_nanoseconds=view.total,
        startup_seconds=seconds(view.startup),
        startup_nanoseconds=view.startup,
        endpoint_seconds=seconds(view.endpoint),
        endpoint_nanoseconds=view.endpoint,
        termination_seconds=seconds(view.termination),
        termination_nanoseconds=view.termination,
        skew_seconds=seconds(view.skew),
        skew_nanoseconds=view.skew,
        missing=[_mark(each) for each in view.missing],
        awaited=list(view.awaited),
        services=None if view.services is None else list(view.services),
        partial=list(view.partial),
        limits=list(view.limits),
        notes=[_note(each) for each in view.notes],
        pulls=[_pull(each) for each in view.pulls],
        restarts=[_restart(each) for each in view.restarts],
        runs=[_run(each) for each in view.runs],
        incidents=[_incident(each) for each in view.incidents],
        scheduling_gates=[_gate(each, view.notes) for each in facts.scheduling_gates],
        unschedulable=_unschedulable(view.refused),
        deletion=_deletion(view),
        clock=_clock(view.clock),
        event_limits=[_limit(each) for each in view.event_limits],
        ended=_ended(view.ended),
        findings=[_finding(each) for each in found],
        explanation=explain(view, found),
        error=view.error,
    )


def contained_document(
    view: ResolvedTimeline,
    quarantine: Quarantine,
    written: Callable[[PodTimelineDocument], T],
    *,
    cluster: str | None = None,
    peers: Peers = NOBODY,
) -> T:
    """The document of a pod as ``written`` writes it, or of its identity alone where that fails: one spoils no page."""
    name = f"{view.facts.namespace}/{view.facts.name} ({view.uid})"
    whole = quarantine.contain(
        Operation.RENDER, name, lambda view: written(document(view, cluster=cluster, peers=peers)), view
    )
    return written(document(degraded(view), cluster=cluster)) if whole is None else whole


def _mark(mark: MilestoneKey) -> MissingMilestoneDocument:
    scope = MILESTONES[mark.milestone].scope
    return MissingMilestoneDocument(milestone=mark.milestone, subject=mark.subject, scope=scope)


def _reached(reached: Reached) -> ReachedMilestoneDocument:
    mark, instant = reached.mark, reached.instant
    return ReachedMilestoneDocument(
        milestone=mark.milestone,
        subject=mark.subject,
        scope=MILESTONES[mark.milestone].scope,
        at=None if instant is None else rfc3339(instant.at),
        earliest=None if instant is None else moment(instant.earliest),
        latest=None if instant is None else moment(instant.latest),
        source=None if instant is None else instant.source,
        observed=None if instant is None else rfc3339(instant.observed),
        skew_seconds=None if instant is None else seconds(instant.skew),
        skew_nanoseconds=None if instant is None else instant.skew,
        detail=reached.detail,
        lag_seconds=seconds(reached.lag),
        lag_nanoseconds=reached.lag,
    )


def _stretch(stretch: PhaseSpan) -> PhaseSpanDocument:
    return PhaseSpanDocument(
        phase=stretch.phase,
        subject=stretch.subject,
        start=rfc3339(stretch.start),
        end=rfc3339(stretch.end),
        duration_seconds=seconds(stretch.duration),
        duration_nanoseconds=stretch.duration,
        at_least_seconds=seconds(stretch.at_least),
        at_least_nanoseconds=stretch.at_least,
        at_most_seconds=seconds(stretch.at_most),
        at_most_nanoseconds=stretch.at_most,
        open=stretch.open,
        skew_seconds=seconds(stretch.skew),
        skew_nanoseconds=stretch.skew,
    )


def _drain(drain: Drain) -> DrainDocument:
    return DrainDocument(
        subject=drain.subject,
        out=None if drain.out is None else rfc3339(drain.out.at),
        lag_seconds=seconds(drain.lag),
        lag_nanoseconds=drain.lag,
        exited=drain.exited,
        lost_seconds=seconds(drain.lost),
        lost_nanoseconds=drain.lost,
        confirmed=drain.confirmed,
    )


def _stop(stop: Stop) -> StopDocument:
    return StopDocument(
        container=stop.container,
        began=None if stop.began is None else rfc3339(stop.began.at),
        ended=None if stop.ended is None else rfc3339(stop.ended.at),
        exit_code=stop.exit_code,
        reason=stop.reason,
        grace_exceeded=stop.grace_exceeded,
    )


def _run(ran: Ran) -> RunDocument:
    return RunDocument(
        container=ran.container,
        run=ran.run,
        started=moment(ran.started),
        finished=moment(ran.finished),
        exit_code=ran.exit_code,
        reason=ran.reason,
    )


def _gate(name: str, notes: Iterable[Note]) -> SchedulingGateDocument:
    gone = next((each.first for each in notes if each.reason == GATE_REMOVED and each.subject == name), None)
    return SchedulingGateDocument(name=name, removed=moment(gone))


def _unschedulable(refused: NodesRefused | None) -> UnschedulableDocument | None:
    if refused is None:
        return None
    refusal = refused.refusal
    return UnschedulableDocument(
        attempts=refused.attempts,
        first=rfc3339(refused.first),
        last=rfc3339(refused.last),
        nodes=refusal.nodes,
        obstacles=[
            NodeObstacleDocument(obstacle=each.obstacle, nodes=each.nodes, text=each.text) for each in refusal.blocked
        ],
        preemption=refusal.preemption,
        text=refusal.text,
    )


def _deletion(view: ResolvedTimeline) -> DeletionDocument | None:
    if view.leaves is None and view.deletion_cause is None:
        return None
    deletion_cause, leaves = view.deletion_cause, view.leaves
    return DeletionDocument(
        cause=None if deletion_cause is None else deletion_cause.cause,
        text="" if deletion_cause is None else deletion_cause.text,
        grace_seconds=None if leaves is None else leaves.grace,
        finalizers=[] if leaves is None else list(leaves.finalizers),
    )


def _clock(clock: Skewed | None) -> NodeClockDocument | None:
    if clock is None:
        return None
    return NodeClockDocument(low=clock.low / SECOND, high=clock.high / SECOND, at=rfc3339(clock.at))


def _restart(restart: Restarts) -> RestartDocument:
    return RestartDocument(
        container=restart.container, restarts=restart.restarts, exit_code=restart.exit_code, reason=restart.reason
    )


def _incident(incident: Incident) -> IncidentDocument:
    return IncidentDocument(incident=incident.incident, at=rfc3339(incident.at), text=incident.text)


def _ended(ended: Ended | None) -> EndedDocument | None:
    if ended is None:
        return None
    return EndedDocument(succeeded=ended.succeeded, reason=ended.reason, text=ended.text)


def _limit(limit: EventLimit) -> EventLimitDocument:
    return EventLimitDocument(type=limit.type, reached=rfc3339(limit.reached), containers=list(limit.containers))


def _finding(finding: Finding) -> FindingDocument:
    return FindingDocument(
        kind=finding.kind,
        leg=finding.leg,
        phase=finding.phase,
        subject=finding.subject,
        text=finding.text,
        duration_seconds=seconds(finding.duration),
        duration_nanoseconds=finding.duration,
        share=finding.share,
        open=finding.open,
        evidence=[
            EvidenceDocument(source=each.source, text=each.text, at=moment(each.at)) for each in finding.evidence
        ],
        advice=finding.advice,
    )


def _note(note: Note) -> NoteDocument:
    return NoteDocument(
        reason=note.reason,
        subject=note.subject,
        text=note.text,
        first_text=note.first_text,
        first=rfc3339(note.first),
        last=rfc3339(note.last),
        count=note.count,
    )


def _pull(pull: ImagePulled) -> PullDocument:
    return PullDocument(
        container=pull.container,
        image=pull.image,
        cached=pull.cached,
        pull_seconds=seconds(pull.pull),
        pull_nanoseconds=pull.pull,
        waiting_seconds=seconds(pull.waiting),
        waiting_nanoseconds=pull.waiting,
        queue_seconds=seconds(pull.queue),
        queue_nanoseconds=pull.queue,
        size_bytes=pull.size,
        bytes_per_second=pull.rate,
    )
