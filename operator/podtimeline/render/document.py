"""The versioned JSON of one timeline: what the API serves, ``-o json`` prints and the log and captures refer to.

Plain data only: ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool`` and ``None``. Unknown is ``None``, never 0.
Moments are RFC 3339 with nine fractional digits; a duration is in seconds, its exact nanoseconds beside it.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import msgspec

from podtimeline.analysis.evidence.event_limit import EventLimit
from podtimeline.analysis.findings.explain import explain, findings
from podtimeline.analysis.findings.finding import Finding
from podtimeline.analysis.findings.peers import NOBODY, Peers
from podtimeline.analysis.phases.endpoint_drain import Drain
from podtimeline.analysis.phases.scheduling import GATE_REMOVED, NodesRefused
from podtimeline.analysis.phases.spans import PhaseSpan
from podtimeline.analysis.phases.termination import Stop
from podtimeline.analysis.resolved import Reached, ResolvedTimeline, degraded
from podtimeline.model.instants import SECOND, Instant
from podtimeline.model.milestones import MILESTONES, MilestoneKey
from podtimeline.model.notes import Note
from podtimeline.model.observations import ImagePulled, Ran, Skewed
from podtimeline.quarantine import Operation, Quarantine
from podtimeline.render import structs
from podtimeline.render.moments import rfc3339, seconds

API_VERSION: Final = "podtimeline/v1"
KIND = "PodTimeline"
LIST_KIND = "PodTimelineList"

Document = dict[str, object]
T = TypeVar("T")


def document(view: ResolvedTimeline, *, cluster: str | None = None, peers: Peers = NOBODY) -> Document:
    """The document of one pod's timeline, its findings compared with ``peers``."""
    facts, found = view.facts, findings(view, peers) if view.error is None else ()
    ended = view.ended
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "uid": view.uid,
        "cluster": cluster,
        "namespace": facts.namespace,
        "name": facts.name,
        "workload": {"kind": view.workload.kind, "name": view.workload.name},
        "node": view.node,
        "outcome": view.outcome.value,
        "phase": _current(view),
        "containers": [{"name": each.name, "kind": each.kind.value, "image": each.image} for each in facts.containers],
        "milestones": [_reached(each) for each in view.milestones],
        "request": [_stretch(each) for each in view.request],
        "phases": [_stretch(each) for each in view.phases],
        "leaving": [_stretch(each) for each in view.leaving],
        "drains": [_drain(each) for each in view.drains],
        "stops": [_stop(each) for each in view.stops],
        "parallel": [_stretch(each) for each in view.parallel],
        **_duration("requested", view.requested),
        **_duration("total", view.total),
        **_duration("startup", view.startup),
        **_duration("endpoint", view.endpoint),
        **_duration("termination", view.termination),
        **_duration("skew", view.skew),
        "missing": [_mark(each) for each in view.missing],
        "awaited": list(view.awaited),
        "services": None if view.services is None else list(view.services),
        "partial": [each.value for each in view.partial],
        "limits": [each.value for each in view.limits],
        "notes": [_note(each) for each in view.notes],
        "pulls": [_pull(each) for each in view.pulls],
        "restarts": [
            {"container": each.container, "restarts": each.restarts, "exitCode": each.exit_code, "reason": each.reason}
            for each in view.restarts
        ],
        "runs": [_run(each) for each in view.runs],
        "incidents": [
            {"incident": each.incident.value, "at": rfc3339(each.at), "text": each.text} for each in view.incidents
        ],
        "schedulingGates": [_gate(each, view.notes) for each in facts.scheduling_gates],
        "unschedulable": _unschedulable(view.refused),
        "deletion": _deletion(view),
        "clock": _clock(view.clock),
        "eventLimits": [_limit(each) for each in view.event_limits],
        "ended": ended and {"succeeded": ended.succeeded, "reason": ended.reason, "text": ended.text},
        "findings": [_finding(each) for each in found],
        "explanation": explain(view, found),
        "error": view.error,
    }


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


def _current(view: ResolvedTimeline) -> str | None:
    return view.phase and view.phase.value


def _duration(name: str, duration: int | None) -> Document:
    exact = None if duration is None else seconds(duration)
    return {f"{name}Seconds": exact, f"{name}Nanoseconds": duration}


