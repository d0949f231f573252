"""What a pod is by its spec and metadata, apart from when things happened to it; and who wrote its conditions. Pure."""

import json
from functools import lru_cache

import msgspec

from podtimeline.errors import MalformedObject
from podtimeline.kube.metav1 import OwnerReference
from podtimeline.model.bounds import MAX_WORD
from podtimeline.model.nodes import Toleration
from podtimeline.model.pods import DEFAULT_SCHEDULER, Owner, PodFacts
from podtimeline.sources.pods.templates import Template, parsed
from podtimeline.sources.pods.wire import Pod, PodAnnotations, PodSpecHead, PodTolerations
from podtimeline.sources.texts import controller, moment

_LABELS = msgspec.json.Decoder(dict[str, str] | None)
_SHARED = 4096
"""Distinct labels and owners that are kept: the pods of one controller have them in common."""
_SMALL = 4096
"""Bytes of the labels or owner references that are kept to be shared: larger ones are rare, and read each time."""
_OWNERS = msgspec.json.Decoder(list[OwnerReference] | None)
_BINDING = msgspec.json.Decoder(PodSpecHead)
_TOLERATIONS = msgspec.json.Decoder(PodTolerations)


def binding(pod: Pod) -> PodSpecHead:
    """What of the pod's spec changes, parsed. Raises ``MalformedObject``."""
    return parsed(_BINDING, pod.spec, PodSpecHead())


def tolerations(pod: Pod) -> tuple[Toleration, ...]:
    """What taints the pod tolerates; parsed for a pod that is refused because of one. Raises ``MalformedObject``."""
    found = parsed(_TOLERATIONS, pod.spec, PodTolerations()).tolerations or ()
    return tuple(Toleration(each.key, each.operator, each.value, each.effect) for each in found)


def pod_facts(pod: Pod, template: Template) -> PodFacts:
    """Identity and spec of the pod. Raises ``MalformedObject`` where what identifies it is missing."""
    metadata = pod.metadata
    if not metadata.uid or metadata.creation_timestamp is None:
        raise MalformedObject("a pod without uid or creationTimestamp")
    if template.ambiguous:
        raise MalformedObject("a pod with two containers of one name")
    references = bytes(metadata.owner_references)
    owner = _owner(references) if len(references) <= _SMALL else _owner.__wrapped__(references)
    spec = template.spec
    return PodFacts(
        uid=metadata.uid,
        namespace=metadata.namespace,
        name=metadata.name,
        created_second=moment(metadata.creation_timestamp),
        owner=owner,
        containers=template.containers,
        labels=pod_labels(pod),
        readiness_gates=template.readiness_gates,
        host_network=bool(spec.host_network),
        mirror=_mirror(metadata.annotations),
        volumes=template.volumes_of(metadata.name),
        scheduling_gates=template.scheduling_gates,
        priority=spec.priority,
        restart_policy=spec.restart_policy,
        scheduler="" if spec.scheduler_name == DEFAULT_SCHEDULER else spec.scheduler_name,
        run_to_completion=spec.restart_policy != "Always"
        or (owner is not None and owner.kind == "Job" and not owner.group),
    )


def _mirror(annotations: PodAnnotations | None) -> str:
    # Anybody may write an annotation of any length: what is longer than a uid is none.
    return annotations.mirror if annotations is not None and len(annotations.mirror) <= MAX_WORD else ""


def pod_labels(pod: Pod) -> tuple[tuple[str, str], ...]:
    """The pod's labels, by key. Raises ``MalformedObject``."""
    labels = bytes(pod.metadata.labels)
    return _labels(labels) if len(labels) <= _SMALL else _labels.__wrapped__(labels)


@lru_cache(maxsize=_SHARED)
def _owner(references: bytes) -> Owner | None:
    return controller(parsed(_OWNERS, references, None))


@lru_cache(maxsize=_SHARED)
def _labels(labels: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((parsed(_LABELS, labels, None) or {}).items()))


class _StatusFields(msgspec.Struct, frozen=True, gc=False):
    conditions: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict, name="f:conditions")


class _Fields(msgspec.Struct, frozen=True, gc=False):
    status: _StatusFields | None = msgspec.field(default=None, name="f:status")


class _Entry(msgspec.Struct, frozen=True, gc=False):
    manager: str = ""
    time: str = ""
    fields: _Fields | None = msgspec.field(default=None, name="fieldsV1")


_ENTRIES = msgspec.json.Decoder(list[_Entry] | None)
_VALUE = b'"f:status"'


def setter(managed: bytes | msgspec.Raw, condition: str) -> str:
    """The manager that gave the condition its value, of several the latest; empty where nothing names one.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    Managed fields can be absent, and have no schema that a reader may rely on: what is not understood names nobody.
    """
    try:
        entries = _ENTRIES.decode(managed) if managed else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    key = "k:" + json.dumps({"type": condition}, separators=(",", ":"))
    owners = [
        (each.time, each.manager)
        for each in entries or ()
        if each.fields is not None and each.fields.status is not None and _wrote(each.fields.status, key)
    ]
    return max(owners, default=("", ""))[1]


def _wrote(status: _StatusFields, key: str) -> bool:
    written = status.conditions.get(key)
    return written is not None and _VALUE in bytes(written)
