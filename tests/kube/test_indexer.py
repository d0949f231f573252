"""The contract of the reconciling store: whatever order listings and watches speak in, it holds what there is."""

from collections.abc import Sequence
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
SPACES, NAMES, UIDS = ("shop", "till"), ("a", "b", "c"), ("1", "2")


class Widget(Wire, frozen=True):
    """Any object: without a size nothing is kept of it, with a negative one it is malformed."""

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
    return {"metadata": {"namespace": key.namespace, "name": key.name, "uid": uid}, "size": size}


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
OBJECTS = st.builds(
    Word, st.sampled_from(["item", "watch", "delete"]), KEYS, st.sampled_from(UIDS), st.sampled_from([None, -1, 1, 2])
)
LISTINGS = st.sampled_from([Word("begin"), Word("end")])
WORDS = st.lists(OBJECTS | LISTINGS, max_size=40)


def heard(words: Sequence[Word]) -> list[Word]:
    """As a reflector and a replay speak: pages and ends only of a listing that has begun."""
    found, open_ = [], False
    for word in words:
        if word.said in {"item", "end"} and not open_:
            continue
        open_ = word.said == "begin" or (open_ and word.said != "end")
        found.append(word)
    return found


@given(WORDS)
def test_any_order_duplicates_and_gaps_leave_what_there_is(said: list[Word]) -> None:
    """As the model has it; each object that is told to come goes at most once, and never before it came."""
    words = heard(said)
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
    words = heard(said)
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
    say(feed, heard(before))
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
    words = [word for word in heard(of_shop) if word.key.namespace in {"", "shop"}]
    say(WidgetFeed(alone, "shop"), words)
    say(till, [word for word in heard(of_till) if word.key.namespace in {"", "till"}])
    say(shop, words)
    assert kept(index, "shop") == kept(alone)
    assert index.complete("shop") == alone.complete("shop")
    before = kept(index, "till")
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
    say(feed, [Word("begin"), Word("item", key, "1", -1), Word("end")])
    assert kept(index) == {key: ("1", 1)}
    say(feed, [Word("watch", key, "2", -1)])
    assert kept(index) == {}
    assert feed.malformed == 2
    assert [each[:2] for each in feed.told] == [("came", "1"), ("went", "1")]
