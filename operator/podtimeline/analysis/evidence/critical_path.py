"""The critical paths: the steps that a pod takes on each leg of its way, and what the time before each is spent on.

A step is a milestone. One that is not ``required`` is taken only where it was observed between its neighbours.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from podtimeline.analysis.evidence.event_limit import unreported
from podtimeline.model.instants import Instant
from podtimeline.model.milestones import Milestone, MilestoneKey, Phase
from podtimeline.model.observations import Ran
from podtimeline.model.pods import ContainerKind, ContainerSpec, PodFacts, VolumeSpec, image_volume
from podtimeline.model.timeline import Timeline

Instants = Mapping[MilestoneKey, Instant]


class Step(NamedTuple):
    """A milestone of a critical path and the phase that the time before it is charged to.

    ``owner`` is the container, volume or endpoint that the phase belongs to, where that is not the milestone's own. A
    tuple, as an evaluation makes dozens.
    """

    mark: MilestoneKey
    phase: Phase
    required: bool = True
    owner: str | None = None

    @property
    def subject(self) -> str:
        """What the phase belongs to; empty for the pod itself."""
        return self.mark.subject if self.owner is None else self.owner


def request_path(instants: Instants) -> Iterator[Step]:
    """From the owner's request for the pod to its creation."""
    waits = (
        Step(MilestoneKey(Milestone.OWNER_CREATED), Phase.OWNER_CONTROLLER, required=False),
        Step(MilestoneKey(Milestone.PREDECESSOR_READY), Phase.PREDECESSOR, required=False),
        Step(MilestoneKey(Milestone.PREDECESSOR_REMOVED), Phase.REPLACEMENT, required=False),
    )
    yield from sorted(waits, key=lambda step: instants[step.mark].at if step.mark in instants else 0)
    yield Step(MilestoneKey(Milestone.CREATED), Phase.POD_CREATION)


def startup_path(timeline: Timeline, facts: PodFacts, instants: Instants) -> Iterator[Step]:
    """From creation to the last endpoint, through the container that was ready last."""
    silent = unreported(timeline)
    steps = _startup(timeline, facts, instants)
    return _without_events(steps, silent, instants) if silent else steps


def _without_events(steps: Iterable[Step], silent: AbstractSet[str], instants: Instants) -> Iterator[Step]:
    """The steps, with one phase for those that the Event limit (see ``event_limit``) leaves nobody to tell apart."""
    dropped = False
    for step in steps:
        known = step.mark in instants or step.phase is Phase.POST_START
        if step.mark.subject in silent and step.mark.milestone in _TOLD_BY_EVENTS and step.required and not known:
            dropped = True
            continue
        yield step._replace(phase=Phase.PULL_TO_START) if dropped and step.required else step
        dropped = False


_TOLD_BY_EVENTS = frozenset({Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED})


def _startup(timeline: Timeline, facts: PodFacts, instants: Instants) -> Iterator[Step]:
    if not facts.mirror:
        yield from _scheduling(facts, instants)
        yield Step(MilestoneKey(Milestone.KUBELET_ADMITTED), Phase.KUBELET_ADMISSION)
    yield from _sandbox(timeline, facts, instants)
    for volume in facts.image_volumes:
        yield from _volume_image(timeline, image_volume(volume.name), instants)
    for container in facts.containers:
        if container.kind is not ContainerKind.MAIN:
            yield from _starting(timeline, facts, container, instants)
            yield _init_done(timeline, facts, container, instants)
    critical = critical_container(facts, instants)
    if critical is not None and critical.kind is ContainerKind.MAIN:
        yield from _mains(timeline, facts, critical, instants)
    elif critical is not None:
        yield _ready(timeline, critical, instants)
    if critical is not None and lost_readiness(critical, instants):
        yield Step(MilestoneKey(Milestone.LAST_STARTED, critical.name), Phase.CRASH_LOOP)
        yield Step(MilestoneKey(Milestone.CONTAINERS_READY), _probed(critical), owner=critical.name)
    else:
        yield Step(MilestoneKey(Milestone.CONTAINERS_READY), Phase.STATUS_REPORT, owner=_outlasting(facts, instants))
    gated = Phase.READINESS_GATES if facts.readiness_gates else Phase.STATUS_REPORT
    yield Step(MilestoneKey(Milestone.READY), gated)
    endpoint = last_endpoint(timeline, instants)
    if endpoint is not None:
        yield Step(endpoint, Phase.ENDPOINT)


