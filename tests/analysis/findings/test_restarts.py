"""Runs before readiness are part of a start, with their own phase; what comes after it leaves the start as it was."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.phases.test_spans import lengths, seen
from tests.support.lives import ANSWER, INIT, WEB, Life, at, container_start, facts, in_second, named, ordinary, watched

from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.instants import SECOND, Evidence, Source, exactly
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.observations import ImagePulled, Incident, IncidentKind, Noted, Observation, Ran, Witnessed
from podtimeline.model.pods import ContainerKind, ContainerSpec

UID = "uid-1"
M, P = Milestone, Phase
SIDE = ContainerSpec("side", ContainerKind.MAIN, "registry.test/side:1")


def began(seconds: int) -> Evidence:
    """The startedAt of a run, as a version of the pod states it."""
    return Evidence(Source.FIELD, at(seconds + 0.5), at(seconds - 1), at(seconds + 1) - 1, at(seconds + 0.9))


def until_started(*containers: ContainerSpec) -> Life:
    """A pod whose sandbox is up at 1 s."""
    life = Life().described(facts(*containers))
    life.saw(M.CREATED, in_second(0, Source.FIELD), watched(0))
    for milestone in (M.SCHEDULED, M.KUBELET_ADMITTED, M.IP_ASSIGNED):
        life.saw(milestone, watched(1))
    return life


def up(life: Life, seconds: float, *names: str) -> Life:
    """The pod and its containers are ready."""
    for name in names:
        life.saw(M.STARTUP_PROBE_PASSED, watched(seconds), subject=name)
        life.saw(M.CONTAINER_READY, watched(seconds), subject=name)
    return life.saw(M.CONTAINERS_READY, watched(seconds)).saw(M.READY, in_second(seconds), watched(seconds))


def test_runs_that_end_before_readiness_are_a_crash_loop_up_to_the_run_that_gets_ready() -> None:
    """Each run and the back-off after it, then what the last run took by itself."""
    life = container_start(until_started(WEB), "web", 1)
    life.saw(M.LAST_STARTED, began(9), subject="web").saw(M.LAST_STARTED, began(29), subject="web")
    told = seen(up(life, 35, "web").timeline())
    assert lengths(told.phases)[-2:] == [(P.CRASH_LOOP, 26.302), (P.READINESS_PROBE, 5.5)]
    instant = told.instant(M.LAST_STARTED, "web")
    assert instant is not None
    assert (instant.earliest, instant.latest, instant.skew) == (at(28), at(30) - 1, 0)
    assert told.instant(M.LAST_PULL_FAILURE, "web") is None


def test_an_attempt_is_not_before_the_step_that_came_before_it() -> None:
    """An Event's stamp only says not after; the pull that failed had been announced."""
    instant = seen(failed_pull(until_started(WEB)).timeline()).instant(M.LAST_PULL_FAILURE, "web")
    assert instant is not None
    assert (instant.earliest, instant.latest, instant.at) == (at(1), at(2), at(2))


def test_an_init_container_that_fails_first_loops_before_it_works() -> None:
    """Its own last run is all that it would have needed."""
    life = container_start(until_started(INIT, WEB), "migrate", 1)
    life.saw(M.LAST_STARTED, began(12), subject="migrate").saw(M.FINISHED, watched(15), subject="migrate")
    told = seen(up(container_start(life, "web", 15), 18, "web").timeline())
    assert [(each.phase, each.subject) for each in told.phases][4:7] == [
        (P.CONTAINER_START, "migrate"),
        (P.CRASH_LOOP, "migrate"),
        (P.INIT_RUN, "migrate"),
    ]
    assert sum(each.duration for each in told.phases) == told.total


def test_a_container_that_was_ready_and_lost_it_before_the_pod_was_holds_the_pod_up() -> None:
    """The others waited for it: the time since its first readiness is its crash loop, not a slow report."""
    life = container_start(container_start(until_started(WEB, SIDE), "web", 1), "side", 3.3)
    for seconds, name in ((4, "web"), (6, "side")):
        life.saw(M.STARTUP_PROBE_PASSED, watched(seconds), subject=name)
        life.saw(M.CONTAINER_READY, watched(seconds), subject=name)
    life.saw(M.LAST_STARTED, began(20), subject="web")
    told = seen(up(life, 22).timeline())
    assert [(each.phase, each.subject) for each in told.phases][-3:] == [
        (P.READINESS_PROBE, "web"),
        (P.CRASH_LOOP, "web"),
        (P.READINESS_PROBE, "web"),
    ]


def test_of_containers_that_one_report_shows_ready_the_last_one_started_is_charged() -> None:
    """While a postStart hook runs the kubelet reports nothing: what came after the hook tells when it was over."""
    first = ContainerSpec("first", ContainerKind.MAIN, "registry.test/first:1", post_start=True)
    life = container_start(container_start(until_started(first, SIDE), "first", 1), "side", 9)
    told = seen(up(life, 11.3, "first", "side").timeline())
    hook = next(each for each in told.phases if each.phase is P.POST_START)
    assert (hook.subject, hook.end) == ("first", at(9))


