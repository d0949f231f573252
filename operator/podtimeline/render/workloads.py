"""The versioned JSON of workloads whose pods are, or were, refused."""

from collections.abc import Iterable
from typing import Final

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.render import structs
from podtimeline.render.document import API_VERSION, Document, plain
from podtimeline.render.moments import rfc3339

WORKLOADS_KIND: Final = "WorkloadList"


def workloads_document(refusals: Iterable[Refusal]) -> Document:
    """Those that are refused now come first, then by the moment of the last refusal, latest first."""
    ordered = sorted(refusals, key=lambda each: (each.ended is not None, -each.last, each.namespace))
    items = [_workload(each) for each in ordered]
    return plain(structs.WorkloadList(api_version=API_VERSION, kind=WORKLOADS_KIND, items=items))


def _workload(refusal: Refusal) -> structs.RefusedWorkload:
    return structs.RefusedWorkload(
        namespace=refusal.namespace,
        workload=structs.ObjectName(kind=refusal.workload.kind, name=refusal.workload.name),
        refused=structs.Refused(
            now=refusal.ended is None,
            maker=structs.ObjectName(kind=refusal.maker.kind, name=refusal.maker.name),
            text=refusal.text,
            first=rfc3339(refusal.first),
            last=rfc3339(refusal.last),
            count=refusal.count,
            total=refusal.total,
        ),
    )
