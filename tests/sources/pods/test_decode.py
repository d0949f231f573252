"""A pod as the API shows it becomes the observations that are new, with the evidence that its fields are worth."""

from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
import pytest
from tests.support.objects import CREATED_NS, condition, container, pod, raw, ready_pod, running, stamp, terminated

from podtimeline.errors import MalformedObject
from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Described, Ended, Noted, Observation, Ran, Witnessed
from podtimeline.model.pods import ContainerKind, ContainerSpec, Owner, Probe, VolumeSpec
from podtimeline.sources.pods.decode import pod_observations
from podtimeline.sources.pods.wire import Pod

ARRIVED = CREATED_NS + 5 * SECOND + 7
M = Milestone


def read(
    body: dict[str, Any], *, live: bool = True, known: AbstractSet[Mark] | None = frozenset(), removed: bool = False
) -> list[Observation]:
    """The observations of one version."""
    decoded = msgspec.json.decode(raw(body), type=Pod)
    return pod_observations(decoded, arrived=ARRIVED, live=live, known=known, removed=removed)


def evidence(said: list[Observation], milestone: Milestone, subject: str = "") -> dict[Source, Evidence] | None:
    """The evidence for one mark by source, ``None`` where nothing witnesses it."""
    for each in said:
        if isinstance(each, Witnessed) and each.mark == (milestone, subject):
            return {statement.source: statement for statement in each.evidence}
    return None


def marks(said: list[Observation]) -> set[Mark]:
    """What is witnessed."""
    return {each.mark for each in said if isinstance(each, Witnessed)}


def within(seconds: int) -> tuple[int, int]:
    """The bounds of a whole second, counted from the creation."""
    start = CREATED_NS + seconds * SECOND
    return start, start + SECOND - 1


def stamped(seconds: int) -> tuple[int, int]:
    """Bounds of what was stamped, at most a second late, in that second after the pod's creation."""
    earliest, latest = within(seconds)
    return earliest - SECOND, latest


ALL_UP = {
    Mark(M.CREATED),
    Mark(M.SCHEDULED),
    Mark(M.KUBELET_ACCEPTED),
    Mark(M.SANDBOX_READY),
    Mark(M.IP_ASSIGNED),
    Mark(M.INITIALIZED),
    Mark(M.CONTAINERS_READY),
    Mark(M.READY),
    Mark(M.STARTED, "web"),
    Mark(M.STARTED_PROBE_PASSED, "web"),
    Mark(M.CONTAINER_READY, "web"),
}


def test_a_pod_is_described_once() -> None:
    """Identity and spec come with the first version only."""
    body = pod(spec={"initContainers": [{"name": "migrate", "image": "m:1"}, _sidecar("proxy")], "hostNetwork": True})
    (described,) = [each for each in read(body, known=None) if isinstance(each, Described)]
    facts = described.facts
    assert (facts.uid, facts.namespace, facts.name, facts.created_second) == ("uid-web-1", "shop", "web-1", CREATED_NS)
    assert facts.owner == Owner("ReplicaSet", "web-abc", "rs-1")
    assert facts.labels == (("app", "web"), ("tier", "front"))
    assert facts.host_network
    assert not facts.mirror
    assert not facts.run_to_completion
    assert facts.containers == (
        ContainerSpec("migrate", ContainerKind.INIT, "m:1"),
        ContainerSpec("proxy", ContainerKind.SIDECAR, "p:1", startup_probe=Probe()),
        ContainerSpec("web", ContainerKind.MAIN, "registry.test/web:1", readiness_probe=Probe(period=1)),
    )
    assert not any(isinstance(each, Described) for each in read(body))


def _sidecar(name: str) -> dict[str, Any]:
    return {"name": name, "image": "p:1", "restartPolicy": "Always", "startupProbe": {"httpGet": {"port": 1}}}


def test_what_a_pod_is_follows_from_its_metadata() -> None:
    """Mirrors carry the kubelet's annotation; Jobs and restartPolicy say that it runs to completion."""
    job = [{"kind": "Job", "name": "nightly-1", "uid": "j", "controller": True}]
    cases: list[tuple[dict[str, Any], str]] = [
        (pod(metadata={"annotations": {"kubernetes.io/config.mirror": "hash"}}), "mirror"),
        (pod(metadata={"ownerReferences": job}), "run_to_completion"),
        (pod(spec={"restartPolicy": "OnFailure"}), "run_to_completion"),
    ]
    for body, flag in cases:
        (described,) = [each for each in read(body, known=None) if isinstance(each, Described)]
        assert getattr(described.facts, flag)
    bare = pod(metadata={"ownerReferences": [{"kind": "Thing", "name": "x", "uid": "y"}], "labels": None})
    (described,) = [each for each in read(bare, known=None) if isinstance(each, Described)]
    assert (described.facts.owner, described.facts.labels) == (None, ())


