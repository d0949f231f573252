"""``podtimeline run`` and ``podtimeline config``."""

import importlib
import os
from pathlib import Path

import click

from podtimeline.cli import options
from podtimeline.cli.output import Form, draw, emit, screen
from podtimeline.config import Settings, describe, flag, load_settings, variable
from podtimeline.render.screen import Style
from podtimeline.render.table import Column, table

_OWN = ("PODTIMELINE_DEBUG",)


def effective(file: str | None, flags: dict[str, object]) -> Settings:
    """The settings from flags, environment, file and defaults. Raises ``SettingsError``."""
    environ = {name: value for name, value in os.environ.items() if name not in _OWN}
    return load_settings(flags, environ, Path(file) if file else None)


@click.command(epilog=options.examples("podtimeline run --history sqlite:./history.sqlite3 --namespaces shop"))
@options.settings
def run(config_file: str | None, **flags: object) -> None:
    """Run the operator, inside or outside a cluster.

    Set each setting by a flag, an environment variable or a line of the YAML file, in this order of precedence.
    """
    settings = effective(config_file, flags)
    app = importlib.import_module("podtimeline.app")
    click.get_current_context().exit(app.run(settings))


@click.command(epilog=options.examples("PODTIMELINE_RETENTION_DAYS=30 podtimeline config"))
@options.output(Form.WIDE, Form.JSON, Form.YAML)
@options.settings
def config(form: Form, config_file: str | None, **flags: object) -> None:
    """Show the effective settings and where each comes from.

    Reads the same flags, environment variables and file as `run`, and rejects the same values.
    """
    settings = effective(config_file, flags)
    importlib.import_module("podtimeline.app").check(settings)
    rows = describe(settings)
    if form in (Form.JSON, Form.YAML):
        emit([{**row._asdict(), "flag": flag(row.name), "variable": variable(row.name)} for row in rows], form)
        return
    columns = [Column("SETTING", least=12, style=Style.BOLD), Column("VALUE"), Column("SOURCE", least=7)]
    if form is Form.WIDE:
        columns += [Column("ALLOWED", least=12), Column("DESCRIPTION", least=20)]
    draw(table(screen(), columns, [row[: len(columns)] for row in rows]), screen())
