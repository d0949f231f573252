"""What a container's status says of its start, its runs and its end. Pure."""

from functools import lru_cache
from typing import NamedTuple

from podtimeline.model.instants import SECOND, Evidence, Source
from podtimeline.model.milestones import Milestone, MilestoneKey
from podtimeline.model.observations import Ran, Witnessed
from podtimeline.model.pods import ContainerKind
from podtimeline.sources.pods.reading import TERMINAL, Reading
from podtimeline.sources.pods.wire import Container, ContainerState, ContainerStatus, RestartRule, Terminated, Waiting
from podtimeline.sources.texts import moment, second, until

_UNTELLING = frozenset({"", "ContainerCreating", "PodInitializing"})
# Measured: to look a member of an enumeration up costs as much as a call.
_MAIN, _INIT, _FIELD = ContainerKind.MAIN, ContainerKind.INIT, Source.FIELD
_NO_STATE = ContainerState()
WITHOUT_IMAGE = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Reasons of a container that waits for its image (pkg/kubelet/images/types.go, k8s.io/cri-api errors)."""
STATUS_UNKNOWN = "ContainerStatusUnknown"
"""The kubelet's reason for a container that it cannot find any more (pkg/kubelet/container/runtime.go)."""
_UNSEEN = frozenset({STATUS_UNKNOWN, "Unknown"})
"""Reasons of an end that nobody saw, with exit codes that no process had: the kubelet's with 137, and containerd's with
255 for a container whose task was gone when containerd came back (internal/cri/server, restart.go)."""


class _Marks(NamedTuple):
    unpulled: MilestoneKey
    started: MilestoneKey
    finished: MilestoneKey
    passed: MilestoneKey
    ready: MilestoneKey


@lru_cache(maxsize=4096)
def _marks(container: str) -> _Marks:
    return _Marks(
        MilestoneKey(Milestone.LAST_PULL_FAILURE, container),
        MilestoneKey(Milestone.STARTED, container),
        MilestoneKey(Milestone.FINISHED, container),
        MilestoneKey(Milestone.STARTUP_PROBE_PASSED, container),
        MilestoneKey(Milestone.CONTAINER_READY, container),
    )


def read_container(reading: Reading, status: ContainerStatus, kind: ContainerKind) -> None:
    """Say what is new in a container's status; ``kind`` tells which of the pod's two lists it is in."""
    marks, known, state, before = _marks(status.name), reading.known, status.state or _NO_STATE, _before(status)
    waiting, ended = state.waiting, state.terminated
    if marks.started not in known and (state.running is not None or ended is not None or before is not None):
        _started(reading, status, marks.started)
    if (status.started or status.ready) and (kind is _MAIN or _is_sidecar(reading, status.name)):
        if status.started and marks.passed not in known:
            reading.witness(marks.passed, None)
        if status.ready and marks.ready not in known:
            reading.witness(marks.ready, None)
    if ended is not None and marks.finished not in known:
        _finished(reading, ended, kind, marks)
    if waiting is not None and waiting.reason not in _UNTELLING:
        _waits(reading, waiting, marks.unpulled)
    if status.restart_count or ended is not None or before is not None:
        _runs(reading, status)
        if reading.starting:
            _started_again(reading, status)


def _before(status: ContainerStatus) -> Terminated | None:
    """How the run before the present one ended, as lastState says: restartCount may lag behind it, or be reset."""
    return None if status.last_state is None else status.last_state.terminated


def _number(status: ContainerStatus) -> int:
    """The number of the run that the present state is of, counted from 0."""
    return status.restart_count if _before(status) is None else max(status.restart_count, 1)


def _waits(reading: Reading, waiting: Waiting, unpulled: MilestoneKey) -> None:
    reading.note(waiting.reason, unpulled.subject, waiting.message)
    if waiting.reason in WITHOUT_IMAGE and reading.starting and unpulled not in reading.known:
        reading.witness(unpulled, None)


def _runs(reading: Reading, status: ContainerStatus) -> None:
    state, last, run = status.state or _NO_STATE, _before(status), _number(status)
    if state.terminated is not None:
        # Of a container that never ran the kubelet makes up such an end as well.
        if run or not is_unknown(state.terminated) or MilestoneKey(Milestone.STARTED, status.name) in reading.known:
            _ran(reading, status.name, run - _counted_ahead(reading, state.terminated), state.terminated)
    elif state.running is not None:
        reading.said.append(Ran(reading.uid, status.name, run, _whole(state.running.started_at)))
    if last is None:
        return
    if state.terminated is None and state.running is None:
        # While a container waits to be started again, lastState is of run number restartCount, counted from 0.
        _ran(reading, status.name, status.restart_count - _counted_ahead(reading, last), last)
    else:
        _ran(reading, status.name, run - 1, last)


def _counted_ahead(reading: Reading, ended: Terminated) -> int:
    """By how much restartCount is ahead of the run that ended.

    For a container that it cannot find any more the kubelet counts the restart at once, unless the pod is over
    (pkg/kubelet/kubelet_pods.go, convertToAPIContainerStatuses).
    """
    pod = reading.pod
    over = pod.metadata.deletion_timestamp is not None or pod.status.phase in TERMINAL
    return int(ended.reason == STATUS_UNKNOWN and not over)


def _started_again(reading: Reading, status: ContainerStatus) -> None:
    """Say when the latest of several runs began, for as long as the pod was not ready: it may be the one that gets so.

    It is told of each version, as no version is known to show the last one.
    """
    state = status.state or _NO_STATE
    ran = state.running or (None if state.terminated is None or is_unknown(state.terminated) else state.terminated)
    began = None if ran is None else _stamped_after(_FIELD, ran.started_at, reading.arrived)
    if _number(status) and began is not None:
        reading.said.append(Witnessed(reading.uid, MilestoneKey(Milestone.LAST_STARTED, status.name), (began,)))


