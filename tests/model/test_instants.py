"""Evidence intersects into instants with bounds."""

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.lives import at, in_second, named, watched

from podtimeline.model.instants import (
    SECOND,
    Evidence,
    Source,
    Window,
    happened,
    intersect,
    just_after,
    later,
    not_before,
    within_second,
)


def test_an_event_name_is_the_estimate_and_the_upper_bound() -> None:
    """A Started event's name comes just after the start; its one-second field bounds it from below."""
    instant = intersect([in_second(4.3, Source.FIELD), named(4.3), watched(4.4)]).instant()
    assert instant is not None
    assert (instant.at, instant.earliest, instant.latest) == (at(4.3), at(4), at(4.3))
    assert instant.source is Source.EVENT_NAME


def test_the_earlier_of_two_upper_bounds_wins_the_estimate() -> None:
    """A delivery that arrives before the reporter has stamped its event is nearer to the fact."""
    instant = intersect([named(0.06), watched(0.05)]).instant()
    assert instant is not None
    assert (instant.at, instant.source) == (at(0.05), Source.WATCH)


def test_a_second_alone_is_estimated_by_its_middle() -> None:
    """Half a second is the most that the estimate from a one-second field can be wrong."""
    instant = intersect([in_second(7.9)]).instant()
    assert instant is not None
    assert instant.at == at(7.5) - 1
    assert (instant.earliest, instant.latest) == (at(7), at(8) - 1)


def test_a_report_cut_off_from_above_points_at_the_cut() -> None:
    """A condition says the fact was before 7.0 and the watch showed it at 7.01: it was close to 7.0."""
    instant = intersect([in_second(6.5), watched(7.01)]).instant()
    assert instant is not None
    assert instant.at == at(7) - 1


def test_a_report_far_beyond_its_second_points_at_nothing() -> None:
    """A busy kubelet reported two seconds later: the middle of the second is wrong by half a second at most."""
    instant = intersect([in_second(6.5), watched(9.1)]).instant()
    assert instant is not None
    assert instant.at == at(6.5) - 1


def test_contradicting_evidence_is_kept_as_skew() -> None:
    """An event stamped before the second in which the API says it happened comes from a clock that is behind."""
    window = intersect([named(2.0), in_second(5.0)])
    assert window.skew == at(5) - at(2)
    assert (window.earliest, window.latest) == (None, at(2))


def test_a_listing_says_that_it_happened_and_nothing_of_when() -> None:
    """What only a listing showed has no instant."""
    assert intersect([happened(at(9))]).instant() is None


def test_a_lower_bound_alone_gives_no_estimate() -> None:
    """Not before is not when."""
    assert intersect([not_before(Source.TRIGGER, at(1), observed=at(2))]).instant() is None


def test_the_estimate_is_not_put_before_what_must_come_before() -> None:
    """Inside its bounds an estimate respects the order of facts."""
    window = Window(at(1), at(4), ())
    instant = window.instant(floor=at(3))
    assert instant is not None
    assert instant.at == at(3)


MOMENT = st.integers(0, 20 * SECOND)
STATEMENTS = st.builds(
    lambda source, moment, seen: just_after(source, moment, observed=seen), st.sampled_from(Source), MOMENT, MOMENT
) | st.builds(lambda second, seen: Evidence(Source.FIELD, None, second, second + SECOND - 1, seen), MOMENT, MOMENT)


@given(st.lists(STATEMENTS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_evidence_does_not_matter(statements: list[Evidence], random: object) -> None:
    """Whatever order evidence comes in, the window is the same."""
    shuffled = list(statements)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = intersect(statements), intersect(shuffled)
    assert (one.earliest, one.latest, one.skew) == (other.earliest, other.latest, other.skew)


@given(st.lists(STATEMENTS, min_size=1, max_size=6))
def test_the_estimate_lies_inside_its_bounds(statements: list[Evidence]) -> None:
    """Contradictions or not, bounds are ordered and hold the estimate."""
    instant = intersect(statements).instant()
    assume(instant is not None)
    assert instant is not None
    assert instant.earliest is None or instant.earliest <= instant.at
    assert instant.latest is None or instant.at <= instant.latest


def test_what_follows_after_a_fixed_time_has_the_same_evidence_later() -> None:
    """What bounds nothing bounds nothing; when it was heard of stays."""
    stated = within_second(Source.CONDITION, 5 * SECOND, observed=9)
    assert later(stated, 30 * SECOND) == within_second(Source.CONDITION, 35 * SECOND, observed=9)
    assert later(happened(9), SECOND) == happened(9)
    assert later(stated, 0) is stated
