"""Deadlines come once, in order, and not before their time; who waits for the next of them knows exactly when it is."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from podtimeline.bounded import Kept, Losses
from podtimeline.tracking.timers import RETRY, Deadlines, Expiring, Recheck, Timers

KEYS = st.sampled_from("abcde")
LATER = st.integers(-3, 30)


class Armed(RuleBasedStateMachine):
    """Two purposes that share keys, beside a plain mapping of what is armed."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = Timers()
        self.purposes = {name: self.purpose(name) for name in ("one", "other")}
        self.now = 0
        self.armed: dict[tuple[str, str], int] = {}
        self.fired: list[tuple[str, str]] = []
        self.told: list[int | None] = []
        self.timers.on_earlier = lambda: self.told.append(None)

    def purpose(self, name: str) -> Deadlines[str]:
        """Deadlines that tell what fired."""
        return Deadlines(self.timers, name, lambda key, _: self.fired.append((name, key)))

    @rule(name=st.sampled_from(["one", "other"]), key=KEYS, after=LATER)
    def arm(self, name: str, key: str, after: int) -> None:
        """For the first time, earlier, later, or in the past."""
        earliest, told = self.timers.next, len(self.told)
        self.purposes[name].arm(key, self.now + after)
        self.armed[name, key] = self.now + after
        assert len(self.told) > told or earliest is None or self.now + after >= earliest
        assert earliest is not None or len(self.told) > told

    @rule(name=st.sampled_from(["one", "other"]), key=KEYS)
    def disarm(self, name: str, key: str) -> None:
        """Whether it is armed or not."""
        self.purposes[name].disarm(key)
        self.armed.pop((name, key), None)

    @rule(passes=st.integers(0, 40))
    def advance(self, passes: int) -> None:
        """Each that is due fires once, in order of time; no other does."""
        self.now += passes
        self.fired = []
        for due in self.timers.due(self.now):
            due.act(self.now)
        expected = {key: at for key, at in self.armed.items() if at <= self.now}
        assert Counter(self.fired) == Counter(expected.keys())
        assert [expected[key] for key in self.fired] == sorted(expected.values())
        self.armed = {key: at for key, at in self.armed.items() if key not in expected}

    @invariant()
    def knows_the_next(self) -> None:
        """The earliest that is armed, and nothing that was."""
        assert self.timers.next == min(self.armed.values(), default=None)
        assert len(self.timers) == len(self.armed)
        for name, purpose in self.purposes.items():
            assert {key for key in "abcde" if key in purpose} == {key for of, key in self.armed if of == name}


TestArmed = Armed.TestCase


def test_what_becomes_due_while_others_are_looked_at_comes_in_the_same_pass() -> None:
    """In its turn: what was due before it comes first."""
    timers, fired = Timers(), list[str]()

    def act(key: str, now: int) -> None:
        fired.append(key)
        if key == "first":
            deadlines.arm("third", now)

    deadlines = Deadlines[str](timers, "test", act)
    deadlines.arm("second", 2)
    deadlines.arm("first", 1)
    for due in timers.due(3):
        due.act(3)
    assert (fired, timers.next) == (["first", "second", "third"], None)


def test_a_key_that_is_armed_over_and_over_takes_no_more_room() -> None:
    """Earlier each time, or disarmed in between: entries that stand for nothing go."""
    timers = Timers()
    deadlines = Deadlines[str](timers, "test", lambda *_: None)
    for number in range(10_000):
        deadlines.arm("often", 1_000_000 - number)
        deadlines.arm("off and on", number)
        deadlines.disarm("off and on")
    assert len(timers._queue) < 200
    assert timers.next == 1_000_000 - 9_999


def test_it_is_looked_again_every_half_second_while_something_waits() -> None:
    """A look that fails is not the last; one that is called for does not wait."""
    timers, answers = Timers(), [True, True, False]
    recheck = Recheck(timers, "test", lambda _: answers.pop(0))

    def looked(now: int) -> int:
        before = len(answers)
        for due in timers.due(now):
            due.act(now)
        return before - len(answers)

    recheck.later(0)
    recheck.later(RETRY // 2)
    assert (timers.next, looked(RETRY - 1), looked(RETRY)) == (RETRY, 0, 1)
    recheck.at_once()
    assert (looked(RETRY + 1), timers.next) == (1, 2 * RETRY + 1)
    assert (looked(2 * RETRY + 1), timers.next) == (1, None)


def test_entries_go_a_lifetime_after_they_were_put() -> None:
    """The deadline is that of the oldest, whichever goes before; what was put again is young again."""
    timers, gone = Timers(), list[tuple[str, int, int]]()
    kept = Expiring[str, int](
        Kept.POD_NAMES, Losses(), timers, limit=10, lifetime=100, expired=lambda *told: gone.append(told)
    )
    for at, key in enumerate(["a", "b", "c", "a"]):
        kept.put("", key, at, at=at)
    assert timers.next == 101
    kept.pop("b")
    assert timers.next == 102
    for due in timers.due(102):
        due.act(102)
    assert (gone, list(kept), timers.next) == ([("c", 2, 102)], ["a"], 103)
    kept.pop("a")
    assert timers.next is None
