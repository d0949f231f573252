"""Events turned into observations. Pure.

Texts differ between versions of Kubernetes: a reason and the field path decide, and of a message no more is read than
what nothing else tells (durations and size of a pull, whether it failed, the name of the pod that was created).
"""

import re

from podtimeline.intake.attempts import attempts
from podtimeline.intake.images import image_of, is_failed_attempt, pulled, repeats_status
from podtimeline.intake.stamps import stamp
from podtimeline.intake.texts import container_of, of_ephemeral
from podtimeline.intake.wire import Event
from podtimeline.model.instants import Evidence, Source, exactly
from podtimeline.model.milestones import MILESTONES, Mark, Milestone, Scope
from podtimeline.model.observations import Befell, Incident, Noted, Observation, Witnessed
from podtimeline.model.pods import image_subject

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
        "TaintManagerEviction",
    }
)
"""Reasons of type Normal whose words say why something takes long or ended; every Warning is worth its words."""

INCIDENTS: dict[str, Incident] = {
    "SandboxChanged": Incident.SANDBOX_CHANGED,
    "ResizeCompleted": Incident.RESIZED,
}
"""Reasons of what befalls a pod that runs; each is worth its words too."""
_STOPPING = "Stopping container "
_CREATED_POD = re.compile(r"(?:Created pod: |[Cc]reate Pod )([a-z0-9][-a-z0-9.]{0,252})")


def event_observations(event: Event, *, arrived: int) -> list[Observation]:
    """What an Event about a pod says; the uid is ``involvedObject.uid``. Raises ``MalformedObject``."""
    uid, reason, path = event.involved_object.uid, event.reason, event.involved_object.field_path
    if of_ephemeral(path):
        return []
    container = container_of(path) or image_subject(image_of(reason, event.message))
    milestone = REASONS.get(reason)
    if milestone is not None and event.type != "Warning":
        return _reached(event, uid, milestone, container, arrived)
    if reason in INCIDENTS:
        return _befell(event, uid, INCIDENTS[reason], arrived)
    if reason == "Killing" and event.message.startswith(_STOPPING) and container:
        return [_stopping(event, uid, container, arrived)]
    if event.type == "Warning" or reason in TELLING:
        return _words(event, uid, container, arrived)
    return []


def _reached(event: Event, uid: str, milestone: Milestone, container: str, arrived: int) -> list[Observation]:
    of_pod = MILESTONES[milestone].scope is Scope.POD
    if not of_pod and not container:
        return []
    told = stamp(event, arrived=arrived)
    if milestone is Milestone.PULL_STARTED and told.source is Source.EVENT_NAME and told.at is not None:
        # Pulling announces a pull that is about to begin; every other reason reports what has been done.
        told = exactly(told.source, told.at, observed=arrived)
    said: list[Observation] = [Witnessed(uid, Mark(milestone, "" if of_pod else container), (told,))]
    pull = pulled(uid, container, event.message, at=told.claim) if milestone is Milestone.PULLED else None
    if pull is not None:
        said.append(pull)
    if milestone is Milestone.IP_ASSIGNED:
        # One Event for each interface: the address is in the pod's status, the interface and its network are not.
        said.append(Noted(uid, event.reason, "", event.message, told.claim, first=told.claim))
    return said


def _befell(event: Event, uid: str, incident: Incident, arrived: int) -> list[Observation]:
    first, last, count = attempts(event, arrived=arrived)
    moments = dict.fromkeys((first.claim, last.claim))
    said: list[Observation] = [Befell(uid, incident, moment, event.message) for moment in moments]
    said.append(_noted(event, "", first, last, count))
    return said


def _words(event: Event, uid: str, container: str, arrived: int) -> list[Observation]:
    if repeats_status(event.reason, event.message):
        return []
    first, last, count = attempts(event, arrived=arrived)
    said: list[Observation] = [_noted(event, container, first, last, count)]
    failed = _failed(event, container)
    if failed is not None:
        said.append(Witnessed(uid, failed, tuple(dict.fromkeys((first, last)))))
    return said


def _stopping(event: Event, uid: str, container: str, arrived: int) -> Witnessed:
    """The kubelet begins to stop a container for good, or with its sandbox.

    It says so before it runs the preStop hook (kuberuntime_container.go, killContainer). A container that it starts
    again afterwards is killed in other words.
    """
    _, told, _ = attempts(event, arrived=arrived)
    if told.source is Source.EVENT_NAME and told.at is not None:
        told = exactly(told.source, told.at, observed=arrived)
    return Witnessed(uid, Mark(Milestone.KILLING, container), (told,))


def _noted(event: Event, subject: str, first: Evidence, last: Evidence, count: int) -> Noted:
    return Noted(event.involved_object.uid, event.reason, subject, event.message, last.claim, count, first.claim)


def _failed(event: Event, container: str) -> Mark | None:
    """What the Event reports a failed attempt of."""
    if event.reason == "FailedCreatePodSandBox":
        return Mark(Milestone.LAST_SANDBOX_FAILURE)
    if container and is_failed_attempt(event.reason, event.message):
        return Mark(Milestone.LAST_PULL_FAILURE, container)
    return None


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
