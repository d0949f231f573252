"""What a pod waits for before it is bound: gates that go, refusals, victims, and nodes that are asked for."""

from collections.abc import Set as AbstractSet
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.support.objects import CREATED_NS, condition, event, line, pod, raw, ready_pod, stamp
from tests.support.recording import RecordingIntake

from podtimeline.analysis.phases.scheduling import GATE_REMOVED
from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.nodes import UNTOLERATED, Taint
from podtimeline.model.observations import Blamed, Cause, Noted, Observation, Witnessed
from podtimeline.sources.events.event import Event
from podtimeline.sources.events.feed import EventFeed
from podtimeline.sources.events.waiting import waiting_observations
from podtimeline.sources.pods.decode import pod_observations
from podtimeline.sources.pods.feed import PodFeed
from podtimeline.sources.pods.wire import Pod

ARRIVED = CREATED_NS + 20 * SECOND
AT = CREATED_NS + 500_000_000
NAMED = CREATED_NS + 123_456_789
MICRO = "2026-11-23T19:17:01.500000Z"
UID = "uid-web-1"
BIG = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
GATES = ("example.org/one", "example.org/two")
M = Milestone
FIRST, LAST, GONE = Mark(M.FIRST_UNSCHEDULABLE), Mark(M.LAST_UNSCHEDULABLE), Mark(M.GATES_REMOVED)
WORDS = "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims."


def gated(*gates: str, **parts: Any) -> dict[str, Any]:
    """A version of a pod that was created with gates and has these left."""
    held = condition("PodScheduled", 0, status="False", reason="SchedulingGated", message="Scheduling is blocked")
    spec = {"schedulingGates": [{"name": each} for each in gates]} if gates else {}
    return pod(spec=spec, status={"conditions": [held]}, **parts)


def refused(seconds: int, *, message: str = WORDS, **status: Any) -> dict[str, Any]:
    """A version of a pod that the scheduler found no node for, since that second after its creation."""
    why = condition("PodScheduled", seconds, status="False", reason="Unschedulable", message=message)
    return pod(status={"conditions": [why], **status})


def versions(*bodies: dict[str, Any], step: int = 5) -> RecordingIntake:
    """What the intake is told of versions that a watch delivers every five seconds."""
    intake = RecordingIntake()
    feed = PodFeed(intake)
    for index, body in enumerate(bodies):
        feed.line(line("MODIFIED" if index else "ADDED", body), arrived=CREATED_NS + index * step * SECOND, live=True)
    return intake


def read(body: dict[str, Any], *, live: bool = True, known: AbstractSet[Mark] = frozenset()) -> list[Observation]:
    """The observations of one version."""
    return pod_observations(msgspec.json.decode(raw(body), type=Pod), arrived=ARRIVED, live=live, known=known)


def said_by(reason: str, message: str, *, micro: bool = True, **more: Any) -> dict[str, list[Observation]]:
    """What an Event says, by pod."""
    times = {"eventTime": MICRO, "firstTimestamp": None, "lastTimestamp": None, "count": None} if micro else {}
    body = event(reason, container="", message=message, **(times | more))
    decoded = msgspec.json.decode(raw(body), type=Event)
    return {pod.uid: told for pod, told in waiting_observations(decoded, arrived=ARRIVED)}


def evidence(said: list[Observation], mark: Mark) -> tuple[Evidence, ...]:
    """The evidence for a mark."""
    (found,) = [each.evidence for each in said if isinstance(each, Witnessed) and each.mark == mark]
    return found


def test_gates_that_go_one_by_one_are_each_noted_and_the_last_one_opens_the_way() -> None:
    """The version without gates after one with some is the removal; the notes say when each gate went."""
    intake = versions(gated(*GATES), gated(GATES[1]), gated())
    timeline = intake.timelines[UID]
    assert [each.at for each in timeline.evidence[GONE]] == [CREATED_NS + 10 * SECOND]
    assert timeline.details[GONE] == GATES[1]
    removed = [each for _, each in intake.taken if isinstance(each, Noted) and each.reason == GATE_REMOVED]
    assert [(each.subject, each.at, each.text) for each in removed] == [
        (GATES[0], CREATED_NS + 5 * SECOND, f"still held by {GATES[1]}"),
        (GATES[1], CREATED_NS + 10 * SECOND, "the last one"),
    ]


