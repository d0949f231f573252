"""An intake that joins what it is told into timelines, and remembers the calls: the port, without a tracker."""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tests.support.waiting import Changes

from podtimeline.model.milestones import MilestoneKey
from podtimeline.model.observations import Observation
from podtimeline.model.pods import Owner
from podtimeline.model.storage import StorageNews
from podtimeline.model.timeline import Timeline, apply
from podtimeline.model.workloads import WorkloadNews
from podtimeline.ports import Intake, Mismatch, PodReference, Stream, Versions


@dataclass(frozen=True, slots=True)
class Listing:
    """One call of ``listed``."""

    uids: frozenset[str]
    version: str
    namespace: str | None = None


@dataclass(slots=True)
class RecordingIntake(Intake):
    """Implements ``ports.Intake``."""

    timelines: dict[str, Timeline] = field(default_factory=dict)
    taken: list[tuple[str, Observation]] = field(default_factory=list)
    referred: list[PodReference] = field(default_factory=list)
    mismatches: Counter[tuple[Stream, Mismatch]] = field(default_factory=Counter)
    named: list[tuple[str, str, Owner, int]] = field(default_factory=list)
    listings: list[Listing] = field(default_factory=list)
    news: list[StorageNews] = field(default_factory=list)
    workloads: list[WorkloadNews] = field(default_factory=list)
    selectors: list[str | None] = field(default_factory=list)
    """Where Services were said to have changed."""
    changes: Changes = field(default_factory=Changes)

    def known(self, uid: str) -> AbstractSet[MilestoneKey] | None:
        """See ``ports.Intake``."""
        timeline = self.timelines.get(uid)
        return None if timeline is None or timeline.facts is None else timeline.from_status

    def name_of(self, uid: str) -> str | None:
        """See ``ports.Intake``."""
        timeline = self.timelines.get(uid)
        facts = None if timeline is None else timeline.facts
        return None if facts is None else f"{facts.namespace}/{facts.name}"

    def labels(self, uid: str) -> tuple[tuple[str, str], ...] | None:
        """See ``ports.Intake``."""
        timeline = self.timelines.get(uid)
        if timeline is None or timeline.facts is None:
            return None
        return timeline.facts.labels if timeline.labelled is None else timeline.labelled.labels

    def take(self, uid: str, observations: Sequence[Observation], *, arrived: int) -> None:
        """See ``ports.Intake``."""
        timeline = self.timelines.setdefault(uid, Timeline(uid))
        for observation in observations:
            self.taken.append((uid, observation))
            apply(timeline, observation)
        self.changes.notify()

    def refer(self, pod: PodReference, observations: Sequence[Observation], *, stream: Stream, arrived: int) -> None:
        """See ``ports.Intake``; whether the reference agrees with the pod is not looked at."""
        self.referred.append(pod)
        self.take(pod.uid, observations, arrived=arrived)

    def mismatched(self, stream: Stream, mismatch: Mismatch, count: int = 1) -> None:
        """See ``ports.Intake``."""
        self.mismatches[stream, mismatch] += count
        self.changes.notify()

    def created_by_event(self, namespace: str, name: str, owner: Owner, *, at: int, observed: int) -> None:
        """See ``ports.Intake``."""
        self.named.append((namespace, name, owner, at))
        self.changes.notify()

    def storage(self, news: StorageNews, *, arrived: int) -> None:
        """See ``ports.Intake``."""
        self.news.append(news)
        self.changes.notify()

    def workload(self, news: WorkloadNews, *, arrived: int) -> None:
        """See ``ports.Intake``."""
        self.workloads.append(news)
        self.changes.notify()

    def services_changed(self, namespace: str | None) -> None:
        """See ``ports.Intake``."""
        self.selectors.append(namespace)
        self.changes.notify()

    def listed(self, uids: AbstractSet[str], *, version: str, arrived: int, namespace: str | None = None) -> None:
        """See ``ports.Intake``."""
        self.listings.append(Listing(frozenset(uids), version, namespace))
        self.changes.notify()

    def of(self, uid: str, kind: type[Observation]) -> list[Observation]:
        """What was told of one pod, of one kind."""
        return [each for told, each in self.taken if told == uid and type(each) is kind]


@dataclass(slots=True)
class KeptVersions(Versions):
    """Implements ``ports.Versions`` in memory."""

    versions: dict[Stream, str | None] = field(default_factory=dict)

    def version(self, stream: Stream) -> str | None:
        """See ``ports.Versions``."""
        return self.versions.get(stream)

    def reached(self, stream: Stream, version: str | None) -> None:
        """See ``ports.Versions``."""
        self.versions[stream] = version


@dataclass(slots=True)
class SteppingClock:
    """A clock that goes on by a microsecond each time it is read, and by more when a test says so."""

    at: int = 1_790_000_000_000_000_000

    def now(self) -> int:
        """See ``ports.Clock``."""
        self.at += 1000
        return self.at
