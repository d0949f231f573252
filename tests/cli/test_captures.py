"""``podtimeline replay`` and ``record``, on a stand-in for the pipeline."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
from tests.cli.conftest import Run
from tests.render import samples
from tests.support.documents import TIMELINE

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.cli.options import Duration
from podtimeline.config import Settings
from podtimeline.errors import CaptureError


class FakeApp(ModuleType):
    """Stands in for ``podtimeline.app`` and its modules: what it is asked for, and two pods."""

    def __init__(self) -> None:
        super().__init__("podtimeline.app")
        self.replayed: list[Path | None] = []
        self.recorded: list[tuple[Settings, Path]] = []
        self.ends_itself_by: signal.Signals | None = None
        self.exit_code = 0

    def replay_views(self, path: Path | None) -> tuple[ResolvedTimeline, ...]:
        """Two pods, or what is wrong with the file."""
        self.replayed.append(path)
        if path is not None and path.name == "broken":
            raise CaptureError(f"{path}: line 3: not JSON")
        return (samples.seen(samples.quick()), samples.seen(samples.crowded()))

    async def record_streams(self, settings: Settings, path: Path, *, stop: asyncio.Event) -> str:
        """Records until it is told to stop."""
        self.recorded.append((settings, path))
        if self.ends_itself_by is not None:
            os.kill(os.getpid(), self.ends_itself_by)
        await asyncio.wait_for(stop.wait(), 10)
        return "12 lines"

    def run(self, settings: Settings) -> int:
        """Ends with its exit code."""
        self.settings = settings
        return self.exit_code


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FakeApp:
    """The stand-in, in the place of the real one."""
    fake = FakeApp()
    for name in ("podtimeline.app", "podtimeline.app.replaying", "podtimeline.app.recording"):
        monkeypatch.setitem(sys.modules, name, fake)
    return fake


def test_replay_without_a_file_plays_the_capture_of_the_package(run: Run, app: FakeApp) -> None:
    """A newcomer sees a waterfall at once."""
    result = run("replay")
    assert result.exit_code == 0
    assert app.replayed == [None]
    assert "shop/checkout-7d9c5b6f4-x2x7k" in result.stdout
    assert "shop/checkout-7d9c5b6f4-zzzzz" in result.stdout
    assert result.stderr == ""


def test_replay_prints_json_for_scripts(run: Run, app: FakeApp) -> None:
    """One document a pod, with its milestones and phases."""
    items = json.loads(run("replay", "capture", "-o", "json").stdout)["items"]
    assert app.replayed == [Path("capture")]
    assert len(items) == 2
    for each in items:
        jsonschema.validate(each, TIMELINE)
        assert each["milestones"]
        assert each["phases"]


def test_replay_can_be_limited_to_a_pod(run: Run, app: FakeApp) -> None:
    """By its name and its namespace."""
    assert app.replayed == []
    items = json.loads(run("replay", "-n", "shop", "--pod", "checkout-7d9c5b6f4-zzzzz", "-o", "json").stdout)["items"]
    assert [each["name"] for each in items] == ["checkout-7d9c5b6f4-zzzzz"]


def test_replay_of_a_pod_that_is_not_there_fails(run: Run, app: FakeApp) -> None:
    """Exit code 1, nothing on stdout."""
    assert app.replayed == []
    result = run("replay", "-n", "elsewhere")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "contains 2 pods, none of which matches" in result.stderr


def test_a_malformed_capture_is_told_with_its_line(run: Run, app: FakeApp) -> None:
    """Where to look for what is wrong."""
    result = run("replay", "broken")
    assert app.replayed == [Path("broken")]
    assert result.exit_code == 1
    assert result.stderr == "podtimeline: broken: line 3: not JSON\n"


def test_record_writes_for_as_long_as_it_is_told_to(run: Run, app: FakeApp) -> None:
    """What happens is talk, stdout stays empty."""
    result = run("record", "-o", "capture", "--duration", "0.01s", "--namespaces", "shop,bank")
    assert result.exit_code == 0, result.stderr
    settings, path = app.recorded[0]
    assert settings.namespaces == ("shop", "bank")
    assert path == Path("capture")
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == "capture: 12 lines"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recording_that_is_ended_early_is_kept(run: Run, app: FakeApp, number: signal.Signals) -> None:
    """Ctrl-C is how people end it when they have seen enough."""
    app.ends_itself_by = number
    result = run("record", "-o", "capture", "--duration", "1h")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1] == "capture: 12 lines"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("1h", 3600.0)])
def test_a_duration_is_taken_as_people_write_it(text: str, seconds: float) -> None:
    """Seconds if nothing is said."""
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "0", "-1s", "inf", "nan", "s"])
def test_a_duration_that_is_none_is_wrong_usage(run: Run, app: FakeApp, text: str) -> None:
    """Exit code 2."""
    result = run("record", "-o", "capture", "--duration", text)
    assert result.exit_code == 2
    assert app.recorded == []


def test_record_wants_a_file(run: Run, app: FakeApp) -> None:
    """Stdout is no place for gzip."""
    assert run("record").exit_code == 2
    assert app.recorded == []


@pytest.mark.parametrize("code", [0, 1])
def test_run_ends_with_the_exit_code_of_the_operator(run: Run, app: FakeApp, code: int) -> None:
    """What the kubelet, or systemd, decides by."""
    app.exit_code = code
    assert run("run", "--history", "sqlite::memory:").exit_code == code
    assert app.settings.history == "sqlite::memory:"


def test_an_unexpected_error_is_one_line_as_well(run: Run, app: FakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the error and how to see more."""

    def fail(settings: Settings) -> int:
        raise ZeroDivisionError(settings.listen)

    monkeypatch.setattr(app, "run", fail)
    result = run("run")
    assert result.exit_code == 1
    assert result.stderr == "podtimeline: ZeroDivisionError: 0.0.0.0:8080 (--debug shows the traceback)\n"
    assert isinstance(run("--debug", "run").exception, ZeroDivisionError)
