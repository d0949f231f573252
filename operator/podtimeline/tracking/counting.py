"""What a pod counts in the histograms, each observation once in the pod's life."""

from collections.abc import Iterator, Sequence

from podtimeline.analysis.phases.spans import PhaseSpan
from podtimeline.analysis.resolved import Outcome, ResolvedTimeline
from podtimeline.model.instants import Source
from podtimeline.model.milestones import PHASES, Leg, Milestone, Phase
from podtimeline.model.observations import ImagePulled, Partial
from podtimeline.ports import CONTROLLED, Increment, Metric

_UNMEASURED = frozenset({Partial.LISTED, Partial.MALFORMED})
_MEASURED = frozenset({Outcome.READY, Outcome.COMPLETED, Outcome.FAILED})


def counts(view: ResolvedTimeline) -> bool:
    """Whether the pod belongs into histograms at all.

    What was there before the history began was not watched while it started, of what is malformed something is missing,
    and the mirror of a static pod is made after the fact it mirrors.
    """
    return not view.facts.mirror and not _UNMEASURED & set(view.partial)


def start_increments(view: ResolvedTimeline) -> tuple[Increment, ...]:
    """What a start that is over counts. A start that was called off by a deletion measures none of its phases."""
    return tuple(_start(view)) if counts(view) else ()


def end_increments(view: ResolvedTimeline, *, watched: bool) -> tuple[Increment, ...]:
    """What a pod that is gone counts of its way back, if that was ``watched`` from the request on.

    A removal that was only noticed by its absence from a listing has no time.
    """
    removed = view.instant(Milestone.OBJECT_REMOVED)
    if view.termination is None or removed is None or removed.source is Source.LISTED or view.facts.mirror:
        return ()
    return tuple(_end(view, view.termination)) if watched else ()


def _end(view: ResolvedTimeline, termination: int) -> Iterator[Increment]:
    yield _increment(view, Metric.TERMINATION, termination)
    yield from _phases(view, view.leaving, Leg.TERMINATION)
    for drain in view.drains:
        # A slice that has not let go yet is counted once it has.
        if drain.out is None or drain.out.source is Source.LISTED:
            continue
        yield _increment(view, Metric.ENDPOINT_REMOVAL, drain.lag, key=drain.subject)
        if drain.lost and drain.confirmed:
            yield _increment(view, Metric.LOST_TRAFFIC, drain.lost, key=drain.subject)


def _start(view: ResolvedTimeline) -> Iterator[Increment]:
    if view.startup is not None:
        yield _increment(view, Metric.STARTUP, view.startup)
    if view.services and not view.awaited and view.endpoint is not None:
        yield _increment(view, Metric.ENDPOINT, view.endpoint)
    if view.outcome in _MEASURED:
        yield from _phases(view, view.request, Leg.REQUEST)
        yield from _phases(view, view.phases, Leg.STARTUP)
    for pull in view.pulls:
        value = None if pull.cached else _pull_time(view, pull)
        if value is not None:
            yield _increment(view, Metric.IMAGE_PULL, value, key=pull.container)


def _phases(view: ResolvedTimeline, stretches: Sequence[PhaseSpan], leg: Leg) -> Iterator[Increment]:
    still_open = {stretch.phase for stretch in stretches if stretch.open}
    for phase in dict.fromkeys(stretch.phase for stretch in stretches):
        if phase not in still_open:
            value = sum(stretch.duration for stretch in stretches if stretch.phase is phase)
            # What is unexplained can be so on each leg: each counts.
            key = phase.value if PHASES[phase].leg is leg else f"{leg.value}/{phase.value}"
            yield _increment(view, Metric.PHASE, value, key=key, phase=phase)


def _pull_time(view: ResolvedTimeline, pull: ImagePulled) -> int | None:
    if pull.pull is not None:
        return pull.pull
    start = view.instant(Milestone.PULL_STARTED, pull.container)
    end = view.instant(Milestone.PULLED, pull.container)
    return None if start is None or end is None or end.at < start.at else end.at - start.at


def _increment(
    view: ResolvedTimeline, metric: Metric, value: int, *, key: str = "", phase: Phase | None = None
) -> Increment:
    return Increment(
        metric=metric,
        namespace=view.facts.namespace,
        workload_kind=view.workload.kind,
        workload=CONTROLLED if _controlled_by_pod(view) else view.workload.name,
        value=value,
        trace_id=view.uid.replace("-", ""),
        key=key,
        phase=phase,
    )


def _controlled_by_pod(view: ResolvedTimeline) -> bool:
    return view.workload.kind == "Pod" and view.workload.uid != view.uid
