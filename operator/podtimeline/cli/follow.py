"""Shows a start while it happens."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence

import click

from podtimeline.cli.client import NotFound, Operator, Wanted, read
from podtimeline.cli.output import draw, screen, tell
from podtimeline.model.texts import visible
from podtimeline.render.axis import signed
from podtimeline.render.moments import nanoseconds
from podtimeline.render.screen import Line, Screen
from podtimeline.render.structs import PodTimelineDocument, ReachedMilestoneDocument

Paint = Callable[[Sequence[PodTimelineDocument], Screen], list[Line]]
_HOME_AND_CLEAR = "\x1b[H\x1b[J"
_CLEAR = "\x1b[2J"
_GRACE = 5
"""Looks after the last pod is ready in which its endpoints may still come."""


def follow(operator: Operator, wanted: Wanted, *, every: float, paint: Paint) -> None:
    """Look again each ``every`` seconds until each pod has started, failed or gone, then draw it for good.

    On a terminal the drawing is renewed in place; elsewhere each new milestone is a line.
    """
    live = sys.stdout.isatty()
    told: set[tuple[str, str, str]] = set()
    graces = _GRACE
    found = _await(operator, wanted, every)
    if live:
        click.echo(_CLEAR, nl=False)
    while True:
        if live:
            _redraw(paint(found, screen()), screen())
        else:
            _tell_new(found, told)
        if not any(each.outcome == "starting" for each in found):
            if graces == 0 or not any(each.phase for each in found):
                break
            graces -= 1
        time.sleep(every)
        found = _look(operator, wanted)
    if live:
        click.echo(_HOME_AND_CLEAR, nl=False)
    draw(paint(found, screen()), screen())


def _await(operator: Operator, wanted: Wanted, every: float) -> list[PodTimelineDocument]:
    waiting = False
    while True:
        try:
            return _look(operator, wanted)
        except NotFound:
            if not waiting:
                tell(f"waiting for {wanted.words()}")
            waiting = True
            time.sleep(every)


def _look(operator: Operator, wanted: Wanted) -> list[PodTimelineDocument]:
    return [read(each, PodTimelineDocument) for each in operator.find(wanted)]


def _redraw(lines: Sequence[Line], where: Screen) -> None:
    # What is taller than the terminal would scroll and leave its top behind: the rest comes when it is over.
    rows = shutil.get_terminal_size().lines
    click.echo(_HOME_AND_CLEAR, nl=False)
    draw(lines[: max(rows - 1, 1)], where)


def _tell_new(found: Sequence[PodTimelineDocument], told: set[tuple[str, str, str]]) -> None:
    for timeline in found:
        for each in timeline.milestones:
            key = (timeline.uid, each.milestone, each.subject)
            if key not in told:
                told.add(key)
                click.echo(visible(_line(timeline, each)))


def _line(timeline: PodTimelineDocument, reached: ReachedMilestoneDocument) -> str:
    begin = timeline.begin
    after = signed(nanoseconds(reached.at) - begin) if reached.at and begin is not None else "?"
    words = (reached.at or "unknown", f"{after:>8}", timeline.name, reached.milestone, reached.subject, reached.detail)
    return "  ".join(each for each in words if each)
