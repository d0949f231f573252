"""What a pod is by its spec and metadata, apart from when things happened to it; and who wrote its conditions. Pure."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import msgspec

from podtimeline.errors import MalformedObject
from podtimeline.kube.metav1 import OwnerReference
from podtimeline.model.bounds import MAX_WORD
from podtimeline.model.nodes import Toleration
from podtimeline.model.pods import DEFAULT_SCHEDULER, ContainerKind, ContainerSpec, Owner, PodFacts, Probe, VolumeSpec
from podtimeline.model.texts import clip
from podtimeline.sources.pods.wire import (
    Container,
    Pod,
    PodAnnotations,
    PodSpec,
    PodSpecHead,
    PodTolerations,
    ProbeTiming,
    VolumeUse,
)
from podtimeline.sources.texts import controller, moment

_R = TypeVar("_R")
_LABELS = msgspec.json.Decoder(dict[str, str] | None)
_SHARED = 4096
"""Distinct labels, owners and containers that are kept: the pods of one controller have them in common."""
_SMALL = 4096
"""Bytes of the labels or owner references that are kept to be shared: larger ones are rare, and read each time."""
_OWNERS = msgspec.json.Decoder(list[OwnerReference] | None)
_SPEC = msgspec.json.Decoder(PodSpec)
_BINDING = msgspec.json.Decoder(PodSpecHead)
_TOLERATIONS = msgspec.json.Decoder(PodTolerations)


def pod_spec(pod: Pod) -> PodSpec:
    """The pod's spec, parsed. Raises ``MalformedObject``."""
    return _raw(_SPEC, pod.spec, PodSpec())


def binding(pod: Pod) -> PodSpecHead:
    """What of the pod's spec changes, parsed. Raises ``MalformedObject``."""
    return _raw(_BINDING, pod.spec, PodSpecHead())


def tolerations(pod: Pod) -> tuple[Toleration, ...]:
    """What taints the pod tolerates; parsed for a pod that is refused because of one. Raises ``MalformedObject``."""
    found = _raw(_TOLERATIONS, pod.spec, PodTolerations()).tolerations or ()
    return tuple(Toleration(each.key, each.operator, each.value, each.effect) for each in found)


def _raw(decoder: "msgspec.json.Decoder[_R]", raw: bytes | msgspec.Raw, absent: "_R") -> "_R":
    try:
        return decoder.decode(raw) if raw else absent
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedObject(str(error)) from error


def pod_facts(pod: Pod, spec: PodSpec) -> PodFacts:
    """Identity and spec of the pod. Raises ``MalformedObject`` where what identifies it is missing."""
    metadata = pod.metadata
    if not metadata.uid or metadata.creation_timestamp is None:
        raise MalformedObject("a pod without uid or creationTimestamp")
    references = bytes(metadata.owner_references)
    owner = _owner(references) if len(references) <= _SMALL else _owner.__wrapped__(references)
    containers = (
        *(_container(each, _init_kind(each)) for each in spec.init_containers or ()),
        *(_container(each, ContainerKind.MAIN) for each in spec.containers or ()),
    )
    if len({each.name for each in containers}) < len(containers):
        raise MalformedObject("a pod with two containers of one name")
    return PodFacts(
        uid=metadata.uid,
        namespace=metadata.namespace,
        name=metadata.name,
        created_second=moment(metadata.creation_timestamp),
        owner=owner,
        containers=containers,
        labels=pod_labels(pod),
        readiness_gates=tuple(each.condition_type for each in spec.readiness_gates or ()),
        host_network=bool(spec.host_network),
        mirror=_mirror(metadata.annotations),
        volumes=tuple(_volumes(pod, spec)),
        scheduling_gates=tuple(each.name for each in spec.scheduling_gates or ()),
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
    return controller(_raw(_OWNERS, references, None))


@lru_cache(maxsize=_SHARED)
def _labels(labels: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((_raw(_LABELS, labels, None) or {}).items()))


def _init_kind(container: Container) -> ContainerKind:
    return ContainerKind.SIDECAR if container.restart_policy == "Always" else ContainerKind.INIT


def _container(container: Container, kind: ContainerKind) -> ContainerSpec:
    hooks = container.lifecycle
    return _shared(
        container.name,
        kind,
        clip(container.image),
        _probe(container.startup_probe),
        _probe(container.readiness_probe),
        container.image_pull_policy,
        hooks is not None and hooks.post_start is not None,
        hooks is not None and hooks.pre_stop is not None,
        tuple(f"{each.container_port}/{each.protocol}" for each in container.ports or ()),
    )


def _probe(timing: ProbeTiming | None) -> Probe | None:
    if timing is None:
        return None
    return Probe(
        timing.initial_delay_seconds, timing.period_seconds, timing.failure_threshold, timing.success_threshold
    )


_SOURCES = ("config_map", "secret", "csi", "nfs", "image")


def _volumes(facts: Pod, spec: PodSpec) -> Iterator[VolumeSpec]:
    mounted = {use.name for each in (*(spec.init_containers or ()), *(spec.containers or ())) for use in _uses(each)}
    for each in spec.volumes or ():
        if each.persistent_volume_claim is not None:
            source, claim = "persistentVolumeClaim", each.persistent_volume_claim.claim_name
        elif each.ephemeral is not None:
            # The claim of an ephemeral volume is named after its pod (component-helpers, ephemeral.VolumeClaimName).
            source, claim = "ephemeral", f"{facts.metadata.name}-{each.name}"
        else:
            found = next((name for name in _SOURCES if getattr(each, name) is not None), None)
            if found is None:
                continue
            source, claim = "configMap" if found == "config_map" else found, None
        image = "" if each.image is None else each.image.reference
        yield VolumeSpec(each.name, source, claim, each.name in mounted, image)


def _uses(container: Container) -> Iterator[VolumeUse]:
    yield from container.volume_mounts or ()
    yield from container.volume_devices or ()


_shared = lru_cache(maxsize=_SHARED)(ContainerSpec)


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
