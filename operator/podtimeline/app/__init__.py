"""The composition root: builds everything from settings. Nothing imports it at module level.

What each command needs is imported when it is called: a replay does not pay for kopf.
"""

from pathlib import Path

from podtimeline.analysis.resolved import ResolvedTimeline
from podtimeline.config import Settings


def run(settings: Settings) -> int:
    """Run the operator until SIGTERM or SIGINT; returns the exit code. Raises ``PodtimelineError``."""
    from podtimeline.app.main import run_operator

    return run_operator(settings)


def check(settings: Settings) -> None:
    """Raise ``SettingsError`` where the settings name a store or a sink that there is not."""
    from podtimeline.sinks.registry import selected
    from podtimeline.store.registry import located

    located(settings.history)
    tuple(selected(settings.sinks))


def replay(path: Path | None = None) -> tuple[ResolvedTimeline, ...]:
    """Every pod of a capture; of the one that ships with the package where none is named. Raises ``CaptureError``."""
    from podtimeline.app.replaying import replay_views

    return replay_views(path)


def record(settings: Settings, path: Path, *, duration: float) -> str:
    """Record a cluster's streams for so many seconds or until SIGINT; returns one line about what was recorded.

    Raises ``ClusterError`` and ``CaptureError``.
    """
    from podtimeline.app.main import run_recording

    return run_recording(settings, path, duration=duration)
