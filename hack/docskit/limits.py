"""What is kept at most, as rows of the table of limits: each value is read from the code that keeps to it."""

from collections.abc import Iterator

from podtimeline.analysis.attribution import refused as refusals
from podtimeline.analysis.attribution import scaling as requests
from podtimeline.analysis.evidence.clocks import WINDOW
from podtimeline.bounded import LOST, Kept
from podtimeline.model import bounds
from podtimeline.model.instants import SECOND
from podtimeline.model.texts import MAX_TEXT, bytes_text
from podtimeline.quarantine import MAX_KINDS, MAX_SAMPLE
from podtimeline.sources import namespaces
from podtimeline.sources.events import reboots
from podtimeline.sources.pods import templates
from podtimeline.tracking import (
    clocks,
    controllers,
    histories,
    pending_creates,
    predecessors,
    storage,
    unclaimed,
    volumes,
)
from podtimeline.tracking import refusals as refused
from podtimeline.tracking import scale_attribution as asked
from podtimeline.tracking.records import Rules

_MINE = "`limits` of the timeline"
_TEXT = f"{MAX_TEXT} characters each"


def rows() -> Iterator[tuple[str, str, str]]:
    """What is kept, how much of it, and how a cut shows."""
    yield from _of_pods()
    yield from _before_pods(Rules())
    yield from _of_workloads()
    yield from _of_volumes_and_nodes()
    yield (
        "Kinds of contained failures",
        f"{MAX_KINDS}, with a sample of {bytes_text(MAX_SAMPLE)} each",
        "`podtimeline_faults_total` counts all by step",
    )
    yield (
        "Specs that pods have in common",
        f"the {templates.MAX_TEMPLATES} used last, of at most {bytes_text(templates.MAX_TEMPLATE)} each",
        "every other spec is parsed for each of its pods",
    )
    yield "Pods, workloads, Services, nodes, claims themselves", "as many as the API server has", "not limited"


def _dropped(kept: Kept) -> str:
    """Where a store says that it dropped something, and what is not known then."""
    return f'`podtimeline_dropped_total{{store="{kept}"}}`: {LOST[kept]}'


def _for(nanoseconds: int) -> str:
    return f"{nanoseconds // SECOND} s"


def _of_pods() -> Iterator[tuple[str, str, str]]:
    yield "Text of a message", f"{MAX_TEXT} characters", "the text states its original length"
    yield "Messages about a pod", f"{bounds.MAX_NOTES}, {bytes_text(bounds.MAX_NOTES_TEXT)} of characters", _MINE
    yield "Containers, volumes or endpoints of a pod, for each milestone", str(bounds.MAX_SUBJECTS), _MINE
    yield "Containers, volumes, gates and labels of a pod's spec", f"{bounds.MAX_SUBJECTS} of each", _MINE
    yield "Services of a pod", str(bounds.MAX_SUBJECTS), _MINE
    yield "Finalizers of a pod", str(bounds.MAX_NAMES), _MINE
    yield "Runs of a container", f"the first {bounds.KEPT} and the latest", _MINE
    yield "Incidents of a kind of a pod", f"the first {bounds.KEPT} and the latest", _MINE


def _before_pods(rules: Rules) -> Iterator[tuple[str, str, str]]:
    """Beside pods that are known: what waits for them, and what is left of them."""
    orphans = f"{rules.max_orphans}, about {bytes_text(rules.max_orphan_bytes)}, {_for(rules.orphan)}"
    yield "Pods that were referred to and not seen yet", orphans, _dropped(Kept.UNKNOWN_PODS)
    named = f"{rules.max_names}, {pending_creates.MAX_SAID} of one name, {_for(rules.orphan)}"
    yield "Events that refer to a pod by name, and the pod was not seen yet", named, _dropped(Kept.POD_NAMES)
    tombs = f"{rules.max_tombstones}, {_for(rules.tombstone)}"
    yield "Pods that are gone, waiting for late Events", tombs, _dropped(Kept.DELETED_PODS)
    yield (
        "Uids of pods that are gone",
        f"{rules.max_buried}, {_for(unclaimed.BURIED)}",
        _dropped(Kept.DELETED_POD_UIDS),
    )


