"""Events, from the bytes of their list and watch to what they say, each about the object that it may speak of."""

from collections.abc import Sequence

from msgspec.json import Decoder

from podtimeline.bounded import Losses
from podtimeline.kube.feed import Feed
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import WatchEvent
from podtimeline.model.observations import Observation
from podtimeline.model.pods import Owner
from podtimeline.ports import Intake, Mismatch, PodReference, Stream
from podtimeline.sources.events.decode import event_observations
from podtimeline.sources.events.event import Event, mismatch, pod_of
from podtimeline.sources.events.reboots import CHANGED, Reboots
from podtimeline.sources.events.volumes import REASONS as OF_VOLUMES
from podtimeline.sources.events.volumes import claim_words, volume_observations
from podtimeline.sources.events.waiting import REASONS as WAITING
from podtimeline.sources.events.waiting import waiting_observations
from podtimeline.sources.events.workloads import REASONS as OF_WORKLOADS
from podtimeline.sources.events.workloads import created_pod, workload_news
from podtimeline.sources.texts import custom_group

EVENTS = Resource(name=Stream.EVENTS.value, without="why a pod waits, and times that only Events report")
_KINDS = frozenset({"Pod", "Node", "PersistentVolumeClaim"})
"""The kinds whose Events are read whatever they say."""


class EventFeed(Feed[Event]):
    """Events of pods, of what they are made of, and of the controllers that create them.

    They expire: what a listing does not show any more happened all the same.
    """

    def __init__(self, intake: Intake, losses: Losses | None = None, *, namespace: str | None = None) -> None:
        """``losses`` counts what it has no room for."""
        super().__init__(Collection(EVENTS, namespace), Decoder(Event), Decoder(WatchEvent[Event]))
        self.resumable = namespace is None
        self._intake = intake
        self._reboots = Reboots(Losses() if losses is None else losses)

    def _seen(self, seen: Event, *, arrived: int, live: bool, listing: bool) -> None:
        if seen.involved_object.kind in _KINDS or seen.reason in OF_WORKLOADS:
            found = mismatch(seen)
            if found is None:
                self._about(seen, arrived)
            else:
                self._intake.mismatched(Stream.EVENTS, found)

    def _about(self, seen: Event, arrived: int) -> None:
        match seen.involved_object.kind:
            case "Pod":
                self._of_pod(seen, pod_of(seen), arrived)
            case "Node":
                self._reboot(seen, arrived)
            case "PersistentVolumeClaim":
                said = claim_words(seen, arrived=arrived)
                if said is not None:
                    self._intake.storage(said, arrived=arrived)
            case _:
                self._of_workload(seen, arrived)

    def _of_workload(self, seen: Event, arrived: int) -> None:
        created = created_pod(seen, arrived=arrived)
        if created is not None:
            (name, at), about = created, seen.involved_object
            owner = Owner(about.kind, about.name, about.uid, custom_group(about.api_version))
            self._intake.created_by_event(about.namespace, name, owner, at=at, observed=arrived)
            return
        news = workload_news(seen, arrived=arrived)
        if news is not None:
            self._intake.workload(news, arrived=arrived)

    def _of_pod(self, seen: Event, pod: PodReference, arrived: int) -> None:
        if seen.reason in WAITING:
            for each, told in waiting_observations(seen, arrived=arrived, name_of=self._intake.name_of):
                if each.namespace == pod.namespace:
                    self._refer(each, told, arrived)
                else:
                    self._intake.mismatched(Stream.EVENTS, Mismatch.NAMESPACE)
            return
        read = volume_observations if seen.reason in OF_VOLUMES else event_observations
        said = read(seen, arrived=arrived)
        if said:
            self._refer(pod, said, arrived)
        if seen.reason == CHANGED:
            self._reboot(seen, arrived)

    def _reboot(self, seen: Event, arrived: int) -> None:
        for pod, befell in self._reboots.read(seen, arrived=arrived):
            self._refer(pod, (befell,), arrived)

    def _refer(self, pod: PodReference, said: Sequence[Observation], arrived: int) -> None:
        self._intake.refer(pod, said, stream=Stream.EVENTS, arrived=arrived)

    def _gone(self, seen: Event, *, arrived: int, live: bool) -> None:
        """An Event's expiry, after an hour, says nothing."""
