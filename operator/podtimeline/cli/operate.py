"""``podtimeline run`` and ``podtimeline config``."""

import importlib
import os
import sys
from pathlib import Path

import click

from podtimeline import __version__
from podtimeline.cli.options import DEBUG_VARIABLE, Form
from podtimeline.cli.output import draw, emit, plain, screen
from podtimeline.config import Settings, describe, flag, load_settings, variable
from podtimeline.render.screen import Style
from podtimeline.render.structs import API_VERSION
from podtimeline.render.table import Column, table

_OWN = (DEBUG_VARIABLE,)


def effective(file: str | None, flags: dict[str, object]) -> Settings:
    """The settings from flags, environment, file and defaults. Raises ``SettingsError``."""
    environ = {name: value for name, value in os.environ.items() if name not in _OWN}
    return load_settings(flags, environ, Path(file) if file else None)


def run(config_file: str | None, **flags: object) -> None:
    """Run the operator, inside or outside a cluster."""
    settings = effective(config_file, flags)
    app = importlib.import_module("podtimeline.app")
    click.get_current_context().exit(app.run(settings))


def config(form: Form, config_file: str | None, **flags: object) -> None:
    """Show the effective settings and where each comes from."""
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


def version(form: Form) -> None:
    """Print the version, and those of what it depends on."""
    plain({"version": __version__, "document": API_VERSION, "python": sys.version.split()[0]}, form)
