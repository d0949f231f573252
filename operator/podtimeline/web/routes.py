"""Every path that is served, in one table: the servers, the refusals and the OpenAPI documents derive from it."""

from dataclasses import dataclass
from enum import StrEnum

from podtimeline.web.parameters import KIND_OF, NAME_OF, NAMESPACE, NAMESPACE_OF, PODS, REVISION, UID, Parameter


class Port(StrEnum):
    """The two servers; a NetworkPolicy tells them apart by their ports."""

    METRICS = "metrics"
    """Metrics and probes: numbers of the cluster, nothing of a single pod."""
    API = "api"
    """Timelines: what whoever may `get pods` could put together."""


class OperationId(StrEnum):
    """What a path does, by the name that the OpenAPI document gives it."""

    METRICS = "metrics"
    HEALTH = "health"
    READY = "ready"
    PODS = "listPods"
    POD = "getPod"
    WORKLOADS = "listWorkloads"
    ROLLOUT = "getRollout"
    FAULTS = "listFaults"
    DOCUMENT = "openapi"


@dataclass(frozen=True, slots=True)
class Route:
    """One path. ``about`` is set where an object that is not known is answered with 404."""

    operation: OperationId
    port: Port
    path: str
    summary: str
    within: tuple[Parameter, ...] = ()
    """Parameters in the path."""
    query: tuple[Parameter, ...] = ()
    about: str = ""

    @property
    def reviewed(self) -> bool:
        """Whether it tells of pods, so that who asks is reviewed where the setting says so."""
        return self.port is Port.API and self.operation is not OperationId.DOCUMENT


ROUTES: tuple[Route, ...] = (
    Route(OperationId.METRICS, Port.METRICS, "/metrics", "Metrics, as OpenMetrics or in the Prometheus text format."),
    Route(OperationId.HEALTH, Port.METRICS, "/healthz", "Whether the process is alive; 503 if a restart helps."),
    Route(OperationId.READY, Port.METRICS, "/readyz",
          "Whether answers are complete; lists why not, and what is `degraded`."),
    Route(OperationId.DOCUMENT, Port.METRICS, "/openapi.json", "This document."),
    Route(OperationId.PODS, Port.API, "/api/v1/pods", "Timelines of matching pods, in pages.", query=PODS),
    Route(
        OperationId.POD, Port.API, "/api/v1/pods/{namespace}/{name}",
        "The latest timeline of a pod by name, compared with its neighbors.",
        (NAMESPACE_OF, NAME_OF), (UID,), "the pod",
    ),
    Route(
        OperationId.WORKLOADS, Port.API, "/api/v1/workloads", "Workloads whose pods are or were refused.",
        query=(NAMESPACE,),
    ),
    Route(
        OperationId.ROLLOUT, Port.API, "/api/v1/rollouts/{namespace}/{kind}/{name}", "A rollout of a workload.",
        (NAMESPACE_OF, KIND_OF, NAME_OF), (REVISION,), "a pod of the workload",
    ),
    Route(
        OperationId.FAULTS, Port.API, "/api/v1/faults",
        "What could not be read or evaluated since the process started, by kind, with a sample of each.",
    ),
    Route(OperationId.DOCUMENT, Port.API, "/openapi.json", "This document."),
)  # fmt: skip


def served(port: Port) -> tuple[Route, ...]:
    """The paths of one server."""
    return tuple(route for route in ROUTES if route.port is port)
