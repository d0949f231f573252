"""The versioned JSON of workloads whose pods are, or were, refused."""

from collections.abc import Iterable

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.render.document import API_VERSION, Document
from podtimeline.render.moments import rfc3339

WORKLOADS_KIND = "WorkloadList"


def workloads_document(refusals: Iterable[Refusal]) -> Document:
    """Those that are refused now come first, then by the moment of the last refusal, latest first."""
    ordered = sorted(refusals, key=lambda each: (each.ended is not None, -each.last, each.namespace))
    return {"apiVersion": API_VERSION, "kind": WORKLOADS_KIND, "items": [_workload(each) for each in ordered]}


def _workload(refusal: Refusal) -> Document:
    return {
        "namespace": refusal.namespace,
        "workload": {"kind": refusal.workload.kind, "name": refusal.workload.name},
        "refused": {
            "now": refusal.ended is None,
            "maker": {"kind": refusal.maker.kind, "name": refusal.maker.name},
            "text": refusal.text,
            "first": rfc3339(refusal.first),
            "last": rfc3339(refusal.last),
            "count": refusal.count,
            "total": refusal.total,
        },
    }
