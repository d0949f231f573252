"""The versioned JSON of what could not be read or evaluated, as it can be put into a report."""

from collections.abc import Iterable
from typing import Final

from podtimeline.quarantine import Fault
from podtimeline.render import structs
from podtimeline.render.document import API_VERSION, Document, plain

FAULTS_KIND: Final = "FaultList"


def faults_document(faults: Iterable[Fault]) -> Document:
    """Each kind of failure with where it was first found."""
    made = structs.FaultList(api_version=API_VERSION, kind=FAULTS_KIND, items=[_fault(each) for each in faults])
    return plain(made)


def _fault(fault: Fault) -> structs.Fault:
    return structs.Fault(
        step=fault.step,
        subject=fault.subject,
        error=fault.error,
        where=fault.where,
        sample=fault.sample,
        count=fault.count,
    )
