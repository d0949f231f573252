"""Volumes: claims, attachments, mounts and detachments, each in its place and under the volume's name."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import Life, at, container_start, facts, in_second, named, ordinary, watched

from podtimeline.analysis.evidence.order import resolve
from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.instants import Source, exactly, happened
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.observations import Observation
from podtimeline.model.pods import VolumeSpec
from podtimeline.model.timeline import Timeline, apply

DATA = VolumeSpec("data", "persistentVolumeClaim", "data-web-0")
LOGS = VolumeSpec("logs", "persistentVolumeClaim", "logs-web-0")
CONFIG = VolumeSpec("config", "configMap")
PV = "pvc-1"


def seen(life: Life, *, now: float = 60) -> ResolvedTimeline:
    """The view of a life."""
    resolved = view(life.timeline(), now=at(now))
    assert resolved is not None
    return resolved


def lengths(told: ResolvedTimeline) -> list[tuple[Phase, str, float]]:
    """Phases with what they belong to and their length in seconds."""
    return [(each.phase, each.subject, round(each.duration / 1e9, 3)) for each in told.phases]


def waiting(*volumes: VolumeSpec, host_network: bool = False) -> Life:
    """A pod that the kubelet has taken up at 0.2 s."""
    life = Life().described(facts(volumes=volumes or (DATA,), host_network=host_network))
    life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
    life.saw(Milestone.SCHEDULED, watched(0.1), detail="node-1")
    return life.saw(Milestone.KUBELET_ADMITTED, watched(0.2))


def attached(life: Life, seconds: float = 3) -> Life:
    """The volume's attachment is made at 0.15 s and done at ``seconds``."""
    life.saw(Milestone.ATTACH_STARTED, watched(0.15), subject="data", detail=PV)
    return life.saw(Milestone.ATTACHED, watched(seconds), subject="data", detail=PV)


def test_what_is_said_of_a_persistent_volume_is_said_of_the_pods_volume() -> None:
    """Events name the PersistentVolume: the claim tells which volume of the pod that is, before or after."""
    life = waiting().saw(Milestone.ATTACHED, named(2), subject=PV, detail=PV)
    life.noted("FailedAttachVolume", 1, "no such slot", subject=PV)
    life.saw(Milestone.CLAIM_BOUND, happened(at(0)), subject="data", detail=PV)
    told = seen(life)
    assert told.instant(Milestone.ATTACHED, "data") is not None
    assert told.instant(Milestone.ATTACHED, PV) is None
    assert [(each.reason, each.subject) for each in told.notes] == [("FailedAttachVolume", "data")]


def test_two_volumes_of_one_claim_are_both_meant() -> None:
    """A pod can name its claim twice."""
    twice = (DATA, VolumeSpec("again", "persistentVolumeClaim", "data-web-0"))
    life = waiting(*twice).saw(Milestone.ATTACHED, named(2), subject=PV)
    for name in ("data", "again"):
        life.saw(Milestone.CLAIM_BOUND, happened(at(0)), subject=name, detail=PV)
    told = seen(life)
    assert told.instant(Milestone.ATTACHED, "data") == told.instant(Milestone.ATTACHED, "again") is not None


def test_of_a_pod_with_one_claim_there_is_no_doubt() -> None:
    """The operator may not be allowed to read claims; of several nobody could tell which is meant."""
    one = waiting(DATA, CONFIG).saw(Milestone.ATTACHED, named(2), subject=PV)
    assert seen(one).instant(Milestone.ATTACHED, "data") is not None
    two = waiting(DATA, LOGS).saw(Milestone.ATTACHED, named(2), subject=PV)
    assert seen(two).instant(Milestone.ATTACHED, PV) is not None


def test_a_name_of_the_pods_own_stays() -> None:
    """A volume that is no claim's is named as the pod names it, whatever its one claim is called."""
    life = waiting(DATA, CONFIG).noted("FailedMount", 1, "configmap not found", subject="config")
    assert [each.subject for each in seen(life).notes] == ["config"]


