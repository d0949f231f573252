"""Lives that show what a start alone does not: the request before it, runs that end, and the way back."""

from tests.render.samples import DEPLOYMENT
from tests.support.lives import WEB, Life, at, facts, in_second, named, ordinary, watched

from podtimeline.model.instants import SECOND, Source, exactly
from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Cause, DeletionCause, Incident, IncidentKind, Leaves, Owned, Ran, Skewed
from podtimeline.model.pods import ContainerKind, ContainerSpec, Owner, VolumeSpec

HOOKED = ContainerSpec(
    "web", ContainerKind.MAIN, "registry.test/web:1", readiness_probe=WEB.readiness_probe, pre_stop=True
)


def evicted() -> Life:
    """A pod that was ready, is evicted, does not mind SIGTERM, and is sent traffic after it was killed."""
    life = ordinary(facts(HOOKED, name="checkout-7d9c5b6f4-evict"))
    life.told.append(Owned("uid-1", DEPLOYMENT))
    life.saw(Milestone.DELETION_REQUESTED, watched(20), in_second(20, Source.FIELD))
    life.told.append(DeletionCause("uid-1", Cause.DRAIN, "Eviction API: evicting, node node-1 is cordoned"))
    life.told.append(Leaves("uid-1", 10, ("shop.test/ledger",)))
    life.saw(Milestone.KILLING, named(20.4), subject="web")
    life.noted("FailedPreStopHook", 25.5, "PreStopHook failed", subject="web")
    life.told.append(Ran("uid-1", "web", 0, at(3) // SECOND * SECOND, at(30) // SECOND * SECOND, 137, "Error"))
    life.saw(Milestone.FINISHED, in_second(30.1, Source.FIELD), watched(30.9), subject="web")
    life.saw(Milestone.ENDPOINT_TERMINATING, watched(31.5), subject="shop/web/web-x1")
    life.saw(Milestone.ENDPOINT_REMOVED, watched(32), subject="shop/web/web-x1")
    life.saw(Milestone.RELEASED, watched(33.1))
    return life.saw(Milestone.OBJECT_REMOVED, watched(36.4))


def ordinal() -> Life:
    """The second pod of a StatefulSet, with a claim: it waits for the first one, then for its volume."""
    pod = facts(
        WEB,
        name="ledger-1",
        owner=Owner("StatefulSet", "ledger", "s-1"),
        volumes=(VolumeSpec("data", "persistentVolumeClaim", "data-ledger-1"),),
    )
    life = Life().described(pod)
    life.saw(Milestone.ROLLOUT_STARTED, exactly(Source.WATCH, at(-31), observed=at(-31)))
    life.saw(Milestone.PREDECESSOR_READY, watched(-0.1), detail="ledger-0")
    life.saw(Milestone.CREATED, named(0.01), in_second(0, Source.FIELD), watched(0.02))
    life.saw(Milestone.SCHEDULED, watched(0.09), detail="node-2")
    life.saw(Milestone.KUBELET_ADMITTED, in_second(0, Source.FIELD), watched(0.2))
    life.saw(Milestone.ATTACHED, watched(6.2), subject="data", detail="pvc-81")
    life.saw(Milestone.LAST_MOUNT_FAILURE, named(8.3))
    text = 'MountVolume.SetUp failed for volume "pvc-81": rpc error: code = Internal desc = fsck found errors'
    life.noted("FailedMount", 8.3, text, count=3)
    life.saw(Milestone.IP_ASSIGNED, watched(12), detail="10.0.0.7")
    announced = exactly(Source.EVENT_NAME, at(12), observed=at(12.01))
    return life.saw(Milestone.PULL_STARTED, announced, subject="web")


def looping() -> Life:
    """A pod that runs out of memory twice before it is ready, flaps later, on a node whose clock is ahead."""
    life = ordinary(facts(name="checkout-7d9c5b6f4-loops"))
    for run, (started, finished) in enumerate(((3, 4), (5, 7))):
        life.told.append(Ran("uid-1", "web", run, at(started), at(finished), 137, "OOMKilled"))
    life.told.append(Ran("uid-1", "web", 2, at(17)))
    life.told = [each for each in life.told if "ready" not in str(each).partition("evidence")[0]]
    life.saw(Milestone.LAST_STARTED, in_second(17, Source.FIELD), watched(17.9), subject="web")
    for milestone, subject in (("container_ready", "web"), ("containers_ready", ""), ("ready", "")):
        life.saw(Milestone(milestone), watched(19), subject=subject)
    life.noted("BackOff", 9, "Back-off restarting failed container web in pod checkout", subject="web", count=4)
    life.told.append(Incident("uid-1", IncidentKind.NOT_READY, at(41), "ContainersNotReady"))
    life.told.append(Incident("uid-1", IncidentKind.READY_AGAIN, at(44)))
    life.told.append(Skewed("uid-1", SECOND, 3 * SECOND // 2, at(200), at(260)))
    return life
