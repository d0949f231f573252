"""Who asked for a deletion: a controller by its words or its state, a namespace, or somebody, by exclusion."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.lives import at
from tests.support.workloads import replicaset, workload

from podtimeline.analysis.attribution.deletion import GENERATION, REVISION, ControllerFacts, DeletionCase, judged
from podtimeline.model.instants import Source, intersect, just_after, within_second
from podtimeline.model.observations import Cause, DeletionCause
from podtimeline.model.pods import Owner
from podtimeline.model.workloads import WorkloadState

OLD = replace(replicaset(), wanted=0, have=1)
WEB = workload("Deployment", "web", "d-1", wanted=3)
NOW = intersect(
    (
        just_after(Source.WATCH, at(100.4), observed=at(100.4)),
        within_second(Source.FIELD, at(100), observed=at(100.4)),
    )
)


def case(state: WorkloadState | None, *, name: str = "web-abc-x", **more: Any) -> DeletionCase:
    """A pod of that controller, deleted at 100 s."""
    owner = None if state is None else Owner(state.kind, state.name, state.uid)
    base: dict[str, Any] = {
        "uid": "uid-1", "namespace": "shop", "name": name, "owner": owner, "labels": (), "node": "node-1",
        "asked": NOW, "over": False, "watched": True,
    }  # fmt: skip
    return DeletionCase(**(base | more))


def said(pod: DeletionCase, state: WorkloadState | None, **known: Any) -> tuple[Cause, str] | None:
    """What is said of a controller that says that it deleted the pod."""
    return told(
        judged(pod, ControllerFacts(state=state, said="Deleted pod: web-abc-x", **known), doomed=None, final=True)
    )


def told(deletion_cause: DeletionCause | None) -> tuple[Cause, str] | None:
    """The cause and its words."""
    return None if deletion_cause is None else (deletion_cause.cause, deletion_cause.text)


def finally_(pod: DeletionCase, **known: Any) -> Cause | None:
    """What is concluded when nothing more comes, of a controller that said nothing."""
    assert judged(pod, ControllerFacts(**known), doomed=None, final=False) is None
    deletion_cause = judged(pod, ControllerFacts(**known), doomed=None, final=True)
    return None if deletion_cause is None else deletion_cause.cause


def test_a_replicaset_of_a_former_revision_gives_way() -> None:
    """Its Deployment has a newer one, or makes one when all of these pods are gone."""
    pod = case(OLD)
    text = "Deployment web is at revision 2, the pod belongs to 1"
    assert said(pod, OLD, above=WEB, newest=2) == (Cause.ROLLOUT, text)
    assert said(pod, OLD, above=WEB, newest=1) == (Cause.ROLLOUT, "Deployment web replaces all its pods at once")


def test_a_replicaset_that_is_the_latest_wants_fewer() -> None:
    """By the number that whoever scaled it wrote."""
    state = replace(OLD, wanted=1, have=2)
    assert said(case(state), state, above=replace(WEB, wanted=1), newest=1) == (
        Cause.SCALE_DOWN,
        "ReplicaSet web-abc wants 1 pod",
    )
    bare = replace(state, owner=None, wanted=2)
    assert said(case(bare), bare) == (Cause.SCALE_DOWN, "ReplicaSet web-abc wants 2 pods")
    gone = replace(WEB, wanted=0)
    assert said(case(OLD), OLD, above=gone, newest=1) == (Cause.SCALE_DOWN, "ReplicaSet web-abc wants 0 pods")


def test_words_are_believed_at_once_only_where_it_is_known_why() -> None:
    """The controller as it is known may be older than its words: then nobody is told that it wants fewer."""
    former = workload("DaemonSet", "agent", "ds-1", wanted=3, revision="3")
    pod = case(former, labels=((GENERATION, "3"),))
    words = "Deleted pod: web-abc-x"
    assert judged(pod, ControllerFacts(state=former, said=words), doomed=None, final=False) is None
    newer = judged(pod, ControllerFacts(state=replace(former, revision="4"), said=words), doomed=None, final=False)
    assert newer == DeletionCause("uid-1", Cause.ROLLOUT, "DaemonSet agent is at revision 4")


def test_a_statefulset_shrinks_from_its_end_and_replaces_by_revision() -> None:
    """The ordinal tells which; neither says why a pod of the latest revision within the range went."""
    state = workload("StatefulSet", "db", "s-1", wanted=2, first=1, revision="db-2")
    former = ((REVISION, "db-1"),)
    assert said(case(state, name="db-3", labels=former), state) == (Cause.SCALE_DOWN, "StatefulSet db wants 2 pods")
    assert said(case(state, name="db-0"), state) == (Cause.SCALE_DOWN, "StatefulSet db wants 2 pods")
    assert said(case(state, name="db-2", labels=former), state) == (Cause.ROLLOUT, "StatefulSet db is at revision db-2")
    latest = case(state, name="db-2", labels=((REVISION, "db-2"),))
    assert said(latest, state) == (Cause.CONTROLLER, "Deleted pod: web-abc-x")


def test_a_daemonset_replaces_by_generation_and_leaves_nodes() -> None:
    """A pod that had failed is only made anew."""
    state = workload("DaemonSet", "agent", "ds-1", wanted=3, revision="4")
    former = case(state, labels=((GENERATION, "3"),))
    assert said(former, state) == (Cause.ROLLOUT, "DaemonSet agent is at revision 4")
    latest = case(state, labels=((GENERATION, "4"),))
    assert said(latest, state) == (Cause.SCALE_DOWN, "DaemonSet agent wants no pod on node-1")
    assert said(replace(latest, over=True), state) == (Cause.CONTROLLER, "Deleted pod: web-abc-x")


def test_a_job_that_is_suspended_wants_none() -> None:
    """One that is over, or any other controller, has only its words."""
    state = workload("Job", "nightly", "j-1", wanted=1, paused=True)
    assert said(case(state), state) == (Cause.SCALE_DOWN, "Job nightly is suspended")
    over = replace(state, paused=False, over=True)
    assert said(case(over), over) == (Cause.CONTROLLER, "Deleted pod: web-abc-x")
    assert said(case(over), None) == (Cause.CONTROLLER, "Deleted pod: web-abc-x")


def test_what_happened_to_the_owner_before_happened_to_the_pod() -> None:
    """It is gone, or being deleted; what came later is no cause."""
    pod, text = case(OLD), "ReplicaSet web-abc was deleted"
    for known in ({"gone": at(100)}, {"gone": at(101)}, {"state": replace(OLD, leaving=at(100))}):
        assert told(judged(pod, ControllerFacts(**known), doomed=None, final=False)) == (Cause.OWNER_DELETED, text)
    for known in ({"gone": at(104)}, {"state": replace(OLD, leaving=at(101))}):
        assert judged(pod, ControllerFacts(**known), doomed=None, final=False) is None


def test_a_namespace_takes_all_of_its_pods_with_it() -> None:
    """Unless they were deleted before it was."""
    pod = case(None)
    assert told(judged(pod, None, doomed=at(100), final=False)) == (Cause.NAMESPACE, "namespace shop is being deleted")
    later = judged(pod, None, doomed=at(101), final=True)
    assert later == DeletionCause("uid-1", Cause.DIRECT)


def test_a_pod_of_nobody_was_deleted_by_somebody() -> None:
    """Once nothing else can be told any more."""
    assert judged(case(None), None, doomed=None, final=False) is None
    assert judged(case(None), None, doomed=None, final=True) == DeletionCause("uid-1", Cause.DIRECT)


@pytest.mark.parametrize(
    "state",
    [
        replicaset(have=2),
        workload("StatefulSet", "web", "s-1", wanted=3, revision="web-2"),
        workload("DaemonSet", "web", "ds-1", wanted=3, revision="4"),
        workload("Job", "web", "j-1", wanted=1),
    ],
)
def test_somebody_is_blamed_where_the_controller_still_wants_the_pod(state: WorkloadState) -> None:
    """And where that is known; nobody is where the request itself was not seen."""
    labels = ((REVISION, "web-2"), (GENERATION, "4"))
    pod = case(state, name="web-1", labels=labels)
    assert finally_(pod, state=state) is Cause.DIRECT
    assert finally_(pod) is None
    assert finally_(replace(pod, watched=False), state=state) is None
    stranger = replace(state, kind="Rollout")
    assert finally_(pod, state=stranger) is None


@pytest.mark.parametrize(
    ("surplus", "cause"),
    [
        ((at(99), None), Cause.SCALE_DOWN),
        ((at(99), at(99.5)), Cause.SCALE_DOWN),
        ((at(101), at(101.5)), Cause.SCALE_DOWN),
        ((at(90), at(91)), Cause.DIRECT),
        ((at(110), None), Cause.DIRECT),
    ],
)
def test_events_that_were_dropped_are_made_up_for_by_what_was_wanted(
    surplus: tuple[int, int | None], cause: Cause
) -> None:
    """A ReplicaSet that had more pods than it wanted, at about that time."""
    state = replace(OLD, wanted=1, have=1)
    assert finally_(case(state), state=state, above=WEB, newest=1, surplus=surplus) is cause


def test_revisions_make_up_for_dropped_events_too() -> None:
    """But not where pods of former revisions are left to whoever deletes them."""
    state = workload("DaemonSet", "agent", "ds-1", wanted=3, revision="4")
    pod = case(state, labels=((GENERATION, "3"),))
    assert finally_(pod, state=state) is Cause.ROLLOUT
    by_hand = replace(state, by_hand=True)
    assert finally_(pod, state=by_hand) is Cause.DIRECT
    db = workload("StatefulSet", "db", "s-1", wanted=3, revision="db-2", partition=2)
    former = ((REVISION, "db-1"),)
    assert finally_(case(db, name="db-2", labels=former), state=db) is Cause.ROLLOUT
    assert finally_(case(db, name="db-1", labels=former), state=db) is Cause.DIRECT
    assert finally_(case(db, name="db-7"), state=db) is Cause.SCALE_DOWN


def test_of_a_job_that_is_over_nothing_is_concluded_while_its_pod_ran() -> None:
    """It may have ended it: such words are dropped where there are many."""
    over = workload("Job", "nightly", "j-1", over=True)
    assert finally_(case(over), state=over) is None
    assert finally_(case(over, over=True), state=over) is Cause.DIRECT
    suspended = replace(over, over=False, paused=True)
    assert finally_(case(suspended), state=suspended) is Cause.SCALE_DOWN
