"""A store that is full drops the oldest entry of the namespace that holds most, and counts it."""

import logging
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podtimeline.bounded import LOST, Bounded, Kept, Losses

LIMIT = 12
NAMESPACES = ("shop", "till", "evil")
Entry = tuple[str, int]
"""A namespace and a key in it."""
ENTRIES = st.lists(st.tuples(st.sampled_from(NAMESPACES), st.integers(0, 30)), max_size=120)


def store(losses: Losses, *, limit: int = LIMIT) -> Bounded[Entry, int]:
    """An empty store."""
    return Bounded(Kept.WORKLOAD_EVENTS, losses, limit=limit)


def dropped(losses: Losses) -> int:
    """How many entries were dropped."""
    return losses.counts[Kept.WORKLOAD_EVENTS]


class Model:
    """The rule itself, however slow."""

    def __init__(self) -> None:
        self.held: dict[Entry, int] = {}

    def put(self, entry: Entry, value: int) -> list[Entry]:
        """Set an entry; returns the namespaces that may lose their oldest for it, as those oldest entries."""
        self.held.pop(entry, None)
        self.held[entry] = value
        if len(self.held) <= LIMIT:
            return []
        sizes = Counter(namespace for namespace, _ in self.held)
        largest = [each for each, size in sizes.items() if size == max(sizes.values())]
        return [next(each for each in self.held if each[0] == namespace) for namespace in largest]


@given(ENTRIES, st.sets(st.integers(0, 119)))
def test_the_oldest_of_the_namespace_that_holds_most_goes(entries: list[Entry], pops: set[int]) -> None:
    """Held, dropped and taken out are all that was put; what is held is in the order in which it was put."""
    losses, model = Losses(), Model()
    kept, gone, taken, new = store(losses), 0, 0, 0
    for turn, entry in enumerate(entries):
        if turn in pops:
            assert kept.pop(entry) == model.held.get(entry)
            taken += model.held.pop(entry, None) is not None
            continue
        new += entry not in kept
        candidates, lost = model.put(entry, turn), kept.put(entry[0], entry, turn)
        assert len(lost) == bool(candidates)
        for each, value in lost:
            assert each in candidates
            assert model.held.pop(each) == value
            gone += 1
        assert list(kept.items()) == list(model.held.items())
    assert (len(kept), dropped(losses)) == (new - gone - taken, gone)


@given(ENTRIES.map(lambda entries: [each for each in entries if each[0] == "evil"]), st.integers(0, LIMIT // 2))
def test_nobody_pushes_out_more_than_is_above_an_equal_share(flood: list[Entry], share: int) -> None:
    """Whoever floods another namespace, ten times as much or more, before and after, leaves it its share."""
    losses = Losses()
    kept = store(losses)
    mine: list[Entry] = [("shop", number) for number in range(share)]
    for entry in [*flood, *mine, *(("evil", number) for number in range(100, 100 + 10 * LIMIT))]:
        kept.put(entry[0], entry, 0)
    assert [each for each in kept if each[0] == "shop"] == mine
    assert (len(kept), dropped(losses)) == (LIMIT, len(set(flood)) + share + 10 * LIMIT - LIMIT)


def test_an_entry_that_is_put_again_is_the_newest() -> None:
    """It takes no more room, and others go before it."""
    kept = store(Losses(), limit=2)
    for key in (1, 2, 1, 3):
        kept.put("shop", ("shop", key), key)
    assert list(kept) == [("shop", 1), ("shop", 3)]
    assert (kept.get(("shop", 1)), kept.get(("shop", 2)), ("shop", 2) in kept) == (1, None, False)


def test_what_is_over_is_forgotten_and_not_counted() -> None:
    """From the oldest on, up to the first that is not."""
    losses = Losses()
    kept = store(losses)
    for key in range(4):
        kept.put(NAMESPACES[key % 2], ("", key), key, at=10 * key)
    assert kept.expire(10) == [(("", 0), 0), (("", 1), 1)]
    assert (len(kept), dropped(losses), kept.expire(19), kept.oldest) == (2, 0, [], 20)


def test_who_cannot_let_go_at_once_makes_room_later() -> None:
    """``add`` lets the store grow; what is to go is known, and counted once it goes."""
    losses = Losses()
    kept = store(losses, limit=1)
    for key in range(3):
        kept.add("shop", ("shop", key), key)
    assert (len(kept), kept.surplus, dropped(losses)) == (3, ("shop", 0), 0)
    while (oldest := kept.surplus) is not None:
        kept.drop(oldest)
    assert (list(kept), dropped(losses)) == ([("shop", 2)], 2)


def test_the_first_loss_of_a_store_is_logged_and_says_what_is_not_known(caplog: pytest.LogCaptureFixture) -> None:
    """A flood logs one line; every store counts from 0."""
    losses = Losses()
    assert losses.counts == dict.fromkeys(Kept, 0)
    with caplog.at_level(logging.WARNING):
        losses.count(Kept.POD_NAMES, 0)
        assert caplog.messages == []
        for _ in range(3):
            losses.count(Kept.POD_NAMES, 2)
    (message,) = caplog.messages
    assert message.startswith("pod_names is full")
    assert LOST[Kept.POD_NAMES] in message
    assert losses.counts[Kept.POD_NAMES] == 6
    assert set(LOST) == set(Kept)
