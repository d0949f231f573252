"""Pods, from the bytes of their list and watch to what they say of each pod's way."""

from msgspec.json import Decoder

from podtimeline.kube.feed import DELETED, LISTED, Feed, Identified
from podtimeline.kube.indexer import Listing, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import Metadata, WatchEvent
from podtimeline.model.instants import Source, just_after
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Described, Flagged, Labelled, Observation, Partial, Witnessed
from podtimeline.model.pods import PodFacts
from podtimeline.ports import Intake, Stream
from podtimeline.sources.pods.decode import pod_observations
from podtimeline.sources.pods.scheduling import Gates, Tainted, read_taints
from podtimeline.sources.pods.specs import pod_labels
from podtimeline.sources.pods.wire import Pod
from podtimeline.sources.texts import stated_moment

PODS = Resource(name=Stream.PODS.value, without="everything")


class PodFeed(Feed[Pod]):
    """Pods. ``first`` says why what the first listing shows was not observed before."""

    def __init__(
        self,
        intake: Intake,
        nodes: Tainted | None = None,
        *,
        namespace: str | None = None,
        first: Partial = Partial.LISTED,
    ) -> None:
        super().__init__(Collection(PODS, namespace), Decoder(Pod), Decoder(WatchEvent[Pod]))
        # A saved version is of all namespaces: which are followed may have changed since it was saved.
        self.resumable = namespace is None
        self._intake = intake
        self._nodes = nodes
        self._unobserved = first
        self._gates = Gates()
        self._listing = Listing()

    def begin(self) -> None:
        """See ``Feed.begin``."""
        self._listing.begin()

    def end(self, version: str, *, arrived: int) -> None:
        """Pods that neither the listing nor a watch has shown since it began are gone: the tracker knows which."""
        listed = frozenset(self._listing.end().values())
        self._unobserved = Partial.GAP
        self._gates.keep(listed)
        self._intake.listed(listed, version=version, arrived=arrived, namespace=self.namespace)

    def _seen(self, seen: Pod, *, arrived: int, live: bool, listing: bool) -> None:
        uid = seen.metadata.uid
        if self._listing.open and not self._shows(seen.metadata, uid, listing=listing):
            return
        known = self._intake.known(uid)
        said = pod_observations(seen, arrived=arrived, live=live, known=known)
        if known is None or _SCHEDULED not in known:
            said += self._gates.read(seen, arrived=arrived, live=live, known=known)
            if self._nodes is not None:
                said += read_taints(seen, self._nodes, arrived=arrived)
        if known is not None:
            labels, held = pod_labels(seen), self._intake.labels(uid)
            if labels is not held and held is not None and labels != held:
                said.append(Labelled(uid, labels, arrived))
        if said:
            if not live:
                self._flag(uid, said, new=known is None, listing=listing)
            self._intake.take(uid, said, arrived=arrived)

    def _shows(self, shown: Identified, uid: str | None, *, listing: bool) -> bool:
        """While a listing is read: whether an object that is shown, or is gone (``None``), is news."""
        key = ObjectKey(shown.namespace, shown.name)
        if listing and uid is not None:
            return self._listing.listed(key, uid)
        self._listing.watched(key, uid)
        return True

    def _gone(self, seen: Pod, *, arrived: int, live: bool) -> None:
        uid = seen.metadata.uid
        if self._listing.open:
            self._shows(seen.metadata, None, listing=False)
        known = self._intake.known(uid)
        said = pod_observations(seen, arrived=arrived, live=live, known=known, removed=True)
        self._gates.forget(uid)
        if not live:
            self._flag(uid, said, new=known is None, listing=False)
        if said:
            self._intake.take(uid, said, arrived=arrived)

    def _flag(self, uid: str, said: list[Observation], *, new: bool, listing: bool) -> None:
        if any(type(each) in _FACTS for each in said):
            said.append(Flagged(uid, self._unobserved if new and listing else Partial.GAP))

    def _unreadable(self, kind: str, head: Metadata, *, arrived: int) -> None:
        if not head.uid:
            return
        # It exists, whatever else it is: the end of the listing must not take it for vanished.
        self._shows(head, None if kind == DELETED else head.uid, listing=kind == LISTED)
        said: list[Observation] = [Flagged(head.uid, Partial.MALFORMED)]
        if self._intake.known(head.uid) is None:
            said += _described(head)
        if kind == DELETED:
            self._gates.forget(head.uid)
            said.append(Witnessed(head.uid, _REMOVED, (just_after(Source.WATCH, arrived, observed=arrived),)))
        self._intake.take(head.uid, said, arrived=arrived)


def _described(head: Metadata) -> list[Observation]:
    """What is known of a pod of which nothing but its identity can be read."""
    created = stated_moment(head.creation_timestamp)
    if created is None:
        return []
    return [Described(head.uid, PodFacts(head.uid, head.namespace, head.name, created, None, ()))]


_FACTS = frozenset({Witnessed, Described})
_REMOVED = MilestoneKey(Milestone.OBJECT_REMOVED)
_SCHEDULED = MilestoneKey(Milestone.SCHEDULED)