def test_a_static_pod_is_accepted_as_its_manifest_is_seen() -> None:
    """The kubelet's annotation has the nanoseconds that startTime lacks; one of another second is another start's."""
    for seen, earliest in (("2026-11-23T19:17:02.250000001Z", 250_000_000), ("2026-11-23T19:17:09.5Z", 0)):
        marked = {"kubernetes.io/config.mirror": "static-1", "kubernetes.io/config.seen": seen}
        found = evidence(read(ready_pod(metadata={"annotations": marked})), M.KUBELET_ACCEPTED)
        assert found is not None
        field = found[Source.FIELD]
        assert (field.earliest, field.latest) == (within(1)[0] + earliest, within(1)[1])
        assert field.at == (field.earliest if earliest else None)


def test_a_live_version_says_not_after_its_arrival_and_within_its_fields_seconds() -> None:
    """Every milestone of a ready pod has the watch's arrival and the second of its field or condition."""
    said = read(ready_pod())
    assert marks(said) == ALL_UP
    for mark in marks(said):
        found = evidence(said, *mark)
        assert found is not None
        assert found[Source.WATCH] == Evidence(Source.WATCH, ARRIVED, None, ARRIVED, ARRIVED)
    for milestone, subject, source, seconds in (
        (M.CREATED, "", Source.FIELD, 0),
        (M.SCHEDULED, "", Source.CONDITION, 0),
        (M.KUBELET_ACCEPTED, "", Source.FIELD, 1),
        (M.INITIALIZED, "", Source.CONDITION, 1),
        (M.CONTAINERS_READY, "", Source.CONDITION, 4),
        (M.READY, "", Source.CONDITION, 4),
    ):
        found = evidence(said, milestone, subject)
        assert found is not None
        assert (found[source].earliest, found[source].latest) == within(seconds)


def test_a_version_that_shows_nothing_new_says_nothing() -> None:
    """Only new facts are told."""
    assert read(ready_pod(), known=ALL_UP) == []
    assert read(ready_pod(), known=ALL_UP, live=False) == []


def test_a_condition_that_reports_work_of_the_node_bounds_it_from_above_only() -> None:
    """PodReadyToStartContainers was set after the sandbox was ready and had its address."""
    said = read(ready_pod(), live=False)
    for milestone in (M.SANDBOX_READY, M.IP_ASSIGNED):
        found = evidence(said, milestone)
        assert found is not None
        statement = found[Source.CONDITION]
        assert (statement.at, statement.earliest, statement.latest) == (None, None, within(2)[1])


def test_details_go_with_the_milestone() -> None:
    """The node with the binding; with the first address all of them, and of which family each is."""
    details = {each.mark.milestone: each.detail for each in read(ready_pod()) if isinstance(each, Witnessed)}
    assert details[M.SCHEDULED] == "node-1"
    assert details[M.IP_ASSIGNED] == "10.0.0.7 (IPv4), fd00::7 (IPv6)"


def test_a_listed_version_is_never_timed_by_its_arrival() -> None:
    """Fields say when; what has no field merely happened; a condition may have flapped before anybody looked."""
    said = read(ready_pod(), live=False)
    assert marks(said) == ALL_UP
    assert all(Source.WATCH not in (evidence(said, *mark) or {}) for mark in ALL_UP)
    for milestone in (M.STARTED_PROBE_PASSED, M.CONTAINER_READY):
        found = evidence(said, milestone, "web")
        assert found == {Source.LISTED: Evidence(Source.LISTED, None, None, None, ARRIVED)}
    ready = evidence(said, M.READY)
    assert ready is not None
    assert ready[Source.CONDITION].earliest is None
    assert ready[Source.CONDITION].latest == within(4)[1]
    assert ready[Source.CONDITION].at == within(4)[0] + SECOND // 2 - 1


def test_after_a_restart_a_listed_condition_estimates_nothing() -> None:
    """The condition moved at the restart: the first True was some time before."""
    body = ready_pod(status={"containerStatuses": [container(ready=True, state=running(50), restartCount=3)]})
    found = evidence(read(body, live=False), M.READY)
    assert found is not None
    assert (found[Source.CONDITION].at, found[Source.CONDITION].latest) == (None, within(4)[1])


