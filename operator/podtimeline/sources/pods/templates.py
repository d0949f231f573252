"""What the pods of one template have in common: read of the first, and kept for those that come after it.

Pods of one controller have the same spec, but for the node and the name of the volume of their API token, which the
API server makes up for each (plugin/pkg/admission/serviceaccount). Without these two the bytes of a spec are the key.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import msgspec

from podtimeline.errors import MalformedObject
from podtimeline.model.pods import ContainerKind, ContainerSpec, Probe, VolumeSpec
from podtimeline.model.texts import clip
from podtimeline.sources.pods.wire import Container, Pod, PodSpec, ProbeTiming, VolumeUse

T = TypeVar("T")
MAX_TEMPLATES = 512
"""Templates that are kept: whoever may create pods can make up new ones without end."""
MAX_TEMPLATE = 16 << 10
"""Bytes of a spec that is kept as a template: larger ones are rare, and read each time."""
_CONTAINERS = 4096
"""Distinct containers that are kept: templates have them in common, such as sidecars that are injected."""
_SPEC = msgspec.json.Decoder(PodSpec)
_EPHEMERAL = "ephemeral"
_TOKEN = b"kube-api-access-"
_SUFFIX = 5
"""Characters that make a generated name unique (apiserver/pkg/storage/names)."""
_NODE = b'"nodeName":"'


@dataclass(frozen=True, slots=True)
class Template:
    """A spec and what follows from it. Its ``node_name`` is empty where that is a pod's own."""

    spec: PodSpec
    containers: tuple[ContainerSpec, ...]
    volumes: tuple[VolumeSpec, ...]
    readiness_gates: tuple[str, ...]
    scheduling_gates: tuple[str, ...]
    claims: bool
    """Whether it has ephemeral volumes, whose claims are named after the pod."""
    ambiguous: bool
    """Whether two containers have one name."""

    def volumes_of(self, pod: str) -> tuple[VolumeSpec, ...]:
        """The volumes of the pod of that name (component-helpers, ephemeral.VolumeClaimName)."""
        if not self.claims:
            return self.volumes
        return tuple(
            replace(each, claim=f"{pod}-{each.name}") if each.source == _EPHEMERAL else each for each in self.volumes
        )


def parsed(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, absent: T) -> T:
    """What an unparsed part of an object contains. Raises ``MalformedObject``."""
    try:
        return decoder.decode(raw) if raw else absent
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedObject(str(error)) from error


def pod_template(pod: Pod) -> Template:
    """The template of a pod. Raises ``MalformedObject``."""
    raw = bytes(pod.spec)
    if len(raw) > MAX_TEMPLATE:
        return _read(raw)
    # Nobody has set a condition of a pod that is just made, nor bound it: the search costs as much as all the rest.
    bound = _without_node(raw) if pod.status.conditions else raw
    return _shared_template(_without_token(bound)) or _read(bound)


def _without_node(spec: bytes) -> bytes:
    at = spec.find(_NODE)
    if at < 0:
        return spec
    start = at + len(_NODE)
    end = spec.find(b'"', start)
    return spec if end < 0 or b"\\" in spec[start:end] else spec[:start] + spec[end:]


def _without_token(spec: bytes) -> bytes:
    at = spec.find(_TOKEN)
    token = spec[at : at + len(_TOKEN) + _SUFFIX]
    # Measured: a replace goes through the bytes twice, once to count.
    return _TOKEN.join(spec.split(token)) if at >= 0 and token[len(_TOKEN) :].isalnum() else spec


@lru_cache(maxsize=MAX_TEMPLATES)
def _shared_template(spec: bytes) -> Template | None:
    """The template of all pods with such a spec, ``None`` where the name that was left out makes a difference."""
    found = _read(spec)
    words = found.spec.restart_policy, found.spec.scheduler_name
    told = (found.containers, found.volumes, found.readiness_gates, found.scheduling_gates, words)
    return None if _TOKEN.decode() in repr(told) else found


def _read(raw: bytes) -> Template:
    spec = parsed(_SPEC, raw, PodSpec())
    containers = (
        *(_container(each, _init_kind(each)) for each in spec.init_containers or ()),
        *(_container(each, ContainerKind.MAIN) for each in spec.containers or ()),
    )
    volumes = tuple(_volumes(spec))
    return Template(
        spec,
        containers,
        volumes,
        readiness_gates=tuple(each.condition_type for each in spec.readiness_gates or ()),
        scheduling_gates=tuple(each.name for each in spec.scheduling_gates or ()),
        claims=any(each.source == _EPHEMERAL for each in volumes),
        ambiguous=len({each.name for each in containers}) < len(containers),
    )


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


def _volumes(spec: PodSpec) -> Iterator[VolumeSpec]:
    mounted = {use.name for each in (*(spec.init_containers or ()), *(spec.containers or ())) for use in _uses(each)}
    for each in spec.volumes or ():
        if each.persistent_volume_claim is not None:
            source, claim = "persistentVolumeClaim", each.persistent_volume_claim.claim_name
        elif each.ephemeral is not None:
            source, claim = _EPHEMERAL, None
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


_shared = lru_cache(maxsize=_CONTAINERS)(ContainerSpec)
