"""Stretches that belong together, so that a pod of many containers is one row for each phase and not one for each."""

from collections.abc import Callable, Iterable

from podtimeline.render.drawing import PhaseSpan

_MOST = 5
"""Up to so many stretches of one phase stand in a row each."""


def folded(stretches: Iterable[PhaseSpan], small: Callable[[PhaseSpan], bool]) -> list[tuple[PhaseSpan, ...]]:
    """The stretches in groups, each where its first one stands: the small ones of a phase together, if they are many.

    One that goes on, or whose ends contradict each other, always stands alone.
    """
    listed = list(stretches)
    phases: dict[str, list[PhaseSpan]] = {}
    for each in listed:
        if small(each) and not each.open and not each.skew_nanoseconds:
            phases.setdefault(each.phase, []).append(each)
    together = {id(each): tuple(alike) for alike in phases.values() if len(alike) > _MOST for each in alike}
    groups = (together.get(id(each), (each,)) for each in listed)
    return list({id(group[0]): group for group in groups}.values())
