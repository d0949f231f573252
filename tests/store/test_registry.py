"""Stores by their scheme."""

import pytest
from tests.support.memory_store import MemoryStore, open_fake
from tests.support.saved import StandingClock

from podtimeline.errors import SettingsError
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import STORES, located, open_store


def test_a_row_makes_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheme selects it, and it gets the rest of the setting and what every store gets."""
    monkeypatch.setitem(STORES, "fake", open_fake)
    store = open_store("fake://user@host:5432/x", StoreOptions(clock=StandingClock(), series_limit=7))
    assert isinstance(store, MemoryStore)
    assert (store.location, store.series_limit, store.now) == ("//user@host:5432/x", 7, StandingClock().now())


@pytest.mark.parametrize("history", ["mysql://root:secret@host/x", "nowhere", ""])
def test_a_scheme_that_no_store_has_is_refused_with_those_there_are(history: str) -> None:
    """What follows the scheme is not repeated, as it may hold a password."""
    with pytest.raises(SettingsError, match=r"history: .* one of sqlite:") as refused:
        located(history)
    assert "secret" not in str(refused.value)
