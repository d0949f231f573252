"""``podtimeline record`` and ``podtimeline replay``."""

import asyncio
import importlib
import signal
from collections.abc import Sequence
from pathlib import Path

from podtimeline.analysis.findings.peers import peers
from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.cli.operate import effective
from podtimeline.cli.options import Form
from podtimeline.cli.output import draw, emit, screen, tell
from podtimeline.cli.show import waterfalls
from podtimeline.config import Settings
from podtimeline.errors import PodtimelineError
from podtimeline.quarantine import Quarantine
from podtimeline.render.document import contained_document


def replay(*, file: str | None, namespace: str | None, pod: str | None, form: Form) -> None:
    """Draw the pods of a recorded cluster."""
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


def record(*, file: str, duration: float, config_file: str | None, **flags: object) -> None:
    """Record the streams of a cluster with arrival times."""
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