def _moment(moment: int | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _mark(mark: MilestoneKey) -> Document:
    scope = MILESTONES[mark.milestone].scope
    return {"milestone": mark.milestone.value, "subject": mark.subject, "scope": scope.value}


def _reached(reached: Reached) -> Document:
    return {
        **_mark(reached.mark),
        **_instant(reached.instant),
        "detail": reached.detail,
        **_duration("lag", reached.lag),
    }


def _instant(instant: Instant | None) -> Document:
    if instant is None:
        return {
            "at": None,
            "earliest": None,
            "latest": None,
            "source": None,
            "observed": None,
            **_duration("skew", None),
        }
    return {
        "at": rfc3339(instant.at),
        "earliest": _moment(instant.earliest),
        "latest": _moment(instant.latest),
        "source": instant.source.value,
        "observed": rfc3339(instant.observed),
        **_duration("skew", instant.skew),
    }


def _stretch(stretch: PhaseSpan) -> Document:
    return {
        "phase": stretch.phase.value,
        "subject": stretch.subject,
        "start": rfc3339(stretch.start),
        "end": rfc3339(stretch.end),
        **_duration("duration", stretch.duration),
        **_duration("atLeast", stretch.at_least),
        **_duration("atMost", stretch.at_most),
        "open": stretch.open,
        **_duration("skew", stretch.skew),
    }


def _drain(drain: Drain) -> Document:
    return {
        "subject": drain.subject,
        "out": None if drain.out is None else rfc3339(drain.out.at),
        **_duration("lag", drain.lag),
        "exited": drain.exited,
        **_duration("lost", drain.lost),
        "confirmed": drain.confirmed,
    }


def _stop(stop: Stop) -> Document:
    return {
        "container": stop.container,
        "began": None if stop.began is None else rfc3339(stop.began.at),
        "ended": None if stop.ended is None else rfc3339(stop.ended.at),
        "exitCode": stop.exit_code,
        "reason": stop.reason,
        "graceExceeded": stop.grace_exceeded,
    }


def _run(ran: Ran) -> Document:
    return {
        "container": ran.container,
        "run": ran.run,
        "started": _moment(ran.started),
        "finished": _moment(ran.finished),
        "exitCode": ran.exit_code,
        "reason": ran.reason,
    }


def _gate(name: str, notes: Iterable[Note]) -> Document:
    gone = next((each.first for each in notes if each.reason == GATE_REMOVED and each.subject == name), None)
    return {"name": name, "removed": _moment(gone)}


def _unschedulable(refused: NodesRefused | None) -> Document | None:
    if refused is None:
        return None
    refusal = refused.refusal
    return {
        "attempts": refused.attempts,
        "first": rfc3339(refused.first),
        "last": rfc3339(refused.last),
        "nodes": refusal.nodes,
        "obstacles": [
            {"obstacle": each.obstacle.value, "nodes": each.nodes, "text": each.text} for each in refusal.blocked
        ],
        "preemption": refusal.preemption,
        "text": refusal.text,
    }


def _deletion(view: ResolvedTimeline) -> Document | None:
    if view.leaves is None and view.deletion_cause is None:
        return None
    deletion_cause, leaves = view.deletion_cause, view.leaves
    return {
        "cause": deletion_cause and deletion_cause.cause.value,
        "text": "" if deletion_cause is None else deletion_cause.text,
        "graceSeconds": leaves and leaves.grace,
        "finalizers": [] if leaves is None else list(leaves.finalizers),
    }


def _clock(clock: Skewed | None) -> Document | None:
    if clock is None:
        return None
    return {"low": clock.low / SECOND, "high": clock.high / SECOND, "at": rfc3339(clock.at)}


def _limit(limit: EventLimit) -> Document:
    return {"type": limit.type.value, "reached": rfc3339(limit.reached), "containers": list(limit.containers)}


def _finding(finding: Finding) -> Document:
    return {
        "kind": finding.kind.value,
        "leg": finding.leg.value,
        "phase": finding.phase and finding.phase.value,
        "subject": finding.subject,
        "text": finding.text,
        **_duration("duration", finding.duration),
        "share": finding.share,
        "open": finding.open,
        "evidence": [{"source": each.source, "text": each.text, "at": _moment(each.at)} for each in finding.evidence],
        "advice": finding.advice,
    }


def _note(note: Note) -> Document:
    return {
        "reason": note.reason,
        "subject": note.subject,
        "text": note.text,
        "firstText": note.first_text,
        "first": rfc3339(note.first),
        "last": rfc3339(note.last),
        "count": note.count,
    }


def _pull(pull: ImagePulled) -> Document:
    return {
        "container": pull.container,
        "image": pull.image,
        "cached": pull.cached,
        **_duration("pull", pull.pull),
        **_duration("waiting", pull.waiting),
        **_duration("queue", pull.queue),
        "sizeBytes": pull.size,
        "bytesPerSecond": pull.rate,
    }
