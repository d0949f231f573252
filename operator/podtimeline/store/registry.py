"""Every store, named once: the setting ``history`` selects one by its scheme, and the contract's tests run on each."""

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
    """The store of ``SCHEME:LOCATION``.

    Raises ``SettingsError`` where no store has that scheme, and ``StoreError`` where the store cannot be used.
    """
    opener, location = located(history)
    return opener(location, options)


def located(history: str) -> tuple[Open, str]:
    """What opens a history, and the location that it takes. Raises ``SettingsError`` where no store has its scheme."""
    scheme, _, location = history.partition(":")
    if scheme not in STORES:
        known = ", ".join(f"{each}:" for each in STORES)
        # What follows the scheme may hold a password.
        raise SettingsError(f"history: there is no store {scheme}: that it names; it must begin with one of {known}")
    return STORES[scheme], location
