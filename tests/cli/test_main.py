"""The command line as a whole: help, version, settings, errors, terminals and pipes."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click import Command
from click.testing import CliRunner
from tests.cli.conftest import Run
from tests.cli.fakes import FakeOperator, serving
from tests.cli.test_show import POD, QUICK

from podtimeline import __version__
from podtimeline.cli.main import main
from podtimeline.config import SPECS, flag, variable

OPERATOR = Path(__file__).parents[2] / "operator"
COMMANDS = sorted(main.commands)


def environment(**more: str) -> dict[str, str]:
    """The environment of a subprocess that runs the package of this checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PODTIMELINE_")}
    kept.pop("NO_COLOR", None)
    return {**kept, "PYTHONPATH": str(OPERATOR), "TERM": "xterm", "COLUMNS": "100", "PYTHONUTF8": "1", **more}


def test_the_commands_are_those_of_this_release() -> None:
    """Nothing is announced that does not work."""
    assert COMMANDS == ["config", "record", "replay", "rollout", "run", "show", "stuck", "version"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_a_summary_and_an_example(run: Run, name: str) -> None:
    """What it does, and how it is typed."""
    result = run(name, "--help")
    assert result.exit_code == 0
    assert (main.commands[name].get_short_help_str(200) or "").endswith(".")
    assert f"podtimeline {name}" in result.stdout.partition("Example")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_in_the_help_can_be_parsed(name: str) -> None:
    """An example with an option that is gone would be a lie."""
    command: Command = main.commands[name]
    lines = [line.strip() for line in (command.epilog or "").splitlines() if "podtimeline" in line]
    assert lines
    for line in lines:
        arguments = line.partition(f"podtimeline {name}")[2].split()
        command.make_context(name, arguments).close()


def test_the_help_tells_of_completion_and_exit_codes(run: Run) -> None:
    """Both are looked for there."""
    text = run("--help").stdout
    assert "_PODTIMELINE_COMPLETE=bash_source podtimeline" in text
    assert "Exit codes: 0 success, 1 failure or not found, 2 invalid usage" in text


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_scripts_are_printed(shell: str) -> None:
    """As the help says. Bash is asked for its version first, which is not everywhere."""
    result = CliRunner().invoke(main, env={"_PODTIMELINE_COMPLETE": f"{shell}_source"}, prog_name="podtimeline")
    assert result.exit_code == 0
    assert "podtimeline" in result.stdout


def test_the_version_is_printed(run: Run) -> None:
    """For people and for scripts."""
    assert run("version").stdout == f"podtimeline {__version__}\n"
    assert json.loads(run("version", "-o", "json").stdout)["version"] == __version__


def test_as_a_kubectl_plugin_it_names_itself_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubectl finds ``kubectl-podtimeline`` and is what the user typed."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-podtimeline", "show", "--help"])
    result = CliRunner().invoke(main, ["show", "--help"], prog_name=None)
    assert "Usage: kubectl podtimeline show [OPTIONS] TARGET" in result.stdout


@pytest.mark.parametrize("given", [("--history", "nowhere:x"), ("--sinks", "log,nowhere")])
def test_config_refuses_a_store_or_a_sink_that_there_is_not(run: Run, given: tuple[str, str]) -> None:
    """As the operator does, with those that there are."""
    result = run("config", *given)
    assert result.exit_code == 2
    assert "nowhere" in result.stderr


@pytest.mark.parametrize("name", ["run", "config"])
def test_every_setting_is_a_flag(run: Run, name: str) -> None:
    """With its variable and what is allowed."""
    text = " ".join(run(name, "--help").stdout.split())
    for setting in SPECS:
        assert flag(setting) in text
        assert f"[{variable(setting)}]" in text


def test_record_offers_only_the_settings_that_it_heeds(run: Run) -> None:
    """Where to read, and how; nothing of the operator's history, servers and sinks."""
    text = run("record", "--help").stdout
    heeded = {"namespaces", "cluster_name", "kubeconfig", "context", "api_url", "page_size"}
    assert {name for name in SPECS if f"[{variable(name)}]" in " ".join(text.split())} == heeded