def test_what_changes_while_the_gates_stay_is_no_removal() -> None:
    """Labels change, gates do not."""
    intake = versions(gated(*GATES), gated(*GATES, metadata={"labels": {"app": "other"}}))
    assert not intake.timelines[UID].has(M.GATES_REMOVED)
    assert not intake.timelines[UID].has(M.FIRST_UNSCHEDULABLE)


def test_a_pod_first_seen_after_its_gates_went_has_none() -> None:
    """Nobody saw them, and nothing tells when they went."""
    intake = versions(gated(), refused(0))
    assert not intake.timelines[UID].has(M.GATES_REMOVED)
    facts = intake.timelines[UID].facts
    assert facts is not None
    assert facts.scheduling_gates == ()


def test_after_a_restart_the_condition_remembers_the_gates() -> None:
    """A new process knows the pod from its store, and not what the last version showed."""
    intake = versions(gated(*GATES))
    feed = PodFeed(intake)
    feed.line(line("MODIFIED", gated()), arrived=ARRIVED, live=True)
    feed.line(line("MODIFIED", gated()), arrived=ARRIVED + SECOND, live=True)
    assert [each.at for each in intake.timelines[UID].evidence[GONE]] == [ARRIVED]


def test_gates_that_went_while_the_stream_was_cut_went_at_an_unknown_time() -> None:
    """A listing shows that they are gone and not since when."""
    intake = versions(gated(*GATES))
    feed = PodFeed(intake)
    feed.begin()
    feed.item(raw(gated()), arrived=ARRIVED)
    feed.end("9", arrived=ARRIVED)
    assert [each.source for each in intake.timelines[UID].evidence[GONE]] == [Source.LISTED]


def test_a_bound_pod_that_had_gates_lost_them_at_the_latest_then() -> None:
    """The API binds no pod that has gates."""
    intake = versions(gated(*GATES), ready_pod())
    assert intake.timelines[UID].has(M.GATES_REMOVED)


def test_the_condition_of_a_refused_pod_names_the_second() -> None:
    """It turned False with the first attempt that found no node, and the watch bounds it from above."""
    stated, seen = evidence(read(refused(5)), FIRST)
    assert (stated.source, stated.earliest, stated.latest) == (
        Source.CONDITION, CREATED_NS + 5 * SECOND, CREATED_NS + 6 * SECOND - 1,
    )  # fmt: skip
    assert (seen.source, seen.latest) == (Source.WATCH, ARRIVED)


def test_a_condition_as_old_as_the_pod_may_be_of_its_gates() -> None:
    """A pod with gates has the condition from its creation on: it only bounds the first attempt from below."""
    stated, _ = evidence(read(refused(0)), FIRST)
    assert (stated.earliest, stated.latest) == (CREATED_NS, None)


def test_a_gated_pod_was_not_refused() -> None:
    """The scheduler does not look at it."""
    said = read(gated(*GATES))
    assert FIRST not in {each.mark for each in said if isinstance(each, Witnessed)}
    assert any(isinstance(each, Noted) and each.reason == "SchedulingGated" for each in said)


@pytest.mark.parametrize(
    ("outcome", "evicts"),
    [
        ("", True),
        ("preemption: found a potential placement for pod on node node-1, preempting 2 victims", True),
        ("preemption: not eligible due to a terminating pod on the nominated node.", True),
        ("preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.", False),
    ],
)
def test_a_nominated_node_is_a_preemption_where_the_scheduler_evicts(outcome: str, *, evicts: bool) -> None:
    """v1.34 says nothing of preemption that succeeds, v1.37 where; an autoscaler may nominate a node as well."""
    message = f"0/2 nodes are available: 2 Insufficient cpu. {outcome}"
    said = read(refused(1, message=message, nominatedNodeName="node-1"))
    assert (Mark(M.PREEMPTION) in {each.mark for each in said if isinstance(each, Witnessed)}) is evicts