def _ran(reading: Reading, container: str, run: int, ended: Terminated) -> None:
    started, finished = _whole(ended.started_at), _whole(ended.finished_at)
    if is_unknown(ended):
        said = Ran(reading.uid, container, max(run, 0), started, reason=ended.reason or STATUS_UNKNOWN)
    else:
        said = Ran(reading.uid, container, max(run, 0), started, finished, ended.exit_code, ended.reason)
    reading.said.append(said)


def _own(reading: Reading, name: str) -> Container | None:
    """The container's part of the pod's spec."""
    spec = reading.spec
    return next((each for each in (*(spec.init_containers or ()), *(spec.containers or ())) if each.name == name), None)


def _is_sidecar(reading: Reading, name: str) -> bool:
    return any(each.name == name and each.restart_policy == "Always" for each in reading.spec.init_containers or ())


def _started(reading: Reading, status: ContainerStatus, mark: MilestoneKey) -> None:
    state, before = status.state or _NO_STATE, _before(status)
    ran = state.running or (None if state.terminated is None or is_unknown(state.terminated) else state.terminated)
    run: int | None = None
    started_at: str | None = None
    if ran is not None:
        # The state is of run number restartCount, counted from 0; lastState is of the one before it.
        run, started_at = _number(status), ran.started_at
    if run != 0 and before is not None and not is_unknown(before):
        run = status.restart_count if run is None else run - 1
        started_at = before.started_at
    if run == 0:
        _first_run(reading, mark, started_at)
    elif run is not None and not is_unset(started_at):
        reading.witness(mark, until(_FIELD, started_at, reading.arrived))


def _first_run(reading: Reading, mark: MilestoneKey, stamp: str | None) -> None:
    began = _stamped_after(_FIELD, stamp, reading.arrived)
    if began is not None or stamp is None:
        reading.witness(mark, began)


def _stamped_after(source: Source, stamp: str | None, arrived: int) -> Evidence | None:
    """Read startedAt, which the runtime stamps once the process runs (containerd's ``container_start.go``).

    Measured: of 96 starts two lay in the second before their startedAt, so that it is no lower bound by itself; that
    the stamp is a second late at most is all that is taken for granted.
    """
    begin = 0 if stamp is None else moment(stamp)
    if begin <= 0:
        return None
    return Evidence(source, begin + SECOND // 2, begin - SECOND, begin + SECOND - 1, arrived)


def _finished(reading: Reading, ended: Terminated, kind: ContainerKind, marks: _Marks) -> None:
    if not _for_good(reading, ended, kind, marks.finished.subject):
        return
    if not is_unknown(ended):
        reading.witness(marks.finished, second(_FIELD, ended.finished_at, reading.arrived))
    elif marks.started in reading.known:
        # That it ended is all that is known. What came after an init container bounds its end: it is kept apart.
        latest = reading.arrived if kind is _INIT else None
        source = Source.WATCH if reading.live else Source.LISTED
        bound = Evidence(source, None, None, latest, reading.arrived)
        reading.said.append(Witnessed(reading.uid, marks.finished, (bound,), from_status=True))


def _for_good(reading: Reading, ended: Terminated, kind: ContainerKind, name: str) -> bool:
    """Whether nobody starts the container again (pkg/api/v1/pod/util.go, ContainerShouldRestart)."""
    pod, spec = reading.pod, reading.spec
    if pod.metadata.deletion_timestamp is not None or pod.status.phase in TERMINAL:
        return True
    own = _own(reading, name)
    again = restarts(own, spec.restart_policy, ended.exit_code)
    # What an init container that succeeded is started again for is another sandbox, not its own end.
    return not again or (kind is _INIT and ended.exit_code == 0 and not _is_sidecar(reading, name))


def _whole(stamp: str | None) -> int | None:
    return None if stamp is None or is_unset(stamp) else moment(stamp)


def is_unknown(ended: Terminated) -> bool:
    """Whether a terminated state only says that the container is gone: its exit code and end are those of no process.

    A runtime stamps the end of whatever ended: a state without ``finishedAt`` is the kubelet's, for a container whose
    status it could not get (kubelet_pods.go, convertToAPIContainerStatuses: 137, and 0 for an init container of
    which it knows that the pod went on; status_manager.go, TerminatePod: 137).
    """
    return ended.reason in _UNSEEN or ended.finished_at is None or is_unset(ended.finished_at)


def is_unset(stamp: str | None) -> bool:
    """Whether a stamp stands for no time: a run whose process could not be started (StartError) has startedAt 0."""
    return stamp is not None and moment(stamp) <= 0


def restarts(own: Container | None, pod_policy: str, exit_code: int) -> bool:
    """Whether the kubelet starts a container again that ended with this code.

    Its own rules come first, then its own restartPolicy, then the pod's (KEP-5307; pkg/api/v1/pod/util.go,
    ContainerShouldRestart); RestartAllContainers starts it again, too (KEP-5532).
    """
    if own is not None and any(_matches(rule, exit_code) for rule in own.restart_policy_rules or ()):
        return True
    policy = pod_policy if own is None or not own.restart_policy else own.restart_policy
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _matches(rule: RestartRule, exit_code: int) -> bool:
    codes = rule.exit_codes
    if codes is None:
        return False
    listed = exit_code in (codes.values or ())
    return listed if codes.operator == "In" else codes.operator == "NotIn" and not listed
