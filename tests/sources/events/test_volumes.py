"""What Events say of volumes: which one, when for the last time, and what is none of a pod's business."""

from typing import Any

import msgspec
import pytest
from tests.support.objects import CREATED, CREATED_NS, event, line, stamp
from tests.support.recording import RecordingIntake
from tests.support.storage import claim_event

from podtimeline.model.instants import SECOND, Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Noted, Observation, Witnessed
from podtimeline.model.storage import ClaimNews, Words
from podtimeline.sources.events.event import Event
from podtimeline.sources.events.feed import EventFeed
from podtimeline.sources.events.volumes import claim_words, volume_observations

NAMED = CREATED_NS + 123_456_789
ARRIVED = CREATED_NS + 20 * SECOND
MOUNT_FAILURE = Mark(Milestone.LAST_MOUNT_FAILURE)


def said(reason: str, message: str, **more: Any) -> list[Observation]:
    """The observations of one Event of a pod."""
    body = event(reason, container="", message=message, **({"type": "Warning"} | more))
    return volume_observations(msgspec.convert(body, Event), arrived=ARRIVED)


def test_an_attachment_is_told_of_the_volume_that_the_text_names() -> None:
    """The PersistentVolume: which volume of the pod that is, the claim tells."""
    (told,) = said("SuccessfulAttachVolume", 'AttachVolume.Attach succeeded for volume "pvc-1" ', type="Normal")
    assert isinstance(told, Witnessed)
    assert (told.mark, told.detail) == (Mark(Milestone.ATTACHED, "pvc-1"), "pvc-1")
    assert (told.evidence[0].source, told.evidence[0].latest) == (Source.EVENT_NAME, NAMED)


@pytest.mark.parametrize(
    ("message", "volume"),
    [
        ('MountVolume.SetUp failed for volume "config" : configmap "gone" not found', "config"),
        ('MountVolume.SetUp failed for volume "keys" : secret "gone" not found', "keys"),
        ('MountVolume.MountDevice failed for volume "pvc-1" : rpc error: code = Internal desc = no', "pvc-1"),
        ("Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[], failed", "data"),
        ("Unable to attach or mount volumes: unmounted volumes=[data logs], unattached volumes=[]", ""),
    ],
)
def test_a_mount_that_failed_is_a_failure_of_the_pod_and_a_note_of_the_volume(message: str, volume: str) -> None:
    """A text about several volumes is of none in particular."""
    witnessed, noted = said("FailedMount", message)
    assert isinstance(witnessed, Witnessed)
    assert isinstance(noted, Noted)
    assert witnessed.mark == MOUNT_FAILURE
    assert (noted.reason, noted.subject, noted.text, noted.at) == ("FailedMount", volume, message, NAMED)


def test_of_several_failures_the_last_one_and_their_number_are_told() -> None:
    """The name is of the first one, the last timestamp of the last one."""
    more = {"count": 4, "firstTimestamp": CREATED, "lastTimestamp": stamp(7)}
    witnessed, noted = said("FailedMapVolume", 'MapVolume.MapPodDevice failed for volume "pvc-1" : no', **more)
    assert isinstance(witnessed, Witnessed)
    assert isinstance(noted, Noted)
    assert [each.source for each in witnessed.evidence] == [Source.EVENT_NAME, Source.EVENT_SECOND]
    assert witnessed.evidence[1].latest == CREATED_NS + 8 * SECOND - 1
    assert (noted.count, noted.first) == (4, NAMED)


@pytest.mark.parametrize(
    "message",
    [
        'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node',
        'Waiting for detach for volume "pvc-1" Volume is already used by pod(s) web-0',
        'AttachVolume.Attach failed for volume "pvc-1" : rpc error: code = Internal desc = no such slot',
    ],
)
def test_an_attachment_that_failed_is_no_failure_of_the_kubelet(message: str) -> None:
    """The controller says it, 1.34 and 1.37 in words of their own; the phase of attaching has ends of its own."""
    (noted,) = said("FailedAttachVolume", message)
    assert isinstance(noted, Noted)
    assert (noted.subject, noted.text) == ("pvc-1", message)


def test_a_block_volume_that_is_mapped_bounds_the_mounts_from_below() -> None:
    """The only mount that is reported when it succeeds."""
    text = 'MapVolume.MapPodDevice succeeded for volume "pvc-1" globalMapPath "/x"'
    (told,) = said("SuccessfulMountVolume", text, type="Normal")
    assert isinstance(told, Witnessed)
    assert told.mark == Mark(Milestone.MOUNTED)
    (evidence,) = told.evidence
    assert (evidence.earliest, evidence.latest, evidence.at) == (NAMED, None, None)


def words(reason: str, **more: Any) -> ClaimNews | None:
    """What an Event of a claim says."""
    return claim_words(msgspec.convert(claim_event(reason, **more), Event), arrived=ARRIVED)


@pytest.mark.parametrize("reason", ["Provisioning", "ExternalProvisioning"])
def test_an_event_of_the_provisioner_says_that_provisioning_began(reason: str) -> None:
    """The earliest of them counts: who noticed it first."""
    told = words(reason, message="External provisioner is provisioning volume")
    assert told is not None
    assert [(fact.milestone, fact.evidence[0].latest) for fact in told.facts] == [
        (Milestone.PROVISIONING_STARTED, NAMED)
    ]
    assert told.words == (Words(reason, "External provisioner is provisioning volume", NAMED, 1, NAMED),)


def test_words_of_a_claim_are_kept_with_the_claim_that_they_are_of() -> None:
    """By name and uid: the name may return."""
    told = words("WaitForFirstConsumer", message="waiting for first consumer", uid="c-9")
    assert told is not None
    assert (told.namespace, told.name, told.uid, told.seen) == ("shop", "data-web-0", "c-9", False)
    assert told.facts == ()


def test_what_a_claim_says_of_its_growth_is_no_pods_business() -> None:
    """Only warnings and what a pod can wait for."""
    assert words("Resizing", message="External resizer is resizing volume") is None
    assert words("ProvisioningFailed", type="Warning", message="no space") is not None


def test_events_of_volumes_go_to_the_pods_and_to_the_storage() -> None:
    """The feed tells them apart by what they are about."""
    intake = RecordingIntake()
    feed = EventFeed(intake)
    mount = event("FailedMount", container="", type="Warning", message='MountVolume.SetUp failed for volume "a" : no')
    for body in (mount, claim_event("ProvisioningFailed", type="Warning"), claim_event("Resizing")):
        feed.line(line("ADDED", body), arrived=ARRIVED, live=True)
    assert [type(each) for _, each in intake.taken] == [Witnessed, Noted]
    said_of_claims = [each for each in intake.news if isinstance(each, ClaimNews)]
    assert [each.words[0].reason for each in said_of_claims] == ["ProvisioningFailed"]
