"""One JSON line per finished pod, with the attribute names of OpenTelemetry's semantic conventions for Kubernetes."""

import json
from typing import TextIO

import structlog

from podtimeline.analysis.findings.explain import explain, findings
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.model.texts import visible_json
from podtimeline.ports import Finished
from podtimeline.render.moments import rfc3339, seconds

_NAMED_KINDS = frozenset({"deployment", "replicaset", "statefulset", "daemonset", "job", "cronjob"})
"""Kinds of workload that the conventions have a name for: ``k8s.<kind>.name``."""


class JsonLog:
    """Implements ``ports.Sink``. A field that is unknown is ``null``; one that does not apply is left out."""

    name = "log"

    def __init__(self, stream: TextIO, *, cluster: str = "") -> None:
        self._cluster = cluster
        self._stream = stream
        self._logger = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[_rendered],
            wrapper_class=structlog.BoundLogger,
        )

    def take(self, finished: Finished) -> None:
        """See ``ports.Sink``."""
        self._logger.info("pod timeline", **self._fields(finished))

    def close(self) -> None:
        """See ``ports.Sink``; the stream belongs to who made it."""
        self._stream.flush()

    def _fields(self, finished: Finished) -> dict[str, object]:
        view, found = finished.view, findings(finished.view)
        cluster = {"k8s.cluster.name": self._cluster} if self._cluster else {}
        return {
            "timestamp": rfc3339(finished.at),
            "level": "info",
            "trace_id": view.uid.replace("-", ""),
            **cluster,
            "k8s.namespace.name": view.facts.namespace,
            "k8s.pod.name": view.facts.name,
            "k8s.pod.uid": view.uid,
            "k8s.node.name": view.node,
            **_workload(view),
            "podtimeline.outcome": view.outcome.value,
            "podtimeline.total_seconds": _seconds(view.total),
            "podtimeline.startup_seconds": _seconds(view.startup),
            "podtimeline.endpoint_seconds": _seconds(view.endpoint),
            "podtimeline.phases": {phase.value: seconds(spent) for phase, spent in view.by_phase().items()},
            "podtimeline.dominant_phase": view.dominant and view.dominant.phase.value,
            "podtimeline.findings": list(dict.fromkeys(each.kind.value for each in found)),
            "podtimeline.explanation": explain(view, found),
            "podtimeline.partial": [each.value for each in view.partial],
            "podtimeline.missing": [":".join(filter(None, mark)) for mark in view.missing],
            "podtimeline.skew_seconds": seconds(view.skew),
        }


def _rendered(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
    return visible_json(json.dumps(event, ensure_ascii=False))


def _workload(view: ResolvedTimeline) -> dict[str, object]:
    kind, name = view.workload.kind, view.workload.name
    own = {f"k8s.{kind.lower()}.name": name} if kind.lower() in _NAMED_KINDS else {}
    return {**own, "podtimeline.workload.kind": kind, "podtimeline.workload.name": name}


def _seconds(duration: int | None) -> float | None:
    return None if duration is None else seconds(duration)
