"""``podtimeline record`` and ``podtimeline replay``."""

import asyncio
import importlib
import signal
from collections.abc import Sequence
from pathlib import Path

import click

from podtimeline.analysis.findings.peers import peers
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.cli import options
from podtimeline.cli.operate import effective
from podtimeline.cli.output import Form, draw, emit, screen, tell
from podtimeline.cli.show import waterfalls
from podtimeline.config import Settings
from podtimeline.errors import PodtimelineError
from podtimeline.quarantine import Quarantine
from podtimeline.render.document import contained_document

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


@click.command(epilog=options.examples("podtimeline replay", "podtimeline replay capture.jsonl.gz -n shop -o json"))
@click.argument("file", required=False, type=click.Path())
@click.option("-n", "--namespace", help="Show only pods of this namespace.")
@click.option("--pod", help="Show only pods of this name.")
@options.output(Form.WIDE, Form.JSON, Form.YAML)
def replay(*, file: str | None, namespace: str | None, pod: str | None, form: Form) -> None:
    """Draw the pods of a recorded cluster.

    Processes a capture in the same way as the operator processes a cluster. Without FILE, replays the capture of a real
    cluster that ships with podtimeline; no cluster is needed.
    """
    pipeline = importlib.import_module("podtimeline.app.replaying")
    views: Sequence[ResolvedTimeline] = pipeline.replay_views(Path(file) if file else None)
    chosen = [
        contained_document(each, Quarantine(), lambda made: made, peers=peers(each, views))
        for each in views
        if namespace in (None, each.facts.namespace) and pod in (None, each.facts.name)
    ]
    if not chosen:
        raise PodtimelineError(f"the capture contains {len(views)} pods, none of which matches")
    if form in (Form.JSON, Form.YAML):
        emit(chosen, form)
        return
    lines = waterfalls(chosen, screen(), wide=form is Form.WIDE)
    draw(lines[2:], screen())


@click.command(epilog=options.examples("podtimeline record -o capture.jsonl.gz --duration 5m"))
@click.option("-o", "--output", "file", required=True, type=click.Path(), metavar="FILE", help="File to write.")
@click.option(
    "--duration", type=Duration(), default="60s", show_default=True, help="Time to record, such as 90s, 5m or 1h."
)
@options.some_settings("namespaces", "cluster_name", "kubeconfig", "context", "api_url", "page_size")
def record(*, file: str, duration: float, config_file: str | None, **flags: object) -> None:
    """Record the streams of a cluster with arrival times.

    The capture is a gzip-compressed file of JSON lines. It contains every object that the operator reads, as the API
    server sent it, including names, images, environment variables and messages.
    """
    settings = effective(config_file, flags)
    tell(f"recording for {duration:g} s; press Ctrl-C to stop earlier and keep the recording")
    told = asyncio.run(_record(settings, Path(file), duration))
    tell(f"{file}: {told}")


async def _record(settings: Settings, path: Path, duration: float) -> str:
    recording = importlib.import_module("podtimeline.app.recording")
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.call_later(duration, stop.set)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    said: str = await recording.record_streams(settings, path, stop=stop)
    return said
