"""Of attempts that fail until one succeeds the last one before the success counts."""

from dataclasses import replace

from tests.support.lives import Life, at, facts, named, ordinary, watched
from tests.support.many import started_at

from podtimeline.analysis.evidence.attempts import last_attempt
from podtimeline.analysis.evidence.order import resolve
from podtimeline.analysis.resolved import view
from podtimeline.model.instants import SECOND, Evidence, Source, exactly
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.pods import VolumeSpec

MOUNT = MilestoneKey(Milestone.LAST_MOUNT_FAILURE)
CONFIG = VolumeSpec("config", "configMap")


def repeated(seconds: int) -> Evidence:
    """The lastTimestamp of an Event that stands for several attempts: a whole second."""
    return Evidence(Source.EVENT_SECOND, at(seconds + 0.5), None, at(seconds + 1) - 1, at(seconds + 0.5))


def test_an_event_s_name_and_its_last_timestamp_are_two_attempts() -> None:
    """The name tells of the first one: together they would be a contradiction of many seconds."""
    life = Life().described(facts(volumes=(CONFIG,)))
    life.saw(Milestone.LAST_MOUNT_FAILURE, named(1.2)).saw(Milestone.LAST_MOUNT_FAILURE, repeated(30))
    instant = resolve(life.timeline())[MOUNT]
    assert (instant.latest, instant.skew) == (at(31) - 1, 0)


def test_two_attempts_of_one_second_are_bounded_by_its_end() -> None:
    """The name is of the first of them: the second may be later by as much as the second has left."""
    assert last_attempt((named(1.2), repeated(1)), ceiling=None) == repeated(1)


def test_attempts_after_the_step_that_succeeded_belong_to_no_start() -> None:
    """The kubelet refreshes a ConfigMap that was deleted for ever: days later the start is as it was."""
    before = ordinary(facts(volumes=(CONFIG,)))
    before.saw(Milestone.LAST_MOUNT_FAILURE, named(0.6))
    after = replace(before, told=[*before.told])
    after.saw(Milestone.LAST_MOUNT_FAILURE, named(400)).saw(Milestone.LAST_MOUNT_FAILURE, repeated(800))
    first, second = (view(each.timeline(), now=at(900)) for each in (before, after))
    assert first is not None
    assert second is not None
    assert second.phases == first.phases
    assert Phase.VOLUME_MOUNT in second.by_phase()
    assert resolve(after.timeline())[MOUNT] == resolve(before.timeline())[MOUNT]


def test_a_start_without_failures_gets_none_from_later_ones() -> None:
    """The milestone is there with its time; no phase of the start is made of it."""
    life = ordinary(facts(volumes=(CONFIG,))).saw(Milestone.LAST_MOUNT_FAILURE, named(400))
    told = view(life.timeline(), now=at(900))
    assert told is not None
    assert Phase.VOLUME_MOUNT not in told.by_phase()
    instant = told.instant(Milestone.LAST_MOUNT_FAILURE)
    assert instant is not None
    assert instant.at == at(400)


def test_steps_of_a_restart_are_not_those_of_a_start_that_no_event_told() -> None:
    """Its pull is announced a minute after the container ran first: no clock is off, and it cost the start nothing."""
    life = Life().described(facts()).saw(Milestone.CREATED, watched(0.1))
    life.saw(Milestone.STARTED, started_at(3), watched(3.4), subject="web")
    announced = exactly(Source.EVENT_NAME, at(60), observed=at(60))
    life.saw(Milestone.PULL_STARTED, announced, subject="web").saw(Milestone.PULLED, named(62), subject="web")
    life.pulled("web", pull=2, waiting=2, seconds=62)
    instants = resolve(life.timeline())
    assert MilestoneKey(Milestone.PULL_STARTED, "web") not in instants
    assert instants[MilestoneKey(Milestone.STARTED, "web")].skew == 0
    told = view(life.timeline(), now=at(90))
    assert told is not None
    assert told.skew == 0
    assert Phase.IMAGE_PULL not in told.by_phase()
    assert [each.container for each in told.pulls] == ["web"]


def test_of_a_host_network_pod_the_sandbox_ends_the_attempts() -> None:
    """It has the node's address from its first status on, long before its volumes are mounted."""
    pod = facts(volumes=(CONFIG,), host_network=True)
    life = Life().described(pod).saw(Milestone.IP_ASSIGNED, watched(0.2)).saw(Milestone.SANDBOX_READY, watched(9))
    life.saw(Milestone.LAST_MOUNT_FAILURE, repeated(6))
    assert resolve(life.timeline())[MOUNT].latest == at(6) + SECOND - 1
