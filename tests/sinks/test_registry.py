"""Sinks by their names."""

import io
from collections.abc import Sequence

import pytest

from podtimeline.config import Settings
from podtimeline.errors import SettingsError
from podtimeline.ports import Finished, Sink
from podtimeline.sinks import registry
from podtimeline.sinks.options import SinkOptions
from podtimeline.sinks.registry import SINKS, SinkKind, open_sinks


class Recorder:
    """Implements ``ports.Sink``: keeps what it was made with."""

    name = "recorder"

    def __init__(self, given: SinkOptions) -> None:
        self.given = given

    def take(self, finished: Finished) -> None:
        """See ``ports.Sink``."""

    def close(self) -> None:
        """See ``ports.Sink``."""


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> SinkKind:
    """A sink with a target, registered by one row."""
    row = SinkKind("recorder", Recorder, target="URL")
    monkeypatch.setattr(registry, "SINKS", (*SINKS, row))
    return row


def opened(*chosen: str) -> Sequence[Sink]:
    """The sinks of that setting."""
    return open_sinks(chosen, stdout=io.StringIO(), cluster="blue")


def test_every_row_is_labelled_by_the_name_that_selects_it() -> None:
    """``podtimeline_sink_…{sink="…"}`` is what the setting says."""
    for row in SINKS:
        (sink,) = opened(f"{row.name}:x" if row.target else row.name)
        assert sink.name == row.name


def test_the_default_is_the_log() -> None:
    """Who sets nothing has one line for each pod."""
    assert [each.name for each in opened(*Settings().sinks)] == ["log"]
    assert opened() == ()


def test_a_row_makes_a_sink(recorder: SinkKind) -> None:
    """It gets its target, colons and all, and what every sink gets."""
    log, sink = opened("log", "recorder:http://collector:4318")
    assert isinstance(sink, Recorder)
    assert (log.name, sink.given.target, sink.given.cluster) == ("log", "http://collector:4318", "blue")


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (("nowhere",), "there is no sink nowhere; it must be one of log, .*recorder"),
        (("log", "log"), "log is there twice"),
        (("log:stdout",), "log:stdout is not allowed: it must be log, without a target"),
        (("recorder",), "recorder is not allowed: it must be recorder:URL"),
    ],
)
@pytest.mark.usefixtures("recorder")
def test_a_wrong_name_or_target_is_refused_with_what_is_allowed(chosen: tuple[str, ...], said: str) -> None:
    """Nothing is left out silently."""
    with pytest.raises(SettingsError, match=f"^sinks: {said}$"):
        opened(*chosen)