def test_a_refusal_is_timed_to_the_microsecond() -> None:
    """The scheduler stamps its Events with eventTime; first and last attempt are one here."""
    (said,) = said_by("FailedScheduling", WORDS, type="Warning").values()
    for mark in (FIRST, LAST):
        assert evidence(said, mark) == (Evidence(Source.EVENT_TIME, AT, None, AT, ARRIVED),)
    assert said[-1] == Noted(UID, "FailedScheduling", "", WORDS, AT, 1)


def test_a_refusal_that_evicts_others_dates_the_preemption() -> None:
    """v1.37 says so in the refusal itself, before the victims hear of it; an attempt that evicts nobody does not."""
    message = "0/2 nodes are available: 2 Insufficient cpu. preemption: found a potential placement for pod on node n"
    (said,) = said_by("FailedScheduling", message, type="Warning").values()
    assert evidence(said, Mark(M.PREEMPTION)) == (Evidence(Source.EVENT_TIME, AT, None, AT, ARRIVED),)
    (said,) = said_by("FailedScheduling", WORDS, type="Warning").values()
    assert Mark(M.PREEMPTION) not in {each.mark for each in said if isinstance(each, Witnessed)}


def test_a_series_of_refusals_says_how_many_and_when_the_last_was() -> None:
    """Its words are those of the first attempt, and were said then."""
    series = {"count": 7, "lastObservedTime": "2026-11-23T19:17:09.250000Z"}
    (said,) = said_by("FailedScheduling", WORDS, type="Warning", series=series).values()
    assert [each.at for each in evidence(said, FIRST)] == [AT]
    assert [each.at for each in evidence(said, LAST)] == [CREATED_NS + 8 * SECOND + 250_000_000]
    assert said[-1] == Noted(UID, "FailedScheduling", "", WORDS, AT, 7)


def test_a_refusal_by_a_scheduler_of_the_older_events_counts_too() -> None:
    """Other schedulers count in lastTimestamp, to the second."""
    (said,) = said_by("FailedScheduling", WORDS, micro=False, count=3, lastTimestamp=stamp(9)).values()
    (last,) = evidence(said, LAST)
    assert (last.source, last.latest) == (Source.EVENT_SECOND, CREATED_NS + 10 * SECOND - 1)
    assert said[-1] == Noted(UID, "FailedScheduling", "", WORDS, NAMED, 3)


def test_what_the_scheduler_says_of_a_pod_that_is_deleted_is_no_refusal() -> None:
    """It skips the pod without looking for a node."""
    assert said_by("FailedScheduling", "skip schedule deleting pod: shop/web-1", type="Warning") == {}


def test_karpenters_own_words_are_kept_apart_from_the_schedulers() -> None:
    """Both say FailedScheduling; what Karpenter could not make is no attempt of the scheduler."""
    message = 'Failed to schedule pod, incompatible with nodepool "default"'
    (said,) = said_by("FailedScheduling", message, micro=False, type="Warning").values()
    assert said == [Noted(UID, "KarpenterFailedScheduling", "", message, NAMED, 1)]


def preempted(message: str, **more: Any) -> dict[str, list[Observation]]:
    """What the Event of a victim says."""
    return said_by("Preempted", message, **more)


def test_a_preemption_tells_both_sides() -> None:
    """The victim learns for whom it goes, the preemptor who goes for it."""
    by = {"kind": "Pod", "namespace": "shop", "name": "big", "uid": BIG}
    said = preempted(f"Preempted by pod {BIG} on node node-1", related=by)
    text = "Preempted by pod shop/big on node node-1"
    assert said[UID] == [Noted(UID, "Preempted", "", text, AT), Blamed(UID, Cause.PREEMPTION, text)]
    told = Evidence(Source.EVENT_TIME, AT, None, AT, ARRIVED)
    assert said[BIG] == [Witnessed(BIG, Mark(M.PREEMPTION), (told,), "shop/web-1")]


