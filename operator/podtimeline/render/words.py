"""What is said of a timeline in words: its outcome, what was not seen, how its clocks disagree."""

from collections.abc import Callable, Iterable, Iterator

from podtimeline.analysis.evidence.event_limit import BURST
from podtimeline.analysis.findings.explain import where_text
from podtimeline.analysis.phases.scheduling import IN_WORDS, Obstacle
from podtimeline.analysis.resolved import Outcome
from podtimeline.model.instants import SECOND
from podtimeline.model.milestones import Milestone, Phase
from podtimeline.model.observations import Cause, Partial
from podtimeline.model.texts import bytes_text, duration_text, exit_text, names_text, steps_text
from podtimeline.render.axis import span_text
from podtimeline.render.legend import title
from podtimeline.render.moments import nanoseconds
from podtimeline.render.screen import Style
from podtimeline.render.structs import (
    EventLimitDocument,
    NodeClockDocument,
    PodTimelineDocument,
    PullDocument,
    RestartDocument,
    UnschedulableDocument,
)

_PARTIAL = {
    Partial.LISTED: "It existed before the operator started to watch: what the API does not keep of that time is "
    "unknown.",
    Partial.MALFORMED: "Some of the data about it could not be read; see /api/v1/faults of the operator.",
    Partial.GAP: "The stream was interrupted: what happened meanwhile is only known from later evidence.",
}

_OUTCOMES = {
    Outcome.READY: Style.GREEN,
    Outcome.COMPLETED: Style.GREEN,
    Outcome.STARTING: Style.YELLOW,
    Outcome.FAILED: Style.RED,
    Outcome.DELETED: Style.RED,
    Outcome.UNKNOWN: Style.RED,
}


def outcome_style(timeline: PodTimelineDocument) -> Style:
    """The colour of the outcome; a pod that was ready and then failed by itself has failed."""
    outcome = _outcome(timeline)
    if outcome is None:
        return Style.PLAIN
    failed = timeline.ended is not None and not timeline.ended.succeeded and not _stopped(timeline)
    return Style.RED if failed else _OUTCOMES[outcome]


def outcome_text(timeline: PodTimelineDocument) -> str:
    """How the start ended and after how long, in a few words."""
    total = span_text(timeline.total_nanoseconds)
    match _outcome(timeline):
        case Outcome.READY:
            return f"ready in {span_text(timeline.startup_nanoseconds)}{_end(timeline)}"
        case Outcome.COMPLETED:
            return f"completed in {total}"
        case Outcome.FAILED:
            return f"failed after {total}"
        case Outcome.DELETED:
            return f"deleted before it was ready, after {total}"
        case Outcome.UNKNOWN:
            return "could not be evaluated"
        case Outcome.STARTING:
            return f"starting for {total}" + (f", {_where(timeline.phase)}" if timeline.phase else "")
        case None:
            return f"{timeline.outcome} after {total}"


def _end(timeline: PodTimelineDocument) -> str:
    """How a pod that had been ready ended by itself, as a Job's does; empty while it runs."""
    if timeline.ended is None or _stopped(timeline):
        return ""
    return ", then completed" if timeline.ended.succeeded else ", then failed"


def _stopped(timeline: PodTimelineDocument) -> bool:
    """Whether it was deleted before it ended: what its containers then exit with is the kubelet's doing."""
    ends = {each.milestone: each.at for each in timeline.milestones if each.at is not None}
    deleted, finished = ends.get("deletion_requested"), ends.get("finished", ends.get("terminal_phase"))
    return deleted is not None and finished is not None and nanoseconds(finished) >= nanoseconds(deleted)


def _where(phase: str) -> str:
    """The phase that a pod is in; one of a newer operator is called by its name."""
    return where_text(Phase(phase)) if phase in Phase.__members__.values() else f"in {title(phase)}"


def _outcome(timeline: PodTimelineDocument) -> Outcome | None:
    return Outcome(timeline.outcome) if timeline.outcome in Outcome.__members__.values() else None


def endpoint_text(timeline: PodTimelineDocument) -> str:
    """When traffic could reach it, or why nothing is known of that; empty where the pod never became ready."""
    if timeline.endpoint_nanoseconds is not None and not timeline.awaited:
        return f"endpoint in {duration_text(timeline.endpoint_nanoseconds)}"
    if timeline.startup_nanoseconds is None:
        return ""
    if timeline.awaited:
        return "no endpoint yet in " + ", ".join(timeline.awaited)
    if timeline.services is None:
        return "Services unknown"
    held = any(each.milestone == Milestone.ENDPOINT_READY for each in timeline.milestones)
    return "" if timeline.services or held else "no Service selects it"


def caveats(timeline: PodTimelineDocument, when: Callable[[str], str]) -> Iterator[str]:
    """What the reader has to know before trusting the figures, a sentence each; ``when`` writes a moment for people."""
    for each in timeline.partial:
        yield _PARTIAL[Partial(each)] if each in Partial.__members__.values() else f"Partial: {each}."
    if timeline.limits:
        yield f"Limits were reached, some data was dropped: {', '.join(timeline.limits)}."
    if timeline.missing:
        yield f"Not observed: {steps_text((each.milestone, each.subject) for each in timeline.missing)}."
    yield from (limit_text(each, reached=when(each.reached)) for each in timeline.event_limits)
    if timeline.clock is not None:
        yield clock_text(timeline.clock, timeline.node)
    skew = max([timeline.skew_nanoseconds, *(each.skew_nanoseconds for each in timeline.phases)])
    if skew:
        clash = duration_text(skew)
        yield f"Timestamps contradict each other by at least {clash}; contradicting bounds are kept."


