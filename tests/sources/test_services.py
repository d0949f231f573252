"""Which Services select a pod."""

from typing import Any

from tests.sources.test_owners import listing
from tests.support.feeds import feed_of
from tests.support.objects import line, raw
from tests.support.recording import RecordingIntake

from podtimeline.sources.registry import Indexes


def service(name: str, selector: dict[str, str] | None, **spec: Any) -> dict[str, Any]:
    """A Service."""
    return {"metadata": {"name": name, "namespace": "shop", "uid": name}, "spec": {"selector": selector} | spec}


def test_services_are_unknown_until_all_were_listed() -> None:
    """``None`` is not the same as none."""
    known = Indexes()
    feed = feed_of("services", known=known)
    feed.begin()
    feed.item(raw(service("web", {"app": "web"})), arrived=1)
    assert known.owners.services("shop", {"app": "web"}) is None
    feed.end("9", arrived=1)
    assert known.owners.services("shop", {"app": "web", "tier": "x"}) == ("shop/web",)


def test_only_selectors_that_match_select() -> None:
    """All labels of the selector, in the same namespace; ExternalName and selectorless Services never."""
    known = Indexes()
    listing(
        known,
        "services",
        service("web", {"app": "web"}),
        service("front", {"app": "web", "tier": "front"}),
        service("elsewhere", {"app": "web"}, type="ExternalName"),
        service("manual", None),
        service("empty", {}),
    )
    assert known.owners.services("shop", {"app": "web"}) == ("shop/web",)
    assert known.owners.services("shop", {"app": "web", "tier": "front"}) == ("shop/front", "shop/web")
    assert known.owners.services("till", {"app": "web"}) == ()


def test_a_listing_replaces_what_was_and_a_watch_changes_it() -> None:
    """What vanished in a gap goes; a selector can be changed and removed."""
    known = Indexes()
    listing(known, "services", service("web", {"app": "web"}), service("old", {"app": "web"}))
    feed = listing(known, "services", service("web", {"app": "web"}))
    assert known.owners.services("shop", {"app": "web"}) == ("shop/web",)
    feed.line(line("ADDED", service("new", {"app": "web"})), arrived=1, live=True)
    feed.line(line("MODIFIED", service("web", {"app": "other"})), arrived=1, live=True)
    assert known.owners.services("shop", {"app": "web"}) == ("shop/new",)
    feed.line(line("MODIFIED", service("new", None)), arrived=1, live=True)
    feed.line(line("DELETED", service("web", {"app": "other"})), arrived=1, live=True)
    assert known.owners.services("shop", {"app": "other"}) == ()
    assert known.owners.services("shop", {"app": "web"}) == ()


def test_what_is_deleted_while_a_listing_is_read_does_not_come_back() -> None:
    """The listing's page is older than the watch."""
    known = Indexes()
    feed = listing(known, "services", service("web", {"app": "web"}))
    feed.begin()
    feed.line(line("DELETED", service("web", {"app": "web"})), arrived=1, live=True)
    feed.line(line("ADDED", service("new", {"app": "web"})), arrived=1, live=True)
    feed.item(raw(service("web", {"app": "web"})), arrived=1)
    feed.end("9", arrived=1)
    assert known.owners.services("shop", {"app": "web"}) == ("shop/new",)


def test_namespaces_are_named_in_which_selectors_changed() -> None:
    """A listing names those that are otherwise than before, and a Service without selector none."""
    intake = RecordingIntake()
    feed = feed_of("services", intake)

    def named() -> list[str | None]:
        told, intake.selectors[:] = list(intake.selectors), []
        return told

    def listed(*bodies: dict[str, Any]) -> list[str | None]:
        feed.begin()
        for body in bodies:
            feed.item(raw(body), arrived=1)
        feed.end("9", arrived=1)
        return named()

    assert listed(service("web", {"app": "web"})) == ["shop", None]
    assert listed(service("web", {"app": "web"})) == []
    feed.line(line("MODIFIED", service("web", {"app": "web"})), arrived=1, live=True)
    feed.line(line("ADDED", service("manual", None)), arrived=1, live=True)
    assert named() == []
    feed.line(line("MODIFIED", service("web", {"app": "x"})), arrived=1, live=True)
    assert named() == ["shop"]
    feed.line(line("DELETED", service("web", {"app": "x"})), arrived=1, live=True)
    assert named() == ["shop"]
    assert listed(service("web", {"app": "web"})) == ["shop"]
    assert listed() == ["shop"]


def test_that_services_can_be_read_again_is_said_once() -> None:
    """And that they cannot; what is refused before the first listing is not known yet."""
    intake = RecordingIntake()
    feed = feed_of("services", intake, namespace="shop")
    feed.readable(readable=False)
    assert intake.selectors == []
    feed.begin()
    feed.end("9", arrived=1)
    for readable in (True, False, False, True):
        feed.readable(readable=readable)
    assert intake.selectors == ["shop"] * 3
