"""corev1.Event: its fields, what it is about, when its reporter says that it happened, and how often. Pure.

Whoever may create Events in one namespace can write any reference into them: the API server compares the namespace of
``involvedObject`` with the Event's own only where ``eventTime`` is not set (pkg/apis/core/validation/events.go).
Every recorder of Kubernetes writes an Event into the namespace of what it is about, and one about an object of the
cluster into ``default`` (client-go, tools/record and tools/events).
"""

import msgspec

from podtimeline.kube.metav1 import Int32, Metadata, Name, Uid, Wire, Word
from podtimeline.model.instants import SECOND, Evidence, Source, happened, just_after
from podtimeline.model.texts import MAX_TEXT, clip
from podtimeline.ports import Mismatch, PodReference
from podtimeline.sources.texts import moment, name_time

_OF_CLUSTER = frozenset({"Node"})
"""The kinds without a namespace whose Events are read."""
_FOR_CLUSTER = frozenset({"default", "kube-system"})
"""Where the API server takes Events about objects of the cluster (pkg/apis/core/validation/events.go)."""


class ObjectReference(Wire, frozen=True):
    """corev1.ObjectReference."""

    kind: Word = ""
    namespace: Name = ""
    name: Name = ""
    uid: Uid = ""
    api_version: Name = ""
    field_path: Name = ""


class EventSeries(Wire, frozen=True):
    """corev1.EventSeries."""

    count: Int32 = 0
    last_observed_time: str | None = None


class EventSource(Wire, frozen=True):
    """corev1.EventSource."""

    host: Name = ""


class Event(Wire, frozen=True):
    """corev1.Event."""

    metadata: Metadata
    involved_object: ObjectReference = ObjectReference()
    source: EventSource | None = None
    related: ObjectReference | None = None
    reason: Word = ""
    message: str = ""
    type: Word = ""
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    count: Int32 | None = None
    series: EventSeries | None = None

    def __post_init__(self) -> None:
        """Cut the message once, so that nothing that is read from it keeps a text of any length."""
        if len(self.message) > MAX_TEXT:
            msgspec.structs.force_setattr(self, "message", clip(self.message))


def mismatch(event: Event) -> Mismatch | None:
    """In what the reference of an Event disagrees with the Event itself; ``None`` where nothing does.

    A kubelet writes no uid of its node (v1.37), or the node's name for it (v1.34): there it is not asked for.
    """
    about, within = event.involved_object, event.metadata.namespace
    if about.kind in _OF_CLUSTER:
        agrees = not about.namespace and within in _FOR_CLUSTER
        return _named(about.name) if agrees else Mismatch.NAMESPACE
    if not within or about.namespace != within:
        return Mismatch.NAMESPACE
    return _named(about.name) if about.uid else Mismatch.UID


def _named(name: str) -> Mismatch | None:
    return None if name else Mismatch.NAME


def pod_of(event: Event) -> PodReference:
    """The pod that an Event is about."""
    about = event.involved_object
    return PodReference(about.uid, about.namespace, about.name)


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


def attempts(event: Event, *, arrived: int) -> tuple[Evidence, Evidence, int]:
    """The first and the latest attempt that an Event knows of, and how many. Raises ``MalformedObject``.

    Its name and ``firstTimestamp`` are of the first one, ``lastTimestamp`` or the series of the latest one.
    """
    first, series = stamp(event, arrived=arrived), event.series
    if series is not None and series.last_observed_time is not None:
        last = just_after(Source.EVENT_TIME, moment(series.last_observed_time), observed=arrived)
        return first, last, max(series.count, 1)
    count = event.count or 1
    if count == 1 or event.last_timestamp is None:
        return first, first, count
    second = moment(event.last_timestamp)
    end = second + SECOND - 1
    # The latest attempt is not before the first one, which can be of the same second.
    at = max(second + SECOND // 2, min(first.claim, end))
    return first, Evidence(Source.EVENT_SECOND, at, None, end, arrived), count
