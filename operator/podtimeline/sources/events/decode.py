"""Events of pods turned into observations. Pure.

Texts differ between versions of Kubernetes: a reason and the field path decide, and of a message no more is read than
what nothing else tells: durations and size of a pull, whether it failed. Those texts are made by the kubelet
(pkg/kubelet/images/image_manager.go); they are the same in Kubernetes 1.34 and 1.37.
"""

import re

from podtimeline.model.instants import Evidence, Source, exactly
from podtimeline.model.milestones import MILESTONES, Mark, Milestone, Scope
from podtimeline.model.observations import Befell, ImagePulled, Incident, Noted, Observation, Witnessed
from podtimeline.model.pods import image_subject
from podtimeline.model.texts import whole
from podtimeline.sources.events.event import Event, attempts, stamp
from podtimeline.sources.pods.containers import WITHOUT_IMAGE
from podtimeline.sources.texts import container_of, go_duration, of_ephemeral

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


_QUOTED = re.compile(r'image "([^"]*)"')
_TOOK = re.compile(r'" in ([^\s()]+)(?: \(([^\s()]+) including waiting\))?')
_SIZE = re.compile(r"size: ([0-9]+) bytes")
_ATTEMPTS = frozenset({"ErrImageNeverPull", "InspectFailed"})
"""Reasons of Events, beside the ``Failed`` of a pull, that the kubelet gives whenever it fails to get an image."""
_NO_PULL = "Failed to pull image "
_ERROR = "Error: "


_OF_IMAGES = frozenset({"Pulling", "Pulled", "Failed", "BackOff", "InspectFailed", "ErrImageNeverPull"})
"""Reasons that the kubelet's image manager records under."""


def image_of(reason: str, message: str) -> str:
    """The image that an Event of the image manager is about, empty for other Events.

    For an image volume the kubelet hands the pod itself to its image manager, so that the Event names no container:
    its text alone says which image (pkg/kubelet/kuberuntime/kuberuntime_manager.go, getImageVolumes).
    """
    quoted = _QUOTED.search(message) if reason in _OF_IMAGES else None
    return "" if quoted is None or len(quoted[1]) > _LONGEST else quoted[1]


_LONGEST = 1024
"""More characters than a reference can have: a host, 255 of a repository, 128 of a tag, and a digest."""


def is_failed_attempt(reason: str, message: str) -> bool:
    """Whether a container's Event reports an attempt to get its image that failed.

    ``Failed`` is the reason for pulls, creations and starts alike: the first words tell them apart. Behind them, and
    behind what client-go puts before a text that it has combined, stand the runtime's own words.
    """
    return reason in _ATTEMPTS or (reason == "Failed" and _NO_PULL in message)


def repeats_status(reason: str, message: str) -> bool:
    """Whether a container's Event says no more than the reason for which its status says that it waits.

    After each attempt that failed the kubelet records ``Error: ErrImagePull`` once more, under ``Failed``
    (pkg/kubelet/kuberuntime/kuberuntime_container.go, startContainer).
    """
    return reason == "Failed" and message.rpartition(_ERROR)[2] in WITHOUT_IMAGE


def pulled(uid: str, container: str, message: str, *, at: int) -> ImagePulled | None:
    """What a Pulled message says; ``None`` where it is of another kind."""
    quoted = _QUOTED.search(message)
    cached, took = "already present" in message, _TOOK.search(message)
    if quoted is None or (took is None and not cached):
        return None
    size = _SIZE.search(message)
    pull, waiting = (None, None) if took is None or cached else (took[1], took[2])
    return ImagePulled(
        uid,
        container,
        quoted[1],
        cached=cached,
        at=at,
        pull=None if pull is None else go_duration(pull),
        waiting=None if waiting is None else go_duration(waiting),
        size=whole(size[1]) if size is not None and not cached else None,
    )
