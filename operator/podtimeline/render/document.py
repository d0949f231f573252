"""The versioned JSON of one timeline: what the API serves, ``-o json`` prints and the log and captures refer to.

Plain data only: ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool`` and ``None``. Unknown is ``None``, never 0.
Moments are RFC 3339 with nine fractional digits; a duration is in seconds, its exact nanoseconds beside it.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar, overload

import msgspec

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
from podtimeline.render import structs
from podtimeline.render.moments import rfc3339, seconds

API_VERSION: Final = "podtimeline/v1"
KIND: Final = "PodTimeline"
LIST_KIND: Final = "PodTimelineList"

Document = dict[str, object]
T = TypeVar("T")


def document(view: ResolvedTimeline, *, cluster: str | None = None, peers: Peers = NOBODY) -> Document:
    """The document of one pod's timeline, its findings compared with ``peers``."""
    facts, found = view.facts, findings(view, peers) if view.error is None else ()
    made = structs.PodTimeline(
        api_version=API_VERSION,
        kind=KIND,
        uid=view.uid,
        cluster=cluster,
        namespace=facts.namespace,
        name=facts.name,
        workload=structs.ObjectName(kind=view.workload.kind, name=view.workload.name),
        node=view.node,
        outcome=view.outcome,
        phase=view.phase,
        containers=[structs.Container(name=each.name, kind=each.kind, image=each.image) for each in facts.containers],
        milestones=[_reached(each) for each in view.milestones],
        request=[_stretch(each) for each in view.request],
        phases=[_stretch(each) for each in view.phases],
        leaving=[_stretch(each) for each in view.leaving],
        drains=[_drain(each) for each in view.drains],
        stops=[_stop(each) for each in view.stops],
        parallel=[_stretch(each) for each in view.parallel],
        requested_seconds=_seconds(view.requested),
        requested_nanoseconds=view.requested,
        total_seconds=_seconds(view.total),
        total_nanoseconds=view.total,
        startup_seconds=_seconds(view.startup),
        startup_nanoseconds=view.startup,
        endpoint_seconds=_seconds(view.endpoint),
        endpoint_nanoseconds=view.endpoint,
        termination_seconds=_seconds(view.termination),
        termination_nanoseconds=view.termination,
        skew_seconds=_seconds(view.skew),
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
    return plain(made)


def contained_document(
    view: ResolvedTimeline,
    quarantine: Quarantine,
    written: Callable[[Document], T],
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


def documents(items: Iterable[Document], *, cursor: str | None = None) -> Document:
    """A page of documents; ``cursor`` asks for the next page and is ``None`` on the last."""
    return {"apiVersion": API_VERSION, "kind": LIST_KIND, "items": list(items), "cursor": cursor}


def plain(made: structs.Struct) -> Document:
    """The struct as plain data, with the keys of its JSON."""
    built: Document = msgspec.to_builtins(made)
    return built


@overload
def _seconds(duration: int) -> float: ...
@overload
def _seconds(duration: None) -> None: ...
@overload
def _seconds(duration: int | None) -> float | None: ...
def _seconds(duration: int | None) -> float | None:
    return None if duration is None else seconds(duration)


def _moment(moment: int | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _mark(mark: MilestoneKey) -> structs.MissingMilestone:
    scope = MILESTONES[mark.milestone].scope
    return structs.MissingMilestone(milestone=mark.milestone, subject=mark.subject, scope=scope)


def _reached(reached: Reached) -> structs.ReachedMilestone:
    mark, instant = reached.mark, reached.instant
    return structs.ReachedMilestone(
        milestone=mark.milestone,
        subject=mark.subject,
        scope=MILESTONES[mark.milestone].scope,
        at=None if instant is None else rfc3339(instant.at),
        earliest=None if instant is None else _moment(instant.earliest),
        latest=None if instant is None else _moment(instant.latest),
        source=None if instant is None else instant.source,
        observed=None if instant is None else rfc3339(instant.observed),
        skew_seconds=None if instant is None else seconds(instant.skew),
        skew_nanoseconds=None if instant is None else instant.skew,
        detail=reached.detail,
        lag_seconds=_seconds(reached.lag),
        lag_nanoseconds=reached.lag,
    )


def _stretch(stretch: PhaseSpan) -> structs.PhaseSpan:
    return structs.PhaseSpan(
        phase=stretch.phase,
        subject=stretch.subject,
        start=rfc3339(stretch.start),
        end=rfc3339(stretch.end),
        duration_seconds=_seconds(stretch.duration),
        duration_nanoseconds=stretch.duration,
        at_least_seconds=_seconds(stretch.at_least),
        at_least_nanoseconds=stretch.at_least,
        at_most_seconds=_seconds(stretch.at_most),
        at_most_nanoseconds=stretch.at_most,
        open=stretch.open,
        skew_seconds=_seconds(stretch.skew),
        skew_nanoseconds=stretch.skew,
    )


def _drain(drain: Drain) -> structs.Drain:
    return structs.Drain(
        subject=drain.subject,
        out=None if drain.out is None else rfc3339(drain.out.at),
        lag_seconds=_seconds(drain.lag),
        lag_nanoseconds=drain.lag,
        exited=drain.exited,
        lost_seconds=_seconds(drain.lost),
        lost_nanoseconds=drain.lost,
        confirmed=drain.confirmed,
    )


def _stop(stop: Stop) -> structs.Stop:
    return structs.Stop(
        container=stop.container,
        began=None if stop.began is None else rfc3339(stop.began.at),
        ended=None if stop.ended is None else rfc3339(stop.ended.at),
        exit_code=stop.exit_code,
        reason=stop.reason,
        grace_exceeded=stop.grace_exceeded,
    )


def _run(ran: Ran) -> structs.Run:
    return structs.Run(
        container=ran.container,
        run=ran.run,
        started=_moment(ran.started),
        finished=_moment(ran.finished),
        exit_code=ran.exit_code,
        reason=ran.reason,
    )


def _gate(name: str, notes: Iterable[Note]) -> structs.SchedulingGate:
    gone = next((each.first for each in notes if each.reason == GATE_REMOVED and each.subject == name), None)
    return structs.SchedulingGate(name=name, removed=_moment(gone))


def _unschedulable(refused: NodesRefused | None) -> structs.Unschedulable | None:
    if refused is None:
        return None
    refusal = refused.refusal
    return structs.Unschedulable(
        attempts=refused.attempts,
        first=rfc3339(refused.first),
        last=rfc3339(refused.last),
        nodes=refusal.nodes,
        obstacles=[
            structs.NodeObstacle(obstacle=each.obstacle, nodes=each.nodes, text=each.text) for each in refusal.blocked
        ],
        preemption=refusal.preemption,
        text=refusal.text,
    )


def _deletion(view: ResolvedTimeline) -> structs.Deletion | None:
    if view.leaves is None and view.deletion_cause is None:
        return None
    deletion_cause, leaves = view.deletion_cause, view.leaves
    return structs.Deletion(
        cause=None if deletion_cause is None else deletion_cause.cause,
        text="" if deletion_cause is None else deletion_cause.text,
        grace_seconds=None if leaves is None else leaves.grace,
        finalizers=[] if leaves is None else list(leaves.finalizers),
    )


def _clock(clock: Skewed | None) -> structs.NodeClock | None:
    if clock is None:
        return None
    return structs.NodeClock(low=clock.low / SECOND, high=clock.high / SECOND, at=rfc3339(clock.at))


def _restart(restart: Restarts) -> structs.Restart:
    return structs.Restart(
        container=restart.container, restarts=restart.restarts, exit_code=restart.exit_code, reason=restart.reason
    )


def _incident(incident: Incident) -> structs.Incident:
    return structs.Incident(incident=incident.incident, at=rfc3339(incident.at), text=incident.text)


def _ended(ended: Ended | None) -> structs.Ended | None:
    if ended is None:
        return None
    return structs.Ended(succeeded=ended.succeeded, reason=ended.reason, text=ended.text)


def _limit(limit: EventLimit) -> structs.EventLimit:
    return structs.EventLimit(type=limit.type, reached=rfc3339(limit.reached), containers=list(limit.containers))


def _finding(finding: Finding) -> structs.Finding:
    return structs.Finding(
        kind=finding.kind,
        leg=finding.leg,
        phase=finding.phase and finding.phase,
        subject=finding.subject,
        text=finding.text,
        duration_seconds=_seconds(finding.duration),
        duration_nanoseconds=finding.duration,
        share=finding.share,
        open=finding.open,
        evidence=[
            structs.Evidence(source=each.source, text=each.text, at=_moment(each.at)) for each in finding.evidence
        ],
        advice=finding.advice,
    )


def _note(note: Note) -> structs.Note:
    return structs.Note(
        reason=note.reason,
        subject=note.subject,
        text=note.text,
        first_text=note.first_text,
        first=rfc3339(note.first),
        last=rfc3339(note.last),
        count=note.count,
    )


def _pull(pull: ImagePulled) -> structs.Pull:
    return structs.Pull(
        container=pull.container,
        image=pull.image,
        cached=pull.cached,
        pull_seconds=_seconds(pull.pull),
        pull_nanoseconds=pull.pull,
        waiting_seconds=_seconds(pull.waiting),
        waiting_nanoseconds=pull.waiting,
        queue_seconds=_seconds(pull.queue),
        queue_nanoseconds=pull.queue,
        size_bytes=pull.size,
        bytes_per_second=pull.rate,
    )
