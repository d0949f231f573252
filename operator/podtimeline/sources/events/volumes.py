"""What Events say of volumes: those of a pod, and its claims. Pure.

Texts are those of Kubernetes 1.34 and 1.37 (pkg/volume/util/operationexecutor, pkg/controller/volume); of a message no
more is read than which volume it is about.
"""

import re

from podtimeline.analysis.evidence.attempts import reported
from podtimeline.model.instants import Evidence, not_before
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Noted, Observation, Witnessed
from podtimeline.model.storage import ClaimNews, Fact, Words
from podtimeline.sources.events.event import Event, attempts, stamp

_VOLUME = re.compile(r'for volume "([^"]+)"')
_UNMOUNTED = re.compile(r"unmounted volumes=\[([^\]\s]+)\]")


def volume_observations(event: Event, *, arrived: int) -> list[Observation]:
    """What an Event of one of ``REASONS`` says of a pod's volumes. Raises ``MalformedObject``.

    The subject is the volume as the text names it: by the pod's spec, or by the PersistentVolume.
    """
    uid, volume = event.involved_object.uid, _volume(event.message)
    match event.reason:
        case "SuccessfulAttachVolume":
            told = (stamp(event, arrived=arrived),)
            return [Witnessed(uid, Mark(Milestone.ATTACHED, volume), told, volume)] if volume else []
        case "SuccessfulMountVolume":
            # Said of each block volume: all are mounted no earlier than any of them.
            mapped = stamp(event, arrived=arrived)
            return [Witnessed(uid, Mark(Milestone.MOUNTED), (_from(mapped),))]
        case _:
            return _failed(event, volume, arrived)


def _from(told: Evidence) -> Evidence:
    return not_before(told.source, reported(told), observed=told.observed)


def _failed(event: Event, volume: str, arrived: int) -> list[Observation]:
    uid, (first, last, count) = event.involved_object.uid, attempts(event, arrived=arrived)
    words = Noted(uid, event.reason, volume, event.message, last.claim, count, first.claim)
    if event.reason == "FailedAttachVolume":
        # The attach-detach controller's, not the kubelet's: what it waits for ends with the attachment.
        return [words]
    told = (first,) if first == last else (first, last)
    return [Witnessed(uid, Mark(Milestone.LAST_MOUNT_FAILURE), told), words]


def _volume(message: str) -> str:
    found = _VOLUME.search(message) or _UNMOUNTED.search(message)
    return found[1] if found else ""


REASONS = frozenset(
    {"SuccessfulAttachVolume", "SuccessfulMountVolume", "FailedAttachVolume", "FailedMount", "FailedMapVolume"}
)
"""The reasons of Events about the volumes of a pod."""

_PROVISIONING = frozenset({"Provisioning", "ExternalProvisioning"})
_TELLING = _PROVISIONING | {"FailedBinding", "ProvisioningSucceeded", "WaitForFirstConsumer", "WaitForPodScheduled"}


def claim_words(event: Event, *, arrived: int) -> ClaimNews | None:
    """What an Event about a claim says; ``None`` for one that no pod waits for. Raises ``MalformedObject``."""
    if event.type != "Warning" and event.reason not in _TELLING:
        return None
    about, (first, last, count) = event.involved_object, attempts(event, arrived=arrived)
    facts = (Fact(Milestone.PROVISIONING_STARTED, (first,)),) if event.reason in _PROVISIONING else ()
    words = (Words(event.reason, event.message, last.claim, count, first.claim),)
    return ClaimNews(about.namespace, about.name, about.uid, facts=facts, words=words)
