"""What a deletion causes, and which of several occurrences belongs to it.

A container is stopped for other reasons too, an address leaves a slice and comes back: the last occurrence counts, and
where it is not before the request to delete the pod, it is the request's effect.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from podtimeline.model.instants import Evidence, Window
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.pods import PodFacts

_ASKED = MilestoneKey(Milestone.DELETION_REQUESTED)
_EFFECTS = (Milestone.KILLING, Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED)
_BY_ARRIVAL = frozenset({Milestone.ENDPOINT_TERMINATING, Milestone.ENDPOINT_REMOVED})


def last_occurrence(mark: MilestoneKey, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The statements about the last occurrence; all of them for a milestone that a deletion does not cause.

    What one delivery of a slice says belongs together. Events come again with every listing: there the claim decides.
    """
    if mark.milestone is Milestone.KILLING:
        return (max(evidence, key=lambda each: (each.claim, each.observed)),)
    if mark.milestone in _BY_ARRIVAL:
        latest = max(each.observed for each in evidence)
        return tuple(each for each in evidence if each.observed == latest)
    return evidence


def follows(effect: Window, cause: Window) -> bool:
    """Whether nothing says that the one was before the other."""
    return effect.latest is None or cause.earliest is None or effect.latest >= cause.earliest


def effects(
    windows: Mapping[MilestoneKey, Window], told: AbstractSet[MilestoneKey]
) -> dict[MilestoneKey, tuple[MilestoneKey, ...]]:
    """The marks that the deletion caused, each with what must come before it, in causal order."""
    if _ASKED not in told:
        return {}
    caused: dict[MilestoneKey, tuple[MilestoneKey, ...]] = {}
    marks = [mark for mark in told if mark.milestone in _EFFECTS and follows(windows[mark], windows[_ASKED])]
    for mark in sorted(marks, key=lambda mark: (_EFFECTS.index(mark.milestone), mark.subject)):
        out = MilestoneKey(Milestone.ENDPOINT_TERMINATING, mark.subject)
        removed = mark.milestone is Milestone.ENDPOINT_REMOVED
        caused[mark] = (_ASKED, out) if removed and out in caused else (_ASKED,)
    return caused


def stopped(
    facts: PodFacts, windows: Mapping[MilestoneKey, Window], caused: Iterable[MilestoneKey]
) -> dict[MilestoneKey, Window]:
    """The ends of the containers that the kubelet stopped, none of them before it began to stop the container."""
    better: dict[MilestoneKey, Window] = {}
    killed = {mark.subject for mark in caused if mark.milestone is Milestone.KILLING}
    for container in facts.containers:
        end, begun = MilestoneKey(Milestone.FINISHED, container.name), MilestoneKey(Milestone.KILLING, container.name)
        if container.name in killed and end in windows and follows(windows[end], windows[begun]):
            better[end] = windows[end].raised(windows[begun].earliest)
    return better
