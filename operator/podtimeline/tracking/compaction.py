"""Pods that rest are packed into bytes; what of them need not be said again stays known without unpacking."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Observation, Witnessed
from podtimeline.model.state import State, load
from podtimeline.model.timeline import Timeline
from podtimeline.tracking.records import Codec, Tracked

_MAX_SHAPES = 10_000


class Compaction:
    """Packs records and unpacks them; sets of known marks are shared, as most pods of a workload have the same."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._shapes: dict[AbstractSet[MilestoneKey], AbstractSet[MilestoneKey]] = {}

    def timeline(self, record: Tracked) -> Timeline:
        """The record's timeline, which a packed record does not keep."""
        return record.timeline if record.timeline is not None else self.unpacked(record.uid, record.blob)

    def unpacked(self, uid: str, blob: bytes | None) -> Timeline:
        """The timeline that a packed record stands for; of any thread."""
        if blob is None:
            raise AssertionError(f"the record of {uid} holds neither a timeline nor its packed state")
        return load(self._codec.unpack(blob))

    def wake(self, record: Tracked, timeline: Timeline) -> None:
        """From now on the record holds its timeline."""
        record.timeline, record.blob = timeline, None
        record.known = timeline.from_status

    def rest(self, record: Tracked, state: State, blob: bytes | None = None) -> None:
        """From now on the record holds only ``blob``, the packed ``state``."""
        record.timeline, record.blob = None, self._codec.pack(state) if blob is None else blob
        if len(self._shapes) > _MAX_SHAPES:
            self._shapes.clear()
        known = _said(state)
        record.known = self._shapes.setdefault(known, known)


def nothing_new(record: Tracked, observations: Sequence[Observation]) -> bool:
    """Whether a record that rests need not be unpacked: every change of a slice tells all its addresses again."""
    known = record.known or frozenset()
    return all(
        type(each) is Witnessed and each.mark.milestone is Milestone.ENDPOINT_READY and each.mark in known
        for each in observations
    )


def _said(state: State) -> frozenset[MilestoneKey]:
    """What need not be said again of a pod that rests: by its own status, and by slices that hold its address."""
    addresses = (mark for mark, _ in state.evidence if mark.milestone is Milestone.ENDPOINT_READY)
    return frozenset(state.from_status).union(addresses)
