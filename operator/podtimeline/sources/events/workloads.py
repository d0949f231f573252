"""Events of the controllers that make pods: what they created, deleted, scaled, and what was refused to them. Pure."""

import re

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import Dropped, Launched, Refused, Scaled, WorkloadNews
from podtimeline.sources.events.event import Event, stamp
from podtimeline.sources.texts import custom_group, moment
from podtimeline.sources.workloads import WORKLOADS

_DROPPED = re.compile(r"(?:Deleted pod: |[Dd]elete Pod )([a-z0-9][-a-z0-9.]{0,252})")
_CREATED_POD = re.compile(r"(?:Created pod: |[Cc]reate Pod )([a-z0-9][-a-z0-9.]{0,252})")
_SCALED = re.compile(r"Scaled up replica set (\S{1,253}) from ([0-9]{1,10}) to ([0-9]{1,10})(?![0-9])")
_LAUNCHED = re.compile(r"Created job (\S{1,253})")
_REFUSALS = frozenset({"FailedCreate", "FailedCreatePod", "ReplicaSetCreateError"})
"""Reasons of Kubernetes' controllers (pkg/controller/controller_utils.go) and of those that were made after them."""
_REFUSED = frozenset({*WORKLOADS, "ReplicationController"})
_OF_PODS = re.compile(r"\bpods?\b", re.IGNORECASE)
REASONS = frozenset({"ScalingReplicaSet", "SuccessfulCreate", "SuccessfulDelete", *_REFUSALS})
"""The reasons of Events about objects that make pods which are read."""
_MERGED = "(combined from similar events): "


def workload_news(event: Event, *, arrived: int) -> WorkloadNews | None:
    """What an Event about an object that makes pods says of it, if anything. Raises ``MalformedObject``."""
    about, message = event.involved_object, event.message.removeprefix(_MERGED)
    group = custom_group(about.api_version)
    maker = Owner(about.kind, about.name, about.uid, group)
    if event.reason == "ScalingReplicaSet" and not group and (found := _SCALED.match(message)):
        return Scaled(about.namespace, maker, found[1], int(found[2]), int(found[3]), _latest(event, arrived=arrived))
    if (
        event.reason == "SuccessfulCreate"
        and about.kind == "CronJob"
        and not group
        and (found := _LAUNCHED.match(message))
    ):
        return Launched(about.namespace, maker, found[1], _latest(event, arrived=arrived))
    if event.reason == "SuccessfulDelete" and (found := _DROPPED.match(message)):
        at = _latest(event, arrived=arrived).at
        return Dropped(about.namespace, maker, found[1], message, arrived if at is None else at)
    if event.reason in _REFUSALS and _makes_pods(maker, message):
        first = stamp(event, arrived=arrived).at
        last = _latest(event, arrived=arrived).at
        name = event.metadata.name
        first, last = (arrived if each is None else each for each in (first, last))
        return Refused(about.namespace, maker, name, message, first, last, max(event.count or 1, 1))
    return None


def _makes_pods(maker: Owner, message: str) -> bool:
    """Whether it is a pod that could not be created: what else a custom resource creates only the words tell."""
    return bool(_OF_PODS.search(message)) if maker.group else maker.kind in _REFUSED


def _latest(event: Event, *, arrived: int) -> Evidence:
    """When it was said last: the time in an Event's name is that of the first time."""
    if (event.count or 1) <= 1 or event.last_timestamp is None:
        return stamp(event, arrived=arrived)
    second = moment(event.last_timestamp)
    return Evidence(Source.EVENT_SECOND, second + SECOND // 2, None, second + SECOND - 1, arrived)


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
