"""The records of all pods, and what may be asked of them; who changes them is the tracker."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.evaluation import evaluated
from podtimeline.model.milestones import MilestoneKey
from podtimeline.model.timeline import Timeline
from podtimeline.quarantine import Quarantine
from podtimeline.tracking.compaction import Compaction
from podtimeline.tracking.records import Labels, Tracked
from podtimeline.tracking.survey import Survey


class Roster:
    """By uid: every record, and those of pods that start or leave. Asking changes nothing."""

    def __init__(self, compaction: Compaction, quarantine: Quarantine) -> None:
        self.quarantine = quarantine
        self._compaction = compaction
        self._records: dict[str, Tracked] = {}
        self._starting: dict[str, Tracked] = {}
        self._leaving: dict[str, Tracked] = {}
        self._failing: set[str] = set()
        """Uids of those that could not be evaluated when that was tried last."""

    def known(self, uid: str) -> AbstractSet[MilestoneKey] | None:
        """See ``ports.Intake``."""
        record = self._records.get(uid)
        return None if record is None else record.known

    def name_of(self, uid: str) -> str | None:
        """See ``ports.Intake``."""
        record = self._records.get(uid)
        return None if record is None or record.key is None else "/".join(record.key)

    def labels(self, uid: str) -> Labels | None:
        """See ``ports.Intake``."""
        record = self._records.get(uid)
        return None if record is None or record.known is None else record.labels

    def views(self, *, now: int) -> Iterator[ResolvedTimeline]:
        """Every described pod as of now, in the order in which their uids were first named."""
        for uid in tuple(self._records):
            seen = self.view(uid, now=now)
            if seen is not None:
                yield seen

    def timeline(self, uid: str) -> Timeline | None:
        """See ``enrichers.Records``."""
        record = self._records.get(uid)
        return None if record is None or record.known is None else self._compaction.timeline(record)

    def view(self, uid: str, *, now: int) -> ResolvedTimeline | None:
        """The pod's timeline as of now, ``None`` where it is not tracked or was not described."""
        timeline = self.timeline(uid)
        return None if timeline is None else evaluated(timeline, now=now, quarantine=self.quarantine)

    def idle(self) -> bool:
        """Whether no pod starts or leaves."""
        return not self._starting and not self._leaving

    def snapshot(self, uid: str) -> Timeline | None:
        """A copy of what is known of a pod; ``None`` where the store has all of it, as of a pod that rests."""
        record = self._records.get(uid)
        if record is None or record.known is None or record.timeline is None:
            return None
        return record.timeline.copy()

    def survey(self, *, unread: AbstractSet[str] = frozenset()) -> Survey:
        """Begin to look who is in which phase; the survey says which part of it may be done in another thread.

        What the pods of the namespaces ``unread`` do now is not known: they are in no phase.
        """
        starting, leaving = (
            [each for each in records.values() if each.key is None or each.key[0] not in unread]
            for records in (self._starting, self._leaving)
        )
        return Survey(starting, leaving, self._compaction, self.quarantine, failing=self._failing)
