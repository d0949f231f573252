"""Findings are ranked, and none is without evidence, whatever was observed."""

from hypothesis import given
from hypothesis import strategies as st
from tests.core.test_timeline import MOMENT, OBSERVATIONS, UID, join
from tests.support.lives import INIT, PROXY, WEB, at, facts, ordinary

from podtimeline.core.explain import explain, findings
from podtimeline.core.findings import FindingKind
from podtimeline.core.milestones import PHASES, Leg
from podtimeline.core.observations import Described, Observation
from podtimeline.core.peers import PeerPull, Peers, PeerSandbox, peers
from podtimeline.core.rules import RULES
from podtimeline.core.view import View, view

LENGTH = st.integers(0, 60_000_000_000)
PULLS = st.builds(PeerPull, st.just("shop/a"), st.just("i"), MOMENT, MOMENT, LENGTH, st.none() | LENGTH)
SANDBOXES = st.lists(st.builds(PeerSandbox, st.just("shop/a"), LENGTH, st.booleans()), max_size=5).map(tuple)
PEERS = st.builds(Peers, st.lists(PULLS, max_size=4).map(tuple), SANDBOXES, SANDBOXES)
CROWD = Described(UID, facts(INIT, PROXY, WEB))


def seen(observations: list[Observation], *, now: int) -> View:
    """The view of a pod of several containers that is told of by the observations."""
    found = view(join([*observations, CROWD]), now=now)
    assert found is not None
    return found


@given(OBSERVATIONS, MOMENT, PEERS)
def test_no_finding_is_without_evidence(observations: list[Observation], now: int, others: Peers) -> None:
    """Whatever contradictions, gaps or nonsense come in: figures are sound, and each rests on something."""
    for each in findings(seen(observations, now=now), others):
        assert each.evidence
        assert all(proof.source and proof.text for proof in each.evidence)
        assert each.text
        assert each.advice
        assert each.duration >= 0
        assert each.share is None or 0 <= each.share <= 1


@given(OBSERVATIONS, MOMENT)
def test_findings_are_ranked(observations: list[Observation], now: int) -> None:
    """What cost most comes first, what ran beside comes last, and ties go by the table."""
    rows = [rule.kind for rule in RULES]
    order = [
        (each.share is None, -each.duration, rows.index(each.kind), each.subject)
        for each in findings(seen(observations, now=now))
    ]
    assert order == sorted(order)


@given(OBSERVATIONS, MOMENT)
def test_whoever_asks_why_gets_a_sentence(observations: list[Observation], now: int) -> None:
    """The log, the terminal and the API all print it: it never fails and is never empty."""
    told = view(join(observations), now=now)
    if told is not None:
        sentence = explain(told)
        assert sentence.endswith(".")
        assert (told.total is None) == sentence.startswith("Nothing is known yet")


@given(OBSERVATIONS, OBSERVATIONS, MOMENT)
def test_peers_are_figures_of_others(one: list[Observation], other: list[Observation], now: int) -> None:
    """A pod is not compared with itself, and no figure is negative."""
    mine, theirs = seen(one, now=now), seen(other, now=now)
    assert peers(mine, [mine]) == Peers()
    found = peers(mine, [theirs])
    assert all(each.pull >= 0 for each in found.pulls)
    assert all(each.duration >= 0 for each in (*found.sandboxes, *found.elsewhere))


def test_the_longest_phase_is_told_of_however_little_is_known() -> None:
    """The first question is where the time went: there is an answer without any event."""
    told = view(ordinary().timeline(), now=at(60))
    assert told is not None
    first = findings(told)[0]
    assert told.dominant is not None
    assert first.phase is told.dominant.phase


def test_each_kind_has_one_row() -> None:
    """A kind without a rule would never be found, two rows would rank it twice."""
    assert [rule.kind for rule in RULES] == sorted(FindingKind, key=[rule.kind for rule in RULES].index)
    assert len({rule.kind for rule in RULES}) == len(FindingKind)


def test_rules_speak_of_phases_of_their_own_leg() -> None:
    """A rule that waits for a phase of another leg would never find it."""
    for rule in RULES:
        for phase in rule.phases:
            assert PHASES[phase].leg is rule.leg, rule.kind
    assert {rule.leg for rule in RULES} == set(Leg)
