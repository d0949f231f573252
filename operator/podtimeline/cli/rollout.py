"""``podtimeline rollout``: one revision of a workload, each of its pods up and down on one axis."""

import click

from podtimeline.cli import options
from podtimeline.cli.client import Operator, read
from podtimeline.cli.output import Form, draw, plain, screen
from podtimeline.cli.target import BARE, Target, TargetType
from podtimeline.cli.transport import Where, current_namespace, reach
from podtimeline.render.revision_drawing import revision as drawing
from podtimeline.render.structs import MemberDocument, RolloutDocument

_EXAMPLES = (
    "podtimeline rollout deploy/checkout -n shop",
    "podtimeline rollout sts/db -n shop --revision db-6b8f9c7d5",
    "podtimeline rollout deploy/checkout -n shop -o json",
)


@click.command(epilog=options.examples(*_EXAMPLES))
@click.argument("target", type=TargetType())
@click.option(
    "-n", "--namespace", help="Namespace of the target; the namespace of the kubeconfig's context if not given."
)
@click.option(
    "--revision", help="pod-template-hash, controller-revision-hash or Job uid; the newest revision if not given."
)
@options.output(Form.JSON, Form.YAML)
@options.operator
@options.kubeconfig
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
    """Show one rollout of a workload: pods up and down, and what held it.

    TARGET is KIND/NAME: deploy, sts, ds, job or cj. Pods marked + belong to the revision, those marked - of older ones.
    """
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
