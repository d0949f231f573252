"""The versioned JSON of what could not be read or evaluated, as it can be put into a report."""

from collections.abc import Iterable

from podtimeline.quarantine import Fault
from podtimeline.render.document import API_VERSION, Document

FAULTS_KIND = "FaultList"


def faults_document(faults: Iterable[Fault]) -> Document:
    """Each kind of failure with where it was first found."""
    return {"apiVersion": API_VERSION, "kind": FAULTS_KIND, "items": [_fault(each) for each in faults]}


def _fault(fault: Fault) -> Document:
    return {
        "step": fault.step.value,
        "subject": fault.subject,
        "error": fault.error,
        "where": fault.where,
        "sample": fault.sample,
        "count": fault.count,
    }
