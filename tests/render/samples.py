"""Timelines to draw: what happens to pods in real clusters, told through the core."""

from tests.support.documents import received, received_rollout
from tests.support.fleets import NEW, rolling_update
from tests.support.lives import (
    EPOCH,
    INIT,
    PROXY,
    WEB,
    Life,
    at,
    container_start,
    facts,
    in_second,
    named,
    ordinary,
    watched,
)
from tests.support.many import many

from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.analysis.rollout import rollout
from podtimeline.cli.client import read
from podtimeline.model.instants import SECOND, Source, happened
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Ended, Flagged, Noted, Owned, Partial, Ran
from podtimeline.model.pods import ContainerKind, ContainerSpec, Owner, Probe
from podtimeline.render.document import document
from podtimeline.render.structs import MemberDocument, PodTimelineDocument, RolloutDocument

DEPLOYMENT = (Owner("ReplicaSet", "checkout-7d9c5b6f4", "rs-1"), Owner("Deployment", "checkout", "d-1"))


def seen(life: Life, *, now: float = 60) -> ResolvedTimeline:
    """What the life looks like ``now`` seconds after the epoch of the tests."""
    found = view(life.timeline(), now=at(now))
    assert found is not None
    return found


def drawn(life: Life, *, now: float = 60) -> PodTimelineDocument:
    """The life as a terminal receives it."""
    return read(received(document(seen(life, now=now))), PodTimelineDocument)


def quick(name: str = "checkout-7d9c5b6f4-x2x7k", uid: str = "uid-1") -> Life:
    """An ordinary pod of a Deployment."""
    life = ordinary(facts(name=name, uid=uid))
    life.uid = uid
    life.told.append(Owned("uid-1", DEPLOYMENT))
    return life


def unschedulable() -> Life:
    """A pod that no node takes, still waiting."""
    life = Life().described(facts(name="giant-0", owner=Owner("StatefulSet", "giant", "s-1")))
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    text = (
        "0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {node-role.kubernetes.io/"
        "control-plane: }. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )
    life.saw(Milestone.FIRST_UNSCHEDULABLE, watched(0.1)).saw(Milestone.LAST_UNSCHEDULABLE, watched(41.5))
    return life.noted("FailedScheduling", 0.1, text, count=4)


def crowded() -> Life:
    """A pod with an init container, a sidecar and two main containers; its readiness fails for a while."""
    slow = ContainerSpec(
        "worker-with-a-long-name", ContainerKind.MAIN, "registry.test/worker:1", readiness_probe=Probe()
    )
    life = Life().described(facts(INIT, PROXY, WEB, slow, name="checkout-7d9c5b6f4-zzzzz"))
    life.told.append(Owned("uid-1", DEPLOYMENT))
    life.saw(Milestone.CREATED, named(0.01), in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.09), in_second(0), detail="node-2")
    life.saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD), watched(0.2))
    life.saw(Milestone.IP_ASSIGNED, watched(3.4), detail="10.0.0.9")
    container_start(life, "migrate", 1.0)
    life.saw(Milestone.FINISHED, in_second(7.3, Source.FIELD), watched(8.4), subject="migrate")
    container_start(life, "proxy", 8.5)
    life.saw(Milestone.STARTUP_PROBE_PASSED, watched(12.5), subject="proxy")
    container_start(life, "web", 12.7)
    container_start(life, slow.name, 15.0)
    life.saw(Milestone.STARTUP_PROBE_PASSED, watched(17.5), subject="web")
    life.saw(Milestone.STARTUP_PROBE_PASSED, watched(17.6), subject=slow.name)
    life.saw(Milestone.CONTAINER_READY, watched(19), subject="web")
    life.saw(Milestone.CONTAINER_READY, watched(31), subject=slow.name)
    refused = (
        "Readiness probe failed: Get http://10.0.0.9:8080/ready: dial tcp 10.0.0.9:8080: connect: connection refused"
    )
    life.noted("Unhealthy", 18, refused, subject=slow.name, count=6).noted("Unhealthy", 29, refused, subject=slow.name)
    life.saw(Milestone.CONTAINERS_READY, in_second(31), watched(31))
    life.saw(Milestone.READY, in_second(31), watched(31))
    life.selected("shop/checkout", "shop/checkout-admin")
    return life.saw(Milestone.ENDPOINT_READY, watched(31.1), subject="shop/checkout/checkout-x1")


