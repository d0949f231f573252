"""The lists of the API: a page of timelines, workloads whose pods are refused, and what could not be read."""

from collections.abc import Iterable, Sequence

from podtimeline.analysis.attribution.refused import Refusal
from podtimeline.quarantine import Fault
from podtimeline.render.moments import rfc3339
from podtimeline.render.structs import (
    API_VERSION,
    FaultDocument,
    FaultListDocument,
    Item,
    ObjectNameDocument,
    PodTimelineListDocument,
    RefusedDocument,
    RefusedWorkloadDocument,
    WorkloadListDocument,
)


def timelines_document(items: Sequence[Item], *, cursor: str | None = None) -> PodTimelineListDocument[Item]:
    """A page of documents; ``cursor`` asks for the next page and is ``None`` on the last."""
    return PodTimelineListDocument(api_version=API_VERSION, kind="PodTimelineList", items=list(items), cursor=cursor)


def workloads_document(refusals: Iterable[Refusal]) -> WorkloadListDocument:
    """Those that are refused now come first, then by the moment of the last refusal, latest first."""
    ordered = sorted(refusals, key=lambda each: (each.ended is not None, -each.last, each.namespace))
    items = [_workload(each) for each in ordered]
    return WorkloadListDocument(api_version=API_VERSION, kind="WorkloadList", items=items)


def faults_document(faults: Iterable[Fault]) -> FaultListDocument:
    """Each kind of failure with where it was first found."""
    return FaultListDocument(api_version=API_VERSION, kind="FaultList", items=[_fault(each) for each in faults])


def _workload(refusal: Refusal) -> RefusedWorkloadDocument:
    return RefusedWorkloadDocument(
        namespace=refusal.namespace,
        workload=ObjectNameDocument(kind=refusal.workload.kind, name=refusal.workload.name),
        refused=RefusedDocument(
            now=refusal.ended is None,
            maker=ObjectNameDocument(kind=refusal.maker.kind, name=refusal.maker.name),
            text=refusal.text,
            first=rfc3339(refusal.first),
            last=rfc3339(refusal.last),
            count=refusal.count,
            total=refusal.total,
        ),
    )


def _fault(fault: Fault) -> FaultDocument:
    return FaultDocument(
        step=fault.step,
        subject=fault.subject,
        error=fault.error,
        where=fault.where,
        sample=fault.sample,
        count=fault.count,
    )