_THEN: dict[Milestone, Phase] = {
    Milestone.FIRST_UNSCHEDULABLE: Phase.UNSCHEDULABLE,
    Milestone.LAST_UNSCHEDULABLE: Phase.UNSCHEDULABLE,
    Milestone.PREEMPTION: Phase.PREEMPTION,
    Milestone.SCALE_UP_REQUESTED: Phase.NODE_PROVISIONING,
    Milestone.NODE_CREATED: Phase.NODE_START,
    Milestone.NODE_READY: Phase.SCHEDULING_RETRY,
    Milestone.PROVISIONING_STARTED: Phase.VOLUME_PROVISIONING,
    Milestone.CLAIM_BOUND: Phase.SCHEDULING_RETRY,
}
"""What a pod that is not bound yet waits for after each of these: the milestone opens the phase."""


def _scheduling(facts: PodFacts, instants: Instants) -> Iterator[Step]:
    """What a pod waits for before it is bound is told by what was observed last, in the order of time."""
    begin = Milestone.CREATED
    if facts.scheduling_gates:
        yield Step(MilestoneKey(Milestone.GATES_REMOVED), Phase.SCHEDULING_GATES)
        begin = Milestone.GATES_REMOVED
    origin, end = instants.get(MilestoneKey(begin)), instants.get(MilestoneKey(Milestone.SCHEDULED))
    state, subject, refused = Phase.SCHEDULING, "", False
    if origin is not None:
        claimed = _provisioned_since(facts, instants, origin.at)
        if claimed is not None:
            state, subject = Phase.VOLUME_PROVISIONING, claimed
        for mark in _waits(facts, instants, origin.at, None if end is None else end.at):
            then = _THEN[mark.milestone]
            if then is Phase.UNSCHEDULABLE:
                refused = True
                # An attempt that fails while a node is made, a claim is bound or victims go says nothing new.
                if state not in _ASKING:
                    continue
            elif then is Phase.SCHEDULING_RETRY and not refused:
                # The first attempt is still under way: it waits for the claims that it chose volumes for.
                then = Phase.SCHEDULING
            yield Step(mark, state, required=False, owner=subject)
            state, subject = then, "" if then in _ASKING else mark.subject
    yield Step(MilestoneKey(Milestone.SCHEDULED), state, owner=subject)


_ASKING = frozenset({Phase.SCHEDULING, Phase.SCHEDULING_RETRY})
"""The phases in which it is the scheduler's turn."""


def _provisioned_since(facts: PodFacts, instants: Instants, origin: int) -> str | None:
    """The volume whose claim was being provisioned already when the scheduler could first look; ``None`` for none."""
    bound = _last(Milestone.CLAIM_BOUND, facts.volumes, instants)
    if bound is not None:
        names = [bound.subject] if instants[bound].at > origin else []
    else:
        names = [each.name for each in facts.volumes if MilestoneKey(Milestone.SCHEDULED) not in instants]
    begun = {name: instants.get(MilestoneKey(Milestone.PROVISIONING_STARTED, name)) for name in names}
    return next((name for name, instant in begun.items() if instant is not None and instant.at <= origin), None)


def _waits(facts: PodFacts, instants: Instants, after: int, before: int | None) -> list[MilestoneKey]:
    marks = [MilestoneKey(each) for each in _THEN if each not in _OF_CLAIMS]
    asked, registered = instants.get(_SCALE_UP), instants.get(MilestoneKey(Milestone.NODE_CREATED))
    if asked is not None and registered is not None and registered.at <= asked.at:
        # It was bound to a node that was there already: it did not wait for the one that was asked for.
        marks.remove(_SCALE_UP)
    bound = _last(Milestone.CLAIM_BOUND, facts.volumes, instants)
    if bound is not None:
        marks += [MilestoneKey(Milestone.PROVISIONING_STARTED, bound.subject), bound]
    elif before is None:
        marks += [mark for mark in instants if mark.milestone is Milestone.PROVISIONING_STARTED]
    within = [
        mark for mark in marks if mark in instants and after <= instants[mark].at and not _past(before, instants[mark])
    ]
    return sorted(within, key=lambda mark: instants[mark].at)


