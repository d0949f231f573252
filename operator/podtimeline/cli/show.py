"""``podtimeline show``: the waterfall of a pod, or of the pods of a rollout."""

from collections.abc import Sequence

import click

from podtimeline.cli.client import Operator, Wanted, read
from podtimeline.cli.commands import MANY
from podtimeline.cli.follow import follow
from podtimeline.cli.options import Form
from podtimeline.cli.output import draw, emit, screen
from podtimeline.cli.target import BARE, Target
from podtimeline.cli.transport import Where, current_namespace, reach
from podtimeline.render.rollout import rollout
from podtimeline.render.screen import Line, Screen
from podtimeline.render.structs import PodTimelineDocument
from podtimeline.render.waterfall import waterfall


def show(
    target: Target,
    *,
    namespace: str | None,
    form: Form,
    following: bool,
    uid: str | None,
    last: int | None,
    every: float,
    server: str | None,
    operator_namespace: str | None,
    service: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show where the time of a pod's start and termination went, and what to try."""
    if following and form in (Form.JSON, Form.YAML):
        raise click.UsageError("--follow cannot be combined with -o json or -o yaml")
    where = Where(kubeconfig, context, operator_namespace, service)
    transport = reach(server, where)
    space = namespace or ("default" if server else current_namespace(where))
    wanted = Wanted(target, space, uid, last or (1 if target.kind == BARE else MANY))
    if following:
        wide = form is Form.WIDE
        follow(Operator(transport), wanted, every=every, paint=lambda found, on: pictures(found, on, wide=wide))
        return
    found = Operator(transport).find(wanted)
    if form in (Form.JSON, Form.YAML):
        emit(found, form)
        return
    draw(pictures([read(each, PodTimelineDocument) for each in found], screen(), wide=form is Form.WIDE), screen())


def pictures(timelines: Sequence[PodTimelineDocument], where: Screen, *, wide: bool) -> list[Line]:
    """One pod's waterfall; many pods on one axis, and with ``wide`` the waterfall of each below."""
    if len(timelines) == 1:
        return waterfall(timelines[0], where, wide=wide)
    return [*rollout(timelines, where), *(waterfalls(timelines, where, wide=True) if wide else ())]


def waterfalls(timelines: Sequence[PodTimelineDocument], where: Screen, *, wide: bool) -> list[Line]:
    """The waterfall of each pod, with two empty lines before each."""
    return [line for each in timelines for line in ((), (), *waterfall(each, where, wide=wide))]