def test_config_shows_where_each_setting_comes_from(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag over environment over file over default."""
    file = tmp_path / "settings.yaml"
    file.write_text("page_size: 100\ncluster_name: file\nlinger_seconds: 2\n")
    monkeypatch.setenv("PODTIMELINE_CLUSTER_NAME", "environment")
    monkeypatch.setenv("PODTIMELINE_LINGER_SECONDS", "3")
    result = run("config", "--config", str(file), "--linger-seconds", "4", "-o", "json")
    rows = {each["name"]: (each["value"], each["source"]) for each in json.loads(result.stdout)["items"]}
    assert rows["page_size"] == ("100", f"file {file}")
    assert rows["cluster_name"] == ("environment", "environment variable PODTIMELINE_CLUSTER_NAME")
    assert rows["linger_seconds"] == ("4", "flag --linger-seconds")
    assert rows["listen"] == ("0.0.0.0:8080", "default")
    assert set(rows) == set(SPECS)


def test_config_is_a_table_for_people(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide adds what is allowed and what it is."""
    monkeypatch.setenv("COLUMNS", "200")
    narrow, wide = run("config").stdout.splitlines(), run("config", "-o", "wide").stdout.splitlines()
    assert narrow[0].split() == ["SETTING", "VALUE", "SOURCE"]
    assert wide[0].split() == ["SETTING", "VALUE", "SOURCE", "ALLOWED", "DESCRIPTION"]
    assert len(narrow) == len(wide) == len(SPECS) + 1
    assert yaml.safe_load(run("config", "-o", "yaml").stdout)["items"][0]["name"] == "namespaces"


@pytest.mark.parametrize("name", ["run", "config"])
def test_a_wrong_setting_is_refused_with_exit_code_2(run: Run, name: str) -> None:
    """Before anything is started: its name, the value and what is allowed."""
    result = run(name, "--page-size", "many", "--retention-days", "-1")
    assert result.exit_code == 2
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first.startswith("podtimeline: page_size: many (flag --page-size) is not allowed: it must be ")
    assert second.startswith("podtimeline: retention_days: -1 ")


def test_debug_in_the_environment_is_no_unknown_setting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to the command line, not to the operator's settings."""
    monkeypatch.setenv("PODTIMELINE_DEBUG", "1")
    assert run("config").exit_code == 0


def test_debug_shows_the_traceback(run: Run) -> None:
    """The exception itself comes through, and with it where it came from."""
    result = run("--debug", "show", "web", "--server", "nowhere")
    assert type(result.exception).__name__ == "ClusterError"
    assert run("show", "web", "--server", "nowhere").stderr.count("\n") == 1


def in_terminal(*arguments: str, **environ: str) -> str:
    """What the command writes to a terminal."""
    command = [sys.executable, "-m", "podtimeline", *arguments]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**environ)) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                some = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed.
                break
            if not some:
                break
            written += some
        assert process.wait(30) == 0, written.decode()
    os.close(ours)
    return written.decode()


def test_a_terminal_gets_colours() -> None:
    """Phases are told apart by them."""
    with serving(FakeOperator([[QUICK]])) as url:
        text = in_terminal("show", POD, "-n", "shop", "--server", url)
    assert "\x1b[35m" in text
    assert "█" in text


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_no_colours_gets_none(environ: dict[str, str]) -> None:
    """As https://no-color.org asks, and as a dumb terminal must have it."""
    with serving(FakeOperator([[QUICK]])) as url:
        assert "\x1b" not in in_terminal("show", POD, "-n", "shop", "--server", url, **environ)


def test_follow_draws_over_what_it_drew_before() -> None:
    """On a terminal the drawing is renewed in place."""
    waiting = {**QUICK, "outcome": "starting", "startupNanoseconds": None, "endpointNanoseconds": None}
    with serving(FakeOperator([[waiting], [waiting], [QUICK]])) as url:
        text = in_terminal("show", POD, "-n", "shop", "--server", url, "--follow", "--every", "0.01")
    assert text.count("\x1b[H\x1b[J") == 4
    assert "ready in 5.85s" in text.rpartition("\x1b[H\x1b[J")[2]


def test_an_encoding_without_blocks_gets_plain_characters() -> None:
    """Instead of a UnicodeEncodeError."""
    with serving(FakeOperator([[QUICK]])) as url:
        environ = environment(PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
        command = [sys.executable, "-m", "podtimeline", "show", POD, "-n", "shop", "--server", url]
        result = subprocess.run(command, capture_output=True, check=True, env=environ)
    assert result.stdout.isascii()
    assert b"####" in result.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    """``| head -1`` must not end in a traceback."""
    command = [sys.executable, "-m", "podtimeline", "config", "-o", "json"]
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, env=environment(), check=False)
    os.close(write)
    assert result.stderr == b""


@pytest.mark.parametrize("command", [(), ("show",), ("stuck",), ("run",)])
def test_help_waits_for_nothing_that_it_does_not_need(command: tuple[str, ...]) -> None:
    """What analyses, draws or speaks to a cluster takes longer to import than the help to read."""
    code = "import sys; sys.argv[0] = 'podtimeline'; from podtimeline.cli.main import main; main(standalone_mode=False)"
    told = "; print(*sorted(name for name in sys.modules if name.startswith('podtimeline.') or '.' not in name))"
    done = subprocess.run(
        [sys.executable, "-c", code + told, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage: podtimeline" in done.stdout
    heavy = {"aiohttp", "asyncio", "kopf", "yaml", "ssl", "podtimeline.analysis", "podtimeline.render"}
    assert heavy & set(done.stdout.split()) == set()
