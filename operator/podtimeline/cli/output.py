"""Where output goes and in which form."""

import importlib
import os
import shutil
import sys
from collections.abc import Iterable, Sequence

import click
import msgspec

from podtimeline.cli.options import Form
from podtimeline.model.texts import visible, visible_json, visible_yaml
from podtimeline.render.screen import Line, Screen

JsonObject = dict[str, object]
_SHOWN = "█▐▏┊▶✕±\u2013\u00d7…·"
_COLUMNS = 100


def screen() -> Screen:
    """Stdout as a screen: its width, whether it shows block characters, whether colours are wanted.

    Colours only on a terminal that is not dumb, and not with ``NO_COLOR`` (https://no-color.org).
    """
    width = shutil.get_terminal_size((_COLUMNS, 24)).columns
    dumb = os.environ.get("TERM") == "dumb"
    colour = sys.stdout.isatty() and not dumb and not os.environ.get("NO_COLOR")
    return Screen(width, unicode=not dumb and _encodes(), colour=colour)


def _encodes() -> bool:
    try:
        _SHOWN.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def draw(lines: Iterable[Line], where: Screen) -> None:
    """The lines on stdout."""
    click.echo(where.draw(lines), nl=False, color=where.colour)


def tell(text: str) -> None:
    """A line of talk on stderr."""
    click.echo(visible(text), err=True)


def emit(items: Sequence[object], form: Form) -> None:
    """``{"items": […]}`` on stdout."""
    plain({"items": list(items)}, form)


def plain(content: object, form: Form) -> None:
    """Data on stdout, as YAML or else as JSON; what does not show is escaped, and means what it was to a parser."""
    if form is Form.YAML:
        written = importlib.import_module("podtimeline.cli.yamltext").written
        click.echo(visible_yaml(written(msgspec.to_builtins(content))), nl=False)
    else:
        click.echo(visible_json(msgspec.json.format(msgspec.json.encode(content), indent=2).decode()))
