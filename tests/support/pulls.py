"""What the timelines of the pods of ``tests/e2e/images.yaml`` have to tell, live or from their capture."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.starts import found, lengths, longest
from tests.support.sums import assert_whole, in_order, reached
from tests.support.truth import nanoseconds

STUCK = ("absent", "invalid", "no-credentials")
LARGE = 4 << 20
"""Bytes of the images that take their time."""
Items = Mapping[str, Any]


def pull(item: Any, container: str = "main") -> Any:
    """What the kubelet said of the container's pull."""
    (said,) = [each for each in item["pulls"] if each["container"] == container]
    return said


def at(item: Any, milestone: str, container: str = "main") -> int:
    """When a milestone was."""
    return nanoseconds(reached(item)[milestone, container]["at"])


def sums(items: Items) -> None:
    """Whatever the way to an image, the phases sum exactly, and nothing on the way was missed."""
    for item in items.values():
        assert_whole(item)
        assert item["missing"] == [], item["name"]


def figures(items: Items) -> None:
    """Bytes, throughput and time of a pull, from the kubelet's own words."""
    for name in ("queued-one", "queued-two", "parallel-one", "parallel-two"):
        item = items[name]
        in_order(item, ("pull_started", "main"), ("pulled", "main"), ("container_created", "main"), ("ready", ""))
        told = pull(item)
        assert not told["cached"]
        assert told["sizeBytes"] > LARGE
        assert told["bytesPerSecond"] == told["sizeBytes"] * 10**9 // told["pullNanoseconds"]
        assert told["queueNanoseconds"] == told["waitingNanoseconds"] - told["pullNanoseconds"]
        # The announcement and the report are stamped at once, the message is truncated to a millisecond.
        assert abs(at(item, "pulled") - at(item, "pull_started") - told["waitingNanoseconds"]) < 50_000_000


def queue(items: Items) -> None:
    """Where the kubelet pulls one image after the other the second one waits, and says behind whom."""
    first, second = sorted((items["queued-one"], items["queued-two"]), key=lambda item: at(item, "pulled"))
    assert pull(second)["queueSeconds"] > 1
    assert pull(second)["queueSeconds"] > pull(first)["queueSeconds"]
    assert lengths(second)["image_queue", "main"] == pull(second)["queueSeconds"]
    found(second, "image_queue", "waited for")


def parallel(items: Items) -> None:
    """Where it pulls in parallel both are under way at once, and nobody waits."""
    one, two = items["parallel-one"], items["parallel-two"]
    for item in (one, two):
        assert pull(item)["queueSeconds"] < 0.5
        assert lengths(item).get(("image_queue", "main"), 0) < 0.5
    assert max(at(one, "pull_started"), at(two, "pull_started")) < min(at(one, "pulled"), at(two, "pulled"))


def shared(items: Items) -> None:
    """Of two containers of one image the first pulls it, the second finds it on the node."""
    item = items["shared"]
    assert [pull(item, name)["cached"] for name in ("first", "second")] == [False, True]
    assert ("pull_started", "second") not in reached(item)
    in_order(item, ("pulled", "first"), ("started", "first"), ("pulled", "second"), ("started", "second"))
    assert ("image_pull", "second") not in lengths(item)


def twins(items: Items) -> None:
    """Of two pods of one image the one transfers it, the other waits and finds it, or asks for what is there."""
    first, second = sorted((items["twin-one"], items["twin-two"]), key=lambda item: at(item, "pulled"))
    assert not pull(first)["cached"]
    assert pull(second)["cached"] or pull(second)["pullSeconds"] < pull(first)["pullSeconds"]


def late(items: Items) -> None:
    """Pulls that failed are a back-off of their own, up to the pull that found the image."""
    item = items["late"]
    in_order(item, ("pull_started", "main"), ("last_pull_failure", "main"), ("pulled", "main"), ("ready", ""))
    assert longest(item) == ("image_backoff", "main")
    assert lengths(item)["image_backoff", "main"] > 5
    assert ("image_pull", "main") in lengths(item)
    assert "image back-off of main" in item["explanation"]
    assert "not found" in item["explanation"]


def credentials(items: Items) -> None:
    """Without the right credentials the registry's refusal is quoted; with them the pull succeeds."""
    item = items["wrong-credentials"]
    in_order(item, ("pull_started", "main"), ("last_pull_failure", "main"), ("pulled", "main"), ("ready", ""))
    assert longest(item) == ("image_backoff", "main")
    for name in ("wrong-credentials", "no-credentials"):
        (told,) = [each for each in items[name]["findings"] if each["phase"] == "image_backoff"]
        assert "authoriz" in told["text"] or "401" in told["text"], told["text"]
        assert "imagePullSecrets" in told["advice"]


def loaded(items: Items) -> None:
    """With a policy of Never an image is missed until somebody brings it to the node: no pull is ever made."""
    item = items["loaded"]
    in_order(item, ("last_pull_failure", "main"), ("pulled", "main"), ("ready", ""))
    assert pull(item)["cached"]
    assert ("pull_started", "main") not in reached(item)
    assert longest(item) == ("image_backoff", "main")
    assert "image_pull" not in {each["phase"] for each in item["phases"]}
    assert "ErrImageNeverPull" in item["explanation"]


def stuck(items: Items) -> None:
    """An image that cannot come is a back-off that goes on, in the words of whoever refused."""
    expected = {"absent": "not found", "invalid": "InvalidImageName", "no-credentials": "authoriz"}
    for name, words in expected.items():
        item = items[name]
        assert (item["outcome"], item["phase"]) == ("starting", "image_backoff"), name
        assert ("last_pull_failure", "main") in reached(item)
        assert words in item["explanation"] or words == "authoriz", item["explanation"]


def cached(items: Items) -> None:
    """An image that is there costs nothing."""
    item = items["cached"]
    assert pull(item)["cached"]
    assert {each["phase"] for each in item["phases"]}.isdisjoint({"image_pull", "image_queue", "image_backoff"})


CHECKS: dict[str, Callable[[Items], None]] = {
    each.__name__: each
    for each in (sums, figures, queue, parallel, shared, twins, late, credentials, loaded, stuck, cached)
}
