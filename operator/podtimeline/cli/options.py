"""Options that commands share."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from podtimeline.cli.output import Form
from podtimeline.cli.transport import TOKEN_VARIABLE
from podtimeline.config import FILE_VARIABLE, SPECS, flag, variable

F = TypeVar("F", bound=Callable[..., Any])


def examples(*lines: str) -> str:
    """The end of a command's help."""
    heading = "Examples:" if len(lines) > 1 else "Example:"
    return "\n".join(("\b", heading, *(f"  {line}" for line in lines)))


def output(*forms: Form) -> Callable[[F], F]:
    """``-o`` with the forms given, text where it is not used."""

    def convert(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Form:
        return Form(value) if value else Form.TEXT

    shown = click.Choice([each.value for each in forms])
    return click.option(
        "-o", "--output", "form", type=shown, callback=convert, help="Output format; text if not given."
    )


def settings(command: F) -> F:
    """One flag per setting, and ``--config``."""
    return some_settings(*SPECS)(command)


def some_settings(*names: str) -> Callable[[F], F]:
    """One flag for each of those settings, and ``--config``."""
    file = click.option(
        "--config",
        "config_file",
        type=click.Path(),
        envvar=FILE_VARIABLE,
        metavar="FILE",
        help=f"YAML file with settings [{FILE_VARIABLE}].",
    )

    def decorated(command: F) -> F:
        for decorate in reversed([file, *_flags(names)]):
            command = decorate(command)
        return command

    return decorated


def _flags(names: Iterable[str]) -> Iterable[Callable[[F], F]]:
    for name in names:
        spec = SPECS[name]
        text = f"{spec.description} Allowed: {spec.allowed}. [{variable(name)}]"
        yield click.option(flag(name), name, default=None, metavar="VALUE", help=text)


def operator(command: F) -> F:
    """Which operator to ask, and how."""
    for option in reversed(
        [
            click.option(
                "--server", metavar="URL",
                help=f"URL of the operator, which receives [{TOKEN_VARIABLE}]; found in the cluster if not given.",
            ),
            click.option("--operator-namespace", help="Namespace of the operator; all are searched if not given."),
            click.option("--service", help="Name of the operator's Service, if there are several."),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def kubeconfig(command: F) -> F:
    """Which cluster to ask, with the names that kubectl uses."""
    command = click.option("--context", help="Context of the kubeconfig; the current context if not given.")(command)
    return click.option(
        "--kubeconfig",
        type=click.Path(),
        metavar="FILE",
        help="Path of the kubeconfig file; KUBECONFIG or ~/.kube/config if not given.",
    )(command)
