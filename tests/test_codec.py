"""States as bytes of the history file."""

import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lives import at, ordinary

from podtimeline.codec import _DICTIONARY_1, pack, unpack
from podtimeline.errors import MalformedObject
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.notes import Note
from podtimeline.model.observations import Ended, ImagePulled, Partial, Ran
from podtimeline.model.pods import Owner
from podtimeline.model.state import State, dump, load


def full() -> State:
    """A state in which every field holds something."""
    state = dump(ordinary().noted("Unhealthy", 4, "HTTP 503 ü", subject="web", count=3).timeline())
    return replace(
        state,
        runs=(Ran("uid-1", "web", 2, None, None, 137, "OOMKilled"),),
        ended=Ended("uid-1", succeeded=False, reason="Evicted", text="low on memory"),
        chain=(Owner("ReplicaSet", "web-abc", "rs-1"), Owner("Deployment", "web", "d-1")),
        partial=(Partial.GAP, Partial.LISTED),
        from_status=(MilestoneKey(Milestone.READY),),
    )


def test_every_field_comes_back_with_its_type() -> None:
    """Marks are named tuples and enums again, and the timeline is the same."""
    state = full()
    back = unpack(pack(state))
    assert back == state
    assert dump(load(back)) == state
    assert {type(mark) for mark, _ in back.evidence} == {MilestoneKey}
    assert all(type(mark.milestone) is Milestone for mark in back.from_status)
    assert type(back.partial[0]) is Partial


def test_an_ordinary_pod_takes_little_room() -> None:
    """A thousand pods a minute for two weeks have to fit on a disk."""
    assert len(pack(dump(ordinary().timeline()))) < 700


def test_the_dictionary_is_frozen() -> None:
    """Whoever changes it makes every history file in the world unreadable: add a second one instead."""
    assert (len(_DICTIONARY_1), zlib.crc32(_DICTIONARY_1)) == (3626, 3797932605)


@pytest.mark.parametrize("blob", [b"", b"\x02abc", b"\x01", b"\x01\xff\xff", pack(full())[:-5]])
def test_bytes_of_another_make_are_refused(blob: bytes) -> None:
    """A truncated or foreign blob is an error, not half a timeline."""
    with pytest.raises(MalformedObject, match="cannot be read"):
        unpack(blob)


@given(
    text=st.text(),
    moment=st.integers(-(1 << 63), (1 << 63) - 1),
    size=st.none() | st.integers(0, 1 << 50),
    number=st.integers(0, 1 << 31),
)
def test_any_text_and_any_moment_comes_back(text: str, moment: int, size: int | None, number: int) -> None:
    """Words of events are whatever somebody wrote into them."""
    state = replace(
        full(),
        notes=(Note(text, text, text, moment, at(1), number),),
        pulls=(ImagePulled("uid-1", text, text, cached=False, at=moment, pull=size, waiting=None, size=size),),
        details=((MilestoneKey(Milestone.SCHEDULED), text),),
    )
    assert unpack(pack(state)) == state
