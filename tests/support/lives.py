"""Builds the observations of a pod's life, for tests that need one."""

from dataclasses import dataclass, field

from podtimeline.model.instants import SECOND, Evidence, Source, exactly, just_after, within_second
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Described, ImagePulled, Noted, Observation, Selected, Witnessed
from podtimeline.model.pods import ContainerKind, ContainerSpec, Owner, PodFacts, Probe
from podtimeline.model.timeline import Timeline, apply

EPOCH = 1_790_000_000 * SECOND
"""The whole second in which the pods of the tests are created."""

WEB = ContainerSpec("web", ContainerKind.MAIN, "registry.test/web:1", readiness_probe=Probe())
INIT = ContainerSpec("migrate", ContainerKind.INIT, "registry.test/migrate:1")
PROXY = ContainerSpec("proxy", ContainerKind.SIDECAR, "registry.test/proxy:1", startup_probe=Probe())


def at(seconds: float) -> int:
    """The moment so many seconds after ``EPOCH``, in nanoseconds."""
    return EPOCH + round(seconds * SECOND)


def facts(*containers: ContainerSpec, uid: str = "uid-1", name: str = "web-1", **more: object) -> PodFacts:
    """A pod of the namespace ``shop`` with the given containers (one, ``WEB``, by default)."""
    base: dict[str, object] = {
        "uid": uid,
        "namespace": "shop",
        "name": name,
        "created_second": EPOCH,
        "owner": Owner("ReplicaSet", "web-abc", "rs-1"),
        "containers": containers or (WEB,),
    }
    return PodFacts(**(base | more))  # type: ignore[arg-type]


def watched(seconds: float) -> Evidence:
    """The arrival of a watch delivery."""
    return just_after(Source.WATCH, at(seconds), observed=at(seconds))


def named(seconds: float) -> Evidence:
    """The nanoseconds in an event's name, delivered 10 ms later."""
    return just_after(Source.EVENT_NAME, at(seconds), observed=at(seconds + 0.01))


def in_second(seconds: float, source: Source = Source.CONDITION) -> Evidence:
    """A one-second field that holds the second of that moment."""
    return within_second(source, at(seconds) // SECOND * SECOND, observed=at(seconds + 0.02))


@dataclass
class Life:
    """A pod's life told step by step; ``told`` are its observations in causal order."""

    uid: str = "uid-1"
    told: list[Observation] = field(default_factory=list)

    def described(self, pod: PodFacts) -> "Life":
        """The pod's spec became known."""
        self.told.append(Described(self.uid, pod))
        return self

    def saw(self, milestone: Milestone, *evidence: Evidence, subject: str = "", detail: str = "") -> "Life":
        """Evidence for one milestone."""
        self.told.append(Witnessed(self.uid, MilestoneKey(milestone, subject), evidence, detail))
        return self

    def noted(self, reason: str, seconds: float, text: str, *, subject: str = "", count: int = 1) -> "Life":
        """Words of an event."""
        self.told.append(Noted(self.uid, reason, subject, text, at(seconds), count))
        return self

    def pulled(
        self, container: str, *, pull: float, waiting: float, seconds: float = 3, size: int = 30 << 20
    ) -> "Life":
        """What the Pulled message said, in seconds and bytes."""
        said = ImagePulled(
            self.uid,
            container,
            "registry.test/web:1",
            cached=False,
            at=at(seconds),
            pull=round(pull * SECOND),
            waiting=round(waiting * SECOND),
            size=size,
        )
        self.told.append(said)
        return self

    def selected(self, *services: str) -> "Life":
        """The Services that select the pod."""
        self.told.append(Selected(self.uid, services))
        return self

    def timeline(self) -> Timeline:
        """Everything told, joined."""
        timeline = Timeline(self.uid)
        for observation in self.told:
            apply(timeline, observation)
        return timeline


ANSWER = 0.0025
"""Seconds by which the runtime's answer to ``container_start`` is taken to be later than the process: see ``order``."""


def container_start(life: Life, name: str, begin: float) -> Life:
    """Pull (2 s, one of them queued), create and start a container from ``begin`` on."""
    announced = exactly(Source.EVENT_NAME, at(begin), observed=at(begin + 0.01))
    life.saw(Milestone.PULL_STARTED, announced, subject=name)
    life.saw(Milestone.PULLED, named(begin + 2), subject=name)
    life.pulled(name, pull=1, waiting=2, seconds=begin + 2)
    life.saw(Milestone.CONTAINER_CREATED, named(begin + 2.1), subject=name)
    life.saw(Milestone.STARTED, named(begin + 2.2), in_second(begin + 2.2, Source.FIELD), subject=name)
    return life


def ordinary(pod: PodFacts | None = None) -> Life:
    """A pod of one container and one Service: created at 0.05 s, ready at 5.9 s, in its slice at 5.95 s."""
    life = Life().described(pod or facts())
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.09), in_second(0), detail="node-1")
    life.saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD), watched(0.2))
    life.saw(Milestone.INITIALIZED, in_second(0), watched(0.2))
    life.saw(Milestone.IP_ASSIGNED, watched(3.4), detail="10.0.0.7")
    container_start(life, "web", 1.0)
    life.saw(Milestone.STARTUP_PROBE_PASSED, watched(3.4), subject="web")
    life.saw(Milestone.CONTAINER_READY, watched(5.9), subject="web")
    life.saw(Milestone.CONTAINERS_READY, in_second(5.8), watched(5.9))
    life.saw(Milestone.READY, in_second(5.8), watched(5.9))
    life.selected("shop/web")
    life.saw(Milestone.ENDPOINT_READY, watched(5.95), subject="shop/web/web-x1", detail="http:8080/TCP")
    return life
