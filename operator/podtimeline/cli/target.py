"""What a command is about: a pod, or the controller of many."""

from typing import NamedTuple

import click

BARE = "Pod"

_KINDS = {
    "Pod": ("pod", "pods", "po"),
    "Deployment": ("deployment", "deployments", "deploy"),
    "StatefulSet": ("statefulset", "statefulsets", "sts"),
    "DaemonSet": ("daemonset", "daemonsets", "ds"),
    "ReplicaSet": ("replicaset", "replicasets", "rs"),
    "Job": ("job", "jobs"),
    "CronJob": ("cronjob", "cronjobs", "cj"),
}
_BY_NAME = {name: kind for kind, names in _KINDS.items() for name in names}
_OUTER = {"ReplicaSet": "Deployment", "Job": "CronJob"}


class Target(NamedTuple):
    """The kind as the API spells it, and the name."""

    kind: str
    name: str

    @property
    def outer(self) -> "Target | None":
        """The controller that makes objects of this kind under names like this one, ``None`` where there is none."""
        kind, name = _OUTER.get(self.kind), self.name.rpartition("-")[0]
        return Target(kind, name) if kind and name else None


class TargetType(click.ParamType[Target]):
    """POD, or KIND/NAME with the names and short names of kubectl."""

    name = "target"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """The target that the text names."""
        kind, slash, name = value.partition("/")
        if not slash:
            kind, name = "pod", value
        known = _BY_NAME.get(kind.lower().partition(".")[0])
        if known is None or not name or "/" in name:
            short = ", ".join(f"{names[-1]}/NAME" for names in _KINDS.values())
            self.fail(f"{value!r} is not a pod's name, nor one of {short}", param, ctx)
        return Target(known, name)
