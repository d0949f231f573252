"""Stores for tests; the contract's tests get each store of the registry in turn."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark.structures import ParameterSet
from tests.support.memory_store import open_fake
from tests.support.saved import StandingClock

from podtimeline.ports import Store
from podtimeline.store.options import StoreOptions
from podtimeline.store.registry import STORES, open_store


class Place(NamedTuple):
    """A store and a location of it."""

    scheme: str
    location: Callable[[Path], str]


def places() -> Iterator[ParameterSet]:
    """Every location of every store: a package of tests beside this file, named as the scheme, lists them."""
    for scheme in STORES:
        known: Mapping[str, Callable[[Path], str]] = importlib.import_module(
            f"tests.store.{scheme}.locations"
        ).LOCATIONS
        for name, location in known.items():
            yield pytest.param(Place(scheme, location), id=f"{scheme}-{name}")


@pytest.fixture(params=[*places(), pytest.param(Place("fake", str), id="fake")])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with room for three series a metric; the tests' fake is one by a row of the registry, as all are."""
    monkeypatch.setitem(STORES, "fake", open_fake)
    place: Place = request.param
    options = StoreOptions(clock=StandingClock(), series_limit=3)
    found = open_store(f"{place.scheme}:{place.location(tmp_path)}", options)
    yield found
    found.close()
