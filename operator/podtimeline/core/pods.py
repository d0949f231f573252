"""What a pod is, apart from when things happened to it."""

from dataclasses import dataclass
from enum import StrEnum


class ContainerKind(StrEnum):
    """Init containers end before the next one starts; sidecars are init containers that keep running (KEP-753)."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One container of a pod's spec, in the order of the spec (init containers first)."""

    name: str
    kind: ContainerKind
    image: str
    startup_probe: bool = False
    readiness_probe: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """A controller reference: kind, name and uid as in ``metadata.ownerReferences``."""

    kind: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """Identity and spec of one pod object; the uid is the key of everything.

    ``created_second`` is ``metadata.creationTimestamp`` in nanoseconds (resolution 1 s).
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
    mirror: bool = False
    run_to_completion: bool = False

    def container(self, name: str) -> ContainerSpec | None:
        """The container of that name, or ``None``."""
        return next((each for each in self.containers if each.name == name), None)
