"""A pod's volumes under one name each, and how they leave the node after the pod.

Events and VolumeAttachments know a claim's PersistentVolume, the pod's spec knows the volume. Which belongs to which is
told by the claim, at any time: so the names are put right where a timeline is read, not where it is recorded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from podtimeline.analysis.evidence.critical_path import Instants
from podtimeline.analysis.phases.spans import PhaseSpan, bounds
from podtimeline.model.instants import Instant
from podtimeline.model.milestones import MILESTONES, Milestone, MilestoneKey, Phase, Scope
from podtimeline.model.notes import joined_note
from podtimeline.model.pods import ContainerKind, PodFacts, image_subject, image_volume
from podtimeline.model.timeline import Timeline, joined_evidence

ABOUT_VOLUMES = frozenset({"FailedAttachVolume", "FailedMount", "FailedMapVolume"})
"""Reasons of a pod's Events whose subject is a volume or its PersistentVolume."""
_OF_VOLUMES = frozenset(each for each, row in MILESTONES.items() if row.scope is Scope.VOLUME)
_TOLD_BY = (Milestone.CLAIM_BOUND, Milestone.ATTACH_STARTED, Milestone.ATTACHED)
"""Milestones of a volume whose detail is its PersistentVolume."""


def named(timeline: Timeline) -> Timeline:
    """The timeline with what is said of PersistentVolumes said of the pod's volumes; itself where nothing is.

    A PersistentVolume that no claim of the pod is known to have keeps its own name.
    """
    facts = timeline.facts
    if facts is None:
        return timeline
    timeline = _with_image_volumes(timeline, facts) if facts.image_volumes else timeline
    strangers = {mark for mark in timeline.evidence if mark.milestone in _OF_VOLUMES}
    notes = {key for key in timeline.notes if key[0] in ABOUT_VOLUMES}
    if not strangers and not notes:
        return timeline
    names = _Names(timeline, facts)
    strangers = {mark for mark in strangers if names.volumes(mark.subject)}
    notes = {key for key in notes if names.volumes(key[1])}
    if not strangers and not notes:
        return timeline
    better = replace(
        timeline, evidence=dict(timeline.evidence), details=dict(timeline.details), notes=dict(timeline.notes)
    )
    for mark in sorted(strangers):
        _rename_mark(better, mark, names.volumes(mark.subject))
    for key in sorted(notes):
        _rename_note(better, key, names.volumes(key[1]))
    return better


def _with_image_volumes(timeline: Timeline, facts: PodFacts) -> Timeline:
    """The timeline with what is told of an image said of the volume that is made of it.

    The kubelet pulls for one volume after the other: of several that have one image the first has waited for it.
    """
    names = {
        image_subject(reference): image_volume(each.name)
        for each in reversed(facts.image_volumes)
        for reference in _references(each.image)
    }
    marks = [mark for mark in timeline.evidence if mark.subject in names]
    notes = [key for key in timeline.notes if key[1] in names]
    pulls = [subject for subject in timeline.pulls if subject in names]
    if not marks and not notes and not pulls:
        return timeline
    better = replace(
        timeline,
        evidence=dict(timeline.evidence),
        details=dict(timeline.details),
        notes=dict(timeline.notes),
        pulls=dict(timeline.pulls),
    )
    for mark in sorted(marks):
        _rename_mark(better, mark, [names[mark.subject]])
    for key in sorted(notes):
        _rename_note(better, key, [names[key[1]]])
    for subject in pulls:
        name = names[subject]
        better.pulls[name] = replace(better.pulls.pop(subject), container=name)
    return better


def _references(image: str) -> tuple[str, ...]:
    """How the kubelet may write the image: as the spec has it, or with the tag that it adds where there is none."""
    tagged = "@" in image or ":" in image.rpartition("/")[2]
    return (image,) if tagged else (image, f"{image}:latest")


class _Names:
    """The volumes of a pod by the names of their PersistentVolumes."""

    def __init__(self, timeline: Timeline, facts: PodFacts) -> None:
        self._own = {each.name for each in facts.volumes}
        claims = [each.name for each in facts.volumes if each.claim is not None]
        self._found: dict[str, list[str]] = {}
        for name in claims:
            volume = _persistent(timeline.details, name)
            if volume:
                self._found.setdefault(volume, []).append(name)
        # Of a pod with one claim there is no doubt, even while nobody has told what the claim is bound to.
        self._only = claims if len(claims) == 1 and not self._found else []

    def volumes(self, name: str) -> list[str]:
        """The pod's volumes that a PersistentVolume is behind; none for a name of the pod's own."""
        return [] if not name or name in self._own else self._found.get(name, self._only)


def _persistent(details: Mapping[MilestoneKey, str], volume: str) -> str:
    return next((detail for each in _TOLD_BY if (detail := details.get(MilestoneKey(each, volume), ""))), "")


def _rename_mark(timeline: Timeline, mark: MilestoneKey, names: list[str]) -> None:
    evidence, detail = timeline.evidence.pop(mark), timeline.details.pop(mark, "")
    for name in names:
        target = MilestoneKey(mark.milestone, name)
        timeline.evidence[target] = joined_evidence(target, timeline.evidence.get(target, ()), evidence)
        if detail:
            timeline.details.setdefault(target, detail)


def _rename_note(timeline: Timeline, key: tuple[str, str], names: list[str]) -> None:
    told = timeline.notes.pop(key)
    for name in names:
        target, mine = (key[0], name), replace(told, subject=name)
        held = timeline.notes.get(target)
        timeline.notes[target] = mine if held is None else joined_note(held, mine)


def detaching(facts: PodFacts, instants: Instants) -> Iterator[PhaseSpan]:
    """How long each volume stayed attached after the pod's last container had ended.

    Where nothing tells when that was, as after a deletion by force, the time since the object was removed.
    """
    begin = _ended(facts, instants)
    for volume in facts.volumes:
        end = instants.get(MilestoneKey(Milestone.DETACHED, volume.name))
        if begin is not None and end is not None and end.at >= begin.at:
            least, most = bounds(begin, end)
            yield PhaseSpan(Phase.VOLUME_DETACH, begin.at, end.at, volume.name, least, most)


def _ended(facts: PodFacts, instants: Instants) -> Instant | None:
    finished = [
        instants[mark]
        for each in facts.containers
        if each.kind is not ContainerKind.INIT and (mark := MilestoneKey(Milestone.FINISHED, each.name)) in instants
    ]
    return max(finished, key=lambda instant: instant.at, default=instants.get(MilestoneKey(Milestone.OBJECT_REMOVED)))
