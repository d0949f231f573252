"""All stores. The setting ``history`` selects one by its scheme, and the contract tests run on each."""

from collections.abc import Callable, Mapping

from podtimeline.errors import SettingsError
from podtimeline.ports import Store
from podtimeline.store.options import StoreOptions
from podtimeline.store.sqlite.store import SqliteStore

Open = Callable[[str, StoreOptions], Store]
"""Opens a store at a location. Raises ``StoreError``."""

STORES: Mapping[str, Open] = {
    "sqlite": SqliteStore,
}


def open_store(history: str, options: StoreOptions) -> Store:
    """Open the store of ``SCHEME:LOCATION``.

    Raises ``SettingsError`` if no store has that scheme, and ``StoreError`` if the store cannot be used.
    """
    opener, location = located(history)
    return opener(location, options)


def located(history: str) -> tuple[Open, str]:
    """The function that opens a history, and its location. Raises ``SettingsError`` if no store has its scheme."""
    scheme, _, location = history.partition(":")
    if scheme not in STORES:
        known = ", ".join(f"{each}:" for each in STORES)
        # The location is left out: it may contain a password.
        raise SettingsError(f"history: unknown scheme {scheme!r}; must begin with one of {known}")
    return STORES[scheme], location
