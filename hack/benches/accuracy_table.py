"""Recorded instants held against the truth: errors, goals, and the table that REFERENCE.md shows."""

import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.truth import REPORTED, PodTruth, Span, holds, nanoseconds

from podtimeline.model.milestones import Milestone, MilestoneKey

MS = 1_000_000
INSIDE = 0.999
Truth = Mapping[str, PodTruth]


@dataclass(frozen=True, slots=True)
class Error:
    """One instant against its truth, in nanoseconds; ``width`` of its bounds is ``None`` where one is missing.

    ``said`` are the bounds of one that misses the truth, from the truth on, and where they come from.
    """

    milestone: Milestone
    off: int
    inside: bool = False
    width: int | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """How near the instants of a milestone are to be, in nanoseconds."""

    milestone: Milestone
    median: int
    p99: int


GOALS = (Goal(Milestone.STARTED, 5 * MS, 25 * MS), Goal(Milestone.SCHEDULED, 2 * MS, 10 * MS))


@dataclass(frozen=True, slots=True)
class Judgement:
    """A goal, what was measured, and whether that is enough; milliseconds or a share."""

    what: str
    value: float
    limit: float
    met: bool


def compared(items: Iterable[Any], truth: Truth) -> Iterator[Error]:
    """Every instant of the documents whose truth was recorded."""
    for item in items:
        known = truth[item["uid"]].marks if item["uid"] in truth else {}
        for said in item["milestones"]:
            mark = MilestoneKey(Milestone(said["milestone"]), said["subject"])
            span = known.get(mark)
            if span is None or said["at"] is None:
                continue
            low, high = (None if said[key] is None else nanoseconds(said[key]) for key in ("earliest", "latest"))
            width = None if low is None or high is None else high - low
            inside = holds(said, span, mark.milestone)
            words = "" if inside else f"{item['name']} {mark.subject}: {_from(low, span)} to {_from(high, span)}"
            off = _off(nanoseconds(said["at"]), span)
            yield Error(mark.milestone, off, inside, width, words and f"{words} by {said['source']}")


def _from(bound: int | None, span: Span) -> str:
    """How far a bound is from the truth, which it should lie before or after."""
    if bound is None:
        return "?"
    return _ms(bound - span.end if bound > span.end else min(bound - span.start, 0))


def from_fields(items: Iterable[Any], truth: Truth) -> Iterator[Error]:
    """The same pods' one-second fields, as a tool that keeps the first one it sees would read them."""
    for item in items:
        known = truth.get(item["uid"])
        if known is not None:
            for mark, stamp in known.fields.items():
                if mark in known.marks:
                    yield Error(mark.milestone, _off(stamp, known.marks[mark]))


def _off(at: int, span: Span) -> int:
    return max(span.start - at, at - span.end, 0)


def judged(part: str, errors: Iterable[Error]) -> Iterator[Judgement]:
    """The goals of one part of the run."""
    grouped = _grouped(errors)
    for goal in GOALS:
        off = _offs(grouped.get(goal.milestone, []))
        for name, value, limit in (("median", _middle(off), goal.median), ("p99", _p99(off), goal.p99)):
            yield Judgement(f"{part}: {goal.milestone} {name}, ms", value / MS, limit / MS, value <= limit)
    shares = {milestone: _inside(found) for milestone, found in grouped.items()}
    worst = min(shares, key=lambda each: shares[each])
    yield Judgement(f"{part}: inside bounds, least ({worst})", shares[worst], INSIDE, shares[worst] >= INSIDE)


def table(parts: Mapping[str, list[Error]], fields: Iterable[Error]) -> str:
    """The comparison as Markdown, a row a milestone; times are median / p99 / worst."""
    heads = [f"{part}: off by" for part in parts]
    head = ["Milestone", "n", *heads, "truth inside bounds", "median width of bounds", "one-second fields: off by"]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    grouped, alone = {part: _grouped(errors) for part, errors in parts.items()}, _grouped(fields)
    for milestone in Milestone:
        found = [each.get(milestone, []) for each in grouped.values()]
        if any(found):
            lines.append("| " + " | ".join(_row(milestone, found, alone.get(milestone, []))) + " |")
    return "\n".join(lines)


def _row(milestone: Milestone, parts: list[list[Error]], alone: list[Error]) -> list[str]:
    every = [each for part in parts for each in part]
    widths = [each.width for each in every if each.width is not None]
    name = f"`{milestone}`" + (" (report)" if milestone in REPORTED else "")
    inside = f"{100 * _inside(every):.1f} %"
    width = _ms(_middle(widths)) if widths else "-"
    return [name, str(len(every)), *(_three(part) for part in parts), inside, width, _three(alone)]


def _three(errors: list[Error]) -> str:
    off = _offs(errors)
    return f"{_ms(_middle(off))} / {_ms(_p99(off))} / {_ms(off[-1])}" if off else "-"


def _offs(errors: list[Error]) -> list[int]:
    return sorted(each.off for each in errors)


def _middle(values: list[int]) -> float:
    return statistics.median(values) if values else float("inf")


def _p99(ordered: list[int]) -> float:
    return ordered[len(ordered) * 99 // 100] if ordered else float("inf")


def _inside(errors: list[Error]) -> float:
    return sum(each.inside for each in errors) / len(errors)


def _grouped(errors: Iterable[Error]) -> dict[Milestone, list[Error]]:
    grouped: dict[Milestone, list[Error]] = {}
    for each in errors:
        grouped.setdefault(each.milestone, []).append(each)
    return grouped


def _ms(moment: float) -> str:
    return f"{moment / MS:.1f} ms" if moment < 100 * MS else f"{moment / MS:.0f} ms"
