"""The JSON Schema of the documents (draft 2020-12); names come from the core's tables, nothing else is allowed.

The operator serves it as a part of its OpenAPI document.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from podtimeline.analysis.evidence.event_limit import EventType
from podtimeline.analysis.findings.finding import FindingKind
from podtimeline.analysis.phases.scheduling import Obstacle
from podtimeline.analysis.resolved import Outcome
from podtimeline.analysis.rollout import LinkKind
from podtimeline.model.instants import Source
from podtimeline.model.milestones import Leg, Milestone, Phase, Scope
from podtimeline.model.observations import Cause, IncidentKind, Limit, Partial
from podtimeline.model.pods import ContainerKind
from podtimeline.quarantine import Operation
from podtimeline.render.document import API_VERSION, KIND, LIST_KIND
from podtimeline.render.faults import FAULTS_KIND
from podtimeline.render.revision import ROLLOUT_KIND
from podtimeline.render.workloads import WORKLOADS_KIND

Schema = dict[str, object]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_LENGTH: Schema = {"type": "number", "minimum": 0}
_MOMENT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(values: Iterable[StrEnum]) -> Schema:
    return {"enum": [each.value for each in values]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _durations(*names: str) -> dict[str, Schema]:
    """Durations that are always known."""
    seconds = {f"{name}Seconds": _LENGTH for name in names}
    return seconds | {f"{name}Nanoseconds": _COUNT for name in names}


def _unsure(*names: str) -> dict[str, Schema]:
    """Durations that may be unknown."""
    return {name: _or_null(schema) for name, schema in _durations(*names).items()}


_MARK = {"milestone": _one_of(Milestone), "subject": _TEXT, "scope": _one_of(Scope)}
_STRETCH = _object(
    phase=_one_of(Phase),
    subject=_TEXT,
    start=_MOMENT,
    end=_MOMENT,
    open=_FLAG,
    **_durations("duration", "skew"),
    **_unsure("atLeast", "atMost"),
)
_REACHED = _object(
    **_MARK,
    at=_or_null(_MOMENT),
    earliest=_or_null(_MOMENT),
    latest=_or_null(_MOMENT),
    observed=_or_null(_MOMENT),
    source=_or_null(_one_of(Source)),
    detail=_TEXT,
    **_unsure("skew", "lag"),
)
_NOTE = _object(reason=_TEXT, subject=_TEXT, text=_TEXT, firstText=_TEXT, first=_MOMENT, last=_MOMENT, count=_COUNT)
_DRAIN = _object(
    subject=_TEXT, out=_or_null(_MOMENT), exited=_TEXT, confirmed=_FLAG, **_durations("lag"), **_unsure("lost")
)
_STOP = _object(
    container=_TEXT,
    began=_or_null(_MOMENT),
    ended=_or_null(_MOMENT),
    exitCode=_or_null({"type": "integer"}),
    reason=_TEXT,
    graceExceeded=_or_null(_FLAG),
)
_RUN = _object(
    container=_TEXT,
    run=_COUNT,
    started=_or_null(_MOMENT),
    finished=_or_null(_MOMENT),
    exitCode=_or_null({"type": "integer"}),
    reason=_TEXT,
)
_UNSCHEDULABLE = _object(
    attempts=_COUNT,
    first=_MOMENT,
    last=_MOMENT,
    nodes=_or_null(_COUNT),
    obstacles=_list(_object(obstacle=_one_of(Obstacle), nodes=_or_null(_COUNT), text=_TEXT)),
    preemption=_TEXT,
    text=_TEXT,
)
_DELETION = _object(cause=_or_null(_one_of(Cause)), text=_TEXT, graceSeconds=_or_null(_COUNT), finalizers=_list(_TEXT))
_CLOCK = _object(low={"type": "number"}, high={"type": "number"}, at=_MOMENT)
_FINDING = _object(
    kind=_one_of(FindingKind),
    leg=_one_of(Leg),
    phase=_or_null(_one_of(Phase)),
    subject=_TEXT,
    text=_TEXT,
    **_durations("duration"),
    share=_or_null({"type": "number", "minimum": 0, "maximum": 1}),
    open=_FLAG,
    evidence={**_list(_object(source=_TEXT, text=_TEXT, at=_or_null(_MOMENT))), "minItems": 1},
    advice=_TEXT,
)

TIMELINE: Schema = {
    "title": "One pod's timeline",
    **_object(
        apiVersion={"const": API_VERSION},
        kind={"const": KIND},
        uid=_TEXT,
        cluster=_or_null(_TEXT),
        namespace=_TEXT,
        name=_TEXT,
        workload=_object(kind=_TEXT, name=_TEXT),
        node=_or_null(_TEXT),
        outcome=_one_of(Outcome),
        phase=_or_null(_one_of(Phase)),
        containers=_list(_object(name=_TEXT, kind=_one_of(ContainerKind), image=_TEXT)),
        milestones=_list(_REACHED),
        request=_list(_STRETCH),
        phases=_list(_STRETCH),
        leaving=_list(_STRETCH),
        drains=_list(_DRAIN),
        stops=_list(_STOP),
        parallel=_list(_STRETCH),
        **_unsure("requested", "total", "startup", "endpoint", "termination"),
        **_durations("skew"),
        missing=_list(_object(**_MARK)),
        awaited=_list(_TEXT),
        services=_or_null(_list(_TEXT)),
        partial=_list(_one_of(Partial)),
        limits=_list(_one_of(Limit)),
        notes=_list(_NOTE),
        pulls=_list(
            _object(
                container=_TEXT,
                image=_TEXT,
                cached=_FLAG,
                **_unsure("pull", "waiting", "queue"),
                sizeBytes=_or_null(_COUNT),
                bytesPerSecond=_or_null(_COUNT),
            )
        ),
        restarts=_list(_object(container=_TEXT, restarts=_COUNT, exitCode=_or_null({"type": "integer"}), reason=_TEXT)),
        runs=_list(_RUN),
        incidents=_list(_object(incident=_one_of(IncidentKind), at=_MOMENT, text=_TEXT)),
        schedulingGates=_list(_object(name=_TEXT, removed=_or_null(_MOMENT))),
        unschedulable=_or_null(_UNSCHEDULABLE),
        deletion=_or_null(_DELETION),
        clock=_or_null(_CLOCK),
        eventLimits=_list(_object(type=_one_of(EventType), reached=_MOMENT, containers=_list(_TEXT))),
        ended=_or_null(_object(succeeded=_FLAG, reason=_TEXT, text=_TEXT)),
        findings=_list(_FINDING),
        explanation=_TEXT,
        error=_or_null(_TEXT),
    ),
}

_MEMBER = _object(
    current=_FLAG,
    revision=_TEXT,
    timeline=TIMELINE,
    **{name: _or_null(_MOMENT) for name in ("requested", "created", "up", "leaving", "removed")},
)

ROLLOUT: Schema = {
    "title": "One rollout of a workload",
    **_object(
        apiVersion={"const": API_VERSION},
        kind={"const": ROLLOUT_KIND},
        cluster=_or_null(_TEXT),
        namespace=_TEXT,
        workload=_object(kind=_TEXT, name=_TEXT),
        revision=_TEXT,
        revisions=_list(_TEXT),
        started=_MOMENT,
        complete=_or_null(_MOMENT),
        superseded=_or_null(_MOMENT),
        until=_MOMENT,
        **_durations("duration"),
        desired=_or_null(_COUNT),
        surge=_or_null(_COUNT),
        unavailable=_or_null(_COUNT),
        levels=_list(
            _object(at=_MOMENT, wanted=_COUNT, ready=_COUNT, current=_COUNT, currentReady=_COUNT, leaving=_COUNT)
        ),
        chain=_list(_object(kind=_one_of(LinkKind), pod=_TEXT, start=_MOMENT, end=_MOMENT, durationNanoseconds=_COUNT)),
        held=_list(_object(phase=_or_null(_one_of(Phase)), title=_TEXT, pods=_list(_TEXT), **_durations("duration"))),
        members=_list(_MEMBER),
        unevaluated=_list(_TEXT),
        explanation=_TEXT,
    ),
}

WORKLOADS: Schema = {
    "title": "Workloads whose pods are, or were, refused",
    **_object(
        apiVersion={"const": API_VERSION},
        kind={"const": WORKLOADS_KIND},
        items=_list(
            _object(
                namespace=_TEXT,
                workload=_object(kind=_TEXT, name=_TEXT),
                refused=_object(
                    now=_FLAG,
                    maker=_object(kind=_TEXT, name=_TEXT),
                    text=_TEXT,
                    first=_MOMENT,
                    last=_MOMENT,
                    count=_COUNT,
                    total=_COUNT,
                ),
            )
        ),
    ),
}

FAULTS: Schema = {
    "title": "What could not be read or evaluated since the process began, by kind",
    **_object(
        apiVersion={"const": API_VERSION},
        kind={"const": FAULTS_KIND},
        items=_list(
            _object(step=_one_of(Operation), subject=_TEXT, error=_TEXT, where=_TEXT, sample=_TEXT, count=_COUNT)
        ),
    ),
}

PAGE: Schema = {
    "title": "A page of timelines",
    **_object(
        apiVersion={"const": API_VERSION},
        kind={"const": LIST_KIND},
        items=_list(TIMELINE),
        cursor=_or_null(_TEXT),
    ),
}

SCHEMAS: Mapping[str, Schema] = {
    KIND: TIMELINE,
    LIST_KIND: PAGE,
    ROLLOUT_KIND: ROLLOUT,
    WORKLOADS_KIND: WORKLOADS,
    FAULTS_KIND: FAULTS,
}
"""The schema of each kind of document."""
