"""A rollout is told from its pods: when it began, when it was complete, and what held it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.support.fleets import NEW, OLD, Seconds, pod, rolling_update
from tests.support.lives import at, facts

from podtimeline.analysis.attribution.scaling import Request, Why, WorkloadHistory
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.analysis.rollout import LinkKind, Rollout, of_one, revision_of, revisions, rollout, rollout_for
from podtimeline.model.milestones import Phase
from podtimeline.model.workloads import WorkloadState


def told(
    views: list[ResolvedTimeline], *, revision: str = NEW, now: float = 600, desired: int | None = None
) -> Rollout:
    """The rollout of a revision that has pods."""
    found = rollout(views, revision=revision, now=at(now), desired=desired)
    assert found is not None
    return found


def test_a_rolling_update_begins_with_the_request_and_ends_with_the_last_old_pod() -> None:
    """As kubectl rollout status counts: new pods ready, old ones no longer wanted."""
    found = told(rolling_update())
    assert (found.started, found.complete) == (at(99.8), at(114.4))
    assert [(each.name, each.current) for each in found.members] == [
        ("web-old-a", False),
        ("web-old-b", False),
        ("web-new-a", True),
        ("web-new-b", True),
    ]


def test_surge_and_unavailable_count_pods_that_are_not_leaving() -> None:
    """One more than wanted at most, and never one too few: the old pod was asked to go once the new one was ready."""
    found = told(rolling_update())
    assert (found.desired, found.surge, found.unavailable) == (2, 1, 0)
    assert [(each.wanted, each.up) for each in found.levels[:3]] == [(2, 2), (3, 2), (3, 3)]
    assert found.levels[-1].current_up == 2


def asked(
    wanted: int, why: Why = Why.REVISION, *, met: float | None = None, kind: str = "Deployment"
) -> WorkloadHistory:
    """A workload whose latest request was for so many pods, which there were at ``met``."""
    state = WorkloadState(kind=kind, namespace="shop", name="web", uid="d", version=9, created=at(-600), wanted=wanted)
    latest = Request(why, 9, (), 0, wanted, met=None if met is None else at(met))
    return WorkloadHistory(state, since=0, born=0, birth=(), requests=(latest,))


def going_on() -> list[ResolvedTimeline]:
    """The first new pod is ready, the second one is not."""
    return [*rolling_update()[:3], pod("web-new-b", NEW, Seconds(110.3, requested=99.8))]


def test_one_that_goes_on_is_measured_by_what_its_workload_wants() -> None:
    """Its own pods do not tell how many there are to be."""
    alone = rollout_for(going_on(), None, revision=NEW, now=at(112))
    assert alone is not None
    assert (alone.complete, alone.desired, alone.surge, alone.unavailable) == (None, None, None, None)
    found = rollout_for(going_on(), asked(2), revision=NEW, now=at(112))
    assert found is not None
    assert (found.complete, found.desired, found.surge, found.unavailable) == (None, 2, 1, 0)


def test_it_is_complete_only_once_there_are_as_many_pods_as_were_asked_for() -> None:
    """A quota refuses the third one: those that there are do not make it complete."""
    views = rolling_update()
    refused = rollout_for(views, asked(3), revision=NEW, now=at(600))
    assert refused is not None
    assert (refused.complete, refused.desired) == (None, 3)
    met = rollout_for(views, asked(2, met=111), revision=NEW, now=at(600))
    assert met == rollout(views, revision=NEW, now=at(600))


def test_what_is_asked_for_later_is_no_part_of_it() -> None:
    """A scale-up that is refused leaves the rollout before it complete; of a Job so many at a time are wanted."""
    views, alone = rolling_update(), rollout(rolling_update(), revision=NEW, now=at(600))
    assert rollout_for(views, asked(9, Why.SCALED), revision=NEW, now=at(600)) == alone
    assert rollout_for(views, asked(9, kind="Job"), revision=NEW, now=at(600)) == alone


def test_a_workload_that_was_made_again_is_another_one() -> None:
    """Its name and even its revisions are those of the one before; its uid is not."""
    again = pod("web-new-c", OLD, Seconds(300, 305, requested=299.9))
    again = replace(again, workload=replace(again.workload, uid="d-2"))
    views = [*rolling_update(), again]
    assert [each.facts.name for each in of_one(views, revision=None)] == ["web-new-c"]
    assert [each.facts.name for each in of_one(views, revision=OLD)] == ["web-new-c"]
    assert of_one(views, revision=NEW) == tuple(rolling_update())
    assert of_one(views, revision="none") == ()


def test_a_pod_that_is_missing_is_counted_as_unavailable() -> None:
    """A replacement in place: the old pod goes before the new one comes."""
    views = [
        pod("web-0", OLD, Seconds(-500, -490, 100, 105), kind="StatefulSet"),
        pod("web-0", NEW, Seconds(105.1, 109, requested=99.9), kind="StatefulSet"),
    ]
    found = told(views)
    assert (found.desired, found.surge, found.unavailable) == (1, 0, 1)


def test_the_chain_lies_end_to_end_and_names_what_each_step_waited_for() -> None:
    """The second new pod was made when the first was ready; what is left between is the controller's."""
    found = told(rolling_update())
    assert [(each.kind, each.pod) for each in found.chain] == [
        (LinkKind.CONTROLLER, ""),
        (LinkKind.STARTUP, "web-new-a"),
        (LinkKind.CONTROLLER, ""),
        (LinkKind.STARTUP, "web-new-b"),
        (LinkKind.CONTROLLER, ""),
    ]
    assert found.chain[0].start == found.started
    assert [each.start for each in found.chain[1:]] == [each.end for each in found.chain[:-1]]
    assert found.complete is not None
    assert sum(each.duration for each in found.chain) == found.complete - found.started
    assert sum(each.duration for each in found.held) == found.complete - found.started


