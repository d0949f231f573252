"""The contract of the reconciling store: whatever order listings and watches speak in, it holds what there is."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import Decoder

from podtimeline.errors import MalformedObject
from podtimeline.kube.indexer import Entry, IndexedFeed, Indexer, ObjectKey
from podtimeline.kube.lister import Collection, Resource
from podtimeline.kube.metav1 import Metadata, WatchEvent, Wire

WIDGETS = Resource(name="widgets", without="nothing")
NOWHERE = ObjectKey("", "")
SPACES, NAMES, UIDS = ("shop", "till"), ("a", "b"), ("1", "2")
NEGATIVE, ODD = -1, -2
"""Sizes that cannot be read: one is refused by the feed, the other is no number as it is written."""


class Widget(Wire, frozen=True):
    """Any object: without a size nothing is kept of it, with a negative one it cannot be read."""

    metadata: Metadata
    size: int | None = None


class WidgetFeed(IndexedFeed[Widget, int]):
    """Keeps sizes, and remembers what it was asked to tell."""

    def __init__(self, index: Indexer[int], namespace: str | None = None) -> None:
        line = Decoder(WatchEvent[Widget])
        super().__init__(Collection(WIDGETS, namespace), Decoder(Widget), line, index=index)
        self.present: dict[tuple[str, str], str] = {}
        self.told: list[tuple[str, str, int]] = []

    def _took(self, seen: Widget, held: int | None, *, arrived: int, live: bool) -> int | None:
        if seen.size is not None and seen.size < 0:
            raise MalformedObject("a negative size")
        if seen.size is not None:
            self.present[seen.metadata.namespace, seen.metadata.name] = seen.metadata.uid
            if held is None:
                self.told.append(("came", seen.metadata.uid, arrived))
        return seen.size

    def _went(self, key: ObjectKey, held: Entry[int], last: Widget | None, *, arrived: int, live: bool) -> None:
        self.told.append(("went", held.uid, arrived))


def widget(key: ObjectKey, uid: str, size: int | None) -> dict[str, Any]:
    """An object as the API writes it."""
    written = "odd" if size == ODD else size
    return {"metadata": {"namespace": key.namespace, "name": key.name, "uid": uid}, "size": written}


@dataclass(frozen=True, slots=True)
class Word:
    """Something that is said: ``item``, ``watch`` or ``delete`` of an object, or ``begin`` or ``end`` of a listing."""

    said: str
    key: ObjectKey = NOWHERE
    uid: str = ""
    size: int | None = None


@dataclass(slots=True)
class Model:
    """What the contract says, object by object."""

    kept: dict[ObjectKey, tuple[str, int]] = field(default_factory=dict)
    open: bool = False
    listed: set[ObjectKey] = field(default_factory=set)
    watched: dict[ObjectKey, bool] = field(default_factory=dict)

    def hear(self, word: Word) -> None:
        """One word more."""
        match word.said:
            case "begin":
                self.open, self.listed, self.watched = True, set(), {}
            case "end" if self.open:
                self.open = False
                there = (self.listed | {key for key, there in self.watched.items() if there}) - {
                    key for key, there in self.watched.items() if not there
                }
                self.kept = {key: each for key, each in self.kept.items() if key in there}
            case "item":
                if not self.open or word.key not in self.watched:
                    self.listed.add(word.key)
                    self._show(word)
            case "watch":
                self.watched[word.key] = True
                self._show(word)
            case "delete":
                if self.kept.get(word.key, (word.uid, 0))[0] == word.uid:
                    self.watched[word.key] = False
                    self.kept.pop(word.key, None)
            case _:
                return

    def _show(self, word: Word) -> None:
        if self.kept.get(word.key, (word.uid, 0))[0] != word.uid:
            del self.kept[word.key]
        if word.size is None:
            self.kept.pop(word.key, None)
        elif word.size >= 0:
            self.kept[word.key] = (word.uid, word.size)


def say(feed: WidgetFeed, words: Sequence[Word]) -> None:
    """Tell a feed."""
    for at, word in enumerate(words):
        raw = msgspec.json.encode(widget(word.key, word.uid, word.size))
        match word.said:
            case "begin":
                feed.begin()
            case "end":
                feed.end("9", arrived=at)
            case "item":
                feed.item(raw, arrived=at)
            case said:
                kind = b"DELETED" if said == "delete" else b"MODIFIED"
                feed.line(b'{"type":"%s","object":%s}' % (kind, raw), arrived=at, live=True)


def kept(index: Indexer[int], namespace: str | None = None) -> dict[ObjectKey, tuple[str, int]]:
    """What an index holds."""
    return {key: (each.uid, each.value) for key, each in index.entries(namespace)}


KEYS = st.builds(ObjectKey, st.sampled_from(SPACES), st.sampled_from(NAMES))
SIZES = st.sampled_from([None, NEGATIVE, ODD, 1, 2])


def objects(*said: str) -> st.SearchStrategy[list[Word]]:
    """Some words about objects."""
    return st.lists(st.builds(Word, st.sampled_from(said), KEYS, st.sampled_from(UIDS), SIZES), max_size=8)


def listing(words: list[Word], ends: bool) -> list[Word]:  # noqa: FBT001 - as drawn
    """A listing in which a watch speaks too, and which may not come to its end."""
    return [Word("begin"), *words, *([Word("end")] if ends else [])]


WATCHES = objects("watch", "delete")
LISTINGS = st.builds(listing, objects("item", "item", "watch", "delete"), st.booleans())
WORDS = st.lists(WATCHES | LISTINGS, max_size=6).map(lambda parts: heard(itertools.chain(*parts)))


def heard(words: Iterable[Word]) -> list[Word]:
    """As a reflector and a replay speak: pages only of a listing that has begun."""
    found, reading = [], False
    for word in words:
        reading = word.said == "begin" or (reading and word.said != "end")
        if reading or word.said != "item":
            found.append(word)
    return found


@given(WORDS)
def test_any_order_duplicates_and_gaps_leave_what_there_is(said: list[Word]) -> None:
    """As the model has it; each object that is told to come goes at most once, and never before it came."""
    words = said
    index, model = Indexer[int](), Model()
    feed = WidgetFeed(index)
    say(feed, words)
    for word in words:
        model.hear(word)
    assert kept(index) == model.kept
    balance: dict[str, int] = {}
    for what, uid, _ in feed.told:
        balance[uid] = balance.get(uid, 0) + (1 if what == "came" else -1)
    assert all(each >= 0 for each in balance.values())


@given(WORDS)
def test_the_same_said_twice_in_a_row_is_said_once(said: list[Word]) -> None:
    """Whoever resumes a watch hears again what it heard."""
    words = said
    once, twice = Indexer[int](), Indexer[int]()
    first, second = WidgetFeed(once), WidgetFeed(twice)
    say(first, words)
    say(second, [each for word in words for each in ([word] if word.said in {"begin", "end"} else [word, word])])
    assert kept(once) == kept(twice)
    assert [each[:2] for each in first.told] == [each[:2] for each in second.told]


@given(WORDS, WORDS)
def test_a_complete_listing_is_all_there_is(before: list[Word], shown: list[Word]) -> None:
    """Whatever was known: what it does not show is gone, and is told to be."""
    index = Indexer[int]()
    feed = WidgetFeed(index)
    say(feed, before)
    items = {word.key: word for word in shown if word.said == "item" and word.size in {1, 2}}
    say(feed, [Word("begin"), *items.values(), Word("end")])
    assert kept(index) == {key: (word.uid, word.size) for key, word in items.items()}
    assert index.complete("shop")


@given(WORDS, WORDS)
def test_namespaces_are_listed_complete_and_refused_by_themselves(of_shop: list[Word], of_till: list[Word]) -> None:
    """One says nothing of the other, whatever happens to it."""
    index = Indexer[int]()
    shop, till = (WidgetFeed(index, each) for each in SPACES)
    alone = Indexer[int]()
    words = [word for word in of_shop if word.key.namespace in {"", "shop"}]
    say(WidgetFeed(alone, "shop"), words)
    say(till, [word for word in of_till if word.key.namespace in {"", "till"}])
    before = kept(index, "till")
    say(shop, words)
    assert kept(index, "shop") == kept(alone)
    assert kept(index, "till") == before
    assert index.complete("shop") == alone.complete("shop")
    shop.readable(readable=False)
    assert not index.complete("shop")
    assert kept(index, "till") == before
    shop.readable(readable=True)
    assert index.complete("shop") == alone.complete("shop")


def test_an_object_that_cannot_be_read_is_there_all_the_same() -> None:
    """What was known of it stands until it is said to be gone, or another one has its name."""
    index, key = Indexer[int](), ObjectKey("shop", "a")
    feed = WidgetFeed(index)
    say(feed, [Word("begin"), Word("item", key, "1", 1), Word("end")])
    say(feed, [Word("begin"), Word("item", key, "1", ODD), Word("end")])
    assert kept(index) == {key: ("1", 1)}
    say(feed, [Word("watch", key, "2", ODD)])
    assert kept(index) == {}
    assert feed.malformed == 2
    assert [each[:2] for each in feed.told] == [("came", "1"), ("went", "1")]
