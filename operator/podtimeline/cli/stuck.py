"""``podtimeline stuck``: workloads whose pods are refused, pods that start for long, and pods that do not go."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from podtimeline.cli.client import Operator, read
from podtimeline.cli.options import Form
from podtimeline.cli.output import JsonObject, draw, plain, screen
from podtimeline.cli.transport import Where, reach
from podtimeline.model.milestones import Leg, Phase
from podtimeline.model.texts import duration_text
from podtimeline.render.legend import title
from podtimeline.render.moments import SECOND, nanoseconds
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.structs import PodTimelineDocument, RefusedWorkloadDocument
from podtimeline.render.table import Column, table
from podtimeline.render.words import hindrances

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Chosen(Generic[_T]):
    """What is to be shown: as the operator told it, for scripts, and as it was read."""

    told: Sequence[JsonObject]
    read: Sequence[_T]


def stuck(
    *,
    namespace: str | None,
    longer: int,
    form: Form,
    server: str | None,
    operator_namespace: str | None,
    service: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """List pods that are stuck: refused, starting for long, or late to terminate."""
    operator, least = Operator(reach(server, Where(kubeconfig, context, operator_namespace, service))), longer * SECOND
    refused = _chosen(operator.workloads(namespace), RefusedWorkloadDocument, lambda each: each.refused.now)
    pods = _chosen(operator.starting(namespace), PodTimelineDocument, lambda each: _length(each) > least)
    leaving = _chosen(operator.leaving(namespace), PodTimelineDocument, lambda each: _late(each) > least)
    if form in (Form.JSON, Form.YAML):
        plain({"workloads": refused.told, "pods": pods.told, "leaving": leaving.told}, form)
        return
    draw(_lines(refused.read, pods.read, leaving.read, screen()), screen())


def _chosen(found: Iterable[JsonObject], kind: type[_T], wanted: Callable[[_T], bool]) -> _Chosen[_T]:
    both = ((each, read(each, kind)) for each in found)
    kept = [(each, made) for each, made in both if wanted(made)]
    return _Chosen([each for each, _ in kept], [made for _, made in kept])


def _length(pod: PodTimelineDocument) -> int:
    return pod.total_nanoseconds or 0


def _late(pod: PodTimelineDocument) -> int:
    """For how long a pod that leaves has been where it should not be for long, in nanoseconds."""
    last = pod.leaving[-1]
    if last.phase not in (Phase.TERMINATION_PENDING, Phase.CONTAINER_STOP):
        return last.duration_nanoseconds
    grace = None if pod.deletion is None else pod.deletion.grace_seconds
    return _since_asked(pod) - (grace or 0) * SECOND


def _since_asked(pod: PodTimelineDocument) -> int:
    return sum(each.duration_nanoseconds for each in pod.leaving)


def _lines(
    workloads: Sequence[RefusedWorkloadDocument],
    pods: Sequence[PodTimelineDocument],
    leaving: Sequence[PodTimelineDocument],
    on: Screen,
) -> list[Line]:
    tables = [list(each) for each in (_refused(workloads, on), _starting(pods, on), _leaving(leaving, on))]
    told = [line for each in tables if each for line in ((), *each)]
    return told[1:] or [(Piece("Nothing is stuck."),)]


def _refused(workloads: Sequence[RefusedWorkloadDocument], on: Screen) -> Iterable[Line]:
    if not workloads:
        return ()
    columns = (
        Column("REFUSED", style=Style.BOLD), Column("SINCE", least=20), Column("TIMES", right=True, least=5),
        Column("WORDS", least=20),
    )  # fmt: skip
    rows = [
        (f"{each.workload.kind} {each.namespace}/{each.workload.name}", _when(each.refused.first),
         str(each.refused.count), each.refused.text)
        for each in workloads
    ]  # fmt: skip
    return table(on, columns, rows)


def _when(moment: str) -> str:
    nanoseconds(moment)
    return moment[:19].replace("T", " ") + "Z"


def _words(pod: PodTimelineDocument) -> str:
    if pod.unschedulable is not None and pod.node is None:
        return f"no node is suitable: {hindrances(pod.unschedulable)}"
    # What it waits for now says more than how long: the columns before have that.
    return next((each.text for each in pod.findings if each.open and each.leg == Leg.STARTUP), pod.explanation)


def _starting(pods: Sequence[PodTimelineDocument], on: Screen) -> Iterable[Line]:
    if not pods:
        return ()
    columns = (
        Column("STARTING", style=Style.BOLD), Column("FOR", right=True, least=5), Column("IN", least=8),
        Column("WORDS", least=20),
    )  # fmt: skip
    longest = sorted(pods, key=_length, reverse=True)
    rows = [
        (f"{each.namespace}/{each.name}", duration_text(_length(each)),
         "" if each.phase is None else title(each.phase), _words(each))
        for each in longest
    ]  # fmt: skip
    return table(on, columns, rows)


def _leaving(pods: Sequence[PodTimelineDocument], on: Screen) -> Iterable[Line]:
    if not pods:
        return ()
    columns = (
        Column("LEAVING", style=Style.BOLD), Column("FOR", right=True, least=5), Column("IN", least=8),
        Column("WORDS", least=20),
    )  # fmt: skip
    rows = [
        (f"{each.namespace}/{each.name}", duration_text(_since_asked(each)), title(each.leaving[-1].phase),
         _last_words(each))
        for each in sorted(pods, key=_since_asked, reverse=True)
    ]  # fmt: skip
    return table(on, columns, rows)


def _last_words(pod: PodTimelineDocument) -> str:
    return next((each.text for each in pod.findings if each.open and each.leg == Leg.TERMINATION), pod.explanation)
