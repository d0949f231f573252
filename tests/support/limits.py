"""What the timelines of the pods of ``tests/e2e/limits.yaml`` have to tell, live or from their capture."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.sums import assert_whole, reached
from tests.support.truth import SECOND, nanoseconds

from podtimeline.cli.client import read
from podtimeline.render.screen import Screen
from podtimeline.render.structs import PodTimelineDocument
from podtimeline.render.waterfall import waterfall

Items = Mapping[str, Any]
MANY = tuple(f"c{number:02d}" for number in range(1, 41))


def limits(item: Any) -> dict[str, Any]:
    """The limits that the kubelet reached, by the type of the Events."""
    return {each["type"]: each for each in item["eventLimits"]}


def page(item: Any, width: int) -> list[str]:
    """The lines that a terminal shows."""
    screen = Screen(width)
    return screen.draw(waterfall(read(item, PodTimelineDocument), screen)).splitlines()


def sums(items: Items) -> None:
    """Whatever is not known, each leg lies end to end and sums exactly, and instants are inside their bounds."""
    for item in items.values():
        assert_whole(item)


def no_skew(items: Items) -> None:
    """Evidence that is missing contradicts nothing."""
    for item in items.values():
        assert item["skewNanoseconds"] == 0
        assert {each["skewNanoseconds"] for each in item["phases"]} == {0}
        assert "clock_skew" not in {each["kind"] for each in item["findings"]}


def recognised(items: Items) -> None:
    """The limit is told once, with the containers of whose starts there is no Event: all but the first eight."""
    item = items["many"]
    assert set(limits(item)) == {"Normal"}
    silent = limits(item)["Normal"]["containers"]
    assert silent == list(MANY[8:])
    reported = {each["subject"] for each in item["milestones"] if each["source"] == "event_name"}
    assert reported.isdisjoint(silent[1:])
    text = " ".join("\n".join(page(item, 100)).split())
    assert text.count("Event limit:") == 1
    assert "(then one every five minutes): the starts of 32 containers (c09, c10 and 30 more) are known" in text


def in_turn(items: Items) -> None:
    """The starts are in the order of the spec, and those that no Event tells are known to two seconds at worst."""
    have = reached(items["many"])
    starts = [have["started", name] for name in MANY]
    times = [nanoseconds(each["at"]) for each in starts]
    assert times == sorted(times)
    assert len(set(times)) == len(times)
    widths = [nanoseconds(each["latest"]) - nanoseconds(each["earliest"]) for each in starts]
    assert max(widths) < 2 * SECOND
    assert max(widths[:8]) < SECOND


def nothing_unexplained(items: Items) -> None:
    """The time of the starts is theirs, whichever of their steps it was."""
    item = items["many"]
    assert item["missing"] == []
    phases = {each["phase"] for each in item["phases"]}
    assert "pull_to_start" in phases
    assert "unexplained" not in phases


def fits_a_screen(items: Items) -> None:
    """Forty containers are a page, not two hundred lines; what a busy machine adds is at most a finding or two."""
    for width in (80, 100):
        lines = page(items["many"], width)
        drawn = lines[: next(number for number, line in enumerate(lines) if line.startswith("Event limit:"))]
        assert len(drawn) <= 25, "\n".join(lines)
        assert len(lines) <= 60, "\n".join(lines)
        assert max(len(line) for line in lines) <= width
        assert sum("\u00d7" in line for line in lines) >= 3, "\n".join(lines)


def warnings_apart(items: Items) -> None:
    """Failing probes use up the Warnings; starts are of type Normal and still have their Events."""
    item = items["noisy"]
    assert set(limits(item)) == {"Warning"}
    assert limits(item)["Warning"]["containers"] == []
    assert "later ones may be missing" in " ".join("\n".join(page(item, 200)).split())
    assert {each["subject"] for each in item["notes"] if each["reason"] == "Unhealthy"} == {
        "loud-1",
        "loud-2",
        "loud-3",
    }
    assert [each["exitCode"] for each in item["runs"] if each["container"] == "killed"] == [137, None]
    assert "probe_delay" not in {each["kind"] for each in item["findings"]}


CHECKS: dict[str, Callable[[Items], None]] = {
    each.__name__: each
    for each in (sums, no_skew, recognised, in_turn, nothing_unexplained, fits_a_screen, warnings_apart)
}
