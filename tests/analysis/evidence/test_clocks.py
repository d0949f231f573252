"""A node's clock is estimated from the stream itself, and taken out of the stamps that it made."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import ANSWER, EPOCH, Life, at, facts, named, ordinary, watched

from podtimeline.analysis.evidence.clocks import DRIFT, LATE, WINDOW, NodeClock, corrected, righted
from podtimeline.analysis.evidence.order import resolve
from podtimeline.analysis.resolved import view
from podtimeline.model.instants import SECOND, Evidence, Source, exactly, just_after, not_before, within_second
from podtimeline.model.milestones import MILESTONES, Milestone, MilestoneKey, Place
from podtimeline.model.observations import Incident, IncidentKind, Observation, Ran, Skewed, Witnessed
from podtimeline.model.timeline import Timeline, apply

STARTED = MilestoneKey(Milestone.STARTED, "web")
MS = SECOND // 1000


def stamped(clock: NodeClock, offset: int, *, at: int, latency: int = 5 * MS, reaction: int = 300 * MS) -> None:
    """A kubelet whose clock is ahead by ``offset`` reports at ``at`` what was caused ``reaction`` ago."""
    clock.heard(at + offset, arrived=at + latency, cause=at - reaction)


def test_a_delivery_bounds_the_offset_from_below_and_its_cause_from_above() -> None:
    """30 s ahead: stamped 5 ms before its delivery and 300 ms after its cause."""
    clock = NodeClock(since=EPOCH)
    stamped(clock, 30 * SECOND, at=at(1))
    assert clock.offset.low == 30 * SECOND - 5 * MS
    assert clock.offset.high == 30 * SECOND + 300 * MS + LATE
    assert clock.offset.off


def test_a_clock_that_agrees_is_not_called_off() -> None:
    """0 is inside the bounds: nothing is corrected."""
    clock = NodeClock(since=EPOCH)
    stamped(clock, 0, at=at(1))
    assert not clock.offset.off
    assert clock.offset.skewed("uid-1", at=at(2)) is None


def test_what_synchronised_clocks_differ_by_is_not_called_off() -> None:
    """20 ms ahead, delivered within 2 ms: the delivery proves it, and it is not worth a correction."""
    clock = NodeClock(since=EPOCH)
    stamped(clock, 20 * MS, at=at(1), latency=2 * MS)
    assert clock.offset.low == 18 * MS
    assert not clock.offset.off


def test_a_delivery_alone_does_not_prove_by_how_much_a_clock_is_off() -> None:
    """Without a cause nothing bounds the offset from above, so that nothing can be corrected yet."""
    clock = NodeClock(since=EPOCH)
    clock.heard(at(31), arrived=at(1), cause=None)
    assert (clock.offset.low, clock.offset.high, clock.offset.off) == (30 * SECOND, None, False)


def test_the_tightest_statements_count() -> None:
    """A quick delivery and a quick reaction, of different pods."""
    clock = NodeClock(since=EPOCH)
    stamped(clock, SECOND, at=at(1), latency=900 * MS, reaction=100 * MS)
    stamped(clock, SECOND, at=at(2), latency=2 * MS, reaction=700 * MS)
    aged = SECOND - 898 * MS
    assert clock.offset.low == SECOND - 2 * MS
    assert clock.offset.high == SECOND + 100 * MS + LATE + aged // DRIFT


def test_a_cause_stamped_after_its_effect_arrived_bounds_nothing() -> None:
    """A scheduler that stamps its event late would otherwise push the node's clock back."""
    clock = NodeClock(since=EPOCH)
    clock.heard(at(1), arrived=at(1.01), cause=at(1.2))
    assert clock.offset.high is None


def test_a_clock_that_is_set_begins_anew_and_is_counted() -> None:
    """From 30 s ahead to right: no single offset explains both, and what came before does not bound what is now."""
    clock = NodeClock(since=EPOCH)
    stamped(clock, 30 * SECOND, at=at(1))
    stamped(clock, 0, at=at(100))
    assert clock.steps == 1
    assert clock.offset.low == -5 * MS
    assert not clock.offset.off
    assert clock.offset.since == at(99.7)


def test_a_clock_that_is_set_forward_begins_anew_too() -> None:
    """From right to 30 s ahead: the stamp is delivered long before the node thinks that it was made."""
    clock = NodeClock(since=EPOCH)
    stamped(clock, 0, at=at(1))
    stamped(clock, 30 * SECOND, at=at(100))
    assert (clock.steps, clock.offset.off) == (1, True)


