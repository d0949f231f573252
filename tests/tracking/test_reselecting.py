"""That no Service selects a pod is asked again when its labels or the Services change, while the pod is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.support.lives import Life, at, facts, ordinary, watched
from tests.tracking.worlds import StandingOwners, World

from podtimeline.model.milestones import Milestone
from podtimeline.model.observations import Labelled, Observation, Selected

APP, PRIMARY = (("app", "pg"),), (("app", "pg"), ("role", "primary"))


@dataclass
class Selecting(StandingOwners):
    """Services by their selectors, all in one namespace."""

    selectors: dict[str, dict[str, str]] = field(default_factory=dict)
    unknown: bool = False
    changed: Callable[[str | None], None] = lambda _: None

    def services(self, namespace: str, labels: Mapping[str, str]) -> tuple[str, ...] | None:
        """See ``ports.Owners``."""
        self.asked += 1
        have = labels.items()
        if self.unknown:
            return None
        return tuple(f"{namespace}/{name}" for name, each in sorted(self.selectors.items()) if each.items() <= have)

    def now(self, **selectors: dict[str, str]) -> None:
        """The Services are these from now on."""
        self.selectors = selectors
        self.changed("shop")


def lone() -> tuple[World, Selecting]:
    """A pod that is ready and selected by nobody: the Service wants a label that it does not have."""
    world, owners = World(), Selecting()
    owners.now(pg={"app": "pg", "role": "primary"})
    world.owners = owners
    world.tracker = world._tracker(at(-100))
    owners.changed = lambda namespace: world.tracker.services_changed(namespace)
    kept: list[Observation] = [
        each
        for each in ordinary(facts(labels=APP)).told
        if not isinstance(each, Selected) and "endpoint" not in str(each).lower()
    ]
    world.take(*kept, seconds=6)
    world.tick(7)
    assert world.view().services == ()
    return world, owners


def test_a_label_that_comes_later_lets_a_service_select_it() -> None:
    """Its start ended without a Service all the same: no phase is charged for what came after."""
    world, _ = lone()
    total = world.view().total
    world.take(Labelled("uid-1", PRIMARY, at(30)), seconds=30)
    world.tick(31)
    view = world.view()
    assert (view.services, view.awaited, view.total) == (("shop/pg",), (), total)
    assert view.facts.labels == PRIMARY
    assert world.tracker.labels("uid-1") == PRIMARY


def test_a_service_that_comes_later_selects_it() -> None:
    """And one that goes again no longer does."""
    world, owners = lone()
    owners.now(all={"app": "pg"})
    world.tick(50)
    assert world.view().services == ("shop/all",)
    owners.now()
    world.tick(60)
    assert world.view().services == ()


def test_nobody_is_asked_again_for_nothing() -> None:
    """Neither a tick nor a change in another namespace asks."""
    world, owners = lone()
    asked = owners.asked
    owners.changed("till")
    world.tick(40)
    world.take(*Life().noted("Pulled", 41, "again").told, seconds=41)
    world.tick(42)
    assert owners.asked == asked


def test_a_pod_that_rests_is_asked_again_after_a_restart() -> None:
    """What changed while nobody looked is known once Services are listed."""
    world, owners = lone()
    world.commit(100)
    world.killed(200)
    assert world.tracker.labels("uid-1") == APP
    owners.now(all={"app": "pg"})
    world.tick(201)
    world.commit(202)
    assert world.view().services == ("shop/all",)
    world.killed(300)
    assert world.view().services == ("shop/all",)
    owners.selectors = {}
    world.tick(301)
    assert world.view().services == ()


def test_a_namespace_whose_services_are_not_known_holds_nobody_up() -> None:
    """It is asked for again once Services are said to be known."""
    world, owners = lone()
    owners.unknown = True
    owners.now(all={"app": "pg"})
    world.tick(50)
    assert world.view().services == ()
    owners.unknown = False
    world.tick(51)
    assert world.view().services == ()
    owners.changed(None)
    world.tick(52)
    assert world.view().services == ("shop/all",)


def test_a_pod_that_is_gone_is_not_asked_for() -> None:
    """Its record may still be there for a while."""
    world, owners = lone()
    gone = Life().saw(Milestone.DELETION_REQUESTED, watched(50)).saw(Milestone.OBJECT_REMOVED, watched(51))
    world.take(*gone.told, seconds=51)
    for seconds in (60, 61):
        world.commit(seconds)
    asked = owners.asked
    owners.now(all={"app": "pg"})
    world.tick(62)
    assert owners.asked == asked
