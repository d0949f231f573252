"""``podtimeline stuck``: workloads whose pods are refused, pods that start for long, and pods that do not go."""

from collections.abc import Iterable, Sequence

import click
import msgspec

from podtimeline.cli import options
from podtimeline.cli.client import Operator
from podtimeline.cli.documents import read, snake
from podtimeline.cli.output import Form, JsonObject, draw, plain, screen
from podtimeline.cli.transport import Where, reach
from podtimeline.errors import PodtimelineError
from podtimeline.model.milestones import Leg, Phase
from podtimeline.model.texts import duration_text
from podtimeline.render.document import API_VERSION
from podtimeline.render.drawing import PodTimeline
from podtimeline.render.legend import title
from podtimeline.render.moments import SECOND, nanoseconds
from podtimeline.render.screen import Line, Piece, Screen, Style
from podtimeline.render.table import Column, table
from podtimeline.render.words import hindrances

_EXAMPLES = ("podtimeline stuck", "podtimeline stuck -n shop --longer 5m", "podtimeline stuck -o json")
_UNITS = {"s": 1, "m": 60, "h": 3600}


class _Named(msgspec.Struct):
    kind: str
    name: str


class _Refused(msgspec.Struct):
    now: bool
    text: str
    first: str
    last: str
    count: int


class _Workload(msgspec.Struct):
    namespace: str
    workload: _Named
    refused: _Refused


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    number, unit = value[:-1], value[-1:]
    if not (number.isascii() and number.isdecimal()) or unit not in _UNITS:
        raise click.BadParameter("a whole number and s, m or h, such as 90s")
    return int(number) * _UNITS[unit]


@click.command(epilog=options.examples(*_EXAMPLES))
@click.option("-n", "--namespace", help="Only this namespace; all that the operator follows if not given.")
@click.option(
    "--longer", default="30s", callback=_seconds, help="Pods that have been starting, or late to go, for longer [30s]."
)
@options.output(Form.JSON, Form.YAML)
@options.operator
@options.kubeconfig
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
    """List pods that are stuck: refused, starting for long, or late to terminate.

    A pod that a quota or an admission refuses does not exist: only its workload can tell of it. A pod that leaves is
    late once its grace period is over, or in what comes after its containers.
    """
    operator = Operator(reach(server, Where(kubeconfig, context, operator_namespace, service)))
    refused = [each for each in operator.workloads(namespace) if _now(each)]
    pods = [each for each in operator.starting(namespace) if _length(each) > longer * SECOND]
    leaving = [each for each in operator.leaving(namespace) if _late(read(each)) > longer * SECOND]
    if form in (Form.JSON, Form.YAML):
        plain({"workloads": refused, "pods": pods, "leaving": leaving}, form)
        return
    found = ([_workload(each) for each in refused], [read(each) for each in pods], [read(each) for each in leaving])
    draw(_lines(*found, screen()), screen())


def _now(content: JsonObject) -> bool:
    return _workload(content).refused.now


def _workload(content: JsonObject) -> _Workload:
    try:
        return msgspec.convert(snake(content), _Workload)
    except msgspec.ValidationError as error:
        raise PodtimelineError(f"not a {API_VERSION} workload: is the operator newer or older? ({error})") from error


def _length(content: JsonObject) -> int:
    return read(content).total_nanoseconds or 0


def _late(pod: PodTimeline) -> int:
    """For how long a pod that leaves has been where it should not be for long, in nanoseconds."""
    last = pod.leaving[-1]
    if last.phase not in (Phase.TERMINATION_PENDING, Phase.CONTAINER_STOP):
        return last.duration_nanoseconds
    grace = None if pod.deletion is None else pod.deletion.grace_seconds
    return _since_asked(pod) - (grace or 0) * SECOND


def _since_asked(pod: PodTimeline) -> int:
    return sum(each.duration_nanoseconds for each in pod.leaving)


def _lines(
    workloads: Sequence[_Workload], pods: Sequence[PodTimeline], leaving: Sequence[PodTimeline], on: Screen
) -> list[Line]:
    tables = [list(each) for each in (_refused(workloads, on), _starting(pods, on), _leaving(leaving, on))]
    told = [line for each in tables if each for line in ((), *each)]
    return told[1:] or [(Piece("Nothing is stuck."),)]


def _refused(workloads: Sequence[_Workload], on: Screen) -> Iterable[Line]:
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


def _words(pod: PodTimeline) -> str:
    if pod.unschedulable is not None and pod.node is None:
        return f"no node takes it: {hindrances(pod.unschedulable)}"
    # What it waits for now says more than how long: the columns before have that.
    return next((each.text for each in pod.findings if each.open and each.leg == Leg.STARTUP), pod.explanation)


def _starting(pods: Sequence[PodTimeline], on: Screen) -> Iterable[Line]:
    if not pods:
        return ()
    columns = (
        Column("STARTING", style=Style.BOLD), Column("FOR", right=True, least=5), Column("IN", least=8),
        Column("WORDS", least=20),
    )  # fmt: skip
    longest = sorted(pods, key=lambda each: each.total_nanoseconds or 0, reverse=True)
    rows = [
        (f"{each.namespace}/{each.name}", duration_text(each.total_nanoseconds or 0),
         "" if each.phase is None else title(each.phase), _words(each))
        for each in longest
    ]  # fmt: skip
    return table(on, columns, rows)


def _leaving(pods: Sequence[PodTimeline], on: Screen) -> Iterable[Line]:
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


def _last_words(pod: PodTimeline) -> str:
    return next((each.text for each in pod.findings if each.open and each.leg == Leg.TERMINATION), pod.explanation)