def test_a_small_contradiction_is_no_step_and_the_delivery_wins() -> None:
    """A cause stamped 60 ms late is weaker than a delivery, which is of the observer's own clock."""
    clock = NodeClock(since=EPOCH)
    stamped(clock, 0, at=at(1), latency=2 * MS)
    clock.heard(at(2), arrived=at(2.1), cause=at(2) + LATE + 40 * MS)
    aged = at(2.1) - at(1.002)
    assert clock.steps == 0
    assert (clock.offset.low, clock.offset.high) == (-2 * MS - aged // DRIFT, 300 * MS + LATE + aged // DRIFT)


def test_statements_are_forgotten_after_the_window() -> None:
    """A quick delivery of eleven minutes ago says nothing of a clock that drifts."""
    clock = NodeClock(since=EPOCH)
    stamped(clock, 0, at=at(1), latency=2 * MS)
    stamped(clock, 0, at=at(1) + WINDOW + SECOND, latency=50 * MS)
    assert clock.offset.low == -50 * MS


def test_a_statement_that_says_nothing_new_is_no_news() -> None:
    """So that the hot path ends there."""
    clock = NodeClock(since=EPOCH)
    assert clock.heard(at(1), arrived=at(1.01), cause=at(0.5))
    assert not clock.heard(at(2), arrived=at(2.05), cause=at(1))
    assert clock.last == at(2.05)


OFFSETS = st.integers(-40, 40).map(lambda tenth: tenth * 10 * SECOND + 7 * MS)
REPORTS = st.lists(
    st.tuples(st.integers(0, 120 * 1000), st.integers(0, 3000), st.integers(0, 5000)), min_size=1, max_size=40
)


@given(OFFSETS, REPORTS)
def test_the_offset_lies_inside_its_bounds_whatever_the_delays(offset: int, reports: list[tuple[int, ...]]) -> None:
    """Deliveries and reactions of any length only widen the bounds; a steady clock never seems to be set."""
    clock = NodeClock(since=EPOCH)
    now = EPOCH
    for gap, latency, reaction in reports:
        now += gap * MS
        stamped(clock, offset, at=now, latency=latency * MS, reaction=reaction * MS)
    held = clock.offset
    assert held.low is not None
    assert held.low <= offset
    assert held.high is None or offset <= held.high
    assert clock.steps == 0


def skewed(offset: int, *, low: int = 5 * MS, high: int = 300 * MS, since: int = EPOCH, until: int = at(99)) -> Skewed:
    """An estimate around the offset."""
    return Skewed("uid-1", offset - low, offset + high, since, until)


def test_an_event_name_is_shifted_and_its_bounds_are_widened() -> None:
    """The estimate moves by what the deliveries prove; the lower bound by what the causes allow."""
    stamp = exactly(Source.EVENT_NAME, at(31), observed=at(1.01))
    (found,) = corrected(STARTED, (stamp,), skewed(30 * SECOND))
    assert (found.at, found.earliest, found.latest) == (at(1.005), at(0.7), at(1.005))


def test_a_clock_behind_is_shifted_the_other_way() -> None:
    """-30 s: stamps are older than the facts."""
    stamp = within_second(Source.FIELD, EPOCH - 29 * SECOND, observed=at(1.02))
    (found,) = corrected(STARTED, (stamp,), skewed(-30 * SECOND))
    assert (found.earliest, found.latest) == (at(0.7), at(2.005) - 1)


def test_what_the_api_stamps_stays() -> None:
    """The node's clock has no part in a creation or a binding."""
    told = (within_second(Source.FIELD, EPOCH, observed=at(0.05)), watched(0.05))
    assert corrected(MilestoneKey(Milestone.CREATED), told, skewed(30 * SECOND)) == told


def test_arrivals_stay() -> None:
    """A watch's delivery is stamped by the observer."""
    assert corrected(STARTED, (watched(1),), skewed(30 * SECOND)) == (watched(1),)


def test_what_was_observed_while_the_clock_was_not_known_to_be_off_stays() -> None:
    """A pod that started before its node's clock was set wrong keeps its start."""
    stamp = named(1)
    assert corrected(STARTED, (stamp,), skewed(30 * SECOND, since=at(50))) == (stamp,)
    assert corrected(STARTED, (stamp,), skewed(30 * SECOND, until=at(0.5))) == (stamp,)


def test_what_was_stamped_long_before_it_was_observed_stays() -> None:
    """Nobody knows how far the clock was off when a pod started that was listed days later."""
    old = within_second(Source.FIELD, EPOCH - 86_400 * SECOND, observed=at(1))
    assert corrected(STARTED, (old,), skewed(30 * SECOND)) == (old,)


def test_the_trigger_of_a_slice_is_no_later_than_a_clock_ahead_allows() -> None:
    """It copies the Ready condition of a pod; where that pod is elsewhere, it must not be moved later."""
    mark = MilestoneKey(Milestone.ENDPOINT_READY, "shop/web/web-x1")
    stamp = not_before(Source.TRIGGER, at(32), observed=at(2.1))
    (ahead,) = corrected(mark, (stamp,), skewed(30 * SECOND))
    (behind,) = corrected(mark, (stamp,), skewed(-30 * SECOND))
    assert (ahead.earliest, behind.earliest) == (at(1.7), at(32))


def by_a_clock(life: Life, offset: int) -> list[Observation]:
    """The same life on a node whose clock is ahead by ``offset``."""
    return [_by_a_clock(each, offset) if isinstance(each, Witnessed) else each for each in life.told]


def _by_a_clock(said: Witnessed, offset: int) -> Witnessed:
    if MILESTONES[said.mark.milestone].place is not Place.NODE:
        return said
    return said._replace(evidence=tuple(_restamped(each, offset) for each in said.evidence))


def _restamped(told: Evidence, offset: int) -> Evidence:
    if told.source is Source.WATCH:
        return told
    if told.source is Source.EVENT_NAME and told.at is not None:
        make = just_after if told.earliest is None else exactly
        return make(told.source, told.at + offset, observed=told.observed)
    assert told.earliest is not None
    # Seconds are truncated by the clock that stamps: the fraction is what the life's own moments leave of it.
    return within_second(told.source, (told.earliest + offset) // SECOND * SECOND, observed=told.observed)


def joined(told: list[Observation]) -> Timeline:
    """A timeline of these observations."""
    timeline = Timeline("uid-1")
    for each in told:
        apply(timeline, each)
    return timeline


def test_a_healthy_node_changes_nothing() -> None:
    """A clock that is not off is never told to a pod; without it the evidence is the very same object."""
    told = (named(1),)
    assert corrected(STARTED, told, None) is told


@given(st.integers(-120, 120), st.integers(0, 20), st.integers(0, 400))
def test_a_start_on_a_skewed_node_is_told_as_on_a_right_one(seconds: int, low: int, high: int) -> None:
    """Every instant's bounds hold what a right clock would have stamped; phases sum and none is negative."""
    offset = seconds * SECOND
    right = resolve(ordinary().timeline())
    timeline = joined([*by_a_clock(ordinary(), offset), skewed(offset, low=low * MS, high=high * MS)])
    seen = view(timeline, now=at(60))
    assert seen is not None
    assert all(each.duration >= 0 for each in seen.phases)
    assert sum(each.duration for each in seen.phases) == seen.total
    for reached in seen.milestones:
        instant, true = reached.instant, right[reached.mark]
        assert instant is not None
        assert instant.earliest is None or instant.earliest <= true.at, reached
        assert instant.latest is None or instant.latest >= true.at, reached
        assert instant.skew == 0


def test_without_a_correction_the_same_start_contradicts_itself() -> None:
    """Which is what the correction is for: nothing of it is clamped."""
    uncorrected = view(joined(by_a_clock(ordinary(), -30 * SECOND)), now=at(60))
    assert uncorrected is not None
    assert uncorrected.skew > 25 * SECOND


def test_a_report_bounds_the_next_step_only_as_well_as_the_clock_is_known() -> None:
    """Created said at 31.1 by a clock 30 s ahead, give or take 300 ms: the start is not before 0.8."""
    life = Life().described(facts())
    life.saw(Milestone.CONTAINER_CREATED, exactly(Source.EVENT_NAME, at(31.1), observed=at(1.2)), subject="web")
    life.saw(Milestone.STARTED, replace_stamp(named(1.2), at(31.2)), subject="web")
    instant = resolve(joined([*life.told, skewed(30 * SECOND, low=0)]))[STARTED]
    assert (instant.earliest, instant.at, instant.latest) == (at(0.8), at(1.2 - ANSWER), at(1.2))


def replace_stamp(told: Evidence, moment: int) -> Evidence:
    """The same delivery of another stamp."""
    return just_after(told.source, moment, observed=told.observed)


def test_what_the_kubelet_said_and_ran_is_righted_and_what_others_said_is_not() -> None:
    """Else a probe's failure would lie outside the phase that it explains, and a kill seem to break its grace."""
    life = Life().described(facts())
    life.noted("Unhealthy", 31, "503", subject="web").noted("FailedScheduling", 1, "0/3 nodes")
    life.told += [
        Ran("uid-1", "web", 0, at(30.5), at(35.5), exit_code=1),
        Incident("uid-1", IncidentKind.NOT_READY, at(36)),
        skewed(30 * SECOND, low=0),
    ]
    timeline = righted(life.timeline())
    assert {note.reason: note.first for note in timeline.notes.values()} == {
        "Unhealthy": at(1),
        "FailedScheduling": at(1),
    }
    assert [(ran.started, ran.finished) for ran in timeline.runs.values()] == [(at(0.5), at(5.5))]
    assert list(timeline.incidents) == [(IncidentKind.NOT_READY, at(6))]


def test_words_of_long_before_stay_where_they_are() -> None:
    """Nobody knows how far the clock was off then."""
    life = Life().described(facts()).noted("Unhealthy", -5000, "503", subject="web")
    life.told.append(skewed(30 * SECOND))
    (note,) = righted(life.timeline()).notes.values()
    assert note.first == at(-5000)


def test_a_timeline_of_a_right_clock_is_not_even_copied() -> None:
    """The ordinary case costs nothing."""
    timeline = ordinary().timeline()
    assert righted(timeline) is timeline


def test_the_latest_estimate_counts() -> None:
    """As more is heard of a node its bounds tighten."""
    coarse, fine = skewed(30 * SECOND, high=900 * MS, until=at(5)), skewed(30 * SECOND, until=at(9))
    assert joined([fine, coarse]).clock == joined([coarse, fine]).clock == fine
