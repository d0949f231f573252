"""Findings are ranked, and none is without evidence, whatever was observed."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st
from tests.model.test_timeline import MOMENT, NAMES, OBSERVATIONS, OTHERS, UID, join
from tests.support.lives import EPOCH, INIT, PROXY, Life, at, facts, ordinary, watched

from podtimeline.analysis.evidence.order import UNORDERED, predecessors
from podtimeline.analysis.findings.explain import explain, findings
from podtimeline.analysis.findings.peers import PeerPull, Peers, PeerSandbox, PeerStart, peers
from podtimeline.analysis.findings.rules import RULES, FindingKind
from podtimeline.analysis.resolved import ResolvedTimeline, view
from podtimeline.model.instants import SECOND, Source, just_after
from podtimeline.model.milestones import MILESTONES, PHASES, Leg, Milestone, MilestoneKey, Phase, Scope
from podtimeline.model.observations import Described, Noted, Observation, Witnessed
from podtimeline.model.pods import ContainerKind, ContainerSpec, Probe, VolumeSpec

LENGTH = st.integers(0, 60_000_000_000)
PULLS = st.builds(PeerPull, st.just("shop/a"), st.just("i"), MOMENT, MOMENT, LENGTH, st.none() | LENGTH)
SANDBOXES = st.lists(st.builds(PeerSandbox, st.just("shop/a"), LENGTH, st.booleans()), max_size=5).map(tuple)
BUSY = ContainerSpec(
    "web", ContainerKind.MAIN, "registry.test/web:1", Probe(), Probe(5, 10), "Always", post_start=True, pre_stop=True
)
CROWD = Described(
    UID,
    facts(
        INIT,
        PROXY,
        BUSY,
        readiness_gates=("lb.test/a",),
        volumes=(VolumeSpec("web", "persistentVolumeClaim", "data"), VolumeSpec("proxy", "secret")),
        scheduling_gates=("gate.test/a", "gate.test/b"),
        priority=7,
    ),
)
REASONS = (
    *("BackOff", "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "ErrImagePull", "Failed"),
    *("FailedAttachVolume", "FailedCreate", "FailedCreatePodSandBox", "FailedMount", "FailedPostStartHook"),
    *("FailedPreStopHook", "FailedScheduling", "ImagePullBackOff", "Nominated", "NotTriggerScaleUp", "Preempted"),
    *("ProvisioningFailed", "SchedulingGateRemoved", "TriggeredScaleUp", "Unhealthy"),
)


def _subject_of(mark: MilestoneKey) -> MilestoneKey:
    """The mark with the subject that the pod has for it."""
    return MilestoneKey(mark.milestone, ENDPOINT if MILESTONES[mark.milestone].scope is Scope.ENDPOINT else "web")


ENDPOINT = "shop/web/web-x1"
TEXTS = (
    "",
    "Liveness probe failed: ",
    "Readiness probe failed: 503",
    "Startup probe failed:",
    'configmap "a" not found',
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {a: b}. preemption: 0/2 nodes.",
    'Failed to pull image "x": 401 Unauthorized',
)
NOTED = st.builds(
    Noted, st.just(UID), st.sampled_from(REASONS), NAMES | st.just("") | st.just("gate.test/a"), st.sampled_from(TEXTS),
    MOMENT, st.integers(1, 9), st.none() | MOMENT,
)  # fmt: skip
WAY = (*predecessors(CROWD.facts), *(MilestoneKey(each) for each in Milestone if each in UNORDERED))
MARKS = [mark if mark.subject or MILESTONES[mark.milestone].scope is Scope.POD else _subject_of(mark) for mark in WAY]
BEGINNINGS = (MilestoneKey(Milestone.CREATED), MilestoneKey(Milestone.KUBELET_ADMITTED))


@st.composite
def ways(draw: st.DrawFn) -> list[Observation]:
    """A pod that goes its way in order, some of it unobserved, and what befalls it, said at any time."""
    lost = draw(st.sets(st.sampled_from(MARKS), max_size=12)) - set(BEGINNINGS)
    kept = [mark for mark in MARKS if mark not in lost]
    gaps = st.sampled_from([0, SECOND // 100, SECOND, 7 * SECOND])
    ordered = [EPOCH + at for at in accumulate(draw(st.lists(gaps, min_size=len(kept), max_size=len(kept))))]
    moments = [draw(MOMENT) if mark.milestone in UNORDERED else at for mark, at in zip(kept, ordered, strict=True)]
    told: list[Observation] = [
        Witnessed(UID, mark, (just_after(Source.WATCH, moment, observed=moment),), "node-1")
        for mark, moment in zip(kept, moments, strict=True)
    ]
    return [*told, *draw(st.lists(NOTED, max_size=8)), *draw(st.lists(OTHERS, max_size=8))]


TOLD = OBSERVATIONS | ways()
STARTS = st.lists(st.builds(PeerStart, st.just("shop/a"), MOMENT, MOMENT), max_size=5).map(tuple)
PEERS = st.builds(Peers, st.lists(PULLS, max_size=4).map(tuple), SANDBOXES, SANDBOXES, STARTS)


def seen(observations: list[Observation], *, now: int) -> ResolvedTimeline:
    """The view of a pod of several containers that is told of by the observations."""
    # Of two descriptions of one pod a fixed order picks one: here it is always the same.
    found = view(join([*(each for each in observations if not isinstance(each, Described)), CROWD]), now=now)
    assert found is not None
    return found


@given(TOLD, MOMENT, PEERS)
def test_no_finding_is_without_evidence(observations: list[Observation], now: int, others: Peers) -> None:
    """Whatever contradictions, gaps or nonsense come in: figures are sound, and each rests on something."""
    for each in findings(seen(observations, now=now), others):
        assert each.evidence
        assert all(proof.source and proof.text for proof in each.evidence)
        assert each.text
        assert each.advice
        assert each.duration >= 0
        assert each.share is None or 0 <= each.share <= 1


@given(TOLD, MOMENT)
def test_findings_are_ranked(observations: list[Observation], now: int) -> None:
    """What cost most comes first, what ran beside comes last, and ties go by the table."""
    rows = [rule.kind for rule in RULES]
    order = [
        (each.share is None, -each.duration, rows.index(each.kind), each.subject)
        for each in findings(seen(observations, now=now))
    ]
    assert order == sorted(order)


@given(TOLD, MOMENT)
def test_whoever_asks_why_gets_a_sentence(observations: list[Observation], now: int) -> None:
    """The log, the terminal and the API all print it: it never fails and is never empty."""
    told = view(join(observations), now=now)
    if told is not None:
        sentence = explain(told)
        assert sentence.endswith(".")
        assert (told.total is None) == sentence.startswith("It is not known yet")


@given(TOLD, TOLD, MOMENT)
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


def test_a_start_that_has_just_begun_has_its_sentence() -> None:
    """Nothing has taken any time yet: what it waits for is told all the same."""
    told = view(Life().described(facts()).saw(Milestone.CREATED, watched(0)).timeline(), now=at(0))
    assert told is not None
    assert explain(told).startswith("It has been in scheduling for 0.0ms: waiting for the scheduler's first decision")


def test_each_kind_has_one_row() -> None:
    """A kind without a rule would never be found, two rows would rank it twice."""
    assert [rule.kind for rule in RULES] == sorted(FindingKind, key=[rule.kind for rule in RULES].index)
    assert len({rule.kind for rule in RULES}) == len(FindingKind)


def test_rules_speak_of_phases_of_their_own_leg() -> None:
    """A rule that waits for a phase of another leg would never find it."""
    for rule in RULES:
        for phase in rule.phases:
            assert PHASES[phase].leg is rule.leg or phase is Phase.UNEXPLAINED, rule.kind
    assert {rule.leg for rule in RULES} == set(Leg)
