"""``podtimeline rollout``: one revision of a workload, each of its pods up and down on one axis."""

import click

from podtimeline.cli.client import Operator, read
from podtimeline.cli.options import Form
from podtimeline.cli.output import draw, plain, screen
from podtimeline.cli.target import BARE, Target
from podtimeline.cli.transport import Where, current_namespace, reach
from podtimeline.render.revision_drawing import revision as drawing
from podtimeline.render.structs import MemberDocument, RolloutDocument


def rollout(
    target: Target,
    *,
    namespace: str | None,
    revision: str | None,
    form: Form,
    server: str | None,
    operator_namespace: str | None,
    service: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show one rollout of a workload: pods up and down, and what held it."""
    if target.kind in {BARE, "ReplicaSet"}:
        raise click.UsageError("only workloads have rollouts: deploy/NAME, sts/NAME, ds/NAME, job/NAME or cj/NAME")
    where = Where(kubeconfig, context, operator_namespace, service)
    transport = reach(server, where)
    space = namespace or ("default" if server else current_namespace(where))
    found = Operator(transport).rollout(target, namespace=space, revision=revision)
    if form in (Form.JSON, Form.YAML):
        plain(found, form)
        return
    draw(drawing(read(found, RolloutDocument[MemberDocument]), screen()), screen())
