"""Events become evidence to the nanosecond, words, and pulls, whatever the version of Kubernetes writes."""

from typing import Any

import msgspec
import pytest
from tests.support.objects import CREATED, CREATED_NS, event, raw, stamp

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Befell, ImagePulled, Incident, Noted, Observation, Witnessed
from podtimeline.model.texts import MAX_TEXT
from podtimeline.sources.events.decode import event_observations
from podtimeline.sources.events.event import Event
from podtimeline.sources.events.workloads import created_pod

ARRIVED = CREATED_NS + 9 * SECOND
AT = CREATED_NS + 123_456_789
UID = "uid-web-1"
M = Milestone


def decode(body: dict[str, Any]) -> Event:
    """As the stream does."""
    return msgspec.json.decode(raw(body), type=Event)


def read(reason: str, **more: Any) -> list[Observation]:
    """The observations of one Event."""
    return event_observations(decode(event(reason, **more)), arrived=ARRIVED)


@pytest.mark.parametrize(
    ("reason", "mark"),
    [
        ("Scheduled", Mark(M.SCHEDULED)),
        ("Pulled", Mark(M.PULLED, "web")),
        ("Created", Mark(M.CONTAINER_CREATED, "web")),
        ("Started", Mark(M.STARTED, "web")),
    ],
)
def test_a_reason_and_a_field_path_make_a_milestone(reason: str, mark: Mark) -> None:
    """The name of the Event says when, to the nanosecond, just after the fact; its message is not needed."""
    assert read(reason) == [Witnessed(UID, mark, (Evidence(Source.EVENT_NAME, AT, None, AT, ARRIVED),))]


def test_an_interface_that_was_added_brings_the_address_and_its_words() -> None:
    """Multus says which interface has which address of which network; the address itself is in the pod's status."""
    words = "Add eth0 [10.244.1.7/24 fd00::7/64] from cbr0"
    said = read("AddedInterface", container="", message=words)
    evidence = Evidence(Source.EVENT_NAME, AT, None, AT, ARRIVED)
    assert said == [
        Witnessed(UID, Mark(M.IP_ASSIGNED), (evidence,)),
        Noted(UID, "AddedInterface", "", words, AT, 1, AT),
    ]


NO_PULL = (
    'Failed to pull image "r/web:1": rpc error: code = NotFound desc = failed to pull and unpack image "r/web:1": '
    'failed to resolve reference "r/web:1": r/web:1: not found'
)
PULL_FAILED = Mark(M.LAST_PULL_FAILURE, "web")


@pytest.mark.parametrize(
    ("reason", "message", "mark"),
    [
        ("Failed", NO_PULL, PULL_FAILED),
        ("Failed", f"(combined from similar events): {NO_PULL}", PULL_FAILED),
        ("ErrImageNeverPull", 'Container image "r/web:1" is not present with pull policy of Never', PULL_FAILED),
        (
            "InspectFailed",
            'Failed to apply default image tag "R:1": couldn\'t parse image name "R:1": invalid reference format',
            PULL_FAILED,
        ),
        ("Failed", 'Error: configmap "settings" not found', None),
        ("Failed", 'Error: failed to create shim task: exec: "nope": executable file not found in $PATH', None),
        ("FailedCreatePodSandBox", "Failed to create pod sandbox: rpc error: plugin", Mark(M.LAST_SANDBOX_FAILURE)),
        ("BackOff", "Back-off restarting failed container web in pod web-1_shop(uid-web-1)", None),
        ("Unhealthy", "Readiness probe failed: 503", None),
    ],
)
def test_an_attempt_that_failed_is_a_milestone_and_its_words(reason: str, message: str, mark: Mark | None) -> None:
    """The kubelet's ``Failed`` is of a pull, of a creation or of a start: the words tell, in both versions alike."""
    where = "" if mark is not None and mark.subject == "" else "web"
    said = read(reason, type="Warning", container=where, message=message)
    evidence = Evidence(Source.EVENT_NAME, AT, None, AT, ARRIVED)
    witnessed = [] if mark is None else [Witnessed(UID, mark, (evidence,))]
    assert said == [Noted(UID, reason, where, message, AT, 1, AT), *witnessed]