def told_of_volumes() -> list[Observation]:
    """What three streams say of one volume."""
    life = attached(waiting()).saw(Milestone.ATTACHED, named(2.9), subject=PV, detail=PV)
    life.saw(Milestone.PROVISIONING_STARTED, watched(0.06), subject="data")
    life.saw(Milestone.CLAIM_BOUND, watched(0.08), subject="data", detail=PV)
    return (
        life.noted("FailedAttachVolume", 1, "busy", subject=PV).noted("FailedAttachVolume", 2, "b", subject="data").told
    )


@given(st.permutations(told_of_volumes()), st.lists(st.sampled_from(told_of_volumes())))
def test_the_order_in_which_volumes_are_told_of_does_not_matter(
    mixed: list[Observation], again: list[Observation]
) -> None:
    """Events, claims and attachments race each other on three streams."""
    assert view(_joined([*mixed, *again]), now=at(60)) == view(_joined(told_of_volumes()), now=at(60))


def _joined(told: Iterable[Observation]) -> Timeline:
    timeline = Timeline("uid-1")
    for each in told:
        apply(timeline, each)
    return timeline


def test_attaching_is_a_phase_of_its_own_while_it_goes_on_and_afterwards() -> None:
    """The attachment is there and not done: that is what the pod waits for."""
    life = waiting().saw(Milestone.ATTACH_STARTED, watched(0.15), subject="data", detail=PV)
    assert lengths(seen(life, now=8))[-1] == (Phase.VOLUME_ATTACH, "data", 7.8)
    done = container_start(attached(life).saw(Milestone.IP_ASSIGNED, watched(4.5)), "web", 4)
    told = lengths(seen(done))
    assert told[2:4] == [(Phase.VOLUME_ATTACH, "data", 2.8), (Phase.SANDBOX, "", 1.0)]


def test_what_is_attached_is_not_mounted_before_the_kubelet_has_reported_its_use() -> None:
    """The report comes with the node's status, up to ten seconds late: that wait is no sandbox's."""
    life = attached(waiting(DATA, LOGS)).saw(Milestone.IN_USE, watched(9), subject="data")
    life.saw(Milestone.IP_ASSIGNED, watched(10.5))
    told = seen(container_start(life, "web", 10))
    assert lengths(told)[2:5] == [
        (Phase.VOLUME_ATTACH, "data", 2.8),
        (Phase.VOLUME_REPORT, "data", 6.0),
        (Phase.SANDBOX, "", 1.0),
    ]


def test_a_volume_whose_use_was_reported_before_it_was_attached_waits_for_the_attachment() -> None:
    """The kubelet says what it needs as soon as it has the pod."""
    life = attached(waiting()).saw(Milestone.IN_USE, watched(1), subject="data")
    life.saw(Milestone.IP_ASSIGNED, watched(4.5))
    assert Phase.VOLUME_REPORT not in seen(container_start(life, "web", 4)).by_phase()


def test_a_volume_that_is_held_by_another_node_is_waited_for() -> None:
    """There is no attachment yet, only an event that says why."""
    life = waiting().noted("FailedAttachVolume", 1, "already exclusively attached", subject=PV)
    assert lengths(seen(life, now=8))[-1] == (Phase.VOLUME_ATTACH, "data", 7.8)


def test_a_volume_attached_before_is_no_part_of_the_start() -> None:
    """Another pod of the node has it, or the claim was bound long ago: known, and not waited for."""
    life = waiting().saw(Milestone.ATTACHED, watched(-500), subject="data", detail=PV)
    life.saw(Milestone.CLAIM_BOUND, watched(-600), subject="data", detail=PV)
    told = seen(container_start(life.saw(Milestone.IP_ASSIGNED, watched(1.5)), "web", 1))
    assert [each for each in told.by_phase() if each.value.startswith("volume")] == []
    assert told.instant(Milestone.ATTACHED, "data") is not None
    assert told.skew == 0