def failed_pull(life: Life) -> Life:
    """A pull that is announced at 1 s and fails at 2 s."""
    life.saw(M.PULL_STARTED, exactly(Source.EVENT_NAME, at(1), observed=at(1)), subject="web")
    return life.saw(M.LAST_PULL_FAILURE, named(2), subject="web")


def test_pulls_that_failed_are_a_back_off_up_to_the_pull_that_did_not() -> None:
    """The message of the last pull says how long it took with its queue: all before it is lost."""
    life = failed_pull(until_started(WEB)).saw(M.PULLED, named(20), subject="web")
    life.pulled("web", pull=3, waiting=5, seconds=20)
    assert lengths(seen(life.timeline()).phases)[1:] == [
        (P.IMAGE_BACKOFF, 14.0),
        (P.IMAGE_QUEUE, 2.0),
        (P.IMAGE_PULL, 3.0),
        (P.CONTAINER_CREATE, 40.0),
    ]


def test_an_image_that_is_found_in_the_end_was_missed_until_then() -> None:
    """Somebody loads it, or another pod pulls it: no pull of this pod's own ever succeeded."""
    for life in (failed_pull(until_started(WEB)), until_started(WEB).saw(M.LAST_PULL_FAILURE, named(2), subject="web")):
        life.saw(M.PULLED, named(20), subject="web")
        life.told.append(ImagePulled(UID, "web", "registry.test/web:1", cached=True, at=at(20)))
        assert (P.IMAGE_BACKOFF, 19.0) in lengths(seen(life.timeline()).phases)


def test_an_image_that_is_still_missed_is_an_open_back_off() -> None:
    """Whether there was a pull (a wrong name) or none (a policy of Never): it waits for an image."""
    for life in (failed_pull(until_started(WEB)), until_started(WEB).saw(M.LAST_PULL_FAILURE, named(2), subject="web")):
        last = seen(life.timeline()).phases[-1]
        assert (last.phase, last.open) == (P.IMAGE_BACKOFF, True)


MOMENT = st.integers(at(7), at(600))
SUBJECT = st.just("web")
_STEPS = (M.PULL_STARTED, M.PULLED, M.CONTAINER_CREATED, M.STARTED)
_ATTEMPTS = (M.LAST_PULL_FAILURE, M.LAST_SANDBOX_FAILURE, M.LAST_MOUNT_FAILURE)


def _reported(milestone: Milestone, moment: int) -> Witnessed:
    """A report of the kubelet's, of a later run."""
    subject = "" if milestone in {M.LAST_SANDBOX_FAILURE, M.LAST_MOUNT_FAILURE} else "web"
    return Witnessed(
        UID, MilestoneKey(milestone, subject), (Evidence(Source.EVENT_NAME, moment, None, moment, moment),)
    )


def _turned(milestone: Milestone, moment: int) -> Witnessed:
    second = moment // SECOND * SECOND
    stated = Evidence(Source.CONDITION, None, second, second + SECOND - 1, moment)
    return Witnessed(UID, MilestoneKey(milestone), (stated, Evidence(Source.WATCH, moment, None, moment, moment)))


LATER: st.SearchStrategy[list[Observation]] = st.lists(
    st.one_of(
        st.builds(Incident, st.just(UID), st.sampled_from(IncidentKind), MOMENT, st.text(max_size=3)),
        st.builds(Ran, st.just(UID), SUBJECT, st.integers(0, 30), MOMENT, MOMENT, st.integers(0, 255)),
        st.builds(Noted, st.just(UID), st.sampled_from(["Unhealthy", "BackOff"]), SUBJECT, st.text(max_size=3), MOMENT),
        st.builds(_reported, st.sampled_from(_STEPS + _ATTEMPTS), MOMENT),
        st.builds(_turned, st.sampled_from([M.READY, M.CONTAINERS_READY, M.INITIALIZED, M.SANDBOX_READY]), MOMENT),
        st.builds(
            lambda at, cached, pull: ImagePulled(UID, "web", "registry.test/web:2", cached=cached, at=at, pull=pull),
            MOMENT, st.booleans(), st.none() | st.integers(0, 60 * SECOND),
        ),
    ),
    max_size=30,
)  # fmt: skip
LOST = st.sets(st.sampled_from(_STEPS))


def _start(told: ResolvedTimeline) -> tuple[object, ...]:
    return (told.phases, told.startup, told.endpoint, told.total, told.outcome, told.missing, told.pulls, told.parallel)