def _of_workloads() -> Iterator[tuple[str, str, str]]:
    yield "Requests to a workload", f"the latest {requests.MAX_REQUESTS}", _dropped(Kept.WORKLOAD_REQUESTS)
    early = f"{histories.MAX_EARLY}, {_for(histories.EARLY)}"
    yield "Events about workloads that were not seen yet", early, _dropped(Kept.WORKLOAD_EVENTS)
    pending = f"{refused.MAX_PENDING}, {_TEXT}, {_for(refused.CHAIN_WAIT)}"
    yield "Events about refused pods, waiting for their workload", pending, _dropped(Kept.REFUSED_CREATES)
    counted = f"the latest {refusals.MAX_EVENTS}"
    yield "Events about refusals of one workload", counted, _dropped(Kept.REFUSAL_EVENTS)
    yield "Newest revisions of Deployments", str(controllers.MAX_NEWEST), _dropped(Kept.DEPLOYMENT_REVISIONS)
    said = f"{controllers.MAX_SAID}, {_TEXT}, {_for(controllers.SAID)}"
    yield "Messages of controllers about deleted pods", said, _dropped(Kept.CONTROLLER_MESSAGES)
    faded = f"{controllers.MAX_GONE}, {_for(controllers.FADE)}"
    yield "Controllers that are gone, and ReplicaSets without pods", faded, _dropped(Kept.DELETED_CONTROLLERS)
    vacant = f"{asked.MAX_PLACES}, {_for(asked.VACANT)}"
    yield "Nodes of DaemonSets whose latest pod is gone", vacant, _dropped(Kept.DAEMONSET_NODES)
    stateful = f"{predecessors.MAX_GONE}, {_for(predecessors.GONE)}"
    yield "Names of StatefulSet pods that are gone", stateful, _dropped(Kept.STATEFULSET_PODS)


def _of_volumes_and_nodes() -> Iterator[tuple[str, str, str]]:
    words = f"the latest {storage.MAX_WORDS}, {bytes_text(storage.MAX_WORDS_TEXT)} of characters"
    yield "Messages about a claim or an attachment", words, f"{_dropped(Kept.CLAIM_MESSAGES)}; {_MINE}"
    rumours = f"{volumes.MAX_RUMOURS}, {_for(volumes.KEPT)}"
    yield "Claims that only Events referred to", rumours, _dropped(Kept.CLAIM_EVENTS)
    parted = f"{volumes.MAX_PARTED}, {_for(volumes.KEPT)}"
    yield "Pods that are gone, with volumes that may be attached", parted, _dropped(Kept.CLAIM_USERS)
    yield "Attachments that are over", f"{volumes.MAX_ENDED}, {_for(volumes.KEPT)}", _dropped(Kept.DETACHED_VOLUMES)
    places = f"{clocks.MAX_CLOCKS}, {_for(WINDOW)}"
    yield "Clocks of nodes, and of nodes by namespace", places, _dropped(Kept.NODE_CLOCKS)
    rebooted = f"{reboots.MAX_NODES}, {_TEXT}, {_for(reboots.KEPT)}"
    yield "Reboots of nodes", rebooted, _dropped(Kept.NODE_REBOOTS)
    changed = f"{reboots.MAX_PODS}, {_for(reboots.KEPT)}"
    yield "Changed sandboxes", changed, _dropped(Kept.SANDBOX_CHANGES)
    gone = f"{namespaces.MAX_GONE}, {_for(namespaces.KEPT)}"
    yield "Namespaces that are gone", gone, _dropped(Kept.DELETED_NAMESPACES)
