"""Events turned into observations. Pure.

Texts differ between versions of Kubernetes: a reason and the field path decide, and of a message no more is read than
what nothing else tells (the pull's durations and size, the name of the pod that a controller created).
"""

import re

from podtimeline.core.instants import SECOND, Evidence, Source, exactly, happened, just_after
from podtimeline.core.milestones import MILESTONES, Mark, Milestone, Scope
from podtimeline.core.observations import ImagePulled, Noted, Observation, Witnessed
from podtimeline.intake.texts import container_of, go_duration, moment, name_time
from podtimeline.intake.wire import Event

REASONS: dict[str, Milestone] = {
    "Scheduled": Milestone.SCHEDULED,
    "AddedInterface": Milestone.IP_ASSIGNED,
    "Pulling": Milestone.PULL_STARTED,
    "Pulled": Milestone.PULLED,
    "Created": Milestone.CONTAINER_CREATED,
    "Started": Milestone.STARTED,
}
"""What an Event of a pod says by its reason alone (kubelet ``events/event.go``, scheduler, Multus)."""

TELLING = frozenset(
    {
        "BackOff",
        "Killing",
        "SandboxChanged",
        "TaintManagerEviction",
    }
)
"""Reasons of type Normal whose words say why something takes long or ended; every Warning is worth its words."""

_QUOTED = re.compile(r'image "([^"]*)"')
_TOOK = re.compile(r'" in ([^\s()]+)(?: \(([^\s()]+) including waiting\))?')
_SIZE = re.compile(r"size: (\d+) bytes")
_CREATED_POD = re.compile(r"(?:Created pod: |create Pod )([a-z0-9][-a-z0-9.]*)")


def stamp(event: Event, *, arrived: int) -> Evidence:
    """When the reporter says that it happened, by the best of the event's times. Raises ``MalformedObject``."""
    if event.event_time is not None:
        return just_after(Source.EVENT_TIME, moment(event.event_time), observed=arrived)
    text = event.first_timestamp or event.metadata.creation_timestamp
    if text is None:
        return happened(arrived)
    second = moment(text)
    named = name_time(event.metadata.name, second)
    if named is not None:
        return just_after(Source.EVENT_NAME, named, observed=arrived)
    # Stamped just after the fact and then truncated: the fact may lie in the second before.
    return Evidence(Source.EVENT_SECOND, second + SECOND // 2, None, second + SECOND - 1, arrived)


def event_observations(event: Event, *, arrived: int) -> list[Observation]:
    """What an Event about a pod says; the uid is ``involvedObject.uid``. Raises ``MalformedObject``."""
    uid, reason = event.involved_object.uid, event.reason
    container = container_of(event.involved_object.field_path) or ""
    said: list[Observation] = []
    milestone = REASONS.get(reason)
    if milestone is not None and event.type != "Warning":
        of_pod = MILESTONES[milestone].scope is Scope.POD
        if of_pod or container:
            mark = Mark(milestone, "" if of_pod else container)
            said.append(Witnessed(uid, mark, (_evidence(event, milestone, arrived),)))
        if milestone is Milestone.PULLED and container:
            said.extend(_pulled(uid, container, event.message))
    elif event.type == "Warning" or reason in TELLING:
        at, count = _latest(event, arrived)
        said.append(Noted(uid, reason, container, event.message, at, count))
    return said


def _evidence(event: Event, milestone: Milestone, arrived: int) -> Evidence:
    told = stamp(event, arrived=arrived)
    # Pulling announces a pull that is about to begin; every other reason reports what has been done.
    if milestone is Milestone.PULL_STARTED and told.source is Source.EVENT_NAME and told.at is not None:
        return exactly(told.source, told.at, observed=arrived)
    return told


def created_pod(event: Event, *, arrived: int) -> tuple[str, int] | None:
    """Name of the pod that a controller says it created, and when, to the ns or µs; ``None`` for every other event.

    Raises ``MalformedObject``.
    """
    if event.reason != "SuccessfulCreate":
        return None
    found = _CREATED_POD.match(event.message)
    evidence = stamp(event, arrived=arrived)
    if found is None or evidence.source not in {Source.EVENT_NAME, Source.EVENT_TIME} or evidence.at is None:
        return None
    return found[1], evidence.at


def _latest(event: Event, arrived: int) -> tuple[int, int]:
    series = event.series
    count = series.count if series is not None else event.count or 1
    first = stamp(event, arrived=arrived).at
    text = series.last_observed_time if series is not None else event.last_timestamp
    if text is None or count <= 1:
        return (arrived if first is None else first), max(count, 1)
    return moment(text), count


def _pulled(uid: str, container: str, message: str) -> list[Observation]:
    quoted = _QUOTED.search(message)
    cached, took = "already present" in message, _TOOK.search(message)
    if quoted is None or (took is None and not cached):
        return []
    size = _SIZE.search(message)
    pull, waiting = (None, None) if took is None or cached else (took[1], took[2])
    return [
        ImagePulled(
            uid,
            container,
            quoted[1],
            cached=cached,
            pull=None if pull is None else go_duration(pull),
            waiting=None if waiting is None else go_duration(waiting),
            size=int(size[1]) if size is not None and not cached else None,
        )
    ]
