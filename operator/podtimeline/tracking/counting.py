"""What a pod counts in the histograms, each observation once in the pod's life."""

from collections.abc import Iterator

from podtimeline.core.instants import Source
from podtimeline.core.milestones import Milestone, Phase
from podtimeline.core.observations import ImagePulled, Partial
from podtimeline.core.view import Outcome, View
from podtimeline.ports import Increment, Metric

_MEASURED = frozenset({Outcome.READY, Outcome.COMPLETED, Outcome.FAILED})


def counts(view: View) -> bool:
    """Whether the pod belongs into histograms at all.

    What was there before the history began was not watched while it started, and the mirror of a static pod is made
    after the fact it mirrors.
    """
    return not view.facts.mirror and Partial.LISTED not in view.partial


def start_increments(view: View) -> tuple[Increment, ...]:
    """What a start that is over counts. A start that was called off by a deletion measures none of its phases."""
    return tuple(_start(view)) if counts(view) else ()


def end_increments(view: View) -> tuple[Increment, ...]:
    """What a pod that is gone counts; a removal that was only noticed by its absence from a listing has no time."""
    removed = view.instant(Milestone.OBJECT_REMOVED)
    if view.termination is None or removed is None or removed.source is Source.LISTED or not counts(view):
        return ()
    return (_increment(view, Metric.TERMINATION, view.termination),)


def _start(view: View) -> Iterator[Increment]:
    if view.startup is not None:
        yield _increment(view, Metric.STARTUP, view.startup)
    if view.services and not view.awaited and view.endpoint is not None:
        yield _increment(view, Metric.ENDPOINT, view.endpoint)
    if view.outcome in _MEASURED:
        yield from _phases(view)
    for pull in view.pulls:
        value = None if pull.cached else _pull_time(view, pull)
        if value is not None:
            yield _increment(view, Metric.IMAGE_PULL, value, key=pull.container)


def _phases(view: View) -> Iterator[Increment]:
    still_open = {stretch.phase for stretch in view.phases if stretch.open}
    for phase, value in view.by_phase().items():
        if phase not in still_open:
            yield _increment(view, Metric.PHASE, value, key=phase.value, phase=phase)


def _pull_time(view: View, pull: ImagePulled) -> int | None:
    if pull.pull is not None:
        return pull.pull
    start = view.instant(Milestone.PULL_STARTED, pull.container)
    end = view.instant(Milestone.PULLED, pull.container)
    return None if start is None or end is None or end.at < start.at else end.at - start.at


def _increment(view: View, metric: Metric, value: int, *, key: str = "", phase: Phase | None = None) -> Increment:
    return Increment(
        metric=metric,
        namespace=view.facts.namespace,
        workload_kind=view.workload.kind,
        workload=view.workload.name,
        value=value,
        trace_id=view.uid.replace("-", ""),
        key=key,
        phase=phase,
    )
