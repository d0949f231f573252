"""Options that commands share."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, TypeVar

import click

from podtimeline.cli.target import TargetType
from podtimeline.config import FILE_VARIABLE, SPECS, flag, variable

F = TypeVar("F", bound=Callable[..., Any])
DEBUG_VARIABLE = "PODTIMELINE_DEBUG"
TOKEN_VARIABLE = "PODTIMELINE_TOKEN"  # noqa: S105 - the variable's name


class Form(StrEnum):
    """The forms of ``-o``."""

    TEXT = "text"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


_UNITS = {"s": 1, "m": 60, "h": 3600}


class Duration(click.ParamType[float]):
    """Seconds, or a number with s, m or h behind it."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The duration in seconds."""
        text = str(value)
        factor = _UNITS.get(text[-1:], 0)
        try:
            seconds = float(text[:-1] if factor else text) * (factor or 1)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            self.fail(f"{value!r} is not a duration such as 90s, 5m or 1h", param, ctx)
        return seconds


class Seconds(click.ParamType[int]):
    """A whole number with s, m or h behind it."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The duration in seconds."""
        number, unit = value[:-1], value[-1:]
        if not (number.isascii() and number.isdecimal()) or unit not in _UNITS:
            self.fail("expected a whole number with s, m or h, such as 90s", param, ctx)
        return int(number) * _UNITS[unit]


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


def target(command: F) -> F:
    """What is asked about, and in which namespace."""
    text = "Namespace of the target; the namespace of the kubeconfig's context if not given."
    return click.argument("target", type=TargetType())(click.option("-n", "--namespace", help=text)(command))


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
