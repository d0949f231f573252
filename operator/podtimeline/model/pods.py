"""What a pod is, apart from when things happened to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class ContainerKind(StrEnum):
    """Init containers end before the next one starts; sidecars are init containers that keep running (KEP-753)."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


@dataclass(frozen=True, slots=True)
class Probe:
    """The timing of a probe, in seconds (corev1.Probe); the defaults are the API's."""

    initial_delay: int = 0
    period: int = 10
    failure_threshold: int = 3
    success_threshold: int = 1


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container of a pod's spec, in the order of the spec (init containers first).

    ``pull_policy`` is ``imagePullPolicy``. A hook is named by whether there is one. ``ports`` are those it declares, as
    ``8080/TCP``: it may listen on others too.
    """

    name: str
    kind: ContainerKind
    image: str
    startup_probe: Probe | None = None
    readiness_probe: Probe | None = None
    pull_policy: str = ""
    post_start: bool = False
    pre_stop: bool = False
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """A volume of a pod's spec that must be made ready: ``claim`` for a PersistentVolumeClaim, else its ``source``.

    ``source`` is the field of corev1.VolumeSource: ``persistentVolumeClaim``, ``configMap``, ``secret``, ``csi``…
    ``mounted`` is whether a container has it: the kubelet waits for no other (pkg/volume/util, GetPodVolumeNames); the
    scheduler waits for the claim, and the volume is attached, all the same. ``image`` is the reference that an image
    volume is made of (KEP-4639), empty for every other source.
    """

    name: str
    source: str
    claim: str | None = None
    mounted: bool = True
    image: str = ""


def image_volume(name: str) -> str:
    """The subject of what is told of the image that a volume is made of."""
    return f"volume {name}"


def image_subject(reference: str) -> str:
    """The subject of what is told of an image whose volume is not known yet; empty where there is no image."""
    return f"image {reference}" if reference else ""


@dataclass(frozen=True, slots=True)
class Owner:
    """A controller reference: kind, name and uid as in ``metadata.ownerReferences``.

    ``group`` is the API group of a custom resource, empty for Kubernetes' own kinds, whose names custom resources may
    have too.
    """

    kind: str
    name: str
    uid: str = ""
    group: str = ""


DEFAULT_SCHEDULER = "default-scheduler"
"""corev1.DefaultSchedulerName: what the API server sets where a pod names none."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """Identity and spec of one pod object; the uid is the key of everything.

    ``created_second`` is ``metadata.creationTimestamp`` in nanoseconds (resolution 1 s). ``scheduling_gates`` are those
    of the first version that was seen. ``mirror`` is the uid that the kubelet gave the static pod which this object is
    the API's copy of, empty for every other pod. ``scheduler`` is ``spec.schedulerName``, empty for the default one.
    """

    uid: str
    namespace: str
    name: str
    created_second: int
    owner: Owner | None
    containers: tuple[ContainerSpec, ...]
    labels: tuple[tuple[str, str], ...] = ()
    readiness_gates: tuple[str, ...] = ()
    host_network: bool = False
    mirror: str = ""
    run_to_completion: bool = False
    volumes: tuple[VolumeSpec, ...] = ()
    scheduling_gates: tuple[str, ...] = ()
    priority: int | None = None
    restart_policy: str = "Always"
    scheduler: str = ""

    @property
    def awaited(self) -> Iterator[VolumeSpec]:
        """The volumes that its sandbox has to wait for: images are pulled once it is there."""
        return (each for each in self.volumes if each.mounted and not each.image)

    @property
    def image_volumes(self) -> tuple[VolumeSpec, ...]:
        """The volumes that are made of an image, in the order of the spec."""
        return tuple(each for each in self.volumes if each.image)

    def container(self, name: str) -> ContainerSpec | None:
        """The container of that name, or ``None``."""
        return next((each for each in self.containers if each.name == name), None)