_SCALE_UP = MilestoneKey(Milestone.SCALE_UP_REQUESTED)
_OF_CLAIMS = frozenset({Milestone.PROVISIONING_STARTED, Milestone.CLAIM_BOUND})


def _past(end: int | None, instant: Instant) -> bool:
    return end is not None and instant.at > end


def _last(milestone: Milestone, volumes: Iterable[VolumeSpec], instants: Instants) -> MilestoneKey | None:
    """The volume that came last; ``None`` where none is known."""
    marks = [mark for each in volumes if (mark := MilestoneKey(milestone, each.name)) in instants]
    return max(marks, key=lambda mark: instants[mark].at, default=None)


def _sandbox(timeline: Timeline, facts: PodFacts, instants: Instants) -> Iterator[Step]:
    attached, end = _last(Milestone.ATTACHED, facts.awaited, instants), _sandboxed(facts, instants)
    if attached is not None:
        yield Step(attached, Phase.VOLUME_ATTACH, required=False)
    used = _last(Milestone.IN_USE, facts.awaited, instants)
    if used is not None:
        yield Step(used, Phase.VOLUME_REPORT, required=False)
    waiting = attaching(timeline, facts) if end not in instants else None
    if waiting is not None:
        yield Step(MilestoneKey(Milestone.ATTACHED, waiting), Phase.VOLUME_ATTACH)
    before = instants[end].at if end in instants else None
    mount, sandbox = MilestoneKey(Milestone.LAST_MOUNT_FAILURE), MilestoneKey(Milestone.LAST_SANDBOX_FAILURE)
    # What failed while a volume was not attached, or its use not reported, failed because of that.
    usable = max((instants[each].at for each in (attached, used) if each is not None), default=None)
    mounting = mount in instants and not _past(before, instants[mount])
    mounting = mounting and (usable is None or instants[mount].at > usable)
    retried = sandbox in instants and not _past(before, instants[sandbox])
    if mounting and retried:
        yield Step(mount, Phase.VOLUME_MOUNT, required=False)
    phase = Phase.SANDBOX_RETRIES if retried else Phase.VOLUME_MOUNT if mounting else Phase.SANDBOX
    yield Step(end, phase)


def _sandboxed(facts: PodFacts, instants: Instants) -> MilestoneKey:
    """What ends the way to the sandbox: its condition, unless that is of a later sandbox; else the address.

    A kubelet before 1.29 has no such condition. The address of a pod of the host's network tells nothing of its sandbox
    but that it was there when containers were started.
    """
    sandbox, address = MilestoneKey(Milestone.SANDBOX_READY), MilestoneKey(Milestone.IP_ASSIGNED)
    ready = instants.get(sandbox)
    begun = min((instants[mark].at for mark in instants if mark.milestone in _OF_CONTAINERS), default=None)
    if ready is not None and (begun is None or ready.at <= begun):
        return sandbox
    return address if begun is not None or not facts.host_network else sandbox


_OF_CONTAINERS = frozenset({Milestone.PULL_STARTED, Milestone.PULLED, Milestone.STARTED})


def attaching(timeline: Timeline, facts: PodFacts) -> str | None:
    """A volume that is to be attached and, as far as is known, is not; ``None`` where there is none.

    While a volume is attached to another node, there is no VolumeAttachment yet: only an Event says that it is wanted.
    """
    for volume in facts.awaited:
        name = volume.name
        begun = timeline.has(Milestone.ATTACH_STARTED, name) or ("FailedAttachVolume", name) in timeline.notes
        if begun and not timeline.has(Milestone.ATTACHED, name):
            return name
    return None


