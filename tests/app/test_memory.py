"""What the interpreter is set to."""

import asyncio
import gc
import json
import sys
import threading
import weakref
from collections.abc import Callable, Iterator

import msgspec
import pytest

from podtimeline.app import memory
from podtimeline.app.memory import allow_depth, collector_paused, sweep, sweeping, tune_collector
from podtimeline.kube.metav1 import ListPage
from podtimeline.sources.pods.wire import Pod


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """The limit is of the whole process: CPython's default before the test, and what it was after it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


def page(depth: int) -> bytes:
    """A page of one pod whose managed fields are nested so deep."""
    deep = b'{"f:a":' * depth + b"{}" + b"}" * depth
    return b'{"metadata":{},"items":[{"metadata":{"uid":"u","managedFields":[{"fieldsV1":%s}]}}]}' % deep


def in_thread(work: Callable[[], object]) -> bool:
    """Whether the work came to its end on a thread of its own, as kopf's does."""
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    thread.join()
    return len(done) == 1


def test_an_object_that_is_nested_as_deep_as_the_api_allows_spoils_no_page() -> None:
    """Whoever may write an object can send managed fields of 10,000 levels; kopf reads with the json module."""
    raw = page(9_990)
    with pytest.raises(RecursionError):
        msgspec.json.decode(raw, type=ListPage)
    allow_depth()

    def read() -> str:
        items = msgspec.json.decode(raw, type=ListPage).items or []
        msgspec.json.encode(json.loads(raw))
        return msgspec.json.decode(bytes(items[0]), type=Pod).metadata.uid

    assert read() == "u"
    assert in_thread(read)


def test_what_is_nested_deeper_is_an_error_and_not_the_end() -> None:
    """A stack that overflows would end the process."""
    allow_depth()
    for raw in (b"[" * 200_000, page(100_000)):
        for read in (msgspec.json.decode, json.loads):
            with pytest.raises((RecursionError, msgspec.DecodeError, json.JSONDecodeError)):
                read(raw)


class Knot:
    """Refers to itself: only a collection frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def tuned() -> Iterator[None]:
    """The collector as the operator sets it; as it was after the test."""
    before = gc.get_threshold()
    tune_collector()
    yield
    gc.callbacks.remove(memory._set_aside)
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("tuned")
def test_what_lives_for_long_is_not_looked_at_again() -> None:
    """A pass over all records of a large cluster would keep the streams waiting for longer than a tenth of a second."""
    before, kept = gc.get_freeze_count(), [[number] for number in range(1_000)]
    full = gc.get_stats()[2]["collections"]
    for _ in range(memory._FROZEN_AFTER + 1):
        gc.collect(1)
    assert gc.get_freeze_count() >= before + len(kept)
    made = [[number] for number in range(memory._YOUNG * memory._PASSES * 20)]
    assert gc.get_stats()[2]["collections"] == full, len(made)


@pytest.mark.usefixtures("tuned")
def test_a_sweep_frees_what_refers_to_itself_and_was_set_aside() -> None:
    """It became garbage only after no young collection would find it."""
    knot = Knot()
    seen = weakref.ref(knot)
    gc.freeze()
    del knot
    gc.collect()
    assert seen() is not None
    sweep()
    assert seen() is None


@pytest.mark.usefixtures("tuned")
@pytest.mark.parametrize("idle", [True, False])
async def test_sweeps_wait_for_an_idle_hour(idle: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """While pods start or leave it would hold up what arrives."""
    monkeypatch.setattr(memory, "_SWEEP_SECONDS", 0.001)
    stopping, asked, swept = asyncio.Event(), list[bool](), list[bool]()
    monkeypatch.setattr(memory, "sweep", lambda: swept.append(True))

    def ask() -> bool:
        asked.append(True)
        if len(asked) == 3:
            stopping.set()
        return idle

    await asyncio.wait_for(sweeping(stopping, idle=ask), 10)
    assert len(swept) == (len(asked) if idle else 0)


def test_garbage_is_looked_for_again_after_a_pause_that_failed() -> None:
    """And not during it."""
    seen = []

    def restore() -> None:
        with collector_paused():
            seen.append(gc.isenabled())
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        restore()
    assert [*seen, gc.isenabled()] == [False, True]
