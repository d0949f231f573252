"""The kubelet starts the main containers of a pod one after the other: what that says of those known to the second."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import Life, at, facts, named, watched
from tests.support.many import FIRST, STEP, many, names, started_at

from podtimeline.analysis.evidence.order import resolve
from podtimeline.model.instants import SECOND, Instant, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.pods import ContainerKind, ContainerSpec


def starts(life: Life, count: int) -> list[Instant]:
    """When each of the containers was started, in the order of the spec."""
    instants = resolve(life.timeline())
    return [instants[MilestoneKey(Milestone.STARTED, name)] for name in names(count)]


def test_starts_of_one_second_are_spread_over_it_in_order() -> None:
    """32 containers of which only the second is known, 170 ms apart in truth: none is further off than that."""
    found = starts(many(), 40)
    true = [at(FIRST + STEP * number) for number in range(40)]
    assert [each.at for each in found] == sorted({each.at for each in found})
    assert max(abs(each.at - moment) for each, moment in zip(found, true, strict=True)) < STEP * SECOND
    assert {each.source for each in found[8:]} == {Source.FIELD}


def test_what_was_reported_of_one_container_bounds_the_next() -> None:
    """The ninth is not started before its image was there, nor the tenth before the ninth."""
    found = starts(many(), 40)
    pulled = at(FIRST + 8 * STEP - 0.15)
    assert {each.earliest for each in found[8:12]} == {pulled}
    assert all(each.skew == 0 for each in found)


def pod(*ends: ContainerKind) -> Life:
    """A pod of containers ``c01``, ``c02`` and so on, of these kinds."""
    specs = [
        ContainerSpec(name, kind, "registry.test/web:1") for name, kind in zip(names(len(ends)), ends, strict=True)
    ]
    return Life().described(facts(*specs))


MAIN = ContainerKind.MAIN


def test_a_container_that_was_tried_again_later_is_no_skew() -> None:
    """The first one could not be made at first: the kubelet went on with the second, and nobody said so."""
    life = pod(MAIN, MAIN).saw(Milestone.STARTED, started_at(15), subject="c01")
    life.saw(Milestone.STARTED, named(2), started_at(2), subject="c02")
    first, second = starts(life, 2)
    assert (first.skew, second.skew) == (0, 0)
    assert second.at == at(2)
    assert first.earliest == at(14)


def test_a_container_that_is_said_to_have_failed_bounds_no_other() -> None:
    """Started in the same second as the next one, but after it."""
    life = pod(MAIN, MAIN).saw(Milestone.STARTED, started_at(2.9), subject="c01")
    life.noted("Failed", 2.1, "Error: failed to reserve container name", subject="c01")
    life.saw(Milestone.STARTED, named(2.2), started_at(2.2), subject="c02")
    assert starts(life, 2)[0].latest == at(3) - 1


def test_a_failing_probe_is_no_failed_start() -> None:
    """It was started, or nobody would have looked."""
    life = pod(MAIN, MAIN).saw(Milestone.STARTED, started_at(2.1), subject="c01")
    life.noted("Unhealthy", 5, "Readiness probe failed: no", subject="c01")
    life.saw(Milestone.STARTED, named(2.2), started_at(2.2), subject="c02")
    assert starts(life, 2)[0].latest == at(2.2)


def test_a_container_that_has_not_been_tried_holds_up_no_bound() -> None:
    """The one in the middle waits for its image still."""
    life = pod(MAIN, MAIN, MAIN).saw(Milestone.STARTED, named(2), subject="c01")
    life.saw(Milestone.STARTED, started_at(2.5), subject="c03")
    instant = resolve(life.timeline())[MilestoneKey(Milestone.STARTED, "c03")]
    assert (instant.earliest, instant.latest) == (at(2), at(3) - 1)


@dataclass(frozen=True)
class Start:
    """One container in truth: how long its start took, in milliseconds, and what is known of it."""

    took: int
    event: bool
    status: bool
    shown: int


STARTS = st.lists(
    st.builds(Start, st.integers(1, 1500), st.booleans(), st.booleans(), st.integers(0, 1500)), min_size=1, max_size=12
)


@given(STARTS)
def test_whatever_is_missing_the_truth_is_inside_the_bounds_and_nothing_contradicts(told: list[Start]) -> None:
    """Events, statuses and deliveries may each be lost of each container."""
    life, true = pod(*[MAIN] * len(told)), {}
    moment = 1.0
    for name, each in zip(names(len(told)), told, strict=True):
        moment += each.took / 1000
        true[MilestoneKey(Milestone.STARTED, name)] = at(moment)
        evidence = [named(moment)] if each.event else []
        # As the decoder does: a status has its own stamp and its arrival.
        evidence += [started_at(moment), watched(moment + each.shown / 1000)] if each.status else []
        if evidence:
            life.saw(Milestone.STARTED, *evidence, subject=name)
    instants = resolve(life.timeline())
    found = [instants[mark] for mark in true if mark in instants]
    assert all(each.skew == 0 for each in found)
    assert [each.at for each in found] == sorted(each.at for each in found)
    for mark, instant in instants.items():
        assert instant.earliest is None or instant.earliest <= true[mark]
        assert instant.latest is None or instant.latest >= true[mark]