def critical_container(facts: PodFacts, instants: Instants) -> ContainerSpec | None:
    """The container that holds, or held, the pod's readiness up; ``None`` where no container counts for it.

    Every main container and every sidecar counts (pkg/kubelet/status/generate.go, GenerateContainersReadyCondition;
    KEP-753), but what has ended for good is not waited for. Where all are ready it is the one that was ready last, and
    of several that one report showed ready the one that was started last.
    """
    counted = [each for each in facts.containers if each.kind is not ContainerKind.INIT]
    mains = [each for each in counted if each.kind is ContainerKind.MAIN]
    # Where all are known to be ready, a sidecar of which that was not seen was not what they waited for.
    asked = mains if MilestoneKey(Milestone.CONTAINERS_READY) in instants else counted
    waiting = [each for each in asked if not _has(each, instants, Milestone.CONTAINER_READY, Milestone.FINISHED)]
    if waiting:
        return _held_up(waiting, instants)
    running = [each for each in mains if not _has(each, instants, Milestone.FINISHED)]
    unready = [each for each in mains if not _has(each, instants, Milestone.CONTAINER_READY)]
    if unready and not running:
        return max(unready, key=lambda each: instants[MilestoneKey(Milestone.FINISHED, each.name)].at)
    return max(running if unready else counted, key=lambda each: _readied(each, instants), default=None)


def _held_up(waiting: Iterable[ContainerSpec], instants: Instants) -> ContainerSpec:
    """The first that is not ready in the order of the spec; a main one that has not started before all sidecars."""
    first, *rest = waiting
    main = next((each for each in (first, *rest) if each.kind is ContainerKind.MAIN), None)
    return first if main is None or _has(main, instants, Milestone.STARTED) else main


def _has(container: ContainerSpec, instants: Instants, *milestones: Milestone) -> bool:
    return any(MilestoneKey(each, container.name) in instants for each in milestones)


def _outlasting(facts: PodFacts, instants: Instants) -> str | None:
    """The first main container that still runs where another one has ended for good; ``None`` where none has."""
    mains = [each for each in facts.containers if each.kind is ContainerKind.MAIN]
    running = [each.name for each in mains if not _has(each, instants, Milestone.FINISHED)]
    told = MilestoneKey(Milestone.CONTAINERS_READY) in instants or len(running) == len(mains)
    return None if told else next(iter(running), None)


def _readied(container: ContainerSpec, instants: Instants) -> tuple[int, int]:
    ready, started = (
        instants.get(MilestoneKey(each, container.name)) for each in (Milestone.CONTAINER_READY, Milestone.STARTED)
    )
    again = instants.get(MilestoneKey(Milestone.LAST_STARTED, container.name))
    known = [each.at for each in (ready, again) if each is not None]
    return max(known, default=0), 0 if started is None else started.at


def lost_readiness(container: ContainerSpec, instants: Instants) -> bool:
    """Whether the container was ready, ended and was started again before the pod was ready."""
    ready, again = (
        instants.get(MilestoneKey(each, container.name)) for each in (Milestone.CONTAINER_READY, Milestone.LAST_STARTED)
    )
    return ready is not None and again is not None and again.at > ready.at


def last_endpoint(timeline: Timeline, instants: Instants) -> MilestoneKey | None:
    """The endpoint that ends the way to traffic: the last one of a selecting Service, ``None`` where there is none.

    ``None`` too where an address was there already when a slice was listed: traffic can come, nobody knows since when.
    """
    seen: dict[str, list[MilestoneKey]] = {}
    for mark in timeline.evidence:
        if mark.milestone is Milestone.ENDPOINT_READY:
            seen.setdefault(service_of(mark.subject), []).append(mark)
    expected = sorted(timeline.services if timeline.services is not None else seen)
    for service in expected:
        if service not in seen:
            return MilestoneKey(Milestone.ENDPOINT_READY, service)
    timed = [[mark for mark in seen[service] if mark in instants] for service in expected]
    if not all(timed):
        return None
    # A Service spreads one pod over several slices (address families): the first of each says traffic can come.
    firsts = [min(marks, key=lambda mark: instants[mark].at) for marks in timed]
    return max(firsts, key=lambda mark: instants[mark].at, default=None)


