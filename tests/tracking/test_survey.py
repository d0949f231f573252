"""The survey of who is in which phase leaves the event loop to the streams."""

from tests.support.lives import Life, at, facts, in_second, watched
from tests.support.surveys import phases
from tests.tracking.worlds import World

from podtimeline.model.instants import Source
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.tracking.survey import COPIES_A_TURN, LOOKS


def starting(world: World, number: int) -> None:
    """So many pods that wait for a node."""
    for each in range(number):
        life = Life(f"uid-{each}").described(facts(uid=f"uid-{each}", name=f"web-{each}"))
        life.saw(Milestone.CREATED, in_second(0, Source.FIELD), watched(0.05))
        world.tracker.take(f"uid-{each}", life.told, arrived=at(1))


def test_a_turn_copies_few_and_a_survey_looks_at_no_more_than_its_limit() -> None:
    """Those that are left are looked at by the next one; those that have not changed are not looked at again."""
    world = World()
    starting(world, LOOKS + 120)
    turns = []
    for _ in range(3):
        survey = world.tracker.survey()
        turns.append(list(survey.turns()))
        survey.evaluate(at(2))
        survey.take()
    assert [sum(each) for each in turns] == [LOOKS, 120, 0]
    assert max(max(each) for each in turns) == COPIES_A_TURN
    assert phases(world.tracker, now=at(3)).in_phase[Phase.SCHEDULING] == LOOKS + 120


def test_what_changes_while_it_is_evaluated_is_looked_at_again() -> None:
    """The answer of before is kept until then."""
    world = World()
    starting(world, 1)
    survey = world.tracker.survey()
    list(survey.turns())
    bound = Life("uid-0").saw(Milestone.SCHEDULED, watched(2), detail="node-1")
    world.tracker.take("uid-0", bound.told, arrived=at(2))
    survey.evaluate(at(2))
    survey.take()
    assert survey.phases(at(2)).in_phase[Phase.SCHEDULING] == 1
    assert phases(world.tracker, now=at(3)).in_phase[Phase.SCHEDULING] == 0


def test_a_copy_does_not_change_with_its_pod() -> None:
    """Another thread reads it while the loop goes on."""
    world = World()
    starting(world, 1)
    copy = world.tracker.snapshot("uid-0")
    assert copy is not None
    before = len(copy.evidence), len(copy.notes), len(copy.from_status)
    more = Life("uid-0").saw(Milestone.SCHEDULED, watched(2), detail="node-1").noted("Unhealthy", 3, "no")
    world.tracker.take("uid-0", more.told, arrived=at(3))
    assert (len(copy.evidence), len(copy.notes), len(copy.from_status)) == before
    assert len(world.timeline("uid-0").evidence) > before[0]