def clock_text(clock: NodeClockDocument, node: str | None) -> str:
    """By how much a node's clock was off."""
    ahead = clock.low > 0
    least, most = sorted((abs(clock.low), abs(clock.high)))
    by = f"{duration_text(round(least * SECOND))} to {duration_text(round(most * SECOND))}"
    return f"The clock of {node or 'its node'} was {by} {'ahead' if ahead else 'behind'}; its timestamps are corrected."


_CAUSES = {
    Cause.PREEMPTION: "the scheduler, for a pod of higher priority",
    Cause.TAINT: "the taint eviction controller",
    Cause.NODE_PRESSURE: "the kubelet of its node, because of node pressure or shutdown",
    Cause.POD_GC: "the pod garbage collector",
    Cause.DRAIN: "an eviction, while its node was cordoned",
    Cause.EVICTION: "an eviction",
    Cause.ROLLOUT: "its owner, for a newer revision",
    Cause.SCALE_DOWN: "its owner, which wants fewer pods",
    Cause.NAMESPACE: "the namespace controller",
    Cause.OWNER_DELETED: "the garbage collector, because its owner was deleted",
    Cause.CONTROLLER: "its owner's controller",
    Cause.DIRECT: "a person or another client",
}


def cause_text(cause: str) -> str:
    """Who asked for a deletion."""
    return _CAUSES[Cause(cause)] if cause in Cause.__members__.values() else cause.replace("_", " ")


def limit_text(limit: EventLimitDocument, *, reached: str) -> str:
    """That the kubelet had no Event left to write about the pod, since when, and what is not known because of it."""
    said = (
        f"Event limit: by {reached} the kubelet had written the {BURST} {limit.type} Events that client-go allows "
        "for one object at once (then one every five minutes)"
    )
    if not limit.containers:
        return f"{said}: later ones may be missing."
    count = len(limit.containers)
    starts = "the start of one container" if count == 1 else f"the starts of {count} containers"
    verb = "is" if count == 1 else "are"
    return f"{said}: {starts} ({names_text(limit.containers)}) {verb} known from the status, to the second."


def refusal_text(refused: UnschedulableDocument, *, last: str) -> str:
    """That no node takes a pod, how often that was tried, and what hinders them; ``last`` says when it was last."""
    times = (
        f"at least {refused.attempts} attempts, the last known one" if refused.attempts > 1 else "one known attempt,"
    )
    of = "" if refused.nodes is None else f" of {refused.nodes}"
    return f"No node{of} is suitable ({times} {last}): {hindrances(refused)}."


def hindrances(refused: UnschedulableDocument) -> str:
    """What hinders the nodes, in groups, each with the number of nodes that it rules out."""
    nodes: dict[str, int | None] = {}
    for each in refused.obstacles:
        held = nodes.get(each.obstacle, 0)
        nodes[each.obstacle] = None if held is None or each.nodes is None else held + each.nodes
    found = ", ".join(_hindrance(obstacle, count) for obstacle, count in nodes.items())
    return found or "the scheduler gives no reason"


def _hindrance(obstacle: str, count: int | None) -> str:
    name = IN_WORDS[Obstacle(obstacle)] if obstacle in Obstacle.__members__.values() else obstacle.replace("_", " ")
    return name if count is None else f"{name} on {count}"


def restart_texts(restarts: Iterable[RestartDocument]) -> Iterator[str]:
    """A sentence for the restarts of each container, one for those that did alike."""
    alike: dict[tuple[int, int | None, str], list[RestartDocument]] = {}
    for each in restarts:
        alike.setdefault((each.restarts, each.exit_code, each.reason), []).append(each)
    for first, *others in alike.values():
        yield _restart(names_text([each.container for each in (first, *others)]), first)


def _restart(names: str, restart: RestartDocument) -> str:
    times = "once" if restart.restarts == 1 else f"{restart.restarts} times"
    code = exit_text(restart.exit_code, restart.reason)
    return f"{names} restarted {times}" + (f", last with {code}" if code else "") + "."


def pull_text(pull: PullDocument) -> str:
    """What an image pull cost."""
    size = "" if pull.size_bytes is None else f", {bytes_text(pull.size_bytes)}"
    if pull.cached:
        return f"{pull.image}{size}, already on the node"
    took = f" in {span_text(pull.pull_nanoseconds)}" if pull.pull_nanoseconds is not None else ", duration unknown"
    rate = "" if pull.bytes_per_second is None else f" ({bytes_text(pull.bytes_per_second)}/s)"
    queue = f", after waiting {duration_text(pull.queue_nanoseconds)} for other pulls" if pull.queue_nanoseconds else ""
    return f"{pull.image}{size}{took}{rate}{queue}"