def test_mounts_lie_between_the_attachment_and_the_sandbox() -> None:
    """Nothing reports a mount that succeeded: the two sides bound it."""
    life = attached(waiting()).saw(Milestone.ATTACHED, in_second(3, Source.FIELD), subject="data")
    life.saw(Milestone.IP_ASSIGNED, watched(9.5))
    instant = resolve(container_start(life, "web", 9).timeline())[MilestoneKey(Milestone.MOUNTED)]
    assert (instant.earliest, instant.latest, instant.source) == (at(3), at(9), Source.ORDER)


def test_a_failed_mount_and_a_failed_sandbox_narrow_the_mounts() -> None:
    """The last failure is before it; the sandbox is tried only once all volumes are mounted."""
    life = attached(waiting(DATA, CONFIG)).saw(Milestone.LAST_MOUNT_FAILURE, named(4))
    life.saw(Milestone.LAST_SANDBOX_FAILURE, named(6)).saw(Milestone.LAST_SANDBOX_FAILURE, named(7))
    life.saw(Milestone.IP_ASSIGNED, watched(9.5))
    life = container_start(life, "web", 9)
    instant = resolve(life.timeline())[MilestoneKey(Milestone.MOUNTED)]
    assert (instant.earliest, instant.latest) == (at(4), at(6))
    assert lengths(seen(life))[2:5] == [
        (Phase.VOLUME_ATTACH, "data", 2.8),
        (Phase.VOLUME_MOUNT, "", 1.0),
        (Phase.SANDBOX_RETRIES, "", 5.0),
    ]


def test_a_mount_that_failed_before_the_volume_could_be_used_is_not_what_followed() -> None:
    """The kubelet tries, and says so, before it has seen the claim bound or the volume attached."""
    life = attached(waiting()).saw(Milestone.LAST_MOUNT_FAILURE, named(0.5))
    life.saw(Milestone.IN_USE, watched(6), subject="data").saw(Milestone.IP_ASSIGNED, watched(9.5))
    told = seen(container_start(life, "web", 9))
    assert Phase.VOLUME_MOUNT not in told.by_phase()
    assert (Phase.SANDBOX, "", 3.0) in lengths(told)


def test_a_pod_on_the_host_s_network_waits_for_its_volumes_all_the_same() -> None:
    """It has an address at once: its sandbox ends the wait."""
    life = waiting(CONFIG, host_network=True).saw(Milestone.IP_ASSIGNED, watched(0.2))
    life.saw(Milestone.LAST_MOUNT_FAILURE, named(2))
    assert lengths(seen(life, now=8))[-1] == (Phase.VOLUME_MOUNT, "", 7.8)
    life.saw(Milestone.SANDBOX_READY, watched(6))
    told = seen(container_start(life, "web", 5))
    assert (Phase.VOLUME_MOUNT, "", 4.8) in lengths(told)
    mounted = told.instant(Milestone.MOUNTED)
    assert mounted is not None
    assert (mounted.earliest, mounted.latest) == (at(2), at(5))


def test_a_volume_stays_attached_beside_the_way_back() -> None:
    """From the end of the last container: the object itself is gone before."""
    life = ordinary(facts(volumes=(DATA,))).saw(Milestone.DELETION_REQUESTED, watched(20))
    life.saw(Milestone.FINISHED, watched(22), subject="web").saw(Milestone.OBJECT_REMOVED, watched(23))
    life.saw(Milestone.DETACHED, watched(31), subject="data", detail=PV)
    told = seen(life)
    stretch = told.parallel[-1]
    assert (stretch.phase, stretch.subject, stretch.duration) == (Phase.VOLUME_DETACH, "data", at(31) - at(22))
    assert told.leaving[-1].end == at(23)


def test_a_pod_deleted_by_force_is_measured_from_its_removal() -> None:
    """Nothing tells when its containers ended."""
    life = ordinary(facts(volumes=(DATA,))).saw(Milestone.DELETION_REQUESTED, watched(20))
    life.saw(Milestone.OBJECT_REMOVED, watched(20)).saw(Milestone.DETACHED, watched(50), subject="data")
    assert seen(life).parallel[-1].duration == at(50) - at(20)