def service_of(subject: str) -> str:
    """``namespace/service`` of an endpoint's subject ``namespace/service/slice``."""
    return subject.rpartition("/")[0]


def _starting(
    timeline: Timeline,
    facts: PodFacts,
    container: ContainerSpec,
    instants: Instants,
    *,
    after: ContainerSpec | None = None,
) -> Iterator[Step]:
    """The start of one container; ``after`` is the one whose postStart hook the kubelet waited for before it."""
    name = container.name
    hook = after is not None and after.post_start
    wait, waiting = (Phase.POST_START, after.name) if hook and after is not None else (Phase.KUBELET_SYNC, None)
    yield from _image(timeline, name, instants, wait=wait, owner=waiting)
    yield Step(MilestoneKey(Milestone.CONTAINER_CREATED, name), Phase.CONTAINER_CREATE)
    yield Step(MilestoneKey(Milestone.STARTED, name), Phase.CONTAINER_START)
    phase, owner = Phase.CRASH_LOOP, name
    for init in _repeated(facts, container, instants):
        yield Step(MilestoneKey(Milestone.LAST_STARTED, init), phase, required=False, owner=owner)
        phase, owner = Phase.INIT_RUN, init
    yield Step(MilestoneKey(Milestone.LAST_STARTED, name), phase, required=False, owner=owner)


def _image(
    timeline: Timeline, name: str, instants: Instants, *, wait: Phase = Phase.KUBELET_SYNC, owner: str | None = None
) -> Iterator[Step]:
    """How an image gets to the node; ``wait`` is what the time before is spent on, and ``owner`` on whom."""
    pull = timeline.pulls.get(name)
    begun, pulled = MilestoneKey(Milestone.PULL_STARTED, name), MilestoneKey(Milestone.PULLED, name)
    found = pull is not None and pull.cached
    if pull_failed(name, instants):
        # Whether the image was pulled in the end or found on the node: it was missed since the first attempt.
        yield Step(begun, wait, required=False, owner=owner)
        yield Step(pulled, Phase.IMAGE_BACKOFF if found else Phase.IMAGE_PULL)
    elif found:
        yield Step(pulled, wait, owner=owner)
    else:
        yield Step(begun, wait, owner=owner)
        yield Step(pulled, Phase.IMAGE_PULL)


def _volume_image(timeline: Timeline, name: str, instants: Instants) -> Iterator[Step]:
    """The kubelet gets the images of volumes before it starts any container (kuberuntime_manager.go, SyncPod)."""
    told = (Milestone.PULL_STARTED, Milestone.PULLED, Milestone.LAST_PULL_FAILURE)
    if any(MilestoneKey(each, name) in instants for each in told):
        yield from _image(timeline, name, instants)


def _repeated(facts: PodFacts, container: ContainerSpec, instants: Instants) -> list[str]:
    """The init containers that were run again after the container's first start, in the order of time.

    A new sandbox begins with the first init container, and so does RestartAllContainers (KEP-5532).
    """
    first = instants.get(MilestoneKey(Milestone.STARTED, container.name))
    begun: dict[str, int] = {}
    for each in itertools.takewhile(lambda each: each is not container, facts.containers):
        done, again = (instants.get(MilestoneKey(m, each.name)) for m in (Milestone.FINISHED, Milestone.LAST_STARTED))
        if each.kind is not ContainerKind.INIT or first is None or again is None or done is None:
            continue
        if again.at > max(first.at, done.at):
            begun[each.name] = again.at
    return sorted(begun, key=begun.__getitem__)


def pull_failed(container: str, instants: Instants) -> bool:
    """Whether an attempt to get the container's image failed before it was there."""
    failed = instants.get(MilestoneKey(Milestone.LAST_PULL_FAILURE, container))
    there = (instants.get(MilestoneKey(each, container)) for each in _WITH_IMAGE)
    first = next((each for each in there if each is not None), None)
    return failed is not None and (first is None or failed.at <= first.at)


_WITH_IMAGE = (
    Milestone.PULLED,
    Milestone.CONTAINER_CREATED,
    Milestone.STARTED,
    Milestone.STARTUP_PROBE_PASSED,
    Milestone.CONTAINER_READY,
    Milestone.FINISHED,
)
"""What says that a container's image is there, the first step first."""


