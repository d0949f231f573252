"""What a version of a pod that is to be deleted says: since when, with what grace, held by what, and by whom. Pure."""

from collections.abc import Iterable

from podtimeline.kube.metav1 import Condition
from podtimeline.model.instants import SECOND, Evidence, Source, not_before, within_second
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Blamed, Cause, Leaves
from podtimeline.sources.pods.reading import Reading
from podtimeline.sources.texts import moment, possible, until

_ASKED = Mark(Milestone.DELETION_REQUESTED)
_RELEASED = Mark(Milestone.RELEASED)
_REMOVED = Mark(Milestone.OBJECT_REMOVED)
_SHORTEST = 1
"""The grace, in seconds, that a request is given which shortens it to what has passed already."""
_DISRUPTIONS = {
    "PreemptionByScheduler": Cause.PREEMPTION,
    "DeletionByTaintManager": Cause.TAINT,
    "EvictionByEvictionAPI": Cause.EVICTION,
    "DeletionByPodGC": Cause.POD_GC,
    "TerminationByKubelet": Cause.NODE_PRESSURE,
}
"""Reasons of the condition DisruptionTarget, which is set before the deletion is asked for (corev1, KEP-3329)."""


def read_departure(reading: Reading, *, removed: bool) -> None:
    """Say what the version tells of the pod's deletion; ``removed`` is for the last version, of a DELETED event."""
    metadata, known = reading.pod.metadata, reading.known
    new = _ASKED not in known
    if new:
        grace = metadata.deletion_grace_period_seconds
        reading.witness(_ASKED, _asked(reading, metadata.deletion_timestamp, grace))
        reading.said.append(Leaves(reading.uid, grace, tuple(metadata.finalizers or ())))
    _blame(reading, reading.pod.status.conditions or (), new=new)
    if removed:
        if _REMOVED not in known:
            reading.witness(_REMOVED, _last_request(reading))
    elif metadata.deletion_grace_period_seconds == 0 and metadata.finalizers and _RELEASED not in known:
        reading.witness(_RELEASED, _second(reading, metadata.deletion_timestamp))


def _asked(reading: Reading, stamp: str | None, grace: int | None) -> Evidence | None:
    if stamp is None or grace is None:
        return None
    if not reading.live and grace <= _SHORTEST:
        # A grace that was shortened moves the stamp to the moment of that (registry/rest/delete.go, BeforeDelete).
        return until(Source.FIELD, stamp, reading.arrived)
    # The API server adds the grace to the time of day: with a grace of centuries its sum wraps around.
    asked = possible(moment(stamp) - grace * SECOND)
    return None if asked is None else within_second(Source.FIELD, asked, observed=reading.arrived)


def _last_request(reading: Reading) -> Evidence | None:
    """The request that ended the grace, of the kubelet or whoever did it by force, came before the removal."""
    metadata = reading.pod.metadata
    if metadata.deletion_timestamp is None or metadata.deletion_grace_period_seconds != 0:
        return None
    return not_before(Source.FIELD, moment(metadata.deletion_timestamp), observed=reading.arrived)


def _second(reading: Reading, stamp: str | None) -> Evidence | None:
    return None if stamp is None else within_second(Source.FIELD, moment(stamp), observed=reading.arrived)


def _blame(reading: Reading, conditions: Iterable[Condition], *, new: bool) -> None:
    for each in conditions:
        if each.type == "DisruptionTarget" and each.status == "True":
            cause = _DISRUPTIONS.get(each.reason or "")
            # The garbage collector of pods comes to those that others have asked to go.
            if cause is not None and (new or cause is Cause.POD_GC):
                reading.said.append(Blamed(reading.uid, cause, each.message or ""))
