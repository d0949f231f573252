"""How slices let go of a pod that leaves: how long its address stood as ready, and what that did to traffic."""

import pytest
from tests.analysis.phases.test_termination import SLOW, seen
from tests.support.departures import SLICE, asked, exited, killed, out, removed, stood
from tests.support.findings import ready, started
from tests.support.lives import Life, at, facts, ordinary, watched

from podtimeline.analysis.phases.endpoint_drain import Drain
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone
from podtimeline.model.pods import ContainerKind, ContainerSpec


def only(life: Life, *, now: float = 60) -> Drain:
    """The one slice that held it."""
    (drain,) = seen(life, now=now).drains
    return drain


def test_an_address_that_goes_before_the_exit_loses_nothing() -> None:
    """How it should be: it stands for a moment, and whoever answers is still there."""
    drain = only(exited(out(killed(stood(asked(ordinary()), SLICE), 20.5), 20.75), 24.5))
    assert (drain.subject, drain.lag, drain.lost, drain.confirmed) == (SLICE, 3 * SECOND // 4, 0, False)
    assert drain.exited == "web"


def test_an_address_that_outlasts_the_container_loses_traffic() -> None:
    """For sure, where the earliest moment of the one is after the latest of the other."""
    drain = only(exited(out(killed(stood(asked(ordinary()), SLICE), 20.5), 25.5, gone=True), 21.5))
    assert drain.lag == 11 * SECOND // 2
    assert drain.lost is not None
    assert 3 * SECOND < drain.lost < 5 * SECOND
    assert drain.confirmed


def test_a_second_that_both_fall_into_leaves_doubt() -> None:
    """One-second stamps cannot tell which of two came first."""
    drain = only(exited(out(killed(stood(asked(ordinary()), SLICE), 20.5), 21.95, gone=True), 21.3))
    assert drain.lost
    assert not drain.confirmed


def test_a_slice_that_has_not_let_go_is_open() -> None:
    """As of now, and after the object is gone as well."""
    life = removed(exited(killed(stood(asked(ordinary()), SLICE), 20.5), 21.5), 23)
    drain = only(life, now=60)
    assert (drain.out, drain.lag, drain.confirmed) == (None, 40 * SECOND, True)
    assert only(life, now=70).lag == 50 * SECOND


def test_a_slice_that_did_not_hold_it_as_ready_lets_go_of_nothing() -> None:
    """It was not ready when it was deleted; that it left the slice then is no drain."""
    life = stood(asked(ordinary())).saw(Milestone.ENDPOINT_REMOVED, watched(25), subject=SLICE)
    assert seen(life).drains == ()


def test_what_a_slice_did_before_the_request_is_no_drain() -> None:
    """It left the slice and came back: the last time that it stopped counts, and only if it is of the deletion."""
    life = asked(out(ordinary(), 10, gone=True))
    assert seen(life).drains == ()
    assert only(stood(life, SLICE)).out is None
    assert only(out(stood(life, SLICE), 22)).lag == 2 * SECOND


def test_the_slice_can_be_faster_than_the_pod() -> None:
    """Two streams: the slice's change may be delivered before the request that caused it."""
    drain = only(out(stood(asked(ordinary(), 20.4), SLICE), 20.3))
    assert drain.lag == 0
    life = out(asked(ordinary(), 20.4), 20.3)
    request = seen(life).instant(Milestone.DELETION_REQUESTED)
    assert request is not None
    assert request.at == at(20.3)
    assert request.skew == 0


def test_each_slice_is_told_by_itself() -> None:
    """Two Services, or two families of addresses."""
    other = "shop/api/api-x1"
    life = ordinary().saw(Milestone.ENDPOINT_READY, watched(6), subject=other)
    life = out(out(stood(asked(life), SLICE, other), 21), 24, subject=other)
    assert [(each.subject, each.lag) for each in seen(life).drains] == [(other, 4 * SECOND), (SLICE, SECOND)]


def test_without_an_exit_nothing_is_known_of_losses() -> None:
    """Removed by force: nobody told when the container ended."""
    assert only(removed(out(stood(asked(ordinary()), SLICE), 22, gone=True), 20.5)).lost is None


@pytest.mark.parametrize(("ports", "answers"), [(("8080/TCP",), "web"), ((), "slow")])
def test_who_answers_is_told_by_the_ports_it_declares(ports: tuple[str, ...], answers: str) -> None:
    """Else somebody may answer until the last main container is gone."""
    web = ContainerSpec("web", ContainerKind.MAIN, "registry.test/web:1", ports=ports)
    life = ready(started(web, SLOW, pod=facts(web, SLOW)), 15, "web", "slow")
    life.saw(Milestone.ENDPOINT_READY, watched(15.1), subject=SLICE, detail="http:8080/TCP,9090/UDP")
    killed(killed(stood(asked(life), SLICE), 20.5), 20.5, "slow")
    drain = only(out(exited(exited(life, 21.5), 28.5, container="slow"), 25, gone=True))
    assert drain.exited == answers
    assert bool(drain.lost) == (answers == "web")