@given(LATER, LOST)
def test_nothing_that_comes_after_readiness_reopens_or_stretches_a_start(
    later: list[Observation], lost: set[Milestone]
) -> None:
    """Resizes, reboots, flaps, restarts and pulls: even where the first reports of the start were lost."""
    life = ordinary().saw(M.SANDBOX_READY, in_second(1), watched(1.5))
    life.told = [each for each in life.told if not (isinstance(each, Witnessed) and each.mark.milestone in lost)]
    if Milestone.PULLED in lost:
        later = [each for each in later if not isinstance(each, ImagePulled)]
    before = view(life.timeline(), now=at(900))
    after = view(replace(life, told=[*life.told, *later]).timeline(), now=at(900))
    assert before is not None
    assert after is not None
    assert _start(after) == _start(before)


def test_incidents_are_listed_beside_the_start_in_order() -> None:
    """A sandbox that was changed before the pod was ready is part of its start, and so is readiness that comes."""
    told = (
        (IncidentKind.READY_AGAIN, 40),
        (IncidentKind.NOT_READY, 30),
        (IncidentKind.SANDBOX_CHANGED, 3),
        (IncidentKind.SANDBOX_CHANGED, 29),
        (IncidentKind.NOT_READY, 1),
        (IncidentKind.RESIZED, 4),
    )
    life = ordinary()
    life.told += [Incident(UID, incident, at(seconds)) for incident, seconds in told]
    assert [(each.incident, each.at) for each in seen(life.timeline()).incidents] == [
        (IncidentKind.RESIZED, at(4)),
        (IncidentKind.SANDBOX_CHANGED, at(29)),
        (IncidentKind.NOT_READY, at(30)),
        (IncidentKind.READY_AGAIN, at(40)),
    ]


def test_a_report_s_lag_is_how_much_later_the_watch_showed_it() -> None:
    """Known where the node stamped it; where nothing but the watch says when it was, its lag is unknown."""
    life = ordinary().saw(M.STARTED, watched(3.4), subject="web")
    lags = {each.mark: each.lag for each in seen(life.timeline()).milestones}
    assert lags[MilestoneKey(M.STARTED, "web")] == round((0.2 + ANSWER) * SECOND)
    assert lags[MilestoneKey(M.CONTAINER_READY, "web")] is None


def test_a_crash_loop_that_goes_on_is_open_though_runs_of_it_are_over() -> None:
    """Runs that are over and the back-off now are one stretch: whoever looks sees that it lasts."""
    life = container_start(until_started(WEB), "web", 1)
    life.saw(M.LAST_STARTED, began(9), subject="web")
    life.told.append(Ran(UID, "web", 1, at(9), at(12), 1, "Error"))
    told = seen(life.timeline(), now=at(30))
    assert told.phases[-1].phase is P.CRASH_LOOP
    assert told.phases[-1].open


def again(life: Life, name: str, seconds: int) -> Life:
    """The latest run of a container began."""
    return life.saw(M.LAST_STARTED, began(seconds), subject=name)


def inits_done() -> Life:
    """The init container was done at 4 s, and the main one is started at 7.2 s."""
    life = container_start(until_started(INIT, WEB), "migrate", 1)
    return container_start(life.saw(M.FINISHED, watched(4), subject="migrate"), "web", 5)


def test_an_init_container_that_runs_again_has_its_own_time() -> None:
    """A new sandbox, or RestartAllContainers: up to its second start the loss, then its run, then the main one's."""
    told = seen(up(again(again(inits_done(), "migrate", 30), "web", 40), 45, "web").timeline())
    phases = [(each.phase, each.subject, round(each.duration / SECOND, 1)) for each in told.phases[-3:]]
    assert phases == [(P.CRASH_LOOP, "web", 23.3), (P.INIT_RUN, "migrate", 10.0), (P.READINESS_PROBE, "web", 4.5)]
    assert sum(each.duration for each in told.phases) == told.total


def test_an_init_container_that_runs_again_now_is_what_the_next_one_waits_for() -> None:
    """Its second run is not the other one's crash loop."""
    second = replace(INIT, name="seed")
    life = container_start(until_started(INIT, second, WEB), "migrate", 1)
    life = container_start(life.saw(M.FINISHED, watched(4), subject="migrate"), "seed", 5)
    told = seen(again(life, "migrate", 30).timeline())
    assert (told.phases[-1].phase, told.phases[-1].subject, told.phases[-1].open) == (P.INIT_RUN, "migrate", True)


def test_a_retry_before_an_init_container_was_done_is_no_second_run_of_it() -> None:
    """It is the init container's own crash loop."""
    life = container_start(until_started(INIT, WEB), "migrate", 1)
    life = again(life, "migrate", 9).saw(M.FINISHED, watched(12), subject="migrate")
    told = seen(up(container_start(life, "web", 13), 20, "web").timeline())
    assert [each.subject for each in told.phases if each.phase is P.INIT_RUN] == ["migrate"]
    assert [each.subject for each in told.phases if each.phase is P.CRASH_LOOP] == ["migrate"]