def test_without_the_related_object_the_preemptor_is_known_by_its_uid() -> None:
    """v1.37 loses it: the name is that of the pod of this uid, where that was seen."""
    intake = RecordingIntake()
    PodFeed(intake).line(line("ADDED", pod("big", uid=BIG)), arrived=ARRIVED, live=True)
    body = event("Preempted", container="", message=f"Preempted by pod {BIG} on node node-1")
    EventFeed(intake).line(line("ADDED", body), arrived=ARRIVED, live=True)
    assert intake.of(UID, Blamed) == [Blamed(UID, Cause.PREEMPTION, "Preempted by pod shop/big on node node-1")]
    assert intake.timelines[BIG].details[Mark(M.PREEMPTION)] == "shop/web-1"


def test_a_preemptor_that_nobody_saw_is_named_by_its_uid() -> None:
    """Its own record begins with its victims."""
    said = preempted(f"Preempted by pod {BIG} on node node-1")
    assert Blamed(UID, Cause.PREEMPTION, f"Preempted by pod {BIG} on node node-1") in said[UID]
    assert Mark(M.PREEMPTION) in {each.mark for each in said[BIG] if isinstance(each, Witnessed)}


def test_a_victim_that_was_not_bound_yet_is_not_deleted() -> None:
    """v1.37 takes a pod that waits to be bound off the node in the scheduler's own memory."""
    by = {"kind": "Pod", "namespace": "shop", "name": "big", "uid": BIG}
    said = preempted(f"Preempted by pod {BIG} on node node-1 (in kube-scheduler memory).", related=by)
    assert not any(isinstance(each, Blamed) for each in said[UID])
    assert BIG in said


def test_a_group_of_pods_that_preempts_is_named_to_the_victim() -> None:
    """v1.37 preempts for groups too: there is no single pod that it is for."""
    by = {"kind": "PodGroup", "namespace": "shop", "name": "gang", "uid": BIG}
    said = preempted(f"Preempted by podgroup {BIG} on node node-1", related=by)
    assert said.keys() == {UID}
    assert Blamed(UID, Cause.PREEMPTION, "Preempted by podgroup shop/gang on node node-1") in said[UID]


def test_a_feed_takes_a_preemption_for_both_pods() -> None:
    """The Event is about the victim only; the preemptor may not even have been seen yet."""
    intake = RecordingIntake()
    by = {"kind": "Pod", "namespace": "shop", "name": "big", "uid": BIG}
    body = event("Preempted", container="", message=f"Preempted by pod {BIG} on node node-1", related=by)
    EventFeed(intake).line(line("ADDED", body), arrived=ARRIVED, live=True)
    assert intake.timelines[BIG].has(M.PREEMPTION)
    assert intake.timelines[UID].blamed is not None