def test_the_longest_phase_of_the_chain_holds_the_rollout() -> None:
    """Both pods waited for their readiness probe most: 7.2 s and 1.2 s."""
    top = told(rolling_update()).held[0]
    assert (top.phase, top.pods) == (Phase.READINESS_PROBE, ("web-new-a", "web-new-b"))
    assert round(top.duration / 1e9, 1) == 8.4


def test_a_statefulset_waits_for_the_old_pod_to_go() -> None:
    """The termination of the old pod is part of what held the update."""
    views = [
        pod("web-0", OLD, Seconds(-500, -490, 100, 130), kind="StatefulSet"),
        pod("web-0", NEW, Seconds(130.1, 134, requested=99.9), kind="StatefulSet"),
    ]
    found = told(views)
    kinds = [each.kind for each in found.chain]
    assert kinds == [LinkKind.CONTROLLER, LinkKind.TERMINATION, LinkKind.CONTROLLER, LinkKind.STARTUP]
    assert found.held[0].duration >= 29 * 10**9


def test_a_removal_that_is_told_late_still_made_room_for_the_next_pod() -> None:
    """Its delivery came 50 ms after that of the pod whose name it freed."""
    views = [
        pod("web-0", OLD, Seconds(-500, -490, 100, 130.15), kind="StatefulSet"),
        pod("web-0", NEW, Seconds(130.1, 134, requested=99.9), kind="StatefulSet"),
    ]
    kinds = [each.kind for each in told(views).chain]
    assert kinds == [LinkKind.CONTROLLER, LinkKind.TERMINATION, LinkKind.STARTUP]


def test_a_rollout_that_goes_on_is_not_complete() -> None:
    """A new pod is not ready, so nothing is said of what held it in the end."""
    views = [*rolling_update()[:3], pod("web-new-b", NEW, Seconds(110.3, requested=99.8))]
    found = told(views, now=120)
    assert (found.complete, found.desired, found.surge, found.chain) == (None, None, None, ())


