"""What a pod that is to be deleted says of itself: since when, held by what, by whom, and how its containers end."""

from typing import Any

import pytest
from tests.sources.pods.test_decode import ALL_UP, ARRIVED, evidence, marks, read, within
from tests.support.objects import condition, container, ready_pod, stamp, terminated

from podtimeline.model.instants import Evidence, Source
from podtimeline.model.milestones import Mark, Milestone
from podtimeline.model.observations import Blamed, Cause, Ended, Leaves

M = Milestone
ASKED = ALL_UP | {Mark(M.DELETION_REQUESTED)}


def leaving(seconds: int = 40, *, grace: int = 30, **parts: Any) -> dict[str, Any]:
    """A version whose deletionTimestamp is so many seconds after the creation."""
    more = {"deletionTimestamp": stamp(seconds), "deletionGracePeriodSeconds": grace}
    return ready_pod(**parts | {"metadata": more | parts.get("metadata", {})})


def disrupted(reason: str, text: str, **more: Any) -> dict[str, Any]:
    """A version with the condition DisruptionTarget."""
    body = leaving()
    body["status"]["conditions"].append(condition("DisruptionTarget", 9, reason=reason, message=text, **more))
    return body


def test_its_grace_and_finalizers_are_told_with_the_request() -> None:
    """Once: what the kubelet asks for at last has a grace of 0."""
    body = leaving(metadata={"finalizers": ["shop.test/ledger", "shop.test/books"]})
    assert Leaves("uid-web-1", 30, ("shop.test/ledger", "shop.test/books")) in read(body)
    assert [each for each in read(body, known=ASKED) if isinstance(each, Leaves)] == []


@pytest.mark.parametrize(
    ("grace", "live", "bounds"), [(0, True, 40), (0, False, None), (1, False, None), (2, False, 38)]
)
def test_a_grace_that_may_have_been_shortened_bounds_the_request_from_above(
    *, grace: int, live: bool, bounds: int | None
) -> None:
    """Shortening it moves the stamp to that moment; a live watch would have shown the request before."""
    found = (evidence(read(leaving(grace=grace), live=live), M.DELETION_REQUESTED) or {})[Source.FIELD]
    expected = (None, within(40)[1]) if bounds is None else within(bounds)
    assert (found.earliest, found.latest) == expected


@pytest.mark.parametrize(
    ("body", "released"),
    [
        (leaving(grace=0, metadata={"finalizers": ["shop.test/ledger"]}), True),
        (leaving(grace=0), False),
        (leaving(metadata={"finalizers": ["shop.test/ledger"]}), False),
    ],
)
def test_an_object_that_only_finalizers_hold_is_released(body: dict[str, Any], *, released: bool) -> None:
    """In the second of its deletionTimestamp: whoever set the grace to 0 moved it there."""
    found = evidence(read(body, known=ASKED), M.RELEASED)
    assert (found is not None) is released
    if found is not None:
        assert (found[Source.FIELD].earliest, found[Source.FIELD].latest) == within(40)
        assert found[Source.WATCH].at == ARRIVED
    gone = read(body, known=ASKED, removed=True)
    assert Mark(M.RELEASED) not in marks(gone)
    assert Mark(M.OBJECT_REMOVED) in marks(gone)


@pytest.mark.parametrize(("grace", "earliest"), [(0, within(40)[0]), (30, None)])
def test_a_removal_comes_after_the_last_request(grace: int, earliest: int | None) -> None:
    """The one that set the grace to 0, which the last version is stamped with."""
    found = evidence(read(leaving(grace=grace), known=ASKED, removed=True), M.OBJECT_REMOVED) or {}
    assert found[Source.WATCH].latest == ARRIVED
    assert (found[Source.FIELD].earliest if Source.FIELD in found else None) == earliest


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("PreemptionByScheduler", Cause.PREEMPTION),
        ("DeletionByTaintManager", Cause.TAINT),
        ("EvictionByEvictionAPI", Cause.EVICTION),
        ("DeletionByPodGC", Cause.POD_GC),
        ("TerminationByKubelet", Cause.NODE_PRESSURE),
    ],
)
def test_the_condition_names_who_asked(reason: str, cause: Cause) -> None:
    """With its words."""
    assert Blamed("uid-web-1", cause, "its words") in read(disrupted(reason, "its words"))


