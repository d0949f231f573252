"""``podtimeline``, also as ``kubectl podtimeline``."""

import sys
from pathlib import Path
from typing import IO, Any

import click

from podtimeline.cli.commands import COMMANDS
from podtimeline.cli.options import DEBUG_VARIABLE
from podtimeline.errors import PodtimelineError, SettingsError
from podtimeline.model.texts import visible

_PLUGIN = "kubectl-podtimeline"
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

EPILOG = """\b
Example, without a cluster:
  podtimeline replay
\b
Shell completion:
  bash  eval "$(_PODTIMELINE_COMPLETE=bash_source podtimeline)"
  zsh   eval "$(_PODTIMELINE_COMPLETE=zsh_source podtimeline)"
  fish  _PODTIMELINE_COMPLETE=fish_source podtimeline | source
\b
Exit codes: 0 success, 1 failure or not found, 2 invalid usage or setting.
"""


class CommandFailure(click.ClickException):
    """An error as the user sees it: its text on stderr, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Each line of the text, with the program's name before it."""
        for line in self.message.splitlines():
            click.echo(f"podtimeline: {visible(line)}", file=file, err=True)


class WrongSetting(CommandFailure):
    """A wrong setting is wrong usage."""

    exit_code = 2


class Commands(click.Group):
    """Turns errors into one clear line, and answers to the name of a kubectl plugin."""

    def main(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - as click declares it
        """Run the command line; does not return unless told so."""
        if more.get("prog_name") is None and Path(sys.argv[0]).name == _PLUGIN:
            more["prog_name"] = "kubectl podtimeline"
        return super().main(*args, **{"complete_var": "_PODTIMELINE_COMPLETE", **more})

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        """Run the command; errors become a line unless a traceback was asked for."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except PodtimelineError as error:
            if ctx.params["debug"]:
                raise
            raise (WrongSetting if isinstance(error, SettingsError) else CommandFailure)(str(error)) from error
        except Exception as error:
            if ctx.params["debug"]:
                raise
            raise CommandFailure(f"{type(error).__name__}: {error} (--debug shows the traceback)") from error


@click.group(cls=Commands, epilog=EPILOG, context_settings=_CONTEXT)
@click.option("--debug", is_flag=True, envvar=DEBUG_VARIABLE, help=f"Show tracebacks [{DEBUG_VARIABLE}].")
def main(**_: bool) -> None:
    """Show where the time of a pod's start and termination went, and why.

    Follows every pod of a cluster from its owner's request to the moment traffic can reach it, and back.
    """


for _command in COMMANDS:
    main.add_command(_command)