def test_a_volume_that_no_container_mounts_is_not_waited_for() -> None:
    """It is attached all the same, as late as it may be: the sandbox does not wait, and tells nothing of when."""
    idle = VolumeSpec("data", "persistentVolumeClaim", "data-web-0", mounted=False)
    life = attached(waiting(idle), 9)
    life.saw(Milestone.SANDBOX_READY, watched(0.9)).saw(Milestone.IP_ASSIGNED, watched(0.9))
    told = seen(life)
    assert (Phase.SANDBOX, "", 0.7) in lengths(told)
    assert Phase.VOLUME_ATTACH not in {each.phase for each in told.phases}
    assert told.instant(Milestone.MOUNTED) is None
    found = told.instant(Milestone.ATTACHED, "data")
    assert found is not None
    assert found.at == at(9)


def test_an_attachment_that_nobody_waits_for_is_not_what_the_pod_waits_for_now() -> None:
    """The sandbox is."""
    idle = VolumeSpec("data", "persistentVolumeClaim", "data-web-0", mounted=False)
    for volume, phase in ((idle, Phase.SANDBOX), (DATA, Phase.VOLUME_ATTACH)):
        life = waiting(volume).saw(Milestone.ATTACH_STARTED, watched(0.15), subject="data", detail=PV)
        assert seen(life).phases[-1].phase is phase


MODEL = VolumeSpec("model", "image", image="registry.test/models/llm")
POD_IMAGE = "image registry.test/models/llm:latest"


def pulling(*volumes: VolumeSpec, subject: str = POD_IMAGE) -> Life:
    """A pod whose kubelet announces the pull of an image at 2 s, without naming a container."""
    life = waiting(*volumes).saw(Milestone.IP_ASSIGNED, watched(1))
    return life.saw(Milestone.PULL_STARTED, exactly(Source.EVENT_NAME, at(2), observed=at(2)), subject=subject)


def test_the_image_of_a_volume_is_told_of_the_volume() -> None:
    """Under the tag that the kubelet adds, too: its pull, its failure and its words."""
    told = seen(pulling(MODEL))
    assert lengths(told)[-1] == (Phase.IMAGE_PULL, "volume model", 58.0)
    failing = seen(pulling(MODEL).saw(Milestone.LAST_PULL_FAILURE, named(3), subject=POD_IMAGE))
    assert lengths(failing)[-1] == (Phase.IMAGE_BACKOFF, "volume model", 58.0)
    life = pulling(MODEL).saw(Milestone.PULLED, named(9), subject=POD_IMAGE)
    life.noted("Failed", 3, "Failed to pull image", subject=POD_IMAGE)
    whole = seen(container_start(life.pulled(POD_IMAGE, pull=6, waiting=7, seconds=9), "web", 10))
    assert [each.container for each in whole.pulls] == ["volume model", "web"]
    assert [each.subject for each in whole.notes] == ["volume model"]
    spent = {(phase, subject): length for phase, subject, length in lengths(whole)}
    assert spent[Phase.IMAGE_QUEUE, "volume model"] + spent[Phase.IMAGE_PULL, "volume model"] == 7.0
    assert not {"volume model"} & {mark.subject for mark in whole.missing}


def test_a_volume_s_image_is_not_what_the_sandbox_waits_for() -> None:
    """It is pulled once the sandbox is there."""
    life = pulling(MODEL).saw(Milestone.SANDBOX_READY, watched(1))
    assert seen(life).instant(Milestone.MOUNTED) is None
    assert list(facts(volumes=(MODEL,)).awaited) == []


def test_an_image_that_no_volume_has_stays_what_it_is() -> None:
    """Nothing of the pod is known to wait for it."""
    told = seen(pulling(MODEL, subject="image registry.test/other:1").noted("Failed", 3, "no", subject="image other"))
    assert lengths(told)[-1][:2] == (Phase.KUBELET_SYNC, "web")
    assert [each.subject for each in told.notes] == ["image other"]


def test_of_volumes_of_one_image_the_first_waited_for_it() -> None:
    """For the second one the image is there already."""
    told = seen(pulling(MODEL, VolumeSpec("again", "image", image=MODEL.image)))
    assert lengths(told)[-1][:2] == (Phase.IMAGE_PULL, "volume model")