def test_a_listed_pod_that_lost_its_readiness_had_it_before() -> None:
    """A condition that is False since later than the kubelet's first status was True in between."""
    body = ready_pod(status={"conditions": [condition("Ready", 30, status="False", reason="ContainersNotReady")]})
    found = evidence(read(body, live=False), M.READY)
    assert found is not None
    assert (found[Source.CONDITION].earliest, found[Source.CONDITION].latest) == (None, within(30)[1])
    never = ready_pod(status={"conditions": [condition("Ready", 1, status="False")]})
    assert evidence(read(never, live=False), M.READY) is None
    assert evidence(read(body, live=True), M.READY) is None


def test_readiness_gates_count_only_where_the_spec_asks_for_them() -> None:
    """Other controllers write conditions of their own."""
    gate = "target-health.example.com/web"
    conditions = [condition(gate, 5), condition("example.com/other", 5)]
    body = ready_pod(spec={"readinessGates": [{"conditionType": gate}], "nodeName": "node-1"})
    body["status"]["conditions"] += conditions
    said = read(body)
    found = evidence(said, M.READINESS_GATE, gate)
    assert found is not None
    assert (found[Source.CONDITION].earliest, found[Source.CONDITION].latest) == within(5)
    assert Mark(M.READINESS_GATE, "example.com/other") not in marks(said)


def test_volumes_are_those_that_a_start_may_wait_for_and_whether_a_container_has_them() -> None:
    """By a mount of any container, or as a device; what the kubelet has ready at once is none."""
    containers = [{"name": "web", "volumeMounts": [{"name": "config", "mountPath": "/etc/web"}]}]
    init = [{"name": "format", "volumeDevices": [{"name": "disk", "devicePath": "/dev/sda"}]}]
    volumes = [
        {"name": "config", "configMap": {"name": "web"}},
        {"name": "disk", "persistentVolumeClaim": {"claimName": "disk-0"}},
        {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}},
        {"name": "tmp", "emptyDir": {}},
    ]
    body = pod(spec={"containers": containers, "initContainers": init, "volumes": volumes})
    (described,) = [each for each in read(body, known=None) if isinstance(each, Described)]
    assert described.facts.volumes == (
        VolumeSpec("config", "configMap"),
        VolumeSpec("disk", "persistentVolumeClaim", "disk-0"),
        VolumeSpec("scratch", "ephemeral", "web-1-scratch", mounted=False),
    )


