"""Which namespaces are being deleted, and were."""

from typing import Any

from tests.support.objects import CREATED_NS, line, raw, stamp

from podtimeline.bounded import Losses
from podtimeline.model.instants import SECOND
from podtimeline.sources.namespaces import KEPT, MAX_GONE, NamespaceFeed, NamespaceIndex

NOW = CREATED_NS + 30 * SECOND


def namespace(name: str, *, going: int | None = None) -> dict[str, Any]:
    """A namespace, being deleted since that second after the creation of everything."""
    stamps = {} if going is None else {"deletionTimestamp": stamp(going)}
    return {"kind": "Namespace", "metadata": {"name": name, "resourceVersion": "1"} | stamps, "status": {}}


def test_namespaces_that_are_being_deleted_are_known() -> None:
    """Also once they are gone, so that pods which went with them can still be told; not without a bound."""
    index = NamespaceIndex(Losses())
    feed = NamespaceFeed(index)
    feed.begin()
    for each in (namespace("shop"), namespace("old", going=3)):
        feed.item(raw(each), arrived=NOW)
    feed.end("7", arrived=NOW)
    assert (index.doomed("shop"), index.doomed("old"), index.doomed("none")) == (None, CREATED_NS + 3 * SECOND, None)
    feed.line(line("MODIFIED", namespace("shop", going=5)), arrived=NOW, live=True)
    feed.line(line("DELETED", namespace("shop", going=5)), arrived=NOW, live=True)
    assert index.doomed("shop") == CREATED_NS + 5 * SECOND
    feed.line(line("ADDED", namespace("shop")), arrived=NOW, live=True)
    assert index.doomed("shop") is None
    feed.begin()
    feed.end("9", arrived=NOW)
    assert index.doomed("old") == CREATED_NS + 3 * SECOND
    for number in range(MAX_GONE):
        index.went(f"preview-{number}", NOW, arrived=NOW)
    assert index.doomed("old") is None
    assert index.doomed("preview-0") == NOW
    index.went("last", NOW, arrived=NOW + KEPT)
    assert index.doomed("preview-0") is None