def test_the_latest_of_several_attempts_is_told_beside_the_first() -> None:
    """The Event's name is of the first one, its lastTimestamp of the latest."""
    said = read("Failed", type="Warning", message=NO_PULL, count=3, lastTimestamp=stamp(30))
    (witnessed,) = [each for each in said if isinstance(each, Witnessed)]
    last = CREATED_NS + 30 * SECOND
    assert witnessed.evidence == (
        Evidence(Source.EVENT_NAME, AT, None, AT, ARRIVED),
        Evidence(Source.EVENT_SECOND, last + SECOND // 2, None, last + SECOND - 1, ARRIVED),
    )


@pytest.mark.parametrize("error", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"])
def test_what_the_status_says_with_more_words_is_not_noted_again(error: str) -> None:
    """After each attempt the kubelet records the container's waiting reason once more: it would hide the real words."""
    assert read("Failed", type="Warning", message=f"Error: {error}") == []


@pytest.mark.parametrize(
    ("reason", "message", "incident"),
    [
        ("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.", Incident.SANDBOX_CHANGED),
        ("ResizeCompleted", 'Pod resize completed: {"containers":[{"name":"web"}]}', Incident.RESIZED),
    ],
)
def test_what_befalls_a_pod_is_an_incident_with_its_words(reason: str, message: str, incident: Incident) -> None:
    """Each occurrence that an Event stands for is told: the first by its name, the latest by its second."""
    said = read(reason, container="", message=message)
    assert said == [Befell(UID, incident, AT, message), Noted(UID, reason, "", message, AT, 1, AT)]
    twice = read(reason, container="", message=message, count=2, lastTimestamp=stamp(30))
    later = CREATED_NS + 30 * SECOND + SECOND // 2
    assert [each.at for each in twice if isinstance(each, Befell)] == [AT, later]


def test_pulling_announces_what_begins_with_it() -> None:
    """The kubelet says Pulling before it pulls: the stamp of the announcement is the fact, not a time after it."""
    evidence = Evidence(Source.EVENT_NAME, AT, AT, AT, ARRIVED)
    assert read("Pulling") == [Witnessed(UID, Mark(M.PULL_STARTED, "web"), (evidence,))]


def test_the_times_of_an_event_in_order_of_their_worth() -> None:
    """eventTime, then the name, then the second of firstTimestamp, which bounds from above."""
    micro = "2026-11-23T19:17:01.500000Z"
    cases: list[tuple[dict[str, Any], Source, int, int]] = [
        ({"eventTime": micro, "firstTimestamp": None}, Source.EVENT_TIME, CREATED_NS + 500_000_000, 500_000_000),
        ({}, Source.EVENT_NAME, AT, 123_456_789),
        ({"at": AT + 60 * SECOND}, Source.EVENT_SECOND, CREATED_NS + SECOND // 2, SECOND - 1),
    ]
    for more, source, at, latest in cases:
        (said,) = read("Started", **more)
        assert isinstance(said, Witnessed)
        assert said.evidence == (Evidence(source, at, None, CREATED_NS + latest, ARRIVED),)


def test_an_event_without_any_time_still_says_that_it_happened() -> None:
    """Unknown is shown as unknown."""
    body = event("Started", firstTimestamp=None, lastTimestamp=None)
    body["metadata"] |= {"creationTimestamp": None}
    (said,) = event_observations(decode(body), arrived=ARRIVED)
    assert isinstance(said, Witnessed)
    assert [each.source for each in said.evidence] == [Source.LISTED]


@pytest.mark.parametrize(
    ("message", "cached", "pull", "waiting", "size"),
    [
        (
            'Successfully pulled image "r/web:1" in 1.2s (23m4.71s including waiting). Image size: 72404038 bytes.',
            False, 1_200_000_000, (23 * 60 + 4) * SECOND + 710_000_000, 72_404_038,
        ),
        ('Successfully pulled image "r/web:1" in 9ms (9ms including waiting)', False, 9_000_000, 9_000_000, None),
        ('Successfully pulled image "r/web:1" in 2.5s', False, 2_500_000_000, None, None),
        ('Container image "r/web:1" already present on machine', True, None, None, None),
        ('Container image "r/web:1" already present on machine and can be accessed by the pod', True, None, None, None),
        ('Successfully pulled image "r/web:1" in a while (forever including waiting)', False, None, None, None),
    ],
)  # fmt: skip
def test_a_pulled_message_is_read_as_far_as_it_is_understood(
    message: str, pull: int | None, waiting: int | None, size: int | None, *, cached: bool
) -> None:
    """Durations, the size, and whether the image was there; what is not understood is unknown."""
    pulls = [each for each in read("Pulled", message=message) if isinstance(each, ImagePulled)]
    assert pulls == [ImagePulled(UID, "web", "r/web:1", cached, AT, pull, waiting, size)]


def test_a_pulled_message_of_another_kind_leaves_the_milestone() -> None:
    """The reason alone says that the image is there."""
    assert [type(each) for each in read("Pulled", message="Image is here")] == [Witnessed]


def test_warnings_and_telling_reasons_are_noted_with_their_container() -> None:
    """Every Warning has words worth keeping; of the Normal ones those that explain."""
    said = read("Unhealthy", type="Warning", message="Readiness probe failed: 503")
    assert said == [Noted(UID, "Unhealthy", "web", "Readiness probe failed: 503", AT, 1, AT)]
    said = read("TaintManagerEviction", container="", message="Marking for deletion Pod shop/web-1")
    assert said == [Noted(UID, "TaintManagerEviction", "", "Marking for deletion Pod shop/web-1", AT, 1, AT)]
    assert read("SomethingNormal", message="fine") == []


def test_a_repeated_event_is_noted_with_its_count_and_last_time() -> None:
    """As counted by client-go, and as a series of the newer API."""
    (said,) = read("BackOff", type="Warning", count=12, lastTimestamp=stamp(30), message="Back-off pulling image")
    assert isinstance(said, Noted)
    assert (said.first, said.at, said.count) == (AT, CREATED_NS + 30 * SECOND + SECOND // 2, 12)
    series = {"count": 7, "lastObservedTime": "2026-11-23T19:17:31.250000Z"}
    more: dict[str, Any] = {"eventTime": "2026-11-23T19:17:01.5Z", "firstTimestamp": None, "lastTimestamp": None}
    (said,) = read("FailedScheduling", type="Warning", container="", series=series, **more)
    assert isinstance(said, Noted)
    assert (said.at, said.count) == (CREATED_NS + 30 * SECOND + 250_000_000, 7)


def test_a_container_milestone_without_a_container_is_not_guessed() -> None:
    """Ephemeral containers, and messages alone, name none."""
    assert read("Started", container="", message="Started container web") == []


def test_a_container_that_is_stopped_for_good_is_a_milestone() -> None:
    """The kubelet says so before it does; of an Event that stands for several the latest counts."""
    mark = Mark(M.KILLING, "web")
    (said,) = read("Killing", message="Stopping container web")
    assert said == Witnessed(UID, mark, (Evidence(Source.EVENT_NAME, AT, AT, AT, ARRIVED),))
    (again,) = read("Killing", message="Stopping container web", count=2, lastTimestamp=stamp(30))
    assert isinstance(again, Witnessed)
    ((source, _, _, latest, _),) = again.evidence
    assert (source, latest) == (Source.EVENT_SECOND, CREATED_NS + 31 * SECOND - 1)


@pytest.mark.parametrize(
    "message",
    [
        "Container web failed liveness probe, will be restarted",
        "Container web definition changed, will be restarted",
        "FailedPostStartHook",
    ],
)
def test_a_container_that_is_to_be_started_again_is_worth_the_words(message: str) -> None:
    """It is not on its way out."""
    (said,) = read("Killing", message=message)
    assert isinstance(said, Noted)
    assert said.text == message


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Created pod: web-abc-x1z", "web-abc-x1z"),
        ("create Pod db-0 in StatefulSet db successful", "db-0"),
        ("Create Pod db-0 in StatefulSet db successful", "db-0"),
        ("Created job nightly-1", None),
        ("create Claim data-db-0 Pod db-0 in StatefulSet db success", None),
    ],
)
def test_a_controller_names_the_pod_that_it_created(message: str, name: str | None) -> None:
    """The name is all that such an Event says; its own name says when."""
    found = created_pod(decode(event("SuccessfulCreate", message=message)), arrived=ARRIVED)
    assert found == (None if name is None else (name, AT))


def test_a_creation_known_to_the_second_only_adds_nothing() -> None:
    """The pod's own creationTimestamp says as much."""
    body = event("SuccessfulCreate", message="Created pod: web-1", firstTimestamp=CREATED)
    body["metadata"]["name"] = "web.no-time"
    assert created_pod(decode(body), arrived=ARRIVED) is None


@pytest.mark.parametrize(
    "reason", ["Pulling", "Pulled", "Created", "Started", "Failed", "BackOff", "Killing", "Unhealthy"]
)
def test_what_is_said_of_an_ephemeral_container_is_not_the_pods(reason: str) -> None:
    """It is put into a pod that runs, and counts for nothing of it."""
    body = event(reason, message='Stopping container x, image "busybx"', type="Warning")
    body["involvedObject"]["fieldPath"] = "spec.ephemeralContainers{debugger-x}"
    assert event_observations(decode(body), arrived=ARRIVED) == []


IMAGE = "registry.test/models/llm:7b"


def test_a_pull_without_a_container_is_told_of_its_image() -> None:
    """An image volume's: which volume it is, the pod's spec tells."""
    assert [
        each.mark
        for each in read("Pulling", container="", message=f'Pulling image "{IMAGE}"')
        if isinstance(each, Witnessed)
    ] == [Mark(M.PULL_STARTED, f"image {IMAGE}")]
    message = f'Successfully pulled image "{IMAGE}" in 1m35s (1m36s including waiting). Image size: 7100000000 bytes.'
    mark, pull = read("Pulled", container="", message=message)
    assert isinstance(mark, Witnessed)
    assert isinstance(pull, ImagePulled)
    assert (mark.mark, pull.container, pull.size) == (Mark(M.PULLED, f"image {IMAGE}"), f"image {IMAGE}", 7_100_000_000)


def test_a_failed_pull_without_a_container_is_an_attempt_for_its_image() -> None:
    """Its words go with it; that it failed is said once."""
    said = read("Failed", container="", message=f'Failed to pull image "{IMAGE}": not found', type="Warning")
    assert {each.subject for each in said if isinstance(each, Noted)} == {f"image {IMAGE}"}
    assert {each.mark for each in said if isinstance(each, Witnessed)} == {Mark(M.LAST_PULL_FAILURE, f"image {IMAGE}")}
    assert read("Failed", container="", message="Error: ErrImagePull", type="Warning") == []


def test_an_image_whose_name_cannot_be_one_names_nothing() -> None:
    """Words of any length may stand in an Event."""
    assert read("Pulling", container="", message=f'Pulling image "{"x" * 5000}"') == []
    assert read("Pulling", container="", message="Pulling") == []


def test_a_message_is_cut_once_when_it_is_decoded() -> None:
    """Nothing that is read from an Event keeps a text of a megabyte; what is short stays as it is."""
    long = msgspec.json.decode(raw(event("Failed", message="x" * 1_500_000)), type=Event)
    short = msgspec.json.decode(raw(event("Failed", message="short")), type=Event)
    assert (len(long.message), "1500000 characters" in long.message, short.message) == (MAX_TEXT, True, "short")