@pytest.mark.parametrize(
    ("status", "bounds"),
    [
        ({"state": running(3)}, stamped(3)),
        ({"state": terminated(3, 9, code=1)}, stamped(3)),
        ({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": terminated(3, 4, code=1)}, stamped(3)),
        ({"state": running(9), "lastState": terminated(3, 4), "restartCount": 1}, stamped(3)),
        ({"state": running(40), "lastState": terminated(30, 31), "restartCount": 4}, (None, within(30)[1])),
        (
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": terminated(9, 10), "restartCount": 1},
            (None, within(9)[1]),
        ),
        ({"state": running(40), "restartCount": 2}, (None, within(40)[1])),
        ({}, None),
    ],
    ids=["runs", "died", "waits after its first run", "runs again", "ran often", "waits after its second run",
         "earlier runs are forgotten", "never ran"],
)  # fmt: skip
def test_a_start_is_the_first_start(status: dict[str, Any], bounds: tuple[int | None, int | None] | None) -> None:
    """StartedAt moves at each restart; which run it tells of follows from the restart count."""
    found = evidence(read(pod(status={"containerStatuses": [container(**status)]})), M.STARTED, "web")
    if bounds is None:
        assert found is None
    else:
        assert found is not None
        assert (found[Source.FIELD].earliest, found[Source.FIELD].latest) == bounds


@pytest.mark.parametrize(
    ("where", "name", "code", "more", "finished"),
    [
        ("initContainerStatuses", "migrate", 0, {}, True),
        ("initContainerStatuses", "migrate", 1, {}, False),
        ("initContainerStatuses", "proxy", 0, {}, False),
        ("containerStatuses", "web", 0, {}, False),
        ("containerStatuses", "web", 0, {"spec": {"restartPolicy": "OnFailure"}}, True),
        ("containerStatuses", "web", 1, {"spec": {"restartPolicy": "OnFailure"}}, False),
        ("containerStatuses", "web", 1, {"status": {"phase": "Failed"}}, True),
        ("initContainerStatuses", "proxy", 137, {"status": {"phase": "Succeeded"}}, True),
        (
            "containerStatuses",
            "web",
            137,
            {"metadata": {"deletionTimestamp": stamp(40), "deletionGracePeriodSeconds": 30}},
            True,
        ),
    ],
)
def test_a_container_is_finished_only_when_it_ended_for_good(
    where: str, name: str, code: int, more: dict[str, Any], *, finished: bool
) -> None:
    """An init container by success, a main one by success where none follows, all by the end of the pod."""
    body = pod(spec={"initContainers": [{"name": "migrate"}, _sidecar("proxy")]})
    body["status"][where] = [container(name, state=terminated(3, 9, code=code))]
    for part, fields in more.items():
        body[part] |= fields
    found = evidence(read(body), M.FINISHED, name)
    assert (found is not None) is finished
    if found is not None:
        assert (found[Source.FIELD].earliest, found[Source.FIELD].latest) == within(9)


def test_an_init_container_is_never_ready_but_a_sidecar_is() -> None:
    """The API sets ``ready`` on an init container that ended: readiness means something else."""
    body = pod(spec={"initContainers": [{"name": "migrate"}, _sidecar("proxy")]})
    body["status"]["initContainerStatuses"] = [
        container("migrate", ready=True, started=True, state=terminated(1, 2)),
        container("proxy", ready=True, started=True, state=running(2)),
    ]
    found = marks(read(body))
    assert {mark.subject for mark in found if mark.milestone is M.CONTAINER_READY} == {"proxy"}
    assert {mark.subject for mark in found if mark.milestone is M.STARTED_PROBE_PASSED} == {"proxy"}


def test_what_a_container_waits_for_is_noted_with_its_words() -> None:
    """But for the two reasons that every container has at first."""
    words = "couldn't find key password in Secret shop/db"
    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": words}}
    said = read(pod(status={"containerStatuses": [container(state=waiting)]}))
    assert Noted("uid-web-1", "CreateContainerConfigError", "web", words, ARRIVED) in said
    for usual in ("ContainerCreating", "PodInitializing"):
        said = read(pod(status={"containerStatuses": [container(state={"waiting": {"reason": usual}})]}))
        assert not any(isinstance(each, Noted) for each in said)


def test_why_a_pod_is_not_scheduled_is_noted_from_its_condition() -> None:
    """Events can be lost, and keep the words of the first attempt; the condition has those of the latest."""
    why = condition("PodScheduled", 0, status="False", reason="Unschedulable", message="0/2 nodes are available")
    said = read(pod(status={"conditions": [why]}))
    assert Noted("uid-web-1", "FailedScheduling", "", "0/2 nodes are available", ARRIVED) in said
    assert Mark(M.SCHEDULED) not in marks(said)


def test_restarts_are_told_with_how_the_last_run_ended() -> None:
    """Count, exit code and reason."""
    crashed = container(state=running(9), lastState=terminated(3, 4, code=137, reason="OOMKilled"), restartCount=1)
    said = read(pod(status={"containerStatuses": [crashed]}))
    assert any(
        (each.run, each.exit_code, each.reason) == (0, 137, "OOMKilled") for each in said if isinstance(each, Ran)
    )


def test_the_end_of_a_pod_has_its_reason() -> None:
    """From the status, and where that says nothing from the container that failed."""
    assert Ended("uid-web-1", succeeded=True) in read(pod(status={"phase": "Succeeded"}))
    evicted = pod(status={"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."})
    assert Ended("uid-web-1", succeeded=False, reason="Evicted", text="The node was low on memory.") in read(evicted)
    died = [container(state=terminated(3, 4, code=3, reason="Error"))]
    failed = pod(status={"phase": "Failed", "containerStatuses": died})
    assert Ended("uid-web-1", succeeded=False, reason="Error", text="web exited with code 3") in read(failed)


def test_a_deletion_was_asked_for_a_grace_period_before_its_timestamp() -> None:
    """DeletionTimestamp is the request plus the grace."""
    body = ready_pod(metadata={"deletionTimestamp": stamp(40), "deletionGracePeriodSeconds": 30})
    found = evidence(read(body), M.DELETION_REQUESTED)
    assert found is not None
    assert set(found) == {Source.WATCH, Source.FIELD}
    assert (found[Source.FIELD].earliest, found[Source.FIELD].latest) == within(10)
    unknown = ready_pod(metadata={"deletionTimestamp": stamp(40)})
    assert set(evidence(read(unknown), M.DELETION_REQUESTED) or {}) == {Source.WATCH}


def test_a_removal_without_a_timestamp_was_asked_for_and_done_at_once() -> None:
    """Grace 0: the request is the removal."""
    said = read(pod(), removed=True)
    assert set(evidence(said, M.OBJECT_REMOVED) or {}) == {Source.WATCH}
    assert set(evidence(said, M.DELETION_REQUESTED) or {}) == {Source.WATCH}
    old = read(pod(), removed=True, live=False)
    assert set(evidence(old, M.OBJECT_REMOVED) or {}) == {Source.LISTED}


@pytest.mark.parametrize(
    "body",
    [
        pod(metadata={"creationTimestamp": None}),
        pod(metadata={"uid": "", "creationTimestamp": stamp(0)}) | {"metadata": {"uid": ""}},
        pod(metadata={"creationTimestamp": "never"}),
        pod(status={"startTime": "never"}),
        pod(spec={"containers": "none"}),
        pod(metadata={"labels": ["a"]}),
        pod(spec={"initContainers": [{"name": "web"}]}),
    ],
    ids=["no creation", "no uid", "no time of creation", "no time of start", "spec", "labels", "one name twice"],
)
def test_a_malformed_pod_says_so(body: dict[str, Any]) -> None:
    """It is skipped as a whole, and counted by who reads the stream."""
    with pytest.raises(MalformedObject):
        read(body, known=None)


def test_a_process_that_could_not_be_started_never_started() -> None:
    """The kubelet reports such a run with startedAt 0, which is no time in 1970."""
    ended = {"exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z", "finishedAt": stamp(4)}
    said = read(pod(status={"containerStatuses": [container(state={"terminated": ended})]}))
    assert evidence(said, M.STARTED, "web") is None
    (ran,) = (each for each in said if isinstance(each, Ran))
    assert (ran.started, ran.finished, ran.reason) == (None, CREATED_NS + 4 * SECOND, "StartError")


def test_what_explains_a_wait_is_read_from_the_spec() -> None:
    """How many successes a probe needs, which image a volume is made of, and what restarts a container."""
    volumes = [{"name": "model", "image": {"reference": "registry.test/llm:7b"}}, {"name": "tmp", "emptyDir": {}}]
    web = {"name": "web", "readinessProbe": {"successThreshold": 3}, "volumeMounts": [{"name": "model"}]}
    body = pod(spec={"containers": [web], "volumes": volumes, "restartPolicy": "OnFailure"})
    (facts,) = [each.facts for each in read(body, known=None) if isinstance(each, Described)]
    assert facts.containers[0].readiness_probe == Probe(success_threshold=3)
    assert [(each.name, each.image) for each in facts.image_volumes] == [("model", "registry.test/llm:7b")]
    assert facts.restart_policy == "OnFailure"


def test_a_restart_of_all_containers_is_noted_while_it_lasts() -> None:
    """Once it is over the condition is False."""
    for status, count in (("True", 1), ("False", 0)):
        body = ready_pod()
        body["status"]["conditions"].append(condition("AllContainersRestarting", 4, status=status, reason="Rule"))
        said = [each for each in read(body) if isinstance(each, Noted)]
        assert [(each.reason, each.subject, each.text) for each in said] == [
            ("AllContainersRestarting", "", "Rule")
        ] * count


def test_a_scheduler_is_known_where_it_is_not_the_default() -> None:
    """The API server fills in the default's name."""
    schedulers = []
    for name in ("volcano", "default-scheduler"):
        (described, *_) = read(pod(spec={"schedulerName": name}), known=None)
        assert isinstance(described, Described)
        schedulers.append(described.facts.scheduler)
    assert schedulers == ["volcano", ""]


def test_the_group_of_a_custom_owner_is_part_of_who_it_is() -> None:
    """A Job of Volcano may run servers, that never end; Kubernetes' own groups have no dot."""
    facts = []
    for api in ("batch/v1", "batch.volcano.sh/v1alpha1"):
        owner = {"apiVersion": api, "kind": "Job", "name": "train", "uid": "j-1", "controller": True}
        (described, *_) = read(pod(metadata={"ownerReferences": [owner]}), known=None)
        assert isinstance(described, Described)
        facts.append(described.facts)
    assert [each.owner for each in facts] == [
        Owner("Job", "train", "j-1"), Owner("Job", "train", "j-1", "batch.volcano.sh"),
    ]  # fmt: skip
    assert [each.run_to_completion for each in facts] == [True, False]
