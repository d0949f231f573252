"""What the commands print of a stranger's words."""

import json
from collections.abc import Callable

import pytest
import yaml

from podtimeline.cli.main import CommandFailure
from podtimeline.cli.options import Form
from podtimeline.cli.output import plain, tell

HOSTILE = "a\u202egnp \x1b[2J\u200b\u2028\x9b\U000e0041\u3164 名 😀\nb: 1"
DOCUMENT: dict[str, object] = {"items": [{"text": HOSTILE, HOSTILE: ["#", "", "no", None, 1.5, True]}]}


@pytest.mark.parametrize(("form", "read"), [(Form.JSON, json.loads), (Form.YAML, yaml.safe_load)])
def test_data_has_what_does_not_show_escaped(
    form: Form, read: Callable[[str], object], capsys: pytest.CaptureFixture[str]
) -> None:
    """A parser gets the very text; a terminal gets nothing that moves or hides what stands there."""
    plain(DOCUMENT, form)
    text = capsys.readouterr().out
    assert read(text) == DOCUMENT
    assert all(line.isprintable() for line in text.split("\n"))
    assert "\\u202e" in text
    assert "名" in text


def test_talk_and_errors_have_it_escaped_too(capsys: pytest.CaptureFixture[str]) -> None:
    """An error may quote what a server said; its lines stay lines."""
    tell("waiting for \x1b[2J\u202egnol")
    CommandFailure("no timeline of \u202egnol\nin shop").show()
    assert capsys.readouterr().err == (
        "waiting for \\x1b[2J\\u202egnol\npodtimeline: no timeline of \\u202egnol\npodtimeline: in shop\n"
    )