def test_pods_that_are_wanted_and_not_there_keep_it_going() -> None:
    """A quota refuses the third pod: the two that are ready are not what was asked for."""
    views = [pod(f"web-{number}", NEW, Seconds(100, 104, requested=99)) for number in range(2)]
    assert told(views, desired=3).complete is None
    assert told(views, desired=2).complete == at(104)


def test_a_replacement_long_after_is_no_part_of_the_rollout() -> None:
    """A pod that was killed a minute later comes back without a request of its own."""
    views = [*rolling_update(), pod("web-new-c", NEW, Seconds(300, 304))]
    found = told(views)
    assert found.complete == at(114.4)
    assert "web-new-c" not in {each.name for each in found.members}


def test_a_scale_up_later_does_not_prolong_the_rollout() -> None:
    """Its request is another one."""
    views = [*rolling_update(), pod("web-new-c", NEW, Seconds(300, 304, requested=299.5))]
    assert told(views).complete == at(114.4)


def test_the_first_rollout_has_no_pods_to_miss() -> None:
    """What was never there is not unavailable."""
    found = told([pod("web-a", NEW, Seconds(100, 104, requested=99.5))])
    assert (found.desired, found.surge, found.unavailable) == (1, 0, None)


def test_an_older_revision_was_complete_before_the_next_one_began() -> None:
    """Its pods went later: that is the next rollout's business."""
    found = told(rolling_update(), revision=OLD)
    assert (found.started, found.complete, found.superseded) == (at(-500.1), at(-489), None)
    assert {each.name for each in found.members} == {"web-old-a", "web-old-b"}


def test_a_rollout_that_the_next_revision_took_over_was_never_complete() -> None:
    """Its second pod never became ready."""
    views = [
        pod("web-old-a", OLD, Seconds(100, 110, 121, 123, requested=99)),
        pod("web-old-b", OLD, Seconds(100, None, 120.1, 122, requested=99)),
        pod("web-new-a", NEW, Seconds(120, 125, requested=119.9)),
    ]
    found = told(views, revision=OLD)
    assert (found.complete, found.superseded) == (None, at(120))


def test_revisions_are_listed_from_the_newest() -> None:
    """By the creation of the first pod of each."""
    assert revisions(rolling_update()) == (NEW, OLD)


def test_a_pod_without_the_labels_of_a_controller_has_no_revision() -> None:
    """A custom workload need not label its pods."""
    view = replace(rolling_update()[0], facts=facts())
    assert revision_of(view) == ""


MOMENT = st.floats(0, 300).map(lambda seconds: round(seconds, 3))


@st.composite
def fleets(draw: st.DrawFn) -> list[ResolvedTimeline]:
    """Pods of two revisions that came and went at any time."""
    views = []
    for number in range(draw(st.integers(1, 6))):
        created = draw(MOMENT)
        ready = draw(st.none() | MOMENT)
        leaving = draw(st.none() | MOMENT)
        removed = draw(st.none() | MOMENT)
        leaving = None if leaving is None else created + leaving
        removed = None if leaving is None or removed is None else leaving + removed
        ready = None if ready is None else created + 3 + ready
        requested = draw(st.none() | MOMENT)
        kind = draw(st.sampled_from(["Deployment", "StatefulSet"]))
        steps = Seconds(created, ready, leaving, removed, requested if requested and requested < created else None)
        views.append(pod(f"web-{number}", draw(st.sampled_from([OLD, NEW])), steps, kind=kind))
    return views


@given(fleets(), st.none() | st.integers(1, 4))
def test_whatever_pods_did_the_chain_sums_exactly(views: list[ResolvedTimeline], desired: int | None) -> None:
    """From the request to the completion, without a gap and without a negative link."""
    found = rollout(views, revision=NEW, now=at(1000), desired=desired)
    if found is None or found.complete is None:
        return
    assert min((each.duration for each in found.chain), default=0) >= 0
    assert sum(each.duration for each in found.chain) == found.complete - found.started
    assert sum(each.duration for each in found.held) == found.complete - found.started
    assert min(each.duration for each in found.held) > 0 if found.held else True