def unseen() -> Life:
    """A pod that was running before the operator looked, with a clock that is wrong."""
    life = Life().described(facts(name="old-1", owner=None))
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD))
    life.saw(Milestone.SCHEDULED, in_second(1), detail="node-1")
    life.saw(Milestone.KUBELET_ADMITTED, in_second(1, Source.FIELD))
    life.saw(Milestone.STARTED, in_second(5, Source.FIELD), subject="web")
    life.saw(Milestone.CONTAINER_READY, happened(at(50)), subject="web")
    life.saw(Milestone.CONTAINERS_READY, in_second(3))
    life.saw(Milestone.READY, in_second(3))
    life.told.append(Flagged("uid-1", Partial.LISTED))
    return life


def failed() -> Life:
    """A Job's pod that crashes."""
    pod = facts(
        ContainerSpec("import", ContainerKind.MAIN, "registry.test/import:1"),
        name="import-28f7k",
        owner=Owner("Job", "import", "j-1"),
        run_to_completion=True,
    )
    life = Life().described(pod)
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.09), detail="node-1")
    life.saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD), watched(0.2))
    life.saw(Milestone.IP_ASSIGNED, watched(3.4), detail="10.0.0.7")
    container_start(life, "import", 1.0)
    life.saw(Milestone.FINISHED, in_second(9, Source.FIELD), watched(9.9), subject="import")
    life.told.append(Ran("uid-1", "import", 3, None, None, 1, "Error"))
    life.told.append(Noted("uid-1", "BackOff", "import", "back-off 20s restarting failed container", at(8), 4))
    life.told.append(Ended("uid-1", succeeded=False, reason="BackoffLimitExceeded", text="it was tried 4 times"))
    return life


def limited() -> Life:
    """A pod of forty containers, of whose starts the kubelet could report the first eight."""
    life = many()
    life.told.append(Owned("uid-1", DEPLOYMENT))
    return life


def fleet(count: int = 6) -> list[PodTimelineDocument]:
    """Pods of one rollout, each later and slower than the one before, the last one still starting."""
    drawn_pods = []
    for number in range(count):
        pod = facts(
            name=f"checkout-7d9c5b6f4-{number:05d}", uid=f"uid-{number}", created_second=EPOCH + number * SECOND
        )
        life = Life().described(pod)
        life.told.append(Owned("uid-1", DEPLOYMENT))
        begin = number * 1.5
        life.saw(Milestone.CREATED, watched(begin))
        life.saw(Milestone.SCHEDULED, watched(begin + 0.1), detail=f"node-{number % 2 + 1}")
        life.saw(Milestone.KUBELET_ADMITTED, watched(begin + 0.2 + number))
        life.saw(Milestone.IP_ASSIGNED, watched(begin + 3.4 + number), detail="10.0.0.7")
        container_start(life, "web", begin + 1 + number)
        if number < count - 1:
            life.saw(Milestone.CONTAINER_READY, watched(begin + 6 + 2 * number), subject="web")
            life.saw(Milestone.CONTAINERS_READY, watched(begin + 6 + 2 * number))
            life.saw(Milestone.READY, watched(begin + 6 + 2 * number))
        drawn_pods.append(drawn(life, now=26))
    return drawn_pods


def replaced() -> RolloutDocument[MemberDocument]:
    """A rolling update of two pods."""
    views = rolling_update()
    found = rollout(views, revision=NEW, now=at(600))
    assert found is not None
    return read(received_rollout(found, views, now=600), RolloutDocument[MemberDocument])
