"""The kinds that change seldom, as one table: a row here and a feed in ``lowrate`` make the operator follow a kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class LowRate(StrEnum):
    """The kinds that are read through kopf, by the plural name of the API."""

    REPLICASETS = "replicasets"
    JOBS = "jobs"
    SERVICES = "services"
    DEPLOYMENTS = "deployments"
    STATEFULSETS = "statefulsets"
    DAEMONSETS = "daemonsets"
    CRONJOBS = "cronjobs"
    NODES = "nodes"
    NAMESPACES = "namespaces"
    CLAIMS = "persistentvolumeclaims"
    ATTACHMENTS = "volumeattachments"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """Where a kind is in the API, and what is unknown ``without`` the right to read it.

    An operator that is not allowed to read a kind leaves it out, of the namespaces where it is not allowed to. A kind
    that is not ``namespaced`` takes a ClusterRole even where the operator follows some namespaces only.
    """

    kind: LowRate
    group: str
    version: str = "v1"
    namespaced: bool = True
    without: str

    def collections(self, namespaces: Sequence[str]) -> "Iterator[Collection]":
        """The collections to read: one of all namespaces (none given) or of the cluster, or one per namespace."""
        for namespace in (namespaces or (None,)) if self.namespaced else (None,):
            yield Collection(self.kind, namespace)


class Collection(NamedTuple):
    """The objects of a kind in one namespace, or in all of them (``None``)."""

    kind: LowRate
    namespace: str | None = None

    @property
    def path(self) -> str:
        """Its path in the API."""
        row = KINDS[self.kind]
        root = f"/apis/{row.group}/{row.version}" if row.group else f"/api/{row.version}"
        return f"{root}/{self.kind}" if self.namespace is None else f"{root}/namespaces/{self.namespace}/{self.kind}"

    def __str__(self) -> str:
        """As it is told to people."""
        return self.kind if self.namespace is None else f"{self.kind} of {self.namespace}"


KINDS: dict[LowRate, KindRow] = {
    row.kind: row
    for row in (
        KindRow(kind=LowRate.REPLICASETS, group="apps", without="the Deployments of pods"),
        KindRow(kind=LowRate.JOBS, group="batch", without="the CronJobs of pods"),
        KindRow(kind=LowRate.SERVICES, group="", without="which Services select a pod"),
        KindRow(kind=LowRate.DEPLOYMENTS, group="apps", without="when Deployments asked for pods"),
        KindRow(kind=LowRate.STATEFULSETS, group="apps", without="when StatefulSets asked for pods"),
        KindRow(kind=LowRate.DAEMONSETS, group="apps", without="when DaemonSets asked for pods"),
        KindRow(kind=LowRate.CRONJOBS, group="batch", without="changes of CronJobs"),
        KindRow(kind=LowRate.NODES, group="", namespaced=False, without="when new nodes were there and ready"),
        KindRow(kind=LowRate.NAMESPACES, group="", namespaced=False, without="whether pods went with their namespace"),
        KindRow(kind=LowRate.CLAIMS, group="", without="when volume claims were bound, and what is said of them"),
        KindRow(
            kind=LowRate.ATTACHMENTS,
            group="storage.k8s.io",
            namespaced=False,
            without="when volumes were attached and detached",
        ),
    )
}
