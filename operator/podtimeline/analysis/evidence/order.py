"""Causality: which milestone cannot come before which other one, and what that says about their instants.

If a comes before b, then b is not before a's earliest and a is not after b's latest. Milestones that were not observed
pass bounds on all the same. A last delivery that did *not* show a change bounds nothing from below by its arrival:
the change may already have been in flight; only the order of facts does.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from podtimeline.analysis.evidence.attempts import ATTEMPTS, last_attempt, of_first_start, reported, since, until
from podtimeline.analysis.evidence.attempts import window as attempted
from podtimeline.analysis.evidence.clocks import corrected
from podtimeline.analysis.evidence.deletion import effects, last_occurrence, stopped
from podtimeline.analysis.evidence.endings import rejected_at
from podtimeline.analysis.evidence.sequence import spread, started_in_turn
from podtimeline.model.instants import SECOND, Evidence, Instant, Source, Window, exactly, intersect
from podtimeline.model.milestones import MILESTONES, Milestone, MilestoneKey, Scope
from podtimeline.model.pods import ContainerKind, ContainerSpec, PodFacts, image_volume
from podtimeline.model.timeline import Timeline, joined_evidence

Order = dict[MilestoneKey, tuple[MilestoneKey, ...]]
_START_PATH = (Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED)
_UNSEEN = Window(None, None, ())


def done(container: ContainerSpec) -> MilestoneKey:
    """The milestone of an init container or sidecar that lets the next container begin (KEP-753)."""
    ends = container.kind is ContainerKind.INIT
    return MilestoneKey(Milestone.FINISHED if ends else Milestone.STARTUP_PROBE_PASSED, container.name)


def predecessors(facts: PodFacts) -> Order:
    """Each mark of the pod with the marks that must come before it, in topological order."""
    return dict(_predecessors(replace(facts, uid="", namespace="", name="", created_second=0, owner=None, labels=())))


@lru_cache(maxsize=1024)
def _predecessors(facts: PodFacts) -> Order:
    """What pods of one template have in common: all that ``facts`` says but for who they are."""
    order: Order = dict.fromkeys(_BEFORE_CREATION, ())
    order[MilestoneKey(Milestone.OWNER_CREATED)] = (MilestoneKey(Milestone.ROLLOUT_STARTED),)
    order[MilestoneKey(Milestone.CREATED)] = _BEFORE_CREATION
    _order_scheduling(facts, order)
    # A static pod runs before its mirror is created in the API: creation and binding order nothing there.
    order[MilestoneKey(Milestone.KUBELET_ADMITTED)] = () if facts.mirror else (MilestoneKey(Milestone.SCHEDULED),)
    _order_sandbox(facts, order)
    begin = _order_inits(facts, order)
    for container in facts.containers:
        if container.kind is ContainerKind.MAIN:
            _order_start(container, begin, order)
            order[MilestoneKey(Milestone.FINISHED, container.name)] = (MilestoneKey(Milestone.STARTED, container.name),)
    _order_readiness(facts, order)
    order[MilestoneKey(Milestone.TERMINAL_PHASE)] = () if facts.mirror else (MilestoneKey(Milestone.SCHEDULED),)
    order[MilestoneKey(Milestone.DELETION_REQUESTED)] = (MilestoneKey(Milestone.CREATED),)
    order[MilestoneKey(Milestone.RELEASED)] = (MilestoneKey(Milestone.DELETION_REQUESTED),)
    order[MilestoneKey(Milestone.OBJECT_REMOVED)] = (MilestoneKey(Milestone.RELEASED),)
    return order


UNORDERED = frozenset(
    {
        Milestone.LAST_UNSCHEDULABLE,
        Milestone.LAST_MOUNT_FAILURE,
        Milestone.LAST_SANDBOX_FAILURE,
        Milestone.LAST_PULL_FAILURE,
        Milestone.LAST_STARTED,
        Milestone.KILLING,
        Milestone.ENDPOINT_READY,
        Milestone.ENDPOINT_TERMINATING,
        Milestone.ENDPOINT_REMOVED,
        Milestone.UNUSED,
        Milestone.DETACHED,
    }
)
"""Milestones that nothing of the pod's own must precede or follow: other objects' facts, and the last of attempts."""
_BEFORE_CREATION = (
    MilestoneKey(Milestone.ROLLOUT_STARTED),
    MilestoneKey(Milestone.OWNER_CREATED),
    MilestoneKey(Milestone.PREDECESSOR_READY),
    MilestoneKey(Milestone.PREDECESSOR_REMOVED),
)


def _order_scheduling(facts: PodFacts, order: Order) -> None:
    created, unschedulable = MilestoneKey(Milestone.CREATED), MilestoneKey(Milestone.FIRST_UNSCHEDULABLE)
    gates = MilestoneKey(Milestone.GATES_REMOVED)
    order[gates] = (created,)
    order[unschedulable] = order[MilestoneKey(Milestone.PREEMPTION)] = (
        (gates,) if facts.scheduling_gates else (created,)
    )
    order[MilestoneKey(Milestone.SCALE_UP_REQUESTED)] = (created,)
    registered = MilestoneKey(Milestone.NODE_CREATED)
    order[registered], order[MilestoneKey(Milestone.NODE_READY)] = (), (registered,)
    before = [created, unschedulable, registered, *([gates] if facts.scheduling_gates else [])]
    for volume in facts.volumes:
        if volume.claim is not None:
            # The scheduler binds a pod once its claims are bound (KEP-490: volume binding before the pod's).
            bound, begun = (
                MilestoneKey(Milestone.CLAIM_BOUND, volume.name),
                MilestoneKey(Milestone.PROVISIONING_STARTED, volume.name),
            )
            order[begun], order[bound] = (), (begun,)
            before.append(bound)
    order[MilestoneKey(Milestone.SCHEDULED)] = tuple(before)


def _order_sandbox(facts: PodFacts, order: Order) -> None:
    accepted, mounted = MilestoneKey(Milestone.KUBELET_ADMITTED), MilestoneKey(Milestone.MOUNTED)
    before = [accepted]
    for volume in facts.awaited:
        begun, attached = (
            MilestoneKey(Milestone.ATTACH_STARTED, volume.name),
            MilestoneKey(Milestone.ATTACHED, volume.name),
        )
        # The kubelet mounts nothing that can be attached before its report is through (operation_generator.go,
        # GenerateVerifyControllerAttachedVolumeFunc).
        used = MilestoneKey(Milestone.IN_USE, volume.name)
        order[begun], order[attached], order[used] = (), (begun,), ()
        before += (attached, used)
    order[mounted] = tuple(before)
    # A pod of the host's network has the node's addresses before its volumes are mounted (pkg/kubelet/kubelet_pods.go,
    # generateAPIPodStatus); every other one gets them while the runtime makes its sandbox.
    address, sandbox = MilestoneKey(Milestone.IP_ASSIGNED), MilestoneKey(Milestone.SANDBOX_READY)
    order[address] = (accepted if facts.host_network else mounted,)
    order[sandbox] = (mounted,) if facts.host_network else (address,)


def _order_start(container: ContainerSpec, begin: tuple[MilestoneKey, ...], order: Order) -> None:
    before = begin
    for milestone in (*_START_PATH, Milestone.STARTUP_PROBE_PASSED):
        mark = MilestoneKey(milestone, container.name)
        order[mark] = before
        before = (mark,)


def _order_inits(facts: PodFacts, order: Order) -> tuple[MilestoneKey, ...]:
    # Both: of a sandbox that was made anew the condition is later than the containers, and bounds nothing then.
    begin: tuple[MilestoneKey, ...] = (MilestoneKey(Milestone.IP_ASSIGNED), MilestoneKey(Milestone.SANDBOX_READY))
    sandboxed = begin
    for volume in facts.image_volumes:
        pulling, pulled = (MilestoneKey(each, image_volume(volume.name)) for each in (_START_PATH[0], _START_PATH[1]))
        order[pulling], order[pulled] = begin, (pulling,)
    for container in facts.containers:
        if container.kind is not ContainerKind.MAIN:
            _order_start(container, begin, order)
            begin = (done(container),)
            if container.kind is ContainerKind.INIT:
                order[begin[0]] = (MilestoneKey(Milestone.STARTED, container.name),)
    # Without init containers Initialized turns True before the sandbox exists.
    order[MilestoneKey(Milestone.INITIALIZED)] = (
        (MilestoneKey(Milestone.KUBELET_ADMITTED),) if begin is sandboxed else begin
    )
    return begin


def _order_readiness(facts: PodFacts, order: Order) -> None:
    ready = []
    for container in facts.containers:
        if container.kind is not ContainerKind.INIT:
            mark = MilestoneKey(Milestone.CONTAINER_READY, container.name)
            order[mark] = (MilestoneKey(Milestone.STARTUP_PROBE_PASSED, container.name),)
            ready.append(mark)
    order[MilestoneKey(Milestone.CONTAINERS_READY)] = tuple(ready)
    gates = tuple(MilestoneKey(Milestone.READINESS_GATE, gate) for gate in facts.readiness_gates)
    order.update(dict.fromkeys(gates, (MilestoneKey(Milestone.CREATED),)))
    order[MilestoneKey(Milestone.READY)] = (MilestoneKey(Milestone.CONTAINERS_READY), *gates)


def resolve(timeline: Timeline) -> dict[MilestoneKey, Instant]:
    """The instants of all milestones that happened and whose time is known, tightened by causality.

    Without the pod's spec (only events or slices named its uid so far) each milestone stands on its own evidence.
    """
    timeline = _with_rejection(of_first_start(timeline))
    order = predecessors(timeline.facts) if timeline.facts is not None else {}
    for mark in timeline.evidence:
        after = (MilestoneKey(Milestone.IP_ASSIGNED),) if MILESTONES[mark.milestone].scope is Scope.ENDPOINT else ()
        order.setdefault(mark, after if after and after[0] in order else ())
    windows = {mark: _window(timeline, mark) if mark in timeline.evidence else _UNSEEN for mark in order}
    caused = effects(windows, timeline.evidence.keys())
    # What follows comes last in the order: nothing of the order comes after it.
    order = {mark: before for mark, before in order.items() if mark not in caused} | caused
    turns = () if timeline.facts is None else started_in_turn(timeline, timeline.facts, windows)
    _order_turns(turns, order)
    _raise_to_reports(timeline, windows, turns)
    _raise_floors(windows, order)
    _lower_ceilings(windows, order)
    if timeline.facts is not None:
        windows |= stopped(timeline.facts, windows, caused)
        _attempt(timeline, timeline.facts, windows)
        _derive(timeline, timeline.facts, windows)
    return _estimate(timeline, windows, order, dict(spread(turns, windows)))


def _order_turns(turns: tuple[str, ...], order: Order) -> None:
    for before, name in itertools.pairwise(turns):
        begun = MilestoneKey(Milestone.PULL_STARTED, name)
        order[begun] = (*order[begun], MilestoneKey(Milestone.STARTED, before))


def _with_rejection(timeline: Timeline) -> Timeline:
    told = rejected_at(timeline)
    if not told:
        return timeline
    mark = MilestoneKey(Milestone.TERMINAL_PHASE)
    joined = joined_evidence(mark, timeline.evidence.get(mark, ()), told)
    return replace(timeline, evidence={**timeline.evidence, mark: joined})


def _attempt(timeline: Timeline, facts: PodFacts, windows: dict[MilestoneKey, Window]) -> None:
    """Of each step that took several attempts, take the last one up to the success."""
    for mark in timeline.evidence:
        if mark.milestone in ATTEMPTS:
            begin, end = windows.get(since(mark)), windows.get(until(mark, facts))
            window = attempted(_corrected(timeline, mark), ceiling=None if end is None else end.latest)
            windows[mark] = window.raised(None if begin is None else begin.earliest)


def _derive(timeline: Timeline, facts: PodFacts, windows: dict[MilestoneKey, Window]) -> None:
    """Drop the window of what nothing reports unless both sides bound it: the mounts of a pod that has volumes.

    The kubelet makes the sandbox once all volumes are mounted (pkg/kubelet/kubelet.go, SyncPod): an attempt to make it
    that failed says that they were.
    """
    mark = MilestoneKey(Milestone.MOUNTED)
    window = windows[mark]
    for each in _corrected(timeline, MilestoneKey(Milestone.LAST_SANDBOX_FAILURE)):
        window = window.lowered(each.latest)
    failed = last_attempt(_corrected(timeline, MilestoneKey(Milestone.LAST_MOUNT_FAILURE)), ceiling=window.latest)
    if failed is not None:
        window = window.raised(reported(failed))
    told = any(facts.awaited) and window.earliest is not None and _sandboxed(timeline, facts)
    windows[mark] = window if told and window.latest is not None else _UNSEEN


def _sandboxed(timeline: Timeline, facts: PodFacts) -> bool:
    """Whether the sandbox is there: a kubelet before 1.29 has no condition for it, but then an address tells."""
    addressed = timeline.has(Milestone.IP_ASSIGNED) and not facts.host_network
    return addressed or timeline.has(Milestone.SANDBOX_READY)


def _window(timeline: Timeline, mark: MilestoneKey) -> Window:
    evidence = _corrected(timeline, mark)
    return intersect(last_occurrence(mark, evidence)) if evidence else _UNSEEN


def _corrected(timeline: Timeline, mark: MilestoneKey) -> tuple[Evidence, ...]:
    evidence = timeline.evidence.get(mark)
    return tuple(corrected(mark, evidence, timeline.clock)) if evidence else ()


def _stamps(timeline: Timeline, mark: MilestoneKey, *, of: Source | None = None) -> Iterator[int]:
    """When a mark was reported (by the source ``of``): what follows the report is not before these moments."""
    for each in timeline.evidence.get(mark, ()):
        if each.at is not None and of in {None, each.source}:
            (report,) = corrected(mark, (exactly(each.source, each.at, observed=each.observed),), timeline.clock)
            if report.earliest is not None:
                yield report.earliest


def _raise_to_reports(timeline: Timeline, windows: dict[MilestoneKey, Window], turns: tuple[str, ...]) -> None:
    """Raise each step of a container's start to the reports of the step before it.

    The kubelet records Pulling before it pulls, Pulled before it creates and Created before it starts, one after the
    other (pkg/kubelet/kuberuntime/kuberuntime_container.go, startContainer), and Started before it turns to the next
    container: what follows a report is not before it.
    """
    after = dict(itertools.pairwise(turns))
    for mark in timeline.evidence:
        following = _following(timeline, mark, after) if mark.milestone in _START_PATH else None
        if following is None:
            continue
        window = windows[following]
        for report in _stamps(timeline, mark, of=Source.EVENT_NAME):
            floor = report + _took(timeline, following)
            # One clock stamps both: a report that is later than what follows it is of a later run of the container.
            if window.latest is None or floor <= window.latest:
                windows[following] = window.raised(floor)


def _following(timeline: Timeline, mark: MilestoneKey, after: dict[str, str]) -> MilestoneKey | None:
    """The next known step of the start of a container, or of the container that is started after it."""
    begun = mark.milestone is Milestone.STARTED
    name = after.get(mark.subject) if begun else mark.subject
    if name is None:
        return None
    steps = _START_PATH if begun else _START_PATH[_START_PATH.index(mark.milestone) + 1 :]
    return next((each for step in steps if (each := MilestoneKey(step, name)) in timeline.evidence), None)


def _took(timeline: Timeline, mark: MilestoneKey) -> int:
    # The message's durations are truncated to a millisecond (pkg/kubelet/images/image_manager.go): never too long.
    pull = timeline.pulls.get(mark.subject) if mark.milestone is Milestone.PULLED else None
    return 0 if pull is None or pull.cached else pull.waiting or pull.pull or 0


def _raise_floors(windows: dict[MilestoneKey, Window], order: Order) -> None:
    for mark, before in order.items():
        for each in before:
            floor = windows[each].earliest
            if floor is not None:
                windows[mark] = windows[mark].raised(floor)


def _lower_ceilings(windows: dict[MilestoneKey, Window], order: Order) -> None:
    for mark in reversed(order):
        ceiling = windows[mark].latest
        if ceiling is not None:
            for each in order[mark]:
                windows[each] = windows[each].followed(ceiling)


def _refined(
    instant: Instant, mark: MilestoneKey, floor: int | None, timeline: Timeline, windows: dict[MilestoneKey, Window]
) -> Instant:
    """The estimate moved inside its bounds, where what is known of the witnesses says that they are late."""
    match mark.milestone:
        case Milestone.CREATED | Milestone.SCHEDULED:
            return _before_witnesses(instant, floor, _corrected(timeline, mark))
        case Milestone.STARTED:
            return _before_answer(
                instant, windows.get(MilestoneKey(Milestone.CONTAINER_CREATED, mark.subject), _UNSEEN)
            )
        case Milestone.IP_ASSIGNED if windows[mark].ordered:
            return _amid_sandbox(instant, floor, windows[MilestoneKey(Milestone.SANDBOX_READY)])
        case _:
            return instant


_LATE_AT_MOST = SECOND // 100


def _before_witnesses(written: Instant, floor: int | None, told: Iterable[Evidence]) -> Instant:
    """Put a write in the API somewhat before the first of two who tell of it at once: its writer, and the watch.

    Both come the later the busier the machine is, and how far they are apart says how busy. Measured (hack/bench
    accuracy): a quarter of that, up to 10 ms, halves the median error; beyond, a stream stood still or clocks differ.
    """
    stamps = sorted(each.at for each in told if each.at is not None and each.at == each.latest)
    if len(stamps) < 2 or stamps[0] != written.at:
        return written
    earlier = written.at - min((stamps[1] - stamps[0]) // 4, _LATE_AT_MOST)
    bounds = [each for each in (floor, written.earliest) if each is not None and each <= written.at]
    return replace(written, at=max([earlier, *bounds]))


_ANSWERED_AT_MOST = SECOND // 200


def _before_answer(started: Instant, created: Window) -> Instant:
    """Put the start of a process somewhat before the kubelet's stamp, which is of the runtime's answer.

    The answer comes the later the busier the node is, and how long the start took says how busy. Measured (hack/bench
    accuracy): 2.5 % of the time since the container was made, up to 5 ms, takes three quarters off the median error on
    an idle node, and half of it on one without a core to spare.
    """
    made = created.latest
    if started.source is not Source.EVENT_NAME or started.at != started.latest or made is None or made >= started.at:
        return started
    earlier = started.at - min((started.at - made) // 40, _ANSWERED_AT_MOST)
    return replace(started, at=max(earlier, started.earliest or earlier))


def _amid_sandbox(address: Instant, begin: int | None, sandbox: Window) -> Instant:
    """Put an address that nothing stamped between the pod's acceptance and its sandbox, which is made around it.

    Measured (hack/bench accuracy): the network plugin was done after 80 % of that time on an idle node, after 30 % on
    one without a core to spare, as what follows it is the start of a process. Two thirds are off by least in both.
    """
    if begin is None or address.latest is None or not begin < address.at == address.latest:
        return address
    if not sandbox.points or sandbox.skew:
        return address
    return replace(address, at=begin + (address.latest - begin) * 2 // 3, source=Source.ORDER)


def _latest(floors: Mapping[MilestoneKey, int | None], before: tuple[MilestoneKey, ...]) -> int | None:
    latest: int | None = None
    for each in before:
        floor = floors[each]
        if floor is not None and (latest is None or floor > latest):
            latest = floor
    return latest


def _estimate(
    timeline: Timeline, windows: dict[MilestoneKey, Window], order: Order, spread_starts: dict[MilestoneKey, int]
) -> dict[MilestoneKey, Instant]:
    instants: dict[MilestoneKey, Instant] = {}
    floors: dict[MilestoneKey, int | None] = {}
    for mark, before in order.items():
        floor = _latest(floors, before)
        told = mark in timeline.evidence or mark.milestone is Milestone.MOUNTED
        instant = windows[mark].instant(floor=floor) if told else None
        if instant is not None:
            if mark in spread_starts:
                at = max(spread_starts[mark], spread_starts[mark] if floor is None else floor)
                instant = replace(instant, at=at, source=Source.FIELD)
            instants[mark] = instant = _refined(instant, mark, floor, timeline, windows)
            floor = instant.at
        floors[mark] = floor
    return instants