def test_a_condition_that_does_not_hold_blames_nobody() -> None:
    """It is taken back where the deletion did not come; and without a deletion nobody has asked for one."""
    stale = read(disrupted("EvictionByEvictionAPI", "", status="False"))
    unknown = read(disrupted("SomethingElse", ""))
    staying = ready_pod()
    staying["status"]["conditions"].append(condition("DisruptionTarget", 9, reason="EvictionByEvictionAPI"))
    said = (*stale, *unknown, *read(staying))
    assert [each for each in said if isinstance(each, Blamed)] == []


def test_the_collector_of_pods_is_heard_after_others() -> None:
    """It removes by force what others asked for and no kubelet answers to."""
    later = read(disrupted("DeletionByPodGC", "PodGC: node no longer exists"), known=ASKED)
    assert [each.cause for each in later if isinstance(each, Blamed)] == [Cause.POD_GC]
    assert [
        each for each in read(disrupted("EvictionByEvictionAPI", ""), known=ASKED) if isinstance(each, Blamed)
    ] == []


def test_an_end_that_nobody_saw_has_no_moment() -> None:
    """The kubelet lost the container: it ended before that was told; one that never ran has not ended at all."""
    lost = {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": "could not be located"}}
    body = leaving(status={"containerStatuses": [container(state=lost)]})
    found = evidence(read(body, known=ASKED | {Mark(M.STARTED, "web")}), M.FINISHED, "web")
    assert found is not None
    assert found[Source.WATCH] == Evidence(Source.WATCH, None, None, None, ARRIVED)
    assert evidence(read(body, known=ASKED - {Mark(M.STARTED, "web")}), M.FINISHED, "web") is None


@pytest.mark.parametrize(
    ("policy", "where", "own", "code", "finished"),
    [
        ("Never", "containerStatuses", None, 4, True),
        ("OnFailure", "containerStatuses", None, 4, False),
        ("Never", "containerStatuses", "Always", 0, False),
        ("Never", "initContainerStatuses", "Always", 0, False),
        ("Never", "initContainerStatuses", None, 4, True),
        ("OnFailure", "initContainerStatuses", None, 4, False),
        ("Always", "initContainerStatuses", None, 0, True),
        ("Always", "containerStatuses", "Never", 4, True),
    ],
)
def test_a_container_of_a_pod_that_stays_ends_for_good_where_none_starts_it_again(
    *, policy: str, where: str, own: str | None, code: int, finished: bool
) -> None:
    """Its own policy comes first: sidecars of a Job run on."""
    spec = [{"name": "web", "restartPolicy": own}]
    part = "initContainers" if where.startswith("init") else "containers"
    status = {"containerStatuses": None, where: [container(state=terminated(3, 9, code=code))]}
    body = ready_pod(spec={"restartPolicy": policy, "containers": [], part: spec}, status=status)
    assert (evidence(read(body), M.FINISHED, "web") is not None) is finished


@pytest.mark.parametrize(
    ("body", "leaving"),
    [
        (leaving(status={"phase": "Succeeded"}), True),
        (leaving(status={"phase": "Failed"}), True),
        (leaving(status={"phase": "Failed", "reason": "Evicted"}), False),
        (ready_pod(status={"phase": "Failed"}), False),
    ],
)
def test_an_end_that_comes_with_the_deletion_says_so(body: dict[str, Any], *, leaving: bool) -> None:
    """Unless the pod has a reason of its own."""
    assert [each.leaving for each in read(body) if isinstance(each, Ended)] == [leaving]


def test_an_init_container_that_is_stopped_with_its_pod_has_ended() -> None:
    """Whatever it exits with."""
    status = {"initContainerStatuses": [container("migrate", state=terminated(3, 9, code=143))]}
    body = leaving(spec={"initContainers": [{"name": "migrate"}]}, status=status)
    assert evidence(read(body), M.FINISHED, "migrate") is not None
