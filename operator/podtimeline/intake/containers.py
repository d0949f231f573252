"""What a container's status says of its start, its runs and its end. Pure."""

from functools import lru_cache
from typing import NamedTuple

from podtimeline.core.instants import SECOND, Evidence, Source
from podtimeline.core.milestones import Mark, Milestone
from podtimeline.core.observations import Ran, Witnessed
from podtimeline.core.pods import ContainerKind
from podtimeline.intake.images import WITHOUT_IMAGE
from podtimeline.intake.reading import TERMINAL, Reading, second, until
from podtimeline.intake.texts import moment
from podtimeline.intake.wire import ContainerState, ContainerStatus, Terminated, Waiting

_UNTELLING = frozenset({"", "ContainerCreating", "PodInitializing"})


class _Marks(NamedTuple):
    unpulled: Mark
    started: Mark
    finished: Mark
    passed: Mark
    ready: Mark


@lru_cache(maxsize=4096)
def _marks(container: str) -> _Marks:
    return _Marks(
        Mark(Milestone.LAST_PULL_FAILURE, container),
        Mark(Milestone.STARTED, container),
        Mark(Milestone.FINISHED, container),
        Mark(Milestone.STARTED_PROBE_PASSED, container),
        Mark(Milestone.CONTAINER_READY, container),
    )


def read_container(reading: Reading, status: ContainerStatus, kind: ContainerKind) -> None:
    """Say what is new in a container's status; ``kind`` tells which of the pod's two lists it is in."""
    marks, known, state = _marks(status.name), reading.known, status.state
    if marks.started not in known:
        _started(reading, status, marks.started)
    if kind is ContainerKind.MAIN or _is_sidecar(reading, status.name):
        if status.started and marks.passed not in known:
            reading.witness(marks.passed, None)
        if status.ready and marks.ready not in known:
            reading.witness(marks.ready, None)
    if state is not None:
        if state.terminated is not None and marks.finished not in known:
            _finished(reading, state.terminated, kind, marks)
        if state.waiting is not None and state.waiting.reason not in _UNTELLING:
            _waits(reading, state.waiting, marks.unpulled)
    if status.restart_count or (state is not None and state.terminated is not None):
        _runs(reading, status)
        if reading.starting:
            _started_again(reading, status)


def _waits(reading: Reading, waiting: Waiting, unpulled: Mark) -> None:
    reading.note(waiting.reason, unpulled.subject, waiting.message)
    if waiting.reason in WITHOUT_IMAGE and reading.starting and unpulled not in reading.known:
        reading.witness(unpulled, None)


def _runs(reading: Reading, status: ContainerStatus) -> None:
    state, last, run = status.state or ContainerState(), status.last_state, status.restart_count
    if state.terminated is not None:
        _ran(reading, status.name, run, state.terminated)
    elif state.running is not None:
        reading.said.append(Ran(reading.uid, status.name, run, _whole(state.running.started_at)))
    if last is not None and last.terminated is not None:
        # While a container waits to be started again, lastState is of run number restartCount, counted from 0.
        waiting = state.terminated is None and state.running is None
        _ran(reading, status.name, run if waiting else run - 1, last.terminated)


def _started_again(reading: Reading, status: ContainerStatus) -> None:
    """Say when the latest of several runs began, for as long as the pod was not ready: it may be the one that gets so.

    It is told of each version, as no version is known to show the last one.
    """
    state = status.state or ContainerState()
    ran = state.running or state.terminated
    began = None if ran is None else _stamped_after(Source.FIELD, ran.started_at, reading.arrived)
    if status.restart_count and began is not None:
        reading.said.append(Witnessed(reading.uid, Mark(Milestone.LAST_STARTED, status.name), (began,)))


def _ran(reading: Reading, container: str, run: int, ended: Terminated) -> None:
    started, finished = _whole(ended.started_at), _whole(ended.finished_at)
    reading.said.append(Ran(reading.uid, container, max(run, 0), started, finished, ended.exit_code, ended.reason))


def _is_sidecar(reading: Reading, name: str) -> bool:
    return any(each.name == name and each.restart_policy == "Always" for each in reading.spec.init_containers or ())


def _started(reading: Reading, status: ContainerStatus, mark: Mark) -> None:
    state, last = status.state, status.last_state
    run: int | None = None
    started_at: str | None = None
    if state is not None and (state.running is not None or state.terminated is not None):
        # The state is of run number restartCount, counted from 0; lastState is of the one before it.
        run = status.restart_count
        started_at = (state.running or state.terminated or Terminated()).started_at
    if run != 0 and last is not None and last.terminated is not None:
        run = status.restart_count if run is None else status.restart_count - 1
        started_at = last.terminated.started_at
    if run is None or _never(started_at):
        return
    read = _stamped_after if run == 0 else until
    reading.witness(mark, read(Source.FIELD, started_at, reading.arrived))


def _stamped_after(source: Source, stamp: str | None, arrived: int) -> Evidence | None:
    """Read startedAt, which the runtime stamps once the process runs (containerd's ``container_start.go``).

    Measured: of 96 starts two lay in the second before their startedAt, so that it is no lower bound by itself; that
    the stamp is a second late at most is all that is taken for granted.
    """
    if stamp is None or _never(stamp):
        return None
    begin = moment(stamp)
    return Evidence(source, begin + SECOND // 2, begin - SECOND, begin + SECOND - 1, arrived)


def _finished(reading: Reading, ended: Terminated, kind: ContainerKind, marks: _Marks) -> None:
    if not _for_good(reading, ended, kind, marks.finished.subject):
        return
    if ended.finished_at is not None:
        reading.witness(marks.finished, second(Source.FIELD, ended.finished_at, reading.arrived))
    elif marks.started in reading.known:
        # The kubelet could not find it any more (status_manager.go, TerminatePod): all that is known is that it ended.
        bound = Evidence(Source.WATCH if reading.live else Source.LISTED, None, None, reading.arrived, reading.arrived)
        reading.said.append(Witnessed(reading.uid, marks.finished, (bound,), from_status=True))


def _for_good(reading: Reading, ended: Terminated, kind: ContainerKind, name: str) -> bool:
    """Whether nobody starts the container again."""
    pod, spec = reading.pod, reading.spec
    if pod.metadata.deletion_timestamp is not None or pod.status.phase in TERMINAL:
        return True
    own = next((each for each in (*(spec.init_containers or ()), *(spec.containers or ())) if each.name == name), None)
    if own is not None and own.restart_policy:
        # A sidecar, or a container with rules of its own (KEP-5307).
        return False
    if kind is ContainerKind.INIT:
        return ended.exit_code == 0
    return spec.restart_policy == "Never" or (ended.exit_code == 0 and spec.restart_policy == "OnFailure")


def _whole(stamp: str | None) -> int | None:
    return None if stamp is None or _never(stamp) else moment(stamp)


def _never(stamp: str | None) -> bool:
    """Whether it stands for no time: a run whose process could not be started (StartError) has startedAt 0."""
    return stamp is not None and moment(stamp) <= 0
