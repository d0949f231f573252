"""What is kept at most, as rows of README's table of limits: each value is read from the code that keeps to it."""

from collections.abc import Iterator

from podtimeline.analysis.attribution import refused as refusals
from podtimeline.analysis.attribution import scaling as requests
from podtimeline.model import bounds
from podtimeline.model.texts import MAX_TEXT, bytes_text
from podtimeline.quarantine import MAX_KINDS, MAX_SAMPLE
from podtimeline.sources import namespaces
from podtimeline.sources.events import reboots
from podtimeline.tracking import clocks, histories, makers, names, predecessors, storage, volumes
from podtimeline.tracking import refusals as refused
from podtimeline.tracking import requests as asked
from podtimeline.tracking.records import Rules

_MINE = "`limits` of the document, and a line in the terminal"
_DROPPED = "`podtimeline_orphans_dropped_total`"
_UNCLAIMED = "`podtimeline_unclaimed_events_total`"
_NEW = "the latest are kept"


def rows() -> Iterator[tuple[str, str, str]]:
    """What is kept, how much of it, and how a cut shows."""
    rules = Rules()
    yield "Text of a message", f"{MAX_TEXT} characters", "the text says how long it was"
    yield "Notes of a pod", f"{bounds.MAX_NOTES}, {bytes_text(bounds.MAX_NOTES_TEXT)} of characters", _MINE
    yield "Containers, volumes or endpoints of a pod, for each milestone", str(bounds.MAX_SUBJECTS), _MINE
    yield "Containers, volumes, gates and labels of a pod's spec", f"{bounds.MAX_SUBJECTS} of each", _MINE
    yield "Services of a pod", str(bounds.MAX_SUBJECTS), _MINE
    yield "Finalizers of a pod", str(bounds.MAX_NAMES), _MINE
    yield "Runs of a container", f"the first {bounds.KEPT} and the latest", _MINE
    yield "Incidents of a kind of a pod", f"the first {bounds.KEPT} and the latest", _MINE
    orphans = f"{rules.max_orphans}, about {bytes_text(rules.max_orphan_bytes)}, {rules.orphan // 10**9} s"
    yield "Pods that were named and not seen yet", orphans, _DROPPED
    named = f"{rules.max_names}, {names.MAX_SAID} of one name, {rules.orphan // 10**9} s"
    yield "Events by name whose pod was not seen yet", named, _UNCLAIMED
    yield (
        "Pods that are gone and wait for late Events",
        f"{rules.max_tombstones}, {rules.tombstone // 10**9} s",
        "history",
    )
    yield "Uids of pods that are gone", str(rules.max_buried), _NEW
    yield "Requests of a workload", str(requests.MAX_REQUESTS), _NEW
    yield "Events of workloads that were not seen yet", str(histories.MAX_EARLY), _NEW
    yield "Events of refused pods that wait for their workload", str(refused.MAX_PENDING), _NEW
    yield "Events of one workload whose refusals are counted", str(refusals.MAX_EVENTS), _NEW
    yield "Deployments whose newest revision is known", str(makers.MAX_NEWEST), _NEW
    yield "Nodes, with a namespace each, whose clock is known", str(clocks.MAX_CLOCKS), _NEW
    yield "Messages of controllers about deleted pods", str(makers.MAX_SAID), _NEW
    yield "Nodes of DaemonSets whose latest pod is known", str(asked.MAX_PLACES), _NEW
    yield "Names of StatefulSet pods that are gone", str(predecessors.MAX_GONE), _NEW
    yield "Messages about a claim or an attachment", str(storage.MAX_WORDS), _NEW
    yield "Claims that only Events have named", str(volumes.MAX_RUMOURS), _NEW
    yield "Nodes whose reboot is known", str(reboots.MAX_NODES), _NEW
    yield "Namespaces that are gone", str(namespaces.MAX_GONE), _NEW
    changed = f"{reboots.MAX_PODS} of a namespace, {reboots.MAX_NODES} namespaces"
    yield "Changed sandboxes", changed, _NEW
    yield "Kinds of contained failures", f"{MAX_KINDS}, {bytes_text(MAX_SAMPLE)} of sample each", "counted by step"
    yield "Pods, workloads, Services, nodes, claims themselves", "as many as the API server has", "not cut"
