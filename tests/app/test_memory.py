"""What the interpreter is set to."""

import json
import sys
import threading
from collections.abc import Callable, Iterator

import msgspec
import pytest

from podtimeline.app.memory import allow_depth
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
