"""What holds for the document of any pod's timeline, whatever happened to the pod."""

from typing import Any

from tests.support.truth import nanoseconds

LEGS = {"request": "requested", "phases": "total", "leaving": "termination"}
"""The legs of a document, and the key of the length that each sums to."""


def assert_whole(item: Any) -> None:
    """Assert that each leg lies end to end, has no negative stretch, and sums exactly; and that bounds hold."""
    for leg, length in LEGS.items():
        stretches = item[leg]
        durations = [each["durationNanoseconds"] for each in stretches]
        assert min(durations, default=0) >= 0, (item["name"], leg)
        ends = [each["end"] for each in stretches[:-1]]
        assert [each["start"] for each in stretches[1:]] == ends, (item["name"], leg)
        if stretches and not stretches[-1]["open"] and item[f"{length}Nanoseconds"] is not None:
            assert sum(durations) == item[f"{length}Nanoseconds"], (item["name"], leg)
    for said in item["milestones"]:
        _bounded(item["name"], said)


def _bounded(name: str, said: Any) -> None:
    if said["at"] is None:
        return
    at = nanoseconds(said["at"])
    for key, sign in (("earliest", 1), ("latest", -1)):
        if said[key] is not None:
            assert sign * (at - nanoseconds(said[key])) >= 0, (name, said["milestone"], said["subject"], key)


def reached(item: Any) -> dict[tuple[str, str], Any]:
    """The milestones of a timeline's document by name and subject."""
    return {(each["milestone"], each["subject"]): each for each in item["milestones"]}


def in_order(item: Any, *marks: tuple[str, str]) -> None:
    """Assert that the milestones happened, in that order by their best estimates."""
    have = reached(item)
    assert set(marks) <= have.keys(), (item["name"], set(marks) - have.keys())
    times = [nanoseconds(have[mark]["at"]) for mark in marks]
    assert times == sorted(times), (item["name"], list(zip(marks, times, strict=True)))
