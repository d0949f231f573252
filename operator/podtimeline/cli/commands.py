"""Every command as it is called: its arguments, options and help. What it does is imported when it is run.

Importing what draws a waterfall, speaks to a cluster or runs the operator takes longer than showing the help.
"""

import importlib

import click

from podtimeline import __version__
from podtimeline.cli import options
from podtimeline.cli.options import Duration, Form, Seconds

MANY = 20
"""How many pods of a workload are shown unless ``--last`` says otherwise."""


def _do(module: str, name: str, given: dict[str, object]) -> None:
    getattr(importlib.import_module(f"podtimeline.cli.{module}"), name)(**given)


@click.command(
    epilog=options.examples(
        "podtimeline show checkout-7d9c5b6f4-x2x7k -n shop",
        "podtimeline show deploy/checkout -n shop --follow",
        "podtimeline show checkout-0 -n shop -o json",
    )
)
@options.target
@options.output(Form.WIDE, Form.JSON, Form.YAML)
@click.option("-f", "--follow", "following", is_flag=True, help="Keep drawing until the start is over.")
@click.option("--uid", help="The uid of the pod, if its name was used more than once.")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    help=f"Number of pods, newest first [default: 1 for a pod, {MANY} for a workload].",
)
@click.option(
    "--every", type=click.FloatRange(min=0, min_open=True), default=1.0, help="Interval of --follow in seconds."
)
@options.operator
@options.kubeconfig
def show(**given: object) -> None:
    """Show where the time of a pod's start and termination went, and what to try.

    Prints the costliest findings with their evidence; -o wide prints all findings, each milestone with its bounds
    and source, and all messages. TARGET is a pod's name or KIND/NAME: pod, deploy, sts, ds, rs, job or cj.
    Asks the operator through the API server's service proxy, with the credentials of the kubeconfig; the operator needs
    no open port.
    """
    _do("show", "show", given)


@click.command(
    epilog=options.examples(
        "podtimeline rollout deploy/checkout -n shop",
        "podtimeline rollout sts/db -n shop --revision db-6b8f9c7d5",
        "podtimeline rollout deploy/checkout -n shop -o json",
    )
)
@options.target
@click.option(
    "--revision", help="pod-template-hash, controller-revision-hash or Job uid; the newest revision if not given."
)
@options.output(Form.JSON, Form.YAML)
@options.operator
@options.kubeconfig
def rollout(**given: object) -> None:
    """Show one rollout of a workload: pods up and down, and what held it.

    TARGET is KIND/NAME: deploy, sts, ds, job or cj. Pods marked + belong to the revision, those marked - of older ones.
    """
    _do("rollout", "rollout", given)


@click.command(
    epilog=options.examples(
        "podtimeline stuck",
        "podtimeline stuck -n shop --longer 5m",
        "podtimeline stuck -o json",
    )
)
@click.option("-n", "--namespace", help="Namespace; all namespaces that the operator follows if not given.")
@click.option(
    "--longer",
    default="30s",
    type=Seconds(),
    help="Show pods that have been starting, or late to terminate, for longer than this [30s].",
)
@options.output(Form.JSON, Form.YAML)
@options.operator
@options.kubeconfig
def stuck(**given: object) -> None:
    """List pods that are stuck: refused, starting for long, or late to terminate.

    A pod that a quota or admission refuses does not exist, so its workload is listed. A terminating pod is late once
    its grace period is over, or in the phases after its containers have ended.
    """
    _do("stuck", "stuck", given)


@click.command(epilog=options.examples("podtimeline replay", "podtimeline replay capture.jsonl.gz -n shop -o json"))
@click.argument("file", required=False, type=click.Path())
@click.option("-n", "--namespace", help="Show only pods of this namespace.")
@click.option("--pod", help="Show only pods of this name.")
@options.output(Form.WIDE, Form.JSON, Form.YAML)
def replay(**given: object) -> None:
    """Draw the pods of a recorded cluster.

    Processes a capture in the same way as the operator processes a cluster. Without FILE, replays the capture of a real
    cluster that ships with podtimeline; no cluster is needed.
    """
    _do("captures", "replay", given)


@click.command(epilog=options.examples("podtimeline record -o capture.jsonl.gz --duration 5m"))
@click.option("-o", "--output", "file", required=True, type=click.Path(), metavar="FILE", help="File to write.")
@click.option(
    "--duration", type=Duration(), default="60s", show_default=True, help="Time to record, such as 90s, 5m or 1h."
)
@options.some_settings("namespaces", "cluster_name", "kubeconfig", "context", "api_url", "page_size")
def record(**given: object) -> None:
    """Record the streams of a cluster with arrival times.

    The capture is a gzip-compressed file of JSON lines. It contains every object that the operator reads, as the API
    server sent it, including names, images, environment variables and messages.
    """
    _do("captures", "record", given)


@click.command(epilog=options.examples("podtimeline run --history sqlite:./history.sqlite3 --namespaces shop"))
@options.settings
def run(**given: object) -> None:
    """Run the operator, inside or outside a cluster.

    Set each setting by a flag, an environment variable or a line of the YAML file, in this order of precedence.
    """
    _do("operate", "run", given)


@click.command(epilog=options.examples("PODTIMELINE_RETENTION_DAYS=30 podtimeline config"))
@options.output(Form.WIDE, Form.JSON, Form.YAML)
@options.settings
def config(**given: object) -> None:
    """Show the effective settings and where each comes from.

    Reads the same flags, environment variables and file as `run`, and rejects the same values.
    """
    _do("operate", "config", given)


@click.command(epilog=options.examples("podtimeline version -o json"))
@options.output(Form.JSON)
def version(form: Form) -> None:
    """Print the version."""
    if form is Form.JSON:
        _do("operate", "version", {"form": form})
    else:
        click.echo(f"podtimeline {__version__}")


COMMANDS: tuple[click.Command, ...] = (show, rollout, stuck, replay, record, run, config, version)
"""In the order in which they are documented."""