@pytest.mark.parametrize(
    ("reason", "message", "detail"),
    [
        ("TriggeredScaleUp", "pod triggered scale-up: [{pool-a 1->2 (max: 10)}]", "[{pool-a 1->2 (max: 10)}]"),
        ("Nominated", "Pod should schedule on: nodeclaim/default-x7k2q", "nodeclaim/default-x7k2q"),
        ("Nominated", "Pod should schedule on: machine/default-8v7k2", "machine/default-8v7k2"),
    ],
)
def test_a_request_for_a_node_is_a_milestone_with_what_was_asked_for(reason: str, message: str, detail: str) -> None:
    """The cluster-autoscaler's word and Karpenter's."""
    (said,) = said_by(reason, message, micro=False).values()
    assert [(each.mark, each.detail) for each in said if isinstance(each, Witnessed)] == [
        (Mark(M.SCALE_UP_REQUESTED), detail)
    ]
    assert Noted(UID, reason, "", message, NAMED, 1, NAMED) in said


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("Nominated", "Pod should schedule on: node/ip-10-0-1-23"),
        ("Nominated", "Pod should schedule on: nodeclaim/default-x7k2q, node/ip-10-0-1-23"),
        ("Nominated", "Pod should schedule on: machine/default-8v7k2, node/ip-10-0-1-23"),
        ("Nominated", "Pod should schedule on node: ip-10-0-1-23"),
        ("NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached"),
    ],
)
def test_words_that_ask_for_no_new_node_are_only_noted(reason: str, message: str) -> None:
    """A node that Karpenter names is there already; the autoscaler says why it asks for none."""
    (said,) = said_by(reason, message, micro=False).values()
    assert said == [Noted(UID, reason, "", message, NAMED, 1, NAMED)]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("Undetermined", "1/1 tasks in gang unschedulable: pod group is not ready, 1 Pending, 1 minAvailable"),
        ("Schedulable", "Pod shop/web-1 can possibly be assigned to node-3, once minAvailable is satisfied"),
        ("SchedulingSkipped", "queue quota"),
        ("SchedulerError", "binding rejected"),
        ("Undetermined", ""),
    ],
)
def test_any_scheduler_that_looked_and_did_not_bind_has_refused(reason: str, message: str) -> None:
    """Of the reasons only SchedulingGated says that nobody looked (corev1, PodScheduled)."""
    why = condition("PodScheduled", 5, status="False", reason=reason, message=message)
    said = read(pod(status={"conditions": [why]}))
    assert evidence(said, FIRST)[0].earliest == CREATED_NS + 5 * SECOND
    assert [each.text for each in said if isinstance(each, Noted)] == [message or reason]


@pytest.mark.parametrize(
    ("reason", "message", "refused"),
    [
        ("PodUnschedulable", "Task shop/web-1 is pending for the requested resources become available", True),
        ("Informational", "Unschedulable request 'a-1': node(s) had no room (5x); ", True),
        ("Informational", "Request 'a-1' does not fit in queue 'root.test' (requested map[], available map[])", True),
        ("Informational", "Request 'a-1' has become schedulable in queue 'root.test'", False),
    ],
)
def test_yunikorn_refuses_by_events_of_its_own(reason: str, message: str, *, refused: bool) -> None:
    """yunikorn-k8shim, ``PublishEvents`` and ``HandleContainerStateUpdate``."""
    said = [each for told in said_by(reason, message, micro=False).values() for each in told]
    assert (FIRST in {each.mark for each in said if isinstance(each, Witnessed)}) is refused
    assert [each.reason for each in said if isinstance(each, Noted)] == ["FailedScheduling"] * refused


Taints = dict[tuple[Taint, ...], int]
NO_KEY = "0/2 nodes are available: 2 node(s) had untolerated taint(s)."


def kept_out(message: str, *tolerations: dict[str, Any], taints: Taints) -> list[str]:
    """What is noted of the taints of nodes as a pod is refused."""
    intake, body = RecordingIntake(), refused(1, message=message)
    body["spec"]["tolerations"] = list(tolerations)
    PodFeed(intake, SimpleNamespace(taints=taints)).line(line("ADDED", body), arrived=ARRIVED, live=True)
    return [each.text for _, each in intake.taken if isinstance(each, Noted) and each.reason == UNTOLERATED]


def test_taints_that_the_scheduler_does_not_name_are_those_of_the_watched_nodes() -> None:
    """Where it names them, or no node is known to have any, nothing is added; nor of what the pod tolerates."""
    taints: Taints = {(Taint("node.kubernetes.io/not-ready", "", "NoSchedule"),): 2}
    named = "2 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
    assert kept_out(NO_KEY, taints=taints) == [named]
    evicts = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}
    assert kept_out(NO_KEY, evicts, taints=taints) == [named]
    assert kept_out(NO_KEY, {"operator": "Exists"}, taints=taints) == []
    assert kept_out(NO_KEY, taints={}) == []
    assert kept_out(WORDS, taints=taints) == []