def crashed(timeline: Timeline, container: str) -> bool:
    """Whether the latest known run of the container is over: unless it ended for good, it waits to be started again."""
    latest = latest_run(timeline, container)
    return latest is not None and latest.over


def latest_run(timeline: Timeline, container: str) -> Ran | None:
    """The latest run of the container that is known of."""
    runs = [ran for (name, _), ran in timeline.runs.items() if name == container]
    return max(runs, key=lambda ran: ran.run, default=None)


def _looping(timeline: Timeline, awaited: MilestoneKey, instants: Instants) -> bool:
    """Whether what is awaited of a container waits for its next run: nothing restarts what has ended for good."""
    over = awaited in instants or timeline.has(Milestone.FINISHED, awaited.subject)
    return not over and crashed(timeline, awaited.subject)


def _init_done(timeline: Timeline, facts: PodFacts, container: ContainerSpec, instants: Instants) -> Step:
    if container.kind is ContainerKind.INIT:
        done = MilestoneKey(Milestone.FINISHED, container.name)
        again = _repeated(facts, container, instants)
        if done not in instants and again:
            return Step(done, Phase.INIT_RUN, owner=again[-1])
        return Step(done, Phase.CRASH_LOOP if _looping(timeline, done, instants) else Phase.INIT_RUN)
    passed = MilestoneKey(Milestone.STARTUP_PROBE_PASSED, container.name)
    if _looping(timeline, passed, instants):
        return Step(passed, Phase.CRASH_LOOP)
    return Step(passed, Phase.STARTUP_PROBE if container.startup_probe else _unprobed(container))


def _unprobed(container: ContainerSpec) -> Phase:
    return Phase.POST_START if container.post_start else Phase.STATUS_REPORT


def _mains(timeline: Timeline, facts: PodFacts, critical: ContainerSpec, instants: Instants) -> Iterator[Step]:
    # The kubelet starts main containers one after the other: what the critical one waited for is its elder siblings.
    begun = _first_known(critical, instants)
    elder: ContainerSpec | None = None
    for container in facts.containers:
        if container.kind is not ContainerKind.MAIN or container is critical:
            continue
        started = instants.get(MilestoneKey(Milestone.STARTED, container.name))
        if begun is not None and started is not None and started.at <= begun:
            yield from (each for each in _starting(timeline, facts, container, instants, after=elder) if _first(each))
            elder = container
    yield from _starting(timeline, facts, critical, instants, after=elder)
    yield from _getting_ready(timeline, critical, instants)


def _getting_ready(timeline: Timeline, container: ContainerSpec, instants: Instants) -> Iterator[Step]:
    ready = _ready(timeline, container, instants)
    if container.startup_probe or container.post_start:
        phase = Phase.STARTUP_PROBE if container.startup_probe else Phase.POST_START
        passed = MilestoneKey(Milestone.STARTUP_PROBE_PASSED, container.name)
        yield Step(passed, Phase.CRASH_LOOP if ready.phase is Phase.CRASH_LOOP else phase)
    yield ready


def _ready(timeline: Timeline, container: ContainerSpec, instants: Instants) -> Step:
    ready = MilestoneKey(Milestone.CONTAINER_READY, container.name)
    return Step(ready, Phase.CRASH_LOOP if _looping(timeline, ready, instants) else _probed(container))


def _probed(container: ContainerSpec) -> Phase:
    return Phase.READINESS_PROBE if container.readiness_probe else Phase.STATUS_REPORT


def _first(step: Step) -> bool:
    """Whether the step is of the container's first run, which alone another container waits for."""
    return step.mark.milestone is not Milestone.LAST_STARTED


def _first_known(container: ContainerSpec, instants: Instants) -> int | None:
    path = (Milestone.PULL_STARTED, Milestone.PULLED, Milestone.CONTAINER_CREATED, Milestone.STARTED)
    known = [instants[mark].at for each in path if (mark := MilestoneKey(each, container.name)) in instants]
    return min(known, default=None)
